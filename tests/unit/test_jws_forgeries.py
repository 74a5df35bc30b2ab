"""A corpus of forgeries: one named attack each, and the code by which every one of them is refused."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from gateway.exchange import jws
from gateway.exchange.jws import JwsRefused, SigningKey, b64encode

KEY = SigningKey.generate("0220199900011700/k1")
OTHER = SigningKey.generate("0220199900021700/k1")
STRANGER = SigningKey.generate("0220199900011700/k1")
UNKNOWN = SigningKey.generate("0220199900011700/k9")
KEYS = {KEY.kid: KEY.verifying(), OTHER.kid: OTHER.verifying()}
TYP = "kiroku+jws"
PAYLOAD = b'{"v":1,"kind":"refused"}'
TOKEN = KEY.sign(TYP, PAYLOAD)
HEADER, MIDDLE, SIGNATURE = TOKEN.split(".")
RAW = jws.b64decode(SIGNATURE)
BEYOND = b"\xff" * 32
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def under(header: str, signature: str | None = None) -> str:
    """A token with this header, signed by the real key over it unless a signature is given."""
    segment = b64encode(header.encode())
    return f"{segment}.{MIDDLE}.{real(f'{segment}.{MIDDLE}') if signature is None else signature}"


def real(signed: str) -> str:
    """What the real key signs over any text: the worst case, a signer tricked into another header."""
    r_s = KEY._private.sign(signed.encode(), jws._ECDSA)
    r, s = decode_dss_signature(r_s)
    return b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


def hs256() -> str:
    """The public key used as an HMAC secret."""
    segment = b64encode(b'{"alg":"HS256","kid":"0220199900011700/k1","typ":"kiroku+jws"}')
    secret = json.dumps({"x": KEY.jwk().x, "y": KEY.jwk().y}).encode()
    signature = hmac.new(secret, f"{segment}.{MIDDLE}".encode(), hashlib.sha256).digest()
    return f"{segment}.{MIDDLE}.{b64encode(signature)}"


def with_trailing_bits() -> str:
    """The same signature bytes spelled with bits left over behind the last byte."""
    return TOKEN[:-1] + ALPHABET[ALPHABET.index(TOKEN[-1]) ^ 1]


def der() -> bytes:
    return encode_dss_signature(int.from_bytes(RAW[:32], "big"), int.from_bytes(RAW[32:], "big"))


THREE = '"alg":"ES256","kid":"0220199900011700/k1","typ":"kiroku+jws"'

FORGERIES = {
    "alg-none-without-signature": (
        under('{"alg":"none","kid":"0220199900011700/k1","typ":"kiroku+jws"}', ""),
        "alg-none",
    ),
    "alg-none-in-capitals": (under('{"alg":"NoNe","kid":"0220199900011700/k1","typ":"kiroku+jws"}', ""), "alg-none"),
    "alg-missing": (under('{"kid":"0220199900011700/k1","typ":"kiroku+jws"}'), "alg-none"),
    "alg-hs256-keyed-with-the-public-key": (hs256(), "alg-not-es256"),
    "alg-es384": (under('{"alg":"ES384","kid":"0220199900011700/k1","typ":"kiroku+jws"}'), "alg-not-es256"),
    "alg-lower-case": (under('{"alg":"es256","kid":"0220199900011700/k1","typ":"kiroku+jws"}'), "alg-not-es256"),
    "a-permit-shown-as-a-record": (KEY.sign("permit+jws", PAYLOAD), "typ-differs"),
    "typ-missing": (under('{"alg":"ES256","kid":"0220199900011700/k1"}'), "header-members"),
    "own-key-in-the-header": (under(f'{{{THREE},"jwk":{{"kty":"EC"}}}}'), "header-members"),
    "key-by-address": (under(f'{{{THREE},"jku":"https://example.invalid/"}}'), "header-members"),
    "critical-extension": (under(f'{{{THREE},"crit":["b64"],"b64":false}}'), "header-members"),
    "alg-named-twice": (under(f'{{"alg":"none",{THREE}}}'), "header-duplicate"),
    "members-in-another-order": (
        under('{"kid":"0220199900011700/k1","alg":"ES256","typ":"kiroku+jws"}'),
        "header-form",
    ),
    "white-space-in-the-header": (under(f"{{{THREE} }}"), "header-form"),
    "escaped-letter-in-the-header": (under(f"{{{THREE}}}".replace("ES256", "\\u0045S256")), "header-form"),
    "header-is-no-object": (under('["alg","ES256"]'), "header-not-json"),
    "header-is-no-json": (under("alg=ES256"), "header-not-json"),
    "header-nested-beyond-reason": (under("[" * 20_000), "header-not-json"),
    "unknown-key": (UNKNOWN.sign(TYP, PAYLOAD), "kid-unknown"),
    "key-id-is-a-number": (under('{"alg":"ES256","kid":1,"typ":"kiroku+jws"}'), "kid-unknown"),
    "another-agencys-key-id": (under(f"{{{THREE}}}".replace("00011700", "00021700")), "signature-invalid"),
    "same-key-id-other-key": (STRANGER.sign(TYP, PAYLOAD), "signature-invalid"),
    "payload-swapped": (
        f"{HEADER}.{b64encode(PAYLOAD.replace(b'refused', b'provided'))}.{SIGNATURE}",
        "signature-invalid",
    ),
    "signature-of-another-record": (f"{HEADER}.{MIDDLE}.{KEY.sign(TYP, b'{}').split('.')[2]}", "signature-invalid"),
    "signature-missing": (f"{HEADER}.{MIDDLE}.", "signature-missing"),
    "signature-in-der": (f"{HEADER}.{MIDDLE}.{b64encode(der())}", "signature-der"),
    "signature-too-short": (f"{HEADER}.{MIDDLE}.{b64encode(RAW[:63])}", "signature-length"),
    "signature-too-long": (f"{HEADER}.{MIDDLE}.{b64encode(RAW + b'0')}", "signature-length"),
    "signature-all-zero": (f"{HEADER}.{MIDDLE}.{b64encode(bytes(64))}", "signature-invalid"),
    "r-beyond-the-order": (f"{HEADER}.{MIDDLE}.{b64encode(BEYOND + RAW[32:])}", "signature-invalid"),
    "halves-exchanged": (f"{HEADER}.{MIDDLE}.{b64encode(RAW[32:] + RAW[:32])}", "signature-invalid"),
    "trailing-bits": (with_trailing_bits(), "not-base64url"),
    "padding": (TOKEN + "==", "not-base64url"),
    "line-break-in-the-payload": (f"{HEADER}.{MIDDLE[:4]}\n{MIDDLE[4:]}.{SIGNATURE}", "not-base64url"),
    "ordinary-base64": (f"{HEADER}.{MIDDLE}.{SIGNATURE[:-2]}+/", "not-base64url"),
    "letter-from-outside": (f"{HEADER}.{MIDDLE}あ.{SIGNATURE}", "not-base64url"),
    "two-segments": (f"{HEADER}.{MIDDLE}", "not-three-parts"),
    "four-segments": (f"{TOKEN}.{SIGNATURE}", "not-three-parts"),
    "encrypted-form": (f"{TOKEN}..", "not-three-parts"),
    "detached-payload": (f"{HEADER}..{SIGNATURE}", "signature-invalid"),
    "nothing": ("", "not-three-parts"),
    "longer-than-allowed": (KEY.sign(TYP, b"0" * 1_000_000), "too-long"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_every_forgery_of_the_corpus_is_refused_by_its_own_code(name: str) -> None:
    token, code = FORGERIES[name]
    with pytest.raises(JwsRefused) as caught:
        jws.verify(token, TYP, KEYS)
    assert caught.value.code == code


def test_the_token_that_all_forgeries_were_made_from_is_itself_accepted() -> None:
    assert jws.verify(TOKEN, TYP, KEYS) == PAYLOAD


def test_no_refusal_quotes_the_token() -> None:
    for token, code in FORGERIES.values():
        with pytest.raises(JwsRefused) as caught:
            jws.verify(token, TYP, KEYS)
        assert str(caught.value) == code


def test_a_key_filed_under_another_id_does_not_verify_for_that_id() -> None:
    with pytest.raises(JwsRefused) as caught:
        jws.verify(TOKEN, TYP, {KEY.kid: OTHER.verifying()})
    assert caught.value.code == "kid-differs"
