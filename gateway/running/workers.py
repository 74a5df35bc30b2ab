"""Several processes for one server (ワーカー): they share the port and the database, and this one owns what has one owner.

The process that was started owns: the data folder, PostgreSQL, the listening sockets, filling the world in, sweeping up
what was left behind, forgetting what has expired. It answers no calls. Each worker opens the parties for itself and
answers calls; one that dies is replaced, and what it had begun is carried on by the owner. When the owner goes, however
it goes, the workers end: their standard input closes.

Each worker has a listening socket of its own for the one port (``SO_REUSEPORT``), which the owner holds too: calls that
come while a worker is being replaced wait for the next one.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from gateway import app
from gateway.config import SETTINGS, Config, Secret
from gateway.interfaces.house import House
from gateway.log import log
from gateway.running.sharing import keep_sharing
from gateway.running.trouble import StartTrouble, port_taken
from sympho.codes import AgencyCode

__all__ = ["READY", "crewed", "environment", "input_closed"]

READY = b"ready\n"
OWNER = "owner"
REPLACE_SECONDS = 0.5
GRACE_SECONDS = 15.0
LEFT_BEHIND_SECONDS = 5.0
"""How old something must be to count as left behind by a worker, and not as under way in one."""


@dataclass
class Crew:
    """The workers of one server. ``environment`` holds their settings, among them the database's URL."""

    environment: dict[str, str]
    arguments: tuple[str, ...]
    processes: dict[int, Process] = field(default_factory=dict)

    async def start(self, number: int, listening: socket.socket) -> bool:
        """Starts a worker; whether it can serve."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway.running.worker", str(listening.fileno()), str(number), *self.arguments,
            stdin=PIPE, stdout=PIPE, env=self.environment, pass_fds=(listening.fileno(),),
        )  # fmt: skip
        self.processes[number] = process
        if process.stdout is None or await process.stdout.readline() != READY:
            return False
        log.info("worker-ready", worker=number, pid=process.pid)
        return True

    async def keep(self, number: int, listening: socket.socket) -> None:
        """Replaces a worker whenever it has ended; runs until it is cancelled."""
        while True:
            status = await self.processes[number].wait()
            log.error("worker-ended", worker=number, status=status)
            await asyncio.sleep(REPLACE_SECONDS)
            try:
                await self.start(number, listening)
            except OSError as error:  # no memory or no process to be had now: it is tried again
                log.error("worker-not-started", worker=number, trouble=type(error).__name__)

    async def stop(self) -> None:
        """Lets every worker end its calls, and then end."""
        for process in self.processes.values():
            if process.stdin is not None:
                process.stdin.close()
        await asyncio.gather(*(_ended(process) for process in self.processes.values()))


async def _ended(process: Process) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(GRACE_SECONDS):
            await process.wait()
            return
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGKILL)
    await process.wait()


@asynccontextmanager
async def crewed(config: Config, house: House, founder: AgencyCode) -> AsyncIterator[int]:
    """``config.workers`` processes serve while inside; the port that they share."""
    with ExitStack() as held:
        sockets = [held.enter_context(one) for one in _listening(config)]
        port = int(sockets[0].getsockname()[1])
        folder = held.enter_context(_counts_folder(config.data))
        url = config.public_url or f"http://{config.host}:{port}"
        crew = Crew(environment(config, public_url=url), (founder, str(folder)))
        async with app.working(house, [*_owned(house), ("counts", partial(keep_sharing, house.meter, folder, OWNER))]):
            try:
                able = await asyncio.gather(*(crew.start(number, one) for number, one in enumerate(sockets, start=1)))
                if not all(able):
                    raise _unable()
                keeping = [asyncio.create_task(crew.keep(n, one)) for n, one in enumerate(sockets, start=1)]
                try:
                    yield port
                finally:
                    for task in keeping:
                        task.cancel()
                    await asyncio.gather(*keeping, return_exceptions=True)
            finally:
                await asyncio.shield(crew.stop())


@contextmanager
def _counts_folder(data: Path) -> Iterator[Path]:
    """Where the processes tell each other what they have counted; what a killed owner left there goes."""
    folder = data / ".workers"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _owned(house: House) -> Sequence[app.Work]:
    return [*app.shared_work(house), *app.sole_work(house, LEFT_BEHIND_SECONDS)]


def _listening(config: Config) -> list[socket.socket]:
    """A socket for each worker, all at one port."""
    made: list[socket.socket] = []
    port = config.port
    try:
        for _ in range(config.workers):
            found = socket.getaddrinfo(config.host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            family, kind, protocol, _, place = found[0]
            one = socket.socket(family, kind, protocol)
            made.append(one)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            one.bind(place)
            one.listen(app.BACKLOG)
            one.setblocking(False)
            port = int(one.getsockname()[1])
    except OSError as error:
        for one in made:
            one.close()
        raise port_taken(config.host, config.port, error) from None
    return made


def environment(config: Config, **other: str) -> dict[str, str]:
    """The settings, as a process beside this one reads them, and what else the program was started with."""
    given = {name: getattr(config, name) for name in SETTINGS} | other
    texts = {
        SETTINGS[name].variable: value.reveal() if isinstance(value, Secret) else str(value)
        for name, value in given.items()
        if value not in (None, "")
    }
    return {**os.environ, **texts}


async def input_closed(heard: Callable[[], None] = lambda: None) -> None:
    """Returns when the owner has gone, however it went: it holds the other end of this process's standard input.
    ``heard`` is called for each line that it says."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.readline():
        heard()


def _unable() -> StartTrouble:
    return StartTrouble(
        "ワーカーを起動できません。",
        "a worker ended before it could serve; the log says why",
        "ログを確かめるか、--workers を減らしてください。",
        "See the log, or start fewer with --workers.",
    )
