"""Statements on what waits at the network (稼動状態), stage by stage; each finds its rows by an index of what is open."""

from __future__ import annotations

from gateway.database import Connection
from gateway.records.stage import Stage

READ_STAGES = """
SELECT 'notice' AS stage, COUNT(*) AS waiting, MIN(accepted_at) AS oldest FROM exchange WHERE state = 'accepted'
UNION ALL
SELECT 'end-awaited', COUNT(*), MIN(accepted_at) FROM exchange WHERE state = 'notified'
UNION ALL
SELECT 'withdrawal', COUNT(*), MIN(accepted_at) FROM exchange WHERE withdrawal_asked AND state <> 'ended'
UNION ALL
SELECT 'answer-delivery', COUNT(*), MIN(ended_at) FROM exchange WHERE deliver_due
"""


async def read_stages(conn: Connection) -> list[Stage]:
    """What waits: notices to be taken, ends of the providers, withdrawals, answers to be acknowledged."""
    return [Stage(**row) for row in await conn.fetch(READ_STAGES)]


COUNT_ALARMS = """
SELECT COUNT(*) FROM alarm
"""


async def count_alarms(conn: Connection) -> int:
    return int(await conn.fetchval(COUNT_ALARMS))
