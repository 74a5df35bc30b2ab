"""The operations log (操作記録): who did what, at which terminal, when, with which outcome (product 4.9, R5).

An entry is made of closed words, opaque ids and times only: there is no field that a password, a person's number or
content could get into, and each field's form is checked here and once more by the table. Entries are written by
``store.record`` in the transaction of what they tell, and read by ``store.search``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sympho.codes import AgencyCode

PAGE_LIMIT = 500
"""The most entries that one page of a search may hold."""

UNKNOWN_TERMINAL = "unknown"

LONG_NUMBER = re.compile(r"[0-9]{11}")
"""What could be a person's number; no field of an entry may have it in it."""
_TERMINAL = re.compile(r"[A-Za-z0-9.:%_-]{1,64}")
_NAME = re.compile(r"[a-z][a-z0-9.-]{0,63}")
_INTERFACE = re.compile(r"([A-Z][A-Z0-9_-]{0,39})?")
_REASON = re.compile(r"([a-z][a-z0-9-]{0,63})?")
_PERSON = re.compile(r"((stf|cli)_[a-z2-7]{26})?")
_ABOUT = re.compile(r"((stf|cli|trm|dlg|ses)_[a-z2-7]{26})?")
_SESSION = re.compile(r"((ses|cli)_[a-z2-7]{26}(\.[0-9]+)?)?")


class BadOperation(ValueError):
    """An entry whose field breaks its form. Names the field, never its text."""

    def __init__(self, field: str) -> None:
        super().__init__(f"操作記録: the field {field} breaks its form")
        self.field = field


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant on both clocks: world time (法の日時) judges records, machine time judges sessions and lockouts."""

    world: datetime
    machine: datetime

    def __post_init__(self) -> None:
        if self.world.tzinfo is None or self.machine.tzinfo is None:
            raise ValueError("a moment needs two aware times")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts (操作者) and where: an account ``stf_...``, a client ``cli_...``, or nobody known (an empty string)."""

    agency: AgencyCode
    person: str
    session: str
    terminal: str

    def __post_init__(self) -> None:
        _require("person", _PERSON, self.person)
        _require("session", _SESSION, self.session)
        _require("terminal", _TERMINAL, self.terminal)

    @property
    def staff_id(self) -> str | None:
        return self.person if self.person.startswith("stf_") else None

    @property
    def client_id(self) -> str | None:
        return self.person if self.person.startswith("cli_") else None


def at_the_machine(agency: AgencyCode) -> Actor:
    """Whoever works at the server itself (the command line), where there is no session and no account."""
    return Actor(agency, "", "", "server-console")


class OperationOutcome(StrEnum):
    """How an operation ended, as far as the log is concerned."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Operation:
    """One entry (操作): ``name`` like ``inquiry.register``, ``interface`` the official id or an empty string.

    ``reason`` is a slug when the outcome is not done; ``exchange`` the exchange number if there is one; ``about`` the
    account, client, terminal, delegation or session that was changed, or an empty string.
    """

    actor: Actor
    at: Moment
    name: str
    outcome: OperationOutcome
    interface: str = ""
    reason: str = ""
    exchange: UUID | None = None
    about: str = ""

    def __post_init__(self) -> None:
        _require("name", _NAME, self.name)
        _require("interface", _INTERFACE, self.interface)
        _require("reason", _REASON, self.reason)
        _require("about", _ABOUT, self.about)


@dataclass(frozen=True, slots=True)
class Logged:
    """An entry as it stands in the log. ``seq`` grows with time inside one agency and is the key for paging."""

    seq: int
    operation: Operation


@dataclass(frozen=True, slots=True)
class Search:
    """What a reader of the log asks for; a field left at None does not limit. Times are world time, until exclusive.

    Newest first. The next page is the same search with ``before`` set to the last ``seq`` of this one.
    """

    since: datetime | None = None
    until: datetime | None = None
    person: str | None = None
    name: str | None = None
    outcome: OperationOutcome | None = None
    exchange: UUID | None = None
    about: str | None = None
    terminal: str | None = None
    before: int | None = None
    limit: int = 100

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= PAGE_LIMIT:
            raise BadOperation("limit")
        if any(at is not None and at.tzinfo is None for at in (self.since, self.until)):
            raise BadOperation("since or until")


def terminal_of(text: str) -> str:
    """A terminal's name or address as the log may hold it; what breaks the form, or hides a long number, is unknown."""
    return text if _fits(_TERMINAL, text) else UNKNOWN_TERMINAL


def _fits(form: re.Pattern[str], text: str) -> bool:
    return form.fullmatch(text) is not None and LONG_NUMBER.search(text) is None


def _require(field: str, form: re.Pattern[str], text: str) -> None:
    if not _fits(form, text):
        raise BadOperation(field)
