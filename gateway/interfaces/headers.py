"""What the headers of a request say, read without a pattern, and the headers that every answer carries."""

from __future__ import annotations

import asyncio
from datetime import datetime
from types import MappingProxyType

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDictProxy

from gateway.exchange.messages import WORLD_TIME
from gateway.interfaces.operation import FORM, JSON, LONGEST_WAIT
from gateway.pki import peer_urns
from gateway.problems import FieldError, Problem

__all__ = [
    "HARDENING",
    "bearer",
    "check_accept",
    "check_content",
    "idempotency_key",
    "identities",
    "named_by_caller",
    "read_body",
    "sent_at",
    "waiting",
]

Headers = CIMultiDictProxy[str]

ARRIVES_WITHIN = 60.0
"""Seconds for a whole body."""

HARDENING = MappingProxyType(
    {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "Server": "sympho",
        "X-Content-Type-Options": "nosniff",
    }
)
"""On every answer: nothing of it is kept, framed, sniffed or referred to."""


def bearer(headers: Headers) -> str:
    """The token of ``Authorization: Bearer``, or an empty string."""
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def identities(request: web.Request) -> frozenset[str]:
    """The URNs of the client certificate that TLS has verified; none without one."""
    if request.transport is None:
        return frozenset()
    return peer_urns(request.transport.get_extra_info("peercert"))


def check_accept(headers: Headers, media: str) -> None:
    """``not-acceptable`` if the caller names media types and none of them covers ``media``."""
    accept = headers.get("Accept")
    if accept is None or accept == "*/*" or accept == media:
        return
    family = media.partition("/")[0] + "/*"
    for part in accept.split(","):
        name, *parameters = (text.strip().lower() for text in part.split(";"))
        if name in {"*/*", family, media} and "q=0" not in parameters:
            return
    raise Problem("not-acceptable")


def check_content(headers: Headers, *, raw: bool, form: bool = False) -> None:
    """``unsupported-media-type`` unless it is JSON in UTF-8 (or bytes, or a form, where asked for), uncompressed."""
    if headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Problem("unsupported-media-type", "send it without Content-Encoding")
    given = headers.get("Content-Type", "")
    if given == JSON and not form:
        return
    name, *parameters = (text.strip().lower() for text in given.split(";"))
    taken = {FORM} if form else {JSON, "application/octet-stream"} if raw else {JSON}
    if name not in taken:
        raise Problem("unsupported-media-type")
    if any(text.startswith("charset=") and text.strip('charset="') not in {"utf-8", "utf8"} for text in parameters):
        raise Problem("unsupported-media-type", "send it in UTF-8")


def idempotency_key(headers: Headers) -> str:
    """The value of Idempotency-Key: 1 to 255 visible ASCII characters, opaque."""
    key = headers.get("Idempotency-Key", "")
    if not key:
        raise Problem("idempotency-key-missing")
    if len(key) > 255 or not key.isascii() or not key.isprintable() or " " in key:
        raise Problem(
            "invalid-field", errors=(FieldError("header.Idempotency-Key", "1 to 255 visible ASCII characters"),)
        )
    return key


def waiting(headers: Headers) -> int:
    """Seconds of ``Prefer: wait=N`` (RFC 7240), at most ``LONGEST_WAIT``; one that is not understood is none."""
    if "Prefer" not in headers:
        return 0
    for line in headers.getall("Prefer"):
        for preference in line.split(","):
            name, _, value = preference.partition(";")[0].partition("=")
            if name.strip().lower() == "wait":
                seconds = value.strip().strip('"')
                known = 0 < len(seconds) <= 9 and seconds.isascii() and seconds.isdigit()
                return min(int(seconds), LONGEST_WAIT) if known else 0
    return 0


def named_by_caller(headers: Headers) -> str:
    """X-Request-ID as the caller says it, where it is visible ASCII of a sensible length; otherwise nothing."""
    name = headers.get("X-Request-ID", "")
    return name if len(name) <= 255 and name.isascii() and name.isprintable() else ""


def sent_at(headers: Headers) -> datetime | None:
    """World time at which a party says it has sent this; None where it says nothing that can be read."""
    try:
        said = datetime.fromisoformat(headers.get(WORLD_TIME, ""))
    except ValueError:
        return None
    return said if said.utcoffset() is not None else None


async def read_body(request: web.Request, limit: int) -> bytes:
    """The whole body, never more than ``limit`` bytes of it in memory; one that never comes is not waited for."""
    if not request.body_exists:
        return b""
    if request.content.is_eof():
        return await _read(request, limit)
    try:
        async with asyncio.timeout(ARRIVES_WITHIN):
            return await _read(request, limit)
    except TimeoutError:
        pass
    raise Problem("malformed-body", f"it did not arrive within {ARRIVES_WITHIN:.0f} seconds")


async def _read(request: web.Request, limit: int) -> bytes:
    parts: list[bytes] = []
    total = 0
    try:
        while part := await request.content.readany():
            total += len(part)
            if total > limit:
                raise Problem("too-large")
            parts.append(part)
    except (HttpProcessingError, web.RequestPayloadError, ConnectionError):
        broken = True
    else:
        broken = False
    if broken:
        raise Problem("malformed-body")
    return parts[0] if len(parts) == 1 else b"".join(parts)
