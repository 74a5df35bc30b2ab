"""Statements on inquiries (情報照会): the asking side of an exchange, as its own agency sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from authz.operations import Operation
from authz.operations.store import columns as operation_columns
from authz.operations.store import recording
from gateway.database import Connection
from gateway.intermediary.store.rows import columns
from gateway.records.store import RecordRow, keeping
from gateway.records.store import columns as record_columns


@dataclass(frozen=True, slots=True)
class NewInquiry:
    """A registered inquiry. ``kind`` and what follows are set when our own side refused it at once."""

    agency: str
    txn: UUID
    idempotency_key: str
    body_d: bytes
    unified: str
    office: str
    asked_by: str
    provider: str
    task: str
    procedure: str | None
    information: str
    items: str
    """Item codes joined by a blank: an array of arrays would have to be rectangular."""
    consent: bool
    non_disclosure: bool
    request_sealed: bytes | None
    annex: bytes
    subject_sealed: bytes
    asked_at: datetime
    state: str
    kind: str | None = None
    reason: str | None = None
    reasons: str = ""


@dataclass(frozen=True, slots=True)
class EndedInquiry:
    agency: str
    txn: UUID
    kind: str
    reason: str
    ended_at: datetime
    content: bytes | None
    permit: str | None


@dataclass(frozen=True, slots=True)
class InquiryRow:
    agency: str
    txn: UUID
    idempotency_key: str
    body_d: bytes
    unified: str
    office: str
    asked_by: str
    provider: str
    task: str
    procedure: str | None
    information: str
    items: list[str]
    consent: bool
    non_disclosure: bool
    request_sealed: bytes | None
    annex: bytes
    subject_sealed: bytes
    asked_at: datetime
    state: str
    permit: str | None
    valid_until: datetime | None
    withdrawal_asked_at: datetime | None
    kind: str | None
    reason: str | None
    reasons: list[str]
    ended_at: datetime | None
    content: bytes | None


_COLUMNS = (
    "agency, txn, idempotency_key, body_d, unified, office, asked_by, provider, task, procedure, information, items, "
    "consent, non_disclosure, request_sealed, annex, subject_sealed, asked_at, state, permit, valid_until, "
    "withdrawal_asked_at, kind, "
    "reason, reasons, ended_at, content"
)

INSERT_INQUIRIES = f"""
WITH fresh AS (
    INSERT INTO inquiry (agency, txn, idempotency_key, body_d, unified, office, asked_by, provider, task, procedure,
                         information, items, consent, non_disclosure, request_sealed, annex, subject_sealed, asked_at,
                         state, kind, reason, reasons, ended_at)
    SELECT n.agency, n.txn, n.idempotency_key, n.body_d, n.unified, n.office, n.asked_by, n.provider, n.task,
           n.procedure,
           n.information, STRING_TO_ARRAY(n.items, ' '), n.consent, n.non_disclosure, n.request_sealed, n.annex,
           n.subject_sealed, n.asked_at, n.state, n.kind, n.reason, STRING_TO_ARRAY(n.reasons, ' '),
           CASE WHEN n.kind IS NULL THEN NULL ELSE n.asked_at END
    FROM UNNEST($1::text[], $2::uuid[], $3::text[], $4::bytea[], $5::text[], $6::text[], $7::text[], $8::text[],
                $9::text[],
                $10::text[], $11::text[], $12::text[], $13::boolean[], $14::boolean[], $15::bytea[], $16::bytea[],
                $17::bytea[], $18::timestamptz[], $19::text[], $20::text[], $21::text[], $22::text[])
         AS n (agency, txn, idempotency_key, body_d, unified, office, asked_by, provider, task, procedure, information,
               items, consent, non_disclosure, request_sealed, annex, subject_sealed, asked_at, state, kind, reason,
               reasons)
    ON CONFLICT ON CONSTRAINT inquiry_idempotency DO NOTHING
    RETURNING agency, txn
), kept AS (
    {keeping(23, "(given.holder, given.txn) IN (SELECT agency, txn FROM fresh)")}
), logged AS (
    {recording(36, "n.exchange IN (SELECT txn FROM fresh)")}
)
SELECT agency, txn FROM fresh
"""


async def insert_inquiries(
    conn: Connection, rows: Sequence[NewInquiry], records: Sequence[RecordRow], entries: Sequence[Operation]
) -> set[tuple[str, UUID]]:
    """Registers what is new, with the records of what our own side refused and the entries of the operations log; a
    used idempotency key is left out."""
    fresh = await conn.fetch(INSERT_INQUIRIES, *columns(rows), *record_columns(records), *operation_columns(entries))
    return {(row["agency"], row["txn"]) for row in fresh}


MARK_NOTIFIED = """
UPDATE inquiry AS i SET state = 'notified', permit = n.permit, valid_until = n.valid_until
FROM UNNEST($1::text[], $2::uuid[], $3::text[], $4::timestamptz[]) AS n (agency, txn, permit, valid_until)
WHERE i.agency = n.agency AND i.txn = n.txn AND i.state = 'asking'
"""


async def mark_notified(conn: Connection, rows: Sequence[tuple[str, UUID, str, datetime]]) -> None:
    """The network has accepted the inquiry: (agency, exchange number, permit, valid until)."""
    await conn.execute(MARK_NOTIFIED, *zip(*rows, strict=True))


ASK_ANEW = """
UPDATE inquiry SET asked_at = $3, request_sealed = $4 WHERE agency = $1 AND txn = $2 AND state = 'asking'
"""


async def ask_anew(conn: Connection, agency: str, txn: UUID, asked_at: datetime, request_sealed: bytes) -> None:
    """Replaces a request that the network does not know, because the world's clock went back after it was asked."""
    await conn.execute(ASK_ANEW, agency, txn, asked_at, request_sealed)


