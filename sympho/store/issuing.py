"""The statements of the network's issuing of codes (schema ``issuing.sql``)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sympho.store import Connection


class IssuedCode(NamedTuple):
    """The latest generation of a person's code at an agency."""

    person_key: bytes
    generation: int
    state: str
    code_blind: bytes


class NewCode(NamedTuple):
    """A generation about to be issued."""

    person_key: bytes
    generation: int
    code_blind: bytes


class Wanted(NamedTuple):
    """One translation: whose code (blind), and for which provider."""

    inquirer: str
    code_blind: bytes
    provider: str


class Translated(NamedTuple):
    """The person behind a code, and the provider's live code for the same person, if there is one."""

    person_key: bytes | None
    provider_generation: int | None
    provider_state: str | None


class IssuedEvent(NamedTuple):
    """One event in the life of a person's codes at an agency; ``n`` is the place of the code that was asked about."""

    n: int
    generation: int
    event: str
    reason: str | None
    happened_at: datetime


INSERT_RESIDENTS = """
INSERT INTO resident_person (resident_blind, person_key, seen_at)
SELECT w.resident_blind, w.person_key, $3
FROM UNNEST($1::bytea[], $2::bytea[]) AS w (resident_blind, person_key)
ORDER BY w.resident_blind
ON CONFLICT (resident_blind) DO NOTHING
"""


async def insert_residents(conn: Connection, rows: Sequence[tuple[bytes, bytes]], now: datetime) -> int:
    """Notes which person a 住民票コード belongs to, where that is not known yet; how many were new. Rows: (resident
    blind, person key)."""
    done: str = await conn.execute(INSERT_RESIDENTS, [r[0] for r in rows], [r[1] for r in rows], now)
    return int(done.rpartition(" ")[2])


SELECT_RESIDENTS = """
SELECT r.person_key
FROM UNNEST($1::bytea[]) WITH ORDINALITY AS w (resident_blind, n)
LEFT JOIN resident_person AS r ON r.resident_blind = w.resident_blind
ORDER BY w.n
"""


async def person_keys(conn: Connection, resident_blinds: Sequence[bytes]) -> list[bytes | None]:
    """The person of each 住民票コード (blind), in the order asked."""
    return [r["person_key"] for r in await conn.fetch(SELECT_RESIDENTS, resident_blinds)]


INSERT_FIRST_CODES = """
WITH made AS (
    INSERT INTO issued_code (agency, person_key, generation, code_blind, state, since)
    SELECT $1, w.person_key, w.generation, w.code_blind, 'issued', $5
    FROM UNNEST($2::bytea[], $3::integer[], $4::bytea[]) AS w (person_key, generation, code_blind)
    ORDER BY w.person_key
    ON CONFLICT (agency, person_key) DO NOTHING
    RETURNING person_key, generation, code_blind
)
INSERT INTO issued_code_event (agency, person_key, generation, event, code_blind, reason, happened_at)
SELECT $1, m.person_key, m.generation, 'issued', m.code_blind, NULL, $5
FROM made AS m
"""


async def insert_first_codes(conn: Connection, agency: str, rows: Sequence[NewCode], now: datetime) -> None:
    """Issues a code to everyone who has never had one at this agency; leaves the others as they are."""
    await conn.execute(
        INSERT_FIRST_CODES,
        agency,
        [r.person_key for r in rows],
        [r.generation for r in rows],
        [r.code_blind for r in rows],
        now,
    )


ANY_ISSUED = """
SELECT EXISTS (SELECT 1 FROM issued_code AS c WHERE c.agency = $1 AND c.person_key = ANY ($2::bytea[]))
"""


async def any_issued(conn: Connection, agency: str, persons: Sequence[bytes]) -> bool:
    """Whether any of these persons has had a code at this agency; locks nothing."""
    return bool(await conn.fetchval(ANY_ISSUED, agency, persons))


LOCK_CODES_OF_PERSONS = """
SELECT c.person_key, c.generation, c.state, c.code_blind
FROM issued_code AS c
WHERE c.agency = $1 AND c.person_key = ANY ($2::bytea[])
ORDER BY c.person_key
FOR UPDATE
"""


async def lock_codes_of_persons(conn: Connection, agency: str, persons: Sequence[bytes]) -> list[IssuedCode]:
    """The latest code of each person at this agency, locked until the transaction ends."""
    return [IssuedCode(*r) for r in await conn.fetch(LOCK_CODES_OF_PERSONS, agency, persons)]


LOCK_LIVE_CODES = """
SELECT c.person_key, c.generation, c.state, c.code_blind
FROM issued_code AS c
WHERE c.agency = $1 AND c.code_blind = ANY ($2::bytea[]) AND c.state <> 'retired'
ORDER BY c.person_key
FOR UPDATE
"""


async def lock_live_codes(conn: Connection, agency: str, code_blinds: Sequence[bytes]) -> list[IssuedCode]:
    """The live codes among these, locked until the transaction ends."""
    return [IssuedCode(*r) for r in await conn.fetch(LOCK_LIVE_CODES, agency, code_blinds)]


