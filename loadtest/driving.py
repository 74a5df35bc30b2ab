"""A fast generator (負荷生成): so many requests in flight, or arrivals at a rate, from one process that costs little.

Closed: each connection sends the next request when it has its answer. Open: arrivals are a Poisson process, latency
counts from the intended start, and whoever finds no free connection waits here. Every answer is looked at.
"""

from __future__ import annotations

import asyncio
import math
from abc import ABC, abstractmethod
from array import array
from collections import Counter, deque
from dataclasses import dataclass, field
from random import Random
from time import perf_counter, process_time
from typing import Protocol

from loadtest.wire import BROKEN, Address, Connection

__all__ = ["BUSY", "LATER", "RIGHT", "Driven", "Requests", "closed", "each", "opened", "quantile"]

RIGHT, BUSY, LATER = "", "busy", "later"
"""Verdicts: right; refused by name with Retry-After; registered and not ended within the time waited."""

MOST_CONNECTIONS = 4_000
DRAIN = 15.0
LEAD = 0.05


class Requests(Protocol):
    """What is sent, prepared beforehand, and what is thought of the answers."""

    def __len__(self) -> int: ...

    def wire(self, place: int) -> bytes:
        """The bytes of the request at that place; each call is a request of its own."""
        ...

    def verdict(self, place: int, status: int, head: bytes, body: bytes) -> str:
        """``RIGHT``, ``BUSY``, ``LATER``, or what is wrong."""
        ...


@dataclass
class Driven:
    """What was seen. ``latencies`` and ``at`` are of right answers, in seconds; ``at`` counts from the beginning."""

    seconds: float
    """How long was measured."""
    latencies: array[float] = field(default_factory=lambda: array("d"))
    at: array[float] = field(default_factory=lambda: array("d"))
    refusals: array[float] = field(default_factory=lambda: array("d"))
    """Latencies of what was refused as busy."""
    verdicts: Counter[str] = field(default_factory=Counter)
    in_time: int = 0
    """Right answers that came while it was measured."""
    cpu: float = 0.0
    """Seconds of processor time that the generator's process used meanwhile."""

    @property
    def right(self) -> int:
        return self.verdicts[RIGHT]

    @property
    def rate(self) -> float:
        """Right answers per second, of those that came while it was measured."""
        return self.in_time / self.seconds

    @property
    def faults(self) -> list[str]:
        """What was wrong, and how often; late answers and refusals by name are no faults."""
        return [f"{n} × {text}" for text, n in self.verdicts.items() if text not in (RIGHT, BUSY, LATER)]

    @property
    def busy(self) -> float:
        """Share of its one core that the generator used: near 1 it was the bottleneck itself."""
        return self.cpu / self.seconds if self.seconds else 0.0

    def ms(self, share: float) -> float:
        """The latency within which that share of the right answers came, in milliseconds."""
        return quantile(self.latencies, share) * 1000

    def rate_between(self, since: float, until: float) -> float:
        """Right answers per second that came between these seconds."""
        return sum(since <= one < until for one in self.at) / (until - since)

    @property
    def ended(self) -> int:
        """Everything that came to an end, however."""
        return self.verdicts.total()

    def add(self, other: Driven) -> None:
        """Another round of the same."""
        self.seconds += other.seconds
        self.latencies.extend(other.latencies)
        self.at.extend(other.at)
        self.refusals.extend(other.refusals)
        self.verdicts.update(other.verdicts)
        self.in_time += other.in_time
        self.cpu += other.cpu


