"""Lists that go back or were not approved (照合リストの巻戻し): what whoever publishes might try alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from gateway.commands.probing.findings import Family, Finding, held_if, not_tried
from gateway.commands.probing.forging import claims_of, encoded, header_of, text_of
from gateway.commands.probing.target import Account, Target
from gateway.commands.probing.wire import Seen

__all__ = ["attacks"]

WHERE = "POST /lists"


def attacks(at: Target) -> Iterator[Finding]:
    """Everything that must be refused, and at the end that the list in force is the one of before."""
    publisher = at.one("publish-lists")
    history = at.get(publisher, "/lists") if publisher else None
    if publisher is None or not isinstance(history, dict) or not history.get("lists"):
        why = "公布担当がいないか、公布されたリストがありません / nobody publishes, or nothing is published"
        yield not_tried(Family.LISTS, "照合リストの巻戻し", "an older list published", WHERE, why)
        return
    lists: list[dict[str, Any]] = history["lists"]
    newest = lists[-1]
    document = at.wire.call("GET", f"/lists/document?serial={newest['serial']}", token=publisher.token)
    if not document.let_in:
        why = f"リストの文書を読めません / the document cannot be read: {document.short}"
        yield not_tried(Family.LISTS, "照合リストの巻戻し", "an older list published", WHERE, why)
        return
    text = document.raw.decode("utf-8")
    yield _older(at, publisher, lists)
    yield from _unsigned(at, publisher, newest["manifest"], text)
    yield from _altered(at, publisher, newest["manifest"], text)
    yield from _approvals(at, publisher, newest["manifest"], text)
    yield _unmoved(at, publisher, newest)


def _publish(at: Target, publisher: Account, manifest: str, document: str) -> Seen:
    return at.wire.call("POST", "/lists", {"manifest": manifest, "document": document}, token=publisher.token)


def _is_refused(seen: Seen) -> bool:
    return 400 <= seen.status < 500


def _older(at: Target, publisher: Account, lists: list[dict[str, Any]]) -> Finding:
    ja, en = "以前の照合リストを公布し直す", "a lower serial published again"
    seen = []
    for former in lists[:-1]:
        document = at.wire.call("GET", f"/lists/document?serial={former['serial']}", token=publisher.token)
        if document.let_in:
            seen.append(_publish(at, publisher, former["manifest"], document.raw.decode("utf-8")))
    if not seen:
        why = "公布されたリストが一つだけです / only one list was ever published"
        return not_tried(Family.LISTS, ja, en, WHERE, why)
    return held_if(Family.LISTS, ja, en, f"{len(seen)} former manifests, as they were signed", seen, _is_refused)


def _unsigned(at: Target, publisher: Account, manifest: str, document: str) -> Iterator[Finding]:
    header, claims = header_of(manifest), claims_of(manifest)
    next_one = {**claims, "candidate": {**claims.get("candidate", {}), "serial": _serial(claims) + 1}}
    payload = text_of(json.dumps(next_one, separators=(",", ":"), ensure_ascii=False).encode())
    forged = (
        json.dumps(next_one, ensure_ascii=False),
        f"{encoded({**header, 'alg': 'none'})}.{payload}.",
        f"{encoded(header)}.{payload}.",
        f"{encoded(header)}.{payload}.{text_of(bytes(64))}",
        f"{encoded(header)}.{payload}.{manifest.rpartition('.')[2]}",
    )
    seen = [_publish(at, publisher, one, document) for one in forged]
    ja, en = "署名のない、または他の署名の目録", "a manifest unsigned, or under another one's signature"
    tried = "the next serial: plain, alg none, no signature, zeros, the present one's"
    yield held_if(Family.LISTS, ja, en, tried, seen, _is_refused)


def _altered(at: Target, publisher: Account, manifest: str, document: str) -> Iterator[Finding]:
    """The genuine manifest over another document. The list in force may be published again as it is, and stays."""
    lines = document.splitlines(keepends=True)
    claims = claims_of(manifest)
    changed = text_of(json.dumps({**claims, "v": 2}, separators=(",", ":")).encode())
    head, _, rest = manifest.partition(".")
    forged = (f"{head}.{changed}.{rest.partition('.')[2]}", f"{manifest[:-2]}AA")
    seen = [_publish(at, publisher, one, "".join(lines[:-1])) for one in forged]
    ja, en = "書き換えた目録と欠けた文書", "an altered manifest with a document cut short"
    yield held_if(Family.LISTS, ja, en, "another version; another signature; one line less", seen, _is_refused)


def _approvals(at: Target, publisher: Account, manifest: str, document: str) -> Iterator[Finding]:
    """Having signed what two people did not approve; the approvals of the present list are all that is at hand."""
    claims = claims_of(manifest)
    approvals = [str(one) for one in claims.get("approvals", ())]
    candidate = claims.get("candidate", {})
    why = at.unserved("sign-list")
    if not approvals or not candidate or why:
        why = why or "目録に承認がありません / the manifest has no approvals"
        yield not_tried(Family.LISTS, "承認のすり替え", "approvals taken from elsewhere", "POST /lists/signatures", why)
        return
    following = {**candidate, "serial": _serial(claims) + 1}
    for ja, en, said, given in (
        ("承認なしで署名を求める", "a signature without approvals", following, []),
        ("一人の承認で署名を求める", "a signature with one approval", candidate, approvals[:1]),
        ("同じ人の承認を二度示す", "one person's approval twice", candidate, approvals[:1] * 2),
        ("他の案の承認を示す", "approvals of another candidate", following, approvals),
        ("公布済みの案にもう一度署名を求める", "the present candidate signed once more", candidate, approvals),
    ):
        text = json.dumps(said, separators=(",", ":"), ensure_ascii=False)
        body = {"candidate": text, "approvals": given, "document": document}
        seen = [at.wire.call("POST", "/lists/signatures", body, token=publisher.token)]
        yield held_if(Family.LISTS, ja, en, f"POST /lists/signatures, {len(given)} approvals", seen, _is_refused)


def _unmoved(at: Target, publisher: Account, newest: dict[str, Any]) -> Finding:
    ja, en = "以上の後も有効なリストは同じ", "the list in force is the same after all this"
    after = at.wire.call("GET", "/lists", token=publisher.token)

    def same(seen: Seen) -> bool:
        lists = seen.data["lists"] if seen.let_in else []
        return bool(lists) and (lists[-1]["serial"], lists[-1]["digest"]) == (newest["serial"], newest["digest"])

    return held_if(Family.LISTS, ja, en, f"GET /lists: serial {newest['serial']}", [after], same)


def _serial(claims: dict[str, Any]) -> int:
    serial = claims.get("candidate", {}).get("serial", 0)
    return serial if isinstance(serial, int) else 0
