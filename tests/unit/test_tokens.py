"""Tokens: a good one gives its principal, and each way of being bad has its own name."""

from __future__ import annotations

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from authz import tokens
from authz.duties import Duty
from authz.principals import Principal, StaffPrincipal, SystemPrincipal
from authz.tokens import IssuingKey, TokenFault, TokenRefused, keys_of
from sympho.codes import AgencyCode, SystemCode, TaskCode

NOW = datetime(2026, 7, 1, 1, 2, 3, 456789, tzinfo=UTC)
CITY = AgencyCode("0200399999100000")
TOWN = AgencyCode("0200399999200000")
AUDIENCE = "urn:role:intermediary"
KEY = IssuingKey("key-1", "urn:role:intermediary", ec.generate_private_key(ec.SECP256R1()))
TOWNS_KEY = IssuingKey("town", f"urn:agency:{TOWN}", ec.generate_private_key(ec.SECP256R1()))
KEYS = keys_of([KEY.verifying(), TOWNS_KEY.verifying()])

CLERK = StaffPrincipal(
    CITY,
    "stf_aaaaaaaaaaaaaaaaaaaaaaaaaa",
    "健康推進課",
    frozenset({Duty.INQUIRE, Duty.READ_RECORDS}),
    frozenset({TaskCode("JM" + "16".zfill(TaskCode.digits))}),
    "ses_aaaaaaaaaaaaaaaaaaaaaaaaaa",
    "192.0.2.7",
    NOW + timedelta(hours=8),
)
HEALTH = SystemPrincipal(
    CITY,
    "cli_aaaaaaaaaaaaaaaaaaaaaaaaaa",
    SystemCode("020"),
    None,
    frozenset({"inquiry.register"}),
    "cli_aaaaaaaaaaaaaaaaaaaaaaaaaa.1",
    NOW + timedelta(minutes=15),
)


def verified(token: str, now: datetime = NOW) -> Principal:
    return tokens.verify(token, KEYS, AUDIENCE, now)


def fault_of(token: str, now: datetime = NOW) -> TokenFault:
    with pytest.raises(TokenRefused) as refused:
        verified(token, now)
    return refused.value.fault


def issued(principal: Principal = CLERK, key: IssuingKey = KEY) -> str:
    return tokens.issue(principal, key, AUDIENCE, NOW)


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def forged(key: IssuingKey = KEY, headers: dict[str, Any] | None = None, **changes: Any) -> str:
    """A well-signed token with other claims: what only a holder of the key could make."""
    claims = claims_of(issued()) | changes
    own = {"typ": "at+jwt", "kid": key.kid} | (headers or {})
    return jwt.encode(claims, key.private, algorithm="ES256", headers=own)


def part(value: dict[str, Any] | bytes) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed_by_hmac(secret: bytes, alg: str = "HS256") -> str:
    body = f"{part({'alg': alg, 'typ': 'at+jwt', 'kid': 'key-1'})}.{part(claims_of(issued()))}"
    return f"{body}.{part(hmac.digest(secret, body.encode(), sha256))}"


def test_a_member_of_staff_comes_back_as_issued_and_expires_within_a_quarter_of_an_hour() -> None:
    principal = verified(issued())
    assert isinstance(principal, StaffPrincipal)
    assert principal.expires == NOW.replace(microsecond=0) + timedelta(minutes=15)
    assert (principal.agency, principal.staff_id, principal.office) == (CITY, CLERK.staff_id, CLERK.office)
    assert (principal.duties, principal.tasks) == (CLERK.duties, CLERK.tasks)
    assert (principal.session, principal.terminal, principal.must_change) == (CLERK.session, CLERK.terminal, False)
    assert type(principal.agency) is AgencyCode


def test_a_business_system_comes_back_as_issued() -> None:
    principal = verified(issued(HEALTH))
    assert isinstance(principal, SystemPrincipal)
    assert principal == SystemPrincipal(
        CITY, HEALTH.client_id, HEALTH.system, None, HEALTH.operations, HEALTH.session, principal.expires
    )


def test_a_token_never_outlives_its_session() -> None:
    ends = NOW.replace(microsecond=0) + timedelta(minutes=2)
    short = StaffPrincipal(CITY, CLERK.staff_id, CLERK.office, CLERK.duties, None, CLERK.session, CLERK.terminal, ends)
    assert verified(issued(short)).expires == ends


def test_two_tokens_of_one_session_differ() -> None:
    assert issued() != issued()


