"""Sessions, revocations and used assertions (セッション・失効), as PostgreSQL keeps them. Every time is machine time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import asyncpg

from authz.store import Connection
from sympho.codes import AgencyCode


class BeganWith(StrEnum):
    """How a session began: by our own password, or by an outside issuer's word."""

    INSIDE = "inside"
    OUTSIDE = "outside"


@dataclass(frozen=True, slots=True)
class Session:
    """セッション: one login of one person at one terminal. ``second_factor``: a second factor was shown in it."""

    agency: AgencyCode
    session_id: str
    staff_id: str
    terminal: str
    began_with: BeganWith
    second_factor: bool
    started_at: datetime
    authenticated_at: datetime
    ends_at: datetime


def _session(agency: AgencyCode, row: asyncpg.Record) -> Session:
    return Session(
        agency,
        row["session_id"],
        row["staff_id"],
        row["terminal"],
        BeganWith(row["began_with"]),
        row["second_factor"],
        row["started_at"],
        row["authenticated_at"],
        row["ends_at"],
    )


_INSERT_SESSION = """
INSERT INTO session (agency, session_id, staff_id, terminal, began_with, second_factor, started_at, authenticated_at,
                     renewed_at, ends_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $7, $8)
"""


async def insert_session(conn: Connection, session: Session) -> None:
    await conn.execute(
        _INSERT_SESSION,
        session.agency,
        session.session_id,
        session.staff_id,
        session.terminal,
        session.began_with.value,
        session.second_factor,
        session.started_at,
        session.ends_at,
    )


_RENEW_SESSION = """
UPDATE session AS s
SET renewed_at = GREATEST(s.renewed_at, $4)
FROM staff AS a
WHERE s.agency = $1 AND s.session_id = $2 AND s.staff_id = $3
  AND s.ends_at > $4 AND s.renewed_at > $5
  AND a.agency = s.agency AND a.staff_id = s.staff_id AND a.disabled_at IS NULL
  AND (a.valid_until IS NULL OR a.valid_until > $4)
  AND NOT EXISTS (SELECT FROM revocation AS r WHERE r.agency = s.agency AND r.session_id = s.session_id)
RETURNING s.session_id, s.staff_id, s.terminal, s.began_with, s.second_factor, s.started_at, s.authenticated_at,
          s.ends_at
"""


async def renew_session(
    conn: Connection, agency: AgencyCode, session_id: str, staff_id: str, now: datetime, idle_since: datetime
) -> Session | None:
    """The session if it lives: neither ended, idle, revoked nor of a disabled account."""
    row = await conn.fetchrow(_RENEW_SESSION, agency, session_id, staff_id, now, idle_since)
    return None if row is None else _session(agency, row)


_AUTHENTICATE_SESSION = """
UPDATE session
SET authenticated_at = GREATEST(authenticated_at, $3), second_factor = second_factor OR $4
WHERE agency = $1 AND session_id = $2
"""


async def authenticate_session(
    conn: Connection, agency: AgencyCode, session_id: str, now: datetime, *, second_factor: bool
) -> None:
    """The person behind a session has just been authenticated again, with a second factor or without."""
    await conn.execute(_AUTHENTICATE_SESSION, agency, session_id, now, second_factor)


_LIVING_SESSIONS = """
SELECT s.session_id, s.staff_id, s.terminal, s.began_with, s.second_factor, s.started_at, s.authenticated_at, s.ends_at
FROM session AS s
WHERE s.agency = $1 AND s.staff_id = $2 AND s.ends_at > $3 AND s.renewed_at > $4
  AND NOT EXISTS (SELECT FROM revocation AS r WHERE r.agency = s.agency AND r.session_id = s.session_id)
ORDER BY s.started_at DESC, s.session_id
"""


async def living_sessions(
    conn: Connection, agency: AgencyCode, staff_id: str, now: datetime, idle_since: datetime
) -> tuple[Session, ...]:
    """A person's sessions that can still be renewed, the latest first."""
    rows = await conn.fetch(_LIVING_SESSIONS, agency, staff_id, now, idle_since)
    return tuple(_session(agency, row) for row in rows)


_REVOKE_SESSION_OF = """
INSERT INTO revocation (agency, session_id, reason, revoked_at)
SELECT agency, session_id, $4::text, $5::timestamptz
FROM session
WHERE agency = $1 AND staff_id = $2 AND session_id = $3
ON CONFLICT (agency, session_id) DO UPDATE SET reason = revocation.reason
RETURNING session_id
"""


