"""Every bench in one command (全測定): ``make bench``, or ``python -m loadtest.bench [NAME ...]``.

Without names: all of them, in their short forms. ``--long`` measures as long as each bench does by itself. ``--write
FILE`` puts the tables between the two marks of a document, ``--json FILE`` keeps every figure by name.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.console import Console

from loadtest import (
    bench_apart,
    bench_bulk,
    bench_exchange,
    bench_mocks,
    bench_overload,
    bench_scale,
    bench_throughput,
    guard,
)
from loadtest.benching import run, status_of
from loadtest.result import describe_machine
from loadtest.showing import Finding, markdown, put_into, show, to_json

__all__ = ["BENCHES", "Bench", "settings"]


@dataclass(frozen=True)
class Bench:
    """One bench, and the arguments of its short form."""

    arguments: Callable[[ArgumentParser], None]
    findings: Callable[[Namespace], Awaitable[list[Finding]]]
    short: Sequence[str]


BENCHES = {
    "exchange": Bench(bench_exchange.arguments, bench_exchange.findings, ("--seconds", "8")),
    "throughput": Bench(bench_throughput.arguments, bench_throughput.findings, ("--seconds", "6")),
    "overload": Bench(bench_overload.arguments, bench_overload.findings, ("--seconds", "6")),
    "scale": Bench(bench_scale.arguments, bench_scale.findings, ("--seconds", "4", "--records", "10000", "50000")),
    "bulk": Bench(bench_bulk.arguments, bench_bulk.findings, ("--rows", "10000")),
    "apart": Bench(bench_apart.arguments, bench_apart.findings, ("--seconds", "5")),
    "mocks": Bench(bench_mocks.arguments, bench_mocks.findings, ("--seconds", "6")),
    "guard": Bench(guard.arguments, guard.findings, ()),
}


def settings(bench: Bench, *, long: bool, seconds: float | None, workers: int) -> Namespace:
    """A bench's own arguments: its defaults or its short form, with what was asked for all of them."""
    parser = ArgumentParser()
    bench.arguments(parser)
    given = parser.parse_args([] if long else list(bench.short))
    if seconds is not None and hasattr(given, "seconds"):
        given.seconds = seconds
    if hasattr(given, "workers"):
        given.workers = workers
    return given


async def _all(names: Sequence[str], given: Namespace, console: Console) -> list[Finding]:
    """Each is shown when it has ended; one that breaks off is a failure of its own, and the others go on."""
    found: list[Finding] = []
    for name in names:
        console.print(f"{name} …", style="dim")
        one = settings(BENCHES[name], long=given.long, seconds=given.seconds, workers=given.workers)
        try:
            made = await BENCHES[name].findings(one)
        except (SystemExit, Exception) as broken:
            made = [Finding(name, name, (), failures=[f"{name} broke off: {type(broken).__name__} {broken}"])]
        show(made, console)
        found.extend(made)
        if given.json is not None:
            given.json.write_text(to_json(found), encoding="utf-8")
    return found


def main() -> None:
    parser = ArgumentParser(description="every bench in one command; without names, all of them")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(BENCHES)}")
    parser.add_argument("--long", action="store_true", help="as long as each bench measures by itself")
    parser.add_argument("--seconds", type=float, help="for each part of each bench")
    parser.add_argument("--workers", type=int, default=1, help="processes of the server")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the tables between the marks of that document")
    given = parser.parse_args()
    strange = [name for name in given.names if name not in BENCHES]
    if strange:
        parser.error(f"no such bench: {', '.join(strange)}; there are: {', '.join(BENCHES)}")
    console = Console()
    names = given.names or list(BENCHES)
    console.print(describe_machine(), highlight=False)
    found = run(_all(names, given, console))
    if given.write is not None:
        today = datetime.now().astimezone().date()
        put_into(given.write, markdown(found, f'`make bench ARGS="{" ".join(names)}"`, {today}'))
    raise SystemExit(status_of(found))


if __name__ == "__main__":
    main()
