"""記録の保管: adding records and finding them again. There is no statement here that changes or removes one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple, Self
from uuid import UUID

from gateway.database import Connection
from gateway.exchange.messages import Outcome
from gateway.records.record import RecordPayload, Role, fiscal_year
from sympho.codes import AgencyCode, InformationCode, TaskCode


@dataclass(frozen=True, slots=True)
class RecordRow:
    """One holder's record of one exchange, as it is kept. ``repr`` leaves out what may point at a person."""

    holder: AgencyCode
    txn: UUID
    role: Role
    kind: Outcome
    ended_at: datetime
    fiscal_year: int
    jws: str
    annex: bytes
    subject_sealed: bytes
    subject_blind: bytes
    counterpart: AgencyCode
    task: TaskCode
    information: InformationCode

    @classmethod
    def of(
        cls,
        *,
        holder: AgencyCode,
        role: Role,
        payload: RecordPayload,
        jws: str,
        annex: bytes,
        subject_sealed: bytes,
        subject_blind: bytes,
    ) -> Self:
        """The row of a record that was just signed: what it says of itself is taken from the payload.

        Both subject columns are empty where the holder knew nobody.
        """
        return cls(
            holder=holder,
            txn=UUID(payload.txn),
            role=role,
            kind=payload.kind,
            ended_at=payload.ended,
            fiscal_year=fiscal_year(payload.ended),
            jws=jws,
            annex=annex,
            subject_sealed=subject_sealed,
            subject_blind=subject_blind,
            counterpart=payload.prv.agency if role is Role.INQUIRER else payload.inq.agency,
            task=payload.task,
            information=payload.inf,
        )

    def __repr__(self) -> str:
        return f"RecordRow({self.holder}, {self.txn}, {self.role})"


@dataclass(frozen=True, slots=True)
class Position:
    """Where a listing stands: the last record that was seen."""

    ended_at: datetime
    txn: UUID


ADD_RECORDS = """
INSERT INTO record (holder, txn, role, kind, ended_at, fiscal_year, jws, annex, subject_sealed, subject_blind,
                    counterpart, task, information)
SELECT holder, txn, role, kind, ended_at, fiscal_year, jws, annex, subject_sealed, subject_blind,
       counterpart, task, information
FROM UNNEST($1::text[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::smallint[], $7::text[],
            $8::bytea[], $9::bytea[], $10::bytea[], $11::text[], $12::text[], $13::text[])
  AS given (holder, txn, role, kind, ended_at, fiscal_year, jws, annex, subject_sealed, subject_blind,
            counterpart, task, information)
"""
ONCE = "ON CONFLICT (holder, txn) DO NOTHING"
INSERT_RECORDS = ADD_RECORDS + ONCE + " RETURNING holder, txn"


def keeping(first: int, condition: str) -> str:
    """The part of a larger statement that adds records where ``condition`` holds for one ``given``: what ends an
    exchange keeps its record in the same statement, so that both are one round trip and one commit. Its parameters are
    those of ``columns``, from number ``first`` on. Used when a module is loaded, never with a value.
    """
    numbered = re.sub(r"\$(\d+)", lambda found: f"${int(found[1]) + first - 1}", ADD_RECORDS)
    return f"{numbered} WHERE {condition} {ONCE}"


def columns(rows: Sequence[RecordRow]) -> tuple[list[Any], ...]:
    """The rows as UNNEST takes them."""
    return (
        [row.holder for row in rows],
        [row.txn for row in rows],
        [row.role.value for row in rows],
        [row.kind.value for row in rows],
        [row.ended_at for row in rows],
        [row.fiscal_year for row in rows],
        [row.jws for row in rows],
        [row.annex for row in rows],
        [row.subject_sealed for row in rows],
        [row.subject_blind for row in rows],
        [row.counterpart for row in rows],
        [row.task for row in rows],
        [row.information for row in rows],
    )


async def insert(conn: Connection, rows: Sequence[RecordRow]) -> frozenset[tuple[AgencyCode, UUID]]:
    """Adds records; the pairs that were new. What a holder has already is left as it is, never replaced."""
    if not rows:
        return frozenset()
    fresh = await conn.fetch(INSERT_RECORDS, *columns(rows))
    return frozenset((AgencyCode(row["holder"]), UUID(bytes=row["txn"].bytes)) for row in fresh)


GET_RECORDS = """
SELECT record.holder, record.txn, role, kind, ended_at, fiscal_year, jws, annex, subject_sealed, subject_blind,
       counterpart, task, information
FROM record
JOIN UNNEST($1::text[], $2::uuid[]) AS asked (holder, txn) ON record.holder = asked.holder AND record.txn = asked.txn
ORDER BY record.holder, record.txn
"""


async def get(conn: Connection, keys: Sequence[tuple[AgencyCode, UUID]]) -> list[RecordRow]:
    """The records of these holders and exchanges, as far as they exist."""
    rows = await conn.fetch(GET_RECORDS, [holder for holder, _ in keys], [txn for _, txn in keys])
    return [_row(row) for row in rows]


LIST_RECORDS = """
SELECT holder, txn, role, kind, ended_at, fiscal_year, jws, annex, subject_sealed, subject_blind,
       counterpart, task, information
FROM record
WHERE holder = $1 AND (ended_at, txn) > ($2, $3)
ORDER BY ended_at, txn LIMIT $4
"""


