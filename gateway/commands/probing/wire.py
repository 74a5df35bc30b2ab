"""Sending what nobody should send (送信): one call at a time, as it is, and what came back."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from gateway.commands.client import Client, Unreachable

__all__ = ["Seen", "Wire"]

PATIENCE: Final = 5.0
"""Seconds that an answer may take to come to bytes that are perhaps no request."""
AFTER: Final = 0.2
"""Seconds after which no second answer is expected."""
CLOSED: Final = 0
"""The status of a connection that was closed without an answer."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An answer. ``status`` 0: the connection was closed, or kept silent, without one."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes = field(default=b"", repr=False)

    @property
    def data(self) -> Any:
        """The answer's JSON; None where it is none."""
        try:
            return json.loads(self.raw)
        except ValueError:
            return None

    @property
    def slug(self) -> str:
        """The problem's slug, or OAuth's error; empty where the answer is none."""
        data = self.data
        if self.status < 400 or not isinstance(data, dict):
            return ""
        return str(data.get("type") or data.get("error") or "").rpartition(":")[2].rpartition("/")[2]

    @property
    def short(self) -> str:
        return f"{self.status} {self.slug}".strip() if self.status else "no answer"

    @property
    def let_in(self) -> bool:
        return 200 <= self.status < 300


class Wire:
    """The connection to the server under attack."""

    def __init__(self, url: str, authority: Path | None) -> None:
        self.url = url.rstrip("/")
        self._authority = authority
        self._client = Client(self.url, authority)
        self.calls = 0

    def close(self) -> None:
        self._client.close()

    def another(self) -> Wire:
        """A connection of its own, for what happens at the same time."""
        return Wire(self.url, self._authority)

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str = "",
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
    ) -> Seen:
        """One call; ``raw`` is a body as it is, ``body`` one to be written as JSON."""
        sent = {"Accept": "*/*"}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        if body is not None:
            raw = json.dumps(body, ensure_ascii=False).encode()
        if raw is not None:
            sent["Content-Type"] = "application/json"
        sent.update(headers or {})
        return self._send(method, path, raw, sent)

    def _send(self, method: str, path: str, raw: bytes | None, sent: dict[str, str]) -> Seen:
        """Once more over a new connection where the old one had been closed meanwhile."""
        self.calls += 1
        for _ in range(2):
            try:
                status, headers, content = self._client.send(method, path, raw, sent)
            except Unreachable:
                self._client.close()
                continue
            return Seen(status, headers, content)
        return Seen(CLOSED)

    def bytes(self, wire: bytes) -> Seen:
        """Bytes that are no request of any client, over a connection of their own; the first answer to them."""
        self.calls += 1
        parts = urlsplit(self.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            with socket.create_connection((parts.hostname or "", port), PATIENCE) as plain:
                return _read(self._secured(plain, parts.scheme, parts.hostname or ""), wire)
        except (OSError, ValueError):
            return Seen(CLOSED)

    def _secured(self, plain: socket.socket, scheme: str, name: str) -> socket.socket:
        if scheme != "https":
            return plain
        context = ssl.create_default_context(cafile=str(self._authority) if self._authority else None)
        return context.wrap_socket(plain, server_hostname=name)


def _read(connection: socket.socket, wire: bytes) -> Seen:
    """Writes, then reads until the server closes or says nothing more for a while: there may be a second answer."""
    connection.settimeout(PATIENCE)
    answer = b""
    with suppress(OSError):
        connection.sendall(wire)
    with suppress(OSError):
        while part := connection.recv(65_536):
            answer += part
            connection.settimeout(AFTER)
            if len(answer) > 1_000_000:
                break
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) < 2 or not words[1].isdecimal():
        return Seen(CLOSED)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Seen(int(words[1]), headers, body)
