"""What the judge reads beyond the parties' own statements. It reads everything and writes nothing."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from gateway.database import Connection


class ListRow(NamedTuple):
    """A match list as the network published it, or as a server keeps its copy; no document where its rows are gone."""

    serial: int
    digest: str
    document: bytes | None


class AlarmRow(NamedTuple):
    at: datetime
    caller: str
    message: str
    fault: str
    txn: UUID | None


PUBLISHED_LISTS = """
SELECT m.serial, m.list_digest AS digest,
       CASE WHEN COUNT(*) = COUNT(p.digest) THEN STRING_AGG(p.content, ''::bytea ORDER BY c.position) END AS document
FROM list_manifest AS m
JOIN list_content AS c ON c.serial = m.serial
LEFT JOIN list_part AS p ON p.digest = c.part
GROUP BY m.serial, m.list_digest ORDER BY m.serial
"""


async def published_lists(conn: Connection) -> list[ListRow]:
    """Every list that the network has ever published."""
    return [ListRow(*row) for row in await conn.fetch(PUBLISHED_LISTS)]


HELD_LISTS = """
SELECT m.serial, m.list_digest AS digest,
       CASE WHEN COUNT(*) = COUNT(p.digest) THEN STRING_AGG(p.content, ''::bytea ORDER BY c.position) END AS document
FROM held_manifest AS m
JOIN held_content AS c ON c.serial = m.serial
LEFT JOIN held_part AS p ON p.digest = c.part
WHERE m.taken_at IS NOT NULL
GROUP BY m.serial, m.list_digest ORDER BY m.serial
"""


async def held_lists(conn: Connection) -> list[ListRow]:
    """Every copy that a server has taken."""
    return [ListRow(*row) for row in await conn.fetch(HELD_LISTS)]


NETWORK_ALARMS = """
SELECT at, caller, message, fault, txn FROM alarm ORDER BY id
"""


async def network_alarms(conn: Connection) -> list[AlarmRow]:
    return [AlarmRow(*row) for row in await conn.fetch(NETWORK_ALARMS)]


SERVER_ALARMS = """
SELECT at, agency AS caller, message, fault, txn FROM intermediary_alarm ORDER BY id
"""


async def server_alarms(conn: Connection) -> list[AlarmRow]:
    return [AlarmRow(*row) for row in await conn.fetch(SERVER_ALARMS)]


STAFF = """
SELECT staff_id, agency FROM staff
"""


async def staff(conn: Connection) -> list[tuple[str, str]]:
    """Whose staff an account is: (staff id, agency)."""
    return [(row["staff_id"], row["agency"]) for row in await conn.fetch(STAFF)]


STRAY_DUPLICATES = """
SELECT d.agency, d.information, COUNT(*) AS many
FROM duplicate AS d
LEFT JOIN unified_person AS p ON p.agency = d.agency AND p.unified = d.unified
LEFT JOIN served_agency AS s ON s.agency = d.agency
WHERE p.unified IS NULL OR s.agency IS NULL
GROUP BY d.agency, d.information
ORDER BY d.agency, d.information
"""


async def stray_duplicates(conn: Connection) -> list[tuple[str, str, int]]:
    """Duplicates of nobody whom their agency has numbered, or of an agency not served here; how many of each."""
    return [(row["agency"], row["information"], row["many"]) for row in await conn.fetch(STRAY_DUPLICATES)]


OPERATIONS = """
SELECT CONCAT_WS(' ', terminal, name, interface, outcome, reason, about, session_id, staff_id, client_id) AS line
FROM operation ORDER BY agency, seq
"""


async def operations(conn: Connection) -> list[str]:
    """操作記録 as text, to be searched for what may not stand there."""
    return [row["line"] for row in await conn.fetch(OPERATIONS)]
