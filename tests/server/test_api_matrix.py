"""Each operation against each wrong caller: no token, an old one, a forged one, other duties, kinds, bodies."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from authz.duties import Duty, PrincipalKind
from authz.principals import StaffPrincipal
from authz.tokens import IssuingKey, issue
from gateway.exchange.jws import SigningKey
from gateway.interfaces.operation import AnyOperation
from sympho.codes import SystemCode
from tests.server.api import Answered, Api

EXCHANGE = "0193a3c4-0000-7000-8000-000000000001"
OPAQUE = {"staff_id": "stf_", "client_id": "cli_", "session_id": "ses_", "terminal_id": "trm_", "delegation_id": "dlg_"}
LISTING = {Duty.PUBLISH_LISTS, Duty.APPROVE_LISTS}
"""Duties of the network's operator alone."""
ANY_PATH = {"exchange": EXCHANGE} | {name: prefix + "a" * 26 for name, prefix in OPAQUE.items()}


def guarded(api: Api) -> list[AnyOperation]:
    return [one for one in api.table.values() if not one.is_public]


async def refused(api: Api, operation: AnyOperation, token: str) -> Answered:
    """The call with a body that is no JSON: whoever may not call is refused before it is looked at."""
    path = {name: ANY_PATH[name] for name in operation.parameters}
    return await api.call(operation.name, token=token, path=path, raw=b"{" if operation.request else None)


async def every(api: Api, token: str, expected: str, which: Callable[[AnyOperation], bool] = lambda _: True) -> None:
    chosen = [one for one in guarded(api) if which(one)]
    assert chosen
    slugs = {one.name: (await refused(api, one, token)).slug for one in chosen}
    assert slugs == dict.fromkeys(slugs, expected)


async def test_nobody_calls_without_a_token(api: Api) -> None:
    await every(api, "", "unauthenticated")


async def test_nobody_calls_with_a_token_that_has_expired_long_ago(api: Api) -> None:
    await every(api, await api.stale_token(api.parties.world.cast.tax.login), "token-expired")


@pytest.mark.parametrize("text", ["x", "a.b.c", "e30.e30.", "eyJhbGciOiJub25lIn0.e30."])
async def test_nobody_calls_with_what_is_no_token(api: Api, text: str) -> None:
    await every(api, text, "token-invalid")


async def test_nobody_calls_with_a_token_of_a_key_that_only_claims_to_be_ours(api: Api) -> None:
    login = api.parties.world.cast.tax.login
    desk = api.desk(api.passwords[login][0])
    principal = desk.verifier.principal(await api.token(login), api.house.clock.machine())
    forged = IssuingKey.from_bytes(desk.key.kid, desk.key.issuer, SigningKey.generate("x/1").to_bytes())
    await every(api, issue(principal, forged, desk.audience, api.house.clock.machine()), "token-invalid")


async def test_a_token_of_one_desk_is_nothing_at_the_other(api: Api) -> None:
    network, server = api.house.desks
    operator = api.login_of(api.parties.world.network.code, "operator")
    principal = network.verifier.principal(await api.token(operator), api.house.clock.machine())
    await every(api, issue(principal, server.key, server.audience, api.house.clock.machine()), "token-invalid")
    with pytest.raises(ValueError, match="may not speak"):
        issue(
            server.verifier.principal(await api.token(api.parties.world.cast.tax.login), api.house.clock.machine()),
            network.key,
            network.audience,
            api.house.clock.machine(),
        )


@pytest.mark.parametrize("duty", list(Duty))
async def test_a_duty_opens_its_own_operations_and_no_others(api: Api, duty: Duty) -> None:
    world = api.parties.world
    agency = world.network.code if duty in LISTING else world.cast.protected.provider
    token = await api.token(api.login_with(duty, agency))
    held = api.desk(agency).verifier.principal(token, api.house.clock.machine())
    assert isinstance(held, StaffPrincipal)
    duties = held.duties
    await every(api, token, "wrong-duty", lambda one: not one.self_service and not one.duties & duties)
    for one in guarded(api):
        if one.duties & duties:
            assert (await refused(api, one, token)).slug not in {"wrong-duty", "wrong-principal"}, one.name


async def test_a_business_system_calls_what_it_was_admitted_to_and_nothing_else(api: Api) -> None:
    agency = api.parties.world.cast.protected.provider
    token = await api.client_token(agency, {"search-duplicates"}, SystemCode("024"))
    await every(api, token, "wrong-principal", lambda one: PrincipalKind.SYSTEM not in one.principals)
    await every(
        api, token, "wrong-duty",
        lambda one: PrincipalKind.SYSTEM in one.principals and one.name != "search-duplicates",
    )  # fmt: skip
    assert (await refused(api, api.table["search-duplicates"], token)).slug == "malformed-body"


async def test_a_session_that_is_over_opens_nothing(api: Api) -> None:
    login = api.parties.world.cast.tax.login
    token = (await api.log_in(login)).body["token"]
    assert (await api.call("log-out", token=token)).status == 204
    await every(api, token, "session-revoked")


async def test_the_networks_staff_have_no_place_at_the_agencies_server(api: Api) -> None:
    operator = api.login_of(api.parties.world.network.code, "records")
    number = {"person": {"unified": "000000000000000"}}
    assert (await api.call("search-records", by=operator, body=number)).slug == "wrong-agency"


