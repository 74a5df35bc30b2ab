"""Accounts, sessions and the operations log over HTTP: who may log in, for how long, and every act written down."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest

from authz.duties import Duty
from authz.staff import MOST_TASKS
from sympho.codes import AgencyCode, SystemCode
from tests.server.api import Answered, Api

_names = count(1)
NEW_WORD = "蜃気楼の合言葉 2026"


def agency_of(api: Api) -> AgencyCode:
    return api.parties.world.cast.protected.provider


def keeper_of(api: Api) -> str:
    return api.login_with(Duty.MANAGE_STAFF, agency_of(api))


HEADER = 8190
"""Bytes that a header may have."""
GROUPS = (Duty.INQUIRE, Duty.READ_RECORDS, Duty.REVIEW)
"""Duties that one person may hold together."""


async def newcomer(api: Api, *duties: Duty, **more: object) -> dict[str, str]:
    """A fresh account: id, login and first password."""
    body = {"login": f"new-{next(_names)}", "name": "朱印　はな", "office": "9920100400", "duties": duties, **more}
    made = await api.call("create-staff", by=keeper_of(api), body=body)
    assert made.status == 201
    api.passwords[made.body["login"]] = (agency_of(api), made.body["password"])
    account: dict[str, str] = made.body
    return account


async def working(api: Api, *duties: Duty) -> tuple[dict[str, str], str]:
    """A fresh account whose first password was changed, and a token of it."""
    made = await newcomer(api, *duties)
    token = (await api.log_in(made["login"])).body["token"]
    await api.call("change-password", token=token, body={"old": made["password"], "new": NEW_WORD})
    api.passwords[made["login"]] = (agency_of(api), NEW_WORD)
    return made, (await api.call("renew-token", token=token)).body["token"]


async def logged(api: Api, **query: str) -> list[dict[str, Any]]:
    auditor = api.login_with(Duty.AUDIT, agency_of(api))
    page = await api.call("read-operations", by=auditor, query=query)
    assert page.status == 200
    entries: list[dict[str, Any]] = page.body["operations"]
    return entries


# --- sessions -----------------------------------------------------------------------------------------------------


async def test_a_first_password_opens_nothing_but_its_own_change(api: Api) -> None:
    made = await newcomer(api, Duty.REVIEW)
    first = (await api.log_in(made["login"])).body
    assert (first["must_change_password"], first["staff"]["duties"]) == (True, [])
    assert (await api.call("list-provisions", token=first["token"])).slug == "wrong-duty"
    short = {"old": made["password"], "new": "short"}
    assert (await api.call("change-password", token=first["token"], body=short)).slug == "password-refused"
    wrong = {"old": "not this one either", "new": NEW_WORD}
    assert (await api.call("change-password", token=first["token"], body=wrong)).slug == "credentials-refused"
    right = {"old": made["password"], "new": NEW_WORD}
    assert (await api.call("change-password", token=first["token"], body=right)).status == 204
    renewed = (await api.call("renew-token", token=first["token"])).body
    assert (renewed["must_change_password"], renewed["staff"]["duties"]) == (False, ["review"])
    assert (await api.call("list-provisions", token=renewed["token"])).status == 200


async def test_a_token_that_has_just_expired_is_good_for_its_renewal_and_for_nothing_else(api: Api) -> None:
    stale = await api.stale_token(api.parties.world.cast.tax.login, timedelta(minutes=20))
    assert (await api.call("show-me", token=stale)).slug == "token-expired"
    renewed = await api.call("renew-token", token=stale)
    assert renewed.status == 200
    assert (await api.call("show-me", token=renewed.body["token"])).body["staff"] == renewed.body["staff"]


async def test_a_token_lives_fifteen_minutes_and_its_session_eight_hours(api: Api) -> None:
    body = (await api.log_in(api.parties.world.cast.tax.login)).body
    token, session = (datetime.fromisoformat(body[name]) for name in ("expires_at", "session_ends_at"))
    now = api.house.clock.machine()
    assert timedelta(minutes=14) < token - now <= timedelta(minutes=15)
    assert timedelta(hours=7, minutes=59) < session - now <= timedelta(hours=8)


async def test_the_door_tells_nobody_which_names_bodies_and_passwords_exist(api: Api) -> None:
    cast = api.parties.world.cast
    wrong: list[Answered] = []
    for agency, login in ((cast.tax.inquirer, cast.tax.login), (cast.tax.inquirer, "nobody"), ("0" * 16, "nobody")):
        body = {"agency": agency, "login": login, "password": "guessed", "terminal": "t"}
        wrong.append(await api.call("log-in", body=body))
    told = [{key: value for key, value in one.body.items() if key != "instance"} for one in wrong]
    assert told[0]["type"] == "urn:sympho:problem:credentials-refused"
    assert told == [told[0]] * 3


async def test_guessing_closes_the_account_for_a_while_also_for_the_right_password(api: Api) -> None:
    made = await newcomer(api)
    slugs = [(await api.log_in(made["login"], "wrong")).slug for _ in range(5)]
    assert slugs == ["credentials-refused"] * 5
    locked = await api.log_in(made["login"])
    assert (locked.slug, int(locked.headers["Retry-After"]) >= 1) == ("account-locked", True)
    keeper = keeper_of(api)
    reset = await api.call("reset-staff-password", by=keeper, path={"staff_id": made["id"]})
    assert (await api.log_in(made["login"], reset.body["password"])).status == 200


# --- 権限管理 ------------------------------------------------------------------------------------------------------------


async def test_duties_that_one_person_may_not_hold_are_refused_by_name(api: Api) -> None:
    body = {"login": "both", "name": "台帳谷　そら", "office": "x", "duties": ["audit", "inquire"]}
    refused = await api.call("create-staff", by=keeper_of(api), body=body)
    assert (refused.slug, "audit" in refused.body["detail"]) == ("duties-conflict", True)


async def test_an_account_with_as_many_tasks_as_it_may_have_is_served(api: Api) -> None:
    tasks = [f"JM{n:014d}" for n in range(MOST_TASKS + 1)]
    made = await newcomer(api, *GROUPS, tasks=tasks[1:])
    token = (await api.log_in(made["login"])).body["token"]
    assert MOST_TASKS * 16 < len(token) < HEADER
    assert (await api.call("show-me", token=token)).status == 200
    body = {"login": "too-many", "name": "朱印　はな", "office": "9920100400", "duties": [], "tasks": tasks}
    refused = await api.call("create-staff", by=keeper_of(api), body=body)
    assert (refused.slug, [one["pointer"] for one in refused.body["errors"]]) == ("invalid-field", ["$.tasks"])


@pytest.mark.parametrize("name", ["　", " 朱印", "朱印\u202eはな", "\u200b"])
async def test_a_name_begins_with_something_seen_and_runs_in_one_direction(api: Api, name: str) -> None:
    body = {"login": f"new-{next(_names)}", "name": name, "office": "9920100400", "duties": []}
    refused = await api.call("create-staff", by=keeper_of(api), body=body)
    assert (refused.slug, [one["pointer"] for one in refused.body["errors"]]) == ("invalid-field", ["$.name"])


async def test_a_login_name_is_given_once_in_a_body(api: Api) -> None:
    made = await newcomer(api)
    again = {"login": made["login"], "name": "朱印　はな", "office": "x", "duties": []}
    assert (await api.call("create-staff", by=keeper_of(api), body=again)).slug == "conflict"


async def test_accounts_are_listed_without_anything_of_their_passwords(api: Api) -> None:
    made = await newcomer(api, Duty.REVIEW)
    listed = await api.call("list-staff", by=keeper_of(api))
    assert made["login"] in {one["login"] for one in listed.body["staff"]}
    assert b"argon2" not in listed.raw


async def test_other_duties_end_the_session_and_hold_from_the_next_login_on(api: Api) -> None:
    made, token = await working(api, Duty.REVIEW)
    assert (await api.call("list-provisions", token=token)).status == 200
    charge = {"office": "9920100400", "duties": ["inquire"], "tasks": [api.parties.world.cast.tax.task]}
    changed = await api.call("charge-staff", by=keeper_of(api), path={"staff_id": made["id"]}, body=charge)
    assert changed.status == 204
    assert (await api.call("list-provisions", token=token)).slug == "session-revoked"
    staff = (await api.log_in(made["login"])).body["staff"]
    assert (staff["duties"], staff["tasks"]) == (["inquire"], [api.parties.world.cast.tax.task])


async def test_a_closed_account_is_out_at_once_and_in_again_once_it_is_opened(api: Api) -> None:
    made, token = await working(api, Duty.REVIEW)
    at = {"staff_id": made["id"]}
    assert (await api.call("disable-staff", by=keeper_of(api), path=at)).status == 204
    assert (await api.call("show-me", token=token)).slug == "session-revoked"
    assert (await api.log_in(made["login"])).slug == "credentials-refused"
    assert (await api.call("enable-staff", by=keeper_of(api), path=at)).status == 204
    assert (await api.log_in(made["login"])).status == 200


async def test_a_lost_terminals_sessions_are_ended_by_whoever_cares_for_accounts(api: Api) -> None:
    made, token = await working(api, Duty.REVIEW)
    ended = await api.call("revoke-staff-sessions", by=keeper_of(api), path={"staff_id": made["id"]})
    assert ended.status == 204
    assert (await api.call("show-me", token=token)).slug == "session-revoked"


async def test_nobody_changes_the_own_account(api: Api) -> None:
    keeper = keeper_of(api)
    me = (await api.call("show-me", by=keeper)).body["staff"]["id"]
    for name in ("disable-staff", "reset-staff-password"):
        assert (await api.call(name, by=keeper, path={"staff_id": me})).slug == "wrong-duty"


async def test_an_id_that_can_be_nobodys_is_a_slip_and_not_an_error(api: Api) -> None:
    for wrong in ("stf_", "cli_" + "a" * 26, "123456789012", "' OR 1=1"):
        assert (await api.call("disable-staff", by=keeper_of(api), path={"staff_id": wrong})).slug == "invalid-field"


# --- 業務システム ---------------------------------------------------------------------------------------------------------


async def test_a_business_system_inquires_as_an_office_of_its_own(api: Api) -> None:
    ask = api.parties.world.cast.tax
    token = await api.client_token(
        ask.inquirer, {"register-inquiry", "show-inquiry-result", "list-inquiries"}, SystemCode("024")
    )
    from_the_system = await api.call(
        "register-inquiry", token=token, headers={"Prefer": "wait=5"},
        body={"person": {"unified": api.parties.person_of(ask).reveal()}, "provider": ask.provider, "task": ask.task,
              "information": ask.information},
    )  # fmt: skip
    assert from_the_system.body["outcome"] == "provided"
    at = {"exchange": from_the_system.body["exchange"]}
    assert (await api.call("show-inquiry-result", token=token, path=at)).body == from_the_system.body
    assert (await api.call("show-inquiry-result", by=ask.login, path=at)).slug == "not-found"


async def test_a_business_system_is_admitted_closed_and_given_another_secret_by_its_own_body(api: Api) -> None:
    keeper = keeper_of(api)
    body = {"name": "健康管理", "system": "024", "operations": ["search-duplicates"]}
    strange = body | {"operations": ["search-duplicates", "release-provision"]}
    refused = await api.call("create-client", by=keeper, body=strange)
    assert [one["pointer"] for one in refused.body["errors"]] == ["$.operations[1]"]
    made = (await api.call("create-client", by=keeper, body=body)).body
    at = {"client_id": made["client_id"]}

    async def log_in(secret: str) -> Answered:
        return await api.client_log_in(made["client_id"], secret)

    token = (await log_in(made["secret"])).body["access_token"]
    assert (await log_in("guessed")).body["error"] == "invalid_client"
    other = (await api.call("replace-client-secret", by=keeper, path=at)).body["secret"]
    assert (await log_in(made["secret"])).body["error"] == "invalid_client"
    who = {"person": {"unified": "000000000000000"}}
    assert (await api.call("search-duplicates", token=token, body=who)).slug == "session-revoked"
    token = (await log_in(other)).body["access_token"]
    assert (await api.call("search-duplicates", token=token, body=who)).status == 200
    assert (await api.call("disable-client", by=keeper, path=at)).status == 204
    assert (await api.call("search-duplicates", token=token, body=who)).slug == "session-revoked"
    assert (await log_in(other)).body["error"] == "invalid_client"


# --- 操作記録 ------------------------------------------------------------------------------------------------------------


async def test_every_login_failure_look_and_logout_is_written_down_with_person_terminal_and_time(api: Api) -> None:
    made = await newcomer(api)
    await api.log_in(made["login"], "wrong", terminal="desk-12")
    token = (await api.log_in(made["login"], terminal="desk-12")).body["token"]
    await api.call("show-me", token=token)
    await api.call("list-provisions", token=token)
    await api.call("log-out", token=token)
    entries = (await logged(api, person=made["id"]))[::-1]
    assert [(one["name"], one["outcome"], one["reason"]) for one in entries] == [
        ("login", "refused", "wrong-password"),
        ("login", "done", ""),
        ("show-me", "done", ""),
        ("list-provisions", "refused", "wrong-duty"),
        ("logout", "done", ""),
        ("log-out", "done", ""),
    ]
    assert {one["terminal"] for one in entries} == {"desk-12"}
    assert all(datetime.fromisoformat(one["at"]).tzinfo and one["machine_at"] for one in entries)


async def test_each_look_at_a_content_is_in_the_log_under_its_exchange(api: Api) -> None:
    ask = api.parties.world.cast.protected
    exchange = await api.held(ask)
    reviewer = api.login_of(ask.provider, "reviewer-1")
    me = (await api.call("show-me", by=reviewer)).body["staff"]["id"]
    for _ in range(2):
        await api.call("show-provision-content", by=reviewer, path={"exchange": exchange})
    looks = await logged(api, exchange=exchange, name="show-provision-content", outcome="done")
    assert [(one["person"], one["interface"]) for one in looks] == [(me, "IF_TKY_11912")] * 2


async def test_an_account_that_was_changed_is_named_in_the_log(api: Api) -> None:
    made = await newcomer(api)
    await api.call("disable-staff", by=keeper_of(api), path={"staff_id": made["id"]})
    names = {one["name"] for one in await logged(api) if one["about"] == made["id"]}
    assert {"create-staff", "disable-staff"} <= names


async def test_the_log_is_read_page_by_page_and_between_times(api: Api) -> None:
    made, token = await working(api)
    await asyncio.gather(*(api.call("show-me", token=token) for _ in range(5)))
    first = await logged(api, person=made["id"], limit="3")
    rest = await logged(api, person=made["id"], before=str(first[-1]["seq"]))
    whole = await logged(api, person=made["id"])
    assert [one["seq"] for one in first + rest] == [one["seq"] for one in whole]
    at = whole[0]["at"]
    assert await logged(api, person=made["id"], until=at) == []
    assert len(await logged(api, person=made["id"], since=at)) == len(whole)
    auditor = api.login_with(Duty.AUDIT, agency_of(api))
    odd = await api.call("read-operations", by=auditor, query={"person": "123456789012"})
    assert odd.slug == "invalid-field"
