"""Statements on how much is under way at the intermediary server (稼動状態), for one agency."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gateway.database import Connection


@dataclass(frozen=True, slots=True)
class Standing:
    """What is open: inquiries out and overdue, provisions that wait for people, answers not yet acknowledged."""

    inquiries_open: int
    inquiries_overdue: int
    provisions_held: int
    provisions_prepared: int
    answers_due: int


READ_STANDING = """
SELECT (SELECT COUNT(*) FROM inquiry WHERE agency = $1 AND state <> 'ended') AS inquiries_open,
       (SELECT COUNT(*) FROM inquiry WHERE agency = $1 AND state <> 'ended' AND valid_until <= $2) AS inquiries_overdue,
       (SELECT COUNT(*) FROM provision WHERE agency = $1 AND state = 'held') AS provisions_held,
       (SELECT COUNT(*) FROM provision WHERE agency = $1 AND state = 'prepared') AS provisions_prepared,
       (SELECT COUNT(*) FROM provision WHERE agency = $1 AND push_due) AS answers_due
"""


async def read_standing(conn: Connection, agency: str, now: datetime) -> Standing:
    return Standing(**await conn.fetchrow(READ_STANDING, agency, now))
