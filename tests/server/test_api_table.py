"""The table of operations is whole and true: every route declared, every duty named, every official id known."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from authz.duties import Duty, PrincipalKind
from gateway.app import application, desk_work, party_work
from gateway.interfaces import openapi, register, surface
from gateway.interfaces.table import operations
from tests.server.api import Api

OFFICIAL = {
    "register-inquiry": "IF_SKI_10111",
    "show-inquiry": "IF_SKI_10712",
    "show-inquiry-request": "IF_SKI_10912",
    "show-inquiry-result": "IF_SKI_11112",
    "withdraw-inquiry": "IF_SKI_50111",
    "show-withdrawal": "IF_SKI_50412",
    "list-provisions": "IF_TKY_11312",
    "show-provision": "IF_TKY_11512",
    "show-provision-content": "IF_TKY_11912",
    "prepare-provision": "IF_TKY_20311",
    "release-provision": "IF_TKY_20511",
    "deposit-duplicates": "IF_DBM_10111",
    "search-duplicates": "IF_DBM_30112",
    "show-duplicate": "IF_DBM_30212",
    "set-no-automatic-answer-information": "IF_DBM_40111",
    "set-no-automatic-answer-person": "IF_DBM_50111",
    "set-non-disclosure-information": "IF_DBM_70111",
    "set-non-disclosure-person": "IF_DBM_80111",
    "search-flags": "IF_DBM_90112",
    "end-publication": "IF_DBM_90311",
    "acquire-codes": "IF_FGU_20221",
    "show-masters": "IF_SCM_30112",
    "show-status": "IF_SYM_20212",
}


def test_every_route_of_the_server_is_an_operation_of_the_table(api: Api) -> None:
    table = operations(api.house)
    assert surface.undeclared(application(api.house, table, []), table) == []


def test_a_route_beside_the_table_would_be_found(api: Api) -> None:
    table = operations(api.house)
    app = application(api.house, table, [])

    async def beside(request: web.Request) -> web.Response:
        return web.Response()

    app.router.add_get("/beside", beside)
    assert surface.undeclared(app, table) == ["GET /beside", "HEAD /beside"]


def test_every_operation_names_a_duty_or_is_for_anyone_for_parties_or_about_the_own_session(api: Api) -> None:
    free = {PrincipalKind.PUBLIC, PrincipalKind.PARTY}
    for one in api.table.values():
        assert one.duties or one.self_service or one.principals <= free, one.name


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"duty": None}, "names another duty and no first one"),
        ({"expired_token": True}, "good for self-service only"),
        ({"self_service": True}, "self-service needs no duty"),
    ],
)
def test_a_second_duty_and_an_expired_token_are_not_declared_where_they_mean_nothing(
    api: Api, change: dict[str, Any], fault: str
) -> None:
    with pytest.raises(ValueError, match=fault):
        replace(api.table["show-provision"], **change)


def test_what_is_for_anyone_is_exactly_this(api: Api) -> None:
    assert {one.name for one in api.table.values() if one.is_public} == {
        "issue-client-token", "list-interfaces", "log-in", "log-in-from-outside", "show-authzen-metadata", "show-clock",
        "show-directory", "show-keys", "show-liveness", "show-oauth-metadata", "show-openapi", "show-readiness",
    }  # fmt: skip
    assert {one.name for one in api.table.values() if one.self_service} == {
        "change-password", "confirm-second-factor", "end-session", "enrol-second-factor", "list-sessions", "log-out",
        "reauthenticate", "renew-token", "show-me",
    }  # fmt: skip


def test_every_duty_opens_something_and_no_operation_lies_open_to_two_that_one_person_may_not_hold(api: Api) -> None:
    opened = {duty for one in api.table.values() for duty in one.duties}
    assert opened == set(Duty)
    changing = [one for one in api.table.values() if one.method != "GET" and len(one.duties) > 1]
    assert changing == []


def test_official_ids_are_known_and_tied_as_the_register_says(api: Api) -> None:
    table = list(api.table.values())
    assert register.unknown_ids(table) == []
    assert {one.name: one.interface for one in table if one.interface} == OFFICIAL


async def test_the_register_that_is_served_tells_what_answers_each_interface(api: Api) -> None:
    rows = (await api.call("list-interfaces")).body["interfaces"]
    assert len(rows) == len(register.REGISTER)
    answered = {row["id"]: row["answered_by"] for row in rows if row["answered_by"]}
    assert answered == {interface: [name] for name, interface in OFFICIAL.items()}


async def test_the_document_that_is_served_is_made_from_the_table(api: Api) -> None:
    served = (await api.call("show-openapi")).raw
    version = json.loads(served)["info"]["version"]
    assert served == openapi.render(list(api.table.values()), title="sympho", version=version)


def test_a_process_serves_the_operations_of_its_own_parties_and_no_others(api: Api) -> None:
    network, server = api.house.desks
    alone = {
        "network": replace(api.house, intermediary=None, residents=None, desks=(network,)),
        "intermediary": replace(api.house, network=None, residents=None, desks=(server,)),
        "residents": replace(api.house, network=None, intermediary=None, desks=()),
    }
    served = {role: {one.name for one in operations(house)} for role, house in alone.items()}
    assert {"set-clock", "show-record"} <= served["network"]
    assert {"register-inquiry", "deposit-duplicates", "search-records"} <= served["intermediary"]
    assert not served["network"] & {"register-inquiry", "release-provision", "search-records"}
    assert not served["intermediary"] & {"set-clock", "resume-clock"}
    assert served["residents"] == {
        "show-liveness", "show-readiness", "show-openapi", "list-interfaces", "show-clock",
    }  # fmt: skip
    assert set(api.table) == served["network"] | served["intermediary"]
    assert [name for name, _ in desk_work(alone["residents"]) + party_work(alone["residents"])] == []
