"""The parties in processes of their own: ``python -m loadtest.bench_apart``.

Network, residents' party and intermediary server, three embedded PostgreSQL servers, HTTPS with mutual TLS between
them, all on one machine. Exchanges one at a time and many at once, the processor time of each party, records
verified, and the judge over all that they have written.
"""

from __future__ import annotations

import socket
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from loadtest.asking import asked_of, with_questions
from loadtest.benching import alone
from loadtest.driving import Driven, closed
from loadtest.loading import judge
from loadtest.server import Server, ready, started
from loadtest.showing import Finding
from loadtest.watching import Cost, Watch
from loadtest.wire import address_of

__all__ = ["Apart", "apart", "arguments", "findings"]

LEVELS = (1, 16, 64)
GOAL = 400.0
JOINING_WITHIN = 60.0


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=8.0, help="for each number in flight (default 8)")
    parser.add_argument("--levels", type=int, nargs="+", default=LEVELS, help="how many in flight")


@dataclass(frozen=True)
class Apart:
    """The three servers."""

    network: Server
    residents: Server
    intermediary: Server

    @property
    def parties(self) -> dict[str, Server]:
        return {"network": self.network, "residents": self.residents, "intermediary": self.intermediary}


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        taken = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in taken:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in taken]


@contextmanager
def apart() -> Iterator[Apart]:
    """Three parties that have joined, in folders that go afterwards."""
    public, own, join, residents_public, residents_own, inter_public, inter_own = map(str, _free_ports(7))
    with tempfile.TemporaryDirectory(prefix="sympho-bench-") as folder, ExitStack() as held:
        places = {name: Path(folder) / name for name in ("n", "r", "i")}
        for place in places.values():
            place.mkdir()

        def start(name: str, role: str, *more: str) -> Server:
            return held.enter_context(started(places[name], "--role", role, *more))

        network = start("n", "network", "--port", public, "--party-port", own, "--join-port", join)
        joining = network.data / "joining"
        _appears(joining / "intermediary.json", network)
        residents = start(
            "r", "residents", "--port", residents_public, "--party-port", residents_own,
            "--join", str(joining / "residents.json"),
        )  # fmt: skip
        intermediary = start(
            "i", "intermediary", "--port", inter_public, "--party-port", inter_own,
            "--residents-url", f"https://127.0.0.1:{residents_own}", "--join", str(joining / "intermediary.json"),
        )  # fmt: skip
        yield Apart(ready(network), ready(residents), ready(intermediary))


def _appears(file: Path, network: Server) -> None:
    deadline = time.monotonic() + JOINING_WITHIN
    while not file.exists():
        if time.monotonic() > deadline or network.process.poll() is not None:
            raise SystemExit(f"the network lays no joining file:\n{network.log.read_text(encoding='utf-8')}")
        time.sleep(0.1)


async def findings(given: Namespace) -> list[Finding]:
    """Exchanges between parties apart."""
    found = Finding(
        "apart", "Parties apart: three processes, three databases, mutual TLS",
        ("in flight", "exchanges/s", "p50 ms", "p99 ms", "intermediary CPU ms", "network CPU ms", "PostgreSQL CPU ms"),
    )  # fmt: skip
    with apart() as parties:
        server = parties.intermediary
        address, credentials = address_of(server.url), server.data / "credentials.json"
        asking = with_questions(server.url, address, credentials, asked_of(server.url))
        watches = {name: Watch.of(one) for name, one in parties.parties.items()}
        for in_flight in given.levels:
            await closed(address, asking, in_flight=in_flight, seconds=1.0, warm_up=0)
            for watch in watches.values():
                await watch.begin()
            driven = await closed(address, asking, in_flight=in_flight, seconds=given.seconds, warm_up=0)
            costs = {name: (await watch.spent()).per(driven.ended) for name, watch in watches.items()}
            _told(found, in_flight, driven, costs)
        for name, watch in watches.items():
            own, database = watch.usages()
            found.notes.append(
                f"{name}: {own.resident:.0f} MiB resident, its PostgreSQL {database.private:.0f} MiB private."
            )
        verdict = await judge(parties.network.data, more=("--server", str(server.data)))
        if verdict.holds is not True:
            found.failures.append(f"the judge: {verdict.text}")
    best = max(value for name, value in found.values.items() if name.startswith("rate"))
    found.values["best"] = best
    found.notes.append(f"Goal: {GOAL:.0f} a second; {'reached' if best >= GOAL else 'not reached'} here.")
    return [found]


def _told(found: Finding, in_flight: int, driven: Driven, costs: dict[str, Cost]) -> None:
    database = sum(one.database for one in costs.values())
    found.row(
        in_flight, driven.rate, driven.ms(0.5), driven.ms(0.99), costs["intermediary"].server * 1e3,
        costs["network"].server * 1e3, database * 1e3,
    )  # fmt: skip
    found.values[f"rate at {in_flight}"] = driven.rate
    found.failures.extend(driven.faults)


def main() -> None:
    alone(arguments, findings, __doc__ or "")


if __name__ == "__main__":
    main()