@pytest.mark.parametrize("name", ["set-clock", "resume-clock"])
async def test_only_the_networks_operator_moves_the_clock(api: Api, name: str) -> None:
    operator = api.login_with(Duty.OPERATE_SYSTEM, api.parties.world.cast.tax.provider)
    before = api.house.clock.setting
    body = {"at": "2024-04-22T10:00:00+09:00"} if name == "set-clock" else None
    assert (await api.call(name, by=operator, body=body)).slug == "wrong-agency"
    assert api.house.clock.setting == before


# --- other bodies' things -------------------------------------------------------------------------------------------


async def test_another_bodys_exchange_is_not_found_by_any_operation_that_takes_one(api: Api) -> None:
    cast = api.parties.world.cast
    exchange = await api.held(cast.protected)
    stranger = cast.tax.inquirer
    assert stranger not in {cast.protected.inquirer, cast.protected.provider}
    for one in guarded(api):
        if "exchange" not in one.parameters:
            continue
        by = cast.tax.login if Duty.INQUIRE in one.duties else api.login_with(min(one.duties), stranger)
        body = {"choice": "confirm"} if one.request else None
        assert (await api.call(one.name, by=by, path={"exchange": exchange}, body=body)).slug == "not-found", one.name


async def test_the_counterpart_of_an_exchange_reads_its_own_side_only(api: Api) -> None:
    cast = api.parties.world.cast
    at = {"exchange": await api.held(cast.protected)}
    theirs = api.login_with(Duty.REVIEW, cast.protected.inquirer)
    assert (await api.call("show-provision", by=theirs, path=at)).slug == "not-found"
    assert (await api.call("show-provision-content", by=theirs, path=at)).slug == "not-found"
    asks = api.login_with(Duty.INQUIRE, cast.protected.provider)
    assert (await api.call("show-inquiry", by=asks, path=at)).slug == "not-found"


async def test_another_office_of_the_same_body_does_not_see_an_inquiry(api: Api) -> None:
    cast = api.parties.world.cast
    health, tax = cast.tax, cast.family_register
    assert (health.inquirer, health.office == tax.office) == (tax.inquirer, False)
    exchange = (await api.ask(health)).body["exchange"]
    for name in ("show-inquiry", "show-inquiry-request", "show-inquiry-result", "show-withdrawal", "withdraw-inquiry"):
        assert (await api.call(name, by=tax.login, path={"exchange": exchange})).slug == "not-found", name
    page = (await api.call("list-inquiries", by=tax.login, query={"limit": "500"})).body["inquiries"]
    assert exchange not in {one["exchange"] for one in page}


async def test_an_office_asks_for_its_own_tasks_only(api: Api) -> None:
    cast = api.parties.world.cast
    answered = await api.ask(cast.tax, by=cast.family_register.login, wait=0)
    assert (answered.status, answered.body["outcome"]) == (201, "refused")
    assert "task-not-allowed" in answered.body["reasons"][0]


async def test_another_bodys_person_is_nobody_whatever_number_is_guessed(api: Api) -> None:
    cast = api.parties.world.cast
    theirs = api.parties.person_of(cast.vaccination).reveal()
    keeper = api.login_with(Duty.MANAGE_DUPLICATES, cast.tax.inquirer)
    body = {"person": {"unified": theirs}}
    flag, information = body | {"value": True}, {"information": cast.tax.information}
    assert (await api.ask(cast.tax, person=body["person"])).slug == "not-found"
    for name, sent in {
        "search-flags": body,
        "set-no-automatic-answer-person": flag,
        "set-non-disclosure-person": flag,
        "set-no-automatic-answer-information": flag | information,
        "set-non-disclosure-information": flag | information,
        "show-duplicate": body | information,
        "delete-duplicates": {"duplicates": [body | information]},
    }.items():
        assert (await api.call(name, by=keeper, body=sent)).slug == "not-found", name
    assert (await api.call("search-duplicates", by=keeper, body=body)).body["duplicates"] == []
    [unknown] = (await api.call("search-codes", by=keeper, body={"persons": [body["person"]]})).body["persons"]
    assert unknown == {"status": "unknown", "history": []}


async def test_another_bodys_account_is_not_found(api: Api) -> None:
    cast = api.parties.world.cast
    theirs = (await api.call("show-me", by=cast.vaccination.login)).body["staff"]["id"]
    keeper = api.login_with(Duty.MANAGE_STAFF, cast.tax.inquirer)
    acts = ("disable-staff", "enable-staff", "reset-staff-password", "revoke-staff-sessions", "list-staff-sessions")
    for name in acts:
        assert (await api.call(name, by=keeper, path={"staff_id": theirs})).slug == "not-found", name
    nobodys = {"staff_id": "stf_" + "a" * 26}
    assert (await api.call("list-staff-sessions", by=keeper, path=nobodys)).slug == "not-found"
    body = {"office": "x", "duties": []}
    assert (await api.call("charge-staff", by=keeper, path={"staff_id": theirs}, body=body)).slug == "not-found"
    made = await api.client(cast.vaccination.inquirer, {"list-inquiries"}, SystemCode("024"))
    for name in ("disable-client", "replace-client-secret"):
        assert (await api.call(name, by=keeper, path={"client_id": made.client_id})).slug == "not-found", name
