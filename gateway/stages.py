"""How long each stage of a request takes (処理段階): one timeline, on which a flow says what begins now.

At any moment one stage is running, so the stages of a request add up to its whole time. The timeline follows a request
into the tasks that it starts, because while they work the request waits for them.
"""

from __future__ import annotations

from contextvars import ContextVar
from time import perf_counter

__all__ = ["Stages", "mark", "measure"]

FIRST = "http"


class Stages:
    """The timeline of one request, in milliseconds by stage."""

    __slots__ = ("_began", "_name", "_since", "milliseconds")

    def __init__(self, first: str = FIRST, began: float | None = None) -> None:
        self.milliseconds: dict[str, float] = {}
        self._name = first
        self._began = self._since = perf_counter() if began is None else began

    def at(self, name: str) -> None:
        """The stage that ran until now ends, and ``name`` begins; a stage may come again and is added up."""
        now = perf_counter()
        self.milliseconds[self._name] = self.milliseconds.get(self._name, 0.0) + (now - self._since) * 1000
        self._name = name
        self._since = now

    def total(self) -> float:
        """Milliseconds from the beginning until the last ``at``."""
        return (self._since - self._began) * 1000

    def rounded(self) -> dict[str, float]:
        """For the log: microseconds are enough."""
        return {name: round(spent, 3) for name, spent in self.milliseconds.items()}


_current: ContextVar[Stages | None] = ContextVar("stages", default=None)


def measure(stages: Stages) -> None:
    """From here on, and in every task started from here, ``mark`` speaks of this timeline."""
    _current.set(stages)


def mark(name: str) -> None:
    """What begins now, if anybody measures."""
    stages = _current.get()
    if stages is not None:
        stages.at(name)
