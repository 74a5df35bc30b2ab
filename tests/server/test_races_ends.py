"""Whatever happens at the same moment: one end, the same bytes at every holder, nothing lost and nothing doubled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import pytest

from fixtures.invented.cast import Ask
from gateway.database import Connection
from gateway.exchange.messages import Answer, Inquiry, Notice, Outcome, Permit, RefusalReply, Withdrawal, decode
from gateway.intermediary import provide, review
from gateway.intermediary.endings import Circumstances
from gateway.intermediary.party import Intermediary
from gateway.intermediary.store import inquiries
from gateway.intermediary.store.duplicates import Guarded
from gateway.intermediary.store.provisions import ProvisionRow
from gateway.problems import Problem
from sympho.codes import UnifiedNumber
from tests.conftest import Clones
from tests.server.ground import stage_of
from tests.server.stage import SECOND, THIRD, Stage


@pytest.fixture(scope="module")
async def stage(clones: Clones, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """Shared: every test leaves flags as it found them, and lets time only pass."""
    async with stage_of("local", clones, tmp_path_factory) as made:
        yield made
        await made.judged()


def meeting(many: int) -> Callable[[object], Awaitable[None]]:
    """A moment that lets nobody pass before so many have come, or a second is over."""
    come = asyncio.Event()
    waiting: list[object] = []

    async def wait(message: object) -> None:
        waiting.append(message)
        if len(waiting) >= many:
            come.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(come.wait(), 1)

    return wait


def problems(results: list[object]) -> list[str]:
    """The slugs of what went wrong; anything else that went wrong is raised."""
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, Problem):
            raise result
    return sorted(result.slug for result in results if isinstance(result, Problem))


async def in_a_moment(work: Awaitable[object], delay: float) -> object:
    await asyncio.sleep(delay)
    return await work


# --- the same thing twice -----------------------------------------------------------------------------------------


async def test_the_same_key_many_times_at_once_is_one_inquiry_and_all_hear_of_its_end(stage: Stage) -> None:
    ask = stage.world.cast.vaccination
    registered = await asyncio.gather(*(stage.register(ask, "at once") for _ in range(20)))
    [txn] = {one.txn for one in registered}
    ends = [one.finished for one in registered if one.finished is not None]
    kinds = {end.kind for end in await asyncio.wait_for(asyncio.gather(*ends), 5)}
    assert kinds == {"provided"}
    await stage.settle()
    await stage.assert_ended(ask, txn, "provided", "none")


async def test_two_notices_at_the_same_moment_get_the_same_answer(stage: Stage) -> None:
    ask = stage.world.cast.vaccination
    sent: list[object] = []

    async def lose(message: object) -> None:
        sent.append(message)
        raise Problem("network-unavailable")

    with stage.on("notice>", lose):
        txn = await stage.begin(ask)
    [notice] = sent
    assert isinstance(notice, Notice)
    door = stage.network.route(ask.provider)
    with stage.on("intermediary.take>", meeting(2)):
        first, second = await asyncio.gather(*(door.notice(ask.provider, notice) for _ in range(2)))
    assert isinstance(first, Answer)
    assert first == second
    await stage.carry_on()
    await stage.assert_ended(ask, txn, "provided", "none")


async def test_two_refusals_at_the_same_moment_are_one(stage: Stage) -> None:
    ask = stage.world.cast.no_code
    sent: list[object] = []

    async def lose(message: object) -> None:
        sent.append(message)
        raise Problem("network-unavailable")

    with stage.on("permit>", lose):
        txn = await stage.begin(ask)
    [wire] = sent
    assert isinstance(wire, bytes)
    door = stage.intermediary.network(ask.inquirer)
    with stage.on("network.end>", meeting(2)):
        first, second = await asyncio.gather(door.permit(wire), door.permit(wire))
    assert isinstance(first, RefusalReply)
    assert first == second
    await stage.carry_on()
    assert (await stage.inquiry(ask, txn)).kind == "refused"


async def test_two_answers_at_the_same_moment_are_one_or_a_conflict(stage: Stage) -> None:
    ask = stage.world.cast.protected
    txn = await stage.begin(ask)
    row = await stage.provision(ask, txn)
    other = review.end_row(
        stage.intermediary, row, Outcome.NOT_PROVIDED, Circumstances(("other",)), row.notified_at
    ).answer
    door = stage.intermediary.network(ask.provider)
    await stage.prepare(ask, txn)
    with stage.cut("answer>"):
        await stage.release(ask, txn)
    answer = (await stage.provision(ask, txn)).answer
    assert answer is not None
    true = decode(Answer, answer)
    with stage.on("network.end>", meeting(2)):
        results = await asyncio.gather(door.answer(true), door.answer(other), return_exceptions=True)
    await stage.settle()
    assert problems(list(results)) == ["exchange-conflict"]
    await stage.assert_ended(ask, txn, "provided", "none")


async def test_two_hundred_inquiries_at_once_all_end(stage: Stage) -> None:
    cast = stage.world.cast
    asks = [cast.vaccination, cast.tax, cast.nothing_held, cast.not_on_the_list, cast.no_code] * 40
    before = len((await stage.export()).txns)
    registered = await asyncio.gather(*(stage.register(ask) for ask in asks), stage.sweep())
    await asyncio.wait_for(stage.settle(), 30)
    assert len((await stage.export()).txns) == before + 200
    for ask, one in list(zip(asks, registered, strict=False))[:10]:
        assert one is not None
        assert (await stage.inquiry(ask, one.txn)).state == "ended"
    await stage.judged()


# --- releases -----------------------------------------------------------------------------------------------------


async def prepared(stage: Stage) -> tuple[Ask, UUID]:
    ask = stage.world.cast.protected
    txn = await stage.begin(ask)
    await stage.prepare(ask, txn)
    return ask, txn


async def test_of_two_releases_at_once_one_counts(stage: Stage) -> None:
    for _ in range(10):
        ask, txn = await prepared(stage)
        results = await asyncio.gather(
            stage.release(ask, txn, SECOND), stage.release(ask, txn, THIRD), return_exceptions=True
        )
        assert problems(list(results)) == ["wrong-state"]
        await stage.assert_ended(ask, txn, "provided", "none")


async def test_nobody_becomes_first_and_second_by_being_quick(stage: Stage) -> None:
    for _ in range(10):
        ask, txn = await prepared(stage)
        results = await asyncio.gather(
            stage.prepare(ask, txn, staff=SECOND), stage.release(ask, txn, SECOND), return_exceptions=True
        )
        assert len(problems(list(results))) == 1
    await stage.judged()


async def test_a_withdrawal_against_a_release(stage: Stage) -> None:
    kinds = set()
    for n in range(16):
        ask, txn = await prepared(stage)
        first, second = stage.release(ask, txn), stage.take_back(ask, txn)
        results = await asyncio.gather(
            in_a_moment(first, 0.001 * max(0, 8 - n)),
            in_a_moment(second, 0.001 * max(0, n - 8)),
            return_exceptions=True,
        )
        assert set(problems(list(results))) <= {"wrong-state"}
        await stage.carry_on(1)
        row = await stage.inquiry(ask, txn)
        kinds.add(row.kind)
        await stage.assert_ended(ask, txn, row.kind or "", row.reason or "")
    assert kinds <= {"provided", "withdrawn"}
    await stage.judged()


async def midnight(stage: Stage) -> None:
    await stage.pass_time(timedelta(seconds=1))
    await stage.sweep()


async def test_a_lapse_against_a_release(stage: Stage) -> None:
    for n in range(8):
        ask, txn = await prepared(stage)
        until = (await stage.provision(ask, txn)).valid_until
        await stage.set_clock(until - timedelta(seconds=1))

        results = await asyncio.gather(
            stage.release(ask, txn), in_a_moment(midnight(stage), 0.001 * n), return_exceptions=True
        )
        assert set(problems(list(results))) <= {"wrong-state"}
        await stage.carry_on(1)
        assert (await stage.inquiry(ask, txn)).kind in ("provided", "lapsed")
    await stage.judged()


async def test_a_release_that_began_in_time_ended_in_time(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    ask, txn = await prepared(stage)
    until = (await stage.provision(ask, txn)).valid_until
    await stage.set_clock(until - timedelta(seconds=1))
    unchanged = review._unchanged

    async def over_midnight(conn: Connection, row: ProvisionRow) -> bool:
        await stage.pass_time(timedelta(seconds=2))
        return await unchanged(conn, row)

    with monkeypatch.context() as slow:
        slow.setattr(review, "_unchanged", over_midnight)
        assert await stage.release(ask, txn) == "provided"
    await stage.judged()


async def test_an_automatic_answer_that_began_in_time_ended_in_time(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = stage.world.cast.vaccination
    with stage.cut("notice>"):
        txn = await stage.begin(ask)
    until = (await stage.inquiry(ask, txn)).valid_until
    assert until is not None
    await stage.set_clock(until - timedelta(seconds=1))
    read = provide.read

    async def over_midnight(server: Intermediary, claims: Permit, person: UnifiedNumber) -> Guarded:
        found = await read(server, claims, person)
        await stage.pass_time(timedelta(seconds=2))
        return found

    with monkeypatch.context() as slow:
        slow.setattr(provide, "read", over_midnight)
        await stage.sweep()
    await stage.carry_on()
    assert (await stage.inquiry(ask, txn)).kind in ("provided", "lapsed")
    await stage.judged()


# --- withdrawal against the answer in the making ------------------------------------------------------------------


async def test_a_withdrawal_while_the_notice_is_on_its_way_has_one_end(stage: Stage) -> None:
    ask = stage.world.cast.vaccination

    async def take_back(_: object) -> None:
        [txn] = {row.txn for row in await stage.open_inquiries(ask)}
        await stage.take_back_now(ask, txn)

    with stage.once("notice>", take_back):
        txn = await stage.begin(ask)
    await stage.carry_on()
    row = await stage.inquiry(ask, txn)
    assert row.kind in ("provided", "withdrawn")
    await stage.judged()


async def test_a_withdrawal_and_the_notice_that_meet_at_the_provider_have_one_end(stage: Stage) -> None:
    ask = stage.world.cast.vaccination
    presented: list[Inquiry] = []
    backs: list[asyncio.Task[object]] = []
    met = meeting(2)

    async def see(message: object) -> None:
        assert isinstance(message, Inquiry)
        presented.append(message)

    async def meet(message: object) -> None:
        if not backs:
            backs.append(asyncio.create_task(withdrawn_at_the_network(stage, ask, presented[0])))
        await met(message)

    with stage.on("inquire>", see), stage.on("intermediary.take>", meet):
        txn = await stage.begin(ask)
        await asyncio.gather(*backs)
    await stage.carry_on()
    row = await stage.inquiry(ask, txn)
    await stage.assert_ended(ask, txn, row.kind or "", row.reason or "")
    await stage.judged()
    assert not [alarm for alarm in (await stage.export()).alarms if alarm.txn == txn]


async def withdrawn_at_the_network(stage: Stage, ask: Ask, inquiry: Inquiry) -> object:
    """What the inquirer's server does when its withdrawal overtakes its own inquiry."""
    async with stage.intermediary.db.transaction() as conn:
        await inquiries.mark_withdrawal(conn, ask.inquirer, UUID(inquiry.txn), stage.network.clock.now())
    return await stage.intermediary.network(ask.inquirer).withdraw(Withdrawal(1, inquiry.txn, inquiry.permit))