async def revoke_session_of(
    conn: Connection, agency: AgencyCode, staff_id: str, session_id: str, reason: str, now: datetime
) -> bool:
    """Ends one session of that person; False where the person has no such session."""
    found = await conn.fetchval(_REVOKE_SESSION_OF, agency, staff_id, session_id, reason, now)
    return found is not None


_REVOKE_SESSIONS_AT = """
INSERT INTO revocation (agency, session_id, reason, revoked_at)
SELECT agency, session_id, $3::text, $4::timestamptz
FROM session
WHERE agency = $1 AND terminal = $2 AND ends_at > $4
ON CONFLICT (agency, session_id) DO NOTHING
RETURNING session_id
"""


async def revoke_sessions_at(
    conn: Connection, agency: AgencyCode, terminal: str, reason: str, now: datetime
) -> tuple[str, ...]:
    """Every living session at a registered terminal; the ids of those that were newly revoked."""
    rows = await conn.fetch(_REVOKE_SESSIONS_AT, agency, terminal, reason, now)
    return tuple(row["session_id"] for row in rows)


_REVOKE_SESSIONS = """
INSERT INTO revocation (agency, session_id, reason, revoked_at)
SELECT agency, session_id, $3::text, $4::timestamptz
FROM session
WHERE agency = $1 AND staff_id = $2 AND ends_at > $4 AND session_id <> $5
ON CONFLICT (agency, session_id) DO NOTHING
RETURNING session_id
"""


async def revoke_sessions_of(
    conn: Connection, agency: AgencyCode, staff_id: str, reason: str, now: datetime, sparing: str = ""
) -> tuple[str, ...]:
    """Every living session of a person but the spared one; the ids of those that were newly revoked."""
    rows = await conn.fetch(_REVOKE_SESSIONS, agency, staff_id, reason, now, sparing)
    return tuple(row["session_id"] for row in rows)


_REVOKE = """
INSERT INTO revocation (agency, session_id, reason, revoked_at)
SELECT $1::text, n.session_id, $3::text, $4::timestamptz
FROM UNNEST($2::text[]) AS n (session_id)
ON CONFLICT (agency, session_id) DO NOTHING
"""


async def revoke(conn: Connection, agency: AgencyCode, sessions: Sequence[str], reason: str, now: datetime) -> None:
    await conn.execute(_REVOKE, agency, sessions, reason, now)


@dataclass(frozen=True, slots=True)
class Revocation:
    """失効: a session that is over before its time."""

    agency: AgencyCode
    session_id: str
    revoked_at: datetime


_REVOKED_SINCE = """
SELECT h.xmin AS horizon, r.agency, r.session_id, r.revoked_at
FROM (SELECT pg_snapshot_xmin(pg_current_snapshot()) AS xmin) AS h
LEFT JOIN revocation AS r ON r.revoked_xid >= $1::xid8 AND r.revoked_at >= $2
"""


async def revoked_since(conn: Connection, horizon: int, not_before: datetime) -> tuple[tuple[Revocation, ...], int]:
    """Revocations by transactions that were open or to come when the given horizon was read, and the next horizon."""
    rows = await conn.fetch(_REVOKED_SINCE, horizon, not_before)
    found = tuple(
        Revocation(AgencyCode(row["agency"]), row["session_id"], row["revoked_at"])
        for row in rows
        if row["session_id"] is not None
    )
    return found, rows[0]["horizon"]


_FORGET = """
WITH sessions AS (DELETE FROM session WHERE ends_at < $1),
     revocations AS (DELETE FROM revocation WHERE revoked_at < $1),
     assertions AS (DELETE FROM used_assertion WHERE until < $1)
DELETE FROM login_guard WHERE last_at < $1
"""


async def forget(conn: Connection, before: datetime) -> None:
    """Delete what ended before this time: at least a day ago, or locks would open."""
    await conn.execute(_FORGET, before)


_USE_ASSERTION = """
INSERT INTO used_assertion (issuer, digest, until)
VALUES ($1, $2, $3)
ON CONFLICT (issuer, digest) DO NOTHING
RETURNING true
"""


async def use_assertion(conn: Connection, issuer: str, digest: bytes, until: datetime) -> bool:
    """Whether this assertion is used for the first time; it is used now. ``until``: when it would be too old."""
    return bool(await conn.fetchval(_USE_ASSERTION, issuer, digest, until))
