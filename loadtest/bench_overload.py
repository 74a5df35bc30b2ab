"""Too much at once, and one agency that takes more than its share: ``python -m loadtest.bench_overload``.

1. The best rate, closed; then a quiet rate, open, whose tail is the measure for "normal".
2. The flood: open arrivals at three times the best rate. At least 80 % of the best rate are still completed, the others
   are refused quickly by a named answer with Retry-After, and none is lost: the judge and the numbers agree.
3. Afterwards: seconds until the tail is normal again.
4. Fairness: all agencies but one at a quiet rate; then beside them the one at a hundred times its share of it.
"""

from __future__ import annotations

import asyncio
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from pathlib import Path

from loadtest.asking import Asking, asked_of, with_questions
from loadtest.bench_throughput import faults_of
from loadtest.benching import alone
from loadtest.driving import BUSY, LATER, Driven, closed, opened, quantile
from loadtest.server import Server, serving
from loadtest.showing import Finding
from loadtest.watching import Watch
from loadtest.wire import Address, address_of

__all__ = ["arguments", "findings"]

FLOOD = 3.0
QUIET = 0.3
CALM = 0.15
"""Share of the best rate at which the other agencies ask while fairness is measured."""
TIMES_ITS_SHARE = 100.0
COMPLETED = 0.8
REFUSED_WITHIN = 1.0
NORMAL_WITHIN = 5.0
NORMAL = 2.0
"""A second is normal again when its tail is within so many times the quiet tail."""
FAIR = 3.0
IN_FLIGHT = 64


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=8.0, help="of the flood, and of each other part (default 8)")
    parser.add_argument("--workers", type=int, default=1, help="processes of the server")


@dataclass(frozen=True)
class Ground:
    """A server with its questions, all of them and divided between one agency and the others."""

    server: Server
    address: Address
    everybody: Asking
    loud: Asking
    others: Asking
    agencies: int

    @property
    def credentials(self) -> Path:
        return self.server.data / "credentials.json"


def prepared(server: Server) -> Ground:
    """Everybody logged in; the agency with most questions is the one that will be loud."""
    address, credentials = address_of(server.url), server.data / "credentials.json"
    questions = asked_of(server.url)
    agencies = sorted({one.agency for one in questions})
    loudest = max(agencies, key=lambda agency: sum(one.agency == agency for one in questions))
    parts = (
        questions,
        [one for one in questions if one.agency == loudest],
        [one for one in questions if one.agency != loudest],
    )
    everybody, loud, others = (with_questions(server.url, address, credentials, part) for part in parts)
    return Ground(server, address, everybody, loud, others, len(agencies))


async def findings(given: Namespace) -> list[Finding]:
    """The flood, and fairness."""
    more = ("--workers", str(given.workers)) if given.workers > 1 else ()
    with serving(*more) as server:
        ground = prepared(server)
        await closed(ground.address, ground.everybody, in_flight=IN_FLIGHT, seconds=1.0, warm_up=0)
        watch = Watch.of(server)
        await watch.begin()
        best = await closed(ground.address, ground.everybody, in_flight=IN_FLIGHT, seconds=given.seconds / 2, warm_up=0)
        one = (await watch.spent()).per(best.ended)
        flooded = await _flood(ground, watch, best, one.server, given.seconds)
        fair = await _fairness(ground, best.rate, given.seconds)
        everything = Asking(ground.address, ground.everybody.questions, _nobody(ground))
        everything.seen = ground.everybody.seen | ground.loud.seen | ground.others.seen
        everything.sampled = ground.everybody.sampled
        flooded.failures.extend(await faults_of(server, everything, [best]))
    return [flooded, fair]


def _nobody(ground: Ground) -> dict[str, str]:
    return {one.login: "" for one in ground.everybody.questions}


