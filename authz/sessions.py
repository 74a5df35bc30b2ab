"""職員認証: login, renewal, logout and a person's own password; sessions that stand behind tokens (product 4.9, R5).

Whatever looks at a password takes long, so it takes the database and opens two short transactions around the look: the
first one counts the attempt as a failure before anybody knows whether it is one, so that parallel guesses cannot slip
through; the second one takes that back when all was right. The other flows take the connection of the caller's
transaction.

Where an attempt is counted decides whom it can lock out (``docs/decisions/lockout.md``): at a place that the account
knows, at that place alone; anywhere else, at the address and, more gently, for all strangers together.

What a flow did is in the operations log in the same transaction. A refused login is a value and is recorded here; a
``StaffRefused`` undoes its transaction and is the door's to record. Everything is judged by machine time.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from authz import factors, passwords, staff, store, terminals
from authz.boxes import Box
from authz.duties import Duty
from authz.operations import Actor, Moment, Operation, OperationOutcome
from authz.operations.store import record
from authz.principals import StaffPrincipal
from authz.store import Account, Connection, guards
from authz.store import delegations as delegated
from authz.store import sessions as kept
from authz.store.delegations import Lent
from authz.store.sessions import BeganWith, Session
from authz.terminals import Place
from sympho.codes import AgencyCode, TaskCode

SESSION_LIFE = timedelta(hours=8)
"""A session ends so long after its login, whatever happens."""
SESSION_IDLE = timedelta(minutes=30)
"""A session ends when no token was renewed for so long."""
RECENT = timedelta(minutes=10)
"""So long after somebody was authenticated, acts that need it can be done without being asked again."""
FORGET_AFTER = timedelta(days=1)
"""Ended sessions, revocations and counted failures are deleted after this; not before failures are forgiven anyway."""

_NO_DUTIES: frozenset[Duty] = frozenset()


class Transactions(Protocol):
    """Whatever opens one short transaction at a time; the gateway's database does."""

    def transaction(self) -> AbstractAsyncContextManager[Connection]: ...


@dataclass(frozen=True, slots=True, repr=False)
class DoorKeys:
    """What a door at which people log in holds: the box of second factors, and the key of device tokens."""

    box: Box
    device: bytes

    def __repr__(self) -> str:
        return "<DoorKeys>"


