"""職員認証 and 業務システムの認証 (SCM): login, renewal, logout, the own password; tokens for business systems."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from authz import clients, sessions
from authz.duties import Duty
from authz.principals import StaffPrincipal, SystemPrincipal
from authz.sessions import LoginRefused
from authz.tokens import LIFE, issue
from gateway.interfaces.house import Desk, House
from gateway.interfaces.operation import AnyOperation, Call, Operation, Reply
from gateway.interfaces.refusals import login_problem, told
from gateway.interfaces.words import BY_STAFF, FOR_ANYONE, Aware
from gateway.problems import Problem
from sympho.codes import AgencyCode, TaskCode

Short = Annotated[str, Meta(min_length=1, max_length=64)]
Password = Annotated[str, Meta(min_length=1, max_length=1024)]


class LoginBody(Struct, frozen=True, forbid_unknown_fields=True):
    """``terminal``: the name of the machine somebody sits at, for the operations log."""

    agency: AgencyCode
    login: Short
    password: Password
    terminal: Short


class ClientBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A business system's credentials."""

    agency: AgencyCode
    client_id: Short
    secret: Password


class PasswordBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The own password, before and after."""

    old: Password
    new: Password


class SessionStaff(Struct, frozen=True):
    """Who is logged in. ``tasks`` null: every task. ``duties`` are empty while the first password is unchanged."""

    id: str
    agency: AgencyCode
    office: str
    duties: tuple[Duty, ...]
    tasks: tuple[TaskCode, ...] | None


class TokenView(Struct, frozen=True):
    """A token and how long it and the session behind it last, in machine time."""

    token: str
    expires_at: Aware
    session_ends_at: Aware
    must_change_password: bool
    staff: SessionStaff


class ClientTokenView(Struct, frozen=True):
    """A token of a business system; for the next one it asks again."""

    token: str
    expires_at: Aware
    operations: tuple[str, ...]


class SessionView(Struct, frozen=True):
    """Who I am, and until when this token is good."""

    expires_at: Aware
    must_change_password: bool
    staff: SessionStaff


@dataclass(frozen=True)
class Session:
    """Handlers of everybody's own session."""

    house: House

    def desk_at_the_door(self, agency: AgencyCode) -> Desk:
        """An agency that is served here, or the answer that a wrong password gets."""
        desk = next((one for one in self.house.desks if agency in one.serves()), None)
        if desk is None:
            raise Problem("credentials-refused")
        return desk

    async def log_in(self, call: Call[LoginBody, None]) -> Reply:
        body = call.body
        desk = self.desk_at_the_door(body.agency)
        principal = await sessions.login(desk.db, body.agency, body.login, body.password, body.terminal, call.at)
        if isinstance(principal, LoginRefused):
            raise login_problem(principal)
        return Reply(body=_token(desk, principal, call.at.machine))

    async def renew(self, call: Call[None, None]) -> Reply:
        desk = self.house.desk_of(call.agency)
        with told():
            async with desk.db.transaction() as conn:
                principal = await sessions.renew(conn, call.staff, call.at)
        return Reply(body=_token(desk, principal, call.at.machine))

    async def log_out(self, call: Call[None, None]) -> Reply:
        desk = self.house.desk_of(call.agency)
        async with desk.db.transaction() as conn:
            ended = await sessions.logout(conn, call.staff, call.at)
        desk.revoked(call.agency, ended, call.at.machine)
        return Reply(204)

    async def change_password(self, call: Call[PasswordBody, None]) -> Reply:
        desk = self.house.desk_of(call.agency)
        with told():
            ended = await sessions.change_password(desk.db, call.staff, call.body.old, call.body.new, call.at)
        desk.revoked(call.agency, ended, call.at.machine)
        return Reply(204)

    async def show_me(self, call: Call[None, None]) -> Reply:
        staff = call.staff
        return Reply(body=SessionView(staff.expires, staff.must_change, _staff(staff)))

    async def client_token(self, call: Call[ClientBody, None]) -> Reply:
        desk = self.desk_at_the_door(call.body.agency)
        async with desk.db.transaction() as conn:
            principal = await clients.authenticate(conn, call.body.client_id, call.body.secret, call.address, call.at)
        if principal is None or principal.agency != call.body.agency:
            raise Problem("credentials-refused")
        return Reply(body=_client_token(desk, principal, call.at.machine))


def operations(house: House) -> list[AnyOperation]:
    """What everybody with an account may do with their own session."""
    here = Session(house)
    return [
        Operation(
            name="log-in", method="POST", path="/auth/login",
            summary_ja="ログイン", summary_en="Log in",
            principals=FOR_ANYONE, duty=None, request=LoginBody, responses={200: TokenView}, handler=here.log_in,
            problems=frozenset({"credentials-refused", "account-locked"}),
        ),
        Operation(
            name="renew-token", method="POST", path="/auth/renew",
            summary_ja="トークンの更新", summary_en="Renew the token, also one that has just expired",
            principals=BY_STAFF, duty=None, self_service=True, expired_token=True,
            responses={200: TokenView}, handler=here.renew, problems=frozenset({"not-found"}),
        ),
        Operation(
            name="log-out", method="POST", path="/auth/logout",
            summary_ja="ログアウト", summary_en="Log out",
            principals=BY_STAFF, duty=None, self_service=True, responses={204: None}, handler=here.log_out,
        ),
        Operation(
            name="change-password", method="POST", path="/auth/password",
            summary_ja="パスワードの変更", summary_en="Change one's own password",
            principals=BY_STAFF, duty=None, self_service=True, request=PasswordBody, responses={204: None},
            handler=here.change_password,
            problems=frozenset({"password-refused", "credentials-refused", "account-locked", "not-found"}),
        ),
        Operation(
            name="show-me", method="GET", path="/auth/me",
            summary_ja="自分の権限", summary_en="Who I am and what I am charged with",
            principals=BY_STAFF, duty=None, self_service=True, responses={200: SessionView}, handler=here.show_me,
        ),
        Operation(
            name="log-in-client", method="POST", path="/auth/client",
            summary_ja="業務システムのトークン", summary_en="A token for a business system",
            principals=FOR_ANYONE, duty=None, request=ClientBody, responses={200: ClientTokenView},
            handler=here.client_token, problems=frozenset({"credentials-refused"}),
        ),
    ]  # fmt: skip


def _token(desk: Desk, principal: StaffPrincipal, now: datetime) -> TokenView:
    """A token for a session. Whole seconds, as they stand in it."""
    session_ends = principal.expires.replace(microsecond=0)
    expires = min(now.replace(microsecond=0) + LIFE, session_ends)
    token = issue(replace(principal, expires=expires), desk.key, desk.audience, now)
    return TokenView(token, expires, session_ends, principal.must_change, _staff(principal))


def _client_token(desk: Desk, principal: SystemPrincipal, now: datetime) -> ClientTokenView:
    expires = min(now.replace(microsecond=0) + LIFE, principal.expires.replace(microsecond=0))
    token = issue(replace(principal, expires=expires), desk.key, desk.audience, now)
    return ClientTokenView(token, expires, tuple(sorted(principal.operations)))


def _staff(principal: StaffPrincipal) -> SessionStaff:
    tasks = None if principal.tasks is None else tuple(sorted(principal.tasks))
    duties = tuple(sorted(principal.duties))
    return SessionStaff(principal.staff_id, principal.agency, principal.office, duties, tasks)
