"""The state table's refusals: whoever forbids ends the exchange, and it is recorded by those whom it had reached."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from gateway.intermediary import inquire
from gateway.intermediary.inquire import Asker
from gateway.records.record import Role
from sympho import registry
from sympho.codes import AgencyCode
from sympho.linkage import RetirementReason
from tests.conftest import Clones
from tests.server.ground import stage_of
from tests.server.stage import TRANSPORTS, Stage

NOBODY = AgencyCode("9" * 16)
BY_INQUIRER = (Role.INQUIRER,)
BY_NETWORK = (Role.INQUIRER, Role.NETWORK)


@pytest.fixture(scope="module", params=TRANSPORTS)
async def stage(
    request: pytest.FixtureRequest, clones: Clones, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stage]:
    """Shared by the tests that leave lists and directory as they are."""
    async with stage_of(request.param, clones, tmp_path_factory) as made:
        yield made
        await made.judged()


@pytest.fixture
async def own_stage(clones: Clones, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """For the tests that publish, or that end someone's code; the transport makes no difference to them."""
    async with stage_of("local", clones, tmp_path_factory) as made:
        yield made
        await made.judged()


# --- the inquirer's own side forbids ------------------------------------------------------------------------------


async def test_what_the_own_list_forbids_never_goes_out(stage: Stage) -> None:
    ask = stage.world.cast.not_on_the_list
    txn = await stage.begin(ask)
    await stage.assert_ended(ask, txn, "refused", "not-permitted", BY_INQUIRER)
    assert await stage.exchange(txn) is None


async def test_a_task_that_the_principal_may_not_ask_for_never_goes_out(stage: Stage) -> None:
    ask = stage.world.cast.vaccination
    asker = Asker(ask.inquirer, ask.office, "stf_x", frozenset())
    registered = await inquire.register(stage.intermediary, asker, stage.asking(ask), "key", wait=False)
    await stage.settle()
    await stage.assert_ended(ask, registered.txn, "refused", "not-permitted", BY_INQUIRER)


async def test_a_person_without_an_own_code_is_never_asked_about(own_stage: Stage) -> None:
    ask, now = own_stage.world.cast.vaccination, own_stage.network.clock.now()
    async with own_stage.intermediary.db.transaction() as conn:
        await registry.retire(conn, ask.inquirer, [own_stage.person_of(ask)], RetirementReason.LOST, now)
    txn = await own_stage.begin(ask)
    await own_stage.assert_ended(ask, txn, "refused", "no-code-at-inquirer", BY_INQUIRER)


# --- the network forbids ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no_code", "no-code-at-provider"),
        ("not_assessed", "assessment"),
        ("not_in_force", "agency-unknown-or-not-in-force"),
    ],
)
async def test_the_network_refuses_with_a_coarse_reason(stage: Stage, name: str, reason: str) -> None:
    ask = getattr(stage.world.cast, name)
    txn = await stage.begin(ask)
    await stage.assert_ended(ask, txn, "refused", reason, BY_NETWORK)


async def test_the_network_refuses_for_an_agency_that_nobody_knows(stage: Stage) -> None:
    ask = replace(stage.world.cast.vaccination, provider=NOBODY)
    txn = await stage.begin(ask)
    await stage.assert_ended(ask, txn, "refused", "agency-unknown-or-not-in-force", BY_NETWORK)


async def test_the_network_refuses_by_its_own_list_where_the_inquirer_holds_an_older_one(own_stage: Stage) -> None:
    ask = own_stage.world.cast.vaccination
    await own_stage.publish_without(ask)
    txn = await own_stage.begin(ask)
    await own_stage.assert_ended(ask, txn, "refused", "not-permitted", BY_NETWORK)


async def test_a_refusal_that_the_inquirer_never_heard_of_is_the_same_when_asked_again(stage: Stage) -> None:
    ask = stage.world.cast.no_code
    with stage.cut("permit<"):
        txn = await stage.begin(ask)
    assert (await stage.inquiry(ask, txn)).state == "asking"
    await stage.carry_on()
    await stage.assert_ended(ask, txn, "refused", "no-code-at-provider", BY_NETWORK)


# --- the provider's own copy forbids ------------------------------------------------------------------------------


async def test_a_list_that_changed_behind_the_permit_makes_the_provider_refuse(own_stage: Stage) -> None:
    ask = own_stage.world.cast.vaccination

    async def swap(_: object) -> None:
        await own_stage.publish_without(ask)
        await own_stage.refresh()

    with own_stage.once("permit<", swap):
        txn = await own_stage.begin(ask)
    await own_stage.assert_ended(ask, txn, "refused", "not-permitted")


async def test_an_assessment_taken_back_behind_the_permit_makes_the_provider_refuse(own_stage: Stage) -> None:
    ask = own_stage.world.cast.vaccination

    async def swap(_: object) -> None:
        await own_stage.publish_unassessed(ask.provider)
        await own_stage.refresh()

    with own_stage.once("permit<", swap):
        txn = await own_stage.begin(ask)
    await own_stage.assert_ended(ask, txn, "refused", "assessment")


# --- a provider whose list is older waits -------------------------------------------------------------------------


async def test_a_provider_that_holds_an_older_list_fetches_the_newer_one_and_answers(own_stage: Stage) -> None:
    await own_stage.publish_without(own_stage.world.cast.tax)
    txn = await own_stage.begin(own_stage.world.cast.vaccination)
    await own_stage.assert_ended(own_stage.world.cast.vaccination, txn, "provided", "none")
    assert own_stage.intermediary.held.snapshot.list.serial == 2


async def test_a_provider_that_cannot_fetch_the_newer_list_waits_and_is_denied_nothing(own_stage: Stage) -> None:
    ask = own_stage.world.cast.vaccination
    await own_stage.publish_without(own_stage.world.cast.tax)
    with own_stage.cut("pulse>"):
        txn = await own_stage.begin(ask)
        await own_stage.carry_on_without_refresh()
        assert (await own_stage.provision(ask, txn)).held_for == ["list"]
        assert (await own_stage.inquiry(ask, txn)).state == "notified"
        await own_stage.judged()
    await own_stage.carry_on()
    await own_stage.assert_ended(ask, txn, "provided", "none")


async def test_a_provider_that_waited_for_a_list_refuses_when_a_still_newer_one_forbids(own_stage: Stage) -> None:
    ask = own_stage.world.cast.vaccination
    await own_stage.publish_without(own_stage.world.cast.tax)
    with own_stage.cut("pulse>"):
        txn = await own_stage.begin(ask)
    await own_stage.publish_without(ask)
    await own_stage.carry_on()
    await own_stage.assert_ended(ask, txn, "refused", "not-permitted")


async def test_a_flag_set_while_a_notice_waits_for_a_list_holds_it_for_a_person(own_stage: Stage) -> None:
    ask = own_stage.world.cast.vaccination
    await own_stage.publish_without(own_stage.world.cast.tax)
    with own_stage.cut("pulse>"):
        txn = await own_stage.begin(ask)
    await own_stage.hold(ask)
    await own_stage.carry_on()
    row = await own_stage.provision(ask, txn)
    assert (row.state, row.held_for) == ("held", ["held-person", "list"])
    await own_stage.prepare(ask, txn)
    assert await own_stage.release(ask, txn) == "provided"
    await own_stage.assert_ended(ask, txn, "provided", "none")
