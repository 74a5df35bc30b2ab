"""Assertions (言明): JWTs that somebody else has signed, of which each is believed once. Pure functions of values.

A client's own word (``client_secret_jwt``, RFC 7523) is signed with HS256 under the client's secret; an outside
issuer's word about a person (an OpenID Connect ID token) with RS256 or ES256 under a published key. The two never mix:
which algorithms are looked at is decided by who is asked, not by what the token says, so ``none`` and a public key
taken for a shared secret open nothing. In this order, each failure with its name:

    1. three segments, a header with one of the algorithms that are asked for    malformed, wrong-algorithm
    2. a key of that id, of the algorithm's kind (outside issuers only)          unknown-key
    3. the signature verifies                                                    bad-signature
    4. issuer, subject and audience are those that are asked for                 wrong-issuer, wrong-audience
    5. it has begun, has not expired, and is no older or longer than allowed     not-yet-valid, expired, too-long
    6. a client's has a jti                                                      malformed

What is good is returned with its digest, so that the caller can see to it that it is used once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import jwt
import msgspec
from msgspec import Struct

from authz.sessions import Outside
from authz.tokens import CLOCK_SKEW, TokenFault

CLIENT_LIFE = timedelta(minutes=5)
"""The longest life of a client's assertion, from now on."""
OUTSIDE_AGE = timedelta(minutes=10)
"""How long ago an outside issuer may have said who somebody is."""
LIMIT = 8_192
"""Characters of an assertion; a longer one is refused unread."""
SUBJECT_LIMIT = 255
LEAST_RSA_BITS = 2048


