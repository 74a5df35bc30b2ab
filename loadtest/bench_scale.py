"""What an exchange costs when much is there: ``python -m loadtest.bench_scale``.

1. Decisions, without a server: 10 to 1,800 agencies, lists of 1 to 10 times the rows, beside a plain loop.
2. Exchanges, with 10^3 to 10^6 codes and 10^4 to 10^6 records (10^7 on request): the processor time of server and
   PostgreSQL for one exchange, in the first second after the tables have grown and afterwards, and memory.

The rows are made by SQL from real rows of the same shape (``loadtest.enlarging``). The judge reads what was really
exchanged, before that. What an exchange costs is compared with the smallest size, by processor time.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from time import monotonic

from loadtest.asking import Asking, asked_of, with_questions
from loadtest.bench_throughput import faults_of
from loadtest.benching import alone
from loadtest.deciding import decided
from loadtest.driving import Driven, closed
from loadtest.enlarging import add_codes, add_records, counted
from loadtest.processes import Usage
from loadtest.server import Server, serving
from loadtest.showing import Finding
from loadtest.watching import Cost, Watch
from loadtest.wire import Address, address_of

__all__ = ["arguments", "findings"]

AGENCIES = (10, 60, 600, 1_800)
LISTS = (1, 3, 10)
RECORDS_OF_AN_EXCHANGE = 3
WITHIN = 0.15
MEMORY = 300.0
"""MiB of a server's process with 10^6 codes."""
IN_FLIGHT = 16


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--codes", type=int, nargs="+", default=(10_000, 100_000), help="10^6 takes a few minutes")
    parser.add_argument("--records", type=int, nargs="+", default=(10_000, 100_000), help="10^7 takes 30 GB")
    parser.add_argument("--full", action="store_true", help="up to 10^6 of both")
    parser.add_argument("--seconds", type=float, default=6.0, help="for each size (default 6)")
    parser.add_argument("--workers", type=int, default=1, help="processes of the server")


@dataclass(frozen=True)
class Size:
    """What was seen at one size."""

    codes: int
    records: int
    first: Driven
    driven: Driven
    cost: Cost
    memory: tuple[Usage, Usage]

    @property
    def cpu(self) -> float:
        """Milliseconds of processor time for one exchange, PostgreSQL's included."""
        return (self.cost.server + self.cost.database) * 1e3


async def findings(given: Namespace) -> list[Finding]:
    """Decisions, then exchanges."""
    return [_decisions(), await _exchanges(given)]


def _decisions() -> Finding:
    found = Finding(
        "decisions", "Decisions, by agencies and by the length of the list",
        ("agencies", "rows of the list", "µs a decision", "µs a turn of the plain loop", "decisions for a turn"),
    )  # fmt: skip
    sizes = [*((agencies, 1) for agencies in AGENCIES), *((60, times) for times in LISTS[1:])]
    for agencies, times in sizes:
        one = decided(agencies, times)
        found.row(one.agencies, one.rows, one.decision, one.plain, one.ratio)
        found.values[f"decision with {agencies} agencies, list x {times}"] = one.ratio
    return found


async def _exchanges(given: Namespace) -> Finding:
    codes, records = sorted(given.codes), sorted(given.records)
    if given.full:
        codes, records = [10_000, 100_000, 1_000_000], [10_000, 100_000, 1_000_000]
    found = Finding(
        "scale", "Exchanges, by codes and records",
        ("codes", "records", "exchanges/s", "p50 ms", "p50 ms, first second", "CPU ms", "of that PostgreSQL",
         "times the smallest", "server MiB", "PostgreSQL MiB, private"),
    )  # fmt: skip
    more = ("--workers", str(given.workers)) if given.workers > 1 else ()
    with serving(*more) as server:
        address = address_of(server.url)
        asking = with_questions(server.url, address, server.data / "credentials.json", asked_of(server.url))
        await closed(address, asking, in_flight=IN_FLIGHT, seconds=3.0, warm_up=0)
        found.failures.extend(await faults_of(server, asking, []))
        base = _told(found, await _size(server, address, asking, given.seconds), None)
        made = {"codes": 0, "records": 0}
        for kind, size in [*(("codes", one) for one in codes), *(("records", one) for one in records)]:
            took = await _grown(server, kind, size, made)
            _told(found, await _size(server, address, asking, given.seconds), base)
            found.notes.append(f"{size:,} {kind} made in {took:.0f} s.")
    found.notes.append(
        "Agencies are as many as the invented country has; that many more decide as the table above says."
    )
    return found


async def _grown(server: Server, kind: str, size: int, made: dict[str, int]) -> float:
    """So many codes or records; seconds that it took."""
    began = monotonic()
    codes, records = await counted(server.data)
    wanted = size - (codes if kind == "codes" else records)
    if kind == "records":
        wanted //= RECORDS_OF_AN_EXCHANGE
    if wanted > 0:
        add = add_codes if kind == "codes" else add_records
        await add(server.data, made[kind], made[kind] + wanted - 1)
        made[kind] += wanted
    return monotonic() - began


async def _size(server: Server, address: Address, asking: Asking, seconds: float) -> Size:
    first = await closed(address, asking, in_flight=IN_FLIGHT, seconds=1.0, warm_up=0)
    watch = Watch.of(server)
    await watch.begin()
    driven = await closed(address, asking, in_flight=IN_FLIGHT, seconds=seconds, warm_up=0)
    cost = (await watch.spent()).per(driven.ended)
    codes, records = await counted(server.data)
    return Size(codes, records, first, driven, cost, watch.usages())


def _told(found: Finding, size: Size, base: Size | None) -> Size:
    times = size.cpu / base.cpu if base else 1.0
    own, database = size.memory
    each = own.resident / own.processes
    found.row(
        f"{size.codes:,}", f"{size.records:,}", size.driven.rate, size.driven.ms(0.5), size.first.ms(0.5), size.cpu,
        size.cost.database * 1e3, times, own.resident, database.private,
    )  # fmt: skip
    found.values[f"cost with {size.codes} codes and {size.records} records"] = times
    found.failures.extend(size.driven.faults)
    if times > 1 + WITHIN:
        found.notes.append(f"{size.codes:,} codes, {size.records:,} records: {times:.2f} times the smallest's cost.")
    if each > MEMORY:
        found.failures.append(f"a server's process has {each:.0f} MiB, at most {MEMORY:.0f} expected")
    return base or size


def main() -> None:
    alone(arguments, findings, __doc__ or "")


if __name__ == "__main__":
    main()
