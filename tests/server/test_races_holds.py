"""自動応答不可フラグ against answers in the making: a hold that was acknowledged before an answer commits wins."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from uuid import UUID

import pytest

from fixtures.invented.cast import Ask
from gateway.database import Connection
from gateway.intermediary import deposit, provide, review
from gateway.intermediary.party import Intermediary
from gateway.intermediary.store.provisions import ProvisionRow
from gateway.problems import Problem
from sympho.codes import InformationCode
from tests.conftest import Clones
from tests.server.ground import stage_of
from tests.server.stage import FIRST, SECOND, Stage


@pytest.fixture(scope="module")
async def stage(clones: Clones, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """Shared: every test leaves flags as it found them, and lets time only pass."""
    async with stage_of("local", clones, tmp_path_factory) as made:
        yield made
        await made.judged()


async def set_flag(stage: Stage, ask: Ask, information: InformationCode | None, *, value: bool) -> None:
    person = stage.provided_person(ask)
    await deposit.hold(stage.intermediary, ask.provider, person, information, value=value)


async def end_by_hand(stage: Stage, ask: Ask, txn: UUID) -> None:
    await stage.prepare(ask, txn)
    await stage.release(ask, txn)


# --- forced: between the reading and the commit -------------------------------------------------------------------


@pytest.mark.parametrize("of_information", [False, True])
async def test_the_first_flag_of_a_person_stops_an_answer_that_was_read_without_it(
    stage: Stage, of_information: bool
) -> None:
    ask = stage.world.cast.vaccination if of_information else stage.world.cast.tax
    information = ask.information if of_information else None

    async def flag(_: object) -> None:
        await set_flag(stage, ask, information, value=True)

    with stage.once("intermediary.take>", flag):
        txn = await stage.begin(ask)
    assert (await stage.provision(ask, txn)).state == "held"
    await end_by_hand(stage, ask, txn)
    await set_flag(stage, ask, information, value=False)


async def test_a_later_flag_of_a_person_stops_an_answer_that_was_read_without_it(stage: Stage) -> None:
    ask = stage.world.cast.pension
    await set_flag(stage, ask, None, value=True)
    await set_flag(stage, ask, None, value=False)

    async def flag(_: object) -> None:
        await set_flag(stage, ask, None, value=True)

    with stage.once("intermediary.take>", flag):
        txn = await stage.begin(ask)
    assert (await stage.provision(ask, txn)).held_for == ["held-person"]
    await end_by_hand(stage, ask, txn)
    await set_flag(stage, ask, None, value=False)


async def test_a_duplicate_that_comes_while_nothing_held_is_being_answered_is_answered(stage: Stage) -> None:
    ask, like = stage.world.cast.nothing_held, stage.world.cast.vaccination
    [(row, content)] = [
        found
        for found in await deposit.listed(stage.intermediary, like.provider, stage.provided_person(like))
        if found[0].information == ask.information
    ]

    async def arrive(_: object) -> None:
        late = deposit.Deposit(stage.provided_person(ask), content, row.published_from, None)
        await deposit.deposit(stage.intermediary, ask.provider, [late])

    with stage.once("intermediary.take>", arrive):
        txn = await stage.begin(ask)
    await stage.assert_ended(ask, txn, "provided", "none")


async def test_a_flag_set_while_a_waiting_notice_is_weighed_again_stops_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = stage.world.cast.health_insurance
    await stage.publish_without(stage.world.cast.care)
    with stage.cut("pulse>"):
        txn = await stage.begin(ask)
    weigh = provide.weigh

    async def slowly(server: Intermediary, noticed: provide.Noticed) -> provide.Weighed:
        weighed = await weigh(server, noticed)
        await set_flag(stage, ask, None, value=True)
        return weighed

    with monkeypatch.context() as slow:
        slow.setattr(provide, "weigh", slowly)
        await stage.sweep()
    assert (await stage.provision(ask, txn)).state == "held"
    await stage.carry_on()
    assert (await stage.provision(ask, txn)).held_for == ["held-person", "list"]
    await end_by_hand(stage, ask, txn)
    await set_flag(stage, ask, None, value=False)


async def test_a_flag_that_comes_to_a_release_after_its_lock_waits_until_it_has_committed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = stage.world.cast.protected
    txn = await stage.begin(ask)
    await stage.prepare(ask, txn)
    unchanged = review._unchanged
    flags: list[asyncio.Task[None]] = []

    async def then_a_flag(conn: Connection, row: ProvisionRow) -> bool:
        result = await unchanged(conn, row)
        flags.append(asyncio.create_task(stage.hold(ask)))
        await asyncio.sleep(0.1)
        assert not flags[0].done()
        return result

    with monkeypatch.context() as slow:
        slow.setattr(review, "_unchanged", then_a_flag)
        assert await stage.release(ask, txn) == "provided"
    await flags[0]


async def test_a_flag_that_comes_to_a_release_before_its_lock_stops_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = stage.world.cast.protected
    txn = await stage.begin(ask)
    await stage.prepare(ask, txn)
    unchanged = review._unchanged

    async def after_a_flag(conn: Connection, row: ProvisionRow) -> bool:
        await stage.hold(ask)
        return await unchanged(conn, row)

    with monkeypatch.context() as slow:
        slow.setattr(review, "_unchanged", after_a_flag)
        with pytest.raises(Problem, match="changed-since-prepared"):
            await stage.release(ask, txn)
    assert (await stage.provision(ask, txn)).state == "held"


# --- at the same time, many times ---------------------------------------------------------------------------------


async def acknowledged(stage: Stage, ask: Ask, delay: float) -> dict[UUID, str]:
    """Sets the flag after a while; how every provision of the provider stood when that was acknowledged."""
    await asyncio.sleep(delay)
    await stage.hold(ask)
    return {row.txn: row.state for row in await stage.provisions(ask.provider)}


async def race(stage: Stage, ask: Ask, delay: float, work: list[Callable[[], Awaitable[object]]]) -> None:
    """The work against a flag: what had not ended when the flag was acknowledged may not have ended by itself since."""
    results = await asyncio.gather(acknowledged(stage, ask, delay), *(one() for one in work), return_exceptions=True)
    await stage.settle()
    then = results[0]
    assert isinstance(then, dict)
    for row in await stage.provisions(ask.provider):
        if then.get(row.txn) != "ended":
            assert row.state == "held", (row.txn, row.held_for)


@pytest.mark.parametrize("delay", [0.0, 0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08])
async def test_a_flag_against_many_automatic_answers(stage: Stage, delay: float) -> None:
    ask = stage.world.cast.account
    await race(stage, ask, delay, [partial(stage.register, ask)] * 8)
    for row in await stage.provisions(ask.provider):
        if row.state != "ended":
            await end_by_hand(stage, ask, row.txn)
    await stage.hold(ask, value=False)


@pytest.mark.parametrize("delay", [0.0, 0.002, 0.004, 0.006, 0.01, 0.02])
async def test_a_flag_against_many_releases(stage: Stage, delay: float) -> None:
    ask = stage.world.cast.information_held
    txns = [await stage.begin(ask) for _ in range(4)]
    for txn in txns:
        await stage.prepare(ask, txn, staff=FIRST)
    await race(stage, ask, delay, [partial(stage.release, ask, txn, SECOND) for txn in txns])
    for txn in txns:
        if (await stage.provision(ask, txn)).state != "ended":
            await end_by_hand(stage, ask, txn)
    await stage.hold(ask, value=False)
