"""The statements of the unified addressee numbers (schema ``registry.sql``)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sympho.store import Connection


class Asked(NamedTuple):
    """One request for a number: the individual (blind) and the asking system's own number."""

    individual_blind: bytes
    system: str
    addressee: str


class Found(NamedTuple):
    """What stands already: the number linked to the addressee, and the number of the individual."""

    linked: str | None
    numbered: str | None


class NewPerson(NamedTuple):
    """A person about to be numbered."""

    unified: str
    individual_blind: bytes
    individual_sealed: bytes


class NewLink(NamedTuple):
    """An addressee number about to be linked."""

    system: str
    addressee: str
    unified: str


class Linked(NamedTuple):
    """A link; ``n`` is the place of the person who was asked about."""

    n: int
    system: str
    addressee: str


FIND = """
SELECT l.unified AS linked, p.unified AS numbered
FROM UNNEST($2::bytea[], $3::text[], $4::text[]) WITH ORDINALITY AS w (individual_blind, system, addressee, n)
LEFT JOIN LATERAL (
    SELECT a.unified
    FROM addressee_link AS a
    WHERE a.agency = $1 AND a.system = w.system AND a.addressee = w.addressee
    LIMIT 1
) AS l ON TRUE
LEFT JOIN LATERAL (
    SELECT u.unified
    FROM unified_person AS u
    WHERE u.agency = $1 AND u.individual_blind = w.individual_blind
    LIMIT 1
) AS p ON TRUE
ORDER BY w.n
"""


async def find(conn: Connection, agency: str, rows: Sequence[Asked]) -> list[Found]:
    """What is known of each request, in the order given."""
    found = await conn.fetch(
        FIND,
        agency,
        [r.individual_blind for r in rows],
        [r.system for r in rows],
        [r.addressee for r in rows],
    )
    return [Found(*r) for r in found]


INSERT_PERSONS = """
INSERT INTO unified_person (agency, unified, individual_blind, individual_sealed, registered_at)
SELECT $1, w.unified, w.individual_blind, w.individual_sealed, $5
FROM UNNEST($2::text[], $3::bytea[], $4::bytea[]) AS w (unified, individual_blind, individual_sealed)
ORDER BY w.individual_blind
ON CONFLICT DO NOTHING
RETURNING unified
"""


async def insert_persons(conn: Connection, agency: str, rows: Sequence[NewPerson], now: datetime) -> set[str]:
    """Numbers persons; skips an individual who has a number, and a number that is taken. Answers with the new
    numbers."""
    made = await conn.fetch(
        INSERT_PERSONS,
        agency,
        [r.unified for r in rows],
        [r.individual_blind for r in rows],
        [r.individual_sealed for r in rows],
        now,
    )
    return {r["unified"] for r in made}


INSERT_LINKS = """
INSERT INTO addressee_link (agency, system, addressee, unified, linked_at)
SELECT $1, w.system, w.addressee, w.unified, $5
FROM UNNEST($2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS w (system, addressee, unified, n)
WHERE (SELECT TRUE FROM unified_person AS p WHERE p.agency = $1 AND p.unified = w.unified)
ORDER BY w.system, w.addressee, w.n
ON CONFLICT (agency, system, addressee) DO NOTHING
"""


async def insert_links(conn: Connection, agency: str, rows: Sequence[NewLink], now: datetime) -> int:
    """Links systems' own numbers to known persons; how many were linked now. A number that is linked stays with whom it
    is, the first one wins."""
    done: str = await conn.execute(
        INSERT_LINKS, agency, [r.system for r in rows], [r.addressee for r in rows], [r.unified for r in rows], now
    )
    return int(done.rpartition(" ")[2])


SELECT_UNIFIED = """
SELECT l.unified
FROM UNNEST($2::text[], $3::text[]) WITH ORDINALITY AS w (system, addressee, n)
LEFT JOIN addressee_link AS l ON l.agency = $1 AND l.system = w.system AND l.addressee = w.addressee
ORDER BY w.n
"""


