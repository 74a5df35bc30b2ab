"""Attacks on tokens (トークンへの攻撃): whatever a forger can do to a genuine one, shown to the doorkeeper."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from gateway.commands.probing.findings import Family, Finding, held_if, not_tried
from gateway.commands.probing.forging import bytes_of, claims_of, encoded, header_of, hs256, joined, text_of
from gateway.commands.probing.target import Account, Target
from gateway.commands.probing.wire import Seen
from gateway.exchange.jws import SigningKey

__all__ = ["attacks"]

WHERE: Final = "/auth/me"
KIDS: Final = (
    "../../../../../../dev/null",
    "/dev/null",
    "x' UNION SELECT 'AA==",
    "",
    "no-such-key/1",
    "file:///dev/null",
)
SECRETS_OF_PATHS: Final = (b"", b"\n", b"AA==")

Named = tuple[str, str, str, tuple[str, ...]]
"""Japanese, English, what was tried, and the tokens."""


def attacks(at: Target) -> Iterator[Finding]:
    """Every attack on one member of staff's token. Without a genuine token that opens the door nothing is tried."""
    account = at.anybody()
    if account is None or at.wire.call("GET", WHERE, token=account.token).status != 200:
        why = "本物のトークンで入れません / no genuine token opens the door"
        yield not_tried(Family.TOKENS, "トークンの偽造", "forged tokens", WHERE, why)
        return
    for ja, en, tried, tokens in (*_unsigned(account), *_by_the_public_key(at, account), *_by_a_key_of_ours(account)):
        yield _shown(at, ja, en, tried, [token for token in tokens if token != account.token])
    for ja, en, tried, tokens in (*_key_ids(account), *_altered(at, account), *_signatures(account)):
        yield _shown(at, ja, en, tried, [token for token in tokens if token != account.token])
    yield from _elsewhere(at, account)
    yield from _expired(at)
    yield from _after(at, account)


def _shown(at: Target, ja: str, en: str, tried: str, tokens: Sequence[str]) -> Finding:
    seen = [at.wire.call("GET", WHERE, token=token) for token in tokens]
    return held_if(Family.TOKENS, ja, en, tried, seen, lambda one: 400 <= one.status < 500)


def _unsigned(account: Account) -> Iterator[Named]:
    header, claims = header_of(account.token), claims_of(account.token)
    names = ("none", "None", "NONE", "nOnE", "")
    tokens = tuple(joined({**header, "alg": name}, claims, end) for name in names for end in ("", "AA"))
    yield "alg none", "alg none", f"alg {', '.join(map(repr, names))}; with and without a signature", tokens
    without = {name: value for name, value in header.items() if name != "alg"}
    yield "alg なし", "no alg", "the header without alg", (joined(without, claims),)


def _by_the_public_key(at: Target, account: Account) -> Iterator[Named]:
    """Whoever verifies with what the header says takes a public key for a shared secret."""
    header, claims = header_of(account.token), claims_of(account.token)
    told = at.wire.call("GET", "/.well-known/jwks.json").data
    keys: list[Mapping[str, Any]] = told.get("keys", []) if isinstance(told, dict) else []
    tokens: list[str] = []
    for key in keys:
        x, y = bytes_of(str(key.get("x", ""))), bytes_of(str(key.get("y", "")))
        der = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004") + x + y
        body = "\n".join(_lines(der))
        pem = f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n".encode()
        compact = json.dumps(key, separators=(",", ":")).encode()
        secrets = (x + y, b"\x04" + x + y, x, der, pem, pem.strip(), compact, json.dumps(key).encode())
        forged = {**header, "alg": "HS256", "kid": key.get("kid", "")}
        tokens += [hs256(forged, claims, secret) for secret in secrets]
    tried = f"HS256 with {len(keys)} public keys as secret: raw, DER, PEM, JWK"
    yield "公開鍵を共有鍵にする（HS256）", "HS256 with the public key", tried, tuple(tokens)


