"""Statements over a whole installation, as the owner of each party's tables: rows copied, numbers that go on.

COPY in its binary form, through the connection: no program beside PostgreSQL is needed, and any server will do.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from gateway.database import Connection

__all__ = ["act_as", "copy_in", "copy_out", "forget_key", "is_filled", "read_sequences", "set_sequences"]

A_DAY = 86_400.0
"""Seconds; a table of any size is copied in one go."""

ACT_AS = """
SELECT set_config('role', $1, true), set_config('search_path', $2, true)
"""


async def act_as(conn: Connection, role: str, search_path: str) -> None:
    """Until the transaction ends, or acts as another."""
    await conn.execute(ACT_AS, role, search_path)


IS_FILLED = """
SELECT EXISTS (SELECT 1 FROM wrapped_key)
"""


async def is_filled(conn: Connection) -> bool:
    """Whether a party has ever been opened: its first act is to make a key."""
    return bool(await conn.fetchval(IS_FILLED))


async def copy_out(conn: Connection, schema: str, table: str, put: Callable[[bytes], Awaitable[None]]) -> int:
    """Hands over the whole table; how many rows it has."""
    done = await conn.copy_from_table(table, schema_name=schema, output=put, format="binary", timeout=A_DAY)
    return int(done.split()[-1])


async def copy_in(conn: Connection, schema: str, table: str, data: AsyncIterator[bytes]) -> int:
    """Fills the table; how many rows it has now."""
    done = await conn.copy_to_table(table, schema_name=schema, source=data, format="binary", timeout=A_DAY)
    return int(done.split()[-1])


READ_SEQUENCES = """
SELECT schemaname, sequencename, last_value FROM pg_sequences
WHERE schemaname = ANY ($1::text[]) AND last_value IS NOT NULL
ORDER BY schemaname, sequencename
"""


async def read_sequences(conn: Connection, schemas: Sequence[str]) -> list[tuple[str, str, int]]:
    """The numbers given last, by schema and sequence."""
    return [(row[0], row[1], row[2]) for row in await conn.fetch(READ_SEQUENCES, list(schemas))]


SET_SEQUENCES = """
SELECT setval(format('%I.%I', given.schema, given.name)::regclass, given.value)
FROM UNNEST($1::text[], $2::text[], $3::bigint[]) AS given (schema, name, value)
"""


async def set_sequences(conn: Connection, rows: Sequence[tuple[str, str, int]]) -> None:
    """The next number of each will be the one behind this."""
    await conn.execute(SET_SEQUENCES, [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows])


FORGET_KEY = """
DELETE FROM wrapped_key WHERE name = $1
"""


async def forget_key(conn: Connection, name: str) -> None:
    """One wrapped key goes; the next start makes another."""
    await conn.execute(FORGET_KEY, name)
