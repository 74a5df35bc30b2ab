"""Statements on what this server holds of the network's publications, and on its alarms."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from gateway.database import Connection
from gateway.exchange.directory import Edition

SERVE_AGENCIES = """
INSERT INTO served_agency (agency) SELECT n.agency FROM UNNEST($1::text[]) AS n (agency)
ON CONFLICT ON CONSTRAINT served_agency_pk DO NOTHING
"""


async def serve_agencies(conn: Connection, agencies: Sequence[str]) -> None:
    await conn.execute(SERVE_AGENCIES, list(agencies))


SERVED_AGENCIES = """
SELECT agency FROM served_agency ORDER BY agency
"""


async def served_agencies(conn: Connection) -> list[str]:
    return [row["agency"] for row in await conn.fetch(SERVED_AGENCIES)]


INSERT_DIRECTORY = """
INSERT INTO held_directory (serial, signed, taken_at) VALUES ($1, $2, $3)
ON CONFLICT ON CONSTRAINT held_directory_pk DO NOTHING
"""


async def insert_directory(conn: Connection, serial: int, signed: str, taken_at: datetime) -> None:
    """Keeps a newer directory beside those before it; another process of this server may have it already."""
    await conn.execute(INSERT_DIRECTORY, serial, signed, taken_at)


READ_DIRECTORY = """
SELECT signed FROM held_directory ORDER BY serial DESC LIMIT 1
"""


async def read_directory(conn: Connection) -> str | None:
    """The directory taken last."""
    signed: str | None = await conn.fetchval(READ_DIRECTORY)
    return signed


DIRECTORY_AT = """
SELECT serial, signed, taken_at AS since FROM held_directory
ORDER BY taken_at <= $1 DESC, CASE WHEN taken_at <= $1 THEN -serial ELSE serial END
LIMIT 1
"""


async def directory_at(conn: Connection, at: datetime) -> Edition | None:
    """The directory that was held here at a world time; before the first one that is kept, that one."""
    row = await conn.fetchrow(DIRECTORY_AT, at)
    return None if row is None else Edition(**row)


DELETE_DIRECTORIES = """
DELETE FROM held_directory AS h
USING (SELECT d.serial, LEAD(d.taken_at) OVER (ORDER BY d.serial) AS superseded_at FROM held_directory AS d) AS s
WHERE s.serial = h.serial AND s.superseded_at < $1
"""


async def delete_directories(conn: Connection, superseded_before: datetime) -> None:
    """Former directories in whose place another one was taken before that world time."""
    await conn.execute(DELETE_DIRECTORIES, superseded_before)


INSERT_ALARM = """
INSERT INTO intermediary_alarm (at, agency, message, fault, txn) VALUES ($1, $2, $3, $4, $5)
"""


async def insert_alarm(conn: Connection, at: datetime, agency: str, message: str, fault: str, txn: UUID | None) -> None:
    await conn.execute(INSERT_ALARM, at, agency, message, fault, txn)


LATEST_ALARMS = """
SELECT at, agency, message, fault, txn FROM intermediary_alarm WHERE agency IN ($1, '') ORDER BY id DESC LIMIT $2
"""


async def latest_alarms(conn: Connection, agency: str, limit: int) -> list[tuple[datetime, str, str, str, UUID | None]]:
    """Those about the agency, and those of the whole server (without an agency), which concern every agency in it."""
    return [tuple(row) for row in await conn.fetch(LATEST_ALARMS, agency, limit)]
