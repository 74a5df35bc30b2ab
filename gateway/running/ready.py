"""A server that is ready (稼働中), as whoever started it sees it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from gateway.config import Config

__all__ = ["Running", "Stay"]


class Stay(Enum):
    """What comes after a server is ready."""

    UP = "up"
    """It stays up until it is stopped."""
    NO_LONGER = "no-longer"


@dataclass(frozen=True, slots=True)
class Running:
    """A server that could serve a real request now."""

    config: Config
    url: str
    credentials: Path
    """Where the first passwords lie."""
    first: bool
    """Whether this was the first start, in which the world was filled in."""
    changes: tuple[str, ...]
    """What of a world folder was loaded again at this start."""
    title: tuple[str, str]
    """The world's name."""
    party_url: str
    """Where the other parties reach this process; empty when all are in it."""
    joining: tuple[Path, ...]
    """The files with which other roles may join."""
    world_time: str
    """World time, where it is not the machine's."""
