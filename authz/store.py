"""What accounts, attempts, sessions and revocations keep in PostgreSQL; one statement a function, agency first.

Every time here is machine time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import asyncpg

from authz.duties import Duty
from sympho.codes import AgencyCode, TaskCode

Connection: TypeAlias = asyncpg.Connection


# --- accounts -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, repr=False)
class Account:
    """職員アカウント: a member of staff of one agency. ``tasks`` None: every task. ``password`` is the Argon2id hash."""

    agency: AgencyCode
    staff_id: str
    login: str
    name: str
    office: str
    duties: frozenset[Duty]
    tasks: frozenset[TaskCode] | None
    password: str
    must_change: bool
    created_at: datetime
    password_set_at: datetime
    disabled_at: datetime | None

    def __repr__(self) -> str:
        return f"<Account {self.staff_id}>"


def _account(agency: AgencyCode, row: asyncpg.Record) -> Account:
    return Account(
        agency,
        row["staff_id"],
        row["login"],
        row["name"],
        row["office"],
        frozenset(Duty(duty) for duty in row["duties"]),
        _tasks(row["tasks"]),
        row["password"],
        row["must_change"],
        row["created_at"],
        row["password_set_at"],
        row["disabled_at"],
    )


def _tasks(tasks: list[str] | None) -> frozenset[TaskCode] | None:
    return None if tasks is None else frozenset(TaskCode(task) for task in tasks)


def _joined(words: frozenset[Duty] | frozenset[TaskCode] | frozenset[str] | None) -> str | None:
    """A set as one text: UNNEST flattens arrays of arrays, so a set travels joined and is split by the statement."""
    return None if words is None else " ".join(sorted(words))


_INSERT_ACCOUNTS = """
INSERT INTO staff (agency, staff_id, login, name, office, duties, tasks, password, must_change, created_at,
                   password_set_at)
SELECT n.agency, n.staff_id, n.login, n.name, n.office, string_to_array(n.duties, ' '), string_to_array(n.tasks, ' '),
       n.password, n.must_change, n.created_at, n.password_set_at
FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::boolean[], $10::timestamptz[], $11::timestamptz[])
     AS n (agency, staff_id, login, name, office, duties, tasks, password, must_change, created_at, password_set_at)
ON CONFLICT (agency, login) DO NOTHING
RETURNING staff_id
"""


async def insert_accounts(conn: Connection, accounts: Sequence[Account]) -> frozenset[str]:
    """The ids that were entered; a login name that the agency already has is left out."""
    rows = await conn.fetch(
        _INSERT_ACCOUNTS,
        [a.agency for a in accounts],
        [a.staff_id for a in accounts],
        [a.login for a in accounts],
        [a.name for a in accounts],
        [a.office for a in accounts],
        [_joined(a.duties) for a in accounts],
        [_joined(a.tasks) for a in accounts],
        [a.password for a in accounts],
        [a.must_change for a in accounts],
        [a.created_at for a in accounts],
        [a.password_set_at for a in accounts],
    )
    return frozenset(row["staff_id"] for row in rows)


_ACCOUNT_BY_LOGIN = """
SELECT staff_id, login, name, office, duties, tasks, password, must_change, created_at, password_set_at, disabled_at
FROM staff
WHERE agency = $1 AND login = $2
"""


async def account_by_login(conn: Connection, agency: AgencyCode, login: str) -> Account | None:
    row = await conn.fetchrow(_ACCOUNT_BY_LOGIN, agency, login)
    return None if row is None else _account(agency, row)


_LOCK_ACCOUNT = """
SELECT staff_id, login, name, office, duties, tasks, password, must_change, created_at, password_set_at, disabled_at
FROM staff
WHERE agency = $1 AND staff_id = $2
FOR NO KEY UPDATE
"""


async def lock_account(conn: Connection, agency: AgencyCode, staff_id: str) -> Account | None:
    """The account, locked until the transaction ends: a login and a change of the account cannot pass each other."""
    row = await conn.fetchrow(_LOCK_ACCOUNT, agency, staff_id)
    return None if row is None else _account(agency, row)


_ACCOUNTS = """
SELECT staff_id, login, name, office, duties, tasks, password, must_change, created_at, password_set_at, disabled_at
FROM staff
WHERE agency = $1
ORDER BY login
"""


async def accounts(conn: Connection, agency: AgencyCode) -> tuple[Account, ...]:
    return tuple(_account(agency, row) for row in await conn.fetch(_ACCOUNTS, agency))


_UPDATE_ACCOUNT = """
UPDATE staff
SET name = $3, office = $4, duties = $5, tasks = $6, password = $7, must_change = $8, password_set_at = $9,
    disabled_at = $10
