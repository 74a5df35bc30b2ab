"""Exchanges a second, against the floor in the same run: ``python -m loadtest.bench_throughput``.

A server of its own, all parties in one process, embedded PostgreSQL, durable; generator and database on the same cores.
At each number in flight, exchanges and floor in turn, so that a machine whose speed drifts drifts for both. Every
answer is checked, a sample's records are verified, and the judge reads everything that was written.
"""

from __future__ import annotations

import asyncio
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from loadtest import floor
from loadtest.asking import Asking, asked_of, verified, with_questions
from loadtest.benching import alone
from loadtest.driving import Driven, closed, opened
from loadtest.loading import judge
from loadtest.server import Server, serving
from loadtest.showing import Finding
from loadtest.watching import NOTHING, Cost, Scraped, Watch, scrape
from loadtest.wire import Address, address_of

__all__ = ["arguments", "findings"]

LEVELS = (1, 16, 64, 128)
GATE = 0.6
CALM = 0.7
BUSY = 0.9
WARM_UP = 1.0
COLUMNS = (
    "in flight", "exchanges/s", "floor/s", "ratio", "p50 ms", "p99 ms", "server CPU ms", "floor's", "PostgreSQL CPU ms",
    "floor's", "generator CPU ms", "log KiB", "flushes",
)  # fmt: skip


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=10.0, help="for each number in flight (default 10)")
    parser.add_argument("--levels", type=int, nargs="+", default=LEVELS, help="how many in flight")
    parser.add_argument("--rounds", type=int, default=2, help="turns of exchanges and floor (default 2)")
    parser.add_argument("--workers", type=int, default=1, help="processes of the server, and of the floor")


class Level:
    """One number in flight, on both sides."""

    def __init__(self, in_flight: int) -> None:
        self.in_flight = in_flight
        self.exchanges, self.floor = Driven(0.0), Driven(0.0)
        self.cost, self.floor_cost = NOTHING, NOTHING

    @property
    def ratio(self) -> float:
        return self.exchanges.rate / self.floor.rate if self.floor.in_time else 0.0

    def row(self) -> tuple[object, ...]:
        cost, below = self.cost.per(self.exchanges.ended), self.floor_cost.per(self.floor.ended)
        generator = self.exchanges.cpu / max(1, self.exchanges.ended)
        return (
            self.in_flight, self.exchanges.rate, self.floor.rate, self.ratio, self.exchanges.ms(0.5),
            self.exchanges.ms(0.99), cost.server * 1e3, below.server * 1e3, cost.database * 1e3, below.database * 1e3,
            generator * 1e3, cost.wal / 1024, cost.fsyncs,
        )  # fmt: skip


class Turns:
    """Exchanges and floor on the same machine, in turn."""

    def __init__(self, server: Server, asking: Asking, below: tuple[Address, list[int]]) -> None:
        self._address = address_of(server.url)
        self._asking = asking
        self._floor_at = below[0]
        self._requests = floor.FloorRequests(below[0])
        self._watch = Watch.of(server)
        self._floor_watch = Watch(below[1], [server.data])

    async def at(self, in_flight: int, seconds: float, rounds: int) -> Level:
        level = Level(in_flight)
        for _ in range(rounds):
            await closed(self._address, self._asking, in_flight=in_flight, seconds=WARM_UP, warm_up=0)
            driven, cost = await self._exchanges(in_flight, seconds / rounds)
            level.exchanges.add(driven)
            level.cost += cost
            await closed(self._floor_at, self._requests, in_flight=in_flight, seconds=WARM_UP / 2, warm_up=0)
            driven, cost = await self._below(in_flight, seconds / rounds)
            level.floor.add(driven)
            level.floor_cost += cost
        return level

    async def _exchanges(self, in_flight: int, seconds: float) -> tuple[Driven, Cost]:
        await self._watch.begin()
        driven = await closed(self._address, self._asking, in_flight=in_flight, seconds=seconds, warm_up=0)
        return driven, await self._watch.spent()

    async def _below(self, in_flight: int, seconds: float) -> tuple[Driven, Cost]:
        await self._floor_watch.begin()
        driven = await closed(self._floor_at, self._requests, in_flight=in_flight, seconds=seconds, warm_up=0)
        return driven, await self._floor_watch.spent()


async def findings(given: Namespace) -> list[Finding]:
    """Throughput, and where the server's time went."""
    more = ("--workers", str(given.workers)) if given.workers > 1 else ()
    with serving(*more) as server:
        async with floor.standing(server.data, given.workers) as below:
            return await _measured(given, server, below)


