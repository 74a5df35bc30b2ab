"""The running server (サーバー): the table of operations behind a listener, and what goes on in the background.

    async with running(house, "127.0.0.1", 8443) as port: ...

Everything that repeats is started with the application and stopped before the parties are closed. A background task
never ends by itself: what it does not handle is logged, and it begins again.
"""

from __future__ import annotations

import asyncio
import socket
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
from gateway.interfaces.wire import Runner
from gateway.intermediary import expiring, publications
from gateway.intermediary import lists as server_lists
from gateway.intermediary import sweeping as intermediary_sweeping
from gateway.log import log
from gateway.network import lists as network_lists
from gateway.network import publishing
from gateway.network import sweeping as network_sweeping
from gateway.problems import Problem

__all__ = [
    "BACKLOG",
    "Work",
    "application",
    "desk_work",
    "party_work",
    "running",
    "shared_work",
    "sole_work",
    "working",
]

BEGIN_AGAIN_SECONDS = 1.0
FORGET_SECONDS = 600.0
BACKLOG = 2048
"""How many connections may wait to be taken: a flood is refused by name, not by the machine."""
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
        turn=house.turn,
    )
    app.cleanup_ctx.append(partial(_working, house, work))
    return app


@asynccontextmanager
async def working(house: House, work: Sequence[Work]) -> AsyncIterator[None]:
    """The background work of a process goes on while inside; then what waits for the operations logs is written."""
    for desk in house.desks:
        await desk.look()
    tasks = [asyncio.create_task(_kept(name, what), name=name) for name, what in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await house.close()


async def _working(house: House, work: Sequence[Work], _: web.Application) -> AsyncIterator[None]:
    async with working(house, work):
        yield


def desk_work(house: House) -> list[Work]:
    """What every desk needs: revocations looked at, and what has expired forgotten."""
    return [*_lookings(house), *_forgettings(house)]


def party_work(house: House) -> list[Work]:
    """What the parties need: whatever was left behind is carried on, and the publications are followed."""
    return [*_sweepings(house), *_followings(house)]


def shared_work(house: House) -> list[Work]:
    """What each of several processes of one server does: it learns what the others have changed."""
    work = [*_lookings(house), *_followings(house)]
    if house.network is not None:
        work.append(("following of the network", partial(publishing.keep_following, house.network)))
    return work


def sole_work(house: House, older: float) -> list[Work]:
    """What one of several processes does for all: what is ``older`` (in seconds) and has not ended was left behind."""
    return [*_forgettings(house), *_sweepings(house, older)]


def _lookings(house: House) -> list[Work]:
    return [(f"revocations of {desk.role}", partial(_looking, desk)) for desk in house.desks]


def _forgettings(house: House) -> list[Work]:
    work: list[Work] = [(f"forgetting of {desk.role}", partial(_forgetting, desk)) for desk in house.desks]
    if house.network is not None:
        work.append(("forgetting of old lists", partial(network_lists.keep_forgetting, house.network)))
    if house.intermediary is not None:
        server = house.intermediary
        work.append(("forgetting of old copies of lists", partial(server_lists.keep_forgetting, server)))
        work.append(("expiry at the intermediary server", partial(expiring.keep_expiring, server)))
    return work


def _sweepings(house: House, older: float = 0.0) -> list[Work]:
    work: list[Work] = []
    if house.network is not None:
        work.append(("sweeping of the network", partial(network_sweeping.keep_sweeping, house.network, older)))
    if house.intermediary is not None:
        sweeping = partial(intermediary_sweeping.keep_sweeping, house.intermediary, older)
        work.append(("sweeping of the intermediary server", sweeping))
    return work


def _followings(house: House) -> list[Work]:
    if house.intermediary is None:
        return []
    return [("publications", partial(publications.keep_fetching, house.intermediary))]


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
    house: House,
    host: str,
    port: int,
    *,
    tls: ssl.SSLContext | None = None,
    work: Sequence[Work] | None = None,
    listening: socket.socket | None = None,
) -> AsyncIterator[int]:
    """Listens while inside; the port, which the machine chooses for 0. Stops taking calls before it stops working.

    ``work`` None: all of it. Where the parties' own is done elsewhere in the process, pass ``desk_work(house)``.
    ``listening``: a socket that listens already, instead of an address.
    """
    chosen = [*desk_work(house), *party_work(house)] if work is None else work
    app = application(house, operations(house), chosen)
    # A compressed body is refused by name, so nobody unpacks it: what is broken in it would be an error of the server.
    runner = Runner(app, access_log=None, shutdown_timeout=GRACE_SECONDS, auto_decompress=False)
    await runner.setup()
    try:
        site = (
            web.TCPSite(runner, host, port, ssl_context=tls, backlog=BACKLOG)
            if listening is None
            else web.SockSite(runner, listening, ssl_context=tls, backlog=BACKLOG)
        )
        await site.start()
        bound = int(runner.addresses[0][1])
        house.url = house.url or f"{'https' if tls else 'http'}://{host}:{bound}"
        yield bound
    finally:
        await runner.cleanup()