WHERE agency = $1 AND staff_id = $2
"""


async def update_account(conn: Connection, account: Account) -> None:
    """Everything about a locked account that can change."""
    await conn.execute(
        _UPDATE_ACCOUNT,
        account.agency,
        account.staff_id,
        account.name,
        account.office,
        sorted(account.duties),
        None if account.tasks is None else sorted(account.tasks),
        account.password,
        account.must_change,
        account.password_set_at,
        account.disabled_at,
    )


# --- attempts to log in -------------------------------------------------------------------------------------------

_LOCK_GUARDS = """
INSERT INTO login_guard AS g (agency, subject, terminal, failures, last_at, locked_until)
SELECT $1::text, $2::text, t.terminal, 0, $4::timestamptz, $4::timestamptz
FROM UNNEST($3::text[]) WITH ORDINALITY AS t (terminal, n)
ORDER BY t.n
ON CONFLICT (agency, subject, terminal) DO UPDATE SET failures = g.failures
RETURNING g.locked_until
"""


async def lock_guards(
    conn: Connection, agency: AgencyCode, subject: str, terminals: Sequence[str], now: datetime
) -> datetime:
    """The account's guards, locked in the given order until the transaction ends; until when attempts are refused."""
    rows = await conn.fetch(_LOCK_GUARDS, agency, subject, terminals, now)
    until: datetime = max(row["locked_until"] for row in rows)
    return until


_CHARGE_GUARDS = """
UPDATE login_guard AS g
SET failures = n.failures,
    last_at = $4,
    locked_until = $4::timestamptz
                   + make_interval(secs => ($6::integer[])[LEAST(n.failures, cardinality($6::integer[]))])
FROM (SELECT terminal, CASE WHEN last_at < $5 THEN 1 ELSE LEAST(failures, 1000000) + 1 END AS failures
      FROM login_guard
      WHERE agency = $1 AND subject = $2) AS n
WHERE g.agency = $1 AND g.subject = $2 AND g.terminal = ANY ($3::text[]) AND n.terminal = g.terminal
"""


async def charge_guards(
    conn: Connection,
    agency: AgencyCode,
    subject: str,
    terminals: Sequence[str],
    now: datetime,
    forgiven_before: datetime,
    delays: Sequence[int],
) -> None:
    """One more failure at each of the locked guards; ``delays`` holds the seconds after the 1st, 2nd ... failure."""
    await conn.execute(_CHARGE_GUARDS, agency, subject, terminals, now, forgiven_before, delays)


_CLEAR_GUARD = """
DELETE FROM login_guard
WHERE agency = $1 AND subject = $2 AND terminal = $3
"""


async def clear_guards(conn: Connection, agency: AgencyCode, subject: str, terminals: Sequence[str]) -> None:
    """Forget failures, one guard after the other in the order in which attempts lock them."""
    await conn.executemany(_CLEAR_GUARD, [(agency, subject, terminal) for terminal in terminals])


_GUARDED_TERMINALS = """
SELECT terminal
FROM login_guard
WHERE agency = $1 AND subject = $2
ORDER BY terminal
"""


async def guarded_terminals(conn: Connection, agency: AgencyCode, subject: str) -> tuple[str, ...]:
    return tuple(row["terminal"] for row in await conn.fetch(_GUARDED_TERMINALS, agency, subject))


# --- sessions and revocations -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Session:
    """セッション: one login of one person at one terminal."""

    agency: AgencyCode
    session_id: str
    staff_id: str
    terminal: str
    started_at: datetime
    ends_at: datetime


_INSERT_SESSION = """
INSERT INTO session (agency, session_id, staff_id, terminal, started_at, renewed_at, ends_at)
VALUES ($1, $2, $3, $4, $5, $5, $6)
"""


async def insert_session(conn: Connection, session: Session) -> None:
    await conn.execute(
        _INSERT_SESSION,
        session.agency,
        session.session_id,
        session.staff_id,
        session.terminal,
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
  AND NOT EXISTS (SELECT FROM revocation AS r WHERE r.agency = s.agency AND r.session_id = s.session_id)
RETURNING s.terminal, s.started_at, s.ends_at
"""


async def renew_session(
    conn: Connection, agency: AgencyCode, session_id: str, staff_id: str, now: datetime, idle_since: datetime
) -> Session | None:
    """The session if it lives: neither ended, idle, revoked nor of a disabled account."""
    row = await conn.fetchrow(_RENEW_SESSION, agency, session_id, staff_id, now, idle_since)
    if row is None:
        return None
    return Session(agency, session_id, staff_id, row["terminal"], row["started_at"], row["ends_at"])


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
     revocations AS (DELETE FROM revocation WHERE revoked_at < $1)
DELETE FROM login_guard WHERE last_at < $1
"""


async def forget(conn: Connection, before: datetime) -> None:
    """Delete sessions, revocations and guards that ended before this time; at least a day ago, or locks would open."""
    await conn.execute(_FORGET, before)
