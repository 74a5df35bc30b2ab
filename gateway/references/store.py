"""Statements on which references a party's tables have, and on who is filling them."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.database import Connection

A_DAY = 24 * 3600.0

CHECKED = """
SELECT conname FROM pg_constraint WHERE conname = ANY($1::text[]) AND contype = 'f' AND convalidated
  AND connamespace = ANY(SELECT n.oid FROM pg_namespace AS n WHERE n.nspname = ANY(current_schemas(false)))
"""


async def checked(conn: Connection, names: Sequence[str]) -> set[str]:
    """Which of these references stand and are checked, in the schemas of the connection."""
    return {row["conname"] for row in await conn.fetch(CHECKED, list(names))}


HOLD = """
SELECT pg_advisory_lock($1)
"""


async def hold(conn: Connection, number: int) -> None:
    """Says for as long as the connection lasts that a filling is going on."""
    await conn.execute(HOLD, number)


TRY_HOLD = """
SELECT pg_try_advisory_lock($1)
"""


async def try_hold(conn: Connection, number: int) -> bool:
    """The same, where nobody else says so."""
    return bool(await conn.fetchval(TRY_HOLD, number))


async def change(conn: Connection, ddl: str) -> None:
    """Changes the form of tables, in words of ``gateway.layout``; all rows may be read for it."""
    await conn.execute(ddl, timeout=A_DAY)