async def list_records(conn: Connection, holder: AgencyCode, after: Position, limit: int) -> list[RecordRow]:
    """A holder's records in the order of their ends, from behind ``after``."""
    rows = await conn.fetch(LIST_RECORDS, holder, after.ended_at, after.txn, limit)
    return [_row(row) for row in rows]


LATEST_RECORDS = """
SELECT holder, txn, role, kind, ended_at, fiscal_year, jws, annex, subject_sealed, subject_blind,
       counterpart, task, information
FROM record
WHERE holder = $1 AND (ended_at, txn) < ($2, $3)
ORDER BY ended_at DESC, txn DESC LIMIT $4
"""


async def latest_records(conn: Connection, holder: AgencyCode, before: Position, limit: int) -> list[RecordRow]:
    """A holder's records, the latest first, from before ``before``: what a person at a screen wants."""
    rows = await conn.fetch(LATEST_RECORDS, holder, before.ended_at, before.txn, limit)
    return [_row(row) for row in rows]


LIST_PERSON = """
SELECT holder, txn, role, kind, ended_at, fiscal_year, jws, annex, subject_sealed, subject_blind,
       counterpart, task, information
FROM record
WHERE holder = $1 AND subject_blind = $2 AND octet_length(subject_blind) > 0 AND (ended_at, txn) > ($3, $4)
ORDER BY ended_at, txn LIMIT $5
"""


async def list_person(
    conn: Connection, holder: AgencyCode, blind: bytes, after: Position, limit: int
) -> list[RecordRow]:
    """A person's records at one holder (for disclosure to that person), in the order of their ends."""
    rows = await conn.fetch(LIST_PERSON, holder, blind, after.ended_at, after.txn, limit)
    return [_row(row) for row in rows]


ALL_RECORDS = """
SELECT holder, txn, role, kind, ended_at, fiscal_year, jws, annex, subject_sealed, subject_blind,
       counterpart, task, information
FROM record
WHERE (holder, txn) > ($1, $2)
ORDER BY holder, txn LIMIT $3
"""


async def all_records(conn: Connection, after: tuple[str, UUID], limit: int) -> list[RecordRow]:
    """Every holder's records by holder and exchange, from behind ``after``: for the judge and for export."""
    rows = await conn.fetch(ALL_RECORDS, after[0], after[1], limit)
    return [_row(row) for row in rows]


COUNT_BEFORE = """
SELECT COUNT(*), MIN((ended_at AT TIME ZONE 'Asia/Tokyo')::date) FROM record WHERE holder = $1 AND ended_at < $2
"""


async def count_before(conn: Connection, holder: AgencyCode, before: datetime) -> tuple[int, date | None]:
    """How many of a holder's records ended before this moment, and the day of the first of them."""
    row = await conn.fetchrow(COUNT_BEFORE, holder, before)
    return row[0], row[1]


class EndedCount(NamedTuple):
    """How many ended so; what was not asked for is None. ``reason`` is the coarse one of what was refused."""

    role: str
    kind: str
    reason: str | None
    day: date | None
    counterpart: str | None
    task: str | None
    many: int


COUNT_ENDED = """
SELECT role, kind,
       CASE WHEN kind = 'refused' THEN
           convert_from(decode(rpad(translate(split_part(jws, '.', 2), '-_', '+/'),
                                    (length(split_part(jws, '.', 2)) + 3) / 4 * 4, '='), 'base64'), 'UTF8')::json
           ->> 'rsn'
       END AS reason,
       CASE WHEN $4::boolean THEN (ended_at AT TIME ZONE 'Asia/Tokyo')::date END AS day,
       CASE WHEN $5::boolean THEN counterpart END AS counterpart,
       CASE WHEN $6::boolean THEN task END AS task,
       COUNT(*) AS many
FROM record
WHERE holder = $1 AND ended_at >= $2 AND ended_at < $3
GROUP BY 1, 2, 3, 4, 5, 6 LIMIT $7
"""


async def count_ended(
    conn: Connection, holder: AgencyCode, since: datetime, until: datetime, by: tuple[bool, bool, bool], limit: int
) -> list[EndedCount]:
    """A holder's records of this time, counted by role, end, and by day, counterpart and task as far as ``by`` asks for
    them. The coarse reason stands in the payload alone, and is read there for what was refused."""
    return [EndedCount(*row) for row in await conn.fetch(COUNT_ENDED, holder, since, until, *by, limit)]


def _row(row: Mapping[str, Any]) -> RecordRow:
    return RecordRow(
        holder=AgencyCode(row["holder"]),
        txn=UUID(bytes=row["txn"].bytes),
        role=Role(row["role"]),
        kind=Outcome(row["kind"]),
        ended_at=row["ended_at"],
        fiscal_year=row["fiscal_year"],
        jws=row["jws"],
        annex=row["annex"],
        subject_sealed=row["subject_sealed"],
        subject_blind=row["subject_blind"],
        counterpart=AgencyCode(row["counterpart"]),
        task=TaskCode(row["task"]),
        information=InformationCode(row["information"]),
    )
