"""A large world filled in by several processes (分担して読み込む), each a share of the people: as many as there are processors.

Each process opens the parties for itself, as a worker does, and tells on its standard output what it has done. When
everybody is in, each acquires the codes of those whom it has filled in. All that they do may be done again: where one
ends before its time the start fails, and the next start begins anew.
"""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import msgspec

from gateway import references
from gateway.config import Config, Role
from gateway.running.share import STEP
from gateway.running.trouble import StartTrouble
from gateway.running.workers import environment
from gateway.worlds import Told
from sympho.codes import AgencyCode

__all__ = ["AtWork", "Shares"]


@dataclass(frozen=True)
class Shares:
    """The filling of the configured world by processes beside this one."""

    config: Config
    founder: AgencyCode

    @asynccontextmanager
    async def at_work(self, told: Told) -> AsyncIterator[AtWork]:
        """The processes, while inside; ``StartTrouble`` where one could not do its share."""
        work = AtWork(self.config, self.founder, told)
        try:
            yield work
        finally:
            for process in work.processes:
                with suppress(ProcessLookupError):
                    process.kill()
            await asyncio.gather(*(process.wait() for process in work.processes))


@dataclass
class AtWork:
    """Processes that fill the world in, step by step."""

    config: Config
    founder: AgencyCode
    told: Told
    processes: list[Process] = field(default_factory=list)
    _done: list[dict[str, int]] = field(default_factory=list)

    async def people(self) -> None:
        """Residents, addressees, duplicates. What references check row by row is put off."""
        of = len(os.sched_getaffinity(0))
        async with references.put_off(self.config, Role.INTERMEDIARY):
            self._done = [{} for _ in range(of)]
            for number in range(of):
                self.processes.append(await self._started(number, of))
            await self._followed()

    async def codes(self) -> None:
        """The codes of all these people; what was put off is checked meanwhile."""
        for process in self.processes:
            if process.stdin is not None:
                process.stdin.write(b"codes\n")
        await asyncio.gather(self._followed(), references.check(self.config, Role.INTERMEDIARY))

    async def _started(self, number: int, of: int) -> Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway.running.share", self.founder, str(number), str(of),
            stdin=PIPE, stdout=PIPE, env=environment(self.config),
        )  # fmt: skip

    async def _followed(self) -> None:
        """Until each of them has done the step."""
        if not all(await asyncio.gather(*(self._follow(number) for number in range(len(self.processes))))):
            raise _unable()

    async def _follow(self, number: int) -> bool:
        process = self.processes[number]
        if process.stdout is None:
            return False
        while line := await process.stdout.readline():
            if line == STEP:
                return True
            self._count(number, msgspec.json.decode(line, type=dict[str, int]))
        return await process.wait() == 0

    def _count(self, number: int, now: dict[str, int]) -> None:
        self._done[number] = now
        whole = Counter[str]()
        for one in self._done:
            whole.update(one)
        for what in now:
            self.told(what, whole[what])


def _unable() -> StartTrouble:
    return StartTrouble(
        "世界を読み込む途中でプロセスが終わりました。",
        "a process that filled the world in ended before its time; the log says why",
        "ログと空きメモリーを確かめて、もう一度起動してください。読み込みはやり直されます。",
        "See the log and how much memory is free, then start again: the filling begins anew.",
    )
