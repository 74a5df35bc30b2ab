"""職員認証・権限管理: accounts, login and logout, sessions, and what 権限管理 does with them (product 4.9, R5).

``login`` and ``change_password`` look at a password, which takes long, so they take the database and open two short
transactions around it: the first one counts the attempt as a failure before anybody knows whether it is one, so that
parallel guesses cannot slip through; the second one takes that back when the password was right. All other flows take
the connection of the caller's transaction.

What a flow did is in the operations log in the same transaction. A ``StaffRefused`` undoes its transaction: recording it
is left to the door, as with any other refused call. A refused login is a value and is recorded here.

Sessions, lockouts and passwords are judged by machine time.
"""

from __future__ import annotations

import base64
import re
import secrets
import unicodedata
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from authz import passwords, store
from authz.duties import Duty, conflicts
from authz.operations import Actor, Moment, Operation, OperationOutcome, at_the_machine, terminal_of
from authz.operations.store import record
from authz.principals import StaffPrincipal
from authz.store import Account, Connection
from sympho.codes import AgencyCode, TaskCode

SESSION_LIFE = timedelta(hours=8)
"""A session ends so long after its login, whatever happens."""
SESSION_IDLE = timedelta(minutes=30)
"""A session ends when no token was renewed for so long."""
FORGET_AFTER = timedelta(days=1)
"""Ended sessions, revocations and counted failures are deleted after this; not before failures are forgiven anyway."""

_LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{1,39}")
_NO_DUTIES: frozenset[Duty] = frozenset()


class Transactions(Protocol):
    """Whatever opens one short transaction at a time; the gateway's database does."""

    def transaction(self) -> AbstractAsyncContextManager[Connection]: ...


class StaffFault(StrEnum):
    """Why a call about an account is refused (職員管理の拒否理由)."""

    UNKNOWN_ACCOUNT = "unknown-account"
    LOGIN_TAKEN = "login-taken"
    FIELD_MALFORMED = "field-malformed"
    DUTIES_CONFLICT = "duties-conflict"
    OWN_ACCOUNT = "own-account"
    RULE_BROKEN = "password-rule"
    OLD_ONE_WRONG = "old-password-wrong"
    LOCKED = "locked"
    SESSION_OVER = "session-over"

    @property
    def slug(self) -> str:
        """The problem that the caller is told."""
        return _SLUGS[self]


_SLUGS = {
    StaffFault.UNKNOWN_ACCOUNT: "not-found",
    StaffFault.LOGIN_TAKEN: "conflict",
    StaffFault.FIELD_MALFORMED: "invalid-field",
    StaffFault.DUTIES_CONFLICT: "duties-conflict",
    StaffFault.OWN_ACCOUNT: "wrong-duty",
    StaffFault.RULE_BROKEN: "password-refused",
    StaffFault.OLD_ONE_WRONG: "credentials-refused",
    StaffFault.LOCKED: "account-locked",
    StaffFault.SESSION_OVER: "session-revoked",
}


class StaffRefused(Exception):
    """A wrong call about an account. ``detail`` names a field, a rule or two duties; ``retry_after`` is in seconds."""

    def __init__(self, fault: StaffFault, detail: str = "", retry_after: int | None = None) -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.detail = detail
        self.retry_after = retry_after


