"""Statements on provisions (情報提供): the providing side of an exchange."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from gateway.database import Connection
from gateway.intermediary.store.rows import columns
from gateway.records.store import RecordRow, keeping
from gateway.records.store import columns as record_columns


@dataclass(frozen=True, slots=True)
class NewProvision:
    """A notice that was taken: held, or ended at once (``kind``, ``answer``)."""

    agency: str
    txn: UUID
    inquirer: str
    permit: str
    notice_d: bytes
    unified: str | None
    task: str
    information: str
    notified_at: datetime
    valid_until: datetime
    state: str
    held_for: str
    """Reasons joined by a blank."""
    content: bytes | None
    kind: str | None
    ended_at: datetime | None
    answer: bytes | None


@dataclass(frozen=True, slots=True)
class ProvisionRow:
    agency: str
    txn: UUID
    inquirer: str
    permit: str
    notice_d: bytes
    unified: str | None
    task: str
    information: str
    notified_at: datetime
    valid_until: datetime
    state: str
    held_for: list[str]
    guard_versions: list[int]
    prepared_by: str | None
    prepared_at: datetime | None
    decision: str | None
    withheld_for: str | None
    prepared: bytes | None
    released_by: str | None
    kind: str | None
    ended_at: datetime | None
    answer: bytes | None
    push_due: bool


_COLUMNS = (
    "agency, txn, inquirer, permit, notice_d, unified, task, information, notified_at, valid_until, state, held_for, "
    "guard_versions, prepared_by, prepared_at, decision, withheld_for, prepared, released_by, kind, ended_at, answer, "
    "push_due"
)

TAKE_PROVISIONS = f"""
WITH expected AS (
    SELECT e.txn, e.agency, e.unified, e.information, e.version
    FROM UNNEST($17::uuid[], $18::text[], $19::text[], $20::text[], $21::bigint[])
         AS e (txn, agency, unified, information, version)
), locked AS MATERIALIZED (
    SELECT g.agency, g.unified, g.information, g.version
    FROM (SELECT DISTINCT agency, unified, information FROM expected) AS e
    JOIN guard AS g USING (agency, unified, information)
    ORDER BY g.agency, g.unified, g.information
    FOR SHARE OF g
), stale AS (
    SELECT DISTINCT e.agency, e.txn
    FROM expected AS e LEFT JOIN locked AS l USING (agency, unified, information)
    WHERE l.version IS DISTINCT FROM e.version
), fresh AS (
    INSERT INTO provision (agency, txn, inquirer, permit, notice_d, unified, task, information, notified_at,
                           valid_until, state, held_for, prepared, kind, ended_at, answer)
    SELECT n.agency, n.txn, n.inquirer, n.permit, n.notice_d, n.unified, n.task, n.information, n.notified_at,
           n.valid_until, n.state, STRING_TO_ARRAY(n.held_for, ' '), n.content, n.kind, n.ended_at, n.answer
    FROM UNNEST($1::text[], $2::uuid[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::text[], $8::text[],
                $9::timestamptz[], $10::timestamptz[], $11::text[], $12::text[], $13::bytea[], $14::text[],
                $15::timestamptz[], $16::bytea[])
         AS n (agency, txn, inquirer, permit, notice_d, unified, task, information, notified_at, valid_until, state,
               held_for, content, kind, ended_at, answer)
    WHERE NOT EXISTS (SELECT FROM stale AS s WHERE s.agency = n.agency AND s.txn = n.txn)
    ON CONFLICT ON CONSTRAINT provision_pk DO NOTHING
    RETURNING agency, txn
), kept AS (
    {keeping(22, "(given.holder, given.txn) IN (SELECT agency, txn FROM fresh)")}
)
SELECT agency, txn, true AS is_fresh FROM fresh UNION ALL SELECT agency, txn, false FROM stale
"""


@dataclass(frozen=True, slots=True)
class Expected:
    """A guard as it was read for a provision; it has to be so still."""

    txn: UUID
    agency: str
    unified: str
    information: str
    version: int


async def take_provisions(
    conn: Connection, rows: Sequence[NewProvision], guards: Sequence[Expected], records: Sequence[RecordRow]
) -> dict[tuple[str, UUID], bool]:
    """Takes what is new, with the records of what ended at once. True: taken. False: a guard was changed since it was
    read, so nothing was written. Absent: taken before.

    The guards are locked (shared) until this statement, which is its own transaction, has been committed: whoever sets
    a flag waits for it, or has been waited for and seen.
    """
    expected = columns(guards) if guards else ([], [], [], [], [])
    became = await conn.fetch(TAKE_PROVISIONS, *columns(rows), *expected, *record_columns(records))
    return {(row["agency"], row["txn"]): row["is_fresh"] for row in became}


FIND_PROVISION = f"""
SELECT {_COLUMNS} FROM provision WHERE agency = $1 AND txn = $2
"""


async def find_provision(conn: Connection, agency: str, txn: UUID) -> ProvisionRow | None:
    row = await conn.fetchrow(FIND_PROVISION, agency, txn)
    return ProvisionRow(**row) if row else None


LOCK_PROVISION = f"""
SELECT {_COLUMNS} FROM provision WHERE agency = $1 AND txn = $2 FOR UPDATE
"""


async def lock_provision(conn: Connection, agency: str, txn: UUID) -> ProvisionRow | None:
    """The provision, kept from everybody else until the transaction ends: release, lapse and withdrawal take turns."""
    row = await conn.fetchrow(LOCK_PROVISION, agency, txn)
    return ProvisionRow(**row) if row else None


PREPARE_PROVISION = """
UPDATE provision
SET state = 'prepared', prepared_by = $3, prepared_at = $4, decision = $5, withheld_for = $6, prepared = $7,
    guard_versions = $8
WHERE agency = $1 AND txn = $2
"""


async def prepare_provision(
    conn: Connection,
    agency: str,
    txn: UUID,
    prepared_by: str,
    prepared_at: datetime,
    decision: str,
    withheld_for: str | None,
    prepared: bytes | None,
    guard_versions: list[int],
) -> None:
    """The first person has confirmed, corrected or wants to withhold. The row was locked and is held or prepared."""
    await conn.execute(
        PREPARE_PROVISION, agency, txn, prepared_by, prepared_at, decision, withheld_for, prepared, guard_versions
    )


RETURN_PROVISION = """
UPDATE provision
SET state = 'held', prepared_by = NULL, prepared_at = NULL, decision = NULL, withheld_for = NULL, prepared = NULL,
    guard_versions = '{}', held_for = ARRAY(SELECT DISTINCT UNNEST(held_for || $3::text[]) ORDER BY 1)
WHERE agency = $1 AND txn = $2
"""


async def return_provision(conn: Connection, agency: str, txn: UUID, held_for: list[str]) -> None:
    """Back to the first person: the second refused, or what was prepared is no longer true."""
    await conn.execute(RETURN_PROVISION, agency, txn, held_for)


END_PROVISION = """
UPDATE provision
SET state = 'ended', released_by = $3, kind = $4, ended_at = $5, answer = $6, prepared = COALESCE($7, prepared),
    push_due = true
WHERE agency = $1 AND txn = $2
"""


async def end_provision(
    conn: Connection,
    agency: str,
    txn: UUID,
    released_by: str | None,
    kind: str,
    ended_at: datetime,
    answer: bytes,
    content: bytes | None,
) -> None:
    """Ends a provision that was locked and is open; its answer is still to be brought to the network.

    ``content`` is what this side keeps of an automatic answer; what was prepared stays.
    """
    await conn.execute(END_PROVISION, agency, txn, released_by, kind, ended_at, answer, content)


MARK_PUSHED = """
UPDATE provision SET push_due = false WHERE agency = $1 AND txn = $2
"""


async def mark_pushed(conn: Connection, agency: str, txn: UUID) -> None:
    """The network has made the answer durable."""
    await conn.execute(MARK_PUSHED, agency, txn)


DUE_PROVISIONS = f"""
SELECT {_COLUMNS} FROM provision
WHERE (push_due OR (state <> 'ended' AND (valid_until <= $1 OR held_for = '{{list}}'))) AND txn > $2
ORDER BY txn LIMIT $3
"""


async def due_provisions(conn: Connection, now: datetime, after: UUID, limit: int) -> list[ProvisionRow]:
    """Answers nobody acknowledged, notices whose validity has passed, and notices that wait only for a newer list."""
    return [ProvisionRow(**row) for row in await conn.fetch(DUE_PROVISIONS, now, after, limit)]


LIST_PROVISIONS = f"""
SELECT {_COLUMNS} FROM provision
WHERE agency = $1 AND ($2::text IS NULL OR state = $2) AND (notified_at, txn) > ($3, $4)
ORDER BY notified_at, txn LIMIT $5
"""


async def list_provisions(
    conn: Connection, agency: str, state: str | None, after: tuple[datetime, UUID], limit: int
) -> list[ProvisionRow]:
    """What an agency was asked, in the order of notice, a page at a time."""
    return [ProvisionRow(**row) for row in await conn.fetch(LIST_PROVISIONS, agency, state, *after, limit)]


ALL_PROVISIONS = f"""
SELECT {_COLUMNS} FROM provision ORDER BY agency, txn
"""


async def all_provisions(conn: Connection) -> list[ProvisionRow]:
    """Everything, for the judge."""
    return [ProvisionRow(**row) for row in await conn.fetch(ALL_PROVISIONS)]
