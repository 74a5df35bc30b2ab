"""Too many at once: who is too much is told so by name, and the same call is answered when there is room again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from yarl import URL

from fixtures.invented.cast import Ask
from gateway.interfaces import headers
from gateway.intermediary.turns import Turns
from tests.server.api import Answered, Api, asking


@contextmanager
def room_for(api: Api, at_once: int, waiting: int) -> Iterator[Turns]:
    server = api.parties.intermediary
    before, server.turns = server.turns, Turns(at_once, waiting)
    try:
        yield server.turns
    finally:
        server.turns = before


@pytest.mark.parametrize("known", [True, False])
async def test_without_room_an_inquiry_is_refused_as_busy_and_done_when_it_is_sent_again(api: Api, known: bool) -> None:
    ask = api.parties.world.cast.vaccination
    token = (await api.log_in(ask.login)).body["token"]
    if known:
        assert (await registered(api, ask, token, "known-at-the-door")).status == 201
    with room_for(api, 1, 0) as turns, await turns.take("somebody"):
        refused = await registered(api, ask, token, f"no-room-{known}")
        assert (refused.status, refused.slug) == (503, "busy")
        assert int(refused.headers["Retry-After"]) >= 1
        assert refused.body["advice_en"]
    answered = await registered(api, ask, token, f"no-room-{known}")
    assert (answered.status, answered.body["outcome"]) == (201, "provided")


async def registered(api: Api, ask: Ask, token: str, key: str) -> Answered:
    more = {"Idempotency-Key": key, "Prefer": "wait=5"}
    return await api.call("register-inquiry", token=token, body=asking(ask), headers=more)


async def test_who_waits_for_its_turn_is_answered_when_it_comes_and_the_wait_is_told(api: Api) -> None:
    ask = api.parties.world.cast.tax
    await api.ask(ask)
    with room_for(api, 1, 5) as turns:
        held = await turns.take("somebody")
        waiting = asyncio.create_task(api.ask(ask, key="waits-for-its-turn"))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        with held:
            pass
        assert (await waiting).body["outcome"] == "provided"
    text = (await api.call("show-metrics", by="network-operator")).raw.decode()
    [told] = [line for line in text.splitlines() if 'operation="register-inquiry",stage="turn"' in line]
    assert float(told.split()[-1]) > 0.15


async def begun(api: Api, ask: Ask, body: bytes, key: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A request of whose body the first bytes have been sent."""
    url = URL(str(api.session._base_url))
    head = (
        f"POST /inquiries HTTP/1.1\r\nHost: {url.authority}\r\nAuthorization: Bearer {await api.token(ask.login)}\r\n"
        f"Content-Type: application/json\r\nIdempotency-Key: {key}\r\nPrefer: wait=5\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(head.encode() + body[:20])
    return reader, writer


async def test_a_body_that_comes_slowly_holds_no_turn_and_is_answered_when_it_is_whole(api: Api) -> None:
    ask = api.parties.world.cast.vaccination
    await api.ask(ask)
    body = json.dumps(asking(ask)).encode()
    with room_for(api, 1, 0):
        reader, writer = await begun(api, ask, body, "slowly")
        await asyncio.sleep(0.2)
        assert (await api.ask(ask, key="beside-a-slow-one")).status == 201
        writer.write(body[20:])
        assert (await reader.read()).startswith(b"HTTP/1.1 201")
        writer.close()


async def test_a_body_that_never_comes_is_not_waited_for(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headers, "ARRIVES_WITHIN", 0.2)
    ask = api.parties.world.cast.vaccination
    reader, writer = await begun(api, ask, json.dumps(asking(ask)).encode(), "never")
    answer = await asyncio.wait_for(reader.readuntil(b"}"), 5)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"malformed-body" in answer
    assert b"did not arrive" in answer
    writer.close()


async def test_a_turn_ends_with_the_call_also_where_nothing_was_asked(api: Api) -> None:
    ask = api.parties.world.cast.vaccination
    await api.ask(ask)
    with room_for(api, 1, 0):
        for _ in range(3):
            assert (await api.ask(ask, provider="no code")).status == 422
        assert (await api.ask(ask)).status == 201
