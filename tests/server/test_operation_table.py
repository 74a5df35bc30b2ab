"""The table of operations: what cannot be declared, and that nothing is served that was not."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from aiohttp import web
from msgspec import Struct

from authz.duties import PrincipalKind
from gateway.interfaces.operation import AnyOperation, Call, Reply
from gateway.interfaces.surface import build, undeclared
from sympho.codes import AgencyCode, LinkageCode, UnifiedNumber
from tests.server.operation_toys import TABLE, Ask, Book, asking, authenticate, keyed, moment, served, toy


async def test_a_route_that_no_operation_declares_is_found() -> None:
    app = web.Application()
    build(app, TABLE, authenticate, Book().write, moment=moment)
    assert undeclared(app, TABLE) == []
    assert undeclared(app, TABLE[1:]) == ["POST /asks"]

    async def smuggled(request: web.Request) -> web.Response:
        return web.Response()

    app.router.add_post("/debug", smuggled)
    assert undeclared(app, TABLE) == ["POST /debug"]


def test_two_operations_share_neither_a_name_nor_a_place() -> None:
    def make(*operations: AnyOperation) -> None:
        build(web.Application(), operations, authenticate, Book().write, moment=moment)

    with pytest.raises(ValueError, match="declared twice: one"):
        make(toy("one", "GET", "/a"), toy("one", "GET", "/b"))
    with pytest.raises(ValueError, match=r"declared twice: GET /a/\{\}"):
        make(toy("one", "GET", "/a/{x}"), toy("two", "GET", "/a/{y}"))


class Loose(Struct):
    items: tuple[str, ...] = ()


class Naive(Struct, forbid_unknown_fields=True):
    at: datetime


class Telling(Struct):
    code: LinkageCode


class Pointing(Struct, forbid_unknown_fields=True):
    number: UnifiedNumber | None = None


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"duty": None}, "names no duty"),
        ({"principals": frozenset()}, "nobody may call it"),
        ({"principals": frozenset(PrincipalKind)}, "what is for anyone"),
        ({"self_service": True}, "self-service needs no"),
        ({"method": "POST", "request": Loose}, "takes unknown fields"),
        ({"method": "POST", "request": Naive}, "naive time"),
        ({"query": Pointing}, "in a URL"),
        ({"responses": {200: Telling}}, "LinkageCode may not pass"),
        ({"request": Ask}, "has no body"),
        ({"idempotent": True}, "no idempotency key"),
        ({"responses": {200: dict}}, "a response is"),
        ({"responses": {}}, "a response is"),
        ({"name": "Do It"}, "its name"),
        ({"path_types": {"x": AgencyCode}}, "its path"),
        ({"problems": frozenset({"oops"})}, "closed table"),
    ],
)
def test_an_operation_that_would_be_unsafe_cannot_be_declared(more: dict[str, Any], why: str) -> None:
    settings = {"name": "it", "method": "GET", "path": "/it"} | more
    with pytest.raises(ValueError, match=why):
        toy(**settings)


async def test_the_fingerprint_of_a_call_differs_with_the_body_and_with_nothing_else() -> None:
    prints: list[bytes] = []

    async def remember(call: Call[Ask, None]) -> Reply:
        prints.append(call.fingerprint())
        return Reply(204)

    table = (toy("remember", "POST", "/it", request=Ask, handler=remember, idempotent=True),)
    async with served(Book(), table) as client:
        for body in (asking(), asking(), asking(note="x")):
            await client.post("/it", data=body, headers=keyed())
    assert prints[0] == prints[1] != prints[2]