async def test_withdrawals_against_automatic_answers(stage: Stage) -> None:
    ask = stage.world.cast.vaccination
    for n in range(20):
        registered = await stage.register(ask)
        back = in_a_moment(stage.take_back_now(ask, registered.txn), 0.002 * n)
        assert set(problems(list(await asyncio.gather(back, return_exceptions=True)))) <= {"wrong-state"}
        await stage.settle()
        await stage.carry_on(1)
        assert (await stage.inquiry(ask, registered.txn)).kind in ("provided", "withdrawn")
    await stage.judged()
    assert not [alarm for alarm in (await stage.export()).alarms if alarm.fault == "answer-does-not-open"]


# --- the list -----------------------------------------------------------------------------------------------------


async def test_a_list_that_is_swapped_in_the_middle_of_many_inquiries(stage: Stage) -> None:
    ask = stage.world.cast.care

    async def swap() -> None:
        await stage.publish_without(ask)
        await asyncio.sleep(0.02)
        await stage.refresh()

    async def asking(n: int) -> UUID:
        await asyncio.sleep(0.005 * n)
        return (await stage.register(ask)).txn

    *txns, _ = await asyncio.gather(*(asking(n) for n in range(20)), swap())
    await stage.settle()
    txns.append(await stage.begin(ask))
    await stage.carry_on()
    rows = [await stage.inquiry(ask, txn) for txn in txns if txn is not None]
    assert {row.kind for row in rows} <= {"provided", "refused"}
    assert rows[-1].kind == "refused"
    await stage.judged()
