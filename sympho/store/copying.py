"""Many new rows at once (一括登録): COPY, where nothing stands against it.

Each function copies inside a savepoint and tells whether it could. Where a row was there already, or what it refers to
is not there, nothing of it is written, and the caller takes the statement that deals with every row by itself.

What two batches may both bring, individuals and residents and persons, comes in the order in which those statements
lock it. Everything else comes person by person: then what is looked at for one row is at hand for the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import asyncpg

from sympho.store import Connection
from sympho.store.addressees import NewLink, NewPerson
from sympho.store.issuing import NewCode
from sympho.store.registry import NewAcquisition, NewHeldCode

COPY_FROM = 300
"""From so many rows on, COPY is tried."""
SAMPLE = 40
"""Of so many rows one is looked for first: what was done before is seldom done again in part."""

_Copy = tuple[str, tuple[str, ...], Iterable[tuple[object, ...]]]
"""Table, columns, rows."""

_PERSON = ("agency", "unified", "individual_blind", "individual_sealed", "registered_at")
_LINK = ("agency", "system", "addressee", "unified", "linked_at")
_ACQUISITION = ("agency", "unified", "number_blind", "number_sealed", "opened_at")
_HELD = ("agency", "unified", "generation", "code_blind", "code_sealed", "bound_at")
_HELD_EVENT = ("agency", "unified", "event", "generation", "happened_at")
_RESIDENT = ("resident_blind", "person_key", "seen_at")
_ISSUED = ("agency", "person_key", "generation", "code_blind", "state", "since")
_ISSUED_EVENT = ("agency", "person_key", "generation", "event", "code_blind", "happened_at")


async def _copied(conn: Connection, *copies: _Copy) -> bool:
    try:
        async with conn.transaction():
            for table, columns, rows in copies:
                await conn.copy_records_to_table(table, records=rows, columns=columns)
    except asyncpg.IntegrityConstraintViolationError:
        return False
    return True


async def numbered(
    conn: Connection,
    persons: Iterable[tuple[str, NewPerson]],
    links: Iterable[tuple[str, NewLink]],
    now: datetime,
) -> bool:
    """Persons of some agencies with their new numbers, and the systems' own numbers linked to them."""
    return await _copied(
        conn,
        ("unified_person", _PERSON, ((agency, *row, now) for agency, row in sorted(persons, key=_by_blind))),
        ("addressee_link", _LINK, ((agency, *row, now) for agency, row in sorted(links, key=_by_person))),
    )


def _by_blind(person: tuple[str, NewPerson]) -> tuple[str, bytes]:
    return person[0], person[1].individual_blind


def _by_person(link: tuple[str, NewLink]) -> tuple[str, str]:
    return link[0], link[1].unified


async def opened(conn: Connection, agency: str, acquisitions: Sequence[NewAcquisition], now: datetime) -> bool:
    """Acquisitions of known persons who have none open, each with its event."""
    rows = sorted(acquisitions)
    return await _copied(
        conn,
        ("code_acquisition", _ACQUISITION, ((agency, *row, now) for row in rows)),
        ("held_code_event", _HELD_EVENT, ((agency, row.unified, "asked", None, now) for row in rows)),
    )


async def bound(conn: Connection, agency: str, codes: Sequence[NewHeldCode], now: datetime) -> bool:
    """Codes of persons who hold none, each with its event."""
    rows = sorted(codes)
    return await _copied(
        conn,
        ("held_code", _HELD, ((agency, *row, now) for row in rows)),
        ("held_code_event", _HELD_EVENT, ((agency, row.unified, "bound", row.generation, now) for row in rows)),
    )


async def seen(conn: Connection, residents: Iterable[tuple[bytes, bytes]], now: datetime) -> bool:
    """Residents whom the network sees for the first time. Rows: (resident blind, person key)."""
    return await _copied(conn, ("resident_person", _RESIDENT, ((*row, now) for row in sorted(residents))))


async def issued(conn: Connection, agency: str, codes: Sequence[NewCode], now: datetime) -> bool:
    """Codes of persons who have never had one at the agency, each with its event."""
    rows = sorted(codes)
    return await _copied(
        conn,
        (
            "issued_code",
            _ISSUED,
            ((agency, row.person_key, row.generation, row.code_blind, "issued", now) for row in rows),
        ),
        (
            "issued_code_event",
            _ISSUED_EVENT,
            ((agency, row.person_key, row.generation, "issued", row.code_blind, now) for row in rows),
        ),
    )
