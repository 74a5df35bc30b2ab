"""The state table's ends by time and by the inquirer's will: lapsed, overdue, withdrawn."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest

from fixtures.invented.cast import Ask
from gateway.exchange.messages import Withdrawal
from gateway.intermediary import review
from gateway.problems import Problem
from gateway.records.record import Role
from tests.conftest import Clones
from tests.server.ground import stage_of
from tests.server.stage import TRANSPORTS, Stage

PAST = timedelta(days=8)
"""More than any validity: seven days, to the end of the last."""


@pytest.fixture(scope="module", params=TRANSPORTS)
async def stage(
    request: pytest.FixtureRequest, clones: Clones, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stage]:
    """Shared: every test leaves flags as it found them, and lets time only pass."""
    async with stage_of(request.param, clones, tmp_path_factory) as made:
        yield made
        await made.judged()


async def held(stage: Stage) -> tuple[Ask, UUID]:
    ask = stage.world.cast.protected
    return ask, await stage.begin(ask)


# --- validity passed ----------------------------------------------------------------------------------------------


async def test_what_is_held_past_its_validity_lapses(stage: Stage) -> None:
    ask, txn = await held(stage)
    await stage.pass_time(PAST)
    await stage.carry_on()
    await stage.assert_ended(ask, txn, "lapsed", "lapsed")


async def test_what_is_prepared_and_not_released_in_time_lapses(stage: Stage) -> None:
    ask, txn = await held(stage)
    await stage.prepare(ask, txn)
    await stage.pass_time(PAST)
    with pytest.raises(Problem, match="wrong-state"):
        await stage.release(ask, txn)
    await stage.carry_on()
    await stage.assert_ended(ask, txn, "lapsed", "lapsed")
    with pytest.raises(Problem, match="wrong-state"):
        await stage.release(ask, txn)


async def test_a_notice_may_be_answered_until_the_end_of_its_last_day(stage: Stage) -> None:
    ask, txn = await held(stage)
    row = await stage.provision(ask, txn)
    await stage.set_clock(row.valid_until - timedelta(microseconds=1))
    await stage.sweep()
    assert (await stage.provision(ask, txn)).state == "held"
    await stage.prepare(ask, txn)
    assert await stage.release(ask, txn) == "provided"
    await stage.assert_ended(ask, txn, "provided", "none")


async def test_an_end_that_the_network_does_not_hear_of_is_brought_until_it_does(stage: Stage) -> None:
    ask, txn = await held(stage)
    await stage.pass_time(PAST)
    with stage.cut("answer>"):
        await stage.carry_on()
        assert (await stage.provision(ask, txn)).push_due
        await stage.judged()
    with stage.cut("deliver>"):
        await stage.carry_on()
        exchange = await stage.exchange(txn)
        assert exchange is not None
        assert (exchange.kind, exchange.deliver_due) == ("lapsed", True)
        await stage.judged()
    await stage.carry_on()
    await stage.assert_ended(ask, txn, "lapsed", "lapsed")


async def test_a_provider_that_cannot_be_reached_leaves_the_inquirer_overdue_and_lapses_it_when_it_returns(
    stage: Stage,
) -> None:
    ask = stage.world.cast.vaccination
    with stage.cut("notice>"):
        txn = await stage.begin(ask)
        await stage.pass_time(PAST)
        await stage.carry_on()
        row = await stage.inquiry(ask, txn)
        assert (row.state, row.kind) == ("notified", None)
        assert row.valid_until is not None
        assert row.valid_until < stage.network.clock.now()
        await stage.judged()
    await stage.carry_on()
    await stage.assert_ended(ask, txn, "lapsed", "lapsed")


async def test_an_answer_that_is_late_only_on_its_way_counts(stage: Stage) -> None:
    ask = stage.world.cast.vaccination
    with stage.cut("notice<"):
        txn = await stage.begin(ask)
    await stage.pass_time(PAST)
    await stage.carry_on()
    await stage.assert_ended(ask, txn, "provided", "none")


async def test_what_a_late_notice_ends_reaches_an_inquirer_that_was_away_meanwhile(stage: Stage) -> None:
    ask = stage.world.cast.vaccination
    with stage.cut("notice>"):
        txn = await stage.begin(ask)
    with stage.cut("deliver>"):
        await stage.carry_on()
        await stage.judged()
    await stage.carry_on()
    await stage.assert_ended(ask, txn, "provided", "none")


# --- world time set back ------------------------------------------------------------------------------------------


async def test_an_end_is_never_recorded_before_the_permit(stage: Stage) -> None:
    ask = stage.world.cast.protected

    async def ten_seconds(_: object) -> None:
        await stage.pass_time(timedelta(seconds=10))

    with stage.once("permit>", ten_seconds):
        txn = await stage.begin(ask)
    await stage.pass_time(-timedelta(days=30))
    await stage.prepare(ask, txn)
    assert await stage.release(ask, txn) == "provided"
    await stage.judged()
    await stage.pass_time(timedelta(days=30))


async def test_a_refusal_is_recorded_at_the_same_moment_by_all_when_time_was_set_back(stage: Stage) -> None:
    ask = stage.world.cast.no_code

    async def back(_: object) -> None:
        await stage.pass_time(-timedelta(seconds=30))

    with stage.once("permit>", back):
        txn = await stage.begin(ask)
    await stage.assert_ended(ask, txn, "refused", "no-code-at-provider", (Role.INQUIRER, Role.NETWORK))
    await stage.judged()


# --- withdrawn ----------------------------------------------------------------------------------------------------


async def test_what_is_taken_back_while_it_is_held_is_withdrawn(stage: Stage) -> None:
    ask, txn = await held(stage)
    await stage.take_back(ask, txn)
    await stage.assert_ended(ask, txn, "withdrawn", "withdrawn")


async def test_what_is_taken_back_while_it_is_prepared_is_withdrawn(stage: Stage) -> None:
    ask, txn = await held(stage)
    await stage.prepare(ask, txn)
    await stage.take_back(ask, txn)
    await stage.assert_ended(ask, txn, "withdrawn", "withdrawn")
    with pytest.raises(Problem, match="wrong-state"):
        await stage.release(ask, txn)


async def test_an_answered_inquiry_cannot_be_taken_back(stage: Stage) -> None:
    ask = stage.world.cast.vaccination
    txn = await stage.begin(ask)
    with pytest.raises(Problem, match="wrong-state"):
        await stage.take_back(ask, txn)
    await stage.assert_ended(ask, txn, "provided", "none")


async def test_what_is_taken_back_too_late_ends_as_it_was_answered(stage: Stage) -> None:
    ask, txn = await held(stage)
    await stage.prepare(ask, txn)
    with stage.cut("answer>"):
        assert await stage.release(ask, txn) == "provided"
        await stage.take_back(ask, txn)
    await stage.assert_ended(ask, txn, "provided", "none")


async def test_what_is_taken_back_before_the_provider_can_be_reached_is_withdrawn_when_it_can(stage: Stage) -> None:
    ask = stage.world.cast.protected
    with stage.cut("notice>", "stop>"):
        txn = await stage.begin(ask)
        await stage.take_back(ask, txn)
        assert (await stage.inquiry(ask, txn)).state == "notified"
        await stage.judged()
    await stage.carry_on()
    await stage.assert_ended(ask, txn, "withdrawn", "withdrawn")


async def test_what_is_taken_back_before_it_went_out_goes_out_and_is_withdrawn(stage: Stage) -> None:
    ask = stage.world.cast.protected
    with stage.cut("permit>"):
        txn = await stage.begin(ask)
        await stage.take_back(ask, txn)
        assert (await stage.inquiry(ask, txn)).state == "asking"
    await stage.carry_on()
    await stage.assert_ended(ask, txn, "withdrawn", "withdrawn")


async def test_what_is_taken_back_after_its_validity_has_lapsed_and_not_been_withdrawn(stage: Stage) -> None:
    ask, txn = await held(stage)
    await stage.pass_time(PAST)
    await stage.take_back(ask, txn)
    await stage.assert_ended(ask, txn, "lapsed", "lapsed")


async def test_taken_back_twice_it_is_withdrawn_once(stage: Stage) -> None:
    ask, txn = await held(stage)
    with stage.cut("withdraw<"):
        await stage.take_back(ask, txn)
    await stage.take_back(ask, txn)
    await stage.assert_ended(ask, txn, "withdrawn", "withdrawn")
    with pytest.raises(Problem, match="wrong-state"):
        await stage.take_back(ask, txn)


async def test_a_withdrawal_with_another_permit_withdraws_nothing(stage: Stage) -> None:
    ask, txn = await held(stage)
    other = await stage.begin(ask)
    permit = (await stage.inquiry(ask, other)).permit
    assert permit is not None
    with pytest.raises(Problem, match="not-found"):
        await stage.intermediary.network(ask.inquirer).withdraw(Withdrawal(1, str(txn), permit))
    with pytest.raises(Problem, match="not-found"):
        await review.withdraw(stage.intermediary, ask.provider, Withdrawal(1, str(txn), permit))
    await stage.carry_on()
    assert (await stage.provision(ask, txn)).state == "held"


async def test_a_stranger_withdraws_nothing(stage: Stage) -> None:
    ask, txn = await held(stage)
    permit = (await stage.inquiry(ask, txn)).permit
    assert permit is not None
    with pytest.raises(Problem, match="not-found"):
        await stage.intermediary.network(ask.provider).withdraw(Withdrawal(1, str(txn), permit))
    await stage.carry_on()
    assert (await stage.provision(ask, txn)).state == "held"
