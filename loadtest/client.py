"""A plain HTTP client (呼び出し) for what is not measured: preparation, logging in, reading records afterwards."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlsplit

from loadtest.plan import Account

__all__ = ["Answer", "Client", "NotReached", "slug_of"]

SLUG = "urn:sympho:problem:"
TERMINAL = "load"
PATIENCE = 60.0


class NotReached(Exception):
    """No server answers there, or it does not let us in. The text says which."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers in lower case, and the body's bytes."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def data(self) -> Any:
        """The JSON body; an empty dictionary where there is none that can be read."""
        try:
            return json.loads(self.body) if self.body else {}
        except ValueError:
            return {}

    @property
    def slug(self) -> str:
        """The problem's slug, or an empty string."""
        return slug_of(self.data)


def slug_of(data: Any) -> str:
    """Which problem a body names, or an empty string."""
    kind = data.get("type", "") if isinstance(data, dict) else ""
    return kind.removeprefix(SLUG) if isinstance(kind, str) and kind.startswith(SLUG) else ""


class Client:
    """One kept connection to one server; opened anew when the server has closed it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise NotReached(f"{url}: http:// or https:// expected")
        self.url = url.rstrip("/")
        self._connection = _connection(parts.scheme, parts.hostname, parts.port)

    def call(self, method: str, path: str, body: Any = None, token: str = "", **headers: str) -> Answer:
        """One call. ``headers`` by keyword, with ``_`` for ``-``."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        wire = None
        if body is not None:
            wire = json.dumps(body, ensure_ascii=False).encode()
            sent["Content-Type"] = "application/json"
        if token:
            sent["Authorization"] = f"Bearer {token}"
        try:
            return self._once(method, path, wire, sent)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            return self._again(method, path, wire, sent)
        except (OSError, http.client.HTTPException) as error:
            raise NotReached(f"{self.url}: {type(error).__name__}") from None

    def _once(self, method: str, path: str, wire: bytes | None, headers: Mapping[str, str]) -> Answer:
        try:
            self._connection.request(method, path, wire, dict(headers))
            response = self._connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        except BaseException:
            self._connection.close()
            raise

    def _again(self, method: str, path: str, wire: bytes | None, headers: Mapping[str, str]) -> Answer:
        try:
            return self._once(method, path, wire, headers)
        except (OSError, http.client.HTTPException) as error:
            raise NotReached(f"{self.url}: {type(error).__name__}") from None

    def login(self, account: Account) -> str:
        """A token; waits where the account is closed for a while, and no longer than a minute."""
        body = {"agency": account.agency, "login": account.login, "password": account.password, "terminal": TERMINAL}
        deadline = monotonic() + PATIENCE
        while True:
            answer = self.call("POST", "/auth/login", body)
            if answer.status == 200:
                return str(answer.data["token"])
            if answer.status not in (429, 503) or monotonic() > deadline:
                raise NotReached(f"{account.login}: {answer.status} {answer.slug}")
            sleep(min(5.0, float(answer.headers.get("retry-after", "1"))))

    def close(self) -> None:
        self._connection.close()


def _connection(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=PATIENCE, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, port, timeout=PATIENCE)
