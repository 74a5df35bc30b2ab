"""Open arrivals: latency counts from the intended start, and every answer is looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from loadtest.measures import Ended
from loadtest.shapes import SHAPES, arrivals
from loadtest.soundness import soundness
from tests.server.load_stand_in import StandIn, measured, standing_in

RATE, USERS = 20.0, 4
STALL = (1.0, 2.5)
LONG = 0.25


def test_a_server_that_stands_still_shows_in_every_arrival_that_was_intended_meanwhile(tmp_path: Path) -> None:
    with standing_in(StandIn(stall=STALL)) as server:
        measures = measured(server, tmp_path, rate=RATE, seconds=4, users=USERS)
    whole = measures.whole
    waited = whole.latency.share_above(LONG) * whole.latency.count
    intended_meanwhile = RATE * (STALL[1] - STALL[0] - LONG)
    assert waited >= intended_meanwhile / 2
    assert whole.service.share_above(LONG) * whole.service.count <= 2 * USERS
    assert whole.latency.largest >= STALL[1] - STALL[0] - 0.3
    assert whole.right == whole.intended == server.asked


def test_every_intended_arrival_is_made_also_where_more_users_wait_than_arrivals_are_left(tmp_path: Path) -> None:
    with standing_in(StandIn()) as server:
        measures = measured(server, tmp_path, rate=3, seconds=3, users=20)
    intended = len(list(arrivals(SHAPES["constant"](3, 3), "1/local/query-online")))
    assert measures.whole.right == server.asked == intended > 1


def test_waiting_for_a_free_user_is_said_and_not_taken_for_the_generators_own_slowness(tmp_path: Path) -> None:
    with standing_in(StandIn(stall=STALL)) as server:
        sound = soundness(measured(server, tmp_path, rate=RATE, seconds=4, users=USERS))
    assert sound.queued > 0.1
    assert any("all users were busy" in word for word in sound.words)


def test_what_was_intended_and_never_answered_counts_with_the_time_it_had_waited(tmp_path: Path) -> None:
    with standing_in(StandIn(stall=(0.5, 30.0))) as server:
        measures = measured(server, tmp_path, rate=RATE, seconds=2, users=USERS)
    whole = measures.whole
    assert whole.ended[Ended.UNFINISHED] >= RATE * 1.5 / 2
    assert whole.intended == whole.right + whole.ended[Ended.UNFINISHED]
    assert whole.latency.quantile(0.9) >= 4.0


def others_exchange(view: dict[str, Any]) -> dict[str, Any]:
    return view | {"exchange": "01a2073f-2b8e-7f76-951c-fd169f904dd8"}


def more_items(view: dict[str, Any]) -> dict[str, Any]:
    items = view["content"]["items"] | {"TK00000200000020": {"value": "1"}}
    return view | {"content": view["content"] | {"items": items}}


def other_content(view: dict[str, Any]) -> dict[str, Any]:
    return view | {"content": view["content"] | {"items": {"TK00000200000010": {"value": "2024"}}}}


def refused(view: dict[str, Any]) -> dict[str, Any]:
    return view | {"outcome": "refused", "reason": "not-permitted"}


@pytest.mark.parametrize(
    ("answering", "fault"),
    [
        (others_exchange, "Location names another exchange"),
        (more_items, "not exactly the items asked"),
        (other_content, "contents differ from what was deposited"),
        (refused, "outcome refused instead of provided"),
    ],
)
def test_an_answer_that_is_quick_and_wrong_is_a_fault_by_its_name(answering: Any, fault: str, tmp_path: Path) -> None:
    with standing_in(StandIn(answering)) as server:
        measures = measured(server, tmp_path, rate=5, seconds=1, users=2)
    whole = measures.whole
    assert whole.ended[Ended.FAULT] == whole.intended > 0
    assert set(whole.faults) == {fault}
