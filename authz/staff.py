"""職員: accounts and their duties, and what 権限管理 does with them (product 4.9, R5).

Flows take the connection of the caller's transaction. What a flow did is in the operations log in the same transaction.
A ``StaffRefused`` undoes its transaction: recording it is left to the door, as with any other refused call.
"""

from __future__ import annotations

import base64
import re
import secrets
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from authz import passwords, store
from authz.duties import Duty, conflicts
from authz.operations import LONG_NUMBER, Actor, Moment, Operation, OperationOutcome, at_the_machine
from authz.operations.store import record
from authz.store import Account, Connection, Rules, guards
from authz.store import delegations as delegated
from authz.store.sessions import revoke_sessions_of
from sympho.codes import AgencyCode, TaskCode

LONGEST_LOGIN = 64
"""Characters that are looked at when somebody logs in; an account's login name has at most 40."""

_LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{1,39}")


class StaffFault(StrEnum):
    """Why a call about an account is refused (職員管理の拒否理由)."""

    UNKNOWN_ACCOUNT = "unknown-account"
    LOGIN_TAKEN = "login-taken"
    FIELD_MALFORMED = "field-malformed"
    DUTIES_CONFLICT = "duties-conflict"
    OWN_ACCOUNT = "own-account"
    RULE_BROKEN = "password-rule"
    OLD_ONE_WRONG = "old-password-wrong"
    CODE_WRONG = "code-wrong"
    FACTOR_STANDS = "second-factor-stands"
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
    StaffFault.CODE_WRONG: "credentials-refused",
    StaffFault.FACTOR_STANDS: "wrong-state",
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


MOST_TASKS = 250
"""Tasks of one account or client: the token names them, and a header holds no more."""


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
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    staff_id: str | None = None
    """Chosen beforehand where something names the account before it is made; None: a new one."""


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
    """What 権限管理 may change about an account besides its password: office, duties and tasks. ``name`` empty: as it
    is."""

    office: str
    duties: frozenset[Duty]
    tasks: frozenset[TaskCode] | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Conditions:
    """When, from where and over which door a person may log in (利用条件). None: no limit, and no outside door."""

    valid_from: datetime | None = None
    valid_until: datetime | None = None
    terminals: frozenset[str] | None = None
    outside_subject: str | None = None


# --- 権限管理 -------------------------------------------------------------------------------------------------------


async def create_account(conn: Connection, by: Actor, new: NewAccount, now: Moment) -> Credential:
    """An account of the actor's own agency."""
    made = await _insert(conn, [(by.agency, new)], now)
    if not made:
        raise StaffRefused(StaffFault.LOGIN_TAKEN)
    await record(conn, [done("staff.create", by, now, made[0].staff_id)])
    return made[0]


async def seed_accounts(
    conn: Connection, specs: Sequence[tuple[AgencyCode, NewAccount]], now: Moment
) -> tuple[Credential, ...]:
    """Many accounts at once, at first start; a login name that its agency already has is left out of the answer."""
    made = await _insert(conn, specs, now)
    entries = [done("staff.create", at_the_machine(one.agency), now, one.staff_id) for one in made]
    await record(conn, entries)
    return made


async def assign(conn: Connection, by: Actor, staff_id: str, charge: Charge, now: Moment) -> tuple[str, ...]:
    """Other office, duties and tasks for somebody else. Ends the sessions of the person and of those who act as deputy;
    the ids that are revoked now."""
    _require_length("office", charge.office, 20)
    account = await another(conn, by, staff_id)
    await require_together(conn, account, charge.duties, now)
    name = charge.name or account.name
    changed = replace(account, name=name, office=charge.office, duties=charge.duties, tasks=charge.tasks)
    await store.update_account(conn, changed)
    await record(conn, [done("staff.assign", by, now, staff_id)])
    return await _end_sessions(conn, by.agency, staff_id, "duties", now)


