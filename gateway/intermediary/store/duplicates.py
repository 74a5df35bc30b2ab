"""Statements on duplicates (副本) and their guards (自動応答不可フラグ, 不開示該当フラグ)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from gateway.database import Connection
from sympho.store.registry import reversing

PERSON = ""
"""The ``information`` of a person's own guard row."""

TOUCHED = 2
"""Version of a guard that was made by a deposit."""

UNTOUCHED = 1
"""Version of a guard that was made to be locked and has said nothing yet: like one that was not there when it was
read."""


class DuplicateRow(NamedTuple):
    """A row of the table, as it stands."""

    agency: str
    unified: str
    information: str
    layout: str
    published_from: date
    published_until: date | None
    content: bytes
    deposited_at: datetime


@dataclass(frozen=True, slots=True)
class Guarded:
    """What a provider reads before it answers: the duplicate if there is one, and both guards as they were read."""

    layout: str | None
    published_from: date | None
    published_until: date | None
    content: bytes | None
    person_version: int | None
    person_held: bool
    person_undisclosed: bool
    information_version: int | None
    information_held: bool
    information_undisclosed: bool


@dataclass(frozen=True, slots=True)
class GuardRow:
    agency: str
    unified: str
    information: str
    version: int
    no_automatic_answer: bool
    non_disclosure: bool


UPSERT_DUPLICATES = """
INSERT INTO duplicate AS d (agency, unified, information, layout, published_from, published_until, content,
                            deposited_at)
SELECT n.agency, n.unified, n.information, n.layout, n.published_from, n.published_until, n.content, n.deposited_at
FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[], $5::date[], $6::date[], $7::bytea[], $8::timestamptz[])
     AS n (agency, unified, information, layout, published_from, published_until, content, deposited_at)
ON CONFLICT ON CONSTRAINT duplicate_pk DO UPDATE
SET layout = EXCLUDED.layout, published_from = EXCLUDED.published_from, published_until = EXCLUDED.published_until,
    content = EXCLUDED.content, deposited_at = EXCLUDED.deposited_at
"""


async def upsert_duplicates(conn: Connection, rows: Sequence[DuplicateRow]) -> None:
    """Registers or replaces duplicates; the guards are touched in the same transaction (``touch_guards``)."""
    await conn.execute(UPSERT_DUPLICATES, *zip(*rows, strict=True))


ANY_PLACE = """
SELECT EXISTS (
    SELECT 1
    FROM UNNEST($1::text[], $2::text[], $3::text[]) AS n (agency, unified, information)
    WHERE (
        SELECT TRUE
        FROM guard AS g
        WHERE g.agency = n.agency AND g.unified = n.unified AND g.information = n.information
    )
)
"""


async def any_place_known(conn: Connection, keys: Sequence[tuple[str, str, str]]) -> bool:
    """Whether there is a guard at any of these places (agency, unified, information): somebody has been there."""
    return bool(await conn.fetchval(ANY_PLACE, *zip(*keys, strict=True)))


async def copy_duplicates(conn: Connection, rows: Sequence[DuplicateRow]) -> None:
    """COPY of duplicates and their guards to places where nothing was before; ``Conflict`` where there was."""
    await conn.copy_records_to_table("duplicate", records=rows, columns=DuplicateRow._fields)
    guards = [(row.agency, row.unified, row.information, TOUCHED) for row in rows]
    await conn.copy_records_to_table("guard", records=guards, columns=["agency", "unified", "information", "version"])


COUNT_HELD = """
SELECT count(*)
FROM UNNEST($1::text[], $2::text[], $3::text[]) AS n (agency, unified, information)
JOIN duplicate AS d ON d.agency = n.agency AND d.unified = n.unified AND d.information = n.information
"""


async def count_held(conn: Connection, keys: Sequence[tuple[str, str, str]]) -> int:
    """At how many of these places (agency, unified, information) there is a duplicate."""
    return int(await conn.fetchval(COUNT_HELD, *zip(*keys, strict=True)))


DELETE_DUPLICATES = """
DELETE FROM duplicate AS d
USING UNNEST($1::text[], $2::text[], $3::text[]) AS n (agency, unified, information)
WHERE d.agency = n.agency AND d.unified = n.unified AND d.information = n.information
"""


async def delete_duplicates(conn: Connection, keys: Sequence[tuple[str, str, str]]) -> None:
    await conn.execute(DELETE_DUPLICATES, *zip(*keys, strict=True))


TOUCH_GUARDS = """
INSERT INTO guard AS g (agency, unified, information, version)
SELECT n.agency, n.unified, n.information, 2
FROM UNNEST($1::text[], $2::text[], $3::text[]) AS n (agency, unified, information)
ORDER BY n.agency, n.unified, n.information
ON CONFLICT ON CONSTRAINT guard_pk DO UPDATE SET version = g.version + 1
"""


async def touch_guards(conn: Connection, keys: Sequence[tuple[str, str, str]]) -> None:
    """Raises the version of each guard (agency, unified, information), so that no answer in the making goes out."""
    await conn.execute(TOUCH_GUARDS, *zip(*keys, strict=True))


CREATE_GUARDS = """
INSERT INTO guard (agency, unified, information)
SELECT n.agency, n.unified, n.information
FROM UNNEST($1::text[], $2::text[], $3::text[]) AS n (agency, unified, information)
ORDER BY n.agency, n.unified, n.information
ON CONFLICT ON CONSTRAINT guard_pk DO NOTHING
"""