class LoginFault(StrEnum):
    """All that somebody at the door learns: not whether the name exists, the account is disabled or the word is wrong."""

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


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What an account is made from. ``tasks`` None: every task. ``password`` None: one is generated."""

    login: str
    name: str
    office: str
    duties: frozenset[Duty]
    tasks: frozenset[TaskCode] | None = None
    password: str | None = None
    must_change: bool = True


@dataclass(frozen=True, slots=True, repr=False)
class Credential:
    """A login name with its first password, to be handed over once."""

    agency: AgencyCode
    staff_id: str
    login: str
    password: str

    def __repr__(self) -> str:
        return f"<Credential {self.staff_id}>"


@dataclass(frozen=True, slots=True)
class Charge:
    """What 権限管理 may change about an account besides its password: office, duties and tasks."""

    office: str
    duties: frozenset[Duty]
    tasks: frozenset[TaskCode] | None = None


# --- a person's own acts ------------------------------------------------------------------------------------------


async def login(
    database: Transactions, agency: AgencyCode, name: str, password: str, terminal: str, now: Moment
) -> StaffPrincipal | LoginRefused:
    """A new session for the right password: the principal to issue a token for, expiring with the session.

    The agency must be one that this server serves: attempts are counted per agency. While the first password was not
    changed, the principal has no duties.
    """
    where = terminal_of(terminal)
    login_name = _normal(name)
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
        _opaque("ses"),
        account.staff_id,
        actor.terminal,
        now.machine,
        now.machine + SESSION_LIFE,
    )
    await store.insert_session(conn, session)
    principal = _principal(account, session)
    await record(conn, [_done("login", principal.actor, now)])
    return principal


async def renew(conn: Connection, holder: StaffPrincipal, now: Moment) -> StaffPrincipal:
    """The principal for the next token, with the duties as they are now; ``SESSION_OVER`` when the session is."""
    idle_since = now.machine - SESSION_IDLE
    session = await store.renew_session(conn, holder.agency, holder.session, holder.staff_id, now.machine, idle_since)
    account = await store.lock_account(conn, holder.agency, holder.staff_id)
    if session is None or account is None:
        raise StaffRefused(StaffFault.SESSION_OVER)
    await record(conn, [_done("session.renew", holder.actor, now)])
    return _principal(account, session)


async def logout(conn: Connection, holder: StaffPrincipal, now: Moment) -> tuple[str, ...]:
    """Ends this session and no other; the ids that are revoked now."""
    await store.revoke(conn, holder.agency, [holder.session], "logout", now.machine)
    await record(conn, [_done("logout", holder.actor, now)])
    return (holder.session,)


async def change_password(
    database: Transactions, holder: StaffPrincipal, old: str, new: str, now: Moment
) -> tuple[str, ...]:
    """A person's own new password. Ends the person's other sessions; the ids that are revoked now.

    A wrong old password counts like a failed login. Afterwards the door renews the token: duties may have come.
    """
    async with database.transaction() as conn:
        before = await _account(conn, holder.agency, holder.staff_id)
        _require_rule(new, before.login, old)
        wait = await _count_attempt(conn, holder.agency, holder.staff_id, holder.terminal, now)
    if wait:
        raise StaffRefused(StaffFault.LOCKED, retry_after=wait)
    if not await passwords.fits(before.password, old):
        raise StaffRefused(StaffFault.OLD_ONE_WRONG)
    [hashed] = await passwords.hashes([new])
    async with database.transaction() as conn:
        account = await _account(conn, holder.agency, holder.staff_id)
        if account.password != before.password or account.disabled_at is not None:
            raise StaffRefused(StaffFault.OLD_ONE_WRONG)
        await store.clear_guards(conn, account.agency, account.staff_id, ("", holder.terminal))
        changed = replace(account, password=hashed, must_change=False, password_set_at=now.machine)
        await store.update_account(conn, changed)
        await record(conn, [_done("password.change", holder.actor, now, account.staff_id)])
        return await store.revoke_sessions_of(
            conn, account.agency, account.staff_id, "password", now.machine, holder.session
        )


# --- 権限管理 -------------------------------------------------------------------------------------------------------


async def create_account(conn: Connection, by: Actor, new: NewAccount, now: Moment) -> Credential:
    """An account of the actor's own agency."""
    made = await _insert(conn, [(by.agency, new)], now)
    if not made:
        raise StaffRefused(StaffFault.LOGIN_TAKEN)
    await record(conn, [_done("staff.create", by, now, made[0].staff_id)])
    return made[0]


async def seed_accounts(
    conn: Connection, specs: Sequence[tuple[AgencyCode, NewAccount]], now: Moment
) -> tuple[Credential, ...]:
    """Many accounts at once, at first start; a login name that its agency already has is left out of the answer."""
    made = await _insert(conn, specs, now)
    entries = [_done("staff.create", at_the_machine(one.agency), now, one.staff_id) for one in made]
    await record(conn, entries)
    return made


async def assign(conn: Connection, by: Actor, staff_id: str, charge: Charge, now: Moment) -> tuple[str, ...]:
    """Other office, duties and tasks for somebody else. Ends the person's sessions; the ids that are revoked now."""
    _require_duties(charge.duties)
    _require_length("office", charge.office, 20)
    account = await _another(conn, by, staff_id)
    changed = replace(account, office=charge.office, duties=charge.duties, tasks=charge.tasks)
    await store.update_account(conn, changed)
    await record(conn, [_done("staff.assign", by, now, staff_id)])
    return await store.revoke_sessions_of(conn, by.agency, staff_id, "duties", now.machine)


async def disable(conn: Connection, by: Actor, staff_id: str, now: Moment) -> tuple[str, ...]:
    """Closes somebody else's account and ends its sessions; the ids that are revoked now."""
    account = await _another(conn, by, staff_id)
    await store.update_account(conn, replace(account, disabled_at=account.disabled_at or now.machine))
    await record(conn, [_done("staff.disable", by, now, staff_id)])
    return await store.revoke_sessions_of(conn, by.agency, staff_id, "disabled", now.machine)


async def enable(conn: Connection, by: Actor, staff_id: str, now: Moment) -> None:
    """Opens a closed account again."""
    account = await _another(conn, by, staff_id)
    await store.update_account(conn, replace(account, disabled_at=None))
    await record(conn, [_done("staff.enable", by, now, staff_id)])