async def unified_of(conn: Connection, agency: str, rows: Sequence[tuple[str, str]]) -> list[str | None]:
    """The person of each addressee, in the order asked. Rows: (system, addressee)."""
    found = await conn.fetch(SELECT_UNIFIED, agency, [r[0] for r in rows], [r[1] for r in rows])
    return [r["unified"] for r in found]


SELECT_ADDRESSEES = """
SELECT l.addressee
FROM UNNEST($2::text[], $3::text[]) WITH ORDINALITY AS w (system, unified, n)
LEFT JOIN LATERAL (
    SELECT a.addressee
    FROM addressee_link AS a
    WHERE a.agency = $1 AND a.unified = w.unified AND a.system = w.system
    ORDER BY a.linked_at DESC, a.addressee DESC
    LIMIT 1
) AS l ON TRUE
ORDER BY w.n
"""


async def addressees_of(conn: Connection, agency: str, rows: Sequence[tuple[str, str]]) -> list[str | None]:
    """Each person's latest number in a system, in the order asked. Rows: (system, unified)."""
    found = await conn.fetch(SELECT_ADDRESSEES, agency, [r[0] for r in rows], [r[1] for r in rows])
    return [r["addressee"] for r in found]


SELECT_LINKS = """
SELECT w.n - 1 AS n, a.system, a.addressee
FROM UNNEST($2::text[]) WITH ORDINALITY AS w (unified, n)
JOIN addressee_link AS a ON a.agency = $1 AND a.unified = w.unified
ORDER BY w.n, a.system, a.linked_at, a.addressee
"""


async def links(conn: Connection, agency: str, unified: Sequence[str]) -> list[Linked]:
    """All links of these persons."""
    return [Linked(*r) for r in await conn.fetch(SELECT_LINKS, agency, unified)]


SELECT_INDIVIDUALS = """
SELECT p.individual_sealed
FROM UNNEST($2::text[]) WITH ORDINALITY AS w (unified, n)
LEFT JOIN unified_person AS p ON p.agency = $1 AND p.unified = w.unified
ORDER BY w.n
"""


async def sealed_individuals(conn: Connection, agency: str, unified: Sequence[str]) -> list[bytes | None]:
    """The sealed 個人番号 of these persons, in the order asked."""
    return [r["individual_sealed"] for r in await conn.fetch(SELECT_INDIVIDUALS, agency, unified)]


UPDATE_BASIC = """
WITH known AS (
    SELECT p.unified, w.basic_sealed
    FROM UNNEST($2::text[], $3::bytea[]) AS w (unified, basic_sealed)
    JOIN unified_person AS p ON p.agency = $1 AND p.unified = w.unified
    ORDER BY p.unified
    FOR NO KEY UPDATE OF p
)
UPDATE unified_person AS p
SET basic_sealed = k.basic_sealed
FROM known AS k
WHERE p.agency = $1 AND p.unified = k.unified
RETURNING p.unified
"""


async def update_basic(conn: Connection, agency: str, rows: Sequence[tuple[str, bytes]]) -> set[str]:
    """Replaces the sealed basic items. Rows: (unified, sealed), each person once. Answers with the known persons."""
    done = await conn.fetch(UPDATE_BASIC, agency, [r[0] for r in rows], [r[1] for r in rows])
    return {r["unified"] for r in done}


SELECT_BASIC = """
SELECT p.basic_sealed
FROM UNNEST($2::text[]) WITH ORDINALITY AS w (unified, n)
LEFT JOIN unified_person AS p ON p.agency = $1 AND p.unified = w.unified
ORDER BY w.n
"""


async def sealed_basic(conn: Connection, agency: str, unified: Sequence[str]) -> list[bytes | None]:
    """The sealed basic items of these persons, in the order asked."""
    return [r["basic_sealed"] for r in await conn.fetch(SELECT_BASIC, agency, unified)]
