"""Starting and stopping (起動・停止): what a process of this program holds from its first line until its last.

1. The data folder is claimed for the parties of this process; the port is tried before anything is waited for.
2. PostgreSQL: the embedded one is started, unless ``SYMPHO_DATABASE_URL`` names another.
3. The parties are opened: databases laid on first use, keys, clock, publications as they were left.
4. On the first start the world is filled in.
5. The listener and the background work begin; the address is announced in the folder.

Stopping goes the other way: no new calls, calls in progress end, what waits is written, databases close, PostgreSQL
stops.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import NoReturn

from gateway import app, embedded
from gateway.clock import Clock
from gateway.config import Config, Role
from gateway.embedded import Embedded, EmbeddedTrouble
from gateway.interfaces.house import House
from gateway.log import log
from gateway.managing.health import notified
from gateway.running import credentials
from gateway.running.editions import WorldNote, note_of, other_world, remember, world_of
from gateway.running.folder import announced, claimed
from gateway.running.ready import Running, Stay
from gateway.running.reviving import keep_alive
from gateway.running.roles import opened
from gateway.running.trouble import StartTrouble, port_taken
from gateway.running.wording import bad_world, worded
from gateway.running.workers import crewed
from gateway.worlds import BadWorld, NoSuchWorld, Told, World

__all__ = ["chosen_world", "database", "running", "settle", "until_stopped"]

UNNOTICED = timedelta(minutes=1)
MUCH = 100_000
"""From so many residents on the database gets more room, while ``--scale`` is given: at the first start."""


def settle() -> None:
    """What stands as long as the server runs, lists and directory, is not searched for garbage again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


def _work(config: Config, house: House) -> list[app.Work]:
    """What goes on beside the calls. Parties apart carry on by themselves what they left behind (``gateway.apart``)."""
    parties = app.party_work(house) if config.role is Role.ALL else []
    return [*app.desk_work(house), *parties]


def _served(config: Config, house: House, world: World) -> AbstractAsyncContextManager[int]:
    if config.workers > 1:
        return crewed(config, house, world.network)
    return app.running(house, config.host, config.port, work=_work(config, house))


@asynccontextmanager
async def running(config: Config, told: Told) -> AsyncIterator[Running]:
    """Everything that the role takes, while inside. ``StartTrouble`` when it cannot be had."""
    with ExitStack() as held:
        held.enter_context(worded())
        world = chosen_world(config)
        held.enter_context(claimed(config))
        remember(config, world, loaded=False)
        _try_ports(config)
        async with (
            database(config) as placed,
            opened(placed, world, told) as parties,
            _served(placed, parties.house, world) as port,
            notified(placed, parties.house),
        ):
            url = f"http://{_reachable(config.host)}:{port}"
            remember(config, world, loaded=True)
            settle()
            with announced(config, url):
                log.info("ready", url=url, role=config.role.value, pid=os.getpid(), first_start=parties.first)
                yield Running(
                    config=config,
                    url=url,
                    credentials=config.data / credentials.FILE,
                    first=parties.first,
                    changes=parties.changes,
                    title=world.title,
                    party_url=parties.party_url,
                    joining=parties.joining,
                    world_time=_moved(parties.house.clock),
                )
            log.info("stopping")


async def until_stopped(config: Config, told: Told, ready: Callable[[Running], Awaitable[Stay]]) -> None:
    """Runs until SIGINT or SIGTERM, also while it is still starting; a second signal gives up waiting for the stop.

    ``ready`` is called once the server can serve, and says whether it stays up.
    """
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("outside of a task")
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()

    def stop() -> None:
        if asked.is_set():
            _give_up()
        asked.set()
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        async with running(config, told) as server:
            if await ready(server) is Stay.UP:
                await asyncio.Event().wait()
    except asyncio.CancelledError:
        if not asked.is_set():
            raise
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _give_up() -> NoReturn:
    os._exit(130)


@asynccontextmanager
async def database(config: Config) -> AsyncIterator[Config]:
    """The settings with the database's URL in them: the given one, or the embedded server's, which runs while
    inside."""
    if config.database_url is not None:
        yield config
        return
    server = await _embedded(config)
    watching = asyncio.create_task(keep_alive(server), name="embedded PostgreSQL")
    try:
        yield replace(config, database_url=server.url)
    except BaseException:
        watching.cancel()
        with suppress(EmbeddedTrouble):  # why the inside failed is told, and not what came of it
            await asyncio.shield(asyncio.to_thread(server.stop))
        raise
    watching.cancel()
    await asyncio.shield(asyncio.to_thread(server.stop))


async def _embedded(config: Config) -> Embedded:
    """Starts it in a thread. When this is cancelled meanwhile, the server that has come up is stopped again."""
    work = asyncio.ensure_future(asyncio.to_thread(embedded.start, config.data, roomy=config.scale >= MUCH))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        with suppress(Exception):
            await asyncio.to_thread((await work).stop)
        raise


def chosen_world(config: Config) -> World:
    """The world that the settings or the data name, and no other than that of the data."""
    other = other_world(config)
    if other is not None:
        raise _of_another(config, other, f"{config.world or other.world}, --scale {config.scale}")
    try:
        world = world_of(config)
    except BadWorld as bad:
        raise bad_world(str(bad)) from None
    except NoSuchWorld as none:
        raise StartTrouble(
            "その名前の世界も、フォルダーもありません。",
            str(none),
            "--world（SYMPHO_WORLD）に、入っている世界の名前か、世界フォルダーの場所を指定してください。",
            "Name an installed world, or a world folder, with --world (SYMPHO_WORLD).",
        ) from None
    note = note_of(config.data)
    if note is not None and note.network != world.network:
        raise _of_another(config, note, f"network {world.network}")
    return world


def _of_another(config: Config, note: WorldNote, asked: str) -> StartTrouble:
    held = f"{note.world}, --scale {note.scale}, network {note.network}"
    return StartTrouble(
        "このデータは別の世界のものです。",
        f"{config.data} was filled with another world ({held}) than is asked for now ({asked})",
        "--world と --scale を外すか、新しい --data フォルダーを使ってください。",
        "Leave --world and --scale out, or use a new --data folder.",
    )


def _try_ports(config: Config) -> None:
    """Says at once, and not after a minute, that a port cannot be had."""
    ports = [config.port]
    if config.role is not Role.ALL:
        ports.append(config.party_port)
    if config.role is Role.NETWORK:
        ports.append(config.join_port)
    for port in ports:
        _try_port(config.host, port)


def _try_port(host: str, port: int) -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, place = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except OSError as error:
        raise port_taken(host, port, error) from None


def _moved(clock: Clock) -> str:
    """World time as text, where somebody has moved it: a forgotten clock surprises."""
    now = clock.now()
    if abs(now - clock.machine()) < UNNOTICED and clock.setting.frozen_at is None:
        return ""
    return now.isoformat(timespec="seconds")


def _reachable(host: str) -> str:
    if host in {"0.0.0.0", "::", ""}:
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