async def _measured(given: Namespace, server: Server, below: tuple[Address, list[int]]) -> list[Finding]:
    address = address_of(server.url)
    asking = with_questions(server.url, address, server.data / "credentials.json", asked_of(server.url))
    turns = Turns(server, asking, below)
    await asyncio.sleep(1.0)
    before = scrape(server)
    levels = [await turns.at(one, given.seconds, given.rounds) for one in given.levels]
    scraped = scrape(server).since(before)
    best = max(one.exchanges.rate for one in levels)
    calm = await opened(address, asking, rate=CALM * best, seconds=given.seconds)
    memory, database = Watch.of(server).usages()
    found = _throughput(levels, calm, given.workers)
    found.notes.append(
        f"Resident memory after the run: server {memory.resident:.0f} MiB in {memory.processes} process(es), "
        f"PostgreSQL {database.private:.0f} MiB private in {database.processes}."
    )
    found.failures.extend(await faults_of(server, asking, [*(one.exchanges for one in levels), calm]))
    return [found, _stages(scraped)]


async def faults_of(server: Server, asking: Asking, driven: Sequence[Driven]) -> list[str]:
    """Whatever makes a run not stand: wrong answers, records that do not verify, a word of the judge."""
    found = [fault for one in driven for fault in one.faults]
    wrong = await asyncio.to_thread(verified, server.url, server.data / "credentials.json", asking.sampled)
    if wrong:
        found.append(f"records of sampled exchanges: {wrong}")
    verdict = await judge(server.data)
    if verdict.holds is not True:
        found.append(f"the judge: {verdict.text}")
    ended = verdict.counts.get("ended", {}).get("provided", 0) if verdict.holds else len(asking.seen)
    if ended < len(asking.seen):
        found.append(f"{len(asking.seen) - ended} exchanges that were answered are nowhere written")
    return found


def _throughput(levels: Sequence[Level], calm: Driven, workers: int) -> Finding:
    found = Finding("throughput", f"Exchanges a second, {workers} worker(s), all parties in one", COLUMNS)
    for one in levels:
        found.row(*one.row())
        found.values |= {
            f"rate at {one.in_flight}": one.exchanges.rate,
            f"ratio at {one.in_flight}": one.ratio,
            f"server CPU ms at {one.in_flight}": one.cost.per(one.exchanges.ended).server * 1e3,
        }
    best = max(levels, key=lambda one: one.exchanges.rate)
    ratio = best.exchanges.rate / max(one.floor.rate for one in levels)
    found.values |= {"best": best.exchanges.rate, "ratio": ratio, "p99 ms at 70 %": calm.ms(0.99)}
    found.notes.append(
        f"Best exchange rate / best floor rate: {ratio:.2f} (gate: {GATE}: {'kept' if ratio >= GATE else 'NOT kept'})."
    )
    found.notes.append(
        f"At {CALM:.0%} of the best rate, arrivals open ({CALM * best.exchanges.rate:.0f}/s): "
        f"p50 {calm.ms(0.5):.1f} ms, p99 {calm.ms(0.99):.1f} ms, {calm.ended - calm.right} not answered rightly."
    )
    busiest = max(one.busy for level in levels for one in (level.exchanges, level.floor))
    if busiest > BUSY:
        found.notes.append(f"The generator used {busiest:.0%} of its core: the figures are a lower bound.")
    crypto = floor.parts()
    found.notes.append(
        "Cryptography in a loop, µs: " + ", ".join(f"{name} {value:.0f}" for name, value in crypto.items()) + "."
    )
    found.notes.append("CPU, log and flushes are for one exchange; log and flushes are PostgreSQL's, of its WAL.")
    return found


def _stages(scraped: Scraped) -> Finding:
    found = Finding("stages", "Where the server's time goes", ("stage", "share", "", "batch", "rows a round"))
    total = sum(scraped.stages.values()) or 1.0
    stages = sorted(scraped.stages.items(), key=lambda item: -item[1])
    batches = [(name, scraped.rows[name] / rounds) for name, rounds in scraped.rounds.items() if rounds]
    batches.sort(key=lambda item: item[0])
    for n in range(max(len(stages), len(batches))):
        stage = (stages[n][0], f"{stages[n][1] / total:.0%}") if n < len(stages) else ("", "")
        batch = batches[n] if n < len(batches) else ("", "")
        found.row(*stage, "", *batch)
    return found


def main() -> None:
    alone(arguments, findings, __doc__ or "")


if __name__ == "__main__":
    main()
