"""The fast generator against a stand-in: what it counts, what it notices, and that a server is measured at all."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from loadtest.asking import Asking
from loadtest.driving import RIGHT, closed, each, opened
from loadtest.wire import address_of
from tests.server.load_stand_in import Answering, StandIn, question, standing_in


async def driven(answering: Answering, seconds: float = 0.3) -> dict[str, int]:
    with standing_in(StandIn(answering)) as stand_in:
        address = address_of(stand_in.url)
        asking = Asking(address, [question()], {"asker": "token"})
        found = await closed(address, asking, in_flight=3, seconds=seconds, warm_up=0)
    return dict(found.verdicts)


def as_it_is(view: dict[str, Any]) -> dict[str, Any]:
    return view


async def test_right_answers_are_counted_and_nothing_else_is_seen() -> None:
    verdicts = await driven(as_it_is)
    assert verdicts.keys() == {RIGHT}
    assert verdicts[RIGHT] > 3


async def test_every_wrong_answer_is_noticed_by_its_name() -> None:
    wrong: dict[str, Answering] = {
        "no exchange number": lambda view: view | {"exchange": "0190a0a0-0000-7000-8000-000000000000"},
        "Location": lambda view: view | {"exchange": view["exchange"][:-1] + "f"},
        "instead of ended provided": lambda view: view | {"outcome": "refused"},
        "not the content": lambda view: view | {"content": view["content"] | {"items": {"TK1": {"value": "x"}}}},
        "another form": lambda view: {"exchange": 1},
    }
    for text, answering in wrong.items():
        verdicts = await driven(answering, 0.1)
        assert any(text in one for one in verdicts), (text, verdicts)


async def test_an_exchange_number_that_comes_twice_is_no_second_exchange() -> None:
    first: list[dict[str, Any]] = []

    def again(view: dict[str, Any]) -> dict[str, Any]:
        first.append(view)
        return first[0]

    verdicts = await driven(again, 0.1)
    assert verdicts.get(RIGHT, 0) <= 1
    assert len(verdicts) > 1


async def test_open_arrivals_wait_for_a_server_that_stands_still_and_their_latency_says_so() -> None:
    with standing_in(StandIn(stall=(0.2, 0.8))) as stand_in:
        address = address_of(stand_in.url)
        asking = Asking(address, [question()], {"asker": "token"})
        found = await opened(address, asking, rate=60, seconds=1.0)
    assert found.faults == []
    assert found.right == found.ended > 20
    assert 500 < found.ms(1.0) < 5_000
    assert sum(one > 0.1 for one in found.latencies) > 10


async def test_what_is_sent_once_is_sent_once_each() -> None:
    with standing_in(StandIn()) as stand_in:
        address = address_of(stand_in.url)
        asking = Asking(address, [question()] * 20, {"asker": "token"})
        found = await each(address, asking, in_flight=4)
        assert stand_in.asked == found.right == 20


def test_the_budgets_of_the_short_bench_are_kept() -> None:
    command = [sys.executable, "-m", "loadtest.guard", "--seconds", "3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
