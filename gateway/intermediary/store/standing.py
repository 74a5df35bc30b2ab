"""Statements on what waits at the intermediary server (稼動状態) for one agency, and on what was held (統計); each finds
its rows by an index."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

from gateway.database import Connection
from gateway.records.stage import Stage

READ_STAGES = """
SELECT 'code-acquisition' AS stage, COUNT(*) AS waiting, MIN(opened_at) AS oldest
FROM code_acquisition WHERE agency = $1
UNION ALL
SELECT 'asking', COUNT(*), MIN(asked_at) FROM inquiry WHERE agency = $1 AND state = 'asking'
UNION ALL
SELECT 'answer-awaited', COUNT(*), MIN(asked_at) FROM inquiry WHERE agency = $1 AND state = 'notified'
UNION ALL
SELECT 'overdue', COUNT(*), MIN(valid_until) FROM inquiry
WHERE agency = $1 AND state = 'notified' AND valid_until <= $2
UNION ALL
SELECT 'withdrawal', COUNT(*), MIN(withdrawal_asked_at) FROM inquiry
WHERE agency = $1 AND withdrawal_asked_at IS NOT NULL AND state <> 'ended'
UNION ALL
SELECT 'review', COUNT(*), MIN(notified_at) FROM provision WHERE agency = $1 AND state = 'held'
UNION ALL
SELECT 'release', COUNT(*), MIN(prepared_at) FROM provision WHERE agency = $1 AND state = 'prepared'
UNION ALL
SELECT 'answer-delivery', COUNT(*), MIN(ended_at) FROM provision WHERE agency = $1 AND push_due
"""


async def read_stages(conn: Connection, agency: str, now: datetime) -> list[Stage]:
    """What waits: codes to be bound, inquiries to go out, answers of others (and those whose validity has passed),
    withdrawals, provisions for the first and the second person, own answers to be acknowledged."""
    return [Stage(**row) for row in await conn.fetch(READ_STAGES, agency, now)]


READ_BACKLOG = """
SELECT 'asking' AS stage, COUNT(*) AS waiting, MIN(asked_at) AS oldest FROM inquiry WHERE state = 'asking'
UNION ALL
SELECT 'answer-delivery', COUNT(*), MIN(ended_at) FROM provision WHERE push_due
"""


async def read_backlog(conn: Connection) -> list[Stage]:
    """What this server has to bring to the network, for all its agencies."""
    return [Stage(**row) for row in await conn.fetch(READ_BACKLOG)]


class HeldCount(NamedTuple):
    """How many that ended as a provider's had been held for people; what was not asked for is None."""

    day: date | None
    counterpart: str | None
    task: str | None
    many: int


COUNT_HELD = """
WITH provided AS MATERIALIZED (
    SELECT holder, txn, ended_at, counterpart, task FROM record
    WHERE holder = $1 AND ended_at >= $2 AND ended_at < $3 AND role = 'provider'
)
SELECT CASE WHEN $4::boolean THEN (provided.ended_at AT TIME ZONE 'Asia/Tokyo')::date END AS day,
       CASE WHEN $5::boolean THEN provided.counterpart END AS counterpart,
       CASE WHEN $6::boolean THEN provided.task END AS task,
       COUNT(*) AS many
FROM provided
JOIN provision ON provision.agency = provided.holder AND provision.txn = provided.txn
WHERE provision.held_for NOT IN ('{}', '{list}')
GROUP BY 1, 2, 3 LIMIT $7
"""


async def count_held(
    conn: Connection, agency: str, since: datetime, until: datetime, by: tuple[bool, bool, bool], limit: int
) -> list[HeldCount]:
    """By day, counterpart and task, as far as ``by`` asks for them; waiting for a list alone is no hold."""
    return [HeldCount(*row) for row in await conn.fetch(COUNT_HELD, agency, since, until, *by, limit)]
