"""Assertions that somebody else signed: a client's own word and an outside issuer's, and every way to forge them."""

from __future__ import annotations

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from authz.assertions import AssertionRefused, by_client, by_issuer, claimed_client, public_keys
from authz.tokens import TokenFault
from tests.server.issuing import AUDIENCE, ISSUER, OutsideIssuer

NOW = datetime(2026, 7, 1, tzinfo=UTC)
AT = int(NOW.timestamp())
CLIENT = "cli_" + "a" * 26
SECRET = "s" * 43
HERE = ("http://127.0.0.1:8443", "http://127.0.0.1:8443/oauth/token")


def asserted(secret: str = SECRET, algorithm: str = "HS256", **more: object) -> str:
    claims = {"iss": CLIENT, "sub": CLIENT, "aud": HERE[1], "exp": AT + 60, "iat": AT, "jti": "j-1"} | more
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, secret, algorithm=algorithm)


def segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def client_fault(assertion: str) -> TokenFault:
    with pytest.raises(AssertionRefused) as refused:
        by_client(assertion, CLIENT, SECRET, HERE, NOW)
    return refused.value.fault


@pytest.mark.parametrize("audience", [HERE[0], HERE[1], ["https://elsewhere", HERE[1]]])
def test_a_clients_own_assertion_for_this_server_is_believed(audience: object) -> None:
    assertion = asserted(aud=audience)
    assert claimed_client(assertion) == CLIENT
    first = by_client(assertion, CLIENT, SECRET, HERE, NOW)
    assert first.digest == by_client(asserted(aud=audience, exp=AT + 30), CLIENT, SECRET, HERE, NOW).digest
    assert first.digest != by_client(asserted(jti="j-2"), CLIENT, SECRET, HERE, NOW).digest
    assert first.until > NOW + timedelta(seconds=60)


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ({"iss": "cli_" + "b" * 26}, TokenFault.WRONG_ISSUER),
        ({"sub": "cli_" + "b" * 26}, TokenFault.WRONG_ISSUER),
        ({"aud": "https://elsewhere/oauth/token"}, TokenFault.WRONG_AUDIENCE),
        ({"aud": []}, TokenFault.WRONG_AUDIENCE),
        ({"exp": AT}, TokenFault.EXPIRED),
        ({"exp": AT + 400}, TokenFault.TOO_LONG),
        ({"exp": None}, TokenFault.MALFORMED),
        ({"exp": "soon"}, TokenFault.MALFORMED),
        ({"nbf": AT + 60}, TokenFault.NOT_YET_VALID),
        ({"iat": AT + 60}, TokenFault.NOT_YET_VALID),
        ({"jti": None}, TokenFault.MALFORMED),
        ({"jti": ""}, TokenFault.MALFORMED),
        ({"secret": "t" * 43}, TokenFault.BAD_SIGNATURE),
        ({"secret": "s" * 64, "algorithm": "HS512"}, TokenFault.WRONG_ALGORITHM),
    ],
)
def test_a_clients_assertion_that_says_anything_else_is_not(more: dict[str, Any], fault: TokenFault) -> None:
    assert client_fault(asserted(**more)) is fault


@pytest.mark.parametrize("header", [{"alg": "none"}, {"alg": "None"}, {}, {"alg": None}])
def test_an_unsigned_assertion_is_not_believed_of_anybody(header: dict[str, object]) -> None:
    claims = {"iss": CLIENT, "sub": CLIENT, "aud": HERE[1], "exp": AT + 60, "jti": "x"}
    for unsigned in (f"{segment(header)}.{segment(claims)}.", f"{segment(header)}.{segment(claims)}.AAAA"):
        assert client_fault(unsigned) in {TokenFault.WRONG_ALGORITHM, TokenFault.MALFORMED}
        with pytest.raises(AssertionRefused):
            by_issuer(unsigned, OutsideIssuer().issuer, {}, NOW)


@pytest.mark.parametrize("odd", ["", "a.b", "a.b.c.d", "é.b.c", "x" * 9000, "..", f"{segment([])}.{segment([])}.x"])
def test_what_is_no_assertion_is_refused_without_an_error(odd: str) -> None:
    assert client_fault(odd) is TokenFault.MALFORMED
    with pytest.raises(AssertionRefused):
        by_issuer(odd, OutsideIssuer().issuer, {}, NOW)


# --- an outside issuer --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def outside() -> OutsideIssuer:
    return OutsideIssuer()


def outside_fault(outside: OutsideIssuer, token: str, jwks: bytes = b"") -> TokenFault:
    with pytest.raises(AssertionRefused) as refused:
        by_issuer(token, outside.issuer, public_keys(jwks or outside.jwks()) or {}, NOW)
    return refused.value.fault