def test_an_agencys_key_speaks_for_that_agency_and_no_other() -> None:
    with pytest.raises(ValueError, match="may not speak"):
        issued(CLERK, TOWNS_KEY)
    assert fault_of(forged(TOWNS_KEY, iss=TOWNS_KEY.issuer)) is TokenFault.WRONG_ISSUER
    assert verified(forged(TOWNS_KEY, iss=TOWNS_KEY.issuer, agc=str(TOWN))).agency == TOWN


def test_a_key_cannot_take_the_name_of_another_issuer() -> None:
    assert fault_of(forged(TOWNS_KEY, agc=str(TOWN))) is TokenFault.WRONG_ISSUER


@pytest.mark.parametrize("alg", ["none", "None", "NONE", ""])
def test_a_token_without_a_signature_is_refused_by_its_algorithm(alg: str) -> None:
    header = part({"alg": alg, "typ": "at+jwt", "kid": "key-1"})
    assert fault_of(f"{header}.{part(claims_of(issued()))}.") is TokenFault.WRONG_ALGORITHM


def test_the_public_key_is_no_shared_secret_in_any_of_its_forms() -> None:
    public = KEY.private.public_key()
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = public.public_bytes(serialization.Encoding.PEM, spki)
    der = public.public_bytes(serialization.Encoding.DER, spki)
    jwk = jwt.algorithms.ECAlgorithm.to_jwk(public).encode()
    for secret in (pem, pem.strip(), der, jwk):
        assert fault_of(signed_by_hmac(secret)) is TokenFault.WRONG_ALGORITHM
        assert fault_of(signed_by_hmac(secret, "ES256")) is TokenFault.BAD_SIGNATURE


@pytest.mark.parametrize("alg", ["ES384", "RS256", "PS256", "EdDSA", "es256", "ES256 "])
def test_no_other_algorithm_is_tried(alg: str) -> None:
    assert fault_of(signed_by_hmac(b"x" * 32, alg)) is TokenFault.WRONG_ALGORITHM


def test_an_unknown_key_id_is_refused_though_the_signature_is_ours() -> None:
    assert fault_of(forged(headers={"kid": "key-2"})) is TokenFault.UNKNOWN_KEY


def test_a_known_key_id_does_not_help_another_key() -> None:
    stranger = IssuingKey("key-1", KEY.issuer, ec.generate_private_key(ec.SECP256R1()))
    assert fault_of(forged(stranger)) is TokenFault.BAD_SIGNATURE
    assert fault_of(forged(TOWNS_KEY, headers={"kid": "key-1"})) is TokenFault.BAD_SIGNATURE


@pytest.mark.parametrize("typ", ["JWT", "permit+jws", "AT+JWT", "application/at+jwt"])
def test_nothing_of_another_type_serves_as_a_token(typ: str) -> None:
    assert fault_of(forged(headers={"typ": typ})) is TokenFault.WRONG_TYPE


@pytest.mark.parametrize("extra", [{"jku": "https://evil.invalid"}, {"jwk": {}}, {"x5u": "x"}, {"cty": "JWT"}])
def test_a_header_that_brings_anything_of_its_own_is_refused(extra: dict[str, Any]) -> None:
    assert fault_of(forged(headers=extra)) is TokenFault.MALFORMED


def test_another_audience_is_refused() -> None:
    assert fault_of(forged(aud="urn:role:network")) is TokenFault.WRONG_AUDIENCE
    assert fault_of(forged(aud=[AUDIENCE])) is TokenFault.MALFORMED


def test_a_token_holds_until_before_its_expiry() -> None:
    token = issued()
    end = NOW.replace(microsecond=0) + timedelta(minutes=15)
    assert verified(token, end - timedelta(microseconds=1)).agency == CITY
    assert fault_of(token, end) is TokenFault.EXPIRED


def test_a_token_from_the_future_is_refused_beyond_the_skew_of_machines() -> None:
    at = int(NOW.timestamp())
    assert fault_of(forged(nbf=at + 60)) is TokenFault.NOT_YET_VALID
    assert fault_of(forged(iat=at + 60, exp=at + 120)) is TokenFault.NOT_YET_VALID
    assert verified(forged(nbf=at + 5)).agency == CITY


def test_a_token_of_longer_life_is_refused_though_it_is_ours() -> None:
    assert fault_of(forged(exp=int(NOW.timestamp()) + 901)) is TokenFault.TOO_LONG


