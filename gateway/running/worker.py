"""One worker (ワーカー) of a server: started by ``gateway.running.workers`` and by nobody else.

    python -m gateway.running.worker SOCKET NUMBER NETWORK FOLDER

The settings stand in the environment. It says ``ready`` on its standard output, and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from functools import partial
from pathlib import Path

import structlog
import uvloop

from gateway import app
from gateway import log as logs
from gateway.config import Config, load
from gateway.intermediary import waking
from gateway.running.roles import joined
from gateway.running.sharing import keep_sharing, others
from gateway.running.starting import settle
from gateway.running.workers import READY, input_closed
from sympho.codes import AgencyCode


async def serve(config: Config, listening: socket.socket, name: str, founder: AgencyCode, folder: Path) -> None:
    """Serves until the owner has gone or wants an end."""
    async with joined(config, founder) as house:
        house.meter.others = partial(others, folder, name)
        work: list[app.Work] = [*app.shared_work(house), ("counts", partial(keep_sharing, house.meter, folder, name))]
        if house.intermediary is not None:
            work.append(("waking", partial(waking.keep_waking, house.intermediary)))
        async with app.running(house, config.host, config.port, work=work, listening=listening):
            settle()
            sys.stdout.buffer.write(READY)
            sys.stdout.buffer.flush()
            await input_closed()


def main(number: str, name: str, founder: str, folder: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal interrupts the owner too, and that one says when to end
    config = load()
    logs.configure(config.log_level)
    structlog.contextvars.bind_contextvars(worker=name)
    with (
        socket.socket(fileno=os.dup(int(number))) as listening,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(serve(config, listening, name, AgencyCode(founder), Path(folder)))


if __name__ == "__main__":
    main(*sys.argv[1:])