def _lines(der: bytes) -> Iterator[str]:
    padded = text_of(der).replace("-", "+").replace("_", "/")
    padded += "=" * (-len(padded) % 4)
    for at in range(0, len(padded), 64):
        yield padded[at : at + 64]


def _by_a_key_of_ours(account: Account) -> Iterator[Named]:
    """A key that the forger has made, named in every way a header can name one."""
    header, claims = header_of(account.token), claims_of(account.token)
    payload = json.dumps(claims, separators=(",", ":")).encode()
    own = SigningKey.generate(str(header.get("kid", "x")))
    yield "自作の鍵で署名", "signed by a key of the forger", "ES256, the genuine kid", (own.sign("at+jwt", payload),)
    jwk = {"kty": "EC", "crv": "P-256", "x": own.jwk().x, "y": own.jwk().y}
    signature = own.sign("at+jwt", payload).rpartition(".")[2]
    ways = {"jwk": jwk, "jku": "http://127.0.0.1:9/jwks.json", "x5u": "http://127.0.0.1:9/x", "x5c": ["AA=="]}
    tokens = tuple(joined({**header, name: value}, claims, signature) for name, value in ways.items())
    yield "鍵をヘッダーに埋め込む", "a key named in the header", "jwk, jku, x5u, x5c", tokens


def _key_ids(account: Account) -> Iterator[Named]:
    header, claims = header_of(account.token), claims_of(account.token)
    signature = account.token.rpartition(".")[2]
    kept = tuple(joined({**header, "kid": kid}, claims, signature) for kid in KIDS)
    yield "鍵番号の差し替え", "another kid", ", ".join(map(repr, KIDS)), kept
    made = tuple(
        hs256({**header, "alg": "HS256", "kid": kid}, claims, secret) for kid in KIDS for secret in SECRETS_OF_PATHS
    )
    yield "鍵番号でファイルを指す", "a kid that is a path", "HS256 with what such a file holds", made
    odd = (None, 7, ["x"], {"x": "y"}, "\u0000", "k" * 10_000)
    tokens = tuple(joined({**header, "kid": kid}, claims, signature) for kid in odd)
    yield "文字列でない鍵番号", "a kid that is no text", "null, number, array, object, NUL, 10,000 characters", tokens


def _altered(at: Target, account: Account) -> Iterator[Named]:
    header, claims = header_of(account.token), claims_of(account.token)
    signature = account.token.rpartition(".")[2]
    duties = sorted({duty for one in at.endpoints for duty in one.duties})
    other = next((agency for agency in at.agencies if agency != account.agency), "0" * 16)
    for ja, en, change in (
        ("全ての権限を書き足す", "every duty written in", dict.fromkeys(("dut", "duties", "scope"), duties)),
        ("団体を書き換える", "another agency written in", {"agc": other, "agency": other}),
        ("期限を延ばす", "a later expiry", {"exp": 4_102_444_800}),
        ("本人を書き換える", "another person written in", {"sub": "stf_" + "a" * 26}),
        ("発行者を書き換える", "another issuer", {"iss": "https://probe.invalid"}),
        ("宛先を書き換える", "another audience", {"aud": f"{claims.get('aud', '')}-x"}),
        ("利用者の種類を書き換える", "another kind of principal", {"knd": "system"}),
        ("種類を書き換える", "another type", {}),
    ):
        shown = header if change else {**header, "typ": "JWT"}
        yield ja, en, "the genuine signature", (joined(shown, {**claims, **change}, signature),)
    twice = f'{{"sub":"stf_{"a" * 26}",' + json.dumps(claims)[1:]
    yield (
        "同じ項目を二度書く", "a claim that stands twice", "sub twice, the genuine signature",
        (f"{encoded(header)}.{text_of(twice.encode())}.{signature}",),
    )  # fmt: skip


