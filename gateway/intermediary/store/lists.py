"""Statements on the lists that this server holds: the history of manifests, and the parts of those it took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.database import Connection


@dataclass(frozen=True, slots=True)
class HeldRow:
    """A link of the history as this server has it. ``taken_at`` None: published while nobody fetched it here."""

    serial: int
    digest: str
    list_digest: str
    signed: str
    taken_at: datetime | None


@dataclass(frozen=True, slots=True)
class TakenRow:
    """A link of the history, when another one took its place here, and whether its rows are here."""

    serial: int
    signed: str
    taken_at: datetime | None
    superseded_at: datetime | None
    kept: bool


INSERT_MANIFESTS = """
INSERT INTO held_manifest (serial, digest, list_digest, signed, taken_at)
SELECT n.serial, n.digest, n.list_digest, n.signed, n.taken_at
FROM UNNEST($1::bigint[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
     AS n (serial, digest, list_digest, signed, taken_at)
ON CONFLICT ON CONSTRAINT held_manifest_pk DO NOTHING
"""


async def insert_manifests(conn: Connection, rows: Sequence[HeldRow]) -> None:
    """Keeps verified links of the history."""
    await conn.execute(
        INSERT_MANIFESTS,
        [row.serial for row in rows],
        [row.digest for row in rows],
        [row.list_digest for row in rows],
        [row.signed for row in rows],
        [row.taken_at for row in rows],
    )


INSERT_CONTENT = """
INSERT INTO held_content (serial, position, name, part)
SELECT $1, n.position, n.name, n.part
FROM UNNEST($2::text[], $3::text[]) WITH ORDINALITY AS n (name, part, position)
ON CONFLICT ON CONSTRAINT held_content_pk DO NOTHING
"""


async def insert_content(conn: Connection, serial: int, parts: Sequence[tuple[str, str]]) -> None:
    """Of which parts a list is made, in their order: (name, digest)."""
    await conn.execute(INSERT_CONTENT, serial, [name for name, _ in parts], [part for _, part in parts])


INSERT_PARTS = """
INSERT INTO held_part (digest, content)
SELECT n.digest, n.content FROM UNNEST($1::text[], $2::bytea[]) AS n (digest, content)
ON CONFLICT ON CONSTRAINT held_part_pk DO NOTHING
"""


async def insert_parts(conn: Connection, parts: Sequence[tuple[str, bytes]]) -> None:
    """Keeps parts: each as soon as it is here, so that a fetch that is broken off goes on where it was; and all once
    more with the list, whoever has tidied up meanwhile."""
    await conn.execute(INSERT_PARTS, [digest for digest, _ in parts], [content for _, content in parts])


PARTS = """
SELECT digest, content FROM held_part WHERE digest = ANY ($1::text[])
"""


async def parts(conn: Connection, digests: Sequence[str]) -> dict[str, bytes]:
    """Those of the parts that are here."""
    return {row["digest"]: row["content"] for row in await conn.fetch(PARTS, list(digests))}


ALL_SIGNED = """
SELECT signed FROM held_manifest ORDER BY serial
"""


async def all_signed(conn: Connection) -> list[str]:
    """The whole history, from the first list on."""
    return [row["signed"] for row in await conn.fetch(ALL_SIGNED)]


DOCUMENT = """
SELECT CASE WHEN COUNT(*) = COUNT(p.digest) THEN STRING_AGG(p.content, ''::bytea ORDER BY c.position) END
FROM held_content AS c LEFT JOIN held_part AS p ON p.digest = c.part
WHERE c.serial = $1
"""


async def document(conn: Connection, serial: int) -> bytes | None:
    """A list's document; none where this server never held it, or keeps its rows no more."""
    content: bytes | None = await conn.fetchval(DOCUMENT, serial)
    return content


TAKEN = """
SELECT m.serial, m.signed, m.taken_at,
       CASE WHEN m.taken_at IS NOT NULL
            THEN MIN(m.taken_at) OVER (ORDER BY m.serial ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)
       END AS superseded_at,
       m.taken_at IS NOT NULL
       AND NOT EXISTS (SELECT FROM held_content AS c LEFT JOIN held_part AS p ON p.digest = c.part
                       WHERE c.serial = m.serial AND p.digest IS NULL) AS kept
FROM held_manifest AS m ORDER BY m.serial
"""


async def taken(conn: Connection) -> list[TakenRow]:
    """The history, with what became of each list here."""
    return [TakenRow(**row) for row in await conn.fetch(TAKEN)]


# --- forgetting ---------------------------------------------------------------------------------------------------

_LIST_NAMED = """
((CONVERT_FROM(DECODE(RPAD(TRANSLATE(SPLIT_PART(n.jws, '.', 2), '-_', '+/'),
  (LENGTH(SPLIT_PART(n.jws, '.', 2)) + 3) / 4 * 4, '='), 'base64'), 'UTF8'))::jsonb ->> 'list')::bigint
"""
"""The list that a record or a permit names: it stands in the middle segment of the JWS."""

_SUPERSEDED = """
SELECT s.serial
FROM (SELECT m.serial, m.taken_at,
             MIN(m.taken_at) OVER (ORDER BY m.serial ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS superseded_at
      FROM held_manifest AS m) AS s
WHERE s.taken_at IS NOT NULL AND s.superseded_at < $1
"""

FORGETTABLE = f"""
{_SUPERSEDED}
EXCEPT SELECT {_LIST_NAMED} AS serial FROM (SELECT jws FROM record) AS n
EXCEPT SELECT {_LIST_NAMED} AS serial FROM (SELECT permit AS jws FROM inquiry WHERE permit IS NOT NULL) AS n
EXCEPT SELECT {_LIST_NAMED} AS serial FROM (SELECT permit AS jws FROM provision) AS n
ORDER BY serial
"""


async def forgettable(conn: Connection, superseded_before: datetime) -> list[int]:
    """Lists superseded before that world time which no record and no permit names. Reads every record: rarely asked."""
    return [row["serial"] for row in await conn.fetch(FORGETTABLE, superseded_before)]


ANY_SUPERSEDED = f"""
SELECT EXISTS (
    SELECT FROM ({_SUPERSEDED}) AS s
    WHERE NOT EXISTS (SELECT FROM held_content AS c LEFT JOIN held_part AS p ON p.digest = c.part
                      WHERE c.serial = s.serial AND p.digest IS NULL))
"""


async def any_superseded(conn: Connection, before: datetime) -> bool:
    """Whether there is any list of that age whose rows are still all here."""
    return bool(await conn.fetchval(ANY_SUPERSEDED, before))


DELETE_PARTS = """
DELETE FROM held_part AS p
WHERE EXISTS (SELECT FROM held_content AS c WHERE c.part = p.digest AND c.serial = ANY ($1::bigint[]))
  AND NOT EXISTS (SELECT FROM held_content AS c WHERE c.part = p.digest AND c.serial <> ALL ($1::bigint[]))
RETURNING p.digest
"""


async def delete_parts(conn: Connection, serials: Sequence[int]) -> int:
    """The parts that only these lists have; how many they were."""
    return len(await conn.fetch(DELETE_PARTS, list(serials)))


DELETE_STRAYS = """
DELETE FROM held_part AS p WHERE NOT EXISTS (SELECT FROM held_content AS c WHERE c.part = p.digest)
"""


async def delete_strays(conn: Connection) -> None:
    """Parts of a list that was refused after they had come: nothing of it stays."""
    await conn.execute(DELETE_STRAYS)
