"""A stage (段階) at which work waits: how much, and since when the oldest of it, by world time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Stage:
    """``stage`` is its name, a few lower-case words; ``oldest`` None where nothing waits."""

    stage: str
    waiting: int
    oldest: datetime | None
