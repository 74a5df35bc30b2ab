"""Registered terminals (端末) in PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from authz.store import Connection
from sympho.codes import AgencyCode


@dataclass(frozen=True, slots=True, repr=False)
class Terminal:
    """端末 of one agency, with the digest of its key."""

    agency: AgencyCode
    terminal_id: str
    name: str
    key_digest: bytes
    created_at: datetime
    closed_at: datetime | None

    def __repr__(self) -> str:
        return f"<Terminal {self.terminal_id}>"


_INSERT_TERMINAL = """
INSERT INTO terminal (agency, terminal_id, name, key_digest, created_at)
VALUES ($1, $2, $3, $4, $5)
"""


async def insert_terminal(conn: Connection, made: Terminal) -> None:
    await conn.execute(_INSERT_TERMINAL, made.agency, made.terminal_id, made.name, made.key_digest, made.created_at)


_TERMINAL = """
SELECT terminal_id, name, key_digest, created_at, closed_at
FROM terminal
WHERE agency = $1 AND terminal_id = $2
"""


async def terminal(conn: Connection, agency: AgencyCode, terminal_id: str) -> Terminal | None:
    row = await conn.fetchrow(_TERMINAL, agency, terminal_id)
    return None if row is None else Terminal(agency, *row)


_TERMINALS = """
SELECT terminal_id, name, key_digest, created_at, closed_at
FROM terminal
WHERE agency = $1
ORDER BY name, terminal_id
"""


async def terminals(conn: Connection, agency: AgencyCode) -> tuple[Terminal, ...]:
    return tuple(Terminal(agency, *row) for row in await conn.fetch(_TERMINALS, agency))


_CLOSE_TERMINAL = """
UPDATE terminal
SET closed_at = COALESCE(closed_at, $3)
WHERE agency = $1 AND terminal_id = $2
RETURNING true
"""


async def close_terminal(conn: Connection, agency: AgencyCode, terminal_id: str, now: datetime) -> bool:
    """False where the agency has no such terminal."""
    return bool(await conn.fetchval(_CLOSE_TERMINAL, agency, terminal_id, now))
