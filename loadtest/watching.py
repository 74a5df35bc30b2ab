"""What a measured server used and said meanwhile (観察): processor time and memory by party, bytes written, its
stages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from loadtest import bare
from loadtest.client import Client
from loadtest.plan import Credentials
from loadtest.processes import Usage, postgres_of, tree, usage_of
from loadtest.server import Server

__all__ = ["Cost", "Scraped", "Watch", "scrape"]

OPERATOR = "shinkirou-operator"


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of processor time, and what was written, between two moments."""

    server: float
    database: float
    wal: float
    fsyncs: float

    def per(self, count: int) -> Cost:
        """For one of so many; of none it is nothing."""
        n = max(1, count)
        return Cost(self.server / n, self.database / n, self.wal / n, self.fsyncs / n)

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.server + other.server, self.database + other.database, self.wal + other.wal, self.fsyncs + other.fsyncs
        )


NOTHING = Cost(0.0, 0.0, 0.0, 0.0)


class Watch:
    """Watches processes, and the embedded PostgreSQL servers in these folders. ``spent`` tells since ``begin``."""

    def __init__(self, roots: Sequence[int], folders: Sequence[Path]) -> None:
        self._roots = list(roots)
        self._folders = list(folders)
        self._postgres = [postgres_of(folder) for folder in folders]
        self._before: tuple[float, float, int, int] = (0.0, 0.0, 0, 0)

    @classmethod
    def of(cls, *servers: Server) -> Watch:
        return cls([one.process.pid for one in servers], [one.data for one in servers])

    def usages(self) -> tuple[Usage, Usage]:
        """The servers' own processes, and PostgreSQL's."""
        database = [pid for root in self._postgres for pid in tree(root)]
        apart = set(database)
        own = [pid for root in self._roots for pid in tree(root) if pid not in apart]
        return usage_of(own), usage_of(database)

    async def begin(self) -> None:
        self._before = await self._now()

    async def spent(self) -> Cost:
        """Since ``begin``."""
        server, database, wal, fsyncs = await self._now()
        before = self._before
        return Cost(server - before[0], database - before[1], wal - before[2], fsyncs - before[3])

    async def _now(self) -> tuple[float, float, int, int]:
        own, database = self.usages()
        wal = fsyncs = 0
        for folder in self._folders:
            conn = await bare.connect(folder)
            found = await bare.written(conn)
            await conn.close()
            wal, fsyncs = wal + found.wal, fsyncs + found.fsyncs
        return own.cpu, database.cpu, wal, fsyncs


@dataclass
class Scraped:
    """``/metrics`` at one moment: seconds by stage, and rounds and rows by batch."""

    stages: dict[str, float]
    rounds: dict[str, float]
    rows: dict[str, float]

    def since(self, before: Scraped) -> Scraped:
        return Scraped(
            *({k: v - old.get(k, 0.0) for k, v in new.items()} for new, old in (
                (self.stages, before.stages), (self.rounds, before.rounds), (self.rows, before.rows)))
        )  # fmt: skip


def scrape(server: Server, operation: str = "register-inquiry") -> Scraped:
    """What the server tells of that operation."""
    client = Client(server.url)
    try:
        token = client.login(Credentials(server.data / "credentials.json")[OPERATOR])
        text = client.call("GET", "/metrics", token=token).body.decode()
    finally:
        client.close()
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            _keep(found, sample.name, sample.labels, sample.value, operation)
    return Scraped(found["stages"], found["rounds"], found["rows"])


def _keep(found: dict[str, dict[str, float]], name: str, labels: dict[str, Any], value: float, operation: str) -> None:
    if name == "sympho_stage_seconds_total" and labels["operation"] == operation:
        found["stages"][labels["stage"]] = value
    elif name == "sympho_batch_rows_count":
        found["rounds"][labels["batch"]] = value
    elif name == "sympho_batch_rows_sum":
        found["rows"][labels["batch"]] = value
