"""Shared commits: whoever waits at the same moment is written in one transaction (グループコミット).

There is no timer. A writer takes all that waits, writes it and commits; what arrives meanwhile waits for the next
round. Alone, a caller waits for nobody; under load, one commit serves many. A row that the database refuses fails
alone: its batch is halved until it stands by itself, and the others are written.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from time import perf_counter
from typing import Generic, Protocol, TypeVar

from gateway.problems import Busy, Problem

__all__ = ["Batch", "Committer", "Connections", "Statements", "Transactions", "firsts", "reader"]

T = TypeVar("T")
R = TypeVar("R")
C = TypeVar("C")
C_co = TypeVar("C_co", covariant=True)

RETRY_AFTER = 1
_GONE = frozenset({"database-unavailable", "disk-full", "busy"})


class Transactions(Protocol[C_co]):
    """What a committer needs of a database."""

    def transaction(self) -> AbstractAsyncContextManager[C_co]: ...


class Connections(Protocol[C_co]):
    """What shared reads need of a database."""

    def connection(self) -> AbstractAsyncContextManager[C_co]: ...


@dataclass(frozen=True, slots=True)
class Statements(Generic[C]):
    """A database for a ``write`` that is one statement: it is its own transaction, and saves two round trips."""

    db: Connections[C]

    def transaction(self) -> AbstractAsyncContextManager[C]:
        return self.db.connection()


@dataclass(frozen=True, slots=True)
class Batch:
    """One round, for the metrics: how many, how long the oldest had waited, how long writing took, how many failed."""

    name: str
    size: int
    waited: float
    seconds: float
    failed: int


class _Waiting(Generic[T, R]):
    __slots__ = ("done", "item", "since")

    def __init__(self, item: T, done: asyncio.Future[R]) -> None:
        self.item = item
        self.done = done
        self.since = perf_counter()


class Committer(Generic[T, R]):
    """``write(conn, items)`` answers one result per item, in order. ``parallel`` rounds may be under way at once."""

    def __init__(
        self,
        db: Transactions[C],
        write: Callable[[C, Sequence[T]], Awaitable[Sequence[R]]],
        *,
        name: str,
        limit: int = 10_000,
        largest: int = 256,
        parallel: int = 1,
        seen: Callable[[Batch], None] | None = None,
    ) -> None:
        self.name = name
        self.seen = seen
        self._limit = limit
        self._largest = largest
        self._parallel = parallel
        self._waiting: deque[_Waiting[T, R]] = deque()
        self._writers: set[asyncio.Task[None]] = set()
        self._closed = False

        async def once(items: Sequence[T]) -> Sequence[R]:
            async with db.transaction() as conn:
                results = await write(conn, items)
                if len(results) != len(items):
                    raise RuntimeError(f"{name}: {len(items)} items, {len(results)} results")
            return results

        self._once = once

    @property
    def queue(self) -> tuple[int, float]:
        """How many wait for a round, and for how many seconds the first of them has waited."""
        return (len(self._waiting), perf_counter() - self._waiting[0].since) if self._waiting else (0, 0.0)

    async def submit(self, item: T) -> R:
        """Answers once the item is committed. ``Busy`` when too many wait; ``not-ready`` after ``close``."""
        if self._closed:
            raise Problem("not-ready")
        if len(self._waiting) >= self._limit:
            raise Busy(RETRY_AFTER)
        waiting: _Waiting[T, R] = _Waiting(item, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        # A writer that has ended is discarded a turn later; whoever comes in between must not count on it.
        if sum(not writer.done() for writer in self._writers) < self._parallel:
            writer = asyncio.create_task(self._rounds(), name=f"committer {self.name}")
            self._writers.add(writer)
            writer.add_done_callback(self._writers.discard)
        return await waiting.done

    async def close(self) -> None:
        """Takes nothing more, and returns when all that waits has been written or has failed."""
        self._closed = True
        while self._writers:
            await asyncio.wait(self._writers)

    async def _rounds(self) -> None:
        while self._waiting:
            taken = self._take()
            if taken:
                await self._round(taken)

    def _take(self) -> list[_Waiting[T, R]]:
        taken: list[_Waiting[T, R]] = []
        while self._waiting and len(taken) < self._largest:
            waiting = self._waiting.popleft()
            if not waiting.done.done():  # whoever was cancelled before its turn is not written
                taken.append(waiting)
        return taken

    async def _round(self, taken: list[_Waiting[T, R]]) -> None:
        began = perf_counter()
        failed = await self._write(taken)
        if self.seen is not None:
            self.seen(Batch(self.name, len(taken), began - taken[0].since, perf_counter() - began, failed))

    async def _write(self, taken: Sequence[_Waiting[T, R]]) -> int:
        """Writes these in one transaction; halves them when that fails. Answers how many failed."""
        try:
            results = await self._once([waiting.item for waiting in taken])
        except Exception as error:
            if len(taken) == 1 or (isinstance(error, Problem) and error.slug in _GONE):
                _fail(taken, error)
                return len(taken)
        except BaseException:
            _fail(taken, Problem("not-ready"))
            raise
        else:
            for waiting, result in zip(taken, results, strict=True):
                if not waiting.done.done():
                    waiting.done.set_result(result)
            return 0
        middle = len(taken) // 2
        return await self._write(taken[:middle]) + await self._write(taken[middle:])


def _fail(taken: Sequence[_Waiting[T, R]], error: Exception) -> None:
    for waiting in taken:
        if not waiting.done.done():
            waiting.done.set_exception(error)


def firsts(keys: Iterable[Hashable]) -> list[bool]:
    """For each, whether it stands there for the first time: of two of the same in one batch only one can count."""
    seen: set[Hashable] = set()
    first: list[bool] = []
    for key in keys:
        first.append(key not in seen)
        seen.add(key)
    return first


def reader(
    db: Connections[C], read: Callable[[C, Sequence[T]], Awaitable[Sequence[R]]], *, name: str
) -> Committer[T, R]:
    """Reads that share a round trip as writes share a commit: what many ask for at the same moment is one query."""
    return Committer(Statements(db), read, name=name, parallel=2)