async def _flood(ground: Ground, watch: Watch, best: Driven, cpu: float, seconds: float) -> Finding:
    """``cpu``: seconds of the server's processor time for one exchange at the best rate."""
    quiet = await opened(ground.address, ground.everybody, rate=QUIET * best.rate, seconds=seconds / 2)
    await watch.begin()
    flood = await opened(ground.address, ground.everybody, rate=FLOOD * best.rate, seconds=seconds)
    spent = (await watch.spent()).server
    after = await opened(ground.address, ground.everybody, rate=QUIET * best.rate, seconds=NORMAL_WITHIN + 3.0)
    normal = _normal_again(after, quiet.ms(0.99) * NORMAL)
    found = Finding(
        "overload",
        "Three times too much",
        ("", "arrivals/s", "completed/s", "p50 ms", "p99 ms", "refused", "p99 ms", "late"),
    )
    for name, rate, one in (
        ("quiet", QUIET * best.rate, quiet), ("flood", FLOOD * best.rate, flood),
        ("afterwards", QUIET * best.rate, after),
    ):  # fmt: skip
        refused = quantile(one.refusals, 0.99) * 1000
        late = one.verdicts[LATER] + one.verdicts["unfinished"]
        found.row(name, rate, one.rate, one.ms(0.5), one.ms(0.99), one.verdicts[BUSY], refused, late)
    share = flood.rate / best.rate
    found.values = {"best": best.rate, "completed": share, "refused p99 s": quantile(flood.refusals, 0.99)}
    found.notes.append(
        f"Best rate, closed, {IN_FLIGHT} in flight: {best.rate:.0f}/s. Completed in the flood: {share:.0%}."
    )
    if flood.verdicts[BUSY]:
        refusal = max(0.0, spent - cpu * flood.right) / flood.verdicts[BUSY]
        found.values["refusal CPU ms"] = refusal * 1e3
        found.notes.append(
            f"A refusal costs the server about {refusal * 1e3:.2f} ms of processor, an exchange {cpu * 1e3:.2f} ms; "
            f"the generator used {flood.busy:.0%} of its core."
        )
    if share < COMPLETED:
        found.failures.append(f"the flood completes {share:.0%} of the best rate, {COMPLETED:.0%} expected")
    if not flood.verdicts[BUSY]:
        found.failures.append("nobody was refused: everybody waits in an ever longer queue")
    if quantile(flood.refusals, 0.99) > REFUSED_WITHIN:
        found.failures.append(f"refusals took {quantile(flood.refusals, 0.99):.1f} s at the 99th percentile")
    late = flood.verdicts[LATER] + flood.verdicts["unfinished"]
    if late > 0.01 * flood.ended:
        found.failures.append(f"{late} of {flood.ended} got neither an end nor a refusal in time")
    found.failures.extend(one for one in (*quiet.faults, *flood.faults, *after.faults) if "unfinished" not in one)
    if normal is None:
        found.failures.append(f"not back to normal within {NORMAL_WITHIN + 3:.0f} s")
    else:
        found.values["normal after s"] = normal
        found.notes.append(
            f"Back to normal after {normal:.0f} s (each later second's tail within {NORMAL:.0f} × quiet)."
        )
        if normal > NORMAL_WITHIN:
            found.failures.append(f"back to normal after {normal:.0f} s, {NORMAL_WITHIN:.0f} expected")
    return found


def _normal_again(after: Driven, limit: float) -> float | None:
    """The first second from which on every second's 95th percentile stays within the limit, in milliseconds."""
    last_bad = -1
    for second in range(int(after.seconds)):
        latencies = [
            spent for spent, at in zip(after.latencies, after.at, strict=True) if second <= at - spent < second + 1
        ]
        if not latencies or quantile(latencies, 0.95) * 1000 > limit:
            last_bad = second
    return None if last_bad == int(after.seconds) - 1 else last_bad + 1.0


async def _fairness(ground: Ground, best: float, seconds: float) -> Finding:
    calm = CALM * best
    loud = TIMES_ITS_SHARE * calm / ground.agencies
    quiet = await opened(ground.address, ground.others, rate=calm, seconds=seconds)
    beside, taken = await asyncio.gather(
        opened(ground.address, ground.others, rate=calm, seconds=seconds),
        opened(ground.address, ground.loud, rate=loud, seconds=seconds, seed=2),
    )
    times = beside.ms(0.99) / max(0.001, quiet.ms(0.99))
    found = Finding(
        "fairness",
        "One agency at a hundred times its share",
        ("", "arrivals/s", "completed/s", "p50 ms", "p99 ms", "refused", "late"),
    )
    for name, rate, one in (
        ("others, alone", calm, quiet),
        ("others, beside it", calm, beside),
        ("the loud one", loud, taken),
    ):
        late = one.verdicts[LATER] + one.verdicts["unfinished"]
        found.row(name, rate, one.rate, one.ms(0.5), one.ms(0.99), one.verdicts[BUSY], late)
    found.values = {"others' p99, times quiet": times}
    found.notes.append(f"The others' p99 beside it is {times:.1f} times their quiet p99 (at most {FAIR:.0f}).")
    if times > FAIR:
        found.failures.append(f"unfair: the others' p99 is {times:.1f} times its quiet value")
    if beside.verdicts[BUSY] > 0.01 * beside.ended:
        found.failures.append(f"unfair: {beside.verdicts[BUSY]} of the others were refused")
    found.failures.extend(fault for one in (quiet, beside, taken) for fault in one.faults)
    return found


def main() -> None:
    alone(arguments, findings, __doc__ or "")


if __name__ == "__main__":
    main()