def quantile(values: array[float] | list[float], share: float) -> float:
    """The value within which that share stays; 0 of none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)] if ordered else 0.0


class _Driver(ABC):
    """What both ways have in common: connections, the next place, what came."""

    def __init__(self, address: Address, requests: Requests, seconds: float) -> None:
        self.address = address
        self.requests = requests
        self.driven = Driven(seconds)
        self.connections: list[Connection] = []
        self.began = 0.0
        self.over = asyncio.Event()
        self._next = 0

    async def connect(self) -> Connection:
        made = await Connection.opened(self.address, self.answered, self.lost)
        self.connections.append(made)
        return made

    def send(self, connection: Connection, intended: float) -> None:
        place = connection.place = self._next
        self._next = (place + 1) % len(self.requests)
        connection.intended, connection.sent = intended, perf_counter()
        connection.send(self.requests.wire(place))

    @abstractmethod
    def answered(self, connection: Connection, status: int, head: bytes, body: bytes) -> None:
        """Something came over that connection, which is free again."""

    def note(self, connection: Connection, now: float, status: int, head: bytes, body: bytes) -> None:
        """Looks at an answer and counts it, if it came while it was measured."""
        text = self.requests.verdict(connection.place, status, head, body) if status != BROKEN else "no HTTP answer"
        if now < self.began:
            if text not in (RIGHT, BUSY, LATER):
                self.driven.verdicts[f"while warming up: {text}"] += 1
            return
        self.driven.verdicts[text] += 1
        if text == RIGHT:
            self.driven.latencies.append(now - connection.intended)
            self.driven.at.append(now - self.began)
            self.driven.in_time += now - self.began <= self.driven.seconds
        elif text == BUSY:
            self.driven.refusals.append(now - connection.intended)

    def lost(self, connection: Connection) -> None:
        if connection.busy and not self.over.is_set():
            self.driven.verdicts["connection lost"] += 1

    def close(self) -> None:
        self.over.set()
        for one in self.connections:
            one.close()


class _Closed(_Driver):
    """So many in flight, always."""

    def __init__(self, address: Address, requests: Requests, seconds: float, in_flight: int) -> None:
        super().__init__(address, requests, seconds)
        self._in_flight = self._running = in_flight
        self._until = 0.0

    async def run(self, warm_up: float) -> Driven:
        for _ in range(self._in_flight):
            await self.connect()
        self.began = perf_counter() + warm_up
        self._until = self.began + self.driven.seconds
        for one in self.connections:
            self.send(one, perf_counter())
        await asyncio.sleep(warm_up)
        used = process_time()
        await asyncio.sleep(self.driven.seconds)
        self.driven.cpu = process_time() - used
        try:
            await asyncio.wait_for(self.over.wait(), DRAIN)
        except TimeoutError:
            self.driven.verdicts["unfinished"] += self._running
        self.close()
        return self.driven

    def answered(self, connection: Connection, status: int, head: bytes, body: bytes) -> None:
        now = perf_counter()
        self.note(connection, now, status, head, body)
        if now < self._until:
            self.send(connection, perf_counter())
            return
        self._ended()

    def lost(self, connection: Connection) -> None:
        super().lost(connection)
        if connection.busy:
            self._ended()

    def _ended(self) -> None:
        self._running -= 1
        if not self._running:
            self.over.set()


class _Opened(_Driver):
    """Arrivals at a rate, whatever has become of those before."""

    def __init__(self, address: Address, requests: Requests, seconds: float, rate: float, seed: int) -> None:
        super().__init__(address, requests, seconds)
        self._rate = rate
        self._random = Random(seed)
        self._free: list[Connection] = []
        self._waiting: deque[float] = deque()
        self._opening: set[asyncio.Task[None]] = set()
        self._draining = False
        self._settled = asyncio.Event()

    async def run(self) -> Driven:
        self._free = [await self.connect() for _ in range(min(64, max(4, int(self._rate / 10))))]
        used = process_time()
        self.began = perf_counter() + LEAD
        intended = self.began + self._random.expovariate(self._rate)
        until = self.began + self.driven.seconds
        while intended < until:
            await asyncio.sleep(max(0.0, intended - perf_counter()))
            self._arrive(intended)
            intended += self._random.expovariate(self._rate)
        await asyncio.sleep(max(0.0, until - perf_counter()))
        self.driven.cpu = process_time() - used
        await self._drained()
        self.close()
        return self.driven

    def _arrive(self, intended: float) -> None:
        if self._free:
            self.send(self._free.pop(), intended)
            return
        self._waiting.append(intended)
        if len(self.connections) + len(self._opening) < MOST_CONNECTIONS:
            task = asyncio.create_task(self._one_more())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _one_more(self) -> None:
        try:
            self._use(await self.connect())
        except OSError:
            self.driven.verdicts["connection refused"] += 1

    def _use(self, connection: Connection) -> None:
        if self._waiting:
            self.send(connection, self._waiting.popleft())
            return
        self._free.append(connection)
        self._is_settled()

    async def _drained(self) -> None:
        self._draining = True
        self._is_settled()
        try:
            await asyncio.wait_for(self._settled.wait(), DRAIN)
        except TimeoutError:
            self.driven.verdicts["unfinished"] += len(self._waiting) + sum(one.busy for one in self.connections)

    def _is_settled(self) -> None:
        if self._draining and not self._waiting and len(self._free) == len(self.connections):
            self._settled.set()

    def answered(self, connection: Connection, status: int, head: bytes, body: bytes) -> None:
        self.note(connection, perf_counter(), status, head, body)
        self._use(connection)

    def lost(self, connection: Connection) -> None:
        super().lost(connection)
        if self.over.is_set():
            return
        connection.busy = False
        self.connections.remove(connection)
        if connection in self._free:
            self._free.remove(connection)
        self._is_settled()


class _Each(_Driver):
    """Every place once, so many in flight; it takes as long as it takes."""

    async def run(self, in_flight: int) -> Driven:
        for _ in range(min(in_flight, len(self.requests))):
            await self.connect()
        self._left = self._open = len(self.requests)
        used, self.began = process_time(), perf_counter()
        for one in self.connections:
            self._take(one)
        await self.over.wait()
        self.driven.seconds = perf_counter() - self.began
        self.driven.cpu = process_time() - used
        self.driven.in_time = self.driven.right
        self.close()
        return self.driven

    def _take(self, connection: Connection) -> None:
        if self._left:
            self._left -= 1
            self.send(connection, perf_counter())

    def answered(self, connection: Connection, status: int, head: bytes, body: bytes) -> None:
        self.note(connection, perf_counter(), status, head, body)
        self._ended(connection)

    def lost(self, connection: Connection) -> None:
        super().lost(connection)
        if connection.busy and not self.over.is_set():
            self.driven.verdicts["not sent"] += self._left
            self.over.set()

    def _ended(self, connection: Connection) -> None:
        self._open -= 1
        if not self._open:
            self.over.set()
            return
        self._take(connection)


async def each(address: Address, requests: Requests, *, in_flight: int) -> Driven:
    """Sends what stands at every place, once."""
    return await _Each(address, requests, 0.0).run(in_flight)


async def closed(
    address: Address, requests: Requests, *, in_flight: int, seconds: float, warm_up: float = 1.0
) -> Driven:
    """Keeps ``in_flight`` requests under way for that long, after a warm-up that is not counted."""
    return await _Closed(address, requests, seconds, in_flight).run(warm_up)


async def opened(address: Address, requests: Requests, *, rate: float, seconds: float, seed: int = 1) -> Driven:
    """``rate`` arrivals a second for that long; what is under way then may still end."""
    return await _Opened(address, requests, seconds, rate, seed).run()
