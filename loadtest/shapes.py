"""Load shapes (負荷の形): how many arrivals a second are intended at each moment, and when each of them is to start.

A shape is a rate over time made of straight pieces. Arrivals are drawn from it beforehand (a Poisson process: nobody
waits for anybody else's answer), so the times at which they should start are known before the first one is sent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from types import MappingProxyType

__all__ = ["SHAPES", "Shape", "arrivals", "scaled"]

SPIKE = 3.0
"""How many times the rate a spike reaches: overload, if the rate is what the server can just bear."""
SWING = 0.2
"""How far a soak swings around its rate, so that pools and batches grow and shrink."""
LONGEST_SWING = 600.0


@dataclass(frozen=True, slots=True)
class Shape:
    """Points of (seconds since the start, arrivals a second), joined by straight lines; times only grow."""

    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        if len(self.points) < 2 or self.points[0][0] != 0:
            raise ValueError("a shape begins at 0 and has an end")
        if any(later[0] < earlier[0] for earlier, later in pairwise(self.points)):
            raise ValueError("times of a shape only grow")
        if any(rate < 0 for _, rate in self.points):
            raise ValueError("a rate is not negative")

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.points[-1][0]

    @property
    def expected(self) -> float:
        """How many arrivals it intends on average."""
        return sum((after[0] - before[0]) * (before[1] + after[1]) / 2 for before, after in pairwise(self.points))

    def rate_at(self, second: float) -> float:
        """Arrivals a second at that moment; none outside."""
        for (since, low), (until, high) in pairwise(self.points):
            if since <= second <= until and until > since:
                return low + (high - low) * (second - since) / (until - since)
        return 0.0

    def moment_of(self, count: float) -> float | None:
        """When so many arrivals are intended on average to have started; None after the end."""
        done = 0.0
        for (since, low), (until, high) in pairwise(self.points):
            piece = (until - since) * (low + high) / 2
            if done + piece >= count and piece > 0:
                return since + _within(count - done, low, (high - low) / (until - since))
            done += piece
        return None


def _within(count: float, rate: float, slope: float) -> float:
    """Seconds into a straight piece after which ``count`` arrivals have come: count = rate x + slope x^2 / 2."""
    if abs(slope) < 1e-12:
        return count / rate if rate else 0.0
    return (math.sqrt(max(0.0, rate * rate + 2 * slope * count)) - rate) / slope


def scaled(shape: Shape, share: float) -> Shape:
    """The same shape for one kind of arrival, or for one of several generators."""
    return Shape(tuple((second, rate * share) for second, rate in shape.points))


def arrivals(shape: Shape, seed: str) -> Iterator[float]:
    """Seconds since the start at which each arrival is to begin, in order. The same seed gives the same arrivals."""
    random = Random(seed)
    count = 0.0
    while True:
        count += random.expovariate(1.0)
        moment = shape.moment_of(count)
        if moment is None:
            return
        yield moment


# --- the shapes that have a name ----------------------------------------------------------------------------------


def _constant(rate: float, seconds: float) -> Shape:
    return Shape(((0.0, rate), (seconds, rate)))


def _ramp(rate: float, seconds: float) -> Shape:
    """From a tenth of the rate to the rate."""
    return Shape(((0.0, rate / 10), (seconds, rate)))


def _spike(rate: float, seconds: float) -> Shape:
    """The rate, and in the middle tenth three times as much."""
    begins, ends = seconds * 0.45, seconds * 0.55
    return Shape(
        ((0.0, rate), (begins, rate), (begins, rate * SPIKE), (ends, rate * SPIKE), (ends, rate), (seconds, rate))
    )


def _soak(rate: float, seconds: float) -> Shape:
    """The rate for a long time, swinging by a fifth: what silts up shows between the first and the last part."""
    swings = max(1, math.ceil(seconds / LONGEST_SWING))
    step = seconds / swings / 4
    wave = (1.0, 1.0 + SWING, 1.0, 1.0 - SWING)
    turns = 4 * swings
    return Shape(tuple((seconds if n == turns else n * step, rate * wave[n % 4]) for n in range(turns + 1)))


SHAPES: Mapping[str, Callable[[float, float], Shape]] = MappingProxyType(
    {"constant": _constant, "ramp": _ramp, "spike": _spike, "soak": _soak}
)
"""Each of (arrivals a second, seconds)."""
