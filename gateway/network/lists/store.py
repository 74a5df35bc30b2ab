"""Statements on the lists that the network has published, on their parts, and on who may approve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.database import Connection


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """A published list; ``superseded_at`` is when the next one took its place, ``kept`` whether its rows are there."""

    serial: int
    signed: str
    published_at: datetime
    superseded_at: datetime | None
    kept: bool


INSERT_MANIFEST = """
INSERT INTO list_manifest (serial, digest, list_digest, signed, published_at) VALUES ($1, $2, $3, $4, $5)
"""


async def insert_manifest(
    conn: Connection, serial: int, digest: str, list_digest: str, signed: str, published_at: datetime
) -> None:
    """Publishes a list; of two with one serial the second is refused by the constraint."""
    await conn.execute(INSERT_MANIFEST, serial, digest, list_digest, signed, published_at)


INSERT_CONTENT = """
INSERT INTO list_content (serial, position, name, part)
SELECT $1, n.position, n.name, n.part
FROM UNNEST($2::text[], $3::text[]) WITH ORDINALITY AS n (name, part, position)
"""


async def insert_content(conn: Connection, serial: int, parts: Sequence[tuple[str, str]]) -> None:
    """Of which parts a list is made, in their order: (name, digest)."""
    await conn.execute(INSERT_CONTENT, serial, [name for name, _ in parts], [part for _, part in parts])


INSERT_PARTS = """
INSERT INTO list_part (digest, content)
SELECT n.digest, n.content FROM UNNEST($1::text[], $2::bytea[]) AS n (digest, content)
ON CONFLICT ON CONSTRAINT list_part_pk DO NOTHING
"""


async def insert_parts(conn: Connection, parts: Sequence[tuple[str, bytes]]) -> None:
    await conn.execute(INSERT_PARTS, [digest for digest, _ in parts], [content for _, content in parts])


SIGNED_AFTER = """
SELECT signed FROM list_manifest WHERE serial > $1 ORDER BY serial
"""


async def signed_after(conn: Connection, serial: int) -> list[str]:
    """The history after that serial; all of it after 0."""
    return [row["signed"] for row in await conn.fetch(SIGNED_AFTER, serial)]


SIGNED = """
SELECT signed FROM list_manifest WHERE serial = $1
"""


async def signed(conn: Connection, serial: int) -> str | None:
    found: str | None = await conn.fetchval(SIGNED, serial)
    return found


PART = """
SELECT content FROM list_part WHERE digest = $1
"""


async def part(conn: Connection, digest: str) -> bytes | None:
    content: bytes | None = await conn.fetchval(PART, digest)
    return content


DOCUMENT = """
SELECT CASE WHEN COUNT(*) = COUNT(p.digest) THEN STRING_AGG(p.content, ''::bytea ORDER BY c.position) END
FROM list_content AS c LEFT JOIN list_part AS p ON p.digest = c.part
WHERE c.serial = $1
"""


async def document(conn: Connection, serial: int) -> bytes | None:
    """A list's document; none for a serial that is unknown, or whose rows are kept no more."""
    content: bytes | None = await conn.fetchval(DOCUMENT, serial)
    return content


PUBLISHED = """
SELECT m.serial, m.signed, m.published_at, LEAD(m.published_at) OVER (ORDER BY m.serial) AS superseded_at,
       NOT EXISTS (SELECT FROM list_content AS c LEFT JOIN list_part AS p ON p.digest = c.part
                   WHERE c.serial = m.serial AND p.digest IS NULL) AS kept
FROM list_manifest AS m ORDER BY m.serial
"""


async def published(conn: Connection) -> list[PublishedRow]:
    """Every list that was ever published."""
    return [PublishedRow(**row) for row in await conn.fetch(PUBLISHED)]


# --- approvers ----------------------------------------------------------------------------------------------------

INSERT_APPROVER = """
INSERT INTO list_approver (account, key, registered_at) VALUES ($1, $2, $3)
"""


async def insert_approver(conn: Connection, account: str, key: bytes, registered_at: datetime) -> None:
    """A key that was registered before, by whomever, is refused by the constraint."""
    await conn.execute(INSERT_APPROVER, account, key, registered_at)


APPROVERS = """
SELECT DISTINCT ON (a.account) a.account, a.key
FROM list_approver AS a LEFT JOIN staff AS s ON s.agency = $1 AND s.staff_id = a.account
WHERE s.staff_id IS NULL OR (s.disabled_at IS NULL AND s.duties @> ARRAY['approve-lists'])
ORDER BY a.account, a.seq DESC
"""


async def approvers(conn: Connection, agency: str) -> list[tuple[str, bytes]]:
    """Who may approve now: (account, key). An account that is closed or has lost the duty may not; one that is not
    there yet may, because at the first start the keys are made before the accounts."""
    return [(row["account"], row["key"]) for row in await conn.fetch(APPROVERS, agency)]


# --- forgetting ---------------------------------------------------------------------------------------------------

_LIST_NAMED = """
((CONVERT_FROM(DECODE(RPAD(TRANSLATE(SPLIT_PART(n.jws, '.', 2), '-_', '+/'),
  (LENGTH(SPLIT_PART(n.jws, '.', 2)) + 3) / 4 * 4, '='), 'base64'), 'UTF8'))::jsonb ->> 'list')::bigint
"""
"""The list that a record or a permit names: it stands in the middle segment of the JWS."""

FORGETTABLE = f"""
SELECT s.serial
FROM (SELECT m.serial, LEAD(m.published_at) OVER (ORDER BY m.serial) AS superseded_at FROM list_manifest AS m) AS s
WHERE s.superseded_at < $1
EXCEPT SELECT {_LIST_NAMED} AS serial FROM (SELECT jws FROM record) AS n
EXCEPT SELECT {_LIST_NAMED} AS serial FROM (SELECT permit AS jws FROM exchange WHERE permit IS NOT NULL) AS n
ORDER BY serial
"""


async def forgettable(conn: Connection, superseded_before: datetime) -> list[int]:
    """Lists superseded before that world time which no record and no permit names. Reads every record: rarely asked."""
    return [row["serial"] for row in await conn.fetch(FORGETTABLE, superseded_before)]


SUPERSEDED = """
SELECT EXISTS (
    SELECT FROM (SELECT m.serial, LEAD(m.published_at) OVER (ORDER BY m.serial) AS superseded_at
                 FROM list_manifest AS m) AS s
    WHERE s.superseded_at < $1
      AND NOT EXISTS (SELECT FROM list_content AS c LEFT JOIN list_part AS p ON p.digest = c.part
                      WHERE c.serial = s.serial AND p.digest IS NULL))
"""


async def any_superseded(conn: Connection, before: datetime) -> bool:
    """Whether there is any list of that age whose rows are still all here."""
    return bool(await conn.fetchval(SUPERSEDED, before))


DELETE_PARTS = """
DELETE FROM list_part AS p
WHERE EXISTS (SELECT FROM list_content AS c WHERE c.part = p.digest AND c.serial = ANY ($1::bigint[]))
  AND NOT EXISTS (SELECT FROM list_content AS c WHERE c.part = p.digest AND c.serial <> ALL ($1::bigint[]))
RETURNING p.digest
"""


async def delete_parts(conn: Connection, serials: Sequence[int]) -> int:
    """The parts that only these lists have; how many they were."""
    return len(await conn.fetch(DELETE_PARTS, list(serials)))