RAISE_GENERATION = """
WITH raised AS (
    UPDATE issued_code AS c
    SET generation = w.generation, code_blind = w.code_blind, state = 'issued', since = $5
    FROM UNNEST($2::bytea[], $3::integer[], $4::bytea[]) AS w (person_key, generation, code_blind)
    WHERE c.agency = $1 AND c.person_key = w.person_key AND c.state = 'retired' AND c.generation = w.generation - 1
    RETURNING c.person_key, c.generation, c.code_blind
)
INSERT INTO issued_code_event (agency, person_key, generation, event, code_blind, reason, happened_at)
SELECT $1, r.person_key, r.generation, 'issued', r.code_blind, NULL, $5
FROM raised AS r
"""


async def raise_generation(conn: Connection, agency: str, rows: Sequence[NewCode], now: datetime) -> None:
    """Issues the next generation where the last one is retired. The caller has locked the rows."""
    await conn.execute(
        RAISE_GENERATION,
        agency,
        [r.person_key for r in rows],
        [r.generation for r in rows],
        [r.code_blind for r in rows],
        now,
    )


CONFIRM_CODES = """
WITH issued AS (
    SELECT c.person_key
    FROM issued_code AS c
    WHERE c.agency = $1 AND c.code_blind = ANY ($2::bytea[]) AND c.state = 'issued'
    ORDER BY c.person_key
    FOR UPDATE
),
confirmed AS (
    UPDATE issued_code AS c
    SET state = 'confirmed', since = $3
    WHERE c.agency = $1 AND c.person_key = ANY (ARRAY(SELECT i.person_key FROM issued AS i))
    RETURNING c.person_key, c.generation, c.code_blind
)
INSERT INTO issued_code_event (agency, person_key, generation, event, code_blind, reason, happened_at)
SELECT $1, c.person_key, c.generation, 'confirmed', c.code_blind, NULL, $3
FROM confirmed AS c
RETURNING generation
"""


async def confirm_codes(conn: Connection, agency: str, code_blinds: Sequence[bytes], now: datetime) -> int:
    """Notes issued codes as held by the agency; how many were not confirmed before."""
    return len(await conn.fetch(CONFIRM_CODES, agency, code_blinds, now))


RETIRE_CODES = """
WITH retired AS (
    UPDATE issued_code AS c
    SET state = 'retired', since = $4
    WHERE c.agency = $1 AND c.person_key = ANY ($2::bytea[]) AND c.state <> 'retired'
    RETURNING c.person_key, c.generation, c.code_blind
)
INSERT INTO issued_code_event (agency, person_key, generation, event, code_blind, reason, happened_at)
SELECT $1, r.person_key, r.generation, 'retired', r.code_blind, $3, $4
FROM retired AS r
"""


async def retire_codes(conn: Connection, agency: str, persons: Sequence[bytes], reason: str, now: datetime) -> None:
    """Retires the live codes of these persons. The caller has locked the rows."""
    await conn.execute(RETIRE_CODES, agency, persons, reason, now)


def translating() -> str:
    """The part of a larger statement that translates: the columns of ``Translated`` for the ``n``-th code wanted. Its
    parameters are those of ``wanted_columns``, the first three."""
    return """
SELECT i.person_key, p.generation, p.state, w.n
FROM UNNEST($1::text[], $2::bytea[], $3::text[]) WITH ORDINALITY AS w (inquirer, code_blind, provider, n)
LEFT JOIN issued_code AS i ON i.agency = w.inquirer AND i.code_blind = w.code_blind AND i.state <> 'retired'
LEFT JOIN LATERAL (
    SELECT c.generation, c.state
    FROM issued_code AS c
    WHERE c.agency = w.provider AND c.person_key = i.person_key AND c.state <> 'retired'
    LIMIT 1
) AS p ON TRUE
"""


TRANSLATE = f"""
SELECT t.person_key, t.generation, t.state FROM ({translating()}) AS t ORDER BY t.n
"""


async def translate(conn: Connection, rows: Sequence[Wanted]) -> list[Translated]:
    """From an inquirer's codes to the persons and the providers' generations, in the order asked."""
    return [Translated(*r) for r in await conn.fetch(TRANSLATE, *wanted_columns(rows))]


def wanted_columns(rows: Sequence[Wanted]) -> tuple[list[str], list[bytes], list[str]]:
    """The parameters of ``translating``."""
    return [r.inquirer for r in rows], [r.code_blind for r in rows], [r.provider for r in rows]


SELECT_HISTORY = """
SELECT w.n - 1 AS n, e.generation, e.event, e.reason, e.happened_at
FROM UNNEST($2::bytea[]) WITH ORDINALITY AS w (code_blind, n)
JOIN issued_code_event AS i ON i.agency = $1 AND i.code_blind = w.code_blind AND i.event = 'issued'
JOIN issued_code_event AS e ON e.agency = i.agency AND e.person_key = i.person_key
ORDER BY w.n, e.generation, (e.event = 'retired'), (e.event = 'confirmed')
"""


async def history(conn: Connection, agency: str, code_blinds: Sequence[bytes]) -> list[IssuedEvent]:
    """Everything that happened to the codes of the persons who have, or had, these codes."""
    return [IssuedEvent(*r) for r in await conn.fetch(SELECT_HISTORY, agency, code_blinds)]