@pytest.mark.parametrize("key", ["ec-1", "rsa-1"])
def test_an_id_token_of_the_configured_issuer_names_its_subject(outside: OutsideIssuer, key: str) -> None:
    token = outside.token("hanako", NOW, key=key)
    said = by_issuer(token, outside.issuer, public_keys(outside.jwks()) or {}, NOW)
    assert (said.issuer, said.subject) == (ISSUER, "hanako")


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ({"iss": "https://evil.example"}, TokenFault.WRONG_ISSUER),
        ({"aud": "another-client"}, TokenFault.WRONG_AUDIENCE),
        ({"aud": [AUDIENCE, "another-client"]}, TokenFault.WRONG_AUDIENCE),
        ({"azp": "another-client"}, TokenFault.WRONG_AUDIENCE),
        ({"exp": AT}, TokenFault.EXPIRED),
        ({"iat": AT + 60}, TokenFault.NOT_YET_VALID),
        ({"iat": AT - 700}, TokenFault.TOO_LONG),
        ({"iat": None}, TokenFault.TOO_LONG),
        ({"sub": ""}, TokenFault.MALFORMED),
        ({"sub": "x" * 256}, TokenFault.MALFORMED),
        ({"sub": "a\0b"}, TokenFault.MALFORMED),
        ({"sub": 7}, TokenFault.MALFORMED),
    ],
)
def test_an_id_token_for_others_or_of_another_time_is_not_believed(
    outside: OutsideIssuer, more: dict[str, Any], fault: TokenFault
) -> None:
    assert outside_fault(outside, outside.token(more.pop("sub", "hanako"), NOW, **more)) is fault


def test_several_audiences_are_believed_where_the_token_was_made_for_us(outside: OutsideIssuer) -> None:
    token = outside.token("hanako", NOW, aud=[AUDIENCE, "another"], azp=AUDIENCE)
    assert by_issuer(token, outside.issuer, public_keys(outside.jwks()) or {}, NOW).subject == "hanako"


def test_a_public_key_taken_for_a_shared_secret_opens_nothing(outside: OutsideIssuer) -> None:
    pem = outside.rsa.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "hanako", "iat": AT, "exp": AT + 60}
    signing = f"{segment({'alg': 'HS256', 'kid': 'rsa-1'})}.{segment(claims)}"
    mac = base64.urlsafe_b64encode(hmac.digest(pem, signing.encode(), "sha256")).decode().rstrip("=")
    assert outside_fault(outside, f"{signing}.{mac}") is TokenFault.WRONG_ALGORITHM


def test_a_key_signs_with_its_own_algorithm_and_under_its_own_name_alone(outside: OutsideIssuer) -> None:
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "hanako", "iat": AT, "exp": AT + 60}
    for headers, fault in (
        ({"kid": "rsa-1"}, TokenFault.WRONG_ALGORITHM),
        ({"kid": "ec-2"}, TokenFault.UNKNOWN_KEY),
        ({}, TokenFault.MALFORMED),
        ({"kid": "ec-1", "crit": ["b64"]}, TokenFault.MALFORMED),
    ):
        assert outside_fault(outside, jwt.encode(claims, outside.elliptic, "ES256", headers)) is fault
    stranger = jwt.encode(claims, ec.generate_private_key(ec.SECP256R1()), "ES256", {"kid": "ec-1"})
    assert outside_fault(outside, stranger) is TokenFault.BAD_SIGNATURE
    embedded = {"kid": "ec-9", "jwk": jwt.algorithms.ECAlgorithm.to_jwk(outside.elliptic.public_key(), as_dict=True)}
    assert outside_fault(outside, jwt.encode(claims, outside.elliptic, "ES256", embedded)) is TokenFault.UNKNOWN_KEY


def test_keys_that_are_weak_private_meant_for_something_else_or_no_keys_are_left_out(outside: OutsideIssuer) -> None:
    good = json.loads(outside.jwks())["keys"]
    weak = {**good[1], "n": good[1]["n"][:170] + "AQ"}
    private = jwt.algorithms.ECAlgorithm.to_jwk(outside.elliptic, as_dict=True)
    p384 = jwt.algorithms.ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()).public_key(), as_dict=True)
    odd = [weak, private, p384, {"kty": "oct", "k": "c2VjcmV0"}, {"kty": "EC"}, {"kty": "RSA", "n": 1}, 7, None]
    rows = [{**row, "kid": f"odd-{n}"} if isinstance(row, dict) else row for n, row in enumerate(odd)]
    rows += [{**good[0], "kid": "for-sealing", "use": "enc"}, {**good[1], "kid": "other", "alg": "PS256"}]
    assert set(public_keys(json.dumps({"keys": [*rows, *good]}).encode()) or ()) == {"ec-1", "rsa-1"}


@pytest.mark.parametrize("jwks", [b"", b"[]", b"null", b'{"keys": 7}', b'{"keys": {}}', b"\xff"])
def test_what_is_no_set_of_keys_is_none_and_an_empty_set_is_one(jwks: bytes) -> None:
    assert public_keys(jwks) is None
    assert public_keys(b'{"keys": []}') == {}
