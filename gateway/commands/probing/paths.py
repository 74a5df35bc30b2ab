"""Paths and headers that mean two things (経路のごまかし): to a proxy one, to the server another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gateway.commands.probing.findings import Family, Finding, held_if, not_tried
from gateway.commands.probing.target import Target
from gateway.commands.probing.wire import Seen

__all__ = ["attacks"]

GUARDED: Final = "operations"
OPEN: Final = "health/live"


def attacks(at: Target) -> Iterator[Finding]:
    """Without a token, around the doorkeeper; then requests that end in two places."""
    plain = at.wire.call("GET", f"/{GUARDED}")
    if plain.status != 401:
        why = f"/{GUARDED} がトークンなしで 401 になりません / it does not ask for a token: {plain.short}"
        yield not_tried(Family.PATHS, "経路のごまかし", "paths around the doorkeeper", f"GET /{GUARDED}", why)
        return
    direct = at.wire.bytes(f"GET /{OPEN} HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n".encode())
    if not direct.let_in:
        why = f"直接の接続に応えません / nothing answers a direct connection: {direct.short}"
        yield not_tried(Family.PATHS, "経路のごまかし", "paths around the doorkeeper", f"GET /{OPEN}", why)
        return
    yield _around(at)
    yield _overridden(at)
    yield _methods(at)
    yield _smuggled(at)
    yield _malformed(at)


def _not_let_in(seen: Seen) -> bool:
    return seen.status < 500 and not seen.let_in


def _around(at: Target) -> Finding:
    ways = (
        f"//{GUARDED}", f"/{OPEN}/../../{GUARDED}", f"/./{GUARDED}", f"/{GUARDED}/", f"/{GUARDED};x=/{OPEN}",
        f"/%6f{GUARDED[1:]}", f"/{OPEN}%2f..%2f..%2f{GUARDED}", f"/{GUARDED}%00", f"/{GUARDED}%20",
        f"/{GUARDED.upper()}",
        f"/{GUARDED}?x=/{OPEN}", f"/{GUARDED}#/{OPEN}", f"/{OPEN}/..;/{GUARDED}", f"/..%252f{GUARDED}",
        f"/{GUARDED}.json",
    )  # fmt: skip
    requests = [f"GET {way} HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n".encode() for way in ways]
    requests.append(f"GET http://127.0.0.1/{GUARDED} HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n".encode())
    seen = [at.wire.bytes(one) for one in requests]
    ja, en = "経路の書き方を変える", "the path written otherwise"
    return held_if(Family.PATHS, ja, en, f"{len(seen)} ways of writing GET /{GUARDED}", seen, _not_let_in)


def _overridden(at: Target) -> Finding:
    headers = (
        {"X-Original-URL": f"/{OPEN}"}, {"X-Rewrite-URL": f"/{OPEN}"}, {"X-Forwarded-For": "127.0.0.1"},
        {"X-Forwarded-User": "admin"}, {"X-Remote-User": "admin"}, {"Forwarded": "for=127.0.0.1;host=localhost"},
        {"X-SSL-Client-Verify": "SUCCESS"}, {"X-Client-Cert": "urn:role:network"}, {"Host": "localhost"},
        {"X-HTTP-Method-Override": "OPTIONS"}, {"Authorization": "Bearer"}, {"Authorization": "Bearer null"},
        {"Authorization": "Bearer undefined"}, {"Authorization": "Basic YWRtaW46YWRtaW4="},
    )  # fmt: skip
    seen = [at.wire.call("GET", f"/{GUARDED}", headers=one) for one in headers]
    seen.append(at.wire.call("GET", f"/{OPEN}", headers={"X-Original-URL": f"/{GUARDED}"}))
    *guarded, opened = seen
    ja, en = "ヘッダーで言い換える", "headers that say otherwise"
    answers = guarded if opened.short == "200" else seen
    return held_if(Family.PATHS, ja, en, f"{len(headers)} headers of proxies", answers, _not_let_in)


def _methods(at: Target) -> Finding:
    methods = ("TRACE", "CONNECT", "PROPFIND", "PATCH", "PUT", "DELETE", "get", "GETX", "OPTIONS")
    lines = [f"{one} /{GUARDED} HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n" for one in methods]
    seen = [at.wire.bytes(one.encode()) for one in lines]
    ja, en = "他のメソッド", "other methods"

    def harmless(one: Seen) -> bool:
        return _not_let_in(one) or (one.status == 204 and not one.raw)

    return held_if(Family.PATHS, ja, en, ", ".join(methods), seen, harmless)


def _smuggled(at: Target) -> Finding:
    """Requests with a second one inside. Whoever answers twice has been fooled; ``Seen.raw`` would hold the second."""
    inner = f"GET /{OPEN} HTTP/1.1\r\nHost: smuggled\r\n\r\n"
    outer = "POST /auth/login HTTP/1.1\r\nHost: probe\r\nContent-Type: application/json\r\n"
    both = f"{outer}Content-Length: {len(inner) + 5}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}"
    twice = f"{outer}Content-Length: 2\r\nContent-Length: {len(inner) + 2}\r\n\r\n{{}}{inner}"
    odd = [
        f"{outer}{name}\r\nContent-Length: {len(inner) + 5}\r\n\r\n0\r\n\r\n{inner}"
        for name in (
            "Transfer-Encoding: xchunked",
            "Transfer-Encoding : chunked",
            "Transfer-Encoding:\tchunked, identity",
        )
    ]
    seen = [at.wire.bytes(one.encode()) for one in (both, twice, *odd)]

    def one_answer(answer: Seen) -> bool:
        return answer.status < 500 and b"HTTP/1.1 200" not in answer.raw and not answer.let_in

    ja, en = "要求の密輸", "request smuggling"
    tried = "both lengths, two lengths, odd Transfer-Encoding, each with a second request inside"
    return held_if(Family.PATHS, ja, en, tried, seen, one_answer)


def _malformed(at: Target) -> Finding:
    start = f"GET /{GUARDED} HTTP/1.1\r\nHost: probe\r\n"
    ways = (
        f"GET /{GUARDED}\r\n\r\n", f"GET /{GUARDED} HTTP/9.9\r\n\r\n", f"{start}X: {'a' * 100_000}\r\n\r\n",
        start + "".join(f"X-{n}: 1\r\n" for n in range(5_000)) + "\r\n", f"{start} folded: yes\r\n\r\n",
        f"{start}Na me: x\r\n\r\n", f"{start}X: a\x00b\r\n\r\n",
        f"GET /{'a' * 100_000} HTTP/1.1\r\nHost: probe\r\n\r\n",
        f"GET /{GUARDED} HTTP/1.1\nHost: probe\n\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    )  # fmt: skip
    seen = [at.wire.bytes(one.encode("latin-1")) for one in ways]
    ja, en = "形の崩れた要求", "malformed requests"
    tried = "HTTP/0.9, HTTP/9.9, 100,000 bytes in a header, 5,000 headers, folding, NUL, long path, bare LF, TLS"
    return held_if(Family.PATHS, ja, en, tried, seen, _not_let_in)
