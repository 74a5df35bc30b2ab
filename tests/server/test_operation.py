"""The one place that every call passes: who is let in, what is answered, what is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from authz.operations import OperationOutcome
from tests.server.operation_toys import (
    AGENCY,
    BUGS,
    EXCHANGE,
    NUMBER,
    OTHER,
    Book,
    Client,
    asking,
    by,
    keyed,
    served,
    slug,
)


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
async def client(book: Book) -> AsyncIterator[Client]:
    async with served(book) as client:
        yield client


# --- who calls ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "expected"),
    [("", "unauthenticated"), ("old", "token-expired"), ("auditor", "wrong-duty"), ("stranger", "wrong-duty"),
     ("party", "wrong-principal")],
)  # fmt: skip
async def test_who_is_not_known_or_not_allowed_is_refused_before_the_body_is_looked_at(
    client: Client, token: str, expected: str
) -> None:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    response = await client.post("/asks", data=b"not json", headers=headers)
    assert await slug(response) == expected
    assert ("WWW-Authenticate" in response.headers) == (response.status == 401)


@pytest.mark.parametrize("token", ["asker", "admitted"])
async def test_staff_with_the_duty_and_systems_admitted_to_the_operation_are_served(client: Client, token: str) -> None:
    response = await client.post("/asks", data=asking(), headers=keyed(token, Prefer="respond-async, wait=5"))
    assert response.status == 201
    assert await response.json() == {"said": "TM00000000000002", "wait": 5, "key": "k-1"}
    assert response.headers["Location"] == f"/asks/{EXCHANGE}"


async def test_self_service_needs_a_session_but_no_duty(client: Client) -> None:
    assert (await client.post("/logout", headers=by("auditor"))).status == 204
    assert (await client.post("/logout")).status == 401


async def test_a_party_sends_bytes_that_arrive_unchanged(client: Client) -> None:
    headers = by("party", **{"Content-Type": "application/octet-stream"})
    response = await client.post("/take", data=b"\x00\xff", headers=headers)
    assert response.content_type == "application/jose"
    assert await response.read() == b"\x00\xff" + f"urn:agency:{OTHER}".encode()


async def test_another_bodys_thing_is_refused_by_name(client: Client) -> None:
    assert await slug(await client.get(f"/of/{OTHER}", headers=by("asker"))) == "wrong-agency"
    response = await client.get("/of/12", headers=by("asker"))
    assert (await response.json(content_type=None))["errors"] == [
        {"pointer": "path.agency", "rule": "機関コード: 16 digits expected"}
    ]


async def test_a_personal_number_leaves_only_in_a_body_of_its_declared_type(client: Client) -> None:
    response = await client.get(f"/of/{AGENCY}", headers=by("asker"))
    assert await response.json() == {"number": NUMBER}


# --- what is answered -----------------------------------------------------------------------------------------------


async def test_a_bug_tells_the_caller_an_instance_id_and_nothing_more(client: Client) -> None:
    with capture_logs() as logs:
        response = await client.get("/fail/bug", headers=by("asker"))
    assert await slug(response) == "internal"
    assert NUMBER not in await response.text()
    bug = next(line for line in logs if line["event"] == "bug")
    assert bug.pop("exc_info") is BUGS["bug"]
    assert bug["request"] == response.headers["X-Request-Id"]
    assert NUMBER not in repr(logs)


async def test_a_reply_that_the_operation_does_not_declare_is_a_bug_and_stays_inside(client: Client) -> None:
    assert await slug(await client.get("/lie", headers=by("asker"))) == "internal"


async def test_a_constraint_is_a_conflict_whose_name_stays_in_the_log(client: Client) -> None:
    with capture_logs() as logs:
        response = await client.get("/fail/conflict", headers=by("asker"))
    assert await slug(response) == "conflict"
    assert "staff_login_unique" not in await response.text()
    assert logs[-1]["constraint"] == "staff_login_unique"


async def test_whoever_is_sent_away_busy_is_told_when_to_come_back(client: Client) -> None:
    response = await client.get("/fail/busy", headers=by("asker"))
    assert await slug(response) == "busy"
    assert response.headers["Retry-After"] == "7"


async def test_the_official_message_of_a_refusal_is_given_letter_by_letter(client: Client) -> None:
    refused = await (await client.get("/fail/list", headers=by("asker"))).json(content_type=None)
    assert (
        refused["message"] == "指定された特定個人情報名「ＴＭ０００００００００００００２」の照会は許可されていません。"
    )
    no_code = await (await client.get("/fail/code", headers=by("asker"))).json(content_type=None)
    assert no_code["message"] == "指定された団体内統合宛名番号「＊＊＊＊＊＊＊＊＊＊＊＊＊＊＊」は符号が未取得です。"


@pytest.mark.parametrize("path", ["/asks", "/nowhere", "/health", "/fail/bug"])
async def test_no_answer_may_be_kept_sniffed_or_framed(client: Client, path: str) -> None:
    headers = (await client.get(path, headers=by("asker"))).headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Server"] == "sympho"


async def test_what_is_no_operation_is_not_found_and_a_wrong_method_is_told_the_right_ones(client: Client) -> None:
    assert await slug(await client.get("/nowhere")) == "not-found"
    response = await client.delete("/asks", headers=by("asker"))
    assert await slug(response) == "method-not-allowed"
    assert response.headers["Allow"] == "GET, HEAD, POST, OPTIONS"


async def test_head_is_get_without_a_body_and_options_names_the_methods(client: Client) -> None:
    head = await client.head("/asks", headers=by("asker"))
    assert (head.status, await head.read()) == (200, b"")
    assert (await client.head("/asks")).status == 401
    options = await client.options("/asks")
    assert (options.status, options.headers["Allow"]) == (204, "GET, HEAD, POST, OPTIONS")
    assert (await client.options("/nowhere")).status == 404


# --- what is kept ---------------------------------------------------------------------------------------------------


async def test_every_call_of_an_account_is_recorded_whatever_its_end(client: Client, book: Book) -> None:
    await client.post("/asks", data=asking(), headers=keyed())
    await client.post("/asks", data=asking(), headers=keyed("auditor"))
    await client.get("/fail/bug", headers=by("asker"))
    await client.get("/health")
    assert [(one.name, one.outcome, one.reason) for one in book.entries] == [
        ("ask", OperationOutcome.DONE, ""),
        ("ask", OperationOutcome.REFUSED, "wrong-duty"),
        ("fail-bug", OperationOutcome.FAILED, "internal"),
    ]
    first = book.entries[0]
    assert (first.exchange, first.interface) == (UUID(EXCHANGE), "IF_SKI_10111")
    assert (first.actor.terminal, first.actor.staff_id) == ("desk-7", "stf_" + "a" * 26)


async def test_nothing_is_shown_that_could_not_be_recorded(client: Client, book: Book) -> None:
    book.broken = True
    response = await client.get(f"/of/{AGENCY}", headers=by("asker"))
    assert await slug(response) == "database-unavailable"
    assert NUMBER not in await response.text()


async def test_each_request_leaves_one_wide_line_without_path_query_or_body(client: Client) -> None:
    with capture_logs() as logs:
        await client.post("/asks", data=asking(), headers=keyed())
        await client.get(f"/nowhere/{NUMBER}?n={NUMBER}")
    assert [line["event"] for line in logs] == ["request", "request"]
    line = logs[0]
    assert (line["operation"], line["status"], line["agency"]) == ("ask", 201, AGENCY)
    assert (line["principal"], line["terminal"], line["exchange"]) == ("stf_" + "a" * 26, "desk-7", UUID(EXCHANGE))
    assert {"http", "authenticate", "decide", "reply", "operations-log"} <= set(line["stages"])
    assert NUMBER not in repr(logs)
