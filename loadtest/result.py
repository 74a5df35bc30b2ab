"""The result of a run (結果): what was meant, what was measured, what was judged, and whether it stands."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadtest.budgets import Limit
from loadtest.measures import Ended, Measures
from loadtest.shapes import SHAPES, Shape
from loadtest.soundness import Soundness

__all__ = ["Judged", "Meant", "Result", "describe_machine", "drift", "write_json"]


@dataclass(frozen=True, slots=True)
class Meant:
    """What the run was told."""

    url: str
    rate: float
    seconds: float
    shape: str
    users: int
    generators: int
    seed: int
    began_at: str
    machine: str

    @property
    def arrivals(self) -> Shape:
        return SHAPES[self.shape](self.rate, self.seconds)


@dataclass(frozen=True, slots=True)
class Judged:
    """The judge's word over everything that was written. ``holds`` None: it was not asked, or could not say."""

    holds: bool | None
    text: str
    counts: Mapping[str, Any] = field(default_factory=dict)
    violations: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """Everything of a run."""

    meant: Meant
    measures: Measures
    soundness: Soundness
    limits: Sequence[Limit]
    judged: Judged

    @property
    def troubles(self) -> list[str]:
        """Why the run does not stand; none: it does."""
        return list(self._troubles())

    def _troubles(self) -> Iterator[str]:
        whole = self.measures.whole
        if whole.intended == 0:
            yield "nothing arrived"
        if whole.ended[Ended.FAULT]:
            yield f"{whole.ended[Ended.FAULT]} wrong answers"
        for text, times in self.measures.checked.items():
            if text != "verified":
                yield f"records of sampled exchanges: {times} × {text}"
        if self.judged.holds is False:
            yield f"the judge: {self.judged.text}"
        yield from (f"over budget: {one.text}" for one in self.limits if not one.kept)
        yield from (note for note in self.measures.notes if "handed in nothing" in note)

    def to_json(self) -> dict[str, Any]:
        meant = self.meant
        return {
            "stands": not self.troubles,
            "troubles": self.troubles,
            "meant": {name: getattr(meant, name) for name in meant.__dataclass_fields__},
            "saturated": self.soundness.saturated,
            "words": list(self.soundness.words),
            "limits": [{"text": one.text, "kept": one.kept} for one in self.limits],
            "judged": {"holds": self.judged.holds, "text": self.judged.text, "counts": dict(self.judged.counts)},
            "measures": self.measures.to_json(),
        }


def describe_machine() -> str:
    """Cores, processor, memory, system and Python: figures without them say nothing."""
    parts = [f"{os.cpu_count()} cores", _line_of("/proc/cpuinfo", "model name"), _memory()]
    parts += [f"{platform.system()} {platform.release()}", f"Python {platform.python_version()}"]
    return ", ".join(part for part in parts if part)


def _memory() -> str:
    kilobytes = _line_of("/proc/meminfo", "MemTotal").split(" ")[0]
    return f"{int(kilobytes) / 1_048_576:.1f} GiB" if kilobytes.isdigit() else ""


def _line_of(path: str, name: str) -> str:
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


def drift(measures: Measures) -> tuple[float, float]:
    """99th percentile in seconds of the first and of the last fifth: what silts up shows between them."""
    if not measures.moments:
        return 0.0, 0.0
    last = max(measures.moments)
    parts = []
    for inside in ((0, last // 5), (last - last // 5, last)):
        part = Measures(measures.slice)
        for at, moment in measures.moments.items():
            if inside[0] <= at <= inside[1]:
                part.moments.setdefault(0, type(moment)()).merge(moment)
        parts.append(part.moments[0].latency.quantile(0.99) if part.moments else 0.0)
    return parts[0], parts[1]


def write_json(result: Result, path: Path) -> None:
    """The whole result for other programs."""
    path.write_text(json.dumps(result.to_json(), ensure_ascii=False, indent=1), encoding="utf-8")
