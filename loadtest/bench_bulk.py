"""How fast much goes in at once (一括): ``python -m loadtest.bench_bulk``.

Residents have no door: a first start with ``--scale`` fills them in, with their addressee numbers and duplicates, and
then acquires their codes; its log says how long each took. Then persons numbered, codes acquired and duplicates
registered through the product's own doors as business systems send them: the largest bodies that the doors take,
several agencies at once. Bodies are made beforehand; the judge reads what was written.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from fixtures.invented import codebook as book
from fixtures.people import addressee_number
from fixtures.world import World, invented_country
from loadtest.asking import tokens_for
from loadtest.benching import alone
from loadtest.client import slug_of
from loadtest.driving import RIGHT, Driven, each
from loadtest.loading import judge
from loadtest.processes import tree, usage_of
from loadtest.questions import items_of
from loadtest.server import READY_WITHIN, Server, ready, serving, started
from loadtest.showing import Finding
from loadtest.watching import Cost, Watch
from loadtest.wire import Address, address_of, request_head

__all__ = ["arguments", "findings", "newcomer"]

GOALS = {"codes acquired": 10_000.0, "duplicates registered": 20_000.0}
"""Rows a second."""
RESIDENTS = 5_000.0
PERSONS = 2_000.0
"""With all their codes, a second."""
BESIDE = 5_000
"""Residents of the server whose doors are measured."""
AT_ONCE = 4
SAMPLE_SECONDS = 1.0
SLOWEST = 200.0
"""Residents a second: a start that is slower is given up."""
MOST = 1_000
"""Rows of a body, as many as the doors take."""

T = TypeVar("T")


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--rows", type=int, default=20_000, help="persons numbered and duplicates (default 20,000)")
    parser.add_argument("--scale", type=int, default=100_000, help="residents of the first start (default 100,000)")
    parser.add_argument("--workers", type=int, default=1, help="processes of the server")


@dataclass(frozen=True)
class Body:
    """One body for one keeper of one agency: how many rows it has, and what a right answer to it is."""

    login: str
    method: str
    path: str
    data: dict[str, Any]
    rows: int
    right: Callable[[Any], bool]


class Bulk:
    """``Requests`` that are each sent once."""

    def __init__(self, address: Address, bodies: Sequence[Body], tokens: dict[str, str]) -> None:
        self.bodies = bodies
        self._wires = [_wire(address, one, tokens[one.login]) for one in bodies]

    def __len__(self) -> int:
        return len(self.bodies)

    def wire(self, place: int) -> bytes:
        return self._wires[place]

    def verdict(self, place: int, status: int, head: bytes, body: bytes) -> str:
        data = json.loads(body) if body else {}
        if status != 200:
            return f"{status} {slug_of(data)}"
        return RIGHT if self.bodies[place].right(data) else "another answer than the rows that were sent"


def _wire(address: Address, body: Body, token: str) -> bytes:
    data = json.dumps(body.data, ensure_ascii=False).encode()
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Content-Length": str(len(data)),
    }
    return request_head(body.method, body.path, address, headers) + b"\r\n" + data


# --- what is sent ---------------------------------------------------------------------------------------------------


def newcomer(n: int) -> dict[str, str]:
    """Somebody of whom the world knows nothing: an invented 個人番号 with its check digit and a system's number."""
    first = f"8{n:010d}"
    total = sum(int(digit) * (k + 1 if k <= 6 else k - 5) for k, digit in enumerate(reversed(first), start=1))
    last = 0 if total % 11 <= 1 else 11 - total % 11
    return {"individual_number": f"{first}{last}", "system": str(book.RESIDENTS_SYSTEM), "number": f"B{n:014d}"}


def chunks(things: Sequence[T], size: int = MOST) -> Iterator[list[T]]:
    rest = iter(things)
    while taken := list(islice(rest, size)):
        yield taken


def _numbering(login: str, people: list[dict[str, str]]) -> Body:
    def right(data: Any) -> bool:
        return len(data["persons"]) == len(people) and all(one["unified"] for one in data["persons"])

    return Body(login, "POST", "/addressees", {"persons": people}, len(people), right)


def _acquisition(login: str, people: list[dict[str, str]]) -> Body:
    def right(data: Any) -> bool:
        return [one["status"] for one in data["persons"]] == ["held"] * len(people)

    who = [{"system": one["system"], "number": one["number"]} for one in people]
    return Body(login, "POST", "/codes/acquisition", {"persons": who}, len(people), right)


def _deposit(login: str, people: list[dict[str, str]], like: dict[str, Any]) -> Body:
    rows = [like | {"person": {"system": one["system"], "number": one["number"]}} for one in people]
    return Body(
        login, "PUT", "/duplicates", {"duplicates": rows}, len(rows), lambda data: bool(data["registered"] == len(rows))
    )


def strangers(world: World) -> dict[str, list[dict[str, str]]]:
    """By keeper: living people whom an agency has not numbered yet, though the residents' party knows them."""
    numbered = {(one.agency, one.resident) for one in world.numberings()}
    system = book.RESIDENTS_SYSTEM
    return {
        f"{agency.slug}-duplicates": [
            {
                "individual_number": one.individual.reveal(),
                "system": str(system),
                "number": addressee_number(world.seed, agency.code, system, one.serial).reveal(),
            }
            for one in world.residents()
            if one.is_alive and (agency.code, one.serial) not in numbered
        ]
        for agency in world.municipalities
    }


def template(world: World) -> dict[str, Any]:
    """A duplicate as it stands in the world, without its person."""
    one = next(one for one in world.duplicates() if one.information == book.TAX)
    return {
        "information": str(one.information),
        "layout": one.version,
        "published_from": one.published_from.isoformat(),
        "items": items_of(one),
    }