async def set_conditions(
    conn: Connection, by: Actor, staff_id: str, wanted: Conditions, now: Moment
) -> tuple[str, ...]:
    """When, from where and over which door somebody else may log in. Ends the sessions; the ids revoked now."""
    _require_span(wanted.valid_from, wanted.valid_until)
    subject = wanted.outside_subject
    if subject is not None and not (1 <= len(subject) <= 255 and subject.isprintable()):
        raise StaffRefused(StaffFault.FIELD_MALFORMED, "outside_subject")
    account = await another(conn, by, staff_id)
    changed = replace(
        account,
        valid_from=wanted.valid_from,
        valid_until=wanted.valid_until,
        terminals=wanted.terminals,
        outside_subject=subject,
    )
    await store.update_account(conn, changed)
    await record(conn, [done("staff.conditions", by, now, staff_id)])
    return await _end_sessions(conn, by.agency, staff_id, "revoked", now)


async def disable(conn: Connection, by: Actor, staff_id: str, now: Moment) -> tuple[str, ...]:
    """Closes somebody else's account, ends its sessions and those of its deputies; the ids that are revoked now."""
    account = await another(conn, by, staff_id)
    await store.update_account(conn, replace(account, disabled_at=account.disabled_at or now.machine))
    await record(conn, [done("staff.disable", by, now, staff_id)])
    return await _end_sessions(conn, by.agency, staff_id, "disabled", now)


async def enable(conn: Connection, by: Actor, staff_id: str, now: Moment) -> None:
    """Opens a closed account again."""
    account = await another(conn, by, staff_id)
    await store.update_account(conn, replace(account, disabled_at=None))
    await record(conn, [done("staff.enable", by, now, staff_id)])


async def reset_password(conn: Connection, by: Actor, staff_id: str, now: Moment) -> tuple[Credential, tuple[str, ...]]:
    """A generated password for somebody else, to be changed at login; lifts the lockout and ends the sessions."""
    word = passwords.generate()
    [hashed] = await passwords.hashes([word])
    account = await another(conn, by, staff_id)
    await set_password(conn, account, hashed, now, must_change=True)
    await guards.clear_guards(conn, by.agency, staff_id, await guards.guarded_places(conn, by.agency, staff_id))
    await record(conn, [done("staff.reset", by, now, staff_id)])
    revoked = await revoke_sessions_of(conn, by.agency, staff_id, "password", now.machine)
    return Credential(by.agency, staff_id, account.login, word), revoked


async def revoke_sessions(conn: Connection, by: Actor, staff_id: str, now: Moment) -> tuple[str, ...]:
    """Ends every session of a person, also one's own; the ids that are revoked now."""
    await locked_account(conn, by.agency, staff_id)
    await record(conn, [done("staff.revoke", by, now, staff_id)])
    return await revoke_sessions_of(conn, by.agency, staff_id, "revoked", now.machine)


async def set_rules(conn: Connection, by: Actor, wanted: Rules, now: Moment) -> None:
    """What the agency demands of its staff from the next login or renewal on, which is within 15 minutes."""
    if wanted.password_days is not None and not 1 <= wanted.password_days <= 3650:
        raise StaffRefused(StaffFault.FIELD_MALFORMED, "password_days")
    await store.set_rules(conn, by.agency, wanted)
    await record(conn, [done("staff.rules", by, now)])


async def list_accounts(conn: Connection, agency: AgencyCode) -> tuple[Account, ...]:
    """The accounts of one agency by login name. Shows hashes to nobody: answer with fields, not with the account."""
    return await store.accounts(conn, agency)


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
            new.staff_id or opaque_id("stf"),
            normal_login(new.login),
            new.name,
            new.office,
            new.duties,
            new.tasks,
            encoded,
            new.must_change,
            now.machine,
            now.machine,
            valid_from=new.valid_from,
            valid_until=new.valid_until,
        )
        for (agency, new), encoded in zip(specs, hashed, strict=True)
    ]
    entered = await store.insert_accounts(conn, accounts)
    return tuple(
        Credential(one.agency, one.staff_id, one.login, word)
        for one, word in zip(accounts, words, strict=True)
        if one.staff_id in entered
    )


