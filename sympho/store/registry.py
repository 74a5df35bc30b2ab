"""The statements of the agency's code register (schema ``registry.sql``)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sympho.store import Connection


class NewAcquisition(NamedTuple):
    """An acquisition number about to be kept, blind and sealed."""

    unified: str
    number_blind: bytes
    number_sealed: bytes


class Standing(NamedTuple):
    """What is known of a person's code: enough to tell the status."""

    known: bool
    number_sealed: bytes | None
    held: bool
    last_event: str | None


class OpenAcquisition(NamedTuple):
    """A locked open acquisition, with the highest generation that this agency has retired for the person, and the one
    that it holds (0: none). ``place``: where the row stays while it is locked."""

    place: tuple[int, int]
    unified: str
    number_blind: bytes
    retired_generation: int
    held_generation: int


class NewHeldCode(NamedTuple):
    """A code about to be bound."""

    unified: str
    generation: int
    code_blind: bytes
    code_sealed: bytes


class RegistryEvent(NamedTuple):
    """One event; ``n`` is the place of the person who was asked about."""

    n: int
    event: str
    generation: int | None
    reason: str | None
    happened_at: datetime


REGISTER_PERSONS = """
INSERT INTO unified_person (agency, unified, registered_at)
SELECT $1, w.unified, $3
FROM UNNEST($2::text[]) AS w (unified)
ORDER BY w.unified
ON CONFLICT (agency, unified) DO NOTHING
"""


async def register_persons(conn: Connection, agency: str, unified: Sequence[str], now: datetime) -> None:
    """Takes over unified numbers that another system has given; known ones stay as they are."""
    await conn.execute(REGISTER_PERSONS, agency, unified, now)


OPEN_ACQUISITIONS = """
WITH opened AS (
    INSERT INTO code_acquisition (agency, unified, number_blind, number_sealed, opened_at)
    SELECT $1, w.unified, w.number_blind, w.number_sealed, $5
    FROM UNNEST($2::text[], $3::bytea[], $4::bytea[]) AS w (unified, number_blind, number_sealed)
    WHERE (SELECT TRUE FROM unified_person AS p WHERE p.agency = $1 AND p.unified = w.unified)
    ORDER BY w.unified
    ON CONFLICT (agency, unified) DO NOTHING
    RETURNING unified
)
INSERT INTO held_code_event (agency, unified, event, generation, reason, happened_at)
SELECT $1, o.unified, 'asked', NULL, NULL, $5
FROM opened AS o
"""


async def open_acquisitions(conn: Connection, agency: str, rows: Sequence[NewAcquisition], now: datetime) -> int:
    """Opens an acquisition for everyone who is known and has none open; how many were opened."""
    done: str = await conn.execute(
        OPEN_ACQUISITIONS,
        agency,
        [r.unified for r in rows],
        [r.number_blind for r in rows],
        [r.number_sealed for r in rows],
        now,
    )
    return int(done.rpartition(" ")[2])


SELECT_STANDINGS = """
SELECT p.unified IS NOT NULL AS known, a.number_sealed, h.unified IS NOT NULL AS held, e.event AS last_event
FROM UNNEST($2::text[]) WITH ORDINALITY AS w (unified, n)
LEFT JOIN unified_person AS p ON p.agency = $1 AND p.unified = w.unified
LEFT JOIN code_acquisition AS a ON a.agency = $1 AND a.unified = w.unified
LEFT JOIN held_code AS h ON h.agency = $1 AND h.unified = w.unified
LEFT JOIN LATERAL (
    SELECT l.event
    FROM held_code_event AS l
    WHERE l.agency = $1 AND l.unified = w.unified
    ORDER BY l.serial DESC
    LIMIT 1
) AS e ON TRUE
ORDER BY w.n
"""


async def standings(conn: Connection, agency: str, unified: Sequence[str]) -> list[Standing]:
    """How each person's code stands, in the order asked."""
    return [Standing(*r) for r in await conn.fetch(SELECT_STANDINGS, agency, unified)]


