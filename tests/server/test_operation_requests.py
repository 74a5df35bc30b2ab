"""What a caller sends: body, headers, query; each broken rule has its name and no value is ever quoted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.server.operation_toys import NUMBER, Book, Client, asking, by, keyed, served, slug


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
async def client(book: Book) -> AsyncIterator[Client]:
    async with served(book) as client:
        yield client


async def errors(client: Client, body: bytes) -> list[tuple[str, str]]:
    response = await client.post("/asks", data=body, headers=keyed())
    assert await slug(response) == "invalid-field"
    assert NUMBER not in await response.text()
    return [(one["pointer"], one["rule"]) for one in (await response.json(content_type=None))["errors"]]


async def test_every_broken_rule_is_named_at_once_and_no_value_is_quoted(client: Client) -> None:
    body = asking(
        number="1" + NUMBER, items=[{"code": "TM00000000000002"}, {"year": "x"}], colour=NUMBER, note=NUMBER,
        since="2024-01-01T00:00:00",
    )  # fmt: skip
    found = await errors(client, body)
    assert found == [
        ("$.number", "団体内統合宛名番号: 15 digits expected"),
        ("$.items[1].code", "required"),
        ("$.items[1].year", "Expected `int`, got `str`"),
        ("$.colour", "not one of the values"),
        ("$.note", "Expected `str` of length <= 5"),
        ("$.since", "Expected `datetime` with a timezone component"),
    ]


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59Z"])
async def test_a_moment_that_some_zone_has_no_day_for_is_named_by_its_place(client: Client, since: str) -> None:
    assert await errors(client, asking(since=since)) == [("$.since", "a year from 0002 to 9998 expected")]


async def test_an_unknown_field_is_refused_without_repeating_its_name(client: Client) -> None:
    found = await errors(client, asking(**{NUMBER: 1}))
    assert found == [("$", "unknown name; known: number, information, items, colour, note, since")]


async def test_a_body_with_hundreds_of_slips_names_only_twenty_of_them(client: Client) -> None:
    assert len(await errors(client, asking(items=[{}] * 400))) == 20


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"number": "\xff"}', b"[" * 1500, b"{} x"])
async def test_what_is_no_json_is_malformed(client: Client, body: bytes) -> None:
    assert await slug(await client.post("/asks", data=body, headers=keyed())) == "malformed-body"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [({"Content-Type": "text/plain"}, "unsupported-media-type"),
     ({"Content-Type": "application/json; charset=shift_jis"}, "unsupported-media-type"),
     ({"Content-Encoding": "gzip"}, "unsupported-media-type"),
     ({"Accept": "text/html, application/json;q=0"}, "not-acceptable"),
     ({"Idempotency-Key": ""}, "idempotency-key-missing"),
     ({"Idempotency-Key": "a b"}, "invalid-field"),
     ({"Idempotency-Key": "k" * 256}, "invalid-field")],
)  # fmt: skip
async def test_headers_that_do_not_fit_are_refused_by_name(
    client: Client, headers: dict[str, str], expected: str
) -> None:
    response = await client.post("/asks", data=asking(), headers=keyed(**headers))
    assert await slug(response) == expected


@pytest.mark.parametrize(
    "headers",
    [{"Content-Type": "application/json; charset=UTF-8"}, {"Accept": "text/html, application/*;q=0.1"},
     {"Idempotency-Key": "k" * 255}],
)  # fmt: skip
async def test_headers_that_fit_in_another_wording_are_accepted(client: Client, headers: dict[str, str]) -> None:
    assert (await client.post("/asks", data=asking(), headers=keyed(**headers))).status == 201


@pytest.mark.parametrize(
    ("prefer", "seconds"), [("wait=10", 10), ('wait = "9"; x', 9), ("wait=99999", 30), ("wait=-1", 0), ("x, WAIT=2", 2)]
)
async def test_a_wait_is_bounded_and_one_not_understood_is_none(client: Client, prefer: str, seconds: int) -> None:
    response = await client.post("/asks", data=asking(), headers=keyed(Prefer=prefer))
    assert (await response.json())["wait"] == seconds


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_over_the_limit_is_refused_whether_its_length_is_announced_or_not(
    client: Client, *, announced: bool
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b" " * 500

    data: Any = b" " * 2001 if announced else pieces()
    assert await slug(await client.post("/asks", data=data, headers=keyed())) == "too-large"


async def test_a_body_where_none_is_expected_is_refused(client: Client) -> None:
    assert await slug(await client.post("/logout", data=b"{}", headers=by("asker"))) == "malformed-body"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "10 0"),
        ("?limit=5", "5 0"),
        ("?information=TM00000000000002&information=TM00000000000004", "10 2"),
    ],
)  # fmt: skip
async def test_query_parameters_become_values_of_their_types(client: Client, query: str, said: str) -> None:
    assert (await (await client.get(f"/asks{query}", headers=by("asker"))).json())["said"] == said


@pytest.mark.parametrize(
    ("query", "pointer"),
    [("limit=0", "query.limit"), ("limit=x", "query.limit"), ("limit=1&limit=2", "query.limit"), ("other=1", "query"),
     ("information=TM1", "query.information[0]")],
)  # fmt: skip
async def test_a_query_that_breaks_a_rule_names_the_parameter(client: Client, query: str, pointer: str) -> None:
    response = await client.get(f"/asks?{query}", headers=by("asker"))
    assert [one["pointer"] for one in (await response.json(content_type=None))["errors"]] == [pointer]
    assert await slug(await client.post("/logout?x=1", headers=by("asker"))) == "invalid-field"
