"""Idempotency misused (冪等キーの悪用): the same key for something else, by somebody else, many times at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from uuid import uuid4

from gateway.commands.probing.findings import Family, Finding, Verdict, held_if, not_tried, told
from gateway.commands.probing.target import Account, Target
from gateway.commands.probing.wire import Seen

__all__ = ["attacks"]

WHERE: Final = "POST /inquiries"
PARALLEL: Final = 8
BAD_KEYS: Final = ("", "x" * 256, "a b", "é", "\t")


def attacks(at: Target) -> Iterator[Finding]:
    """On inquiries that were asked before, asked again by the same office."""
    ja, en = "冪等キーの悪用", "idempotency keys misused"
    if at.options.gentle:
        yield not_tried(Family.REPEATS, ja, en, WHERE, "--gentle: 照会を登録しません / no inquiry is registered")
        return
    found = list(_askers(at))
    if not found:
        yield not_tried(Family.REPEATS, ja, en, WHERE, "前例となる照会がありません / nothing was asked before")
        return
    asker, body = found[0]
    key = f"probe-{uuid4()}"
    first = _ask(at, asker, body, key)
    if not first.let_in:
        yield not_tried(Family.REPEATS, ja, en, WHERE, f"照会できません / the inquiry is refused: {first.short}")
        return
    yield _other_content(at, asker, body, key)
    yield _same_content(at, asker, body, key, first)
    yield _somebody_else(at, found, key, first)
    yield _at_once(at, asker, body)
    yield _bad_keys(at, asker, body)


def _ask(at: Target, asker: Account, body: Mapping[str, Any], key: str) -> Seen:
    return at.wire.call("POST", "/inquiries", body, token=asker.token, headers={"Idempotency-Key": key})


def _askers(at: Target) -> Iterator[tuple[Account, dict[str, Any]]]:
    """Offices with something that they asked before, one for each agency."""
    for agency in at.agencies:
        for account in at.having("inquire", agency):
            page = at.get(account, "/inquiries?limit=1")
            if not page or not page["inquiries"]:
                continue
            request = at.get(account, f"/inquiries/{page['inquiries'][0]['exchange']}/request")
            if request:
                said = {name: request[name] for name in ("provider", "task", "information", "items", "consent")}
                yield account, {"person": {"unified": request["person"]}, **said}
                break


def _other_content(at: Target, asker: Account, body: dict[str, Any], key: str) -> Finding:
    seen = [_ask(at, asker, {**body, "non_disclosure": True}, key)]
    ja, en = "同じ鍵で別の内容", "the same key for another content"
    return held_if(Family.REPEATS, ja, en, WHERE, seen, lambda one: one.status == 409)


def _same_content(at: Target, asker: Account, body: dict[str, Any], key: str, first: Seen) -> Finding:
    seen = [_ask(at, asker, body, key) for _ in range(3)]
    ja, en = "同じ鍵で同じ内容", "the same key for the same content"

    def the_same(one: Seen) -> bool:
        return one.let_in and one.data.get("exchange") == first.data.get("exchange")

    return held_if(Family.REPEATS, ja, en, f"{WHERE}, three times more: one exchange", seen, the_same)


def _somebody_else(at: Target, found: list[tuple[Account, dict[str, Any]]], key: str, first: Seen) -> Finding:
    ja, en = "他団体が同じ鍵を使う", "another agency uses the same key"
    if len(found) < 2:
        return not_tried(Family.REPEATS, ja, en, WHERE, "他団体に前例がありません / no other agency has asked")
    other, body = found[1]
    seen = [_ask(at, other, body, key)]

    def another(one: Seen) -> bool:
        return one.status < 500 and (not one.let_in or one.data.get("exchange") != first.data.get("exchange"))

    return held_if(Family.REPEATS, ja, en, f"{WHERE} by {other.login}: an exchange of its own", seen, another)


def _at_once(at: Target, asker: Account, body: dict[str, Any]) -> Finding:
    key = f"probe-{uuid4()}"

    def one(_: int) -> Seen:
        wire = at.wire.another()
        try:
            return wire.call("POST", "/inquiries", body, token=asker.token, headers={"Idempotency-Key": key})
        finally:
            wire.close()

    with ThreadPoolExecutor(PARALLEL) as pool:
        seen = list(pool.map(one, range(PARALLEL)))
    numbers = {one.data.get("exchange") for one in seen if one.let_in}
    broken = len(numbers) > 1 or any(one.status >= 500 and one.status != 503 for one in seen)
    verdict = Verdict.BROKEN if broken else Verdict.HELD
    ja, en = "同じ鍵で同時に", "the same key many times at once"
    tried = f"{WHERE}, {PARALLEL} at once: {len(numbers)} exchange"
    if not numbers:
        return not_tried(Family.REPEATS, ja, en, tried, f"どれも受け付けられません / none was taken: {told(seen)}")
    return Finding(Family.REPEATS, ja, en, tried, told(seen), verdict)


def _bad_keys(at: Target, asker: Account, body: dict[str, Any]) -> Finding:
    seen = [at.wire.call("POST", "/inquiries", body, token=asker.token)]
    seen += [_ask(at, asker, body, key.encode("utf-8").decode("latin-1")) for key in BAD_KEYS]
    ja, en = "鍵がない、または形が違う", "no key, or none of the form"
    tried = "none, empty, 256 characters, a space, another script, a tab"
    return held_if(Family.REPEATS, ja, en, tried, seen, lambda one: 400 <= one.status < 500)