async def reset_password(conn: Connection, by: Actor, staff_id: str, now: Moment) -> tuple[Credential, tuple[str, ...]]:
    """A generated password for somebody else, to be changed at login; lifts the lockout and ends the sessions."""
    word = passwords.generate()
    [hashed] = await passwords.hashes([word])
    account = await _another(conn, by, staff_id)
    changed = replace(account, password=hashed, must_change=True, password_set_at=now.machine)
    await store.update_account(conn, changed)
    await store.clear_guards(conn, by.agency, staff_id, ("",))
    await store.clear_guards(conn, by.agency, staff_id, await store.guarded_terminals(conn, by.agency, staff_id))
    await record(conn, [_done("staff.reset", by, now, staff_id)])
    revoked = await store.revoke_sessions_of(conn, by.agency, staff_id, "password", now.machine)
    return Credential(by.agency, staff_id, account.login, word), revoked


async def revoke_sessions(conn: Connection, by: Actor, staff_id: str, now: Moment) -> tuple[str, ...]:
    """Ends every session of a person, also one's own; the ids that are revoked now."""
    await _account(conn, by.agency, staff_id)
    await record(conn, [_done("staff.revoke", by, now, staff_id)])
    return await store.revoke_sessions_of(conn, by.agency, staff_id, "revoked", now.machine)


async def list_accounts(conn: Connection, agency: AgencyCode) -> tuple[Account, ...]:
    """The accounts of one agency by login name. Shows hashes to nobody: answer with fields, not with the account."""
    return await store.accounts(conn, agency)


async def forget(conn: Connection, now: datetime) -> None:
    """Deletes ended sessions, old revocations and forgiven failures (期限の過ぎたもの); machine time."""
    await store.forget(conn, now - FORGET_AFTER)


# --- parts --------------------------------------------------------------------------------------------------------


async def _insert(
    conn: Connection, specs: Sequence[tuple[AgencyCode, NewAccount]], now: Moment
) -> tuple[Credential, ...]:
    words = [new.password or passwords.generate() for _, new in specs]
    for (_, new), word in zip(specs, words, strict=True):
        _require_fields(new, word)
    hashed = await passwords.hashes(words)
    accounts = [
        Account(
            agency,
            _opaque("stf"),
            _normal(new.login),
            new.name,
            new.office,
            new.duties,
            new.tasks,
            encoded,
            new.must_change,
            now.machine,
            now.machine,
            None,
        )
        for (agency, new), encoded in zip(specs, hashed, strict=True)
    ]
    entered = await store.insert_accounts(conn, accounts)
    return tuple(
        Credential(one.agency, one.staff_id, one.login, word)
        for one, word in zip(accounts, words, strict=True)
        if one.staff_id in entered
    )


async def _account(conn: Connection, agency: AgencyCode, staff_id: str) -> Account:
    account = await store.lock_account(conn, agency, staff_id)
    if account is None:
        raise StaffRefused(StaffFault.UNKNOWN_ACCOUNT)
    return account


async def _another(conn: Connection, by: Actor, staff_id: str) -> Account:
    """Somebody else's account of the same agency: nobody changes the own one."""
    if by.person == staff_id:
        raise StaffRefused(StaffFault.OWN_ACCOUNT)
    return await _account(conn, by.agency, staff_id)


def _require_fields(new: NewAccount, word: str) -> None:
    if _LOGIN.fullmatch(_normal(new.login)) is None or re.search(r"[0-9]{11}", new.login):
        raise StaffRefused(StaffFault.FIELD_MALFORMED, "login")
    _require_length("name", new.name, 40)
    _require_length("office", new.office, 20)
    _require_duties(new.duties)
    _require_rule(word, _normal(new.login))


def _require_length(field: str, text: str, longest: int) -> None:
    if not 1 <= len(text) <= longest or "\0" in text:
        raise StaffRefused(StaffFault.FIELD_MALFORMED, field)


def _require_duties(duties: frozenset[Duty]) -> None:
    found = conflicts(duties)
    if found:
        raise StaffRefused(StaffFault.DUTIES_CONFLICT, f"{found[0].one} + {found[0].other}")


def _require_rule(word: str, login_name: str, old: str | None = None) -> None:
    rule = passwords.broken_rule(word, login_name, old)
    if rule is not None:
        raise StaffRefused(StaffFault.RULE_BROKEN, rule)


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


def _normal(login_name: str) -> str:
    """One form of a login name, whatever the keyboard: NFKC, lower case. A NUL, which no text column takes, goes."""
    return unicodedata.normalize("NFKC", login_name).strip().casefold().replace("\0", "")


def _opaque(kind: str) -> str:
    """An id that tells nothing about the person: 128 random bits."""
    return f"{kind}_{base64.b32encode(secrets.token_bytes(16)).decode().rstrip('=').lower()}"


def _done(name: str, actor: Actor, now: Moment, about: str = "") -> Operation:
    return Operation(actor, now, name, OperationOutcome.DONE, about=about)


def _refused(name: str, actor: Actor, now: Moment, reason: str) -> Operation:
    return Operation(actor, now, name, OperationOutcome.REFUSED, reason=reason)
