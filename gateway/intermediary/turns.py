"""Turns (順番): how many inquiries are worked on at once, and whose is next. No agency can crowd out the others.

A turn lasts from an inquiry's first look-up until it has been carried as far as it goes now; waiting for a person takes
none. Whoever finds no free turn waits in its agency's own queue, and the agencies are served one after another. When
too many wait, the longest queue gives way: its newest is told ``busy``, before anything was done for it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque

from gateway.problems import Busy

__all__ = ["AT_ONCE", "WAITING", "Turn", "Turns"]

AT_ONCE = 32
"""More at once make commits no larger and everybody wait longer."""

WAITING = 512
"""All queues together: what is worked off in a second or two."""

RETRY_AFTER = 1


class Turn:
    """A turn that was taken, for a ``with``: given back at its end, unless it was handed on to who works further."""

    __slots__ = ("_turns",)

    def __init__(self, turns: Turns) -> None:
        self._turns: Turns | None = turns

    def hand_on(self) -> Turn:
        """The same turn in other hands; whoever has these gives it back."""
        turns, self._turns = self._turns, None
        if turns is None:
            raise RuntimeError("a turn that is over")
        return Turn(turns)

    def __enter__(self) -> Turn:
        return self

    def __exit__(self, *_: object) -> None:
        turns, self._turns = self._turns, None
        if turns is not None:
            turns.free()


class Turns:
    """Turns of one process. Not for threads."""

    def __init__(self, at_once: int = AT_ONCE, waiting: int = WAITING) -> None:
        self._free = at_once
        self._limit = waiting
        self._waiting = 0
        self._queues: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    def crowded(self, agency: str) -> bool:
        """Whether one more of this agency would be told ``busy`` at once."""
        return self._waiting >= self._limit and len(self._queues.get(agency, ())) >= self._longest()

    async def take(self, agency: str) -> Turn:
        """A turn, as soon as it is this agency's. ``Busy`` when too many wait."""
        if self._free and not self._waiting:
            self._free -= 1
            return Turn(self)
        if self.crowded(agency):
            raise Busy(RETRY_AFTER)
        if self._waiting >= self._limit:
            self._give_way()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(agency, deque()).append(turn)
        self._waiting += 1
        try:
            await turn
        except asyncio.CancelledError:
            self._left(agency, turn)
            raise
        return Turn(self)

    def free(self) -> None:
        """A turn is over: it is the next agency's, or free."""
        while self._queues:
            agency = next(iter(self._queues))
            turn = self._queues[agency].popleft()
            self._queues.move_to_end(agency)
            self._one_less(agency)
            if not turn.done():  # whoever was cancelled has not said so yet
                turn.set_result(None)
                return
        self._free += 1

    def _one_less(self, agency: str) -> None:
        self._waiting -= 1
        if not self._queues[agency]:
            del self._queues[agency]

    def _longest(self) -> int:
        return max(map(len, self._queues.values()), default=0)

    def _give_way(self) -> None:
        agency = max(self._queues, key=lambda one: len(self._queues[one]))
        turn = self._queues[agency].pop()
        self._one_less(agency)
        if not turn.done():
            turn.set_exception(Busy(RETRY_AFTER))

    def _left(self, agency: str, turn: asyncio.Future[None]) -> None:
        """Whoever waited has gone: its place goes, or the turn that it was just given."""
        queue = self._queues.get(agency)
        if queue is not None and turn in queue:
            queue.remove(turn)
            self._one_less(agency)
        elif not turn.cancelled() and turn.exception() is None:
            self.free()
