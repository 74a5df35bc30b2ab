"""Delegations (代行) in PostgreSQL. Every time is machine time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from authz.duties import Duty
from authz.store import Connection
from sympho.codes import AgencyCode, TaskCode


@dataclass(frozen=True, slots=True)
class Delegation:
    """代行: ``deputy`` exercises this duty of ``delegator``."""

    agency: AgencyCode
    delegation_id: str
    delegator: str
    deputy: str
    duty: Duty
    from_at: datetime
    until_at: datetime


_INSERT_DELEGATION = """
INSERT INTO delegation (agency, delegation_id, delegator, deputy, duty, from_at, until_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""


async def insert_delegation(conn: Connection, made: Delegation) -> None:
    await conn.execute(
        _INSERT_DELEGATION,
        made.agency,
        made.delegation_id,
        made.delegator,
        made.deputy,
        made.duty.value,
        made.from_at,
        made.until_at,
    )


_END_DELEGATION = """
UPDATE delegation
SET from_at = LEAST(from_at, $3), until_at = LEAST(until_at, $3)
WHERE agency = $1 AND delegation_id = $2
RETURNING deputy
"""


async def end_delegation(conn: Connection, agency: AgencyCode, delegation_id: str, now: datetime) -> str | None:
    """The deputy; None where the agency has no such delegation."""
    deputy: str | None = await conn.fetchval(_END_DELEGATION, agency, delegation_id, now)
    return deputy


_DELEGATIONS = """
SELECT delegation_id, delegator, deputy, duty, from_at, until_at
FROM delegation
WHERE agency = $1 AND until_at > $2
ORDER BY until_at, delegation_id
"""


async def delegations(conn: Connection, agency: AgencyCode, now: datetime) -> tuple[Delegation, ...]:
    """Those that last or are to come, the first to end first."""
    return tuple(
        Delegation(
            agency,
            row["delegation_id"],
            row["delegator"],
            row["deputy"],
            Duty(row["duty"]),
            row["from_at"],
            row["until_at"],
        )
        for row in await conn.fetch(_DELEGATIONS, agency, now)
    )


@dataclass(frozen=True, slots=True)
class Lent:
    """What others let somebody exercise now: a duty until the first of its delegations ends, and for it the delegators'
    tasks (None: every task)."""

    until: datetime
    tasks: frozenset[TaskCode] | None


_DELEGATED_TO = """
SELECT d.duty, MIN(LEAST(d.until_at, s.valid_until)) AS until_at, BOOL_OR(s.tasks IS NULL) AS every_task,
       STRING_AGG(ARRAY_TO_STRING(s.tasks, ' '), ' ') AS tasks
FROM delegation AS d
JOIN staff AS s ON s.agency = d.agency AND s.staff_id = d.delegator
WHERE d.agency = $1 AND d.deputy = $2 AND d.from_at <= $3 AND d.until_at > $3
  AND d.duty = ANY (s.duties) AND s.disabled_at IS NULL
  AND (s.valid_from IS NULL OR s.valid_from <= $3) AND (s.valid_until IS NULL OR s.valid_until > $3)
GROUP BY d.duty
"""


async def delegated_to(conn: Connection, agency: AgencyCode, deputy: str, now: datetime) -> dict[Duty, Lent]:
    """The duties that others let this person exercise now."""
    rows = await conn.fetch(_DELEGATED_TO, agency, deputy, now)
    return {Duty(row["duty"]): Lent(row["until_at"], _tasks(row)) for row in rows}


def _tasks(row: asyncpg.Record) -> frozenset[TaskCode] | None:
    return None if row["every_task"] else frozenset(TaskCode(task) for task in row["tasks"].split())


_PROMISED_TO = """
SELECT DISTINCT duty
FROM delegation
WHERE agency = $1 AND deputy = $2 AND until_at > $3
"""


async def promised_to(conn: Connection, agency: AgencyCode, deputy: str, now: datetime) -> frozenset[Duty]:
    """The duties that are delegated to this person now or later, whether or not they count now."""
    return frozenset(Duty(row["duty"]) for row in await conn.fetch(_PROMISED_TO, agency, deputy, now))


_DEPUTIES_OF = """
SELECT DISTINCT deputy
FROM delegation
WHERE agency = $1 AND delegator = $2 AND until_at > $3
"""


async def deputies_of(conn: Connection, agency: AgencyCode, delegator: str, now: datetime) -> tuple[str, ...]:
    return tuple(row["deputy"] for row in await conn.fetch(_DEPUTIES_OF, agency, delegator, now))


_EYES_SHARED = """
WITH lent AS (
    SELECT d.delegator
    FROM delegation AS d
    JOIN staff AS s ON s.agency = d.agency AND s.staff_id = d.deputy
    WHERE d.agency = $1 AND d.deputy = $2 AND d.duty = 'release' AND d.from_at <= $3 AND d.until_at > $3
      AND NOT 'release' = ANY (s.duties))
SELECT delegator AS other
FROM lent
UNION
SELECT d.deputy
FROM delegation AS d
JOIN staff AS s ON s.agency = d.agency AND s.staff_id = d.deputy
WHERE d.agency = $1 AND (d.delegator = $2 OR d.delegator IN (SELECT delegator FROM lent))
  AND d.duty = 'review' AND NOT 'review' = ANY (s.duties) AND d.deputy <> $2
"""


async def eyes_shared(conn: Connection, agency: AgencyCode, staff_id: str, now: datetime) -> frozenset[str]:
    """Whose release this person exercises now, and who can only have reviewed as a deputy of either."""
    rows = await conn.fetch(_EYES_SHARED, agency, staff_id, now)
    return frozenset(row["other"] for row in rows)
