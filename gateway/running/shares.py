"""A large world filled in by several processes (分担して読み込む), each a share of the people: as many as there are processors.

Each process opens the parties for itself, as a worker does, and tells on its standard output what it has done. All that
they do may be done again: where one ends before its time the start fails, and the next start begins anew.
"""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from gateway import references
from gateway.config import Config, Role
from gateway.running.trouble import StartTrouble
from gateway.running.workers import environment
from gateway.worlds import Told
from sympho.codes import AgencyCode

__all__ = ["Shares"]


@dataclass(frozen=True)
class Shares:
    """The filling of the configured world by processes beside this one."""

    config: Config
    founder: AgencyCode

    async def fill(self, told: Told) -> None:
        """Residents and people. ``StartTrouble`` where a process could not do its share."""
        of = len(os.sched_getaffinity(0))
        done: list[dict[str, int]] = [{} for _ in range(of)]

        def count(number: int, now: dict[str, int]) -> None:
            done[number] = now
            whole = Counter[str]()
            for one in done:
                whole.update(one)
            for what in now:
                told(what, whole[what])

        async with references.put_off(self.config, Role.INTERMEDIARY):
            processes = [await self._started(number, of) for number in range(of)]
            try:
                followed = (_followed(process, number, count) for number, process in enumerate(processes))
                if not all(await asyncio.gather(*followed)):
                    raise _unable()
            finally:
                for process in processes:
                    with suppress(ProcessLookupError):
                        process.kill()
                await asyncio.gather(*(process.wait() for process in processes))

    async def check(self) -> None:
        """What the filling has put off. Nothing need wait for it."""
        await references.check(self.config, Role.INTERMEDIARY)

    async def _started(self, number: int, of: int) -> Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway.running.share", self.founder, str(number), str(of),
            stdin=PIPE, stdout=PIPE, env=environment(self.config),
        )  # fmt: skip


async def _followed(process: Process, number: int, count: Callable[[int, dict[str, int]], None]) -> bool:
    """Whether the process did its share to the end."""
    if process.stdout is None:
        return False
    while line := await process.stdout.readline():
        count(number, msgspec.json.decode(line, type=dict[str, int]))
    return await process.wait() == 0


def _unable() -> StartTrouble:
    return StartTrouble(
        "世界を読み込む途中でプロセスが終わりました。",
        "a process that filled the world in ended before its time; the log says why",
        "ログと空きメモリーを確かめて、もう一度起動してください。読み込みはやり直されます。",
        "See the log and how much memory is free, then start again: the filling begins anew.",
    )
