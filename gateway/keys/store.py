"""The statements over wrapped keys; what stands in a row is useless without the root key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import asyncpg

Connection: TypeAlias = asyncpg.Connection

INSERT_KEYS = """
INSERT INTO wrapped_key (name, wrapped)
SELECT name, wrapped FROM UNNEST($1::text[], $2::bytea[]) AS fresh (name, wrapped)
ORDER BY name
ON CONFLICT ON CONSTRAINT wrapped_key_pk DO NOTHING
"""


async def insert(conn: Connection, rows: Mapping[str, bytes]) -> None:
    """Adds what is not there yet; of two processes that make the same key at once, the first one's key stays."""
    await conn.execute(INSERT_KEYS, list(rows), list(rows.values()))


READ_KEYS = """
SELECT name, wrapped FROM wrapped_key WHERE name = ANY ($1::text[])
"""


async def read(conn: Connection, names: Sequence[str]) -> dict[str, bytes]:
    return {row["name"]: row["wrapped"] for row in await conn.fetch(READ_KEYS, list(names))}


READ_ALL_KEYS = """
SELECT name, wrapped FROM wrapped_key ORDER BY name
"""


async def read_all(conn: Connection) -> dict[str, bytes]:
    return {row["name"]: row["wrapped"] for row in await conn.fetch(READ_ALL_KEYS)}


LOCK_KEYS = """
LOCK TABLE wrapped_key IN SHARE ROW EXCLUSIVE MODE
"""


async def lock(conn: Connection) -> None:
    """Until the transaction ends nobody else adds or changes a key."""
    await conn.execute(LOCK_KEYS)


OTHERS_CONNECTED = """
SELECT COUNT(*) FROM pg_stat_activity
WHERE usename = current_user AND datname = current_database() AND pid <> pg_backend_pid()
"""


async def others_connected(conn: Connection) -> int:
    """How many other connections the party has open to this database."""
    return int(await conn.fetchval(OTHERS_CONNECTED))


REPLACE_KEYS = """
UPDATE wrapped_key SET wrapped = fresh.wrapped
FROM UNNEST($1::text[], $2::bytea[]) AS fresh (name, wrapped)
WHERE wrapped_key.name = fresh.name
"""


async def replace(conn: Connection, rows: Mapping[str, bytes]) -> None:
    """Wraps these keys anew."""
    await conn.execute(REPLACE_KEYS, list(rows), list(rows.values()))
