"""What must not grow worse (性能の予算): ratios of one short run, held against ``[bench]`` in ``budgets.toml``.

Ratios only, and by processor time where that can be: absolute times say more of the machine than of the product. A
run in continuous integration stands beside others, so the limits leave a wide margin; what falls below has really
grown worse.
"""

from __future__ import annotations

import asyncio
from argparse import ArgumentParser, Namespace

from loadtest import floor
from loadtest.asking import asked_of, with_questions
from loadtest.bench_throughput import Level, Turns, faults_of
from loadtest.benching import alone
from loadtest.budgets import read_budgets
from loadtest.deciding import decided
from loadtest.server import serving
from loadtest.showing import Finding
from loadtest.wire import address_of

__all__ = ["arguments", "findings", "ratios"]

LEVELS = (1, 16)
ROUNDS = 3


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=6.0, help="for each number in flight (default 6)")


def ratios(levels: dict[int, Level], decisions: float) -> dict[str, float]:
    """What is held against the budgets, by name: more is better."""
    found = {"decisions": decisions}
    for in_flight, level in levels.items():
        ours, below = level.cost.per(level.exchanges.ended), level.floor_cost.per(level.floor.ended)
        found[f"rate-{in_flight}"] = level.ratio
        found[f"cpu-{in_flight}"] = (below.server + below.database) / max(1e-9, ours.server + ours.database)
    return found


def held(found: Finding, measured: dict[str, float], budgets: dict[str, float]) -> None:
    """Each budget beside what was measured; one that is not kept, or not measured, fails."""
    for name, limit in budgets.items():
        value = measured.get(name)
        found.row(name, value if value is not None else "not measured", limit)
        if value is None or value < limit:
            found.failures.append(
                f"{name}: {'nothing' if value is None else f'{value:.3f}'}, at least {limit} expected"
            )
    found.values |= measured


async def findings(given: Namespace) -> list[Finding]:
    """The ratios, each beside its budget."""
    found = Finding("guard", "Regression budget (floor / exchange; more is better)", ("ratio", "measured", "at least"))
    budgets = dict(read_budgets().bench)
    decisions = decided().ratio
    with serving() as server:
        async with floor.standing(server.data) as below:
            credentials = server.data / "credentials.json"
            asking = with_questions(server.url, address_of(server.url), credentials, asked_of(server.url))
            await asyncio.sleep(1.0)
            turns = Turns(server, asking, below)
            levels = {one: await turns.at(one, given.seconds, ROUNDS) for one in LEVELS}
        held(found, ratios(levels, decisions), budgets)
        found.failures.extend(await faults_of(server, asking, [one.exchanges for one in levels.values()]))
    return [found]


def main() -> None:
    alone(arguments, findings, __doc__ or "")


if __name__ == "__main__":
    main()
