"""順番: whose inquiry is worked on next, and who is told that there is no room."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.intermediary.turns import FEW, Turn, Turns
from gateway.problems import Busy


async def settled() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_a_free_turn_is_taken_at_once_and_comes_back_at_the_end() -> None:
    turns = Turns(at_once=1, waiting=0)
    for _ in range(3):
        with await turns.take("a"), pytest.raises(Busy):
            await turns.take("b")


async def test_a_turn_that_was_handed_on_is_given_back_by_who_has_it_and_only_once() -> None:
    turns = Turns(at_once=1, waiting=0)
    with await turns.take("a") as turn:
        further = turn.hand_on()
    with pytest.raises(Busy):
        await turns.take("b")
    with pytest.raises(RuntimeError):
        turn.hand_on()
    with further:
        pass
    with await turns.take("b"), pytest.raises(Busy):
        await turns.take("c")


async def test_one_agency_in_a_flood_is_served_in_turn_with_the_others() -> None:
    turns = Turns(at_once=1, waiting=100)
    order: list[str] = []

    async def one(agency: str) -> None:
        with await turns.take(agency):
            order.append(agency)
            await asyncio.sleep(0)

    flood = [asyncio.create_task(one("flood")) for _ in range(50)]
    await settled()
    quiet = [asyncio.create_task(one(name)) for name in ("b", "c")]
    await asyncio.gather(*flood, *quiet)
    assert max(order.index("b"), order.index("c")) <= 8
    assert Counter(order) == {"flood": 50, "b": 1, "c": 1}


async def test_when_too_many_wait_who_has_few_waiting_is_let_in_and_then_the_longest_queue_gives_way() -> None:
    turns = Turns(at_once=1, waiting=4)
    with await turns.take("x"):
        flood = [asyncio.create_task(turns.take("flood")) for _ in range(4)]
        await settled()
        assert turns.crowded("flood")
        with pytest.raises(Busy):
            await turns.take("flood")
        quiet = [asyncio.create_task(turns.take(name)) for name in ("a", "b", "c", "d")]
        await settled()
        assert not any(task.done() for task in (*flood, *quiet))
        quiet.append(asyncio.create_task(turns.take("e")))
        await settled()
        assert [task.done() for task in flood] == [False, False, False, True]
        with pytest.raises(Busy):
            flood.pop().result()
    for task in (flood[0], *quiet):
        with await task:
            pass
    for task in flood[1:]:
        task.cancel()


async def test_one_agency_leaves_turns_to_the_others_and_gets_its_next_when_one_of_its_own_is_over() -> None:
    turns = Turns(at_once=4, waiting=10, one_agency=2)
    held = [await turns.take("loud") for _ in range(2)]
    waiting = asyncio.create_task(turns.take("loud"))
    await settled()
    assert not waiting.done()
    with await turns.take("other"):
        pass
    await settled()
    assert not waiting.done()
    with held.pop():
        pass
    await settled()
    assert waiting.done()
    for turn in (waiting.result(), *held):
        with turn:
            pass
    assert len([await turns.take("a"), await turns.take("a"), await turns.take("b"), await turns.take("b")]) == 4


async def test_where_all_have_as_many_waiting_whoever_comes_is_told_and_nobody_who_waits_is() -> None:
    turns = Turns(at_once=1, waiting=4)
    with await turns.take("x"):
        waiting = [asyncio.create_task(turns.take(name)) for name in ("a", "a", "b", "b")]
        await settled()
        for name in ("a", "b"):
            with pytest.raises(Busy):
                await turns.take(name)
        assert not any(task.done() for task in waiting)
        for task in waiting:
            task.cancel()


@dataclass
class Watch:
    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


async def test_where_turns_come_too_slowly_fewer_may_wait_and_where_they_come_fast_again_more() -> None:
    watch = Watch()
    turns = Turns(at_once=1, waiting=100, now=watch)

    async def admitted(seconds_each: float) -> int:
        """How many of two hundred at once are let in to wait, where a turn takes so long."""
        first = await turns.take("a")
        tasks = [asyncio.create_task(turns.take("a")) for _ in range(200)]
        await settled()
        waiting = [task for task in tasks if not task.done()]
        assert all(isinstance(task.exception(), Busy) for task in tasks if task.done())
        turn = first
        for task in waiting:
            watch.seconds += seconds_each
            with turn:
                pass
            turn = await task
        with turn:
            return len(waiting)

    assert await admitted(0.05) == 100
    slow = [await admitted(0.05) for _ in range(5)]
    assert FEW <= slow[-1] <= 30
    fast = [await admitted(0.001) for _ in range(20)]
    assert fast[-1] == 100


Steps = st.lists(st.tuples(st.sampled_from(["take", "give", "cancel"]), st.integers(0, 7)), max_size=60)


@given(steps=Steps, at_once=st.integers(1, 3), waiting=st.integers(0, 5))
async def test_turns_are_neither_lost_nor_doubled_whatever_happens(
    steps: list[tuple[str, int]], at_once: int, waiting: int
) -> None:
    turns = Turns(at_once, waiting)
    tasks: list[asyncio.Task[Turn]] = []
    held: list[Turn] = []

    def collect() -> None:
        for task in [task for task in tasks if task.done()]:
            tasks.remove(task)
            if not task.cancelled() and task.exception() is None:
                held.append(task.result())

    for what, n in steps:
        match what:
            case "take":
                tasks.append(asyncio.create_task(turns.take(f"agency {n % 3}")))
            case "give" if held:
                with held.pop(n % len(held)):
                    pass
            case "cancel" if tasks:
                tasks[n % len(tasks)].cancel()
        if n % 2:
            await settled()
            collect()
            assert len(held) <= at_once
            assert len(tasks) <= 2 * waiting
    await settled()
    collect()
    while held:
        with held.pop():
            pass
        await settled()
        collect()
        assert len(held) <= at_once
    assert tasks == []
    now = [await turns.take("anybody") for _ in range(at_once)]
    assert len(now) == at_once
