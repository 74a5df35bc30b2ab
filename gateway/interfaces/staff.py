"""権限管理 (SCM): accounts of staff, their duties, conditions and sessions, and what the agency demands of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta, Struct

from authz import factors, sessions, staff, store
from authz.duties import Duty
from authz.staff import Charge, Conditions, Credential, NewAccount
from authz.store import Account
from authz.terminals import store as registered
from authz.terminals.store import Terminal
from gateway.interfaces.factors import SessionList, session_list
from gateway.interfaces.house import House
from gateway.interfaces.operation import AnyOperation, Call, Operation, Reply
from gateway.interfaces.refusals import told
from gateway.interfaces.words import BY_STAFF, AccountId, Aware, Name, SessionId, Tasks
from gateway.problems import FieldError, Problem
from sympho.codes import TaskCode

Office = Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]{1,20}$")]
TerminalCode = Annotated[str, Meta(pattern="^trm_[a-z2-7]{26}$")]


class AccountBody(Struct, frozen=True, forbid_unknown_fields=True):
    """An account to be made; its first password is generated and must be changed. ``tasks`` null: every task."""

    login: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9._-]{1,39}$")]
    name: Name
    office: Office
    duties: tuple[Duty, ...]
    tasks: Tasks | None = None
    valid_from: Aware | None = None
    valid_until: Aware | None = None


class ChargeBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Office, duties and tasks of an account."""

    office: Office
    duties: tuple[Duty, ...]
    tasks: Tasks | None = None


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
    valid_from: Aware | None
    valid_until: Aware | None
    terminals: tuple[str, ...] | None
    outside_subject: str | None


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


class ConditionsBody(Struct, frozen=True, forbid_unknown_fields=True):
    """When (machine time), from which registered terminals, and as whom of the outside issuer a person may log in.

    What is left out, or null, does not limit; without ``outside_subject`` the outside issuer opens nothing.
    """

    valid_from: Aware | None = None
    valid_until: Aware | None = None
    terminals: Annotated[tuple[TerminalCode, ...], Meta(max_length=100)] | None = None
    outside_subject: Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]{1,255}$")] | None = None


class RulesBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What the agency demands: duties that need a second factor, days after which a password is too old."""

    second_factor_for: tuple[Duty, ...] = ()
    password_days: Annotated[int, Meta(ge=1, le=3650)] | None = None


class RulesView(Struct, frozen=True):
    """The same, as it holds."""

    second_factor_for: tuple[Duty, ...]
    password_days: int | None


@dataclass(frozen=True)
class Accounts:
    """Handlers of 権限管理."""

    house: House

    async def list_staff(self, call: Call[None, None]) -> Reply:
        async with self.house.desk_of(call.agency).db.connection() as conn:
            accounts = await staff.list_accounts(conn, call.agency)
        return Reply(body=AccountList(tuple(_account(one) for one in accounts)))

    async def create(self, call: Call[AccountBody, None]) -> Reply:
        body = call.body
        new = NewAccount(
            body.login,
            body.name,
            body.office,
            frozenset(body.duties),
            _tasks(body.tasks),
            valid_from=body.valid_from,
            valid_until=body.valid_until,
        )
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

    async def set_conditions(self, call: Call[ConditionsBody, None]) -> Reply:
        call.about = str(call.path["staff_id"])
        desk, body = self.house.desk_of(call.agency), call.body
        bound = None if body.terminals is None else frozenset(body.terminals)
        wanted = Conditions(body.valid_from, body.valid_until, bound, body.outside_subject)
        with told():
            async with desk.db.transaction() as conn:
                account = await staff.locked_account(conn, call.agency, call.about)
                terminals = await registered.terminals(conn, call.agency)
                _require_open(set(account.terminals or ()), body.terminals or (), terminals)
                ended = await staff.set_conditions(conn, call.staff.actor, call.about, wanted, call.at)
        desk.revoked(call.agency, ended, call.at.machine)
        return Reply(204)

    async def remove_second_factor(self, call: Call[None, None]) -> Reply:
        call.about = str(call.path["staff_id"])
        desk = self.house.desk_of(call.agency)
        with told():
            async with desk.db.transaction() as conn:
                ended = await factors.remove(conn, call.staff.actor, call.about, call.at)
        desk.revoked(call.agency, ended, call.at.machine)
        return Reply(204)

    async def list_sessions(self, call: Call[None, None]) -> Reply:
        call.about = str(call.path["staff_id"])
        with told():
            async with self.house.desk_of(call.agency).db.transaction() as conn:
                await staff.locked_account(conn, call.agency, call.about)
                found = await sessions.living(conn, call.agency, call.about, call.at)
        return Reply(body=session_list(found))

    async def end_session(self, call: Call[None, None]) -> Reply:
        call.about = str(call.path["staff_id"])
        desk, session = self.house.desk_of(call.agency), str(call.path["session_id"])
        with told():
            async with desk.db.transaction() as conn:
                ended = await sessions.end_session(conn, call.staff.actor, call.about, session, call.at)
        desk.revoked(call.agency, ended, call.at.machine)
        return Reply(204)

    async def show_rules(self, call: Call[None, None] | Call[RulesBody, None]) -> Reply:
        async with self.house.desk_of(call.agency).db.connection() as conn:
            rules = await store.rules(conn, call.agency)
        return Reply(body=RulesView(tuple(sorted(rules.second_factor_for)), rules.password_days))

    async def set_rules(self, call: Call[RulesBody, None]) -> Reply:
        wanted = store.Rules(frozenset(call.body.second_factor_for), call.body.password_days)
        with told():
            async with self.house.desk_of(call.agency).db.transaction() as conn:
                await staff.set_rules(conn, call.staff.actor, wanted, call.at)
        return await self.show_rules(call)


def operations(house: House) -> list[AnyOperation]:
    """What whoever cares for accounts may do."""
    here = Accounts(house)
    account: dict[str, Any] = {
        "principals": BY_STAFF, "duty": Duty.MANAGE_STAFF, "path_types": {"staff_id": AccountId},
        "problems": frozenset({"wrong-agency"}),
    }  # fmt: skip
    one_session = {**account, "path_types": {"staff_id": AccountId, "session_id": SessionId}}
    rules: dict[str, Any] = {
        "principals": BY_STAFF, "duty": Duty.MANAGE_STAFF, "problems": frozenset({"wrong-agency"}),
        "responses": {200: RulesView},
    }  # fmt: skip
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
            name="list-staff-sessions", method="GET", path="/staff/{staff_id}/sessions",
            summary_ja="職員のセッション", summary_en="A person's living sessions", responses={200: SessionList},
            handler=here.list_sessions, **account,
        ),
        Operation(
            name="end-staff-session", method="DELETE", path="/staff/{staff_id}/sessions/{session_id}",
            summary_ja="職員のセッションの終了", summary_en="End one session of a person", responses={204: None},
            handler=here.end_session, **one_session,
        ),
        Operation(
            name="set-staff-conditions", method="PUT", path="/staff/{staff_id}/conditions",
            summary_ja="利用条件の設定", summary_en="When, from where and over which door a person may log in",
            request=ConditionsBody, responses={204: None}, handler=here.set_conditions,
            **{**account, "problems": frozenset({"wrong-agency", "conflict"})},
        ),
        Operation(
            name="remove-second-factor", method="POST", path="/staff/{staff_id}/second-factor-removal",
            summary_ja="二要素の取消し", summary_en="Remove a lost second factor", responses={204: None},
            handler=here.remove_second_factor, **account,
        ),
        Operation(
            name="show-staff-rules", method="GET", path="/staff-rules",
            summary_ja="団体の規則", summary_en="What the agency demands of its staff", handler=here.show_rules, **rules,
        ),
        Operation(
            name="set-staff-rules", method="PUT", path="/staff-rules",
            summary_ja="団体の規則の設定", summary_en="Demand a second factor, or newer passwords", request=RulesBody,
            handler=here.set_rules, **rules,
        ),
    ]  # fmt: skip


def _require_open(bound: set[str], wanted: Sequence[str], terminals: Sequence[Terminal]) -> None:
    """A slip here would keep somebody out who then has to find out why. What stands already may stay."""
    known = bound | {one.terminal_id for one in terminals if one.closed_at is None}
    wrong = [n for n, name in enumerate(wanted) if name not in known]
    if wrong:
        rule = "a registered terminal of the own agency that is not closed"
        raise Problem("invalid-field", errors=tuple(FieldError(f"$.terminals[{n}]", rule) for n in wrong[:20]))


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
        account.valid_from,
        account.valid_until,
        None if account.terminals is None else tuple(sorted(account.terminals)),
        account.outside_subject,
    )


def _credential(made: Credential) -> CredentialView:
    return CredentialView(made.staff_id, made.login, made.password)