# --- measuring ------------------------------------------------------------------------------------------------------


@dataclass
class Filled:
    """What one kind of rows took."""

    what: str
    rows: int
    driven: Driven
    cost: Cost

    @property
    def rate(self) -> float:
        return self.rows / self.driven.seconds


class Filling:
    """One server that is filled by several agencies at once."""

    def __init__(self, server: Server, logins: Sequence[str]) -> None:
        self._address = address_of(server.url)
        self._tokens = tokens_for(server.url, server.data / "credentials.json", logins)
        self._watch = Watch.of(server)

    async def fill(self, what: str, bodies: Sequence[Body]) -> Filled:
        await self._watch.begin()
        driven = await each(self._address, Bulk(self._address, bodies, self._tokens), in_flight=AT_ONCE)
        return Filled(what, sum(one.rows for one in bodies), driven, await self._watch.spent())


async def findings(given: Namespace) -> list[Finding]:
    """Rows a second, kind by kind."""
    found = Finding(
        "bulk", "Rows a second, in bulk",
        ("", "rows", "rows/s", "goal", "server CPU µs a row", "PostgreSQL CPU µs a row", "log bytes a row"),
    )  # fmt: skip
    await _seeded(found, given.scale)
    more = ("--workers", str(given.workers)) if given.workers > 1 else ()
    with serving("--scale", str(BESIDE), *more) as server:
        for one in await _filled(server, invented_country(BESIDE), given.rows):
            _told(found, one)
        await _judged(found, server)
    return [found]


async def _judged(found: Finding, server: Server) -> None:
    verdict = await judge(server.data)
    if verdict.holds is not True:
        found.failures.append(f"the judge: {verdict.text}")


async def _filled(server: Server, world: World, rows: int) -> list[Filled]:
    known = strangers(world)
    towns = [f"{one.slug}-duplicates" for one in world.municipalities][:AT_ONCE]
    filling = Filling(server, [*known, *towns])
    people = {login: [newcomer(n) for n in range(at, rows, len(towns))] for at, login in enumerate(towns)}
    like = template(world)
    ready = {login: [_numbering(login, part) for part in chunks(one)] for login, one in known.items() if one}
    await filling.fill("", _in_turn(ready))
    codes = {login: [_acquisition(login, part) for part in chunks(one)] for login, one in known.items() if one}
    numbered = {login: [_numbering(login, part) for part in chunks(one)] for login, one in people.items()}
    deposits = {login: [_deposit(login, part, like) for part in chunks(one)] for login, one in people.items()}
    return [
        await filling.fill("persons numbered", _in_turn(numbered)),
        await filling.fill("codes acquired", _in_turn(codes)),
        await filling.fill("duplicates registered", _in_turn(deposits)),
        await filling.fill("duplicates replaced", _in_turn(deposits)),
    ]


def _in_turn(bodies: dict[str, list[Body]]) -> list[Body]:
    """One of each agency, then the next of each: whoever works at the same time works for different agencies."""
    most = max(len(one) for one in bodies.values())
    return [one[n] for n in range(most) for one in bodies.values() if n < len(one)]


def _told(found: Finding, one: Filled) -> None:
    goal = GOALS.get(one.what)
    cost = one.cost.per(one.rows)
    found.row(
        one.what, one.rows, one.rate, goal or "", cost.server * 1e6, cost.database * 1e6, cost.wal,
    )  # fmt: skip
    found.values[one.what] = one.rate
    found.failures.extend(f"{one.what}: {fault}" for fault in one.driven.faults)
    if goal and one.rate < goal:
        found.notes.append(f"{one.what}: below the goal of {goal:,.0f} a second here.")


async def _seeded(found: Finding, scale: int) -> None:
    with tempfile.TemporaryDirectory(prefix="sympho-bench-") as folder:
        began = monotonic()
        with started(Path(folder), "--port", "0", "--scale", str(scale)) as starting:
            samples: list[tuple[int, float]] = []
            watching = asyncio.create_task(_memory(starting, samples))
            server = await asyncio.to_thread(ready, starting, scale / SLOWEST + READY_WITHIN)
            took = monotonic() - began
            watching.cancel()
            for what, event, goal in (
                ("residents filled in", "people-filled", RESIDENTS),
                ("residents' codes acquired", "codes-acquired", PERSONS),
            ):
                [line] = server.lines(event)
                rate = scale / line["seconds"]
                found.row(what, scale, rate, goal, "", "", "")
                found.values[what] = rate
                if rate < goal:
                    found.notes.append(f"{what}: below the goal of {goal:,.0f} a second here.")
            await _judged(found, server)
            size = _size(server.data)
    found.notes.append(f"The first start with {scale:,} residents took {took:.0f} s; its data are {size:.0f} MiB.")
    whole = [resident for processes, resident in samples if processes > 1]
    quarter = whole[: max(1, len(whole) // 4)]
    if whole:
        found.notes.append(
            f"Resident memory of the filling: at most {max(whole):.0f} MiB, in its first quarter {max(quarter):.0f}."
        )


async def _memory(server: Server, samples: list[tuple[int, float]]) -> None:
    """Samples the processes of the server itself: how many they are, and their resident memory."""
    while True:
        usage = usage_of(tree(server.process.pid))
        samples.append((usage.processes, usage.resident))
        await asyncio.sleep(SAMPLE_SECONDS)


def _size(data: Path) -> float:
    """MiB of the data folder."""
    return sum(one.stat().st_size for one in data.rglob("*") if one.is_file()) / 2**20


def main() -> None:
    alone(arguments, findings, __doc__ or "")


if __name__ == "__main__":
    main()
