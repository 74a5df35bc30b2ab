"""One share of a large world (分担): started by ``gateway.running.shares`` and by nobody else.

    python -m gateway.running.share NETWORK NUMBER OF

The settings stand in the environment. It writes what it has done as lines of JSON, an empty one (``STEP``) when its
people are in; then it waits for a line, and acquires their codes. It ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import suppress
from time import monotonic

import msgspec
import uvloop

from gateway import log as logs
from gateway.assembly import all_in_one
from gateway.clock import Clock
from gateway.config import Config, load
from gateway.running.editions import world_of
from gateway.running.workers import input_closed
from gateway.worlds import Share
from sympho.codes import AgencyCode

TOLD_SECONDS = 0.5
STEP = b"{}\n"


class _Telling:
    """Tells how far it is: now and then, and at the end."""

    def __init__(self) -> None:
        self._done: dict[str, int] = {}
        self._told = monotonic()

    def __call__(self, what: str, done: int) -> None:
        self._done[what] = done
        if monotonic() - self._told >= TOLD_SECONDS:
            self.tell()

    def tell(self) -> None:
        self._told = monotonic()
        if self._done:
            _say(msgspec.json.encode(self._done) + b"\n")

    def step(self) -> None:
        self.tell()
        _say(STEP)


def _say(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


async def fill(config: Config, founder: AgencyCode, share: Share, go_on: asyncio.Event) -> None:
    """Residents and people of this share, both at once, because both wait for PostgreSQL; then the people's codes."""
    world, telling = world_of(config), _Telling()
    parties = await all_in_one(config, Clock(), founder)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(world.fill_residents(parties.residents, telling, share))
            people = group.create_task(world.fill_people(parties.intermediary, telling, share))
        telling.step()
        await go_on.wait()
        await world.acquire_codes(parties.intermediary, people.result(), telling)
    finally:
        await parties.close()
    telling.tell()


async def _while_wanted(config: Config, founder: AgencyCode, share: Share) -> bool:
    """Whether the share was done before the owner had gone."""
    go_on = asyncio.Event()
    filling = asyncio.create_task(fill(config, founder, share, go_on))
    watching = asyncio.create_task(input_closed(go_on.set))
    await asyncio.wait((filling, watching), return_when=asyncio.FIRST_COMPLETED)
    watching.cancel()
    if filling.done():
        await filling
        return True
    filling.cancel()
    with suppress(asyncio.CancelledError):
        await filling
    return False


def main(founder: str, number: str, of: str) -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal interrupts the owner too, and that one says when to end
    config = load()
    logs.configure(config.log_level)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        done = runner.run(_while_wanted(config, AgencyCode(founder), Share(int(number), int(of))))
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
