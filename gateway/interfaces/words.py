"""Words that the bodies of several families share: a person as callers name one, exchange numbers, pages of lists."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar, Self
from uuid import UUID

from msgspec import Meta, Struct

from authz.duties import PrincipalKind
from authz.staff import MOST_TASKS
from gateway.clock import TOKYO
from gateway.intermediary.party import Intermediary
from gateway.problems import FieldError, Problem
from sympho import addressees
from sympho.codes import AddresseeNumber, AgencyCode, BadCode, SystemCode, TaskCode, UnifiedNumber

__all__ = [
    "BY_STAFF",
    "BY_STAFF_OR_SYSTEM",
    "FOR_ANYONE",
    "OF_SERVED",
    "AccountId",
    "Aware",
    "ClientId",
    "Cursor",
    "DelegationId",
    "ExchangeNumber",
    "Limit",
    "Name",
    "Person",
    "Persons",
    "SessionId",
    "Tasks",
    "TerminalId",
    "cursor",
    "found",
    "in_tokyo",
    "nobody",
    "position",
    "unified",
]

_UNSEEN = r"\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2069"

FOR_ANYONE = frozenset({PrincipalKind.PUBLIC})
BY_STAFF = frozenset({PrincipalKind.STAFF})
BY_STAFF_OR_SYSTEM = frozenset({PrincipalKind.STAFF, PrincipalKind.SYSTEM})

OF_SERVED = frozenset({"wrong-agency", "directory-stale"})
"""What every operation of the intermediary server may say: not our agency, or no publications yet."""

MOST_PERSONS = 1_000
"""Persons in one call."""

Name = Annotated[str, Meta(pattern=rf"^[^\s{_UNSEEN}][^{_UNSEEN}]{{0,39}}$")]
"""What people call somebody or something: something that can be seen, and written in one direction."""
Tasks = Annotated[tuple[TaskCode, ...], Meta(max_length=MOST_TASKS)]

Aware = Annotated[datetime, Meta(tz=True)]
Limit = Annotated[int, Meta(ge=1, le=500)]
Cursor = Annotated[str, Meta(pattern=r"^([0-9a-f]{1,14}-[0-9a-f]{32})?$")]
"""Where a list goes on: ``next`` of the page before, opaque to callers; empty for the beginning."""

_FIRST = datetime(1, 1, 2, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LAST = (datetime(9999, 12, 30, tzinfo=UTC) - _FIRST) // _MICROSECOND


class ExchangeNumber(str):
    """処理通番 as it stands in a path: a UUIDv7 in its one text form."""

    kind: ClassVar[str] = "処理通番"
    pattern: ClassVar[str] = "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        if re.fullmatch(cls.pattern, text) is None:
            raise BadCode(cls.kind, "a UUIDv7 in lower-case hyphenated form expected")
        return str.__new__(cls, text)


_OPAQUE = "(?!.*[0-9]{11})[a-z2-7]{26}"
"""What stands in an id of ours: never so many digits in a row that they could be a person's number."""


class _OpaqueId(str):
    kind: ClassVar[str]
    prefix: ClassVar[str]
    pattern: ClassVar[str]
    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        if re.fullmatch(cls.pattern, text) is None:
            raise BadCode(cls.kind, f"{cls.prefix} + 26 letters or digits expected")
        return str.__new__(cls, text)


class AccountId(_OpaqueId):
    """職員の識別子: opaque, it tells nothing about the person."""

    kind = "職員の識別子"
    prefix = "stf_"
    pattern = f"^stf_{_OPAQUE}$"
    __slots__ = ()


class ClientId(_OpaqueId):
    """業務システムの識別子."""

    kind = "業務システムの識別子"
    prefix = "cli_"
    pattern = f"^cli_{_OPAQUE}$"
    __slots__ = ()


class TerminalId(_OpaqueId):
    """端末の識別子."""

    kind = "端末の識別子"
    prefix = "trm_"
    pattern = f"^trm_{_OPAQUE}$"
    __slots__ = ()


class DelegationId(_OpaqueId):
    """代行の識別子."""

    kind = "代行の識別子"
    prefix = "dlg_"
    pattern = f"^dlg_{_OPAQUE}$"
    __slots__ = ()


class SessionId(_OpaqueId):
    """セッションの識別子: it opens nothing without its token."""

    kind = "セッションの識別子"
    prefix = "ses_"
    pattern = f"^ses_{_OPAQUE}$"
    __slots__ = ()


class Person(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A person as a caller names one: by 団体内統合宛名番号, or by a business system (業務ID) and its 宛名番号."""

    unified: UnifiedNumber | None = None
    system: SystemCode | None = None
    number: AddresseeNumber | None = None

    def __post_init__(self) -> None:
        by_system = self.system is not None and self.number is not None
        half = (self.system is None) != (self.number is None)
        if half or by_system == (self.unified is not None):
            raise ValueError("either unified, or system and number")

    def __repr__(self) -> str:
        return "<Person>"


Persons = Annotated[tuple[Person, ...], Meta(min_length=1, max_length=MOST_PERSONS)]


async def found(server: Intermediary, agency: AgencyCode, persons: Sequence[Person]) -> list[UnifiedNumber | None]:
    """団体内統合宛名番号 of each person, in the order given; None where the system's number is linked to nobody."""
    server.serve(agency)
    asked = [(one.system, one.number) for one in persons if one.system is not None and one.number is not None]
    if not asked:
        return [one.unified for one in persons]
    async with server.db.connection() as conn:
        linked = iter(await addressees.to_unified(conn, agency, asked))
    return [one.unified if one.unified is not None else next(linked) for one in persons]


async def unified(
    server: Intermediary, agency: AgencyCode, persons: Sequence[Person], place: str = "$.person"
) -> list[UnifiedNumber]:
    """The same, or ``not-found`` with the places of those who are nobody. ``place`` has ``{}`` for the index."""
    numbers = await found(server, agency, persons)
    missing = [n for n, number in enumerate(numbers) if number is None]
    if missing:
        raise nobody(*(place.format(n) for n in missing[:20]))
    return [number for number in numbers if number is not None]


def nobody(*places: str) -> Problem:
    """``not-found``: what stands at these places of the body is nobody's number."""
    errors = tuple(FieldError(place, "linked to nobody in this agency") for place in places)
    return Problem("not-found", "no such addressee in this agency", errors=errors)


def cursor(at: datetime, txn: UUID) -> str:
    """The place behind this row of a list that is in the order of a time and an exchange number."""
    return f"{(at - _FIRST) // _MICROSECOND:x}-{txn.hex}"


def position(text: str) -> tuple[datetime, UUID]:
    """The place that a cursor names; the beginning for none, and the end for a time that cannot be."""
    if not text:
        return _FIRST, UUID(int=0)
    at, _, txn = text.partition("-")
    return _FIRST + min(int(at, 16), _LAST) * _MICROSECOND, UUID(txn)


def in_tokyo(at: datetime) -> datetime:
    """World time as people read it."""
    return at.astimezone(TOKYO)
