"""端末 and 代行 (SCM): registered terminals, and duties that somebody exercises for somebody else until a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta, Struct

from authz import delegations, terminals
from authz.delegations import NewDelegation
from authz.duties import Duty
from authz.store import delegations as delegated
from authz.store.delegations import Delegation
from authz.terminals import store as registered
from gateway.interfaces.house import House
from gateway.interfaces.operation import AnyOperation, Call, Operation, Reply
from gateway.interfaces.refusals import told
from gateway.interfaces.words import BY_STAFF, Aware, DelegationId, Name, TerminalId

StaffCode = Annotated[str, Meta(pattern="^stf_[a-z2-7]{26}$")]


class TerminalBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A machine by the name that people call it."""

    name: Name


class TerminalCredentialView(Struct, frozen=True):
    """A registered terminal with its key: said once."""

    id: str
    key: str

    def __repr__(self) -> str:
        return "<TerminalCredentialView>"


class TerminalView(Struct, frozen=True):
    """A registered terminal."""

    id: str
    name: str
    created_at: Aware
    closed_at: Aware | None


class TerminalList(Struct, frozen=True):
    """The own agency's registered terminals by name."""

    terminals: tuple[TerminalView, ...]


class DelegationBody(Struct, frozen=True, forbid_unknown_fields=True):
    """``delegator``'s own duty, exercised by ``deputy`` until a time (machine time). ``begins`` null: at once."""

    delegator: StaffCode
    deputy: StaffCode
    duty: Duty
    until: Aware
    begins: Aware | None = None


class DelegationView(Struct, frozen=True):
    """A delegation that lasts or is to come."""

    id: str
    delegator: str
    deputy: str
    duty: Duty
    begins: Aware
    until: Aware


class DelegationList(Struct, frozen=True):
    """The own agency's delegations, the first to end first."""

    delegations: tuple[DelegationView, ...]


@dataclass(frozen=True)
class Charges:
    """Handlers of terminals and delegations."""

    house: House

    async def list_terminals(self, call: Call[None, None]) -> Reply:
        async with self.house.desk_of(call.agency).db.connection() as conn:
            found = await registered.terminals(conn, call.agency)
        views = (TerminalView(one.terminal_id, one.name, one.created_at, one.closed_at) for one in found)
        return Reply(body=TerminalList(tuple(views)))

    async def register(self, call: Call[TerminalBody, None]) -> Reply:
        with told():
            async with self.house.desk_of(call.agency).db.transaction() as conn:
                made = await terminals.register(conn, call.staff.actor, call.body.name, call.at)
        call.about = made.terminal_id
        return Reply(201, TerminalCredentialView(made.terminal_id, made.key))

    async def close(self, call: Call[None, None]) -> Reply:
        call.about = str(call.path["terminal_id"])
        desk = self.house.desk_of(call.agency)
        with told():
            async with desk.db.transaction() as conn:
                ended = await terminals.close(conn, call.staff.actor, call.about, call.at)
        desk.revoked(call.agency, ended, call.at.machine)
        return Reply(204)

    async def list_delegations(self, call: Call[None, None]) -> Reply:
        async with self.house.desk_of(call.agency).db.connection() as conn:
            found = await delegated.delegations(conn, call.agency, call.at.machine)
        return Reply(body=DelegationList(tuple(_delegation(one) for one in found)))

    async def delegate(self, call: Call[DelegationBody, None]) -> Reply:
        body, desk = call.body, self.house.desk_of(call.agency)
        new = NewDelegation(body.delegator, body.deputy, body.duty, body.until, body.begins)
        with told():
            async with desk.db.transaction() as conn:
                made, ended = await delegations.make(conn, call.staff.actor, new, call.at)
        call.about = made.delegation_id
        desk.revoked(call.agency, ended, call.at.machine)
        return Reply(201, _delegation(made))

    async def end(self, call: Call[None, None]) -> Reply:
        call.about = str(call.path["delegation_id"])
        desk = self.house.desk_of(call.agency)
        with told():
            async with desk.db.transaction() as conn:
                ended = await delegations.end(conn, call.staff.actor, call.about, call.at)
        desk.revoked(call.agency, ended, call.at.machine)
        return Reply(204)


def _delegation(one: Delegation) -> DelegationView:
    return DelegationView(one.delegation_id, one.delegator, one.deputy, one.duty, one.from_at, one.until_at)


def operations(house: House) -> list[AnyOperation]:
    """What whoever cares for accounts may do about terminals and delegations."""
    here = Charges(house)
    keeper: dict[str, Any] = {
        "principals": BY_STAFF, "duty": Duty.MANAGE_STAFF, "problems": frozenset({"wrong-agency"}),
    }  # fmt: skip
    return [
        Operation(
            name="list-terminals", method="GET", path="/terminals",
            summary_ja="端末の一覧", summary_en="Registered terminals", responses={200: TerminalList},
            handler=here.list_terminals, **keeper,
        ),
        Operation(
            name="register-terminal", method="POST", path="/terminals",
            summary_ja="端末の登録", summary_en="Register a terminal", request=TerminalBody,
            responses={201: TerminalCredentialView}, handler=here.register, **keeper,
        ),
        Operation(
            name="close-terminal", method="POST", path="/terminals/{terminal_id}/close",
            summary_ja="端末の廃止", summary_en="Nobody logs in there any more",
            path_types={"terminal_id": TerminalId}, responses={204: None}, handler=here.close, **keeper,
        ),
        Operation(
            name="list-delegations", method="GET", path="/delegations",
            summary_ja="代行の一覧", summary_en="Who acts for whom", responses={200: DelegationList},
            handler=here.list_delegations, **keeper,
        ),
        Operation(
            name="delegate-duty", method="POST", path="/delegations",
            summary_ja="代行の登録", summary_en="Let somebody exercise another one's duty until a time",
            request=DelegationBody, responses={201: DelegationView}, handler=here.delegate,
            **{**keeper, "problems": frozenset({"wrong-agency", "not-found", "duties-conflict", "wrong-duty"})},
        ),
        Operation(
            name="end-delegation", method="POST", path="/delegations/{delegation_id}/end",
            summary_ja="代行の終了", summary_en="End a delegation before its time",
            path_types={"delegation_id": DelegationId}, responses={204: None}, handler=here.end, **keeper,
        ),
    ]  # fmt: skip
