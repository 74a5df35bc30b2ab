"""An inquiry for a named procedure: every party's own copy of the list judges it, and each forbids at its own stage."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.records.record import Role
from sympho.codes import InformationCode, ProcedureCode
from tests.conftest import Clones
from tests.server.api import Api
from tests.server.ground import stage_of
from tests.server.stage import TRANSPORTS, Stage

WITH_TAXES = ProcedureCode("JT90000030000001")
"""予防接種法の給付の請求の審査: its lines name taxes."""
ACCOUNTS_ALONE = ProcedureCode("JT90000030000002")
"""The same item's payment of benefits: its only line names accounts, while the item permits taxes too."""
OF_ANOTHER_TASK = ProcedureCode("JT01010000000214")
UNKNOWN = ProcedureCode("JT99999999999999")
ACCOUNTS = InformationCode("TM00000000000089")

BY_INQUIRER = (Role.INQUIRER,)
BY_NETWORK = (Role.INQUIRER, Role.NETWORK)


@pytest.fixture(params=TRANSPORTS)
async def stage(
    request: pytest.FixtureRequest, clones: Clones, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stage]:
    async with stage_of(request.param, clones, tmp_path_factory) as made:
        yield made
        await made.judged()


@pytest.fixture
async def own_stage(clones: Clones, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """For the tests that publish; the transport makes no difference to them."""
    async with stage_of("local", clones, tmp_path_factory) as made:
        yield made
        await made.judged()


async def test_what_a_line_of_the_procedure_names_is_provided_and_what_only_its_item_permits_never_goes_out(
    stage: Stage,
) -> None:
    ask = stage.world.cast.tax
    provided = await stage.begin_for(ask, WITH_TAXES)
    await stage.assert_ended(ask, provided, "provided", "none")
    refused = await stage.begin_for(ask, ACCOUNTS_ALONE)
    await stage.assert_ended(ask, refused, "refused", "not-permitted", BY_INQUIRER)
    assert await stage.exchange(refused) is None
    plain = await stage.begin(ask)
    await stage.assert_ended(ask, plain, "provided", "none")


@pytest.mark.parametrize("procedure", [OF_ANOTHER_TASK, UNKNOWN])
async def test_a_procedure_of_another_task_or_of_nothing_never_goes_out(
    own_stage: Stage, procedure: ProcedureCode
) -> None:
    ask = own_stage.world.cast.tax
    txn = await own_stage.begin_for(ask, procedure)
    await own_stage.assert_ended(ask, txn, "refused", "not-permitted", BY_INQUIRER)


async def test_the_network_judges_the_procedure_by_its_own_list_where_the_inquirer_holds_an_older_one(
    own_stage: Stage,
) -> None:
    ask = own_stage.world.cast.tax
    await own_stage.publish_procedure(WITH_TAXES, (ACCOUNTS,))
    txn = await own_stage.begin_for(ask, WITH_TAXES)
    await own_stage.assert_ended(ask, txn, "refused", "not-permitted", BY_NETWORK)


async def test_the_provider_judges_the_procedure_of_the_permit_by_its_own_list(own_stage: Stage) -> None:
    ask = own_stage.world.cast.tax

    async def swap(_: object) -> None:
        await own_stage.publish_procedure(WITH_TAXES, (ACCOUNTS,))
        await own_stage.refresh()

    with own_stage.once("permit<", swap):
        txn = await own_stage.begin_for(ask, WITH_TAXES)
    await own_stage.assert_ended(ask, txn, "refused", "not-permitted")


async def test_over_http_a_named_procedure_is_judged_recorded_and_found_among_the_masters(api: Api) -> None:
    ask = api.parties.world.cast.tax
    answered = await api.ask(ask, procedure=WITH_TAXES)
    assert (answered.status, answered.body["outcome"]) == (201, "provided")
    shown = await api.call("show-inquiry-request", by=ask.login, path={"exchange": answered.body["exchange"]})
    assert shown.body["procedure"] == WITH_TAXES
    refused = await api.ask(ask, procedure=ACCOUNTS_ALONE)
    assert (refused.body["outcome"], refused.body["reason"]) == ("refused", "not-permitted")
    masters = (await api.call("show-masters", by=ask.login)).body
    [told] = [one for one in masters["procedures"] if one["code"] == ACCOUNTS_ALONE]
    assert (told["article"], told["ordinal"], told["tasks"], told["narrows"]) == ("30", 2, [ask.task], True)
    assert told["information"] == [ACCOUNTS]
