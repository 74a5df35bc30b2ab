"""References between rows that a first filling leaves until its end (参照制約の後回し).

To look up the person for each of a million rows takes as long as writing them; to check them all at the end takes a
tenth of it. They are marked in the schema files: ``-- checked-late: <constraint>``. A party whose filling was broken
off has them made good when it is opened next, before anybody is served.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.config import Config, Role
from gateway.database import Connection, Database, as_administrator, layout_for, url_of
from gateway.layout import Layout, Reference
from gateway.references import store

__all__ = ["check", "make_good", "put_off"]


@asynccontextmanager
async def put_off(config: Config, role: Role) -> AsyncIterator[None]:
    """While inside, the marked references of the party are away; afterwards they hold for every new row, and ``check``
    is due. Where the inside fails they stay away until the party is opened again."""
    layout = layout_for(config, role)
    async with as_administrator(url_of(config)) as conn:
        await store.hold(conn, _number(layout))
        await _run(conn, layout, layout.without(layout.late))
        yield
        await _run(conn, layout, layout.unchecked(layout.late))


async def check(config: Config, role: Role) -> None:
    """Checks the marked references for all rows, side by side. ``Conflict`` names one that does not hold."""
    layout = layout_for(config, role)
    async with as_administrator(url_of(config)) as conn:
        await store.hold(conn, _number(layout))
        await _check(config, layout, layout.late)


async def make_good(config: Config, role: Role, db: Database) -> None:
    """Checks what a filling has left out when it was broken off. While one is going on nothing is done."""
    layout = layout_for(config, role)
    if not layout.late:
        return
    async with db.connection() as conn:
        checked = await store.checked(conn, [one.name for one in layout.late])
    left = [one for one in layout.late if one.name not in checked]
    if not left:
        return
    async with as_administrator(url_of(config)) as conn:
        if await store.try_hold(conn, _number(layout)):
            await _run(conn, layout, layout.without(left) + layout.unchecked(left))
            await _check(config, layout, left)


async def _check(config: Config, layout: Layout, references: list[Reference]) -> None:
    async def check(one: Reference) -> None:
        async with as_administrator(url_of(config)) as conn:
            await _run(conn, layout, layout.checked(one))

    for failed in await asyncio.gather(*map(check, references), return_exceptions=True):
        if failed is not None:
            raise failed


async def _run(conn: Connection, layout: Layout, ddl: str) -> None:
    async with conn.transaction():
        await store.change(conn, layout.as_owner + ddl)


def _number(layout: Layout) -> int:
    return zlib.crc32(f"sympho filling {layout.first}".encode())
