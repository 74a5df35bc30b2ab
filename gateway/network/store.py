"""The network's statements. Each function holds one; rows come and go in sequences so that many can share a commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from gateway.clock import ClockSetting
from gateway.database import Connection
from gateway.exchange.directory import Edition
from gateway.records.store import RecordRow, columns, keeping
from sympho.store.issuing import Translated, Wanted, translating, wanted_columns

# --- exchanges ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewExchange:
    """An accepted exchange, or one that the network refused and so ended at once (``kind`` and ``reply``)."""

    txn: UUID
    inquirer: str
    provider: str
    request_d: bytes
    permit: str | None
    valid_until: datetime | None
    notice_code: bytes | None
    subject_sealed: bytes
    subject_blind: bytes
    annex: bytes
    state: str
    accepted_at: datetime
    kind: str | None = None
    reply: bytes | None = None


@dataclass(frozen=True, slots=True)
class EndedExchange:
    """How a notified exchange ended. ``deliver_due``: nobody waits for it, so it must be brought to the inquirer."""

    txn: UUID
    kind: str
    ended_at: datetime
    reply: bytes
    deliver_due: bool


@dataclass(frozen=True, slots=True)
class ExchangeRow:
    txn: UUID
    inquirer: str
    provider: str
    request_d: bytes
    permit: str | None
    valid_until: datetime | None
    notice_code: bytes | None
    subject_sealed: bytes
    subject_blind: bytes
    annex: bytes
    state: str
    accepted_at: datetime
    withdrawal_asked: bool
    kind: str | None
    ended_at: datetime | None
    reply: bytes | None
    deliver_due: bool


_COLUMNS = (
    "txn, inquirer, provider, request_d, permit, valid_until, notice_code, subject_sealed, subject_blind, annex, "
    "state, accepted_at, withdrawal_asked, kind, ended_at, reply, deliver_due"
)

INSERT_EXCHANGES = """
INSERT INTO exchange (txn, inquirer, provider, request_d, permit, valid_until, notice_code, subject_sealed,
                      subject_blind, annex, state, accepted_at, kind, ended_at, reply)
SELECT n.txn, n.inquirer, n.provider, n.request_d, n.permit, n.valid_until, n.notice_code, n.subject_sealed,
       n.subject_blind, n.annex, n.state, n.accepted_at, n.kind,
       CASE WHEN n.kind IS NULL THEN NULL ELSE n.accepted_at END, n.reply
FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::bytea[], $5::text[], $6::timestamptz[], $7::bytea[], $8::bytea[],
            $9::bytea[], $10::bytea[], $11::text[], $12::timestamptz[], $13::text[], $14::bytea[])
     AS n (txn, inquirer, provider, request_d, permit, valid_until, notice_code, subject_sealed, subject_blind, annex,
           state, accepted_at, kind, reply)
ON CONFLICT ON CONSTRAINT exchange_pk DO NOTHING
RETURNING txn
"""


async def insert_exchanges(conn: Connection, rows: Sequence[NewExchange]) -> set[UUID]:
    """Writes the exchanges that are new and says which these were; an exchange number is used once."""
    fresh = await conn.fetch(
        INSERT_EXCHANGES,
        [r.txn for r in rows],
        [r.inquirer for r in rows],
        [r.provider for r in rows],
        [r.request_d for r in rows],
        [r.permit for r in rows],
        [r.valid_until for r in rows],
        [r.notice_code for r in rows],
        [r.subject_sealed for r in rows],
        [r.subject_blind for r in rows],
        [r.annex for r in rows],
        [r.state for r in rows],
        [r.accepted_at for r in rows],
        [r.kind for r in rows],
        [r.reply for r in rows],
    )
    return {row["txn"] for row in fresh}


END_EXCHANGES = f"""
WITH ended AS (
    UPDATE exchange AS e
    SET state = 'ended', kind = n.kind, ended_at = n.ended_at, reply = n.reply, deliver_due = n.deliver_due,
        notice_code = NULL
    FROM UNNEST($1::uuid[], $2::text[], $3::timestamptz[], $4::bytea[], $5::boolean[])
         AS n (txn, kind, ended_at, reply, deliver_due)
    WHERE e.txn = n.txn AND e.state <> 'ended'
    RETURNING e.txn
), kept AS (
    {keeping(6, "given.txn IN (SELECT txn FROM ended)")}
)
SELECT txn FROM ended
"""


async def end_exchanges(conn: Connection, rows: Sequence[EndedExchange], records: Sequence[RecordRow]) -> set[UUID]:
    """Ends what is open, keeps the network's record of each, and says which these were; an end is final."""
    ended = await conn.fetch(
        END_EXCHANGES,
        [r.txn for r in rows],
        [r.kind for r in rows],
        [r.ended_at for r in rows],
        [r.reply for r in rows],
        [r.deliver_due for r in rows],
        *columns(records),
    )
    return {row["txn"] for row in ended}