class AssertionRefused(Exception):
    """An assertion that is not believed. Carries the reason's name, never the assertion."""

    def __init__(self, fault: TokenFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


class _Claims(Struct, frozen=True):
    """What every assertion says; unknown claims are somebody else's business."""

    iss: str
    sub: str
    aud: str | tuple[str, ...]
    exp: int | float
    iat: int | float | None = None
    nbf: int | float | None = None
    jti: str = ""
    azp: str = ""


_claims = msgspec.json.Decoder(_Claims)
_any = msgspec.json.Decoder(dict[str, Any])


@dataclass(frozen=True, slots=True)
class Used:
    """A good assertion: the mark by which it is known again, and until when that matters."""

    digest: bytes
    until: datetime


# --- a client about itself ----------------------------------------------------------------------------------------


def claimed_client(assertion: str) -> str:
    """The client that an unverified assertion names: good for looking up its secret and for nothing else."""
    _require_form(assertion)
    try:
        payload = jwt.decode(assertion, options={"verify_signature": False})
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        raise AssertionRefused(TokenFault.MALFORMED) from None
    subject = payload.get("sub")
    return subject if isinstance(subject, str) else ""


def by_client(assertion: str, client_id: str, secret: str, audiences: Collection[str], now: datetime) -> Used:
    """A client's assertion, signed with its secret; ``audiences`` are the names of this server."""
    _algorithm(assertion, {"HS256"})
    claims, _ = _verified(assertion, secret, "HS256")
    if claims.iss != client_id or claims.sub != client_id:
        raise AssertionRefused(TokenFault.WRONG_ISSUER)
    if not set(_audiences(claims)) & set(audiences):
        raise AssertionRefused(TokenFault.WRONG_AUDIENCE)
    _require_time(claims, now)
    if claims.exp > (now + CLIENT_LIFE + CLOCK_SKEW).timestamp():
        raise AssertionRefused(TokenFault.TOO_LONG)
    if not claims.jti:
        raise AssertionRefused(TokenFault.MALFORMED)
    return Used(sha256(claims.jti.encode("utf-8", "replace")).digest(), now + CLIENT_LIFE + 2 * CLOCK_SKEW)


# --- an outside issuer about a person -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Issuer:
    """外部の発行者: whose word is believed, for which audience, and which of its claims names the person."""

    issuer: str
    audience: str
    claim: str = "sub"


PublicKeys = Mapping[str, tuple[str, Any]]
"""By key id: the one algorithm that the key is for, and the key."""


def public_keys(jwks: bytes) -> PublicKeys | None:
    """The keys of a JWK set (RFC 7517) that can sign for us: RSA of at least 2048 bits, and P-256. No others.

    None where the bytes are no such set; a set may be empty: then the issuer has taken all its keys back.
    """
    try:
        rows = msgspec.json.decode(jwks, type=dict[str, Any]).get("keys")
    except (msgspec.DecodeError, ValueError):
        return None
    if not isinstance(rows, list):
        return None
    candidates = [row for row in rows if isinstance(row, dict) and isinstance(row.get("kid"), str)]
    found = {row["kid"]: _public_key(row) for row in candidates if row.get("use", "sig") == "sig"}
    return {kid: key for kid, key in found.items() if key is not None}


def _public_key(row: dict[str, Any]) -> tuple[str, Any] | None:
    algorithm = {"RSA": "RS256", "EC": "ES256"}.get(str(row.get("kty")))
    if algorithm is None or row.get("alg", algorithm) != algorithm or row.get("crv", "P-256") != "P-256" or "d" in row:
        return None
    try:
        key = jwt.PyJWK.from_dict(row, algorithm=algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    if algorithm == "RS256" and key.key_size < LEAST_RSA_BITS:
        return None
    return algorithm, key


def key_id(assertion: str) -> str:
    """The id of the key that an unverified ID token names, after step 1."""
    header = _algorithm(assertion, {"RS256", "ES256"})
    kid = header.get("kid")
    if not isinstance(kid, str) or "crit" in header:
        raise AssertionRefused(TokenFault.MALFORMED)
    return kid


def by_issuer(assertion: str, issuer: Issuer, keys: PublicKeys, now: datetime) -> Outside:
    """Who an outside issuer says somebody is."""
    found = keys.get(key_id(assertion))
    if found is None:
        raise AssertionRefused(TokenFault.UNKNOWN_KEY)
    _algorithm(assertion, {found[0]})
    claims, everything = _verified(assertion, found[1], found[0])
    if claims.iss != issuer.issuer:
        raise AssertionRefused(TokenFault.WRONG_ISSUER)
    audiences = _audiences(claims)
    meant_for_another = claims.azp not in ("", issuer.audience) or (len(audiences) > 1 and not claims.azp)
    if issuer.audience not in audiences or meant_for_another:
        raise AssertionRefused(TokenFault.WRONG_AUDIENCE)
    _require_time(claims, now)
    if claims.iat is None or claims.iat < (now - OUTSIDE_AGE).timestamp():
        raise AssertionRefused(TokenFault.TOO_LONG)
    subject = everything.get(issuer.claim)
    if not isinstance(subject, str) or not 1 <= len(subject) <= SUBJECT_LIMIT or not subject.isprintable():
        raise AssertionRefused(TokenFault.MALFORMED)
    until = datetime.fromtimestamp(claims.iat, UTC) + OUTSIDE_AGE + CLOCK_SKEW
    return Outside(issuer.issuer, subject, sha256(assertion.encode()).digest(), until)


# --- parts --------------------------------------------------------------------------------------------------------


def _require_form(assertion: str) -> None:
    if len(assertion) > LIMIT or assertion.count(".") != 2 or not assertion.isascii():
        raise AssertionRefused(TokenFault.MALFORMED)


def _algorithm(assertion: str, allowed: Collection[str]) -> dict[str, Any]:
    _require_form(assertion)
    try:
        header = jwt.get_unverified_header(assertion)
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        raise AssertionRefused(TokenFault.MALFORMED) from None
    if header.get("alg") not in allowed:
        raise AssertionRefused(TokenFault.WRONG_ALGORITHM)
    return header


def _verified(assertion: str, key: Any, algorithm: str) -> tuple[_Claims, dict[str, Any]]:
    try:
        payload = jwt.api_jws.decode(assertion, key, algorithms=[algorithm])
    except (jwt.PyJWTError, ValueError, TypeError):
        raise AssertionRefused(TokenFault.BAD_SIGNATURE) from None
    try:
        return _claims.decode(payload), _any.decode(payload)
    except (msgspec.DecodeError, ValueError):
        raise AssertionRefused(TokenFault.MALFORMED) from None


def _audiences(claims: _Claims) -> tuple[str, ...]:
    return (claims.aud,) if isinstance(claims.aud, str) else claims.aud


def _require_time(claims: _Claims, now: datetime) -> None:
    at, skew = now.timestamp(), CLOCK_SKEW.total_seconds()
    if max(claims.nbf or 0, claims.iat or 0) > at + skew:
        raise AssertionRefused(TokenFault.NOT_YET_VALID)
    if at >= claims.exp:
        raise AssertionRefused(TokenFault.EXPIRED)
