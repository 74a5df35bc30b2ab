"""The state table's answers: from the duplicate, by two people's hands, or that nothing is held."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from fixtures.invented.cast import Ask
from gateway.exchange.messages import Content, ItemValue
from gateway.intermediary import atrest, deposit, inquire, provide, receiving, review
from gateway.intermediary.review import Choice, Preparation, WithholdReason
from gateway.problems import Problem
from gateway.records.record import Role, parse_annex
from sympho import registry
from sympho.codes import AgencyCode
from sympho.linkage import RetirementReason
from tests.conftest import Clones
from tests.server.ground import stage_of
from tests.server.stage import FIRST, SECOND, THIRD, TRANSPORTS, Stage

CORRECTED = "訂正後"


@pytest.fixture(scope="module", params=TRANSPORTS)
async def stage(
    request: pytest.FixtureRequest, clones: Clones, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stage]:
    """Shared: every test leaves flags as it found them, and lets time only pass."""
    async with stage_of(request.param, clones, tmp_path_factory) as made:
        yield made
        await made.judged()


async def received(stage: Stage, ask: Ask, txn: UUID) -> Content:
    """What the inquirer opens."""
    row = await stage.inquiry(ask, txn)
    assert row.permit is not None
    assert row.content is not None
    return receiving.open_answer(stage.intermediary, AgencyCode(row.agency), row.permit, row.content)


# --- by itself ----------------------------------------------------------------------------------------------------


async def test_what_nothing_stands_against_is_answered_at_once(stage: Stage) -> None:
    ask = stage.world.cast.vaccination
    txn = await stage.begin(ask)
    await stage.assert_ended(ask, txn, "provided", "none")
    assert len((await received(stage, ask, txn)).items) == 30


async def test_exactly_the_items_asked_are_answered(stage: Stage) -> None:
    ask = stage.world.cast.vaccination
    items = sorted(stage.intermediary.held.snapshot.items[ask.information])[3:5]
    asking = inquire.Asking(
        stage.person_of(ask), ask.provider, ask.task, ask.information, tuple(items), None, False, False
    )
    registered = await inquire.register(stage.intermediary, stage.asker(ask), asking, "some items", wait=False)
    await stage.settle()
    await stage.assert_ended(ask, registered.txn, "provided", "none")
    assert list((await received(stage, ask, registered.txn)).items) == items


async def test_a_person_of_whom_nothing_is_held_ends_as_not_provided(stage: Stage) -> None:
    ask = stage.world.cast.nothing_held
    txn = await stage.begin(ask)
    await stage.assert_ended(ask, txn, "not-provided", "not-provided")


async def test_a_code_that_is_nobodys_any_more_looks_like_nothing_held(stage: Stage) -> None:
    ask, now = stage.world.cast.tax, stage.network.clock.now()
    async with stage.intermediary.db.transaction() as conn:
        await registry.retire(conn, ask.provider, [stage.provided_person(ask)], RetirementReason.LOST, now)
    txn = await stage.begin(ask)
    await stage.assert_ended(ask, txn, "not-provided", "not-provided")


# --- by hand ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["protected", "information_held"])
async def test_what_is_held_waits_and_looks_slow(stage: Stage, name: str) -> None:
    ask = getattr(stage.world.cast, name)
    txn = await stage.begin(ask)
    await stage.carry_on()
    assert (await stage.inquiry(ask, txn)).state == "notified"
    assert await stage.records(ask, txn) == {}
    await stage.judged()


async def test_confirmed_by_one_and_released_by_another_it_is_provided(stage: Stage) -> None:
    ask = stage.world.cast.protected
    txn = await stage.begin(ask)
    await stage.prepare(ask, txn)
    assert await stage.release(ask, txn) == "provided"
    await stage.assert_ended(ask, txn, "provided", "none")
    annex = parse_annex((await stage.records(ask, txn))[Role.PROVIDER].annex)
    assert annex.persons == (("prepare", FIRST), ("release", SECOND))


async def test_what_was_corrected_is_what_the_inquirer_gets(stage: Stage) -> None:
    ask = stage.world.cast.protected
    txn = await stage.begin(ask)
    items = stage.intermediary.held.snapshot.items[ask.information]
    content = Content(ask.information, "0001", dict.fromkeys(items, ItemValue(value=CORRECTED)))
    await stage.prepare(ask, txn, Preparation(Choice.CORRECT, content, None))
    assert await stage.release(ask, txn) == "provided"
    assert await received(stage, ask, txn) == content


@pytest.mark.parametrize("reason", list(WithholdReason))
async def test_what_two_people_withhold_looks_like_nothing_held(stage: Stage, reason: WithholdReason) -> None:
    ask = stage.world.cast.information_held
    txn = await stage.begin(ask)
    await stage.prepare(ask, txn, Preparation(Choice.WITHHOLD, None, reason))
    assert await stage.release(ask, txn) == "not-provided"
    await stage.assert_ended(ask, txn, "not-provided", "not-provided")
    records = await stage.records(ask, txn)
    assert parse_annex(records[Role.PROVIDER].annex).withheld == reason.value
    assert all(reason.value not in records[role].annex.decode() for role in (Role.INQUIRER, Role.NETWORK))


async def test_withholding_takes_a_reason_of_the_closed_list(stage: Stage) -> None:
    ask = stage.world.cast.information_held
    txn = await stage.begin(ask)
    with pytest.raises(Problem, match="invalid-field"):
        await stage.prepare(ask, txn, Preparation(Choice.WITHHOLD, None, None))
    assert (await stage.provision(ask, txn)).state == "held"


async def test_a_correction_has_exactly_the_items_asked(stage: Stage) -> None:
    ask = stage.world.cast.protected
    txn = await stage.begin(ask)
    other = replace_information(stage)
    with pytest.raises(Problem, match="invalid-field"):
        await stage.prepare(ask, txn, Preparation(Choice.CORRECT, other, None))
    with pytest.raises(Problem, match="invalid-field"):
        await stage.prepare(ask, txn, Preparation(Choice.CORRECT, None, None))
    assert (await stage.provision(ask, txn)).state == "held"


def replace_information(stage: Stage) -> Content:
    tax = stage.world.cast.tax.information
    return Content(tax, "0001", dict.fromkeys(stage.intermediary.held.snapshot.items[tax], ItemValue(value="1")))


async def test_what_the_second_person_sends_back_is_prepared_anew_and_then_another_may_release(stage: Stage) -> None:
    ask = stage.world.cast.protected
    txn = await stage.begin(ask)
    await stage.prepare(ask, txn)
    await review.send_back(stage.intermediary, review.Reviewer(ask.provider, SECOND), txn)
    assert (await stage.provision(ask, txn)).state == "held"
    await stage.prepare(ask, txn, staff=SECOND)
    assert await stage.release(ask, txn, staff=THIRD) == "provided"


async def test_whoever_prepares_last_is_the_first_person(stage: Stage) -> None:
    ask = stage.world.cast.protected
    txn = await stage.begin(ask)
    await stage.prepare(ask, txn, staff=FIRST)
    await stage.prepare(ask, txn, staff=SECOND)
    with pytest.raises(Problem, match="four-eyes"):
        await stage.release(ask, txn, staff=SECOND)
    assert await stage.release(ask, txn, staff=FIRST) == "provided"


async def test_a_duplicate_that_changed_since_it_was_prepared_is_looked_at_again(stage: Stage) -> None:
    ask = stage.world.cast.protected
    txn = await stage.begin(ask)
    await stage.prepare(ask, txn)
    person = stage.provided_person(ask)
    [(row, content)] = [
        one
        for one in await deposit.listed(stage.intermediary, ask.provider, person)
        if one[0].information == ask.information
    ]
    again = deposit.Deposit(person, content, row.published_from, row.published_until)
    await deposit.deposit(stage.intermediary, ask.provider, [again])
    with pytest.raises(Problem, match="changed-since-prepared"):
        await stage.release(ask, txn)
    assert (await stage.provision(ask, txn)).state == "held"
    await stage.prepare(ask, txn)
    assert await stage.release(ask, txn) == "provided"


async def test_a_flag_set_since_it_was_prepared_stops_the_release(stage: Stage) -> None:
    ask = stage.world.cast.information_held
    txn = await stage.begin(ask)
    await stage.prepare(ask, txn)
    await stage.hold(ask)
    with pytest.raises(Problem, match="changed-since-prepared"):
        await stage.release(ask, txn)
    assert (await stage.provision(ask, txn)).state == "held"
    await stage.hold(ask, value=False)


async def test_what_the_provider_keeps_of_an_answer_is_sealed_at_its_place(stage: Stage) -> None:
    ask = stage.world.cast.vaccination
    first, second = await stage.begin(ask), await stage.begin(ask)
    kept = (await stage.provision(ask, first)).prepared
    assert kept is not None
    opened = atrest.open_for_exchange(stage.intermediary.ring, ask.provider, provide.PROVIDED, str(first), kept)
    assert opened
    with pytest.raises(Exception, match="provided content"):
        atrest.open_for_exchange(stage.intermediary.ring, ask.provider, provide.PROVIDED, str(second), kept)