END_INQUIRIES = f"""
WITH ended AS (
    UPDATE inquiry AS i
    SET state = 'ended', kind = n.kind, reason = n.reason, ended_at = n.ended_at, content = n.content,
        permit = COALESCE(n.permit, i.permit), request_sealed = NULL
    FROM UNNEST($1::text[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::bytea[], $7::text[])
         AS n (agency, txn, kind, reason, ended_at, content, permit)
    WHERE i.agency = n.agency AND i.txn = n.txn AND i.state <> 'ended'
    RETURNING i.agency, i.txn
), kept AS (
    {keeping(8, "(given.holder, given.txn) IN (SELECT agency, txn FROM ended)")}
)
SELECT agency, txn FROM ended
"""


async def end_inquiries(
    conn: Connection, rows: Sequence[EndedInquiry], records: Sequence[RecordRow]
) -> set[tuple[str, UUID]]:
    """Ends what is open, keeps this side's record of each, and says which these were."""
    ended = await conn.fetch(END_INQUIRIES, *columns(rows), *record_columns(records))
    return {(row["agency"], row["txn"]) for row in ended}


MARK_WITHDRAWAL = """
UPDATE inquiry SET withdrawal_asked_at = $3
WHERE agency = $1 AND txn = $2 AND state <> 'ended' AND withdrawal_asked_at IS NULL
"""


async def mark_withdrawal(conn: Connection, agency: str, txn: UUID, at: datetime) -> None:
    """取りやめ was asked for; carried to the provider until it answers."""
    await conn.execute(MARK_WITHDRAWAL, agency, txn, at)


FIND_INQUIRY = f"""
SELECT {_COLUMNS} FROM inquiry WHERE agency = $1 AND txn = $2
"""


async def find_inquiry(conn: Connection, agency: str, txn: UUID) -> InquiryRow | None:
    row = await conn.fetchrow(FIND_INQUIRY, agency, txn)
    return InquiryRow(**row) if row else None


FIND_BY_KEY = f"""
SELECT {_COLUMNS} FROM inquiry WHERE agency = $1 AND asked_by = $2 AND idempotency_key = $3
"""


async def find_by_key(conn: Connection, agency: str, asked_by: str, key: str) -> InquiryRow | None:
    row = await conn.fetchrow(FIND_BY_KEY, agency, asked_by, key)
    return InquiryRow(**row) if row else None


class Whose(NamedTuple):
    """Whose inquiries are listed: of an office, for these tasks (None: all) or asked by this one."""

    office: str
    asked_by: str
    tasks: Sequence[str] | None


LIST_INQUIRIES = f"""
SELECT {_COLUMNS} FROM inquiry
WHERE agency = $1 AND office = $2
  AND ($8::text[] IS NULL OR task = ANY ($8) OR asked_by = $9)
  AND ($3::text IS NULL OR $3 = CASE WHEN state = 'ended' THEN 'ended' WHEN valid_until <= $4 THEN 'overdue'
                                     ELSE 'in-progress' END)
  AND (asked_at, txn) > ($5, $6)
ORDER BY asked_at, txn LIMIT $7
"""


async def list_inquiries(
    conn: Connection,
    agency: str,
    whose: Whose,
    state: str | None,
    now: datetime,
    after: tuple[datetime, UUID],
    limit: int,
) -> list[InquiryRow]:
    """An office's inquiries in the order of asking, a page at a time; ``state`` as people see it, or None for all."""
    rows = await conn.fetch(
        LIST_INQUIRIES, agency, whose.office, state, now, *after, limit, whose.tasks, whose.asked_by
    )
    return [InquiryRow(**row) for row in rows]


DUE_INQUIRIES = f"""
SELECT {_COLUMNS} FROM inquiry
WHERE (state = 'asking' OR (withdrawal_asked_at IS NOT NULL AND state <> 'ended')) AND txn > $1 AND txn < $2
ORDER BY txn LIMIT $3
"""


async def due_inquiries(conn: Connection, after: UUID, before: UUID, limit: int) -> list[InquiryRow]:
    """Inquiries of all agencies that have not gone out, or whose withdrawal has not been answered."""
    return [InquiryRow(**row) for row in await conn.fetch(DUE_INQUIRIES, after, before, limit)]


ENDED_INQUIRIES = f"""
SELECT {_COLUMNS} FROM inquiry
JOIN UNNEST($1::text[], $2::uuid[]) AS waited (w_agency, w_txn) ON agency = w_agency AND txn = w_txn
WHERE state = 'ended'
"""


async def ended_inquiries(conn: Connection, places: Sequence[tuple[str, UUID]]) -> list[InquiryRow]:
    """Those of the inquiries (agency, exchange number) that have ended."""
    return [InquiryRow(**row) for row in await conn.fetch(ENDED_INQUIRIES, *zip(*places, strict=True))]


ALL_INQUIRIES = f"""
SELECT {_COLUMNS} FROM inquiry ORDER BY agency, txn
"""


async def all_inquiries(conn: Connection) -> list[InquiryRow]:
    """Everything, for the judge."""
    return [InquiryRow(**row) for row in await conn.fetch(ALL_INQUIRIES)]


LATEST_PERMITS = """
SELECT permit FROM inquiry WHERE permit IS NOT NULL ORDER BY txn DESC LIMIT $1
"""


async def latest_permits(conn: Connection, limit: int) -> list[str]:
    """The permits of the latest inquiries of all agencies."""
    return [row["permit"] for row in await conn.fetch(LATEST_PERMITS, limit)]
