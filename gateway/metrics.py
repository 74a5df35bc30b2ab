"""Metrics (計測値) of this process, in the text format of Prometheus: requests, their stages, shared commits.

Counting costs an addition; everything else is done when somebody asks. No metric names a person or an agency.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.committer import Batch

__all__ = ["CONTENT_TYPE", "MEDIA", "Meter"]

MEDIA = "text/plain"
CONTENT_TYPE = f"{MEDIA}; version=0.0.4; charset=utf-8"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
ROWS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)


class _Histogram:
    __slots__ = ("_bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        self.counts[bisect_left(self._bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative, as the format has them."""
        made, below = [], 0
        for bound, count in zip((*map(str, self._bounds), "+Inf"), self.counts, strict=True):
            below += count
            made.append((bound, float(below)))
        return made


class Meter(Collector):
    """Counts what this process does; ``text`` is what a scrape gets."""

    def __init__(self) -> None:
        self._requests: dict[tuple[str, str], _Histogram] = {}
        self._stages: dict[tuple[str, str], float] = defaultdict(float)
        self._sizes: dict[str, _Histogram] = {}
        self._waits: dict[str, _Histogram] = {}
        self._commits: dict[str, _Histogram] = {}
        self._failed: dict[str, int] = defaultdict(int)

    def request(self, operation: str, status: int, seconds: float, stages: Mapping[str, float]) -> None:
        """One request has been answered; ``stages`` in milliseconds."""
        key = (operation, str(status))
        if key not in self._requests:
            self._requests[key] = _Histogram(SECONDS)
        self._requests[key].add(seconds)
        for name, spent in stages.items():
            self._stages[operation, name] += spent / 1000

    def batch(self, batch: Batch) -> None:
        """One round of a committer."""
        name = batch.name
        if name not in self._sizes:
            self._sizes[name] = _Histogram(ROWS)
            self._waits[name], self._commits[name] = _Histogram(SECONDS), _Histogram(SECONDS)
        self._sizes[name].add(batch.size)
        self._waits[name].add(batch.waited)
        self._commits[name].add(batch.seconds)
        self._failed[name] += batch.failed

    def text(self) -> bytes:
        """Everything, in the text format."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> Iterator[Metric]:
        requests = HistogramMetricFamily("sympho_request_seconds", "Time of a request", labels=["operation", "status"])
        for (operation, status), seen in self._requests.items():
            requests.add_metric([operation, status], seen.buckets(), seen.total)
        yield requests
        stages = CounterMetricFamily(
            "sympho_stage_seconds", "Time of a stage; the stages of a request add up to its time",
            labels=["operation", "stage"],
        )  # fmt: skip
        for (operation, stage), spent in self._stages.items():
            stages.add_metric([operation, stage], spent)
        yield stages
        for name, text, histograms in (
            ("sympho_batch_rows", "Rows that shared one round trip", self._sizes),
            ("sympho_batch_wait_seconds", "How long the oldest of a batch had waited", self._waits),
            ("sympho_batch_seconds", "How long a batch took, commit included", self._commits),
        ):
            family = HistogramMetricFamily(name, text, labels=["batch"])
            for batch, seen in histograms.items():
                family.add_metric([batch], seen.buckets(), seen.total)
            yield family
        failed = CounterMetricFamily("sympho_batch_failed_rows", "Rows that the database refused", labels=["batch"])
        for batch, count in self._failed.items():
            failed.add_metric([batch], count)
        yield failed
