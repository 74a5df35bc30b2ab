"""判定説明 at the interface: staff with that duty ask anything, at any day, by any list held then; each use is logged."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from authz.duties import Duty
from authz.matchlist import canonical
from fixtures import lists
from fixtures.invented.cast import Ask
from gateway.clock import TOKYO
from gateway.intermediary import publications
from gateway.network import publishing
from tests.conftest import Clones
from tests.countries import NOON
from tests.server.api import Api, served

KINDS = {
    "inquirer": "市町村",
    "task": "予防接種法による予防接種の実施に関する事務",
    "provider": "MUNICIPALITY",
    "information": "予防接種法による予防接種の実施に関する情報",
}


WITHDRAWN = NOON + timedelta(days=20)


def question_of(ask: Ask) -> dict[str, Any]:
    return {"inquirer": ask.inquirer, "task": ask.task, "provider": ask.provider, "information": ask.information}


def explainer(api: Api) -> str:
    return api.login_with(Duty.EXPLAIN, api.parties.world.cast.tax.inquirer)


async def explained(api: Api, body: dict[str, Any]) -> Any:
    answered = await api.call("explain-decision", by=explainer(api), body=body)
    assert answered.status == 200, answered.body
    return answered.body


# --- asking ---------------------------------------------------------------------------------------------------------


async def test_every_asking_of_the_story_is_explained_as_it_was_decided(api: Api) -> None:
    cast = api.parties.world.cast
    permitted = await explained(api, question_of(cast.tax))
    assert (permitted["effect"], permitted["level"], permitted["near"]) == ("permit", "agencies", [])
    assert permitted["statute"]["task"]["code"] == cast.tax.task
    denied = await explained(api, question_of(cast.not_on_the_list))
    assert (denied["effect"], denied["coarse"]) == ("deny", "not-permitted")
    assert denied["reasons"][0]["word"] == "list-information"
    assert denied["stops_at"]["word"] == "information"
    assert {one["recipe"] for one in denied["decisions"]} == {"ask", "permit", "provide"}


async def test_what_is_near_is_permitted_when_it_is_asked(api: Api) -> None:
    question = question_of(api.parties.world.cast.not_on_the_list)
    near = (await explained(api, question))["near"]
    assert near
    for one in near[:3]:
        changed = await explained(api, question | {one["field"]: one["value"][0]["code"]})
        assert (changed["effect"], changed["decisions"][-1]["ground"]) == (one["effect"], one["ground"])


async def test_a_question_is_asked_by_name_code_or_kind(api: Api) -> None:
    ask = api.parties.world.cast.tax
    world, listed = api.parties.world, api.parties.intermediary.held.snapshot.list
    by_name = {
        "inquirer": world.agency(ask.inquirer).name_ja,
        "task": listed.tasks[ask.task].designation,
        "provider": world.agency(ask.provider).name_ja,
        "information": listed.information[ask.information].label,
    }
    assert (await explained(api, by_name))["question"] == (await explained(api, question_of(ask)))["question"]
    by_kind = await explained(api, KINDS)
    assert (by_kind["level"], by_kind["effect"], by_kind["statute"]["item"]) == ("list", "permit", "25")


async def test_a_name_that_fits_nothing_or_several_things_is_pointed_at_and_not_repeated(api: Api) -> None:
    several = await api.call("explain-decision", by=explainer(api), body=KINDS | {"task": "予防接種"})
    assert several.slug == "invalid-field"
    [error] = several.body["errors"]
    assert error["pointer"] == "$.task"
    assert "names fit" in error["rule"]
    nothing = await api.call("explain-decision", by=explainer(api), body=KINDS | {"provider": "蓬莱国"})
    assert nothing.body["errors"][0]["pointer"] == "$.provider"
    assert "蓬莱国" not in nothing.raw.decode()


async def test_what_a_body_may_ask_is_listed_with_what_it_has_not_assessed(api: Api) -> None:
    ask = api.parties.world.cast.tax
    body = {"inquirer": ask.inquirer, "information": ask.information}
    told = (await api.call("enumerate-permitted", by=explainer(api), body=body)).body
    assert told["rows"]
    assert {row["information"]["code"] for row in told["rows"]} == {ask.information}
    assert ask.task in {row["task"]["code"] for row in told["rows"]}
    assert ask.task not in {one["code"] for one in told["unassessed"]}


# --- who may, and that it is logged -----------------------------------------------------------------------------------


@pytest.mark.parametrize("duty", [Duty.INQUIRE, Duty.REVIEW, Duty.MANAGE_STAFF, Duty.OPERATE_SYSTEM, Duty.READ_RECORDS])
async def test_no_other_duty_will_do(api: Api, duty: Duty) -> None:
    other = await api.hire(api.parties.world.cast.tax.inquirer, duty)
    for name, body in (("explain-decision", KINDS), ("enumerate-permitted", {"inquirer": "市町村"})):
        assert (await api.call(name, by=other, body=body)).slug == "wrong-duty"


async def test_a_business_system_and_a_stranger_have_nothing_explained(api: Api) -> None:
    assert (await api.call("explain-decision", body=KINDS)).slug == "unauthenticated"


async def test_every_use_stands_in_the_operations_log_refused_ones_too(api: Api) -> None:
    agency = api.parties.world.cast.tax.inquirer
    auditor = api.login_with(Duty.AUDIT, agency)
    someone = await api.hire(agency, Duty.EXPLAIN)
    me = (await api.call("show-me", by=someone)).body["staff"]["id"]
    await api.call("explain-decision", by=someone, body=KINDS | {"as_of": "2024-05-26"})
    await api.call("explain-decision", by=someone, body=KINDS | {"task": "予防接種"})
    found = await api.call("read-operations", by=auditor, query={"person": me, "name": "explain-decision"})
    assert [(one["outcome"], one["reason"]) for one in found.body["operations"]] == [
        ("refused", "invalid-field"),
        ("done", ""),
    ]


async def test_the_counterpart_learns_the_coarse_reason_and_the_inquirer_alone_its_own_sides_reasons(api: Api) -> None:
    ask = api.parties.world.cast.not_on_the_list
    refused = (await api.ask(ask)).body
    assert refused["reason"] == "not-permitted"
    inquirer = await api.hire(ask.inquirer, Duty.READ_RECORDS)
    path = {"exchange": refused["exchange"]}
    record = (await api.call("show-record", by=inquirer, path=path)).body
    assert record["payload"]["rsn"] == "not-permitted"
    assert "list-information" not in str(record["payload"])
    provider = await api.hire(ask.provider, Duty.READ_RECORDS)
    assert (await api.call("show-record", by=provider, path=path)).slug == "not-found"


# --- two axes of time -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("instant", "revision"),
    [
        ("2024-05-26T14:59:59.999999Z", "beppyo2-2016-08-02"),
        ("2024-05-26T15:00:00Z", "teikyo-2026-02-02"),
        ("2026-06-25T23:59:59.999999+09:00", "teikyo-2026-02-02"),
        ("2026-06-26T00:00:00+09:00", "teikyo-2026-06-26"),
        ("2026-06-25T17:00:00-03:00", "teikyo-2026-06-26"),
    ],
)
async def test_the_day_judged_by_is_tokyos_to_the_microsecond(api: Api, instant: str, revision: str) -> None:
    operator = api.login_of(api.parties.world.network.code, "operator")
    await api.call("set-clock", by=operator, body={"at": instant, "frozen": True})
    try:
        await publications.refresh(api.parties.intermediary)
        said = await explained(api, KINDS)
    finally:
        await api.call("set-clock", by=operator, body={"at": NOON.isoformat(), "frozen": True})
        await publications.refresh(api.parties.intermediary)
    assert said["list"]["revision"] == revision
    assert said["as_of"] == datetime.fromisoformat(instant).astimezone(TOKYO).date().isoformat()


async def test_another_day_is_judged_by_its_own_revision(api: Api) -> None:
    old = await explained(api, KINDS | {"as_of": "2024-05-26"})
    assert (old["as_of"], old["statute"]["item"]) == ("2024-05-26", "16-2")
    before = await explained(api, KINDS | {"as_of": "2016-08-01"})
    assert (before["effect"], before["stops_at"]["word"]) == ("deny", "as-of")
    assert before["near"][0]["value"][0]["code"] == "2016-08-02"


async def test_a_list_that_will_be_held_is_not_known(api: Api) -> None:
    later = (NOON + timedelta(seconds=1)).isoformat()
    answered = await api.call("explain-decision", by=explainer(api), body=KINDS | {"known_at": later})
    assert answered.body["errors"][0]["pointer"] == "$.known_at"


@pytest.fixture(scope="module")
async def amended(clones: Clones, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    """A country that was sent a second list, without the item of vaccination, ten days after the first; and ten days
    later a directory in which who is asked about taxes has no assessment any more."""
    async with served(clones, tmp_path_factory.mktemp("amended")) as made:
        source = lists.load()
        rows = tuple(row for row in source.rows if (row.revision, row.item) != ("teikyo-2026-06-26", "25"))
        await publishing.set_clock(made.parties.network, NOON + timedelta(days=10), frozen=True)
        await publications.refresh(made.parties.intermediary)
        await publishing.publish_list(made.parties.network, canonical(replace(source, rows=rows)))
        await publications.refresh(made.parties.intermediary)
        await publishing.set_clock(made.parties.network, WITHDRAWN, frozen=True)
        await publications.refresh(made.parties.intermediary)
        entry = made.parties.network.published.directory.entry(made.parties.world.cast.tax.provider)
        await publishing.register_agencies(made.parties.network, [msgspec.structs.replace(entry, assessments={})])
        await publications.refresh(made.parties.intermediary)
        yield made


async def test_a_question_is_explained_by_the_list_that_was_held_then_at_either_desk(amended: Api) -> None:
    taken = NOON + timedelta(days=10)
    agencies = (amended.parties.world.cast.tax.inquirer, amended.parties.world.network.code)
    for agency in agencies:
        login = await amended.hire(agency, Duty.EXPLAIN)
        for known_at, serial, effect in (
            (None, 2, "deny"),
            (taken, 2, "deny"),
            (taken - timedelta(microseconds=1), 1, "permit"),
            (taken - timedelta(days=5 * 365), 1, "permit"),
        ):
            body = KINDS if known_at is None else KINDS | {"known_at": known_at.isoformat()}
            said = (await amended.call("explain-decision", by=login, body=body)).body
            assert (said["list"]["serial"], said["effect"]) == (serial, effect), (agency, known_at)
            assert {one["serial"] for one in said["decisions"]} == {serial}


async def test_agencies_are_judged_by_the_directory_that_was_held_then_at_either_desk(amended: Api) -> None:
    question = question_of(amended.parties.world.cast.tax)
    for agency in (amended.parties.world.cast.tax.inquirer, amended.parties.world.network.code):
        login = await amended.hire(agency, Duty.EXPLAIN)
        for known_at, effect in (
            (None, "deny"),
            (WITHDRAWN, "deny"),
            (WITHDRAWN - timedelta(microseconds=1), "permit"),
            (NOON + timedelta(days=9), "permit"),
        ):
            body = question if known_at is None else question | {"known_at": known_at.isoformat()}
            said = (await amended.call("explain-decision", by=login, body=body)).body
            assert said["effect"] == effect, (agency, known_at)
            assert (said["reasons"][:1] or [{"word": ""}])[0]["word"] == (
                "assessment-provider-missing" if effect == "deny" else ""
            )
            assumed = {one["word"] for one in said["assumed"]}
            assert ("directory-as-held-now" in assumed) is (known_at is None)


async def test_before_a_server_held_any_list_the_first_one_stands_for_it_and_the_answer_says_so(amended: Api) -> None:
    login = await amended.hire(amended.parties.world.cast.tax.inquirer, Duty.EXPLAIN)
    for known_at, yet in ((NOON, True), (NOON - timedelta(microseconds=1), False)):
        said = (await amended.call("explain-decision", by=login, body=KINDS | {"known_at": known_at.isoformat()})).body
        assert ("no-list-held-yet" not in {one["word"] for one in said["assumed"]}) is yet


async def test_before_a_server_held_any_directory_the_one_of_now_stands_for_it_and_the_answer_says_so(
    amended: Api,
) -> None:
    login = await amended.hire(amended.parties.world.cast.tax.inquirer, Duty.EXPLAIN)
    body = question_of(amended.parties.world.cast.tax) | {"known_at": (NOON - timedelta(days=1)).isoformat()}
    said = (await amended.call("explain-decision", by=login, body=body)).body
    assert (said["list"]["serial"], said["reasons"][0]["word"]) == (1, "assessment-provider-missing")
    assert {"no-list-held-yet", "directory-as-held-now"} <= {one["word"] for one in said["assumed"]}


async def test_both_axes_are_independent_of_each_other(amended: Api) -> None:
    login = await amended.hire(amended.parties.world.cast.tax.inquirer, Duty.EXPLAIN)
    earlier = (NOON + timedelta(days=9)).isoformat()
    for known_at, as_of, effect in (
        (None, "2026-06-25", "permit"),
        (earlier, "2026-06-25", "permit"),
        (None, "2026-06-26", "deny"),
        (earlier, "2026-06-26", "permit"),
    ):
        body = KINDS | {"as_of": as_of} | ({} if known_at is None else {"known_at": known_at})
        said = (await amended.call("explain-decision", by=login, body=body)).body
        assert (said["effect"], said["as_of"]) == (effect, as_of)
        assert date.fromisoformat(said["as_of"]) <= NOON.date()
