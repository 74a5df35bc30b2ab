"""Killed anywhere and started again on the same databases: what was begun is carried to its one end.

At the chosen moment nothing goes on any more: everything that runs is cancelled, every connection cut. Then the parties
are raised anew, and only their own sweeping works.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from fixtures.invented.cast import Ask
from gateway.committer import Committer
from gateway.intermediary import review
from gateway.problems import Problem
from gateway.records.record import Role
from tests.conftest import Clones
from tests.server.ground import Ground, ground
from tests.server.stage import Stage

BY_NETWORK = (Role.INQUIRER, Role.NETWORK)

AUTOMATIC = (
    "intermediary.register<",
    "permit>",
    "permit<",
    "inquire>",
    "network.accept>",
    "network.accept<",
    "notice>",
    "intermediary.take>",
    "intermediary.take<",
    "notice<",
    "network.end>",
    "network.end<",
    "inquire<",
    "intermediary.receive>",
    "intermediary.receive<",
)
"""Every moment between the registration of an inquiry and its end in hand."""

BROUGHT = (
    "answer>",
    "network.end>",
    "network.end<",
    "deliver>",
    "intermediary.receive>",
    "intermediary.receive<",
    "deliver<",
    "answer<",
)
"""Every moment between the end at the provider and its acknowledgement by all."""


@pytest.fixture(scope="module")
async def place(clones: Clones, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    """Shared: whoever was killed here was carried to an end, or is held, and disturbs nobody."""
    async with ground(clones, tmp_path_factory) as made:
        yield made


async def kill(stage: Stage, *running: asyncio.Task[Any]) -> None:
    """No ceremony: what runs is cancelled, connections are cut, what is in memory is gone."""
    server, network = stage.intermediary, stage.network
    committers = [one for party in (server, server.reads, network) for one in vars(party).values()]
    writers = [writer for one in committers if isinstance(one, Committer) for writer in one._writers]
    tasks: list[asyncio.Task[Any]] = [
        *running,
        *server.tasks,
        *(task for _, task in network.in_flight.values()),
        *writers,
    ]
    for task in tasks:
        task.cancel()
    for db in (server.db, network.db, stage.residents.db):
        db._pool.terminate()
    await asyncio.gather(*tasks, return_exceptions=True)


async def killed_at(stage: Stage, moment: str, doing: Coroutine[Any, Any, object]) -> None:
    """Does it until the moment comes, and dies there."""
    reached = asyncio.Event()

    async def stand_still(_: object) -> None:
        reached.set()
        await asyncio.Event().wait()

    with stage.on(moment, stand_still):
        task = asyncio.create_task(doing)
        await asyncio.wait_for(reached.wait(), 10)
        await kill(stage, task)


async def raised(place: Ground) -> Stage:
    stage, _ = await place.raise_parties()
    return stage


async def lowered(stage: Stage) -> None:
    """An orderly end, once everything was looked at."""
    await stage.judged()
    await kill(stage)


# --- an inquiry ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", AUTOMATIC)
async def test_an_inquiry_is_answered_once_wherever_the_process_died(place: Ground, moment: str) -> None:
    first = await raised(place)
    before = len((await first.export()).txns)
    ask = place.world.cast.vaccination
    key = f"{ask.title_en} {moment}"
    await killed_at(first, moment, first.begin(ask, key))
    stage = await raised(place)
    await stage.judged()
    await stage.carry_on()
    registered = await stage.register(ask, key)
    await stage.settle()
    await stage.assert_ended(ask, registered.txn, "provided", "none")
    assert len((await stage.export()).txns) == before + 1
    await lowered(stage)


@pytest.mark.parametrize("moment", ["network.refuse>", "network.refuse<", "permit<", "intermediary.receive>"])
async def test_a_refusal_is_one_wherever_the_process_died(place: Ground, moment: str) -> None:
    first = await raised(place)
    before = len((await first.export()).txns)
    ask = place.world.cast.no_code
    key = f"{ask.title_en} {moment}"
    await killed_at(first, moment, first.begin(ask, key))
    stage = await raised(place)
    await stage.judged()
    await stage.carry_on()
    registered = await stage.register(ask, key)
    await stage.assert_ended(ask, registered.txn, "refused", "no-code-at-provider", BY_NETWORK)
    assert len((await stage.export()).txns) == before + 1
    await lowered(stage)


@pytest.mark.parametrize("moment", ["intermediary.take<", "notice<", "inquire<"])
async def test_a_held_inquiry_is_still_held_wherever_the_process_died(place: Ground, moment: str) -> None:
    first = await raised(place)
    ask = place.world.cast.protected
    key = f"{ask.title_en} {moment}"
    await killed_at(first, moment, first.begin(ask, key))
    stage = await raised(place)
    await stage.carry_on()
    txn = (await stage.register(ask, key)).txn
    assert (await stage.inquiry(ask, txn)).state == "notified"
    await stage.judged()
    await stage.prepare(ask, txn)
    assert await stage.release(ask, txn) == "provided"
    await stage.assert_ended(ask, txn, "provided", "none")
    await lowered(stage)


@pytest.mark.parametrize("moment", ["network.end<", "deliver>", "intermediary.receive>", "deliver<"])
async def test_what_a_repeated_notice_ended_is_brought_wherever_the_process_died(place: Ground, moment: str) -> None:
    first = await raised(place)
    ask = place.world.cast.vaccination
    with first.cut("notice>"):
        txn = await first.begin(ask)
    await first.pass_time(timedelta(seconds=6))
    await killed_at(first, moment, first.sweep())
    stage = await raised(place)
    await stage.judged()
    await stage.carry_on()
    await stage.assert_ended(ask, txn, "provided", "none")
    await lowered(stage)


# --- an end by hand, by time, by will -----------------------------------------------------------------------------


async def prepared(place: Ground) -> tuple[Stage, Ask, UUID]:
    stage = await raised(place)
    ask = place.world.cast.protected
    txn = await stage.begin(ask)
    await stage.prepare(ask, txn)
    return stage, ask, txn


@pytest.mark.parametrize("moment", BROUGHT)
async def test_a_release_is_brought_to_all_wherever_the_process_died(place: Ground, moment: str) -> None:
    first, ask, txn = await prepared(place)
    await killed_at(first, moment, first.release(ask, txn))
    stage = await raised(place)
    await stage.judged()
    await stage.carry_on()
    await stage.assert_ended(ask, txn, "provided", "none")
    assert not (await stage.provision(ask, txn)).push_due
    await lowered(stage)


async def test_a_release_that_died_before_its_commit_never_was(place: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    first, ask, txn = await prepared(place)
    reached = asyncio.Event()

    async def stand_still(*_: object) -> None:
        reached.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as slow:
        slow.setattr(review, "write_end", stand_still)
        task = asyncio.create_task(first.release(ask, txn))
        await asyncio.wait_for(reached.wait(), 10)
        await kill(first, task)
    stage = await raised(place)
    await stage.carry_on()
    assert (await stage.provision(ask, txn)).state == "prepared"
    assert await stage.release(ask, txn) == "provided"
    await lowered(stage)


@pytest.mark.parametrize("moment", BROUGHT)
async def test_a_lapse_is_brought_to_all_wherever_the_process_died(place: Ground, moment: str) -> None:
    first, ask, txn = await prepared(place)
    await first.pass_time(timedelta(days=8))
    await killed_at(first, moment, first.sweep())
    stage = await raised(place)
    await stage.judged()
    await stage.carry_on()
    await stage.assert_ended(ask, txn, "lapsed", "lapsed")
    await lowered(stage)


@pytest.mark.parametrize(
    "moment",
    ["withdraw>", "stop>", "stop<", "network.end>", "network.end<", "withdraw<", "intermediary.receive>"],
)
async def test_a_withdrawal_goes_on_wherever_the_process_died(place: Ground, moment: str) -> None:
    first, ask, txn = await prepared(place)
    await killed_at(first, moment, first.take_back(ask, txn))
    stage = await raised(place)
    await stage.judged()
    await stage.carry_on()
    await stage.assert_ended(ask, txn, "withdrawn", "withdrawn")
    await lowered(stage)


# --- many at once, killed again and again -------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(2))
async def test_a_crowd_of_inquiries_survives_being_killed_again_and_again(place: Ground, seed: int) -> None:
    chance = random.Random(seed)
    cast = place.world.cast
    crowd = [
        (ask, f"crowd {seed} {n}") for n, ask in enumerate([cast.vaccination, cast.tax, cast.no_code, cast.pension] * 6)
    ]
    before = 0
    for round_ in range(4):
        stage = await raised(place)
        if round_ == 0:
            before = len((await stage.export()).txns)
        tasks = [asyncio.create_task(_insisting(stage, ask, key)) for ask, key in crowd]
        tasks.append(asyncio.create_task(_quietly(stage.sweep)))
        await asyncio.sleep(chance.uniform(0.0, 0.25))
        await kill(stage, *tasks)
    stage = await raised(place)
    await stage.judged()
    ends = [await stage.register(ask, key) for ask, key in crowd]
    await stage.settle()
    await stage.carry_on()
    for (ask, _), one in zip(crowd, ends, strict=True):
        assert (await stage.inquiry(ask, one.txn)).state == "ended"
    verdict = await stage.judged()
    assert verdict.counts.exchanges == before + len(crowd)
    await kill(stage)


async def _insisting(stage: Stage, ask: Ask, key: str) -> None:
    with suppress(Problem):
        await stage.register(ask, key)


async def _quietly(work: Callable[[], Awaitable[None]]) -> None:
    with suppress(Problem):
        await work()