MARK_NOTIFIED = """
UPDATE exchange SET state = 'notified' WHERE txn = ANY($1::uuid[]) AND state = 'accepted'
"""


async def mark_notified(conn: Connection, txns: Sequence[UUID]) -> None:
    """The provider has acknowledged the notice and will end the exchange in its own time."""
    await conn.execute(MARK_NOTIFIED, list(txns))


MARK_DELIVERED = """
UPDATE exchange SET deliver_due = false WHERE txn = ANY($1::uuid[]) AND deliver_due
"""


async def mark_delivered(conn: Connection, txns: Sequence[UUID]) -> None:
    """The inquirer has made the answer durable."""
    await conn.execute(MARK_DELIVERED, list(txns))


MARK_WITHDRAWAL = """
UPDATE exchange SET withdrawal_asked = true WHERE txn = $1 AND state <> 'ended'
"""


async def mark_withdrawal(conn: Connection, txn: UUID) -> None:
    """The inquirer wants the inquiry back; repeated to the provider until it answers."""
    await conn.execute(MARK_WITHDRAWAL, txn)


LOOK_UP = f"""
SELECT e.txn IS NOT NULL AS known, t.person_key, t.generation, t.state
FROM ({translating()}) AS t
LEFT JOIN exchange AS e ON e.txn = ($4::uuid[])[t.n]
ORDER BY t.n
"""


async def look_up(conn: Connection, txns: Sequence[UUID], codes: Sequence[Wanted]) -> list[tuple[bool, Translated]]:
    """What a permit takes, of both schemas in one round trip: is the exchange number known, and whose are the codes?"""
    found = await conn.fetch(LOOK_UP, *wanted_columns(codes), txns)
    return [(row[0], Translated(row[1], row[2], row[3])) for row in found]


FIND_EXCHANGE = f"""
SELECT {_COLUMNS} FROM exchange WHERE txn = $1
"""


async def find_exchange(conn: Connection, txn: UUID) -> ExchangeRow | None:
    row = await conn.fetchrow(FIND_EXCHANGE, txn)
    return ExchangeRow(**row) if row else None


DUE_EXCHANGES = f"""
SELECT {_COLUMNS} FROM exchange
WHERE (state = 'accepted' OR deliver_due OR (withdrawal_asked AND state <> 'ended')) AND txn > $1 AND txn < $2
ORDER BY txn LIMIT $3
"""


async def due_exchanges(conn: Connection, after: UUID, before: UUID, limit: int) -> list[ExchangeRow]:
    """What still has to be carried somewhere: a notice, a withdrawal or an answer that nobody acknowledged."""
    return [ExchangeRow(**row) for row in await conn.fetch(DUE_EXCHANGES, after, before, limit)]


ALL_EXCHANGES = f"""
SELECT {_COLUMNS} FROM exchange ORDER BY txn
"""


async def all_exchanges(conn: Connection) -> list[ExchangeRow]:
    """Everything, for the judge."""
    return [ExchangeRow(**row) for row in await conn.fetch(ALL_EXCHANGES)]


# --- directory, lists, clock --------------------------------------------------------------------------------------

UPSERT_ENTRIES = """
INSERT INTO directory_entry (agency, entry)
SELECT n.agency, n.entry FROM UNNEST($1::text[], $2::bytea[]) AS n (agency, entry)
ON CONFLICT ON CONSTRAINT directory_entry_pk DO UPDATE SET entry = EXCLUDED.entry
"""


async def upsert_entries(conn: Connection, entries: Sequence[tuple[str, bytes]]) -> None:
    await conn.execute(UPSERT_ENTRIES, [e[0] for e in entries], [e[1] for e in entries])


RAISE_DIRECTORY_SERIAL = """
UPDATE network_state SET directory_serial = directory_serial + 1 RETURNING directory_serial
"""


