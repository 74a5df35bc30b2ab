"""Toy operations for the tests of the one place that every call passes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from msgspec import Meta, Struct

from authz.duties import Duty, PrincipalKind
from authz.operations import Moment
from authz.operations import Operation as Entry
from authz.principals import StaffPrincipal, SystemPrincipal
from gateway.interfaces.operation import AnyOperation, Call, Operation, Reply
from gateway.interfaces.principals import Credentials, PartyPrincipal, Principal
from gateway.interfaces.surface import build
from gateway.problems import Busy, Conflict, Problem
from gateway.stages import mark
from sympho.codes import AgencyCode, InformationCode, SystemCode, UnifiedNumber

AGENCY = AgencyCode("0220001000601700")
OTHER = AgencyCode("0220101100201700")
EXCHANGE = "0193a3c4-0000-7000-8000-000000000001"
NUMBER = "987654321012345"
NOW = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)

Client = TestClient[web.Request, web.Application]


class Colour(StrEnum):
    RED = "red"


class Item(Struct, frozen=True, forbid_unknown_fields=True):
    code: InformationCode
    year: int = 2024


class Ask(Struct, frozen=True, forbid_unknown_fields=True):
    number: UnifiedNumber
    information: InformationCode
    items: tuple[Item, ...] = ()
    colour: Colour = Colour.RED
    note: Annotated[str, Meta(max_length=5)] = ""
    since: Annotated[datetime, Meta(tz=True)] | None = None


class Page(Struct, frozen=True, forbid_unknown_fields=True):
    limit: Annotated[int, Meta(ge=1, le=100)] = 10
    information: tuple[InformationCode, ...] = ()


class View(Struct, frozen=True):
    said: str
    wait: int = 0
    key: str = ""


class Person(Struct, frozen=True):
    number: UnifiedNumber


def staff(*duties: Duty) -> StaffPrincipal:
    return StaffPrincipal(
        AGENCY, "stf_" + "a" * 26, "3595", frozenset(duties), None, "ses_" + "b" * 26, "desk-7", NOW + timedelta(1)
    )


def system(*operations: str) -> SystemPrincipal:
    session = "cli_" + "c" * 26 + ".1"
    return SystemPrincipal(
        AGENCY, "cli_" + "c" * 26, SystemCode("001"), None, frozenset(operations), session, NOW + timedelta(1)
    )


TOKENS: dict[str, Principal] = {
    "asker": staff(Duty.INQUIRE),
    "auditor": staff(Duty.AUDIT),
    "admitted": system("ask", "list"),
    "stranger": system(),
    "party": PartyPrincipal(frozenset({OTHER}), frozenset()),
}


async def authenticate(credentials: Credentials) -> Principal:
    if credentials.token not in TOKENS:
        raise Problem("token-expired")
    return TOKENS[credentials.token]


async def ask(call: Call[Ask, None]) -> Reply:
    call.concerns(UUID(EXCHANGE))
    mark("decide")
    said = call.body.information
    return Reply(201, View(said, call.wait, call.idempotency_key), {"Location": f"/asks/{EXCHANGE}"})


async def list_asks(call: Call[None, Page]) -> Reply:
    return Reply(body=View(f"{call.query.limit} {len(call.query.information)}"))


async def show(call: Call[None, None]) -> Reply:
    call.own(AgencyCode(call.path["agency"]))
    return Reply(body=Person(UnifiedNumber(NUMBER)))


async def health(call: Call[None, None]) -> Reply:
    return Reply(204)


async def take(call: Call[bytes, None]) -> Reply:
    return Reply(body=call.raw + call.party.identity.encode())


def failing(what: Exception) -> Callable[[Call[None, None]], Awaitable[Reply]]:
    async def handler(call: Call[None, None]) -> Reply:
        raise what

    return handler


BUGS: dict[str, Exception] = {
    "bug": RuntimeError(f"row ({NUMBER}) violates"),
    "conflict": Conflict("staff_login_unique"),
    "busy": Busy(7),
    "code": Problem("code-not-held"),
    "list": Problem("list-not-permitted", information=InformationCode("TM00000000000002")),
}

STAFF_AND_SYSTEM = frozenset({PrincipalKind.STAFF, PrincipalKind.SYSTEM})
STAFF = frozenset({PrincipalKind.STAFF})


def toy(name: str, method: str, path: str, **more: Any) -> AnyOperation:
    settings: dict[str, Any] = {
        "summary_ja": "試し",
        "summary_en": "Toy",
        "principals": STAFF,
        "duty": Duty.INQUIRE,
        "responses": {204: None},
        "handler": health,
    }
    return Operation(name=name, method=method, path=path, **(settings | more))


TABLE: tuple[AnyOperation, ...] = (
    toy(
        "ask", "POST", "/asks", principals=STAFF_AND_SYSTEM, request=Ask, responses={201: View}, handler=ask,
        idempotent=True, waits=True, interface="IF_SKI_10111", limit=2000,
    ),
    toy("list", "GET", "/asks", principals=STAFF_AND_SYSTEM, query=Page, responses={200: View}, handler=list_asks),
    toy("show", "GET", "/of/{agency}", path_types={"agency": AgencyCode}, responses={200: Person}, handler=show),
    toy("be-well", "GET", "/health", principals=frozenset({PrincipalKind.PUBLIC}), duty=None),
    toy(
        "take", "POST", "/take", principals=frozenset({PrincipalKind.PARTY}), duty=None, request=bytes,
        responses={200: bytes}, handler=take, media="application/jose",
    ),
    toy("log-out", "POST", "/logout", duty=None, self_service=True),
    toy("lie", "GET", "/lie", responses={200: Person}, handler=list_asks, query=Page),
    *(toy(f"fail-{name}", "GET", f"/fail/{name}", handler=failing(what)) for name, what in BUGS.items()),
)  # fmt: skip


@dataclass
class Book:
    """The operations log of the test; ``broken`` makes it unwritable."""

    entries: list[Entry] = field(default_factory=list)
    broken: bool = False

    async def write(self, entry: Entry) -> None:
        if self.broken:
            raise Problem("database-unavailable")
        self.entries.append(entry)


@asynccontextmanager
async def served(book: Book, table: tuple[AnyOperation, ...] = ()) -> AsyncIterator[Client]:
    """A client of a running application that has the toy table, or another one."""
    app = web.Application()
    build(app, table or TABLE, authenticate, book.write, moment=moment)
    async with TestClient(TestServer(app)) as client:
        yield client


def moment() -> Moment:
    return Moment(NOW, NOW)


def by(token: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", **more}


def keyed(caller: str = "asker", **more: str) -> dict[str, str]:
    return by(caller, **{"Idempotency-Key": "k-1", "Content-Type": "application/json", **more})


def asking(**more: object) -> bytes:
    return json.dumps({"number": NUMBER, "information": "TM00000000000002", **more}).encode()


async def slug(response: Any) -> str:
    assert response.content_type == "application/problem+json"
    body = await response.json(content_type=None)
    assert body["status"] == response.status
    assert body["instance"] == f"urn:uuid:{UUID(response.headers['X-Request-Id'])}"
    return str(body["type"]).removeprefix("urn:sympho:problem:")
