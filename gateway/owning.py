"""One owner (所有): of several processes on one database, one does what must be done once; it dies, another takes over.

The ownership is a lock of the database's and lasts as long as its connection: a process that dies, or that loses the
database, owns nothing any more.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable

from gateway.database import Connection, Database

__all__ = ["OWN_SECONDS", "own"]

OWN_SECONDS = 0.5
"""How often an owner looks whether it still is one, and the others whether there is one."""

TAKE_OWNERSHIP = """
SELECT pg_try_advisory_lock($1)
"""
GIVE_OWNERSHIP = """
SELECT pg_advisory_unlock($1)
"""
LOOK_AROUND = """
SELECT 1
"""


async def own(db: Database, name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Runs ``work`` for as long as this process is its one owner, and waits for that as long as another one is."""
    number = zlib.crc32(f"sympho {db.role} {name}".encode())
    while True:
        async with db.connection() as conn:
            if await conn.fetchval(TAKE_OWNERSHIP, number):
                try:
                    await _while_connected(conn, work)
                finally:
                    if not conn.is_closed():
                        await conn.fetchval(GIVE_OWNERSHIP, number)
        await asyncio.sleep(OWN_SECONDS)


async def _while_connected(conn: Connection, work: Callable[[], Awaitable[None]]) -> None:
    """``work`` until it ends, or until the connection is lost."""
    task = asyncio.ensure_future(work())
    try:
        while not task.done():
            await asyncio.wait([task], timeout=OWN_SECONDS)
            await conn.fetchval(LOOK_AROUND)
        await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
