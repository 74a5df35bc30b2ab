"""How long one exchange takes when nothing else runs: ``python -m loadtest.bench_exchange``.

One inquiry at a time against the whole network in one process: authenticated, decided three times, permitted, notified,
read, sealed, opened, and recorded by three holders, each durably, before the answer is given. Every answer is checked.
Prints the distribution seen by the client, the server's own time of each stage, and in the same run the floor: the same
signatures, look-ups and commits without the product (``loadtest.floor``). Machines differ and are noisy; quote the
ratio.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from statistics import fmean, median
from time import perf_counter
from typing import Any
from uuid import uuid4

import aiohttp
import uvloop
from rich.console import Console
from rich.table import Table

from fixtures.invented.cast import Ask
from fixtures.world import invented_country
from loadtest import floor
from loadtest.server import Server, serving

WARM_UP = 50
ROUNDS = 5


def body_of(ask: Ask) -> dict[str, Any]:
    """The inquiry of the story as a business system sends it."""
    return {
        "person": {"system": ask.person.system, "number": ask.person.number.reveal()},
        "provider": ask.provider,
        "task": ask.task,
        "information": ask.information,
    }


async def token_of(session: aiohttp.ClientSession, server: Server, login: str) -> str:
    """A member of staff's token."""
    account = server.credentials(login)
    body = {name: account[name] for name in ("agency", "login", "password")} | {"terminal": "bench"}
    async with session.post(f"{server.url}/auth/login", json=body) as response:
        return str((await response.json())["token"])


async def measure(server: Server, times: int) -> list[float]:
    """Seconds of each exchange, in sequence, checked."""
    ask = invented_country().cast.tax
    body = body_of(ask)
    taken = []
    async with aiohttp.ClientSession() as session:
        token = await token_of(session, server, ask.login)
        headers = {"Authorization": f"Bearer {token}", "Prefer": "wait=10"}
        for n in range(WARM_UP + times):
            began = perf_counter()
            unique = headers | {"Idempotency-Key": str(uuid4())}
            async with session.post(f"{server.url}/inquiries", json=body, headers=unique) as response:
                answer = await response.json()
            spent = perf_counter() - began
            if response.status != 201 or answer["outcome"] != "provided" or not answer["content"]["items"]:
                raise SystemExit(f"a wrong answer: {response.status} {answer.get('title', answer.get('outcome'))}")
            if n >= WARM_UP:
                taken.append(spent * 1000)
    return taken


async def both(server: Server, times: int) -> tuple[list[float], list[float]]:
    """Exchanges and floor in turn, so that a machine whose speed drifts drifts for both."""
    taken: list[float] = []
    bare: list[float] = []
    for _ in range(ROUNDS):
        taken += await measure(server, times // ROUNDS)
        bare += await floor.measure(server.data, times // ROUNDS)
    return taken, bare


def stages_of(server: Server, times: int) -> dict[str, float]:
    """The server's mean milliseconds of each stage over the last exchanges."""
    lines = [line for line in server.lines("request") if line["operation"] == "register-inquiry"][-times:]
    totals: dict[str, float] = defaultdict(float)
    for line in lines:
        for name, spent in line["stages"].items():
            totals[name] += spent
    return {name: spent / len(lines) for name, spent in totals.items()}


def distribution(taken: list[float]) -> dict[str, float]:
    """The figures of a sample, in the order in which they are shown."""
    ordered = sorted(taken)
    return {
        "min": ordered[0],
        "median": median(ordered),
        "mean": fmean(ordered),
        "p95": ordered[int(len(ordered) * 0.95)],
        "p99": ordered[int(len(ordered) * 0.99)],
        "max": ordered[-1],
    }


def show(taken: list[float], bare: list[float], stages: dict[str, float]) -> None:
    """Two tables: what the client saw beside the floor, and where the server's time went."""
    console = Console()
    seen = Table("ms", "exchange", "floor", "ratio", title=f"one at a time, n = {len(taken)}", min_width=50)
    below = distribution(bare)
    for name, value in distribution(taken).items():
        seen.add_row(name, f"{value:.2f}", f"{below[name]:.2f}", f"{value / below[name]:.2f}")
    where = Table("stage", "mean ms", "share", title="where the server's time goes")
    total = sum(stages.values())
    for name, spent in sorted(stages.items(), key=lambda item: -item[1]):
        where.add_row(name, f"{spent:.3f}", f"{spent / total:.0%}")
    where.add_row("sum", f"{total:.3f}", "100%")
    console.print(seen, where)


def main() -> None:
    parser = argparse.ArgumentParser(description="one exchange at a time, with the time of each stage")
    parser.add_argument("-n", type=int, default=500, help="exchanges to measure (default 500)")
    times = parser.parse_args().n
    with serving() as server:
        taken, bare = uvloop.run(both(server, times))
        show(taken, bare, stages_of(server, times))


if __name__ == "__main__":
    main()
