"""How long one exchange takes when nothing else runs: ``python -m loadtest.bench_exchange``.

One inquiry at a time against the whole network in one process: authenticated, decided three times, permitted, notified,
read, sealed, opened, and recorded by three holders, each durably, before the answer is given. Every answer is checked.
The distribution seen by the client, in turn with the floor (``loadtest.floor``) under the same generator, and the
server's own time of each stage. Machines differ and are noisy; quote the ratio.
"""

from __future__ import annotations

import asyncio
from argparse import ArgumentParser, Namespace
from collections import defaultdict
from statistics import fmean

from loadtest import floor
from loadtest.asking import asked_of, with_questions
from loadtest.bench_throughput import Level, Turns, faults_of
from loadtest.benching import alone
from loadtest.driving import Driven
from loadtest.server import Server, serving
from loadtest.showing import Finding
from loadtest.wire import address_of

__all__ = ["arguments", "findings"]

ROUNDS = 4


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--seconds", type=float, default=12.0, help="of exchanges, and as many of the floor (default 12)"
    )


async def findings(given: Namespace) -> list[Finding]:
    """The distribution, and the stages."""
    with serving() as server:
        async with floor.standing(server.data) as below:
            credentials = server.data / "credentials.json"
            asking = with_questions(server.url, address_of(server.url), credentials, asked_of(server.url))
            await asyncio.sleep(1.0)
            level = await Turns(server, asking, below).at(1, given.seconds, ROUNDS)
        found = _distribution(level)
        found.failures.extend(await faults_of(server, asking, [level.exchanges]))
        return [found, _stages(server, level.exchanges.right)]


def _figures(driven: Driven) -> dict[str, float]:
    shares = {"min": 0.0, "median": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {name: driven.ms(share) for name, share in shares.items()} | {"mean": fmean(driven.latencies) * 1000}


def _distribution(level: Level) -> Finding:
    found = Finding(
        "exchange", f"One at a time, {level.exchanges.right} exchanges and {level.floor.right} floors",
        ("ms", "exchange", "floor", "exchange / floor"),
    )  # fmt: skip
    below = _figures(level.floor)
    for name, value in _figures(level.exchanges).items():
        found.row(name, value, below[name], value / below[name])
        found.values[f"{name} ms"] = value
        found.values[f"{name}, times the floor"] = value / below[name]
    return found


def _stages(server: Server, times: int) -> Finding:
    """The server's mean milliseconds of each stage over the last exchanges."""
    lines = [line for line in server.lines("request") if line["operation"] == "register-inquiry"][-times:]
    totals: dict[str, float] = defaultdict(float)
    for line in lines:
        for name, spent in line["stages"].items():
            totals[name] += spent / len(lines)
    found = Finding("stages of one", "Where the server's time of one goes", ("stage", "mean ms", "share"))
    total = sum(totals.values()) or 1.0
    for name, spent in sorted(totals.items(), key=lambda item: -item[1]):
        found.row(name, f"{spent:.3f}", f"{spent / total:.0%}")
    found.row("sum", f"{total:.3f}", "100%")
    return found


def main() -> None:
    alone(arguments, findings, __doc__ or "")


if __name__ == "__main__":
    main()
