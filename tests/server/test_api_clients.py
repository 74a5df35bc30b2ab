"""Business systems over OAuth 2: the token endpoint as RFC 6749 wants it, scopes, assertions, metadata, closing."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import jwt
import pytest

from authz.duties import Duty
from gateway.interfaces.operation import FORM
from tests.server.api import Answered, Api, asking
from tests.server.test_api_staff import agency_of, keeper_of, logged

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
WHO = {"person": {"unified": "000000000000000"}}


async def admitted(api: Api, **more: object) -> dict[str, str]:
    body = {"name": "健康管理", "system": "024", "operations": ["search-duplicates", "search-flags"], **more}
    made = await api.call("create-client", by=keeper_of(api), body=body)
    assert made.status == 201
    credential: dict[str, str] = made.body
    return credential


async def posted(api: Api, raw: str, **headers: str) -> Answered:
    return await api.call("issue-client-token", raw=raw.encode(), headers={"Content-Type": FORM, **headers})


def basic(made: dict[str, str], secret: str = "") -> str:
    shown = f"{quote(made['client_id'])}:{quote(secret or made['secret'])}"
    return "Basic " + base64.b64encode(shown.encode()).decode()


def signed(api: Api, made: dict[str, str], jti: str, **more: object) -> dict[str, str]:
    at = int(api.house.clock.machine().timestamp())
    claims = {"iss": made["client_id"], "sub": made["client_id"], "aud": api.house.url, "exp": at + 60, "jti": jti}
    text = jwt.encode(claims | more, made["secret"], algorithm="HS256")
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": text}


async def test_a_secret_in_the_form_or_in_the_header_gets_a_bearer_token_that_nobody_keeps(api: Api) -> None:
    made = await admitted(api)
    in_form = await api.client_log_in(made["client_id"], made["secret"])
    in_header = await posted(api, "grant_type=client_credentials", Authorization=basic(made))
    for answer in (in_form, in_header):
        assert (answer.status, answer.body["token_type"], answer.body["expires_in"]) == (200, "Bearer", 900)
        assert answer.body["scope"] == "search-duplicates search-flags"
        assert (answer.headers["Cache-Control"], answer.headers["Pragma"]) == ("no-store", "no-cache")
        called = await api.call("search-duplicates", token=answer.body["access_token"], body=WHO)
        assert called.status == 200


async def test_a_scope_narrows_the_token(api: Api) -> None:
    made = await admitted(api)
    answer = await api.client_log_in(made["client_id"], made["secret"], scope="search-flags")
    token = answer.body["access_token"]
    assert answer.body["scope"] == "search-flags"
    assert (await api.call("search-duplicates", token=token, body=WHO)).slug == "wrong-duty"
    assert (await api.call("search-flags", token=token, body=WHO)).slug == "not-found"
    wider = await api.client_log_in(made["client_id"], made["secret"], scope="register-inquiry")
    assert (wider.status, wider.body["error"]) == (400, "invalid_scope")


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        ("", "invalid_request"),
        ("grant_type=password", "unsupported_grant_type"),
        ("grant_type=authorization_code&code=x", "unsupported_grant_type"),
        ("client_id=x&client_secret=y", "invalid_request"),
        ("grant_type=client_credentials&grant_type=client_credentials", "invalid_request"),
        ("grant_type=client_credentials&client_secret=a&client_assertion=b", "invalid_request"),
        ("grant_type=client_credentials&client_assertion=b", "invalid_request"),
        ("grant_type=client_credentials&%ff=%ff", "invalid_request"),
        ("grant_type=client_credentials", "invalid_client"),
        ("grant_type=client_credentials&client_id=cli_aaaaaaaaaaaaaaaaaaaaaaaaaa&client_secret=x", "invalid_client"),
        ("grant_type=client_credentials&client_id=%00&client_secret=%F0%9F%98%80", "invalid_client"),
    ],
)
async def test_a_request_that_breaks_the_protocol_is_told_so_in_its_own_words(api: Api, raw: str, error: str) -> None:
    answer = await posted(api, raw)
    assert (answer.status, answer.body["error"]) == (401 if error == "invalid_client" else 400, error)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"


async def test_a_wrong_secret_in_the_header_is_answered_with_a_challenge_and_logged(api: Api) -> None:
    made = await admitted(api)
    answer = await posted(api, "grant_type=client_credentials", Authorization=basic(made, "guessed"))
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Basic realm="sympho"')
    for odd in ("Basic", "Basic !!!", "Bearer x", "Basic " + base64.b64encode(b"\xff").decode()):
        assert (await posted(api, "grant_type=client_credentials", Authorization=odd)).body["error"] == "invalid_client"
    [entry] = await logged(api, person=made["client_id"], outcome="refused")
    assert (entry["name"], entry["reason"]) == ("client.login", "wrong-secret")


async def test_what_is_no_form_and_what_is_too_long_stay_problems(api: Api) -> None:
    raw = json.dumps({"grant_type": "client_credentials"}).encode()
    assert (await api.call("issue-client-token", raw=raw)).slug == "unsupported-media-type"
    assert (await posted(api, "grant_type=" + "x" * 70_000)).slug == "too-large"


async def test_a_client_that_signs_gets_one_token_for_one_assertion(api: Api) -> None:
    made = await admitted(api, method="client_secret_jwt")
    form = signed(api, made, "one")
    assert (await api.client_log_in(**form)).status == 200
    assert (await api.client_log_in(**form)).body["error"] == "invalid_client"
    assert (await api.client_log_in(**signed(api, made, "two", aud=api.house.url + "/oauth/token"))).status == 200
    for wrong in ({"aud": "https://elsewhere"}, {"iss": "cli_" + "a" * 26}, {"exp": 1}):
        assert (await api.client_log_in(**signed(api, made, "three", **wrong))).body["error"] == "invalid_client"
    assert (await api.client_log_in(made["client_id"], made["secret"])).body["error"] == "invalid_client"


async def test_the_metadata_say_where_and_how(api: Api) -> None:
    told = (await api.call("show-oauth-metadata")).body
    assert told["issuer"] == api.house.url
    assert told["token_endpoint"] == f"{api.house.url}/oauth/token"
    assert "client_secret_jwt" in told["token_endpoint_auth_methods_supported"]
    assert "register-inquiry" in told["scopes_supported"]
    async with api.session.get(told["jwks_uri"]) as response:
        kids = {key["kid"] for key in (await response.json())["keys"]}
    made = await admitted(api)
    token = (await api.client_log_in(made["client_id"], made["secret"])).body["access_token"]
    assert jwt.get_unverified_header(token)["kid"] in kids


async def test_clients_are_listed_to_their_keeper_without_a_secret_and_not_to_others(api: Api) -> None:
    made = await admitted(api, tasks=[api.parties.world.cast.tax.task])
    listed = await api.call("list-clients", by=keeper_of(api))
    rows: list[dict[str, Any]] = listed.body["clients"]
    [row] = [one for one in rows if one["client_id"] == made["client_id"]]
    assert (row["method"], row["tasks"]) == ("client_secret", [api.parties.world.cast.tax.task])
    assert made["secret"].encode() not in listed.raw
    abroad = api.login_with(Duty.MANAGE_STAFF, api.parties.world.cast.tax.inquirer)
    assert api.passwords[abroad][0] != agency_of(api)
    seen = (await api.call("list-clients", by=abroad)).body["clients"]
    assert made["client_id"] not in {one["client_id"] for one in seen}
    at = {"client_id": made["client_id"]}
    for name in ("disable-client", "replace-client-secret"):
        assert (await api.call(name, by=abroad, path=at)).slug == "not-found"


async def test_a_task_of_a_scope_narrows_what_may_be_asked_for(api: Api) -> None:
    ask = api.parties.world.cast.tax
    made = await admitted(api, tasks=[ask.task])
    other = "JM90000000000016" if ask.task != "JM90000000000016" else "JM90000000000018"
    refused = await api.client_log_in(made["client_id"], made["secret"], scope=other)
    assert refused.body["error"] == "invalid_scope"
    granted = await api.client_log_in(made["client_id"], made["secret"], scope=f"search-flags {ask.task}")
    assert granted.body["scope"] == f"search-flags {ask.task}"


async def test_what_was_asked_for_one_task_is_not_shown_to_a_client_of_another_nor_taken_back_by_it(api: Api) -> None:
    ask = api.parties.world.cast.tax
    other = "JM90000000000016" if ask.task != "JM90000000000016" else "JM90000000000018"
    of_one = ("show-inquiry", "show-inquiry-request", "show-inquiry-result", "withdraw-inquiry", "show-withdrawal")
    names = ("register-inquiry", "list-inquiries", *of_one)

    async def client(task: str) -> str:
        made = await api.client(ask.inquirer, names, ask.person.system)
        answer = await api.client_log_in(made.client_id, made.secret, scope=" ".join((*names, task)))
        return str(answer.body["access_token"])

    asker, colleague, stranger = [await client(task) for task in (ask.task, ask.task, other)]
    asked = await api.call("register-inquiry", token=asker, body=asking(ask), headers={"Prefer": "wait=5"})
    exchange = asked.body["exchange"]
    for name in of_one:
        assert (await api.call(name, token=stranger, path={"exchange": exchange})).slug == "not-found", name
    for token, shown in ((stranger, False), (colleague, True)):
        listed = (await api.call("list-inquiries", token=token)).body["inquiries"]
        assert (exchange in {one["exchange"] for one in listed}) is shown
    assert (await api.call("show-inquiry-result", token=colleague, path={"exchange": exchange})).body == asked.body
    refused = await api.call("register-inquiry", token=stranger, body=asking(ask))
    assert refused.body["reasons"] == ["task-not-allowed"]
    own = await api.call("show-inquiry-result", token=stranger, path={"exchange": refused.body["exchange"]})
    assert own.body == refused.body
