"""The schedule of open arrivals (到着の予定): who is free takes the next intended start; nobody's slowness moves it.

Latency counts from the intended start. When every user waits for an answer, arrivals that fall due keep their times, so
a server that stands still for a second shows that second in every arrival of it, not in one alone (coordinated
omission). Whether a late start is the server's fault or ours is kept apart: a user that slept until its arrival and
woke late is our own slowness; one that came late because it was still waiting for an answer is not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Arrival", "Schedule"]


@dataclass(frozen=True, slots=True)
class Arrival:
    """One intended start, on the clock of whoever began the schedule. ``free_at``: when a user was free for it."""

    number: int
    intended: float
    free_at: float

    @property
    def due(self) -> float:
        """The earliest moment at which this user can start."""
        return max(self.intended, self.free_at)

    @property
    def waited(self) -> float:
        """How long it had to wait for a free user."""
        return max(0.0, self.free_at - self.intended)


class Schedule:
    """Intended starts of one kind in one process, taken one by one."""

    def __init__(self, offsets: Iterable[float], began: float) -> None:
        self._offsets = iter(offsets)
        self._began = began
        self._taken = 0
        self.exhausted = False

    def take(self, now: float) -> Arrival | None:
        """The next arrival for a user that is free now; None at the end."""
        for offset in self._offsets:
            self._taken += 1
            return Arrival(self._taken, self._began + offset, now)
        self.exhausted = True
        return None

    def left_until(self, now: float) -> list[float]:
        """Intended starts up to now that nobody has taken: they were meant, and count. It ends the schedule."""
        self.exhausted = True
        due = []
        for offset in self._offsets:
            if self._began + offset > now:
                break
            due.append(self._began + offset)
        return due