class LoginFault(StrEnum):
    """All that somebody outside learns: not whether the name exists, the account is closed or the password wrong."""

    CREDENTIALS = "credentials-refused"
    LOCKED = "account-locked"
    SECOND_FACTOR = "second-factor-required"
    """The password was right, and a code is asked for."""

    @property
    def slug(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class LoginRefused:
    """No session. ``retry_after`` is in seconds, 0 where waiting is not asked for."""

    fault: LoginFault
    retry_after: int = 0


@dataclass(frozen=True, slots=True, repr=False)
class LoggedIn:
    """A new session: the principal to issue a token for, and the token of this device for the next login."""

    principal: StaffPrincipal
    device: str

    def __repr__(self) -> str:
        return f"<LoggedIn {self.principal.staff_id}>"


@dataclass(frozen=True, slots=True, repr=False)
class Outside:
    """What an outside issuer said of somebody: whom it means, and the mark by which it is said only once."""

    issuer: str
    subject: str
    digest: bytes
    until: datetime


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One attempt that was counted: whom it is about, from where, and the guards that were charged."""

    account: Account | None
    actor: Actor
    subject: str
    places: tuple[str, ...]


async def login(
    database: Transactions,
    keys: DoorKeys,
    agency: AgencyCode,
    name: str,
    password: str,
    place: Place,
    now: Moment,
    code: str = "",
) -> LoggedIn | LoginRefused:
    """A new session for the right password, and the right code where the account has a second factor.

    The agency must be one that this server serves: attempts are counted per agency.
    """
    login_name = staff.normal_login(name)
    async with database.transaction() as conn:
        account = await store.account_by_login(conn, agency, login_name)
        subject = passwords.subject_of_nobody(agency, login_name) if account is None else account.staff_id
        attempt = await _attempt(conn, keys, agency, account, subject, place)
        wait = await _count(conn, agency, attempt.subject, attempt.places, now)
        if wait:
            await record(conn, [_refused("login", attempt.actor, now, "locked")])
            return LoginRefused(LoginFault.LOCKED, wait)
    right = await passwords.fits(passwords.NOBODY if account is None else account.password, password)
    async with database.transaction() as conn:
        if account is None or not right:
            reason = "unknown-account" if account is None else "wrong-password"
            await record(conn, [_refused("login", attempt.actor, now, reason)])
            return LoginRefused(LoginFault.CREDENTIALS)
        return await _begin_session(conn, keys, attempt, BeganWith.INSIDE, code, now)


async def enter_from_outside(
    database: Transactions, keys: DoorKeys, agency: AgencyCode, said: Outside, place: Place, now: Moment, code: str = ""
) -> LoggedIn | LoginRefused:
    """A new session for whom an outside issuer has authenticated, if an account of the agency names that person.

    The outside says who somebody is and nothing else: duties, validity, terminals and the second factor are ours.
    """
    async with database.transaction() as conn:
        account = await store.account_by_subject(conn, agency, said.subject)
        subject = passwords.subject_of_nobody(agency, said.subject) if account is None else account.staff_id
        attempt = await _attempt(conn, keys, agency, account, subject, place)
        wait = await _count(conn, agency, attempt.subject, attempt.places, now)
        if wait:
            await record(conn, [_refused("login", attempt.actor, now, "locked")])
            return LoginRefused(LoginFault.LOCKED, wait)
    async with database.transaction() as conn:
        first = await kept.use_assertion(conn, said.issuer, said.digest, said.until)
        if account is None or not first:
            reason = "unknown-account" if account is None else "assertion-replayed"
            await record(conn, [_refused("login", attempt.actor, now, reason)])
            return LoginRefused(LoginFault.CREDENTIALS)
        return await _begin_session(conn, keys, attempt, BeganWith.OUTSIDE, code, now)


async def renew(conn: Connection, holder: StaffPrincipal, now: Moment) -> StaffPrincipal:
    """The principal for the next token, with the duties as they are now; ``SESSION_OVER`` when the session is."""
    account = await staff.locked_account(conn, holder.agency, holder.staff_id)
    idle_since = now.machine - SESSION_IDLE
    session = await kept.renew_session(conn, holder.agency, holder.session, holder.staff_id, now.machine, idle_since)
    if session is None:
        raise staff.StaffRefused(staff.StaffFault.SESSION_OVER)
    await record(conn, [staff.done("session.renew", holder.actor, now)])
    return await _principal(conn, account, session, now)


async def logout(conn: Connection, holder: StaffPrincipal, now: Moment) -> tuple[str, ...]:
    """Ends this session and no other; the ids that are revoked now."""
    await kept.revoke(conn, holder.agency, [holder.session], "logout", now.machine)
    await record(conn, [staff.done("logout", holder.actor, now)])
    return (holder.session,)


async def living(conn: Connection, agency: AgencyCode, staff_id: str, now: Moment) -> tuple[Session, ...]:
    """A person's sessions that can still be renewed."""
    return await kept.living_sessions(conn, agency, staff_id, now.machine, now.machine - SESSION_IDLE)


async def end_session(conn: Connection, by: Actor, staff_id: str, session_id: str, now: Moment) -> tuple[str, ...]:
    """Ends one session of a person, the own or somebody else's; the ids that are revoked now."""
    if not await kept.revoke_session_of(conn, by.agency, staff_id, session_id, "revoked", now.machine):
        raise staff.StaffRefused(staff.StaffFault.UNKNOWN_ACCOUNT)
    await record(conn, [staff.done("session.revoke", by, now, session_id)])
    return (session_id,)


async def reauthenticate(
    database: Transactions, keys: DoorKeys, holder: StaffPrincipal, password: str, code: str, now: Moment
) -> StaffPrincipal:
    """The person behind a session is asked again; the principal for a token that says so."""
    before = await _counted(database, holder, now)
    right = await passwords.fits(before.password, password)
    if not right:
        raise staff.StaffRefused(staff.StaffFault.OLD_ONE_WRONG)
    async with database.transaction() as conn:
        account = await _unchanged(conn, holder, before, now)
        second = await factors.enrolled(conn, account.agency, account.staff_id)
        if second and not await factors.shown(conn, keys.box, account.agency, account.staff_id, code, now.machine):
            raise staff.StaffRefused(staff.StaffFault.CODE_WRONG)
        await guards.clear_guards(conn, holder.agency, holder.staff_id, (holder.session,))
        await kept.authenticate_session(conn, holder.agency, holder.session, now.machine, second_factor=second)
        await record(conn, [staff.done("session.reauthenticate", holder.actor, now)])
        return await renew(conn, holder, now)


async def confirm_second_factor(
    conn: Connection, keys: DoorKeys, holder: StaffPrincipal, code: str, now: Moment
) -> tuple[str, ...]:
    """The person's enrolled second factor counts from now on, also for this session; the recovery codes, once."""
    codes = await factors.confirm(conn, keys.box, holder.actor, code, now)
    await kept.authenticate_session(conn, holder.agency, holder.session, holder.authenticated_at, second_factor=True)
    return codes


async def change_password(
    database: Transactions, holder: StaffPrincipal, old: str, new: str, now: Moment
) -> tuple[str, ...]:
    """A person's own new password. Ends the person's other sessions; the ids that are revoked now.

    A wrong old password counts like a failed login. Afterwards the door renews the token: duties may have come. Nobody
    is authenticated anew by it: there may be a second factor, and none is shown.
    """
    async with database.transaction() as conn:
        account = await staff.locked_account(conn, holder.agency, holder.staff_id)
        staff.require_rule(new, (account.login, account.name, account.office))
        former = await store.former_passwords(conn, holder.agency, holder.staff_id, passwords.REMEMBERED - 1)
    before = await _counted(database, holder, now)
    if not await passwords.fits(before.password, old):
        raise staff.StaffRefused(staff.StaffFault.OLD_ONE_WRONG)
    for used in (before.password, *former):
        if await passwords.fits(used, new):
            raise staff.StaffRefused(staff.StaffFault.RULE_BROKEN, passwords.PasswordRule.USED_BEFORE)
    [hashed] = await passwords.hashes([new])
    async with database.transaction() as conn:
        account = await _unchanged(conn, holder, before, now)
        await staff.set_password(conn, account, hashed, now, must_change=False)
        await guards.clear_guards(conn, holder.agency, holder.staff_id, (holder.session,))
        await record(conn, [staff.done("password.change", holder.actor, now, account.staff_id)])
        return await kept.revoke_sessions_of(
            conn, account.agency, account.staff_id, "password", now.machine, holder.session
        )


async def forget(conn: Connection, now: datetime) -> None:
    """Deletes ended sessions, old revocations and forgiven failures (期限の過ぎたもの); machine time."""
    await kept.forget(conn, now - FORGET_AFTER)


# --- at the door --------------------------------------------------------------------------------------------------


async def _attempt(
    conn: Connection, keys: DoorKeys, agency: AgencyCode, account: Account | None, subject: str, place: Place
) -> _Attempt:
    terminal = await terminals.shown(conn, account, place)
    known = terminals.known(keys.device, account, place, terminal)
    places = (known,) if known else ("", terminals.address_of(place))
    actor = Actor(agency, "" if account is None else account.staff_id, "", terminals.said(place, terminal))
    return _Attempt(account, actor, subject, places)


async def _count(conn: Connection, agency: AgencyCode, subject: str, places: tuple[str, ...], now: Moment) -> int:
    """Counts an attempt as failed, or gives the seconds to wait; the guards stay locked until the commit."""
    until = await guards.lock_guards(conn, agency, subject, places, now.machine)
    if until > now.machine:
        return max(1, round((until - now.machine).total_seconds()))
    forgiven_before = now.machine - passwords.FORGIVEN_AFTER
    await guards.charge_guards(
        conn, agency, subject, places, now.machine, forgiven_before, passwords.DELAYS, passwords.DELAYS_OF_ALL
    )
    return 0


async def _begin_session(
    conn: Connection, keys: DoorKeys, attempt: _Attempt, began_with: BeganWith, code: str, now: Moment
) -> LoggedIn | LoginRefused:
    verified, actor = attempt.account, attempt.actor
    account = None if verified is None else await store.lock_account(conn, verified.agency, verified.staff_id)
    if account is None or verified is None or account.password != verified.password or not account.open_at(now.machine):
        return await _turned_away(conn, actor, now, "account-disabled")
    if not terminals.may_enter(account, actor.terminal):
        return await _turned_away(conn, actor, now, "wrong-terminal")
    second = await factors.enrolled(conn, account.agency, account.staff_id)
    if second and not code:
        return await _turned_away(conn, actor, now, "second-factor-required", LoginFault.SECOND_FACTOR)
    if second and not await factors.shown(conn, keys.box, account.agency, account.staff_id, code, now.machine):
        return await _turned_away(conn, actor, now, "wrong-code")
    await guards.clear_guards(conn, account.agency, account.staff_id, attempt.places)
    ends_at = now.machine + SESSION_LIFE
    session = Session(
        account.agency,
        staff.opaque_id("ses"),
        account.staff_id,
        actor.terminal,
        began_with,
        second,
        now.machine,
        now.machine,
        ends_at if account.valid_until is None else min(ends_at, account.valid_until),
    )
    await kept.insert_session(conn, session)
    principal = await _principal(conn, account, session, now)
    await record(conn, [staff.done("login", principal.actor, now)])
    return LoggedIn(principal, terminals.new_device(keys.device, account))


async def _turned_away(
    conn: Connection, actor: Actor, now: Moment, reason: str, fault: LoginFault = LoginFault.CREDENTIALS
) -> LoginRefused:
    await record(conn, [_refused("login", actor, now, reason)])
    return LoginRefused(fault)


# --- somebody who is inside and is asked again --------------------------------------------------------------------


async def _counted(database: Transactions, holder: StaffPrincipal, now: Moment) -> Account:
    """The account, once the look at its password was counted as a failure of this session."""
    async with database.transaction() as conn:
        account = await staff.locked_account(conn, holder.agency, holder.staff_id)
        wait = await _count(conn, holder.agency, holder.staff_id, (holder.session,), now)
    if wait:
        raise staff.StaffRefused(staff.StaffFault.LOCKED, retry_after=wait)
    return account


async def _unchanged(conn: Connection, holder: StaffPrincipal, before: Account, now: Moment) -> Account:
    """The locked account, if it is still the one whose password was looked at."""
    account = await staff.locked_account(conn, holder.agency, holder.staff_id)
    if account.password != before.password or not account.open_at(now.machine):
        raise staff.StaffRefused(staff.StaffFault.OLD_ONE_WRONG)
    return account


# --- principals ---------------------------------------------------------------------------------------------------


async def _principal(conn: Connection, account: Account, session: Session, now: Moment) -> StaffPrincipal:
    """What the person may do now: own and delegated duties, without those that a second factor is demanded for.

    It expires with the session, or with the first delegation in it.
    """
    rules = await store.rules(conn, account.agency)
    lent = await delegated.delegated_to(conn, account.agency, account.staff_id, now.machine)
    must_change = session.began_with is BeganWith.INSIDE and (account.must_change or _aged(account, rules, now))
    held = _NO_DUTIES if must_change else account.duties | lent.keys()
    withheld = _NO_DUTIES if session.second_factor else held & rules.second_factor_for
    return StaffPrincipal(
        account.agency,
        account.staff_id,
        account.office,
        held - withheld,
        _tasks(account, lent),
        session.session_id,
        session.terminal,
        min((session.ends_at, *(one.until for duty, one in lent.items() if duty not in account.duties))),
        must_change,
        bool(withheld),
        session.authenticated_at,
    )


def _tasks(account: Account, lent: Mapping[Duty, Lent]) -> frozenset[TaskCode] | None:
    """The own tasks. Whoever inquires only as a deputy asks for none that the delegators may not ask for."""
    if Duty.INQUIRE in account.duties or Duty.INQUIRE not in lent:
        return account.tasks
    theirs = lent[Duty.INQUIRE].tasks
    if theirs is None or account.tasks is None:
        return account.tasks if theirs is None else theirs
    return account.tasks & theirs


def _aged(account: Account, rules: store.Rules, now: Moment) -> bool:
    if rules.password_days is None:
        return False
    return account.password_set_at + timedelta(days=rules.password_days) <= now.machine


def _refused(name: str, actor: Actor, now: Moment, reason: str) -> Operation:
    return Operation(actor, now, name, OperationOutcome.REFUSED, reason=reason)
