"""What comes in that is no request: it is told so as a problem too, and nothing of it is repeated or logged."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from gateway.interfaces.surface import build
from gateway.interfaces.wire import Runner
from tests.server.operation_toys import NUMBER, TABLE, Book, authenticate, moment

WELL = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
QUOTED = NUMBER.encode()


@pytest.fixture
async def port() -> AsyncIterator[int]:
    app = web.Application()
    build(app, TABLE, authenticate, Book().write, moment=moment)
    runner = Runner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield int(runner.addresses[0][1])
    await runner.cleanup()


async def answered(port: int, sent: bytes) -> tuple[int, dict[str, str], Any]:
    """Status, headers and document of what comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).decode()
    status, *lines = head.strip().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    body = await asyncio.wait_for(reader.readexactly(int(headers.get("Content-Length", 0))), 10)
    writer.close()
    return int(status.split(" ")[1]), headers, json.loads(body or b"{}")


@pytest.mark.parametrize(
    "sent",
    [
        QUOTED + b" \x00\xff\r\n\r\n",
        b"GET /" + QUOTED + b" HTTP/9.9\r\n\r\n",
        b"GET /" + QUOTED + b"\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://" + QUOTED + b":99999999/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /health HTTP/1.1\r\nX: " + QUOTED * 1000 + b"\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + QUOTED + b"\x00\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nExpect: " + QUOTED + b"\r\n\r\n",
        b"POST /asks HTTP/1.1\r\nHost: x\r\nContent-Length: -" + QUOTED + b"\r\n\r\n",
        b"POST /asks HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /asks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + QUOTED + b"zz\r\n",
    ],
    ids=range(10),
)
async def test_what_is_no_request_is_a_named_problem_that_repeats_nothing_and_the_next_is_answered(
    port: int, sent: bytes
) -> None:
    with capture_logs() as lines:
        status, headers, body = await answered(port, sent)
    assert (status, body["type"]) == (400, "urn:sympho:problem:malformed-request")
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["Server"] == "sympho"
    assert NUMBER not in json.dumps([body, headers, lines])
    assert all(body[name] for name in ("title", "title_en", "advice", "advice_en"))
    assert body["instance"].removeprefix("urn:uuid:") in [line["request"] for line in lines]
    assert {line["log_level"] for line in lines} == {"info"}
    assert (await answered(port, WELL))[0] == 204


@pytest.mark.parametrize("line", [b"OPTIONS *", b"CONNECT example.com:443"])
async def test_a_target_that_is_no_path_is_not_found(port: int, line: bytes) -> None:
    status, headers, body = await answered(port, line + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (status, body["type"]) == (404, "urn:sympho:problem:not-found")
    assert headers["Content-Type"] == "application/problem+json"
