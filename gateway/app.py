"""The running server (サーバー): the table of operations behind a listener, and what goes on in the background.

    async with running(house, "127.0.0.1", 8443) as port: ...

Everything that repeats is started with the application and stopped before the parties are closed. A background task
never ends by itself: what it does not handle is logged, and it begins again.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial

from aiohttp import web

from authz import sessions
from authz.revocations import POLL_EVERY
from gateway.interfaces import surface
from gateway.interfaces.house import Desk, House
from gateway.interfaces.operation import AnyOperation
from gateway.interfaces.table import operations
from gateway.intermediary import lists as server_lists
from gateway.intermediary import publications
from gateway.intermediary import sweeping as intermediary_sweeping
from gateway.log import log
from gateway.network import lists as network_lists
from gateway.network import sweeping as network_sweeping
from gateway.problems import Problem

__all__ = ["Work", "application", "desk_work", "party_work", "running"]

BEGIN_AGAIN_SECONDS = 1.0
FORGET_SECONDS = 600.0
GRACE_SECONDS = 5.0
"""How long calls in progress may take to end when the server stops."""

Work = tuple[str, Callable[[], Awaitable[None]]]
"""Something that repeats for as long as the server runs, with its name."""


def application(house: House, table: Sequence[AnyOperation], work: Sequence[Work]) -> web.Application:
    """The application of a process: its operations, and its background work while it runs."""
    app = web.Application()
    surface.build(
        app,
        table,
        house.authenticate,
        house.record_operation,
        moment=house.moment,
        observe=house.meter.request,
        crowded=house.crowded,
    )
    app.cleanup_ctx.append(partial(_working, house, work))
    return app


async def _working(house: House, work: Sequence[Work], _: web.Application) -> AsyncIterator[None]:
    for desk in house.desks:
        await desk.look()
    tasks = [asyncio.create_task(_kept(name, what), name=name) for name, what in work]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await house.close()


def desk_work(house: House) -> list[Work]:
    """What every desk needs: revocations looked at, and what has expired forgotten."""
    looking: list[Work] = [(f"revocations of {desk.role}", partial(_looking, desk)) for desk in house.desks]
    return looking + [(f"forgetting of {desk.role}", partial(_forgetting, desk)) for desk in house.desks]


def party_work(house: House) -> list[Work]:
    """What the parties need: whatever was left behind is carried on, and the publications are followed."""
    work: list[Work] = []
    if house.network is not None:
        work.append(("sweeping of the network", partial(network_sweeping.keep_sweeping, house.network)))
        work.append(("forgetting of old lists", partial(network_lists.keep_forgetting, house.network)))
    if house.intermediary is not None:
        server = house.intermediary
        work.append(("sweeping of the intermediary server", partial(intermediary_sweeping.keep_sweeping, server)))
        work.append(("publications", partial(publications.keep_fetching, server)))
        work.append(("forgetting of old copies of lists", partial(server_lists.keep_forgetting, server)))
    return work


async def _kept(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """``work`` for as long as the server runs."""
    while True:
        try:
            await work()
        except Exception as bug:
            log.error("background-failed", work=name, exc_info=bug)
        await asyncio.sleep(BEGIN_AGAIN_SECONDS)


async def _looking(desk: Desk) -> None:
    """Takes over revocations; while the database is away the feed grows stale, and every token is refused."""
    while True:
        with suppress(Problem):
            await desk.look()
        await asyncio.sleep(POLL_EVERY.total_seconds() / 2)


async def _forgetting(desk: Desk) -> None:
    while True:
        with suppress(Problem):
            async with desk.db.transaction() as conn:
                await sessions.forget(conn, desk.clock.machine())
        await asyncio.sleep(FORGET_SECONDS)


@asynccontextmanager
async def running(
    house: House, host: str, port: int, *, tls: ssl.SSLContext | None = None, work: Sequence[Work] | None = None
) -> AsyncIterator[int]:
    """Listens while inside; the port, which the machine chooses for 0. Stops taking calls before it stops working.

    ``work`` None: all of it. Where the parties' own is done elsewhere in the process, pass ``desk_work(house)``.
    """
    working = [*desk_work(house), *party_work(house)] if work is None else work
    app = application(house, operations(house), working)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=GRACE_SECONDS)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, ssl_context=tls)
        await site.start()
        bound = int(runner.addresses[0][1])
        house.url = house.url or f"{'https' if tls else 'http'}://{host}:{bound}"
        yield bound
    finally:
        await runner.cleanup()