async def create_guards(conn: Connection, keys: Sequence[tuple[str, str, str]]) -> None:
    """Makes the rows to lock where nothing was deposited or flagged yet. Only these begin at version 1
    (``UNTOUCHED``)."""
    await conn.execute(CREATE_GUARDS, *zip(*keys, strict=True))


SHARE_GUARDS = """
SELECT g.agency, g.unified, g.information, g.version
FROM guard AS g
JOIN UNNEST($1::text[], $2::text[], $3::text[]) AS n (agency, unified, information)
  ON g.agency = n.agency AND g.unified = n.unified AND g.information = n.information
ORDER BY g.agency, g.unified, g.information
FOR SHARE OF g
"""


async def share_guards(conn: Connection, keys: Sequence[tuple[str, str, str]]) -> dict[tuple[str, str, str], int]:
    """Locks the guards against every setter until the transaction ends, and tells their versions."""
    rows = await conn.fetch(SHARE_GUARDS, *zip(*keys, strict=True))
    return {(row["agency"], row["unified"], row["information"]): row["version"] for row in rows}


SET_NO_AUTOMATIC_ANSWER = """
INSERT INTO guard AS g (agency, unified, information, no_automatic_answer, version) VALUES ($1, $2, $3, $4, 2)
ON CONFLICT ON CONSTRAINT guard_pk DO UPDATE
SET no_automatic_answer = EXCLUDED.no_automatic_answer, version = g.version + 1
"""


async def set_no_automatic_answer(conn: Connection, agency: str, unified: str, information: str, value: bool) -> None:
    """Sets or clears 自動応答不可フラグ; waits for releases that share the row, and stops those that come later."""
    await conn.execute(SET_NO_AUTOMATIC_ANSWER, agency, unified, information, value)


SET_NON_DISCLOSURE = """
INSERT INTO guard AS g (agency, unified, information, non_disclosure, version) VALUES ($1, $2, $3, $4, 2)
ON CONFLICT ON CONSTRAINT guard_pk DO UPDATE
SET non_disclosure = EXCLUDED.non_disclosure, version = g.version + 1
"""


async def set_non_disclosure(conn: Connection, agency: str, unified: str, information: str, value: bool) -> None:
    """Sets or clears 不開示該当フラグ (23条2項): a mark on this side's record, never told to the counterpart."""
    await conn.execute(SET_NON_DISCLOSURE, agency, unified, information, value)


_GUARDED = """
d.layout, d.published_from, d.published_until, d.content,
       p.version AS person_version, COALESCE(p.no_automatic_answer, false) AS person_held,
       COALESCE(p.non_disclosure, false) AS person_undisclosed,
       i.version AS information_version, COALESCE(i.no_automatic_answer, false) AS information_held,
       COALESCE(i.non_disclosure, false) AS information_undisclosed"""
_WITH_GUARDS = """
LEFT JOIN duplicate AS d ON d.agency = q.agency AND d.unified = q.unified AND d.information = q.information
LEFT JOIN guard AS p ON p.agency = q.agency AND p.unified = q.unified AND p.information = ''
LEFT JOIN guard AS i ON i.agency = q.agency AND i.unified = q.unified AND i.information = q.information
ORDER BY q.n
"""
READ_GUARDED = f"""
SELECT {_GUARDED}
FROM UNNEST($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS q (agency, unified, information, n)
{_WITH_GUARDS}"""


async def read_guarded(conn: Connection, keys: Sequence[tuple[str, str, str]]) -> list[Guarded]:
    """A person's duplicate of one information with both guards for each key, in the order asked, as one snapshot."""
    return [Guarded(*row) for row in await conn.fetch(READ_GUARDED, *zip(*keys, strict=True))]


READ_NOTICED = f"""
SELECT q.unified, {_GUARDED}
FROM (SELECT h.agency, h.unified, h.n, ($3::text[])[h.n] AS information FROM ({reversing()}) AS h) AS q
{_WITH_GUARDS}"""


async def read_noticed(
    conn: Connection, codes: Sequence[tuple[str, bytes]], information: Sequence[str]
) -> list[tuple[str | None, Guarded]]:
    """The person behind each code (agency, code blind), and what ``read_guarded`` reads of one information."""
    found = await conn.fetch(READ_NOTICED, *zip(*codes, strict=True), information)
    return [(row[0], Guarded(*row[1:])) for row in found]


LIST_GUARDS = """
SELECT agency, unified, information, version, no_automatic_answer, non_disclosure
FROM guard WHERE agency = $1 AND unified = $2 ORDER BY information
"""


async def list_guards(conn: Connection, agency: str, unified: str) -> list[GuardRow]:
    """A person's flags, the person's own row first."""
    return [GuardRow(**row) for row in await conn.fetch(LIST_GUARDS, agency, unified)]


LIST_DUPLICATES = """
SELECT agency, unified, information, layout, published_from, published_until, content, deposited_at
FROM duplicate WHERE agency = $1 AND unified = $2 ORDER BY information
"""


async def list_duplicates(conn: Connection, agency: str, unified: str) -> list[DuplicateRow]:
    """What an agency has deposited of a person."""
    return [DuplicateRow(**row) for row in await conn.fetch(LIST_DUPLICATES, agency, unified)]


SET_PUBLICATION_END = """
UPDATE duplicate SET published_until = $3
WHERE agency = $1 AND information = $2 AND (published_until IS NULL OR published_until > $3) AND published_from <= $3
RETURNING unified
"""


async def set_publication_end(conn: Connection, agency: str, information: str, until: date) -> list[str]:
    """公開終了日一括設定: the persons whose duplicate now ends on that day."""
    return [row["unified"] for row in await conn.fetch(SET_PUBLICATION_END, agency, information, until)]