LOCK_ACQUISITIONS = """
SELECT
    a.place,
    a.unified,
    a.number_blind,
    COALESCE(
        (
            SELECT MAX(e.generation)
            FROM held_code_event AS e
            WHERE e.agency = a.agency AND e.unified = a.unified AND e.event = 'retired'
        ),
        0
    ) AS retired_generation,
    COALESCE(
        (SELECT h.generation FROM held_code AS h WHERE h.agency = a.agency AND h.unified = a.unified), 0
    ) AS held_generation
FROM (SELECT DISTINCT w.number_blind FROM UNNEST($2::bytea[]) AS w (number_blind) ORDER BY w.number_blind) AS n
CROSS JOIN LATERAL (
    SELECT c.ctid AS place, c.agency, c.unified, c.number_blind
    FROM code_acquisition AS c
    WHERE c.agency = $1 AND c.number_blind = n.number_blind
    FOR UPDATE
) AS a
"""


async def lock_acquisitions(conn: Connection, agency: str, number_blinds: Sequence[bytes]) -> list[OpenAcquisition]:
    """The open acquisitions among these, locked until the transaction ends.

    Each is looked up by itself: the table is empty most of the time, and PostgreSQL, which has learnt that, would
    otherwise read all that are open just now.
    """
    return [OpenAcquisition(*r) for r in await conn.fetch(LOCK_ACQUISITIONS, agency, number_blinds)]


SUPERSEDE_CODES = """
WITH gone AS (
    DELETE FROM held_code AS h
    USING UNNEST($2::text[], $3::integer[]) AS w (unified, generation)
    WHERE h.agency = $1 AND h.unified = w.unified AND h.generation < w.generation
    RETURNING h.unified, h.generation
)
INSERT INTO held_code_event (agency, unified, event, generation, reason, happened_at)
SELECT $1, g.unified, 'retired', g.generation, 'superseded', $4
FROM gone AS g
"""


async def supersede_codes(conn: Connection, agency: str, rows: Sequence[tuple[str, int]], now: datetime) -> None:
    """Removes codes of a lower generation than the one that has come. Rows: (unified, generation); locked by the
    caller."""
    await conn.execute(SUPERSEDE_CODES, agency, [r[0] for r in rows], [r[1] for r in rows], now)


BIND_CODES = """
WITH bound AS (
    INSERT INTO held_code (agency, unified, generation, code_blind, code_sealed, bound_at)
    SELECT $1, w.unified, w.generation, w.code_blind, w.code_sealed, $6
    FROM UNNEST($2::text[], $3::integer[], $4::bytea[], $5::bytea[])
        AS w (unified, generation, code_blind, code_sealed)
    ORDER BY w.code_blind, w.unified
    ON CONFLICT DO NOTHING
    RETURNING unified, generation
)
INSERT INTO held_code_event (agency, unified, event, generation, reason, happened_at)
SELECT $1, b.unified, 'bound', b.generation, NULL, $6
FROM bound AS b
RETURNING unified
"""


async def bind_codes(conn: Connection, agency: str, rows: Sequence[NewHeldCode], now: datetime) -> set[str]:
    """Binds codes to persons; answers with those that were bound. The others hold a code, or another number holds
    it."""
    bound = await conn.fetch(
        BIND_CODES,
        agency,
        [r.unified for r in rows],
        [r.generation for r in rows],
        [r.code_blind for r in rows],
        [r.code_sealed for r in rows],
        now,
    )
    return {r["unified"] for r in bound}


FORGET_ACQUISITIONS = """
DELETE FROM code_acquisition WHERE ctid = ANY ($1::tid[])
"""


async def forget_acquisitions(conn: Connection, locked: Iterable[OpenAcquisition]) -> None:
    """Deletes the acquisition numbers that ``lock_acquisitions`` has found in this transaction: they stay in place."""
    await conn.execute(FORGET_ACQUISITIONS, [row.place for row in locked])


ADD_EVENTS = """
INSERT INTO held_code_event (agency, unified, event, generation, reason, happened_at)
SELECT $1, w.unified, w.event, w.generation, NULL, $5
FROM UNNEST($2::text[], $3::text[], $4::integer[]) AS w (unified, event, generation)
"""


