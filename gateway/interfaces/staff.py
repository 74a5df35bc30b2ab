"""権限管理 and 監査 (SCM): accounts of staff and business systems, their duties, and the operations log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct

from authz import clients, staff
from authz.clients import ClientCredential, NewClient
from authz.duties import Duty
from authz.operations import Logged, OperationOutcome, Search
from authz.operations.store import search
from authz.staff import Charge, Credential, NewAccount
from authz.store import Account
from gateway.interfaces.house import House
from gateway.interfaces.operation import AnyOperation, Call, Operation, Reply
from gateway.interfaces.refusals import told
from gateway.interfaces.words import BY_STAFF, AccountId, Aware, ClientId, Limit, in_tokyo
from gateway.problems import FieldError, Problem
from sympho.codes import SystemCode, TaskCode

Name = Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]{1,40}$")]
Office = Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]{1,20}$")]
OperationName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9.-]{0,63}$")]


class AccountBody(Struct, frozen=True, forbid_unknown_fields=True):
    """An account to be made; its first password is generated and must be changed. ``tasks`` null: every task."""

    login: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9._-]{1,39}$")]
    name: Name
    office: Office
    duties: tuple[Duty, ...]
    tasks: tuple[TaskCode, ...] | None = None


class ChargeBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Office, duties and tasks of an account."""

    office: Office
    duties: tuple[Duty, ...]
    tasks: tuple[TaskCode, ...] | None = None


class AccountView(Struct, frozen=True):
    """An account as whoever cares for accounts sees it."""

    id: str
    login: str
    name: str
    office: str
    duties: tuple[Duty, ...]
    tasks: tuple[TaskCode, ...] | None
    must_change_password: bool
    created_at: Aware
    disabled_at: Aware | None


class AccountList(Struct, frozen=True):
    """The own agency's accounts by login name."""

    staff: tuple[AccountView, ...]


class CredentialView(Struct, frozen=True):
    """A login name with its first password: said once."""

    id: str
    login: str
    password: str

    def __repr__(self) -> str:
        return "<CredentialView>"


class ClientAccountBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A business system to be admitted to operations, by their names."""

    name: Name
    system: SystemCode
    operations: Annotated[tuple[OperationName, ...], Meta(min_length=1)]
    tasks: tuple[TaskCode, ...] | None = None


class ClientCredentialView(Struct, frozen=True):
    """A client's id with its secret: said once."""

    client_id: str
    secret: str

    def __repr__(self) -> str:
        return "<ClientCredentialView>"


class OperationQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which entries of the operations log; times are world time, ``before`` is ``next`` of the page before."""

    since: Aware | None = None
    until: Aware | None = None
    person: Annotated[str, Meta(pattern="^(stf|cli)_[a-z2-7]{26}$")] | None = None
    name: OperationName | None = None
    outcome: OperationOutcome | None = None
    exchange: UUID | None = None
    before: Annotated[int, Meta(ge=1, le=2**63 - 1)] | None = None
    limit: Limit = 100


class OperationEntry(Struct, frozen=True):
    """操作記録: who did what, where, when, with which outcome. ``person`` is an account, a client, or empty."""

    seq: int
    at: Aware
    machine_at: Aware
    person: str
    session: str
    terminal: str
    name: str
    interface: str
    outcome: OperationOutcome
    reason: str
    exchange: UUID | None
    about: str


class OperationLog(Struct, frozen=True):
    """A page of the log, newest first; ``next`` is null on the last one."""

    operations: tuple[OperationEntry, ...]
    next: int | None


@dataclass(frozen=True)
class Accounts:
    """Handlers of 権限管理 and 監査."""

    house: House
    for_systems: Callable[[], frozenset[str]]

    async def list_staff(self, call: Call[None, None]) -> Reply:
        async with self.house.desk_of(call.agency).db.connection() as conn:
            accounts = await staff.list_accounts(conn, call.agency)
        return Reply(body=AccountList(tuple(_account(one) for one in accounts)))

    async def create(self, call: Call[AccountBody, None]) -> Reply:
        body = call.body
        new = NewAccount(body.login, body.name, body.office, frozenset(body.duties), _tasks(body.tasks))
        with told():
            async with self.house.desk_of(call.agency).db.transaction() as conn:
                made = await staff.create_account(conn, call.staff.actor, new, call.at)
        call.about = made.staff_id
        return Reply(201, _credential(made))

    async def charge(self, call: Call[ChargeBody, None]) -> Reply:
        call.about = str(call.path["staff_id"])
        desk, body = self.house.desk_of(call.agency), call.body
        wanted = Charge(body.office, frozenset(body.duties), _tasks(body.tasks))
        with told():
            async with desk.db.transaction() as conn:
                ended = await staff.assign(conn, call.staff.actor, call.about, wanted, call.at)
        desk.revoked(call.agency, ended, call.at.machine)
        return Reply(204)

    async def disable(self, call: Call[None, None]) -> Reply:
        call.about = str(call.path["staff_id"])
        desk = self.house.desk_of(call.agency)
        with told():
            async with desk.db.transaction() as conn:
                ended = await staff.disable(conn, call.staff.actor, call.about, call.at)
        desk.revoked(call.agency, ended, call.at.machine)
        return Reply(204)

    async def enable(self, call: Call[None, None]) -> Reply:
        call.about = str(call.path["staff_id"])
        with told():
            async with self.house.desk_of(call.agency).db.transaction() as conn:
                await staff.enable(conn, call.staff.actor, call.about, call.at)
        return Reply(204)

    async def reset_password(self, call: Call[None, None]) -> Reply:
        call.about = str(call.path["staff_id"])
        desk = self.house.desk_of(call.agency)
        with told():
            async with desk.db.transaction() as conn:
                made, ended = await staff.reset_password(conn, call.staff.actor, call.about, call.at)
        desk.revoked(call.agency, ended, call.at.machine)
        return Reply(body=_credential(made))

    async def revoke_sessions(self, call: Call[None, None]) -> Reply:
        call.about = str(call.path["staff_id"])
        desk = self.house.desk_of(call.agency)
        with told():
            async with desk.db.transaction() as conn:
                ended = await staff.revoke_sessions(conn, call.staff.actor, call.about, call.at)
        desk.revoked(call.agency, ended, call.at.machine)
        return Reply(204)

    async def create_client(self, call: Call[ClientAccountBody, None]) -> Reply:
        body = call.body
        _require_known(body.operations, self.for_systems())
        new = NewClient(body.name, body.system, frozenset(body.operations), _tasks(body.tasks))
        with told():
            async with self.house.desk_of(call.agency).db.transaction() as conn:
                made = await clients.create_client(conn, call.staff.actor, new, call.at)
        call.about = made.client_id
        return Reply(201, _client_credential(made))

    async def disable_client(self, call: Call[None, None]) -> Reply:
        call.about = str(call.path["client_id"])
        desk = self.house.desk_of(call.agency)
        with told():
            async with desk.db.transaction() as conn:
                ended = await clients.disable_client(conn, call.staff.actor, call.about, call.at)
        desk.revoked(call.agency, ended, call.at.machine)
        return Reply(204)

    async def replace_secret(self, call: Call[None, None]) -> Reply:
        call.about = str(call.path["client_id"])
        desk = self.house.desk_of(call.agency)
        with told():
            async with desk.db.transaction() as conn:
                made, ended = await clients.replace_secret(conn, call.staff.actor, call.about, call.at)
        desk.revoked(call.agency, ended, call.at.machine)
        return Reply(body=_client_credential(made))

    async def read_log(self, call: Call[None, OperationQuery]) -> Reply:
        query = call.query
        wanted = Search(
            query.since, query.until, query.person, query.name, query.outcome, query.exchange, query.before, query.limit
        )
        async with self.house.desk_of(call.agency).db.connection() as conn:
            entries = await search(conn, call.agency, wanted)
        more = entries[-1].seq if len(entries) == query.limit else None
        return Reply(body=OperationLog(tuple(_entry(one) for one in entries), more))


def operations(house: House, for_systems: Callable[[], frozenset[str]]) -> list[AnyOperation]:
    """What whoever cares for accounts, or audits, may do. ``for_systems`` names the operations of systems."""
    here = Accounts(house, for_systems)
    account: dict[str, Any] = {
        "principals": BY_STAFF, "duty": Duty.MANAGE_STAFF, "path_types": {"staff_id": AccountId},
        "problems": frozenset({"wrong-agency"}),
    }  # fmt: skip
    client: dict[str, Any] = {**account, "path_types": {"client_id": ClientId}}
    return [
        Operation(
            name="list-staff", method="GET", path="/staff",
            summary_ja="職員の一覧", summary_en="The own agency's accounts",
            principals=BY_STAFF, duty=Duty.MANAGE_STAFF, responses={200: AccountList}, handler=here.list_staff,
            problems=frozenset({"wrong-agency"}),
        ),
        Operation(
            name="create-staff", method="POST", path="/staff",
            summary_ja="職員の登録", summary_en="Make an account",
            principals=BY_STAFF, duty=Duty.MANAGE_STAFF, request=AccountBody, responses={201: CredentialView},
            handler=here.create,
            problems=frozenset({"wrong-agency", "conflict", "duties-conflict", "password-refused"}),
        ),
        Operation(
            name="charge-staff", method="PUT", path="/staff/{staff_id}/charge",
            summary_ja="部署・権限・事務の付与", summary_en="Give office, duties and tasks",
            request=ChargeBody, responses={204: None}, handler=here.charge,
            **{**account, "problems": frozenset({"wrong-agency", "duties-conflict"})},
        ),
        Operation(
            name="disable-staff", method="POST", path="/staff/{staff_id}/disable",
            summary_ja="職員の停止", summary_en="Close an account", responses={204: None}, handler=here.disable, **account,
        ),
        Operation(
            name="enable-staff", method="POST", path="/staff/{staff_id}/enable",
            summary_ja="職員の再開", summary_en="Open an account again", responses={204: None}, handler=here.enable,
            **account,
        ),
        Operation(
            name="reset-staff-password", method="POST", path="/staff/{staff_id}/password-reset",
            summary_ja="パスワードの初期化", summary_en="A new first password", responses={200: CredentialView},
            handler=here.reset_password, **account,
        ),
        Operation(
            name="revoke-staff-sessions", method="POST", path="/staff/{staff_id}/session-revocation",
            summary_ja="セッションの失効", summary_en="End every session of a person", responses={204: None},
            handler=here.revoke_sessions, **account,
        ),
        Operation(
            name="create-client", method="POST", path="/clients",
            summary_ja="業務システムの登録", summary_en="Admit a business system",
            principals=BY_STAFF, duty=Duty.MANAGE_STAFF, request=ClientAccountBody,
            responses={201: ClientCredentialView}, handler=here.create_client, problems=frozenset({"wrong-agency"}),
        ),
        Operation(
            name="disable-client", method="POST", path="/clients/{client_id}/disable",
            summary_ja="業務システムの停止", summary_en="Close a business system's client", responses={204: None},
            handler=here.disable_client, **client,
        ),
        Operation(
            name="replace-client-secret", method="POST", path="/clients/{client_id}/secret",
            summary_ja="業務システムの秘密の交換", summary_en="A new secret for a business system",
            responses={200: ClientCredentialView}, handler=here.replace_secret, **client,
        ),
        Operation(
            name="read-operations", method="GET", path="/operations",
            summary_ja="操作記録の閲覧", summary_en="Read the operations log",
            principals=BY_STAFF, duty=Duty.AUDIT, query=OperationQuery, responses={200: OperationLog},
            handler=here.read_log, problems=frozenset({"wrong-agency"}),
        ),
    ]  # fmt: skip


def _require_known(names: Sequence[str], known: frozenset[str]) -> None:
    wrong = [n for n, name in enumerate(names) if name not in known]
    if wrong:
        rule = "an operation that systems may call"
        raise Problem("invalid-field", errors=tuple(FieldError(f"$.operations[{n}]", rule) for n in wrong[:20]))


def _tasks(tasks: tuple[TaskCode, ...] | None) -> frozenset[TaskCode] | None:
    return None if tasks is None else frozenset(tasks)


def _account(account: Account) -> AccountView:
    return AccountView(
        account.staff_id,
        account.login,
        account.name,
        account.office,
        tuple(sorted(account.duties)),
        None if account.tasks is None else tuple(sorted(account.tasks)),
        account.must_change,
        account.created_at,
        account.disabled_at,
    )


def _credential(made: Credential) -> CredentialView:
    return CredentialView(made.staff_id, made.login, made.password)


def _client_credential(made: ClientCredential) -> ClientCredentialView:
    return ClientCredentialView(made.client_id, made.secret)


def _entry(one: Logged) -> OperationEntry:
    operation = one.operation
    actor = operation.actor
    return OperationEntry(
        one.seq,
        in_tokyo(operation.at.world),
        operation.at.machine,
        actor.person,
        actor.session,
        actor.terminal,
        operation.name,
        operation.interface,
        operation.outcome,
        operation.reason,
        operation.exchange,
        operation.about,
    )