def _signatures(account: Account) -> Iterator[Named]:
    head, _, signature = account.token.rpartition(".")
    raw = bytes_of(signature)
    order = bytes.fromhex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")
    made = (
        b"",
        raw[:-1],
        raw[:32],
        raw + b"\x00",
        bytes(64),
        order + order,
        bytes(31) + b"\x01" + bytes(32),
        b"0\x06" + raw,
    )
    yield (
        "署名の切り詰め・すり替え", "a truncated or hollow signature",
        "empty, a byte short, half, a byte long, r = s = 0, r = s = n, s = 0, DER",
        tuple(f"{head}.{text_of(one)}" for one in made),
    )  # fmt: skip
    header, claims = header_of(account.token), claims_of(account.token)
    crit = ({"crit": ["exp"]}, {"crit": ["b64"], "b64": False}, {"zip": "DEF"}, {"enc": "A256GCM", "alg": "dir"})
    tokens = tuple(joined({**header, **one}, claims, signature) for one in crit)
    yield "ヘッダーの書き足し", "members added to the header", "crit, b64, zip, enc", tokens
    odd = (f"{account.token}.x", account.token.replace(".", "..", 1), f"{head}", "." * 2, "e30.e30.", "A" * 100_000)
    yield "形の崩れたトークン", "malformed tokens", "four parts, two parts, empty parts, 100,000 characters", odd


def _elsewhere(at: Target, account: Account) -> Iterator[Finding]:
    """The genuine token, shown where none belongs."""
    token = account.token
    ways = (
        at.wire.call("GET", f"{WHERE}?access_token={token}"),
        at.wire.call("GET", WHERE, headers={"Cookie": f"token={token}; session={token}"}),
        at.wire.call("GET", WHERE, headers={"X-Access-Token": token}),
        at.wire.call("GET", WHERE, headers={"Authorization": f"Basic {token}"}),
        at.wire.call("GET", WHERE, headers={"Authorization": token}),
    )
    tried = "in the query, in a cookie, in another header, as Basic, without a scheme"
    ja, en = "トークンを別の場所で示す", "a token shown elsewhere"
    yield held_if(Family.TOKENS, ja, en, tried, ways, lambda one: not one.let_in and one.status < 500)


def _expired(at: Target) -> Iterator[Finding]:
    ja, en = "期限切れのトークン", "an expired token"
    token = at.options.expired_token
    if not token:
        why = "--expired-token または --wait-for-expiry が必要 / takes --expired-token or --wait-for-expiry"
        yield not_tried(Family.TOKENS, ja, en, WHERE, why)
        return
    if not claims_of(token):
        yield not_tried(Family.TOKENS, ja, en, WHERE, "トークンではありません / what was given is no token")
        return
    longer = {**claims_of(token), "exp": 4_102_444_800}
    shown = (token, joined(header_of(token), longer, token.rpartition(".")[2]))
    yield _shown(at, ja, en, "as it is, and with a later expiry", shown)


def _after(at: Target, account: Account) -> Iterator[Finding]:
    """A token whose session is over."""
    ja, en = "終わったセッションのトークン", "a token whose session is over"
    again = at.fresh(account.given)
    if again is None:
        yield not_tried(Family.TOKENS, ja, en, WHERE, "もう一度ログインできません / no second login")
        return
    seen: list[Seen] = []
    out = at.wire.call("POST", "/auth/logout", token=again.token)
    if not out.let_in:
        yield not_tried(Family.TOKENS, ja, en, WHERE, f"ログアウトできません / no logout: {out.short}")
        return
    for endpoint in at.endpoints:
        if endpoint.is_own:
            call = at.forms.call(endpoint, spoilt=endpoint.changes)
            seen.append(at.wire.call(call.method, call.path, token=again.token, headers=call.headers, raw=call.raw))
    yield held_if(Family.TOKENS, ja, en, "every operation of one's own session", seen, lambda one: one.status == 401)
