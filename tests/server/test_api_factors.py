"""Second factors, step-up, sessions, terminals and delegations over HTTP, as the people of an agency meet them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pyotp

from authz import sessions
from authz.duties import Duty
from authz.terminals import Place
from authz.tokens import issue
from gateway.interfaces.house import furnish
from gateway.interfaces.principals import Credentials
from gateway.problems import Problem
from tests.server.api import Answered, Api
from tests.server.test_api_staff import agency_of, keeper_of, logged, newcomer, working


async def id_of(api: Api, login: str) -> str:
    found: str = (await api.call("show-me", by=login)).body["staff"]["id"]
    return found


async def enrolled(api: Api, token: str) -> tuple[pyotp.TOTP, list[str]]:
    secret = (await api.call("enrol-second-factor", token=token)).body["secret"]
    totp = pyotp.TOTP(secret)
    code = totp.at(api.house.clock.machine() - timedelta(seconds=30))
    confirmed = await api.call("confirm-second-factor", token=token, body={"code": code})
    assert confirmed.status == 200
    codes: list[str] = confirmed.body["recovery_codes"]
    return totp, codes


async def let_in(api: Api, login: str, **more: str) -> Answered:
    agency, password = api.passwords[login]
    body = {"agency": agency, "login": login, "password": password, "terminal": "desk-7", **more}
    return await api.call("log-in", body=body)


async def test_a_second_factor_is_asked_for_by_name_and_a_code_or_a_recovery_code_lets_in(api: Api) -> None:
    made, token = await working(api, Duty.REVIEW)
    totp, codes = await enrolled(api, token)
    asked = await let_in(api, made["login"])
    assert (asked.status, asked.slug) == (401, "second-factor-required")
    code = totp.at(api.house.clock.machine())
    assert (await let_in(api, made["login"], code=code)).status == 200
    assert (await let_in(api, made["login"], code=code)).slug == "credentials-refused"
    assert (await let_in(api, made["login"], code=codes[0])).status == 200
    assert (await let_in(api, made["login"], code=codes[0])).slug == "credentials-refused"
    again = await api.call("enrol-second-factor", token=token)
    assert again.slug == "wrong-state"


async def test_the_uri_names_the_account_and_nothing_of_it_is_said_again(api: Api) -> None:
    made, token = await working(api)
    told = (await api.call("enrol-second-factor", token=token)).body
    assert told["uri"].startswith("otpauth://totp/sympho:")
    assert made["login"] in told["uri"]
    assert told["secret"] in told["uri"]
    assert told["secret"] not in str(await logged(api, person=made["id"]))


async def test_an_agency_demands_a_second_factor_for_a_duty_and_for_that_alone(api: Api) -> None:
    keeper = keeper_of(api)
    made, _ = await working(api, Duty.REVIEW, Duty.RELEASE)
    try:
        rules = {"second_factor_for": ["release"]}
        assert (await api.call("set-staff-rules", by=keeper, body=rules)).body["second_factor_for"] == ["release"]
        opened = (await let_in(api, made["login"])).body
        assert (opened["staff"]["duties"], opened["must_enrol"]) == (["review"], True)
        await enrolled(api, opened["token"])
        renewed = (await api.call("renew-token", token=opened["token"])).body
        assert (renewed["staff"]["duties"], renewed["must_enrol"]) == (["release", "review"], False)
    finally:
        await api.call("set-staff-rules", by=keeper, body={})


# --- step-up ------------------------------------------------------------------------------------------------------


async def stale(api: Api, login: str, minutes: float) -> str:
    """A good token of a living session in which somebody was authenticated so long ago."""
    agency, password = api.passwords[login]
    desk, now = api.desk(agency), api.house.moment()
    place = Place("desk-8", "127.0.0.1")
    opened = await sessions.login(desk.db, desk.door, agency, login, password, place, now)
    assert isinstance(opened, sessions.LoggedIn)
    old = replace(opened.principal, authenticated_at=now.machine - timedelta(minutes=minutes))
    return issue(replace(old, expires=now.machine + timedelta(minutes=15)), desk.key, desk.audience, now.machine)


async def test_a_release_needs_an_authentication_of_the_last_ten_minutes_and_says_how_to_get_one(api: Api) -> None:
    ask = api.parties.world.cast.protected
    at = {"exchange": await api.held(ask)}
    first, second = await api.hire(ask.provider, Duty.REVIEW), await api.hire(ask.provider, Duty.RELEASE)
    await api.call("prepare-provision", by=first, path=at, body={"choice": "confirm"})
    token = await stale(api, second, 11)
    refused = await api.call("release-provision", token=token, path=at)
    assert (refused.status, refused.slug) == (401, "reauthentication-required")
    assert 'error="insufficient_user_authentication"' in refused.headers["WWW-Authenticate"]
    assert (await api.call("show-provision", token=token, path=at)).body["state"] == "prepared"
    wrong = await api.call("reauthenticate", token=token, body={"password": "not-the-password"})
    assert wrong.slug == "credentials-refused"
    again = await api.call("reauthenticate", token=token, body={"password": api.passwords[second][1]})
    released = await api.call("release-provision", token=again.body["token"], path=at)
    assert released.body["state"] == "ended"


async def test_whoever_finds_a_token_lying_about_cannot_put_a_second_factor_of_their_own_on_the_account(
    api: Api,
) -> None:
    made, _ = await working(api, Duty.REVIEW)
    token = await stale(api, made["login"], 11)
    refused = await api.call("enrol-second-factor", token=token)
    assert (refused.status, refused.slug) == (401, "reauthentication-required")
    assert (await api.call("confirm-second-factor", token=token, body={"code": "000000"})).slug == refused.slug
    assert (await let_in(api, made["login"])).status == 200


async def test_nine_minutes_are_recent_and_a_renewal_makes_nothing_recent(api: Api) -> None:
    ask = api.parties.world.cast.protected
    second = await api.hire(ask.provider, Duty.RELEASE)
    at = {"exchange": "0193a3c4-0000-7000-8000-000000000001"}
    assert (await api.call("release-provision", token=await stale(api, second, 9), path=at)).slug == "not-found"
    body = (await let_in(api, second)).body
    desk = api.desk(ask.provider)
    async with desk.db.transaction() as conn:
        await conn.execute(
            "UPDATE session SET authenticated_at = authenticated_at - INTERVAL '11 minutes' WHERE staff_id = $1",
            body["staff"]["id"],
        )
    renewed = (await api.call("renew-token", token=body["token"])).body["token"]
    assert (await api.call("release-provision", token=renewed, path=at)).slug == "reauthentication-required"


async def test_only_the_release_a_second_factor_and_letting_a_role_in_ask_again(api: Api) -> None:
    assert {one.name for one in api.table.values() if one.recent} == {
        "release-provision", "offer-joining", "enrol-second-factor", "confirm-second-factor",
    }  # fmt: skip


# --- sessions -----------------------------------------------------------------------------------------------------


async def test_people_see_and_end_their_own_sessions_and_nobody_elses(api: Api) -> None:
    made, token = await working(api)
    stranger, strange = await working(api)
    there = (await let_in(api, made["login"], terminal="elsewhere")).body["token"]
    listed = (await api.call("list-sessions", token=token)).body["sessions"]
    assert [one["terminal"] for one in listed] == ["elsewhere", "desk-7"]
    at = {"session_id": listed[0]["id"]}
    assert (await api.call("end-session", token=strange, path=at)).slug == "not-found"
    assert (await api.call("end-session", token=token, path=at)).status == 204
    assert (await api.call("show-me", token=there)).slug == "session-revoked"
    assert len((await api.call("list-sessions", token=token)).body["sessions"]) == 1
    keeper = keeper_of(api)
    theirs = (await api.call("list-staff-sessions", by=keeper, path={"staff_id": stranger["id"]})).body["sessions"]
    crossed = {"staff_id": made["id"], "session_id": theirs[0]["id"]}
    assert (await api.call("end-staff-session", by=keeper, path=crossed)).slug == "not-found"
    right = {"staff_id": stranger["id"], "session_id": theirs[0]["id"]}
    assert (await api.call("end-staff-session", by=keeper, path=right)).status == 204
    assert (await api.call("show-me", token=strange)).slug == "session-revoked"


async def test_a_second_process_on_the_same_database_knows_a_revocation_within_a_second(api: Api) -> None:
    made, token = await working(api)
    parties = api.parties
    other = await furnish(parties.network.clock, parties.network, parties.intermediary, parties.residents)
    desk = other.desk_of(agency_of(api))

    async def looking() -> None:
        while True:
            await desk.look()
            await asyncio.sleep(0.25)

    await desk.look()
    watch = asyncio.create_task(looking())
    credentials = Credentials(token, frozenset(), "127.0.0.1")
    assert (await other.authenticate(credentials)).agency == agency_of(api)
    await api.call("revoke-staff-sessions", by=keeper_of(api), path={"staff_id": made["id"]})
    told = ""
    async with asyncio.timeout(1):
        while not told:
            try:
                await other.authenticate(credentials)
            except Problem as problem:
                told = problem.slug
            await asyncio.sleep(0.02)
    watch.cancel()
    await other.close()
    assert told == "session-revoked"


# --- known places -------------------------------------------------------------------------------------------------


async def test_whoever_shows_the_device_of_an_earlier_login_is_let_in_while_the_address_is_closed(api: Api) -> None:
    made = await newcomer(api)
    device = (await let_in(api, made["login"])).body["device"]
    for _ in range(5):
        await api.log_in(made["login"], "wrong")
    assert (await let_in(api, made["login"])).slug == "account-locked"
    assert (await let_in(api, made["login"], device=device)).status == 200


async def test_an_account_bound_to_a_terminal_is_let_in_with_its_key_and_the_log_names_it(api: Api) -> None:
    keeper = keeper_of(api)
    made, token = await working(api)
    terminal = (await api.call("register-terminal", by=keeper, body={"name": "窓口 3"})).body
    at, bound = {"staff_id": made["id"]}, {"terminals": [terminal["id"]]}
    assert (await api.call("set-staff-conditions", by=keeper, path=at, body=bound)).status == 204
    assert (await api.call("show-me", token=token)).slug == "session-revoked"
    assert (await let_in(api, made["login"])).slug == "credentials-refused"
    assert (await let_in(api, made["login"], terminal_key=terminal["key"])).status == 200
    entries = await logged(api, person=made["id"], terminal=terminal["id"])
    assert [(one["name"], one["outcome"]) for one in entries] == [("login", "done")]
    assert [one["name"] for one in await logged(api, about=terminal["id"])] == [
        "register-terminal",
        "terminal.register",
    ]


async def test_an_account_is_bound_to_no_terminal_that_is_closed_or_nobodys(api: Api) -> None:
    keeper = keeper_of(api)
    made, token = await working(api)
    terminal = (await api.call("register-terminal", by=keeper, body={"name": "窓口 4"})).body["id"]
    closed = (await api.call("register-terminal", by=keeper, body={"name": "窓口 5"})).body["id"]
    assert (await api.call("close-terminal", by=keeper, path={"terminal_id": closed})).status == 204
    for wrong in (closed, "trm_" + "a" * 26):
        body, at = {"terminals": [terminal, wrong]}, {"staff_id": made["id"]}
        answer = await api.call("set-staff-conditions", by=keeper, path=at, body=body)
        assert (answer.slug, [one["pointer"] for one in answer.body["errors"]]) == ("invalid-field", ["$.terminals[1]"])
    assert (await api.call("show-me", token=token)).status == 200


async def test_an_account_can_be_made_for_a_time(api: Api) -> None:
    now = api.house.clock.machine()
    ended = await newcomer(api, valid_until=(now - timedelta(seconds=1)).isoformat())
    assert (await api.log_in(ended["login"])).slug == "credentials-refused"
    lasting = await newcomer(api, valid_until=(now + timedelta(hours=1)).isoformat())
    assert (await api.log_in(lasting["login"])).status == 200


# --- four eyes through delegation ---------------------------------------------------------------------------------


async def delegated(api: Api, delegator: str, deputy: str, duty: Duty) -> dict[str, Any]:
    until = (api.house.clock.machine() + timedelta(hours=1)).isoformat()
    body = {"delegator": delegator, "deputy": deputy, "duty": duty, "until": until}
    made = await api.call("delegate-duty", by=keeper_of(api), body=body)
    assert made.status == 201, made.raw
    view: dict[str, Any] = made.body
    return view


async def test_a_deputy_does_not_release_what_the_delegator_prepared_and_somebody_else_does(api: Api) -> None:
    ask = api.parties.world.cast.protected
    one = await api.hire(ask.provider, Duty.REVIEW)
    both, other = await api.hire(ask.provider, Duty.RELEASE), await api.hire(ask.provider, Duty.REVIEW)
    charge = {"office": "x", "duties": ["review", "release"]}
    await api.call("charge-staff", by=keeper_of(api), path={"staff_id": await id_of(api, one)}, body=charge)
    api.tokens.pop(one)
    await delegated(api, await id_of(api, one), await id_of(api, other), Duty.RELEASE)
    api.tokens.pop(other)
    at = {"exchange": await api.held(ask)}
    await api.call("prepare-provision", by=one, path=at, body={"choice": "confirm"})
    for name in ("release-provision", "return-provision"):
        assert (await api.call(name, by=other, path=at)).slug == "four-eyes"
    assert (await api.call("release-provision", by=both, path=at)).body["state"] == "ended"


async def test_nobody_releases_what_the_own_deputy_prepared(api: Api) -> None:
    ask = api.parties.world.cast.protected
    one, deputy = await api.hire(ask.provider, Duty.RELEASE), await api.hire(ask.provider, Duty.READ_RECORDS)
    charge = {"office": "x", "duties": ["review", "release"]}
    await api.call("charge-staff", by=keeper_of(api), path={"staff_id": await id_of(api, one)}, body=charge)
    api.tokens.pop(one)
    await delegated(api, await id_of(api, one), await id_of(api, deputy), Duty.REVIEW)
    api.tokens.pop(deputy)
    at = {"exchange": await api.held(ask)}
    prepared = await api.call("prepare-provision", by=deputy, path=at, body={"choice": "confirm"})
    assert prepared.body["state"] == "prepared"
    assert (await api.call("release-provision", by=one, path=at)).slug == "four-eyes"


async def test_a_delegation_that_would_make_a_forbidden_pair_is_refused_by_name(api: Api) -> None:
    agency = agency_of(api)
    auditor, releaser = await api.hire(agency, Duty.AUDIT), await api.hire(agency, Duty.RELEASE)
    until = (api.house.clock.machine() + timedelta(hours=1)).isoformat()
    people = {"delegator": await id_of(api, releaser), "deputy": await id_of(api, auditor)}
    refused = await api.call("delegate-duty", by=keeper_of(api), body=people | {"duty": "release", "until": until})
    assert (refused.slug, "audit" in refused.body["detail"]) == ("duties-conflict", True)
