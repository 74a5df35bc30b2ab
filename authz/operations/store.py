"""The operations log in PostgreSQL: only ever added to, as the grants enforce."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import asyncpg

from authz.operations import Actor, Logged, Moment, Operation, OperationOutcome, Search
from authz.store import Connection
from sympho.codes import AgencyCode

_RECORD_OPERATIONS = """
INSERT INTO operation (agency, staff_id, client_id, session_id, terminal, world_at, machine_at, name, interface,
                       outcome, reason, exchange, about)
SELECT n.agency, n.staff_id, n.client_id, n.session_id, n.terminal, n.world_at, n.machine_at, n.name, n.interface,
       n.outcome, n.reason, n.exchange, n.about
FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[],
            $8::text[], $9::text[], $10::text[], $11::text[], $12::uuid[], $13::text[])
     AS n (agency, staff_id, client_id, session_id, terminal, world_at, machine_at, name, interface, outcome, reason,
           exchange, about)
"""


async def record(conn: Connection, operations: Sequence[Operation]) -> None:
    """Append entries to the log, in the transaction of what they tell."""
    await conn.execute(_RECORD_OPERATIONS, *columns(operations))


def recording(first: int, condition: str) -> str:
    """The part of a larger statement that appends the entries ``n`` for which ``condition`` holds: what is done is
    logged in the same statement. Its parameters are those of ``columns``, from number ``first`` on. Used when a module
    is loaded, never with a value.
    """
    numbered = re.sub(r"\$(\d+)", lambda found: f"${int(found[1]) + first - 1}", _RECORD_OPERATIONS)
    return f"{numbered} WHERE {condition}"


def columns(operations: Sequence[Operation]) -> tuple[list[Any], ...]:
    """The entries as UNNEST takes them."""
    return (
        [o.actor.agency for o in operations],
        [o.actor.staff_id for o in operations],
        [o.actor.client_id for o in operations],
        [o.actor.session for o in operations],
        [o.actor.terminal for o in operations],
        [o.at.world for o in operations],
        [o.at.machine for o in operations],
        [o.name for o in operations],
        [o.interface for o in operations],
        [o.outcome.value for o in operations],
        [o.reason for o in operations],
        [o.exchange for o in operations],
        [o.about for o in operations],
    )


_SEARCH_OPERATIONS = """
SELECT seq, COALESCE(staff_id, client_id, '') AS person, session_id, terminal, world_at, machine_at, name, interface,
       outcome, reason, exchange, about
FROM operation
WHERE agency = $1
  AND ($2::timestamptz IS NULL OR world_at >= $2)
  AND ($3::timestamptz IS NULL OR world_at < $3)
  AND ($4::text IS NULL OR staff_id = $4 OR client_id = $4)
  AND ($5::text IS NULL OR name = $5)
  AND ($6::text IS NULL OR outcome = $6)
  AND ($7::uuid IS NULL OR exchange = $7)
  AND ($8::text IS NULL OR about = $8)
  AND ($9::text IS NULL OR terminal = $9)
  AND ($10::bigint IS NULL OR seq < $10)
ORDER BY seq DESC
LIMIT $11
"""


async def search(conn: Connection, agency: AgencyCode, wanted: Search) -> tuple[Logged, ...]:
    """Entries of one agency, newest first, at most ``wanted.limit``."""
    rows = await conn.fetch(
        _SEARCH_OPERATIONS,
        agency,
        wanted.since,
        wanted.until,
        wanted.person,
        wanted.name,
        wanted.outcome,
        wanted.exchange,
        wanted.about,
        wanted.terminal,
        wanted.before,
        wanted.limit,
    )
    return tuple(_logged(agency, row) for row in rows)


def _logged(agency: AgencyCode, row: asyncpg.Record) -> Logged:
    operation = Operation(
        Actor(agency, row["person"], row["session_id"], row["terminal"]),
        Moment(row["world_at"], row["machine_at"]),
        row["name"],
        OperationOutcome(row["outcome"]),
        row["interface"],
        row["reason"],
        row["exchange"],
        row["about"],
    )
    return Logged(row["seq"], operation)
