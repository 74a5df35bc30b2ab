"""What accounts keep in PostgreSQL (職員アカウント); one statement a function, agency first. Every time is machine time."""

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
    disabled_at: datetime | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    terminals: frozenset[str] | None = None
    """The registered terminals from which alone the person may log in; None: from anywhere."""
    outside_subject: str | None = None
    """Whom an outside issuer calls this person; None: the outside opens nothing."""

    def open_at(self, machine_now: datetime) -> bool:
        """Whether the account is neither disabled nor before or after its time (有効期間)."""
        begun = self.valid_from is None or self.valid_from <= machine_now
        return self.disabled_at is None and begun and (self.valid_until is None or machine_now < self.valid_until)

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
        row["valid_from"],
        row["valid_until"],
        None if row["terminals"] is None else frozenset(row["terminals"]),
        row["outside_subject"],
    )


def _tasks(tasks: list[str] | None) -> frozenset[TaskCode] | None:
    return None if tasks is None else frozenset(TaskCode(task) for task in tasks)


def _joined(words: frozenset[Duty] | frozenset[TaskCode] | frozenset[str] | None) -> str | None:
    """A set as one text: UNNEST flattens arrays of arrays, so a set travels joined and is split by the statement."""
    return None if words is None else " ".join(sorted(words))


_INSERT_ACCOUNTS = """
INSERT INTO staff (agency, staff_id, login, name, office, duties, tasks, password, must_change, created_at,
                   password_set_at, valid_from, valid_until)
SELECT n.agency, n.staff_id, n.login, n.name, n.office, string_to_array(n.duties, ' '), string_to_array(n.tasks, ' '),
       n.password, n.must_change, n.created_at, n.password_set_at, n.valid_from, n.valid_until
FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::boolean[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::timestamptz[])
     AS n (agency, staff_id, login, name, office, duties, tasks, password, must_change, created_at, password_set_at,
           valid_from, valid_until)
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
        [a.valid_from for a in accounts],
        [a.valid_until for a in accounts],
    )
    return frozenset(row["staff_id"] for row in rows)


_ACCOUNT = """
    staff_id, login, name, office, duties, tasks, password, must_change, created_at, password_set_at, disabled_at,
    valid_from, valid_until, terminals, outside_subject
"""

_ACCOUNT_BY_LOGIN = f"""
SELECT {_ACCOUNT}
FROM staff
WHERE agency = $1 AND login = $2
"""


async def account_by_login(conn: Connection, agency: AgencyCode, login: str) -> Account | None:
    row = await conn.fetchrow(_ACCOUNT_BY_LOGIN, agency, login)
    return None if row is None else _account(agency, row)


_ACCOUNT_BY_SUBJECT = f"""
SELECT {_ACCOUNT}
FROM staff
WHERE agency = $1 AND outside_subject = $2
"""


async def account_by_subject(conn: Connection, agency: AgencyCode, subject: str) -> Account | None:
    """Whom an outside issuer means; an account that names no subject is nobody's."""
    row = await conn.fetchrow(_ACCOUNT_BY_SUBJECT, agency, subject)
    return None if row is None else _account(agency, row)


_LOCK_ACCOUNT = f"""
SELECT {_ACCOUNT}
FROM staff
WHERE agency = $1 AND staff_id = $2
FOR NO KEY UPDATE
"""


async def lock_account(conn: Connection, agency: AgencyCode, staff_id: str) -> Account | None:
    """The account, locked until the transaction ends: a login and a change of the account cannot pass each other."""
    row = await conn.fetchrow(_LOCK_ACCOUNT, agency, staff_id)
    return None if row is None else _account(agency, row)


_ACCOUNTS = f"""
SELECT {_ACCOUNT}
FROM staff
WHERE agency = $1
ORDER BY login
"""


async def accounts(conn: Connection, agency: AgencyCode) -> tuple[Account, ...]:
    return tuple(_account(agency, row) for row in await conn.fetch(_ACCOUNTS, agency))


_UPDATE_ACCOUNT = """
UPDATE staff
SET name = $3, office = $4, duties = $5, tasks = $6, password = $7, must_change = $8, password_set_at = $9,
    disabled_at = $10, valid_from = $11, valid_until = $12, terminals = $13, outside_subject = $14
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
        account.valid_from,
        account.valid_until,
        None if account.terminals is None else sorted(account.terminals),
        account.outside_subject,
    )


# --- passwords of before ------------------------------------------------------------------------------------------

_FORMER_PASSWORDS = """
SELECT password
FROM former_password
WHERE agency = $1 AND staff_id = $2
ORDER BY until DESC
LIMIT $3
"""


async def former_passwords(conn: Connection, agency: AgencyCode, staff_id: str, many: int) -> tuple[str, ...]:
    """The hashes of the passwords before this one, the latest first."""
    return tuple(row["password"] for row in await conn.fetch(_FORMER_PASSWORDS, agency, staff_id, many))


_KEEP_FORMER = """
WITH too_old AS (
    DELETE FROM former_password AS f
    USING (SELECT o.password
           FROM former_password AS o
           WHERE o.agency = $1 AND o.staff_id = $2
           ORDER BY o.until DESC
           OFFSET $5) AS o
    WHERE f.agency = $1 AND f.staff_id = $2 AND f.password = o.password)
INSERT INTO former_password (agency, staff_id, password, until)
VALUES ($1, $2, $3, $4)
ON CONFLICT (agency, staff_id, password) DO NOTHING
"""


async def keep_former(conn: Connection, account: Account, until: datetime, many: int) -> None:
    """Remembers an account's password that ends now, and of those before it so many that ``many`` are remembered."""
    await conn.execute(_KEEP_FORMER, account.agency, account.staff_id, account.password, until, many - 1)


# --- an agency's rules --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rules:
    """What an agency demands of its own staff (団体の規則)."""

    second_factor_for: frozenset[Duty] = frozenset()
    """Duties that nobody exercises without a second factor."""
    password_days: int | None = None
    """After so many days a password must be changed; None: it does not grow old."""


_RULES = """
SELECT second_factor_for, password_days
FROM staff_rule
WHERE agency = $1
"""


async def rules(conn: Connection, agency: AgencyCode) -> Rules:
    row = await conn.fetchrow(_RULES, agency)
    if row is None:
        return Rules()
    return Rules(frozenset(Duty(duty) for duty in row["second_factor_for"]), row["password_days"])


_SET_RULES = """
INSERT INTO staff_rule (agency, second_factor_for, password_days)
VALUES ($1, $2, $3)
ON CONFLICT (agency) DO UPDATE
SET second_factor_for = EXCLUDED.second_factor_for, password_days = EXCLUDED.password_days
"""


async def set_rules(conn: Connection, agency: AgencyCode, wanted: Rules) -> None:
    await conn.execute(_SET_RULES, agency, sorted(wanted.second_factor_for), wanted.password_days)