async def add_events(conn: Connection, agency: str, rows: Sequence[tuple[str, str, int | None]], now: datetime) -> None:
    """Adds to the history. Rows: (unified, event, generation)."""
    await conn.execute(ADD_EVENTS, agency, [r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows], now)


RESOLVE = """
SELECT h.code_sealed
FROM UNNEST($1::text[], $2::text[]) WITH ORDINALITY AS w (agency, unified, n)
LEFT JOIN held_code AS h ON h.agency = w.agency AND h.unified = w.unified
ORDER BY w.n
"""


async def sealed_codes(conn: Connection, rows: Sequence[tuple[str, str]]) -> list[bytes | None]:
    """The sealed codes of persons, in the order asked. Rows: (agency, unified)."""
    found = await conn.fetch(RESOLVE, [r[0] for r in rows], [r[1] for r in rows])
    return [r["code_sealed"] for r in found]


RESOLVE_ADDRESSEES = """
SELECT l.unified, h.code_sealed
FROM UNNEST($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS w (agency, system, addressee, n)
LEFT JOIN addressee_link AS l ON l.agency = w.agency AND l.system = w.system AND l.addressee = w.addressee
LEFT JOIN held_code AS h ON h.agency = l.agency AND h.unified = l.unified
ORDER BY w.n
"""


async def codes_of_addressees(
    conn: Connection, rows: Sequence[tuple[str, str, str]]
) -> list[tuple[str | None, bytes | None]]:
    """The person of each addressee, and the person's sealed code. Rows: (agency, system, addressee)."""
    found = await conn.fetch(RESOLVE_ADDRESSEES, [r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows])
    return [(r[0], r[1]) for r in found]


def reversing() -> str:
    """The part of a larger statement that looks codes up: agency and person of the ``n``-th code. Its parameters are
    agencies and blind codes, the first two."""
    return """
SELECT w.agency, h.unified, w.n
FROM UNNEST($1::text[], $2::bytea[]) WITH ORDINALITY AS w (agency, code_blind, n)
LEFT JOIN held_code AS h ON h.agency = w.agency AND h.code_blind = w.code_blind
"""


REVERSE = f"""
SELECT h.unified FROM ({reversing()}) AS h ORDER BY h.n
"""


async def persons_of_codes(conn: Connection, rows: Sequence[tuple[str, bytes]]) -> list[str | None]:
    """The persons behind codes (blind), in the order asked. Rows: (agency, code blind)."""
    found = await conn.fetch(REVERSE, [r[0] for r in rows], [r[1] for r in rows])
    return [r["unified"] for r in found]


RETIRE_CODES = """
WITH live AS (
    SELECT h.unified
    FROM held_code AS h
    WHERE h.agency = $1 AND h.unified = ANY ($2::text[])
    ORDER BY h.unified
    FOR UPDATE
),
gone AS (
    DELETE FROM held_code AS h
    USING live AS l
    WHERE h.agency = $1 AND h.unified = l.unified
    RETURNING h.unified, h.generation
)
INSERT INTO held_code_event (agency, unified, event, generation, reason, happened_at)
SELECT $1, g.unified, 'retired', g.generation, $3, $4
FROM gone AS g
RETURNING unified
"""


async def retire_codes(conn: Connection, agency: str, unified: Sequence[str], reason: str, now: datetime) -> set[str]:
    """Removes codes and keeps that they were there; answers with the persons who had one."""
    return {r["unified"] for r in await conn.fetch(RETIRE_CODES, agency, unified, reason, now)}


SELECT_HISTORY = """
SELECT w.n - 1 AS n, e.event, e.generation, e.reason, e.happened_at
FROM UNNEST($2::text[]) WITH ORDINALITY AS w (unified, n)
JOIN held_code_event AS e ON e.agency = $1 AND e.unified = w.unified
ORDER BY w.n, e.serial
"""


async def history(conn: Connection, agency: str, unified: Sequence[str]) -> list[RegistryEvent]:
    """Everything that happened to the codes of these persons, oldest first."""
    return [RegistryEvent(*r) for r in await conn.fetch(SELECT_HISTORY, agency, unified)]
