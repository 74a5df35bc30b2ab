"""Hostile bodies (悪意ある本文): too large, too deep, not what they say. Nothing may fall over, and nothing be let in."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from typing import Final

from gateway.commands.probing.findings import Family, Finding, Verdict, held_if, not_tried, told
from gateway.commands.probing.target import TERMINAL, Target
from gateway.commands.probing.wire import Seen

__all__ = ["attacks"]

WHERE: Final = "/auth/login"
LARGE: Final = 3_000_000
DEEP: Final = 100_000


def attacks(at: Target) -> Iterator[Finding]:
    """At the door, where anybody may send anything; then whether the server still lives."""
    alive = at.wire.call("GET", "/health/live")
    if not alive.let_in:
        yield not_tried(
            Family.BODIES, "悪意ある本文", "hostile bodies", WHERE, f"応答しません / not alive: {alive.short}"
        )
        return
    for ja, en, tried, raw, headers in _bodies():
        seen = [at.wire.call("POST", WHERE, raw=raw, headers=headers)]
        yield held_if(Family.BODIES, ja, en, f"POST {WHERE}: {tried}", seen, _turned_away)
    yield _duplicates(at)
    yield _lying_length(at)
    yield _chunked(at)
    yield held_if(
        Family.BODIES, "この後も応答する", "the server still answers", "GET /health/live",
        [at.wire.call("GET", "/health/live")], lambda one: one.let_in,
    )  # fmt: skip


def _turned_away(seen: Seen) -> bool:
    """Refused as a wrong call, or the connection closed."""
    return seen.status == 0 or 400 <= seen.status < 500


def _login(**more: object) -> dict[str, object]:
    return {"agency": "0" * 16, "login": "probe", "password": "probe", "terminal": TERMINAL, **more}


def _bodies() -> Iterator[tuple[str, str, str, bytes, dict[str, str]]]:
    whole = json.dumps(_login()).encode()
    packed = {"Content-Encoding": "gzip"}
    yield "深い入れ子", "deep nesting", f"{DEEP:,} brackets", b"[" * DEEP, {}
    yield (
        "深い入れ子（閉じたもの）",
        "deep nesting, closed",
        "20,000 objects",
        b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
        {},
    )
    yield "大きすぎる本文", "an oversized body", f"{LARGE:,} bytes", b'{"login":"' + b"x" * LARGE + b'"}', {}
    yield "巨大な数", "a huge number", "400,000 digits", b'{"login":' + b"9" * 400_000 + b"}", {}
    yield "指数の大きな数", "a huge exponent", "1e400000000", b'{"login":1e400000000}', {}
    yield "数でない数", "numbers that are none", "NaN, Infinity", b'{"login":NaN,"password":Infinity}', {}
    yield "UTF-8 でない本文", "invalid UTF-8", "ff fe 80", b'{"login":"\xff\xfe\x80"}', {}
    yield "UTF-16 の本文", "UTF-16", "a whole login", json.dumps(_login()).encode("utf-16"), {}
    yield "BOM のある本文", "a byte order mark", "before a whole login", b"\xef\xbb\xbf" + whole, {}
    yield "単独のサロゲート", "a lone surrogate", "\\ud800", b'{"login":"\\ud800"}', {}
    yield "制御文字", "control characters", "NUL in a name", json.dumps(_login(login="a\x00b")).encode(), {}
    yield (
        "知らない項目",
        "unknown members",
        "__proto__, admin",
        json.dumps(_login(admin=True, __proto__={})).encode(),
        {},
    )
    yield (
        "型の違う値",
        "values of other types",
        "arrays, objects, null",
        b'{"agency":[],"login":{},"password":null}',
        {},
    )
    yield "余分な後続", "more behind the end", "two documents", whole + whole, {}
    yield "空の本文", "nothing at all", "an empty body", b"", {}
    bomb = gzip.compress(b"0" * 100_000_000, 9)
    yield "圧縮爆弾", "a compression bomb", f"{len(bomb):,} bytes that become 100,000,000", bomb, packed
    yield "圧縮した本文", "a compressed body", "a whole login in gzip", gzip.compress(whole), packed
    yield (
        "圧縮した本文（deflate）",
        "a compressed body",
        "deflate",
        zlib.compress(whole),
        {"Content-Encoding": "deflate"},
    )
    for kind in (
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ):
        yield "JSON でない媒体型", "another media type", kind, whole, {"Content-Type": kind}
    yield (
        "他の文字集合",
        "another character set",
        "charset=utf-7",
        whole,
        {"Content-Type": "application/json; charset=utf-7"},
    )
    entity = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><x>&y;</x>'
    yield "外部実体", "an external entity", "XML", entity, {"Content-Type": "application/json"}


def _duplicates(at: Target) -> Finding:
    """Members that stand twice: a genuine login with another name before it must not be let in as the other one."""
    ja, en = "同じ項目を二度書く", "members that stand twice"
    given = next(iter(at.credentials), None)
    if given is None:
        return not_tried(Family.BODIES, ja, en, WHERE, "資格情報がありません / no credentials")
    account = at.account(given)
    if account is None:
        return not_tried(Family.BODIES, ja, en, WHERE, "ログインできません / nobody gets in")
    body = json.dumps({"agency": given.agency, "password": given.password, "terminal": TERMINAL})[1:]
    raw = f'{{"login":"{given.login}","login":"probe-nobody",{body}'.encode()
    last, first = at.wire.call("POST", WHERE, raw=raw), raw.replace(b"probe-nobody", b"\x00")
    swapped = first.replace(given.login.encode(), b"probe-nobody", 1).replace(b"\x00", given.login.encode())
    other = at.wire.call("POST", WHERE, raw=swapped)
    both = last.let_in and other.let_in
    for one in (last, other):
        if one.let_in:
            at.wire.call("POST", "/auth/logout", token=str(one.data["token"]))
    fell = any(one.status >= 500 for one in (last, other))
    verdict = Verdict.BROKEN if both or fell else Verdict.HELD
    tried = f"POST {WHERE}: login twice, the genuine one first, then last; at most one reading may hold"
    return Finding(Family.BODIES, ja, en, tried, told((last, other)), verdict)


def _lying_length(at: Target) -> Finding:
    """Lengths that are not so; the connection is closed or the call refused."""
    lengths = ("999999999999", "-1", "+5", "0x10", "5, 5", "٥", "1" * 400)
    head = f"POST {WHERE} HTTP/1.1\r\nHost: probe\r\nContent-Type: application/json\r\nContent-Length: "
    seen = [at.wire.bytes((head + length + "\r\n\r\n{}").encode("utf-8")) for length in lengths]
    ja, en = "偽りの Content-Length", "a Content-Length that lies"
    return held_if(Family.BODIES, ja, en, ", ".join(lengths[:-1]) + ", 400 digits", seen, _turned_away)


def _chunked(at: Target) -> Finding:
    """A body without a declared length that goes on beyond the limit."""
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    head = (
        f"POST {WHERE} HTTP/1.1\r\nHost: probe\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    seen = [
        at.wire.bytes(head.encode() + chunk * 48 + b"0\r\n\r\n"),
        at.wire.bytes(head.encode() + b"fffffffffffffffff\r\nx"),
        at.wire.bytes(head.encode() + b"-1\r\nx\r\n0\r\n\r\n"),
    ]
    ja, en = "長さを言わない本文", "a chunked body without end"
    return held_if(Family.BODIES, ja, en, "3 MB in chunks; impossible chunks", seen, _turned_away)
