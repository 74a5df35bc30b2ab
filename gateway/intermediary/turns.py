"""Turns (順番): how many inquiries are worked on at once, and whose is next. No agency can crowd out the others.

A turn lasts from an inquiry's first look-up until it has been carried as far as it goes now; waiting for a person takes
none, and one agency has some of them at most. Whoever finds no free turn waits in its agency's own queue, and the
agencies are served one after another. When too many wait, whoever comes is told ``busy``, before anything was done for
it, unless its agency has far fewer waiting than another: there is as much room again for those, and when that is full
too, the newest of the longest queue gives way. Too many are those who would wait too long, on this machine, as busy as
it is.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from gateway.problems import Busy

__all__ = ["AT_ONCE", "WAITING", "Turn", "Turns"]

AT_ONCE = 32
"""More at once make commits no larger and everybody wait longer."""

ONE_AGENCY = 12
"""What one agency may have of them: more give it little, and the others wait for each that is worked on."""

WAITING = 256
"""All queues together, at most; for the agencies with few waiting, twice as many."""

FEW = 4
"""So many times ``AT_ONCE`` may always wait, however slow it is."""

PATIENCE = 1.0
"""Seconds. Where somebody has waited longer for a turn, fewer may wait; where half of it is enough, more."""

RETRY_AFTER = 1


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """A place in a queue, since when."""

    turn: asyncio.Future[None]
    since: float


class Turn:
    """A turn that was taken, for a ``with``: given back at its end, unless it was handed on to who works further."""

    __slots__ = ("_agency", "_turns")

    def __init__(self, turns: Turns, agency: str) -> None:
        self._turns: Turns | None = turns
        self._agency = agency

    def hand_on(self) -> Turn:
        """The same turn in other hands; whoever has these gives it back."""
        turns, self._turns = self._turns, None
        if turns is None:
            raise RuntimeError("a turn that is over")
        return Turn(turns, self._agency)

    def __enter__(self) -> Turn:
        return self

    def __exit__(self, *_: object) -> None:
        turns, self._turns = self._turns, None
        if turns is not None:
            turns.free(self._agency)


class Turns:
    """Turns of one process. Not for threads."""

    def __init__(
        self,
        at_once: int = AT_ONCE,
        waiting: int = WAITING,
        one_agency: int = ONE_AGENCY,
        *,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._free, self._least = at_once, FEW * at_once
        self._share = one_agency
        self._held: Counter[str] = Counter()
        self._limit = self._most = waiting
        self._waiting = 0
        self._queues: OrderedDict[str, deque[_Place]] = OrderedDict()
        self._now = now

    def crowded(self, agency: str) -> bool:
        """Whether one more of this agency would be told ``busy`` at once."""
        return self._waiting >= self._limit and 2 * len(self._queues.get(agency, ())) >= self._longest()

    async def take(self, agency: str) -> Turn:
        """A turn, as soon as it is this agency's. ``Busy`` when too many wait."""
        if self._free and self._held[agency] < self._share:
            self._free -= 1
            self._held[agency] += 1
            return Turn(self, agency)
        if self.crowded(agency):
            raise Busy(RETRY_AFTER)
        if self._waiting >= 2 * self._limit:
            self._give_way()
        place = _Place(asyncio.get_running_loop().create_future(), self._now())
        self._queues.setdefault(agency, deque()).append(place)
        self._waiting += 1
        try:
            await place.turn
        except asyncio.CancelledError:
            self._left(agency, place)
            raise
        return Turn(self, agency)

    def free(self, whose: str) -> None:
        """A turn is over: it is the next agency's that may have one, or free."""
        self._held[whose] -= 1
        if not self._held[whose]:
            del self._held[whose]
        while (agency := self._next()) is not None:
            place = self._queues[agency].popleft()
            self._queues.move_to_end(agency)
            self._one_less(agency)
            if not place.turn.done():  # whoever was cancelled has not said so yet
                self._adapt(self._now() - place.since)
                self._held[agency] += 1
                place.turn.set_result(None)
                return
        self._free += 1

    def _next(self) -> str | None:
        return next((agency for agency in self._queues if self._held[agency] < self._share), None)

    def _adapt(self, waited: float) -> None:
        """How many may wait, after one has waited so many seconds for its turn."""
        if waited > PATIENCE:
            room = int(min(self._limit, self._waiting) * PATIENCE / waited)
            self._limit = min(self._most, max(self._least, room))
        elif waited < PATIENCE / 2 and self._limit < self._most:
            self._limit += 1

    def _one_less(self, agency: str) -> None:
        self._waiting -= 1
        if not self._queues[agency]:
            del self._queues[agency]

    def _longest(self) -> int:
        return max(map(len, self._queues.values()), default=0)

    def _give_way(self) -> None:
        agency = max(self._queues, key=lambda one: len(self._queues[one]))
        place = self._queues[agency].pop()
        self._one_less(agency)
        if not place.turn.done():
            place.turn.set_exception(Busy(RETRY_AFTER))

    def _left(self, agency: str, place: _Place) -> None:
        """Whoever waited has gone: its place goes, or the turn that it was just given."""
        queue = self._queues.get(agency)
        if queue is not None and place in queue:
            queue.remove(place)
            self._one_less(agency)
        elif not place.turn.cancelled() and place.turn.exception() is None:
            self.free(agency)
