"""What a run is told (負荷の設定): Locust's own options and these. A generator apart may have its files elsewhere."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from locust.argument_parser import LocustArgumentParser

from loadtest.duration import seconds_of
from loadtest.mix import MIX
from loadtest.shapes import SHAPES, Shape

__all__ = ["OWN_FILES", "Settings", "add_options"]

A_DAY = 86_400.0
MOST_SLICES = 300
OWN_FILES = ("plan", "credentials", "mix")
"""Files that a worker may have in another place than the master: what it was started with wins."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One run. ``drain``: how many seconds arrivals that were intended in time may still be answered in."""

    rate: float
    seconds: float
    shape: str
    plan: Path
    credentials: Path
    mix: Path
    drain: float
    sample: int
    seed: int
    measured: Path | None = None
    progress: Path | None = None

    @property
    def arrivals(self) -> Shape:
        return SHAPES[self.shape](self.rate, self.seconds)

    @property
    def slice(self) -> float:
        """Seconds of one point of the plots."""
        return max(1.0, self.seconds / MOST_SLICES)

    @classmethod
    def of(cls, options: argparse.Namespace) -> Settings:
        """From Locust's parsed options; ``ValueError`` names what is missing."""
        if not options.plan or not options.credentials:
            raise ValueError("--plan and --credentials are needed: see python -m loadtest.preparation --help")
        return cls(
            rate=float(options.rate),
            seconds=_seconds(options),
            shape=str(options.shape),
            plan=Path(options.plan),
            credentials=Path(options.credentials),
            mix=Path(options.mix or MIX),
            drain=float(options.drain),
            sample=int(options.sample),
            seed=int(options.seed),
            measured=Path(options.measured) if options.measured else None,
            progress=Path(options.progress) if options.progress else None,
        )


def _seconds(options: argparse.Namespace) -> float:
    """As told by ``--for``; else by Locust's ``-t``, which workers do not know; else until somebody stops it."""
    if options.duration:
        return seconds_of(options.duration)
    return float(options.run_time) if isinstance(options.run_time, int) and options.run_time else A_DAY


def add_options(parser: LocustArgumentParser) -> None:
    """The options of a run, beside Locust's own."""
    group = parser.add_argument_group("sympho")
    group.add_argument("--plan", default="", help="plan file of loadtest.preparation")
    group.add_argument("--credentials", default="", help="credentials.json of the server's data folder")
    group.add_argument("--mix", default="", help="mix file (default: a municipality's June)")
    group.add_argument("--rate", type=float, default=20.0, help="arrivals a second, of all generators together")
    group.add_argument("--for", dest="duration", default="", help="how long arrivals come: 90s, 5m, 1h (default: -t)")
    group.add_argument("--shape", choices=sorted(SHAPES), default="constant", help="how the rate goes")
    group.add_argument("--drain", type=float, default=20.0, help="seconds in which late answers still count as answers")
    group.add_argument("--sample", type=int, default=40, help="exchanges whose records are verified afterwards")
    group.add_argument("--seed", type=int, default=1, help="the same seed draws the same arrivals")
    group.add_argument("--measured", default="", help="file to write the measures to (JSON)")
    group.add_argument("--progress", default="", help="file to write a line to every second (JSON lines)")
