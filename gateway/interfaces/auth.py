"""職員認証 (SCM): login, renewal, reauthentication, logout, the own password."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from authz import sessions
from authz.duties import Duty
from authz.principals import StaffPrincipal
from authz.sessions import LoggedIn, LoginRefused
from authz.terminals import Place
from authz.tokens import LIFE, issue
from gateway.interfaces.house import Desk, House
from gateway.interfaces.operation import AnyOperation, Call, Operation, Reply
from gateway.interfaces.refusals import login_problem, told
from gateway.interfaces.words import BY_STAFF, FOR_ANYONE, Aware
from gateway.problems import Problem
from sympho.codes import AgencyCode, TaskCode

Short = Annotated[str, Meta(min_length=1, max_length=64)]
Password = Annotated[str, Meta(min_length=1, max_length=1024)]
Code = Annotated[str, Meta(max_length=40)]
Proof = Annotated[str, Meta(max_length=128)]


class LoginBody(Struct, frozen=True, forbid_unknown_fields=True):
    """``terminal``: the name of the machine somebody sits at, for the operations log.

    ``code``: of the second factor, or a recovery code. ``terminal_key``: of a registered terminal. ``device``: what the
    last login here answered, so that strangers' failures do not close the account to its owner.
    """

    agency: AgencyCode
    login: Short
    password: Password
    terminal: Short
    code: Code = ""
    terminal_key: Proof = ""
    device: Proof = ""

    def __repr__(self) -> str:
        return "<LoginBody>"


class OutsideBody(Struct, frozen=True, forbid_unknown_fields=True):
    """An ID token of the outside issuer instead of login name and password."""

    agency: AgencyCode
    id_token: Annotated[str, Meta(min_length=1, max_length=8192)]
    terminal: Short
    code: Code = ""
    terminal_key: Proof = ""
    device: Proof = ""

    def __repr__(self) -> str:
        return "<OutsideBody>"


class ReauthenticationBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The own password once more, and the code where the account has a second factor."""

    password: Password
    code: Code = ""

    def __repr__(self) -> str:
        return "<ReauthenticationBody>"


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


class TokenView(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A token and how long it and the session behind it last, in machine time.

    ``session_ends_at``: with the session, or with the first duty in it that is only delegated. ``must_enrol``: some
    duties wait for a second factor. ``device``: after a login, to be shown at the next one.
    """

    token: str
    expires_at: Aware
    session_ends_at: Aware
    must_change_password: bool
    must_enrol: bool
    staff: SessionStaff
    device: str | None = None

    def __repr__(self) -> str:
        return "<TokenView>"


class SessionView(Struct, frozen=True):
    """Who I am, and until when this token is good."""

    session: str
    expires_at: Aware
    authenticated_at: Aware
    must_change_password: bool
    must_enrol: bool
    staff: SessionStaff


AT_THE_DOOR = frozenset({"credentials-refused", "account-locked", "second-factor-required"})


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
        place = Place(body.terminal, call.address, body.terminal_key, body.device)
        opened = await sessions.login(
            desk.db, desk.door, body.agency, body.login, body.password, place, call.at, body.code
        )
        return self.let_in(desk, opened, call.at.machine)

    async def from_outside(self, call: Call[OutsideBody, None]) -> Reply:
        body = call.body
        desk = self.desk_at_the_door(body.agency)
        if self.house.outside is None:
            raise Problem("credentials-refused")
        said = await self.house.outside.who(body.id_token, call.at.machine)
        place = Place(body.terminal, call.address, body.terminal_key, body.device)
        opened = await sessions.enter_from_outside(desk.db, desk.door, body.agency, said, place, call.at, body.code)
        return self.let_in(desk, opened, call.at.machine)

    def let_in(self, desk: Desk, opened: LoggedIn | LoginRefused, now: datetime) -> Reply:
        if isinstance(opened, LoginRefused):
            raise login_problem(opened)
        return Reply(body=_token(desk, opened.principal, now, opened.device))

    async def reauthenticate(self, call: Call[ReauthenticationBody, None]) -> Reply:
        desk = self.house.desk_of(call.agency)
        with told():
            principal = await sessions.reauthenticate(
                desk.db, desk.door, call.staff, call.body.password, call.body.code, call.at
            )
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
        one = call.staff
        return Reply(
            body=SessionView(
                one.session, one.expires, one.authenticated_at, one.must_change, one.must_enrol, _staff(one)
            )
        )


def operations(house: House) -> list[AnyOperation]:
    """What everybody with an account may do with their own session."""
    here = Session(house)
    return [
        Operation(
            name="log-in", method="POST", path="/auth/login",
            summary_ja="ログイン", summary_en="Log in",
            principals=FOR_ANYONE, duty=None, request=LoginBody, responses={200: TokenView}, handler=here.log_in,
            problems=AT_THE_DOOR,
        ),
        Operation(
            name="log-in-from-outside", method="POST", path="/auth/oidc",
            summary_ja="外部認証によるログイン", summary_en="Log in with an ID token of the configured outside issuer",
            principals=FOR_ANYONE, duty=None, request=OutsideBody, responses={200: TokenView},
            handler=here.from_outside, problems=AT_THE_DOOR,
        ),
        Operation(
            name="reauthenticate", method="POST", path="/auth/reauthentication",
            summary_ja="再認証", summary_en="Show again who I am, for what needs it; a new token",
            principals=BY_STAFF, duty=None, self_service=True, request=ReauthenticationBody,
            responses={200: TokenView}, handler=here.reauthenticate,
            problems=frozenset({"credentials-refused", "account-locked", "not-found"}),
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
    ]  # fmt: skip


def _token(desk: Desk, principal: StaffPrincipal, now: datetime, device: str | None = None) -> TokenView:
    """A token for a session. Whole seconds, as they stand in it."""
    session_ends = principal.expires.replace(microsecond=0)
    expires = min(now.replace(microsecond=0) + LIFE, session_ends)
    return TokenView(
        token=issue(replace(principal, expires=expires), desk.key, desk.audience, now),
        expires_at=expires,
        session_ends_at=session_ends,
        must_change_password=principal.must_change,
        must_enrol=principal.must_enrol,
        staff=_staff(principal),
        device=device,
    )


def _staff(principal: StaffPrincipal) -> SessionStaff:
    tasks = None if principal.tasks is None else tuple(sorted(principal.tasks))
    duties = tuple(sorted(principal.duties))
    return SessionStaff(principal.staff_id, principal.agency, principal.office, duties, tasks)
