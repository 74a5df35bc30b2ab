"""HTTP/1.1 for a generator that must cost little (送受信): bytes out; status, head and body in.

One connection has one request under way at most. There is no task, no future and no dictionary for an answer: whoever
owns a connection is called with what came, and sends the next request from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, cast
from urllib.parse import urlsplit

__all__ = ["Address", "Answered", "Connection", "address_of", "body_within", "header", "request_head"]

END_OF_HEAD = b"\r\n\r\n"
LENGTH = b"\r\nContent-Length: "
NO_BODY = frozenset({204, 304})
BROKEN = 0
"""The status of an answer that is no HTTP/1.1 answer."""

Answered: TypeAlias = "Callable[[Connection, int, bytes, bytes], None]"
"""Called with the connection, the status, the head and the body of what came."""
Lost: TypeAlias = "Callable[[Connection], None]"
"""Called when a connection is gone, whoever closed it."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens, by plain HTTP."""

    host: str
    port: int


def address_of(url: str) -> Address:
    """Host and port of an ``http://`` URL."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError("http://HOST:PORT expected")
    return Address(parts.hostname, parts.port or 80)


def request_head(method: str, path: str, address: Address, headers: dict[str, str]) -> bytes:
    """Request line and headers, without the empty line that ends them."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {address.host}:{address.port}"]
    lines.extend(f"{name}: {value}" for name, value in headers.items())
    return ("\r\n".join(lines) + "\r\n").encode("ascii")


def header(head: bytes, name: bytes) -> bytes:
    """The value of a header whose name is given in lower case; empty where it is not there."""
    at = head.lower().find(b"\r\n" + name + b":")
    if at < 0:
        return b""
    start = at + 3 + len(name)
    end = head.find(b"\r\n", start)
    return head[start : end if end >= 0 else len(head)].strip()


def body_within(buffer: bytes, start: int) -> tuple[bytes, int] | None:
    """The body that begins at ``start`` and where the answer ends; None while it is not whole.

    ``buffer`` is the answer from its first byte; ``start`` stands behind the empty line.
    """
    head = buffer[: start - 2]
    if header(head, b"transfer-encoding").lower() == b"chunked":
        return _chunks(buffer, start)
    end = start + int(header(head, b"content-length") or 0)
    return (buffer[start:end], end) if len(buffer) >= end else None


def _chunks(buffer: bytes, at: int) -> tuple[bytes, int] | None:
    parts: list[bytes] = []
    while True:
        line = buffer.find(b"\r\n", at)
        if line < 0:
            return None
        size = int(buffer[at:line].partition(b";")[0], 16)
        at, end = line + 2, line + 2 + size
        if len(buffer) < end + 2:
            return None
        if not size:
            return b"".join(parts), end + 2
        parts.append(buffer[at:end])
        at = end + 2


class Connection(asyncio.Protocol):
    """One kept-alive connection."""

    __slots__ = ("_answered", "_buffer", "_lost", "_transport", "busy", "intended", "place", "sent")

    def __init__(self, answered: Answered, lost: Lost) -> None:
        self._answered = answered
        self._lost = lost
        self._buffer = b""
        self._transport: asyncio.WriteTransport | None = None
        self.busy = False
        self.place = 0
        """Which of the prepared requests is under way."""
        self.intended = self.sent = 0.0

    @classmethod
    async def opened(cls, address: Address, answered: Answered, lost: Lost) -> Connection:
        """A connection that is there."""
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(lambda: cls(answered, lost), address.host, address.port)
        return made

    def send(self, wire: bytes) -> None:
        """Sends one request; the one before must have been answered."""
        if self._transport is None:
            raise ConnectionResetError
        self.busy = True
        self._transport.write(wire)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._lost(self)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer = self._buffer + data if self._buffer else data
        found = buffer.find(END_OF_HEAD)
        if found < 0:
            return
        start = found + 4
        try:
            status = int(buffer[9:12])
            whole = (b"", start) if status in NO_BODY else self._body(buffer, start)
        except ValueError:
            self._buffer = b""
            self._give(BROKEN, buffer[:found], b"")
            return
        if whole is not None:
            body, end = whole
            self._buffer = buffer[end:]
            self._give(status, buffer[:found], body)

    @staticmethod
    def _body(buffer: bytes, start: int) -> tuple[bytes, int] | None:
        """The usual spelling first; every other one is found by ``body_within``."""
        at = buffer.find(LENGTH, 0, start)
        if at < 0:
            return body_within(buffer, start)
        begin = at + len(LENGTH)
        end = start + int(buffer[begin : buffer.index(b"\r\n", begin)])
        return (buffer[start:end], end) if len(buffer) >= end else None

    def _give(self, status: int, head: bytes, body: bytes) -> None:
        self.busy = False
        self._answered(self, status, head, body)
