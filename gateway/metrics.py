"""Metrics (計測値) of this server, in the text format of Prometheus: requests, their stages, shared commits.

Counting costs an addition; everything else is done when somebody asks. No metric names a person or an agency.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from msgspec import Struct, field
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.committer import Batch

__all__ = ["CONTENT_TYPE", "MEDIA", "Counts", "Meter"]

MEDIA = "text/plain"
CONTENT_TYPE = f"{MEDIA}; version=0.0.4; charset=utf-8"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
ROWS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)


class _Histogram(Struct):
    bounds: tuple[float, ...]
    counts: list[int]
    total: float = 0.0

    @classmethod
    def of(cls, bounds: tuple[float, ...]) -> _Histogram:
        return cls(bounds, [0] * (len(bounds) + 1))

    def add(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def merge(self, other: _Histogram) -> None:
        self.counts = [a + b for a, b in zip(self.counts, other.counts, strict=True)]
        self.total += other.total

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative, as the format has them."""
        made, below = [], 0
        for bound, count in zip((*map(str, self.bounds), "+Inf"), self.counts, strict=True):
            below += count
            made.append((bound, float(below)))
        return made


Pair = tuple[str, str]


class Counts(Struct):
    """All that one process has counted; what a process among several tells the others."""

    requests: dict[Pair, _Histogram] = field(default_factory=dict)
    stages: dict[Pair, float] = field(default_factory=dict)
    sizes: dict[str, _Histogram] = field(default_factory=dict)
    waits: dict[str, _Histogram] = field(default_factory=dict)
    commits: dict[str, _Histogram] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)

    def merge(self, other: Counts) -> None:
        """Adds what another process has counted."""
        _merge_histograms(self.requests, other.requests)
        _merge_histograms(self.sizes, other.sizes)
        _merge_histograms(self.waits, other.waits)
        _merge_histograms(self.commits, other.commits)
        for pair, spent in other.stages.items():
            self.stages[pair] = self.stages.get(pair, 0.0) + spent
        for name, count in other.failed.items():
            self.failed[name] = self.failed.get(name, 0) + count


K = TypeVar("K")


def _merge_histograms(into: dict[K, _Histogram], more: Mapping[K, _Histogram]) -> None:
    for key, histogram in more.items():
        into.setdefault(key, _Histogram.of(histogram.bounds)).merge(histogram)


class Meter:
    """Counts what this process does; ``text`` is what a scrape gets, together with what ``others`` have counted."""

    def __init__(self) -> None:
        self.counts = Counts()
        self.others: Callable[[], Iterable[Counts]] = tuple

    def request(self, operation: str, status: int, seconds: float, stages: Mapping[str, float]) -> None:
        """One request has been answered; ``stages`` in milliseconds."""
        counts, key = self.counts, (operation, str(status))
        if key not in counts.requests:
            counts.requests[key] = _Histogram.of(SECONDS)
        counts.requests[key].add(seconds)
        for name, spent in stages.items():
            stage = (operation, name)
            counts.stages[stage] = counts.stages.get(stage, 0.0) + spent / 1000

    def batch(self, batch: Batch) -> None:
        """One round of a committer."""
        counts, name = self.counts, batch.name
        if name not in counts.sizes:
            counts.sizes[name], counts.failed[name] = _Histogram.of(ROWS), 0
            counts.waits[name], counts.commits[name] = _Histogram.of(SECONDS), _Histogram.of(SECONDS)
        counts.sizes[name].add(batch.size)
        counts.waits[name].add(batch.waited)
        counts.commits[name].add(batch.seconds)
        counts.failed[name] += batch.failed

    def text(self) -> bytes:
        """Everything, in the text format."""
        whole = Counts()
        for counts in (self.counts, *self.others()):
            whole.merge(counts)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Families(whole))
        return generate_latest(registry)


class _Families(Collector):
    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        requests = HistogramMetricFamily("sympho_request_seconds", "Time of a request", labels=["operation", "status"])
        for (operation, status), seen in self._counts.requests.items():
            requests.add_metric([operation, status], seen.buckets(), seen.total)
        yield requests
        stages = CounterMetricFamily(
            "sympho_stage_seconds", "Time of a stage; the stages of a request add up to its time",
            labels=["operation", "stage"],
        )  # fmt: skip
        for (operation, stage), spent in self._counts.stages.items():
            stages.add_metric([operation, stage], spent)
        yield stages
        for name, text, histograms in (
            ("sympho_batch_rows", "Rows that shared one round trip", self._counts.sizes),
            ("sympho_batch_wait_seconds", "How long the oldest of a batch had waited", self._counts.waits),
            ("sympho_batch_seconds", "How long a batch took, commit included", self._counts.commits),
        ):
            family = HistogramMetricFamily(name, text, labels=["batch"])
            for batch, seen in histograms.items():
                family.add_metric([batch], seen.buckets(), seen.total)
            yield family
        failed = CounterMetricFamily("sympho_batch_failed_rows", "Rows that the database refused", labels=["batch"])
        for batch, count in self._counts.failed.items():
            failed.add_metric([batch], count)
        yield failed
