"""What was measured (測定): latencies in buckets of about two per cent, counts, and how the generator itself was doing.

Everything adds: a worker's measures go over the wire as plain JSON and are added to those of the others.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

__all__ = ["Ended", "Generator", "Histogram", "KindMeasures", "Measures", "Moment", "total"]

GROWTH = math.log(1.02)
SMALLEST = 1e-5
"""Seconds: everything faster is in the lowest bucket."""
MOST_TEXTS = 50
"""How many different faults are kept by their text; the rest is counted together."""


class Ended(StrEnum):
    """How an arrival ended."""

    RIGHT = "right"
    """The answer was what it had to be; a refusal that had to come is right."""
    BUSY = "busy"
    """Refused by name, with Retry-After: the server said that it had too much to do."""
    RACED = "raced"
    """Another user was faster at the same thing, and the answer said so."""
    FAULT = "fault"
    """Anything else: a wrong state, another identity, other items, no answer."""
    IDLE = "idle"
    """There was nothing to do, so nothing was asked: it is no arrival, and has no latency."""
    UNFINISHED = "unfinished"
    """Intended, and not answered when the run ended; it counts with the time that it had waited by then."""


class Histogram:
    """Seconds, in buckets that grow by two per cent: any quantile to within one per cent, and the exact maximum."""

    __slots__ = ("buckets", "largest", "total")

    def __init__(self) -> None:
        self.buckets: Counter[int] = Counter()
        self.total = 0.0
        self.largest = 0.0

    def add(self, seconds: float) -> None:
        self.buckets[0 if seconds <= SMALLEST else math.ceil(math.log(seconds / SMALLEST) / GROWTH)] += 1
        self.total += seconds
        self.largest = max(self.largest, seconds)

    @property
    def count(self) -> int:
        return self.buckets.total()

    @property
    def mean(self) -> float:
        return self.total / self.count if self.buckets else 0.0

    def quantile(self, share: float) -> float:
        """Seconds within which that share of them stayed; 0 where there is none."""
        wanted = math.ceil(self.count * share)
        seen = 0
        for bucket in sorted(self.buckets):
            seen += self.buckets[bucket]
            if seen >= wanted:
                return min(self.largest, SMALLEST * math.exp(GROWTH * (bucket - 0.5)) if bucket else SMALLEST)
        return self.largest

    def share_above(self, seconds: float) -> float:
        """Which share of them took longer."""
        limit = 0 if seconds <= SMALLEST else math.ceil(math.log(seconds / SMALLEST) / GROWTH)
        above = sum(times for bucket, times in self.buckets.items() if bucket > limit)
        return above / self.count if self.buckets else 0.0

    def merge(self, other: Histogram) -> None:
        self.buckets.update(other.buckets)
        self.total += other.total
        self.largest = max(self.largest, other.largest)

    def to_json(self) -> dict[str, Any]:
        return {
            "buckets": {str(bucket): times for bucket, times in sorted(self.buckets.items())},
            "total": self.total,
            "largest": self.largest,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Histogram:
        made = cls()
        made.buckets.update({int(bucket): times for bucket, times in data["buckets"].items()})
        made.total, made.largest = data["total"], data["largest"]
        return made


@dataclass
class KindMeasures:
    """One kind of arrival. ``latency`` counts from the intended start, ``service`` from the actual one."""

    latency: Histogram = field(default_factory=Histogram)
    service: Histogram = field(default_factory=Histogram)
    waited: Histogram = field(default_factory=Histogram)
    """How long arrivals waited because every user of the kind was still busy."""
    ended: Counter[str] = field(default_factory=Counter)
    what: Counter[str] = field(default_factory=Counter)
    """What the answers said: provided, refused, credentials-refused ..."""
    faults: Counter[str] = field(default_factory=Counter)
    in_time: int = 0
    """Right answers that came while arrivals still came: what the throughput is made of."""

    @property
    def intended(self) -> int:
        return self.ended.total() - self.ended[Ended.IDLE]

    @property
    def right(self) -> int:
        return self.ended[Ended.RIGHT] + self.ended[Ended.RACED]

    def fault(self, text: str) -> None:
        self.faults[text if text in self.faults or len(self.faults) < MOST_TEXTS else "other faults"] += 1

    def merge(self, other: KindMeasures) -> None:
        self.latency.merge(other.latency)
        self.service.merge(other.service)
        self.waited.merge(other.waited)
        self.ended.update(other.ended)
        self.what.update(other.what)
        self.faults.update(other.faults)
        self.in_time += other.in_time

    def to_json(self) -> dict[str, Any]:
        return {
            "latency": self.latency.to_json(),
            "service": self.service.to_json(),
            "waited": self.waited.to_json(),
            "ended": dict(self.ended),
            "what": dict(self.what),
            "faults": dict(self.faults),
            "in_time": self.in_time,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> KindMeasures:
        latency, service, waited = (Histogram.from_json(data[name]) for name in ("latency", "service", "waited"))
        ended, what, faults = (Counter(data[name]) for name in ("ended", "what", "faults"))
        return cls(latency, service, waited, ended, what, faults, data["in_time"])


@dataclass
class Moment:
    """One slice of the run, by intended start."""

    latency: Histogram = field(default_factory=Histogram)
    right: int = 0
    wrong: int = 0
    """Busy, faulty or unfinished."""
    done: int = 0
    """Right answers that came in this slice, whenever they were intended."""

    def merge(self, other: Moment) -> None:
        self.latency.merge(other.latency)
        self.right += other.right
        self.wrong += other.wrong
        self.done += other.done

    def to_json(self) -> dict[str, Any]:
        return {"latency": self.latency.to_json(), "right": self.right, "wrong": self.wrong, "done": self.done}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Moment:
        return cls(Histogram.from_json(data["latency"]), data["right"], data["wrong"], data["done"])


@dataclass
class Generator:
    """How the generator itself was doing: how late free users woke, and each process's share of one core."""

    lateness: Histogram = field(default_factory=Histogram)
    cpu: list[float] = field(default_factory=list)
    processes: int = 1
    machine: list[float] = field(default_factory=list)
    """Share of all cores of the machine that were busy."""

    def merge(self, other: Generator) -> None:
        self.lateness.merge(other.lateness)
        self.cpu.extend(other.cpu)
        self.machine.extend(other.machine)
        self.processes += other.processes

    def to_json(self) -> dict[str, Any]:
        return {
            "lateness": self.lateness.to_json(),
            "cpu": self.cpu,
            "machine": self.machine,
            "processes": self.processes,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Generator:
        return cls(Histogram.from_json(data["lateness"]), list(data["cpu"]), data["processes"], list(data["machine"]))


@dataclass
class Measures:
    """Everything of one run, or of one process of it.

    ``slice`` is the width of a moment, ``seconds`` how long arrivals come.
    """

    slice: float = 1.0
    seconds: float = 60.0
    kinds: dict[str, KindMeasures] = field(default_factory=dict)
    moments: dict[int, Moment] = field(default_factory=dict)
    generator: Generator = field(default_factory=Generator)
    checked: Counter[str] = field(default_factory=Counter)
    """Records of sampled exchanges: how many were verified, and what was wrong with the others."""
    notes: list[str] = field(default_factory=list)

    def record(  # one arrival's whole story
        self, kind: str, ended: Ended, offset: float, latency: float, *, service: float = 0.0, waited: float = 0.0
    ) -> None:
        """One arrival that was intended ``offset`` seconds after the start."""
        of_kind = self.kinds.setdefault(kind, KindMeasures())
        of_kind.ended[ended] += 1
        if ended is Ended.IDLE:
            return
        moment = self.moments.setdefault(int(offset / self.slice), Moment())
        of_kind.latency.add(latency)
        of_kind.waited.add(waited)
        moment.latency.add(latency)
        if ended is not Ended.UNFINISHED:
            of_kind.service.add(service)
        if ended not in (Ended.RIGHT, Ended.RACED):
            moment.wrong += 1
            return
        moment.right += 1
        self.moments.setdefault(int((offset + latency) / self.slice), Moment()).done += 1
        of_kind.in_time += offset + latency <= self.seconds

    @property
    def whole(self) -> KindMeasures:
        """All kinds together."""
        made = KindMeasures()
        for one in self.kinds.values():
            made.merge(one)
        return made

    def merge(self, other: Measures) -> None:
        """Adds another process's measures."""
        if other.slice != self.slice:
            raise ValueError("measures of different slices do not add")
        for kind, one in other.kinds.items():
            self.kinds.setdefault(kind, KindMeasures()).merge(one)
        for at, moment in other.moments.items():
            self.moments.setdefault(at, Moment()).merge(moment)
        self.generator.merge(other.generator)
        self.checked.update(other.checked)
        self.notes.extend(note for note in other.notes if note not in self.notes)

    def to_json(self) -> dict[str, Any]:
        return {
            "slice": self.slice,
            "seconds": self.seconds,
            "kinds": {kind: one.to_json() for kind, one in sorted(self.kinds.items())},
            "moments": {str(at): moment.to_json() for at, moment in sorted(self.moments.items())},
            "generator": self.generator.to_json(),
            "checked": dict(self.checked),
            "notes": self.notes,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Measures:
        return cls(
            data["slice"],
            data["seconds"],
            {kind: KindMeasures.from_json(one) for kind, one in data["kinds"].items()},
            {int(at): Moment.from_json(moment) for at, moment in data["moments"].items()},
            Generator.from_json(data["generator"]),
            Counter(data["checked"]),
            list(data["notes"]),
        )


def total(parts: Iterable[Measures], slice_: float, seconds: float) -> Measures:
    """The sum of all processes."""
    made = Measures(slice_, seconds)
    made.generator.processes = 0
    for part in parts:
        made.merge(part)
    return made