async def locked_account(conn: Connection, agency: AgencyCode, staff_id: str) -> Account:
    """The account, locked until the transaction ends, or ``UNKNOWN_ACCOUNT``: also for another agency's account."""
    account = await store.lock_account(conn, agency, staff_id)
    if account is None:
        raise StaffRefused(StaffFault.UNKNOWN_ACCOUNT)
    return account


async def another(conn: Connection, by: Actor, staff_id: str) -> Account:
    """Somebody else's account of the same agency: nobody changes the own one."""
    if by.person == staff_id:
        raise StaffRefused(StaffFault.OWN_ACCOUNT)
    return await locked_account(conn, by.agency, staff_id)


async def require_together(conn: Connection, account: Account, own: frozenset[Duty], now: Moment) -> None:
    """``DUTIES_CONFLICT`` where own duties and all that are delegated to the person, now or later, do not go together.

    A delegation counts here also while it is void, because its delegator may get the duty back.
    """
    _require_duties(own | await delegated.promised_to(conn, account.agency, account.staff_id, now.machine))


async def set_password(conn: Connection, account: Account, hashed: str, now: Moment, *, must_change: bool) -> None:
    """Another password for a locked account; the present one is remembered, so that it does not come back."""
    await store.keep_former(conn, account, now.machine, passwords.REMEMBERED - 1)
    changed = replace(account, password=hashed, must_change=must_change, password_set_at=now.machine)
    await store.update_account(conn, changed)


async def _end_sessions(
    conn: Connection, agency: AgencyCode, staff_id: str, reason: str, now: Moment
) -> tuple[str, ...]:
    """Ends the sessions of a person and of everybody who acts as the person's deputy: what they may do has changed."""
    people = (staff_id, *await delegated.deputies_of(conn, agency, staff_id, now.machine))
    ended = [await revoke_sessions_of(conn, agency, one, reason, now.machine) for one in people]
    return tuple(session for of_one in ended for session in of_one)


def _require_fields(new: NewAccount, word: str) -> None:
    if _LOGIN.fullmatch(normal_login(new.login)) is None or re.search(r"[0-9]{11}", new.login):
        raise StaffRefused(StaffFault.FIELD_MALFORMED, "login")
    _require_length("name", new.name, 40)
    _require_length("office", new.office, 20)
    _require_span(new.valid_from, new.valid_until)
    _require_duties(new.duties)
    require_rule(word, (normal_login(new.login), new.name, new.office))


def _require_span(valid_from: datetime | None, valid_until: datetime | None) -> None:
    if valid_from is not None and valid_until is not None and valid_from >= valid_until:
        raise StaffRefused(StaffFault.FIELD_MALFORMED, "valid_until")


def _require_length(field: str, text: str, longest: int) -> None:
    if not 1 <= len(text) <= longest or "\0" in text:
        raise StaffRefused(StaffFault.FIELD_MALFORMED, field)


def _require_duties(duties: frozenset[Duty]) -> None:
    found = conflicts(duties)
    if found:
        raise StaffRefused(StaffFault.DUTIES_CONFLICT, f"{found[0].one} + {found[0].other}")


def require_rule(word: str, context: Iterable[str]) -> None:
    """``RULE_BROKEN`` for a new password that is not acceptable; ``context`` is what a guesser knows of the person."""
    rule = passwords.broken_rule(word, context)
    if rule is not None:
        raise StaffRefused(StaffFault.RULE_BROKEN, rule)


def normal_login(text: str) -> str:
    """One form of a login name, whatever the keyboard: NFKC, lower case; what can be no name becomes a '?'."""
    name = unicodedata.normalize("NFKC", text[:LONGEST_LOGIN]).strip().casefold()
    return name if name.isprintable() else "?"


def opaque_id(kind: str) -> str:
    """An id that tells nothing about the person: 128 random bits, never with digits in a row like a person's number."""
    made = base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()
    return opaque_id(kind) if LONG_NUMBER.search(made) else f"{kind}_{made}"


def done(name: str, actor: Actor, now: Moment, about: str = "") -> Operation:
    """The entry of an act that took place."""
    return Operation(actor, now, name, OperationOutcome.DONE, about=about)
