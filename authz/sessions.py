"""職員認証: login, renewal, logout and a person's own password; sessions that stand behind tokens (product 4.9, R5).

``login`` and ``change_password`` look at a password, which takes long, so they take the database and open two short
transactions around it: the first one counts the attempt as a failure before anybody knows whether it is one, so that
parallel guesses cannot slip through; the second one takes that back when the password was right. The other flows take
the connection of the caller's transaction.

What a flow did is in the operations log in the same transaction. A refused login is a value and is recorded here; a
``StaffRefused`` undoes its transaction and is the door's to record. Everything is judged by machine time.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from authz import passwords, staff, store
from authz.duties import Duty
from authz.operations import Actor, Moment, Operation, OperationOutcome, terminal_of
from authz.operations.store import record
from authz.principals import StaffPrincipal
from authz.store import Account, Connection
from sympho.codes import AgencyCode

SESSION_LIFE = timedelta(hours=8)
"""A session ends so long after its login, whatever happens."""
SESSION_IDLE = timedelta(minutes=30)
"""A session ends when no token was renewed for so long."""
FORGET_AFTER = timedelta(days=1)
"""Ended sessions, revocations and counted failures are deleted after this; not before failures are forgiven anyway."""

_NO_DUTIES: frozenset[Duty] = frozenset()


class Transactions(Protocol):
    """Whatever opens one short transaction at a time; the gateway's database does."""

    def transaction(self) -> AbstractAsyncContextManager[Connection]: ...


