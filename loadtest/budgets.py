"""Budgets (予算): what a run must keep, as data in ``budgets.toml``. Pure but for reading the file."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadtest.measures import Ended, Histogram, KindMeasures, Measures
from loadtest.mix import KINDS

__all__ = ["BUDGETS", "BadBudgets", "Budgets", "Limit", "kept", "read_budgets"]

BUDGETS = Path(__file__).with_name("budgets.toml")

_QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999}
_LATENCY = frozenset({*_QUANTILES, "mean", "max"})
_RUN = frozenset({"achieved", "busy", "sound"})
_BENCH = frozenset({"rate-1", "rate-16", "cpu-1", "cpu-16", "decisions"})


class BadBudgets(ValueError):
    """A budget file that cannot be used; the text names the table and the rule."""


@dataclass(frozen=True, slots=True)
class Budgets:
    """``run``: achieved (at least), busy (at most), sound (1: no saturated generator). Latencies: ms at most."""

    run: Mapping[str, float]
    latency: Mapping[str, float]
    kinds: Mapping[str, Mapping[str, float]]
    bench: Mapping[str, float] = field(default_factory=dict)
    """Ratios at least, of the short bench (``loadtest.guard``); a run of ``sympho load`` has none of them."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One budget with what was measured. ``unit`` is ms, or a share."""

    where: str
    name: str
    limit: float
    value: float
    unit: str
    kept: bool

    @property
    def text(self) -> str:
        sign = "≥" if self.name in ("achieved", "sound") else "≤"
        return f"{self.where} {self.name}: {self.value:.4g} {sign} {self.limit:.4g} {self.unit}".rstrip()


def read_budgets(path: Path = BUDGETS) -> Budgets:
    """The budgets in a file."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise BadBudgets(f"{path}: {error}") from None
    unknown = data.keys() - {"run", "latency", "kinds", "bench"}
    if unknown:
        raise BadBudgets(f"{path}: unknown tables: {', '.join(sorted(unknown))}")
    kinds = data.get("kinds", {})
    strange = kinds.keys() - set(KINDS)
    if strange:
        raise BadBudgets(f"{path}: [kinds] unknown: {', '.join(sorted(strange))}")
    return Budgets(
        _numbers(path, "run", data.get("run", {}), _RUN),
        _numbers(path, "latency", data.get("latency", {}), _LATENCY),
        {kind: _numbers(path, f"kinds.{kind}", table, _LATENCY) for kind, table in kinds.items()},
        _numbers(path, "bench", data.get("bench", {}), _BENCH),
    )


def _numbers(path: Path, name: str, table: Mapping[str, Any], known: frozenset[str]) -> Mapping[str, float]:
    unknown = table.keys() - known
    if unknown:
        raise BadBudgets(f"{path}: [{name}] unknown: {', '.join(sorted(unknown))}")
    if not all(isinstance(value, int | float) and value >= 0 for value in table.values()):
        raise BadBudgets(f"{path}: [{name}] numbers that are not negative expected")
    return {key: float(value) for key, value in table.items()}


def kept(budgets: Budgets, measures: Measures, *, saturated: bool) -> list[Limit]:
    """Every budget that says something about this run, kept or not. A kind that never arrived is not judged."""
    whole = measures.whole
    limits = list(_of_run(budgets, whole, saturated=saturated))
    limits.extend(_of_latency("all", budgets.latency, whole.latency))
    for kind, table in budgets.kinds.items():
        if kind in measures.kinds:
            limits.extend(_of_latency(kind, table, measures.kinds[kind].latency))
    return limits


def _of_run(budgets: Budgets, whole: KindMeasures, *, saturated: bool) -> Iterator[Limit]:
    intended = whole.intended
    for name, limit in budgets.run.items():
        match name:
            case "achieved":
                value = whole.right / intended if intended else 0.0
                yield Limit("run", name, limit, value, "", value >= limit)
            case "busy":
                value = whole.ended[Ended.BUSY] / intended if intended else 0.0
                yield Limit("run", name, limit, value, "", value <= limit)
            case _:
                value = 0.0 if saturated else 1.0
                yield Limit("run", name, limit, value, "", value >= limit)


def _of_latency(where: str, table: Mapping[str, float], latency: Histogram) -> Iterator[Limit]:
    for name, limit in table.items():
        if name in _QUANTILES:
            seconds = latency.quantile(_QUANTILES[name])
        else:
            seconds = latency.mean if name == "mean" else latency.largest
        yield Limit(where, name, limit, seconds * 1000, "ms", seconds * 1000 <= limit)
