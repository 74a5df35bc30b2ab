"""Statements on what has expired at the intermediary server: counted for one agency, deleted in batches for all."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

from gateway.database import Connection

__all__ = ["Due", "delete_acquisitions", "delete_duplicates", "due_acquisitions", "due_duplicates"]


class Due(NamedTuple):
    """How much has expired, and the oldest of it."""

    many: int
    oldest: date | None


DUE_DUPLICATES = """
SELECT COUNT(*), MIN(published_until) FROM duplicate WHERE agency = $1 AND published_until < $2
"""


async def due_duplicates(conn: Connection, agency: str, before: date) -> Due:
    """Whose publication had ended before that day."""
    return Due(*await conn.fetchrow(DUE_DUPLICATES, agency, before))


DUE_ACQUISITIONS = """
SELECT COUNT(*), MIN((opened_at AT TIME ZONE 'Asia/Tokyo')::date) FROM code_acquisition
WHERE agency = $1 AND opened_at < $2
"""


async def due_acquisitions(conn: Connection, agency: str, before: datetime) -> Due:
    """Opened before that moment and open still."""
    return Due(*await conn.fetchrow(DUE_ACQUISITIONS, agency, before))


DELETE_DUPLICATES = """
WITH due AS (
    SELECT agency, unified, information FROM duplicate
    WHERE published_until < $1 AND ($3::text IS NULL OR agency = $3)
    ORDER BY published_until LIMIT $2
    FOR UPDATE SKIP LOCKED
)
DELETE FROM duplicate USING due
WHERE duplicate.agency = due.agency AND duplicate.unified = due.unified AND duplicate.information = due.information
RETURNING duplicate.agency, duplicate.unified, duplicate.information
"""


async def delete_duplicates(
    conn: Connection, before: date, limit: int, agency: str | None
) -> list[tuple[str, str, str]]:
    """The places of those that went; their guards are touched in the same transaction. ``agency`` None: of all."""
    return [(row[0], row[1], row[2]) for row in await conn.fetch(DELETE_DUPLICATES, before, limit, agency)]


DELETE_ACQUISITIONS = """
WITH due AS (
    SELECT agency, unified FROM code_acquisition
    WHERE opened_at < $1 AND ($3::text IS NULL OR agency = $3)
    ORDER BY opened_at LIMIT $2
    FOR UPDATE SKIP LOCKED
)
DELETE FROM code_acquisition USING due
WHERE code_acquisition.agency = due.agency AND code_acquisition.unified = due.unified
RETURNING code_acquisition.agency
"""


async def delete_acquisitions(conn: Connection, before: datetime, limit: int, agency: str | None) -> int:
    """How many went."""
    return len(await conn.fetch(DELETE_ACQUISITIONS, before, limit, agency))