class LoginFault(StrEnum):
    """All that somebody outside learns: not whether the name exists, the account is closed or the password wrong."""

    CREDENTIALS = "credentials-refused"
    LOCKED = "account-locked"

    @property
    def slug(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class LoginRefused:
    """No session. ``retry_after`` is in seconds, 0 where waiting is not asked for."""

    fault: LoginFault
    retry_after: int = 0


async def login(
    database: Transactions, agency: AgencyCode, name: str, password: str, terminal: str, now: Moment
) -> StaffPrincipal | LoginRefused:
    """A new session for the right password: the principal to issue a token for, expiring with the session.

    The agency must be one that this server serves: attempts are counted per agency. While the first password was not
    changed, the principal has no duties.
    """
    where = terminal_of(terminal)
    login_name = staff.normal_login(name)
    async with database.transaction() as conn:
        account = await store.account_by_login(conn, agency, login_name)
        subject = passwords.subject_of_nobody(agency, login_name) if account is None else account.staff_id
        actor = Actor(agency, "" if account is None else account.staff_id, "", where)
        wait = await _count_attempt(conn, agency, subject, where, now)
        if wait:
            await record(conn, [_refused("login", actor, now, "locked")])
            return LoginRefused(LoginFault.LOCKED, wait)
    right = await passwords.fits(passwords.NOBODY if account is None else account.password, password)
    async with database.transaction() as conn:
        if account is None or not right:
            reason = "unknown-account" if account is None else "wrong-password"
            await record(conn, [_refused("login", actor, now, reason)])
            return LoginRefused(LoginFault.CREDENTIALS)
        return await _begin_session(conn, account, actor, now)


async def _count_attempt(conn: Connection, agency: AgencyCode, subject: str, terminal: str, now: Moment) -> int:
    """Counts an attempt as failed, or gives the seconds to wait; the guards stay locked until the commit."""
    places = ("", terminal)
    until = await store.lock_guards(conn, agency, subject, places, now.machine)
    if until > now.machine:
        return max(1, round((until - now.machine).total_seconds()))
    forgiven_before = now.machine - passwords.FORGIVEN_AFTER
    await store.charge_guards(conn, agency, subject, places, now.machine, forgiven_before, passwords.DELAYS)
    return 0


async def _begin_session(
    conn: Connection, verified: Account, actor: Actor, now: Moment
) -> StaffPrincipal | LoginRefused:
    account = await store.lock_account(conn, verified.agency, verified.staff_id)
    if account is None or account.password != verified.password or account.disabled_at is not None:
        await record(conn, [_refused("login", actor, now, "account-disabled")])
        return LoginRefused(LoginFault.CREDENTIALS)
    await store.clear_guards(conn, account.agency, account.staff_id, ("", actor.terminal))
    session = store.Session(
        account.agency,
        staff.opaque_id("ses"),
        account.staff_id,
        actor.terminal,
        now.machine,
        now.machine + SESSION_LIFE,
    )
    await store.insert_session(conn, session)
    principal = _principal(account, session)
    await record(conn, [staff.done("login", principal.actor, now)])
    return principal


async def renew(conn: Connection, holder: StaffPrincipal, now: Moment) -> StaffPrincipal:
    """The principal for the next token, with the duties as they are now; ``SESSION_OVER`` when the session is."""
    account = await staff.locked_account(conn, holder.agency, holder.staff_id)
    idle_since = now.machine - SESSION_IDLE
    session = await store.renew_session(conn, holder.agency, holder.session, holder.staff_id, now.machine, idle_since)
    if session is None:
        raise staff.StaffRefused(staff.StaffFault.SESSION_OVER)
    await record(conn, [staff.done("session.renew", holder.actor, now)])
    return _principal(account, session)


async def logout(conn: Connection, holder: StaffPrincipal, now: Moment) -> tuple[str, ...]:
    """Ends this session and no other; the ids that are revoked now."""
    await store.revoke(conn, holder.agency, [holder.session], "logout", now.machine)
    await record(conn, [staff.done("logout", holder.actor, now)])
    return (holder.session,)


async def change_password(
    database: Transactions, holder: StaffPrincipal, old: str, new: str, now: Moment
) -> tuple[str, ...]:
    """A person's own new password. Ends the person's other sessions; the ids that are revoked now.

    A wrong old password counts like a failed login. Afterwards the door renews the token: duties may have come.
    """
    async with database.transaction() as conn:
        before = await staff.locked_account(conn, holder.agency, holder.staff_id)
        staff.require_rule(new, before.login, old)
        wait = await _count_attempt(conn, holder.agency, holder.staff_id, holder.terminal, now)
    if wait:
        raise staff.StaffRefused(staff.StaffFault.LOCKED, retry_after=wait)
    if not await passwords.fits(before.password, old):
        raise staff.StaffRefused(staff.StaffFault.OLD_ONE_WRONG)
    [hashed] = await passwords.hashes([new])
    async with database.transaction() as conn:
        account = await staff.locked_account(conn, holder.agency, holder.staff_id)
        if account.password != before.password or account.disabled_at is not None:
            raise staff.StaffRefused(staff.StaffFault.OLD_ONE_WRONG)
        await store.clear_guards(conn, account.agency, account.staff_id, ("", holder.terminal))
        changed = replace(account, password=hashed, must_change=False, password_set_at=now.machine)
        await store.update_account(conn, changed)
        await record(conn, [staff.done("password.change", holder.actor, now, account.staff_id)])
        return await store.revoke_sessions_of(
            conn, account.agency, account.staff_id, "password", now.machine, holder.session
        )


async def forget(conn: Connection, now: datetime) -> None:
    """Deletes ended sessions, old revocations and forgiven failures (期限の過ぎたもの); machine time."""
    await store.forget(conn, now - FORGET_AFTER)


def _principal(account: Account, session: store.Session) -> StaffPrincipal:
    return StaffPrincipal(
        account.agency,
        account.staff_id,
        account.office,
        _NO_DUTIES if account.must_change else account.duties,
        account.tasks,
        session.session_id,
        session.terminal,
        session.ends_at,
        account.must_change,
    )


def _refused(name: str, actor: Actor, now: Moment, reason: str) -> Operation:
    return Operation(actor, now, name, OperationOutcome.REFUSED, reason=reason)