def test_renewal_takes_an_expired_token_for_half_an_hour_and_no_other_weakness() -> None:
    end = NOW.replace(microsecond=0) + timedelta(minutes=15)
    token = issued()
    assert tokens.verify_for_renewal(token, KEYS, AUDIENCE, end + timedelta(minutes=29)).agency == CITY
    for other, now in ((token, end + timedelta(minutes=30)), (forged(aud="x"), end), (token[:-4] + "AAAA", end)):
        with pytest.raises(TokenRefused):
            tokens.verify_for_renewal(other, KEYS, AUDIENCE, now)


@pytest.mark.parametrize(
    "changes",
    [
        {"agc": "020039999910000"},
        {"agc": 200399999100000},
        {"dut": ["inquire", "everything"]},
        {"dut": "inquire"},
        {"exp": "soon"},
        {"exp": True},
        {"nbf": None},
        {"knd": "party"},
        {"knd": "system"},
        {"tsk": ["JM1"]},
        {"admin": True},
    ],
)
def test_claims_that_break_their_form_are_refused_though_they_are_signed(changes: dict[str, Any]) -> None:
    assert fault_of(forged(**changes)) is TokenFault.MALFORMED


@pytest.mark.parametrize("field", ["agc", "sid", "exp", "nbf", "iat", "aud", "iss", "sub", "knd", "dut"])
def test_claims_that_are_missing_are_refused(field: str) -> None:
    claims = claims_of(issued())
    del claims[field]
    token = jwt.encode(claims, KEY.private, algorithm="ES256", headers={"typ": "at+jwt", "kid": "key-1"})
    assert fault_of(token) is TokenFault.MALFORMED


def test_an_altered_payload_breaks_the_signature() -> None:
    header, _, signature = issued().split(".")
    altered = part(claims_of(issued()) | {"dut": [duty.value for duty in Duty]})
    assert fault_of(f"{header}.{altered}.{signature}") is TokenFault.BAD_SIGNATURE


@pytest.mark.parametrize("zeros", [b"", b"\0" * 64, b"\0" * 63, b"\xff" * 64])
def test_a_signature_of_zeros_or_of_wrong_length_is_refused(zeros: bytes) -> None:
    head, payload, _ = issued().split(".")
    assert fault_of(f"{head}.{payload}.{part(zeros)}") is TokenFault.BAD_SIGNATURE


@given(st.integers(min_value=0, max_value=2000))
def test_no_truncated_token_opens_anything(length: int) -> None:
    token = issued()
    assert fault_of(token[: min(length, len(token) - 1)]) in {TokenFault.MALFORMED, TokenFault.BAD_SIGNATURE}


@given(st.text(max_size=200))
def test_no_text_at_all_does_anything_but_be_refused(text: str) -> None:
    assert fault_of(text) in set(TokenFault)


@given(st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=60))
def test_no_three_segments_do_anything_but_be_refused(one: bytes, two: bytes, three: bytes) -> None:
    assert fault_of(f"{part(one)}.{part(two)}.{part(three)}") in set(TokenFault)


def test_huge_and_deep_tokens_are_refused_unread() -> None:
    assert fault_of("a" * 10_000_000) is TokenFault.MALFORMED
    assert fault_of(f"{part(b'[' * 10_000)}..") is TokenFault.MALFORMED
    assert fault_of(issued() + "A" * 20_000) is TokenFault.MALFORMED


def test_the_widest_lawful_principal_still_fits_into_a_token() -> None:
    every = frozenset(TaskCode(f"JM{n:0{TaskCode.digits}d}") for n in range(250))
    wide = StaffPrincipal(
        CITY, CLERK.staff_id, "課" * 20, frozenset(Duty), every, CLERK.session, "t" * 64, CLERK.expires
    )
    assert isinstance(verified(issued(wide)), StaffPrincipal)


def test_other_curves_are_no_token_keys() -> None:
    with pytest.raises(TypeError):
        IssuingKey("key", "urn:role:network", ec.generate_private_key(ec.SECP384R1()))


def test_neither_keys_nor_unverified_tokens_print_what_they_hold() -> None:
    token = issued()
    assert token not in repr(tokens.read(token))
    assert repr(KEY) == "<IssuingKey key-1>"


def test_every_fault_is_told_by_a_slug_and_finer_reasons_stay_inside() -> None:
    assert TokenFault.EXPIRED.slug == "token-expired"
    assert TokenFault.SESSION_REVOKED.slug == "session-revoked"
    assert TokenFault.FEED_LOST.slug == "revocation-feed-lost"
    assert TokenFault.UNKNOWN_KEY.slug == TokenFault.BAD_SIGNATURE.slug == "token-invalid"