async def raise_directory_serial(conn: Connection) -> int:
    """The next serial. Until the transaction ends, whoever else publishes waits here."""
    return int(await conn.fetchval(RAISE_DIRECTORY_SERIAL))


INSERT_EDITION = """
INSERT INTO directory_edition (serial, signed, published_at) VALUES ($1, $2, $3)
"""


async def insert_edition(conn: Connection, serial: int, signed: str, published_at: datetime) -> None:
    """Publishes a directory."""
    await conn.execute(INSERT_EDITION, serial, signed, published_at)


LATEST_EDITION = """
SELECT signed FROM directory_edition WHERE serial > $1 ORDER BY serial DESC LIMIT 1
"""


async def latest_edition(conn: Connection, after: int) -> str | None:
    """The directory published last, if its serial is higher than ``after``."""
    signed: str | None = await conn.fetchval(LATEST_EDITION, after)
    return signed


EDITION_AT = """
SELECT serial, signed, published_at AS since FROM directory_edition
ORDER BY published_at <= $1 DESC, CASE WHEN published_at <= $1 THEN -serial ELSE serial END
LIMIT 1
"""


async def edition_at(conn: Connection, at: datetime) -> Edition | None:
    """The directory that was in force at the network at a world time; before the first one that is kept, that one."""
    row = await conn.fetchrow(EDITION_AT, at)
    return None if row is None else Edition(**row)


ALL_EDITIONS = """
SELECT serial, signed, published_at AS since FROM directory_edition ORDER BY serial
"""


async def all_editions(conn: Connection) -> list[Edition]:
    """Every edition that is kept, the oldest first."""
    return [Edition(**row) for row in await conn.fetch(ALL_EDITIONS)]


DELETE_EDITIONS = """
DELETE FROM directory_edition AS e
USING (SELECT d.serial, LEAD(d.published_at) OVER (ORDER BY d.serial) AS superseded_at
       FROM directory_edition AS d) AS s
WHERE s.serial = e.serial AND s.superseded_at < $1
"""


async def delete_editions(conn: Connection, superseded_before: datetime) -> None:
    """Former directories in whose place another one was published before that world time."""
    await conn.execute(DELETE_EDITIONS, superseded_before)


ALL_ENTRIES = """
SELECT entry FROM directory_entry ORDER BY agency
"""


async def all_entries(conn: Connection) -> list[bytes]:
    return [row["entry"] for row in await conn.fetch(ALL_ENTRIES)]


FOUND_NETWORK = """
INSERT INTO network_state (agency) VALUES ($1) ON CONFLICT ON CONSTRAINT network_state_one DO NOTHING
"""


async def found_network(conn: Connection, agency: str) -> None:
    """Names the network once; a second name changes nothing."""
    await conn.execute(FOUND_NETWORK, agency)


READ_STATE = """
SELECT agency, clock_version, clock_offset_us, clock_frozen_at FROM network_state
"""


async def read_state(conn: Connection) -> tuple[str, ClockSetting] | None:
    """The network's own code and the world's clock; none before it was founded."""
    row = await conn.fetchrow(READ_STATE)
    if row is None:
        return None
    return row["agency"], ClockSetting(
        offset_us=row["clock_offset_us"], frozen_at=row["clock_frozen_at"], version=row["clock_version"]
    )


SET_CLOCK = """
UPDATE network_state SET clock_offset_us = $1, clock_frozen_at = $2, clock_version = clock_version + 1
RETURNING clock_version
"""


async def set_clock(conn: Connection, offset_us: int, frozen_at: datetime | None) -> int:
    return int(await conn.fetchval(SET_CLOCK, offset_us, frozen_at))


# --- alarms -------------------------------------------------------------------------------------------------------

INSERT_ALARM = """
INSERT INTO alarm (at, caller, message, fault, txn) VALUES ($1, $2, $3, $4, $5)
"""


async def insert_alarm(conn: Connection, at: datetime, caller: str, message: str, fault: str, txn: UUID | None) -> None:
    await conn.execute(INSERT_ALARM, at, caller, message, fault, txn)


ALL_ALARMS = """
SELECT at, caller, message, fault, txn FROM alarm ORDER BY id DESC LIMIT $1
"""


async def latest_alarms(conn: Connection, limit: int) -> list[tuple[datetime, str, str, str, UUID | None]]:
    return [tuple(row) for row in await conn.fetch(ALL_ALARMS, limit)]
