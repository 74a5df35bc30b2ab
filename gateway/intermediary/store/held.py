"""Statements on what this server holds of the network's publications, and on its alarms."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from gateway.database import Connection

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


REPLACE_DIRECTORY = """
INSERT INTO held_directory AS h (serial, signed) VALUES ($1, $2)
ON CONFLICT ON CONSTRAINT held_directory_pk DO UPDATE SET serial = EXCLUDED.serial, signed = EXCLUDED.signed
WHERE h.serial < EXCLUDED.serial
"""


async def replace_directory(conn: Connection, serial: int, signed: str) -> None:
    """Keeps a newer directory; an older one changes nothing."""
    await conn.execute(REPLACE_DIRECTORY, serial, signed)


READ_DIRECTORY = """
SELECT signed FROM held_directory
"""


async def read_directory(conn: Connection) -> str | None:
    signed: str | None = await conn.fetchval(READ_DIRECTORY)
    return signed


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
