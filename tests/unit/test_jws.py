"""Compact JWS: what is signed comes back, what was touched does not, and other people's tools read it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import jwt
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm

from gateway.exchange import jws
from gateway.exchange.jws import BadKey, Jwk, JwsRefused, Malformed, SigningKey, VerifyingKey

KEY = SigningKey.generate("0220199900011700/k1")
OTHER = SigningKey.generate("0220199900021700/k1")
KEYS = {KEY.kid: KEY.verifying(), OTHER.kid: OTHER.verifying()}
TYP = "kiroku+jws"
FIXED = KEY.sign(TYP, b'{"v":1,"kind":"provided"}')


@given(st.binary(max_size=400))
@settings(max_examples=60)
def test_what_was_signed_comes_back_byte_for_byte(payload: bytes) -> None:
    assert jws.verify(KEY.sign(TYP, payload), TYP, KEYS) == payload


@given(st.integers(0, len(FIXED) - 1), st.integers(1, 127))
@settings(max_examples=400)
def test_a_token_with_any_one_character_changed_is_refused(place: int, turn: int) -> None:
    changed = FIXED[:place] + chr(ord(FIXED[place]) ^ turn) + FIXED[place + 1 :]
    with pytest.raises(JwsRefused):
        jws.verify(changed, TYP, KEYS)


@given(st.integers(0, len(FIXED) - 1))
@settings(max_examples=60)
def test_a_token_that_was_cut_short_is_refused(length: int) -> None:
    with pytest.raises(JwsRefused):
        jws.verify(FIXED[:length], TYP, KEYS)


@given(st.text(max_size=200))
@settings(max_examples=200)
def test_any_text_at_all_is_refused_by_name_and_never_by_accident(text: str) -> None:
    with pytest.raises(JwsRefused):
        jws.verify(text, TYP, KEYS)


@given(st.binary(max_size=80))
def test_any_bytes_as_a_header_are_refused_by_name_and_never_by_accident(header: bytes) -> None:
    _, payload, signature = FIXED.split(".")
    with pytest.raises(JwsRefused):
        jws.verify(f"{jws.b64encode(header)}.{payload}.{signature}", TYP, KEYS)


def test_the_header_has_exactly_three_members_in_the_promised_order_and_spelling() -> None:
    header = jws.b64decode(FIXED.split(".")[0])
    assert header == b'{"alg":"ES256","kid":"0220199900011700/k1","typ":"kiroku+jws"}'


def test_a_signature_is_r_and_s_in_sixty_four_bytes() -> None:
    assert len(jws.b64decode(FIXED.split(".")[2])) == 64


def test_another_peoples_library_verifies_what_we_signed() -> None:
    payload = json.dumps({"v": 1}).encode()
    public: Any = ECAlgorithm.from_jwk(json.dumps(msgspec.to_builtins(KEY.jwk())))
    read = jwt.PyJWS().decode_complete(KEY.sign(TYP, payload), public, algorithms=["ES256"])
    assert read["payload"] == payload
    assert list(read["header"]) == ["alg", "kid", "typ"]


def test_what_another_peoples_library_signed_with_our_header_verifies_here() -> None:
    private: Any = jwt.PyJWK({**msgspec.to_builtins(KEY.jwk()), "d": jws.b64encode(KEY.to_bytes())}).key
    header = {"alg": "ES256", "kid": KEY.kid, "typ": TYP}
    token = jwt.PyJWS().encode(b"abc", private, algorithm="ES256", headers=header)
    theirs = json.loads(jws.b64decode(token.split(".")[0]))
    assert theirs == header
    ours = f"{KEY.verifying().header(TYP)}.{token.split('.')[1]}"
    signature = ECAlgorithm(ECAlgorithm.SHA256).sign(ours.encode(), private)
    assert jws.verify(f"{ours}.{jws.b64encode(signature)}", TYP, KEYS) == b"abc"


def test_a_key_survives_being_kept_as_its_scalar_or_as_pkcs8() -> None:
    for kept in (KEY.to_bytes(), KEY.to_pkcs8()):
        again = SigningKey.from_bytes(KEY.kid, kept)
        assert again.jwk() == KEY.jwk()
        assert jws.verify(again.sign(TYP, b"x"), TYP, KEYS) == b"x"
    assert len(KEY.to_bytes()) == 32


@pytest.mark.parametrize("kept", [b"", b"\x00" * 32, b"\xff" * 32, b"\x01" * 31, b"no key"])
def test_bytes_that_are_no_key_are_refused_without_being_quoted(kept: bytes) -> None:
    with pytest.raises(BadKey) as caught:
        SigningKey.from_bytes("a/b", kept)
    assert caught.value.__cause__ is None


def test_a_key_shows_its_id_and_nothing_secret() -> None:
    shown = f"{KEY!r} {KEY} {KEY.verifying()!r}"
    assert KEY.kid in shown
    assert KEY.to_bytes().hex() not in shown
    assert jws.b64encode(KEY.to_bytes()) not in shown


def test_a_public_key_survives_its_jwk() -> None:
    again = VerifyingKey.from_jwk(msgspec.json.decode(msgspec.json.encode(KEY.jwk()), type=Jwk))
    assert jws.verify(FIXED, TYP, {KEY.kid: again}) == b'{"v":1,"kind":"provided"}'
    assert again.holder == "0220199900011700"


def test_a_private_member_in_a_public_key_is_refused() -> None:
    leaked = {**msgspec.to_builtins(KEY.jwk()), "d": jws.b64encode(KEY.to_bytes())}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(leaked, Jwk)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (jws.b64encode(b"\x01" * 32), jws.b64encode(b"\x01" * 32)),
        (jws.b64encode(b"\x01" * 31), KEY.jwk().y),
        (KEY.jwk().x + "=", KEY.jwk().y),
        (jws.b64encode(b"\xff" * 32), KEY.jwk().y),
    ],
    ids=["not-on-the-curve", "short", "padded", "beyond-the-field"],
)
def test_coordinates_that_are_no_point_are_refused(x: str, y: str) -> None:
    with pytest.raises(BadKey):
        VerifyingKey.from_jwk(Jwk(kid="a/b", x=x, y=y))


@pytest.mark.parametrize("kid", ["", 'a","alg":"none', "a b", "あ/1", "x" * 129, "a/b\n"])
def test_a_key_id_that_could_break_the_header_is_refused(kid: str) -> None:
    with pytest.raises(BadKey):
        SigningKey.generate(kid)


def test_the_thumbprint_is_that_of_rfc_7638() -> None:
    required = {name: getattr(KEY.jwk(), name) for name in ("crv", "kty", "x", "y")}
    text = json.dumps(required, sort_keys=True, separators=(",", ":"))
    assert jws.thumbprint(KEY.jwk()) == jws.b64encode(hashlib.sha256(text.encode()).digest())


@given(st.binary(max_size=100))
def test_base64url_has_one_spelling_for_each_byte_string(data: bytes) -> None:
    text = jws.b64encode(data)
    assert jws.b64decode(text) == data
    for other in (text + "=", text + "\n", " " + text, text.replace("-", "+")):
        if other != text:
            with pytest.raises(Malformed):
                jws.b64decode(other)


def test_what_is_read_unverified_says_so_and_is_what_the_token_claims() -> None:
    assert jws.unverified_kid(FIXED) == KEY.kid
    assert jws.unverified_payload(FIXED) == b'{"v":1,"kind":"provided"}'
    assert jws.split(FIXED).signature == FIXED.rpartition(".")[2]
