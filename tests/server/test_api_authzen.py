"""AuthZEN 1.0 at the interface: the same decisions in the words of that standard, for two kinds of callers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from authz.duties import Duty
from fixtures.invented.cast import Ask
from sympho.codes import SystemCode
from tests.server.api import Answered, Api


def evaluation(ask: Ask, **context: object) -> dict[str, Any]:
    return {
        "subject": {"type": "agency", "id": ask.inquirer},
        "action": {"name": "inquire"},
        "resource": {"type": "information", "id": ask.information, "properties": {"provider": ask.provider}},
        "context": {"task": ask.task, **context},
    }


async def asked(api: Api, body: Any, operation: str = "evaluate-access", **more: Any) -> Answered:
    by = api.login_with(Duty.EXPLAIN, api.parties.world.cast.tax.inquirer)
    return await api.call(operation, by=by, body=body, **more)


async def test_a_decision_is_the_one_that_is_explained_with_its_reasons(api: Api) -> None:
    cast = api.parties.world.cast
    permitted = (await asked(api, evaluation(cast.tax))).body
    assert permitted["decision"] is True
    assert (permitted["context"]["why"]["effect"], permitted["context"]["why"]["reasons"]) == ("permit", [])
    denied = (await asked(api, evaluation(cast.not_on_the_list))).body
    assert (denied["decision"], denied["context"]["id"]) == (False, "not-permitted")
    assert denied["context"]["why"]["reasons"][0] == "list-information"
    assert set(denied["context"]["reason_admin"]) == {"ja", "en"}


async def test_a_question_between_kinds_and_on_another_day_is_answered_to_staff(api: Api) -> None:
    ask = api.parties.world.cast.tax
    by_kind = evaluation(ask) | {"subject": {"type": "kind", "id": "市町村"}}
    assert (await asked(api, by_kind)).body["decision"] is True
    before = (await asked(api, evaluation(ask, as_of="2010-01-01"))).body
    assert (before["decision"], before["context"]["judged"]["as_of"]) == (False, "2010-01-01")
    assert "list-date" in before["context"]["why"]["reasons"]
    later = (api.house.clock.now() + timedelta(days=2)).isoformat()
    assert (await asked(api, evaluation(ask, known_at=later))).body["context"]["error"]["status"] == 400


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"action": {"name": "delete"}}, 404),
        ({"subject": {"type": "user", "id": "市町村"}}, 404),
        ({"subject": {"type": "agency", "id": "市町村"}}, 404),
        ({"subject": {"type": "kind", "id": "天守閣"}}, 404),
        ({"resource": {"type": "document", "id": "x"}}, 404),
        ({"resource": {"type": "information", "id": "地方税関係情報"}}, 400),
        ({"context": {}}, 400),
    ],
)
async def test_what_cannot_be_judged_is_not_permitted_and_says_why(
    api: Api, change: dict[str, Any], status: int
) -> None:
    answered = await asked(api, evaluation(api.parties.world.cast.tax) | change)
    assert (answered.status, answered.body["decision"]) == (200, False)
    assert answered.body["context"]["error"]["status"] == status


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"subject": "x"},
        {"subject": {"type": "agency"}, "action": {"name": "inquire"}, "resource": {"type": "information", "id": "x"}},
        {"subject": {"type": 1, "id": "x"}, "action": {"name": "inquire"}, "resource": {"type": "t", "id": "x"}},
    ],
)
async def test_a_message_that_lacks_what_the_standard_requires_is_a_bad_request(api: Api, body: Any) -> None:
    answered = await asked(api, body)
    assert (answered.status, answered.slug) == (400, "malformed-body")


async def test_members_that_nobody_knows_are_passed_over_and_the_callers_request_id_comes_back(api: Api) -> None:
    body = evaluation(api.parties.world.cast.tax, ip="192.0.2.1") | {"future": {"nested": True}}
    answered = await asked(api, body, headers={"X-Request-ID": "their-own 7"})
    assert (answered.status, answered.body["decision"]) == (200, True)
    assert answered.headers["X-Request-Id"] == "their-own 7"
    assert len((await asked(api, body)).headers["X-Request-Id"]) == 36


@pytest.mark.parametrize(
    ("semantic", "decisions"),
    [
        (None, [True, False, True]),
        ("execute_all", [True, False, True]),
        ("deny_on_first_deny", [True, False]),
        ("permit_on_first_permit", [True]),
    ],
)
async def test_several_questions_are_answered_in_their_order_as_far_as_is_wanted(
    api: Api, semantic: str | None, decisions: list[bool]
) -> None:
    cast = api.parties.world.cast
    several = [evaluation(cast.tax), evaluation(cast.not_on_the_list), evaluation(cast.vaccination)]
    body: dict[str, Any] = {"evaluations": several}
    if semantic:
        body["options"] = {"evaluations_semantic": semantic}
    made = (await asked(api, body, "evaluate-accesses")).body
    assert [one["decision"] for one in made["evaluations"]] == decisions
    assert "decision" not in made


async def test_what_stands_beside_the_evaluations_is_used_by_each_that_leaves_it_out(api: Api) -> None:
    cast = api.parties.world.cast
    whole = evaluation(cast.tax)
    denied = evaluation(cast.not_on_the_list)
    body = whole | {"evaluations": [{}, {"resource": {"id": "天守閣"}}, denied, {"action": {"name": "x"}}]}
    made = (await asked(api, body, "evaluate-accesses")).body["evaluations"]
    assert [one["decision"] for one in made] == [True, False, False, False]
    assert made[1]["context"]["error"]["status"] == 400  # whose properties name no provider
    assert (await asked(api, whole | {"evaluations": []}, "evaluate-accesses")).body["decision"] is True
    assert (await asked(api, whole, "evaluate-accesses")).body["decision"] is True
    assert (await asked(api, {"evaluations": [{}] * 1001}, "evaluate-accesses")).status == 400


async def test_a_system_that_was_admitted_asks_about_its_own_agency_and_learns_no_reason(api: Api) -> None:
    cast = api.parties.world.cast
    ask = cast.not_on_the_list
    token = await api.client_token(ask.inquirer, {"evaluate-access"}, SystemCode("024"))
    denied = (await api.call("evaluate-access", token=token, body=evaluation(ask))).body
    assert (denied["decision"], denied["context"]["id"]) == (False, "not-permitted")
    assert {"why", "reason_admin"}.isdisjoint(denied["context"])
    strange = evaluation(ask) | {"subject": {"type": "agency", "id": ask.provider}}
    for body in (strange, evaluation(ask, as_of="2024-04-22"), evaluation(ask, known_at="2024-04-22T00:00:00Z")):
        refused = (await api.call("evaluate-access", token=token, body=body)).body
        assert (refused["decision"], refused["context"]["error"]["status"]) == (False, 403)
    assert (await api.call("evaluate-accesses", token=token, body=evaluation(ask))).slug == "wrong-duty"


async def test_every_use_is_logged(api: Api) -> None:
    cast = api.parties.world.cast
    await asked(api, evaluation(cast.tax))
    by = api.login_with(Duty.AUDIT, cast.tax.inquirer)
    [last] = (await api.call("read-operations", by=by, query={"name": "evaluate-access", "limit": "1"})).body[
        "operations"
    ]
    assert last["outcome"] == "done"


async def test_the_metadata_name_the_place_at_which_they_were_asked(api: Api) -> None:
    told = (await api.call("show-authzen-metadata")).body
    here = str(api.session._base_url).rstrip("/")
    assert told == {
        "policy_decision_point": here,
        "access_evaluation_endpoint": f"{here}/access/v1/evaluation",
        "access_evaluations_endpoint": f"{here}/access/v1/evaluations",
    }
