"""A client of the REST surface: what any user's program could be. One connection, one member of staff."""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

__all__ = ["Client", "Refused", "Reply", "Unreachable"]

TIMEOUT = 60.0
TERMINAL = "sympho-cli"


class Unreachable(Exception):
    """No server answers there."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"{url}: {why}")


class Refused(Exception):
    """The server answered with a problem document (RFC 9457)."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(f"{status} {problem.get('type', '')}")
        self.status = status
        self.problem = problem

    @property
    def slug(self) -> str:
        """The last part of the problem's type."""
        return str(self.problem.get("type", "")).rpartition(":")[2].rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Reply:
    """A 2xx answer: its JSON, or its text where it is none."""

    status: int
    data: Any
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Client:
    """Speaks to one server. ``login`` makes it a member of staff; leaving it as a context logs out."""

    def __init__(self, url: str, authority: Path | None = None) -> None:
        self.url = url.rstrip("/")
        self._token = ""
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise Unreachable(url, "http://host:port or https://host:port expected")
        self._connection: HTTPConnection
        if parts.scheme == "https":
            context = ssl.create_default_context(cafile=str(authority) if authority else None)
            self._connection = HTTPSConnection(parts.hostname, parts.port, timeout=TIMEOUT, context=context)
        else:
            self._connection = HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT)
        self._prefix = parts.path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: object, __: TracebackType | None) -> None:
        if self._token and kind is None:
            self.post("/auth/logout")
        self.close()

    @property
    def token(self) -> str:
        """The bearer token of the session, for another program."""
        return self._token

    def close(self) -> None:
        self._connection.close()

    def login(self, agency: str, login: str, password: str, code: str = "", device: str = "") -> dict[str, Any]:
        """A session of that member of staff; what the server says of the account. ``device``: of an earlier login."""
        shown = {"password": password, "terminal": TERMINAL, "code": code, "device": device}
        body = {"agency": agency, "login": login, "terminal_key": os.environ.get("SYMPHO_TERMINAL_KEY", ""), **shown}
        told: dict[str, Any] = self.post("/auth/login", body).data
        self._token = told["token"]
        return told

    def get(self, path: str, **query: object) -> Reply:
        given = {name: str(value) for name, value in query.items() if value is not None}
        return self.call("GET", f"{path}?{urlencode(given)}" if given else path)

    def post(self, path: str, body: object = None, *, key: str = "", wait: int = 0) -> Reply:
        return self.call("POST", path, body, key=key, wait=wait)

    def put(self, path: str, body: object = None, *, key: str = "") -> Reply:
        return self.call("PUT", path, body, key=key)

    def delete(self, path: str) -> Reply:
        return self.call("DELETE", path)

    def form(self, path: str, fields: Mapping[str, str]) -> Reply:
        """Posts a form, as OAuth 2 wants it."""
        headers = {"Accept": "*/*", "Content-Type": "application/x-www-form-urlencoded"}
        return self._answered("POST", path, urlencode(fields).encode(), headers)

    def call(self, method: str, path: str, body: object = None, *, key: str = "", wait: int = 0) -> Reply:
        """One call; ``key`` is the Idempotency-Key, ``wait`` the seconds of ``Prefer: wait``. ``Refused`` unless
        2xx."""
        headers = {"Accept": "*/*"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if key:
            headers["Idempotency-Key"] = key
        if wait:
            headers["Prefer"] = f"wait={wait}"
        sent = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            sent = json.dumps(body, ensure_ascii=False).encode()
        return self._answered(method, path, sent, headers)

    def _answered(self, method: str, path: str, sent: bytes | None, headers: dict[str, str]) -> Reply:
        status, got, raw = self.send(method, path, sent, headers)
        text = raw.decode("utf-8", errors="replace")
        data = _json(text) if "json" in got.get("content-type", "") else None
        if status >= 300:
            raise Refused(status, data if isinstance(data, dict) else {"title": text[:200], "status": status})
        return Reply(status, data, text, got)

    def send(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        """One request as it is; status, headers in lower case and body of whatever is answered."""
        for last in (False, True):
            try:
                self._connection.request(method, self._prefix + path, body, headers)
                response: HTTPResponse = self._connection.getresponse()
                raw = response.read()
            except (OSError, HTTPException) as error:
                kept_alive_and_closed = isinstance(error, ConnectionError | HTTPException) and not last
                self._connection.close()
                if kept_alive_and_closed and not isinstance(error, ConnectionRefusedError) and method == "GET":
                    continue
                raise Unreachable(self.url, type(error).__name__) from None
            return response.status, {name.lower(): value for name, value in response.getheaders()}, raw
        raise Unreachable(self.url, "no answer")


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
