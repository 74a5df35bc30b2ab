"""二要素 and セッション (SCM): everybody's own second factor, and the own sessions elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta, Struct

from authz import factors, sessions
from authz.store.sessions import Session
from gateway.interfaces.house import House
from gateway.interfaces.operation import AnyOperation, Call, Operation, Reply
from gateway.interfaces.refusals import told
from gateway.interfaces.words import BY_STAFF, Aware, SessionId

__all__ = ["SessionList", "operations", "session_list"]


class CodeBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A code of the secret that was just enrolled."""

    code: Annotated[str, Meta(pattern="^[0-9]{6}$")]

    def __repr__(self) -> str:
        return "<CodeBody>"


class EnrolmentView(Struct, frozen=True):
    """The secret of a second factor, as text and as the address of a QR code: said once."""

    secret: str
    uri: str

    def __repr__(self) -> str:
        return "<EnrolmentView>"


class RecoveryCodes(Struct, frozen=True):
    """Codes that stand in for a lost device, each once: said once."""

    recovery_codes: tuple[str, ...]

    def __repr__(self) -> str:
        return "<RecoveryCodes>"


class SessionLine(Struct, frozen=True):
    """One living session, in machine time."""

    id: str
    terminal: str
    began_with: str
    second_factor: bool
    started_at: Aware
    authenticated_at: Aware
    ends_at: Aware


class SessionList(Struct, frozen=True):
    """Living sessions, the latest first."""

    sessions: tuple[SessionLine, ...]


@dataclass(frozen=True)
class Own:
    """Handlers of what is one's own."""

    house: House

    async def enrol(self, call: Call[None, None]) -> Reply:
        desk = self.house.desk_of(call.agency)
        with told():
            async with desk.db.transaction() as conn:
                made = await factors.enrol(conn, desk.box, call.staff.actor, call.at)
        return Reply(body=EnrolmentView(made.secret, made.uri))

    async def confirm(self, call: Call[CodeBody, None]) -> Reply:
        desk = self.house.desk_of(call.agency)
        with told():
            async with desk.db.transaction() as conn:
                codes = await sessions.confirm_second_factor(conn, desk.door, call.staff, call.body.code, call.at)
        return Reply(body=RecoveryCodes(codes))

    async def list_sessions(self, call: Call[None, None]) -> Reply:
        async with self.house.desk_of(call.agency).db.connection() as conn:
            return Reply(body=session_list(await sessions.living(conn, call.agency, call.staff.staff_id, call.at)))

    async def end_session(self, call: Call[None, None]) -> Reply:
        desk = self.house.desk_of(call.agency)
        call.about = str(call.path["session_id"])
        with told():
            async with desk.db.transaction() as conn:
                ended = await sessions.end_session(conn, call.staff.actor, call.staff.staff_id, call.about, call.at)
        desk.revoked(call.agency, ended, call.at.machine)
        return Reply(204)


def session_list(found: Sequence[Session]) -> SessionList:
    """Sessions as their person, or whoever cares for accounts, sees them."""
    return SessionList(
        tuple(
            SessionLine(
                one.session_id,
                one.terminal,
                one.began_with.value,
                one.second_factor,
                one.started_at,
                one.authenticated_at,
                one.ends_at,
            )
            for one in found
        )
    )


def operations(house: House) -> list[AnyOperation]:
    """What everybody with an account may do with their own second factor and sessions."""
    here = Own(house)
    refused = frozenset({"not-found", "wrong-state"})
    return [
        Operation(
            name="enrol-second-factor", method="POST", path="/auth/second-factor",
            summary_ja="二要素の登録", summary_en="A secret for an authenticator, to be confirmed",
            principals=BY_STAFF, duty=None, self_service=True, recent=True, responses={200: EnrolmentView},
            handler=here.enrol, problems=refused,
        ),
        Operation(
            name="confirm-second-factor", method="POST", path="/auth/second-factor/confirmation",
            summary_ja="二要素の確認", summary_en="A first code: the second factor counts from now on",
            principals=BY_STAFF, duty=None, self_service=True, recent=True, request=CodeBody,
            responses={200: RecoveryCodes}, handler=here.confirm, problems=refused | {"credentials-refused"},
        ),
        Operation(
            name="list-sessions", method="GET", path="/auth/sessions",
            summary_ja="自分のセッション", summary_en="My living sessions",
            principals=BY_STAFF, duty=None, self_service=True, responses={200: SessionList},
            handler=here.list_sessions,
        ),
        Operation(
            name="end-session", method="DELETE", path="/auth/sessions/{session_id}",
            summary_ja="自分のセッションの終了", summary_en="End one of my sessions",
            principals=BY_STAFF, duty=None, self_service=True, path_types={"session_id": SessionId},
            responses={204: None}, handler=here.end_session,
        ),
    ]  # fmt: skip
