"""Tokens (トークン): ES256 access tokens of at most 15 minutes, and the principal that a good one stands for.

A token passes the steps below in this order, and each failure has its own name.

    1. length, three segments, a header of exactly alg, typ, kid      malformed
    2. the algorithm is ES256: not none, not HS256 with a public key  wrong-algorithm
    3. typ is at+jwt: no permit or record serves as a token           wrong-type
    4. the key is one of ours                                         unknown-key
    5. the signature verifies                                         bad-signature
    6. the claims have their form                                     malformed
    7. audience, and the issuer is the key's own and may speak for
       the agency: another agency's key cannot speak for this one     wrong-audience, wrong-issuer
    8. not before, expiry, and no longer than 15 minutes in all       not-yet-valid, expired, too-long
    9. the session behind it is not revoked, by a feed that is alive  session-revoked, feed-lost

Steps 1 to 8 are ``verify``, a pure function. ``Verifier`` adds step 9 and remembers what it verified, so that the
signature of one token is checked once.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any, TypeAlias

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec import Struct

from authz.duties import Duty
from authz.principals import Principal, StaffPrincipal, SystemPrincipal
from authz.revocations import Revocations
from sympho.codes import AgencyCode, SystemCode, TaskCode, decode_hook

LIFE = timedelta(minutes=15)
"""The longest life of a token."""
RENEWABLE = timedelta(minutes=30)
"""How long after its expiry a token may still ask for the next one; the session decides whether it gets it."""
CLOCK_SKEW = timedelta(seconds=5)
"""How far another process's machine clock may run ahead when it issues; the expiry knows no such grace."""
TOKEN_LIMIT = 16_384
"""Characters a token may have; a longer one is refused unread."""
TYPE = "at+jwt"
ALGORITHM = "ES256"


class TokenFault(StrEnum):
    """Why a token is refused (トークンの拒否理由)."""

    MALFORMED = "malformed"
    WRONG_ALGORITHM = "wrong-algorithm"
    WRONG_TYPE = "wrong-type"
    UNKNOWN_KEY = "unknown-key"
    BAD_SIGNATURE = "bad-signature"
    WRONG_AUDIENCE = "wrong-audience"
    WRONG_ISSUER = "wrong-issuer"
    NOT_YET_VALID = "not-yet-valid"
    EXPIRED = "expired"
    TOO_LONG = "too-long"
    SESSION_REVOKED = "session-revoked"
    FEED_LOST = "feed-lost"

    @property
    def slug(self) -> str:
        """The problem that the caller is told: finer reasons stay in our log."""
        return _SLUGS.get(self, "token-invalid")


_SLUGS = {
    TokenFault.EXPIRED: "token-expired",
    TokenFault.SESSION_REVOKED: "session-revoked",
    TokenFault.FEED_LOST: "revocation-feed-lost",
}


class TokenRefused(Exception):
    """A token that opens nothing. Carries the reason's name, never the token."""

    def __init__(self, fault: TokenFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


# --- keys ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, repr=False)
class IssuingKey:
    """The private key that signs tokens. ``issuer`` is ``urn:role:<role>`` or ``urn:agency:<機関コード>``."""

    kid: str
    issuer: str
    private: ec.EllipticCurvePrivateKey

    def __post_init__(self) -> None:
        _require_p256(self.private.curve)

    @classmethod
    def from_bytes(cls, kid: str, issuer: str, scalar: bytes) -> IssuingKey:
        """From the 32 bytes that a key ring keeps."""
        return cls(kid, issuer, ec.derive_private_key(int.from_bytes(scalar, "big"), ec.SECP256R1()))

    def verifying(self) -> VerifyingKey:
        return VerifyingKey(self.kid, self.issuer, self.private.public_key())

    def __repr__(self) -> str:
        return f"<IssuingKey {self.kid}>"


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A public key, and in whose name it signs."""

    kid: str
    issuer: str
    public: ec.EllipticCurvePublicKey

    def __post_init__(self) -> None:
        _require_p256(self.public.curve)

    def may_speak_for(self, agency: AgencyCode) -> bool:
        """A role's key speaks for every agency that the role serves, an agency's key for that agency alone."""
        return self.issuer.startswith("urn:role:") or self.issuer == f"urn:agency:{agency}"


def _require_p256(curve: ec.EllipticCurve) -> None:
    if not isinstance(curve, ec.SECP256R1):
        raise TypeError("a token key is a P-256 key")


Keys: TypeAlias = Mapping[str, VerifyingKey]


def keys_of(keys: Iterable[VerifyingKey]) -> Keys:
    """Verifying keys by their id."""
    return {key.kid: key for key in keys}


# --- claims -------------------------------------------------------------------------------------------------------


class _Claims(Struct, frozen=True, forbid_unknown_fields=True, tag_field="knd", kw_only=True):
    iss: str
    aud: str
    sub: str
    agc: AgencyCode
    sid: str
    jti: str
    iat: int
    nbf: int
    exp: int
    tsk: tuple[TaskCode, ...] | None


class StaffClaims(_Claims, frozen=True, forbid_unknown_fields=True, tag_field="knd", tag="staff", kw_only=True):
    """Verified claims of a member of staff: only ``verify`` makes them from a token."""

    off: str
    dut: tuple[Duty, ...]
    trm: str
    chg: bool
    enr: bool
    aut: int


class SystemClaims(_Claims, frozen=True, forbid_unknown_fields=True, tag_field="knd", tag="system", kw_only=True):
    """Verified claims of a business system."""

    sys: SystemCode
    ops: tuple[str, ...]


VerifiedClaims: TypeAlias = StaffClaims | SystemClaims


@dataclass(frozen=True, slots=True, repr=False)
class UnverifiedToken:
    """A token of which only the header was looked at: good for choosing a key and for nothing else."""

    text: str
    kid: str

    def __repr__(self) -> str:
        return "<UnverifiedToken>"


def issue(principal: Principal, key: IssuingKey, audience: str, now: datetime) -> str:
    """A token for a principal, valid from now until the principal's ``expires``, at most 15 minutes of machine time."""
    if not key.verifying().may_speak_for(principal.agency):
        raise ValueError("this key may not speak for the agency")
    begin = int(now.timestamp())
    end = min(begin + int(LIFE.total_seconds()), int(principal.expires.timestamp()))
    common = {
        "iss": key.issuer,
        "aud": audience,
        "agc": str(principal.agency),
        "sid": principal.session,
        "jti": secrets.token_urlsafe(16),
        "iat": begin,
        "nbf": begin,
        "exp": end,
        "tsk": None if principal.tasks is None else sorted(principal.tasks),
        "knd": principal.kind.value,
    }
    claims = common | _own_claims(principal)
    return jwt.encode(claims, key.private, algorithm=ALGORITHM, headers={"typ": TYPE, "kid": key.kid})


def _own_claims(principal: Principal) -> dict[str, Any]:
    match principal:
        case StaffPrincipal():
            return {
                "sub": principal.staff_id,
                "off": principal.office,
                "dut": sorted(principal.duties),
                "trm": principal.terminal,
                "chg": principal.must_change,
                "enr": principal.must_enrol,
                "aut": int(principal.authenticated_at.timestamp()),
            }
        case SystemPrincipal():
            return {"sub": principal.client_id, "sys": str(principal.system), "ops": sorted(principal.operations)}


def read(token: str) -> UnverifiedToken:
    """Steps 1 to 3: looks at the header and believes nothing."""
    if len(token) > TOKEN_LIMIT or token.count(".") != 2 or not token.isascii():
        raise TokenRefused(TokenFault.MALFORMED)
    try:
        header: dict[str, object] = jwt.get_unverified_header(token)
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        raise TokenRefused(TokenFault.MALFORMED) from None
    if header.get("alg") != ALGORITHM:
        raise TokenRefused(TokenFault.WRONG_ALGORITHM)
    if header.get("typ") != TYPE:
        raise TokenRefused(TokenFault.WRONG_TYPE)
    kid = header.get("kid")
    if set(header) != {"alg", "typ", "kid"} or not isinstance(kid, str):
        raise TokenRefused(TokenFault.MALFORMED)
    return UnverifiedToken(token, kid)


def verified_claims(
    token: UnverifiedToken, keys: Keys, audience: str, now: datetime, grace: timedelta = timedelta(0)
) -> VerifiedClaims:
    """Steps 4 to 8; a token may have expired so long ago as ``grace`` says."""
    key = keys.get(token.kid)
    if key is None:
        raise TokenRefused(TokenFault.UNKNOWN_KEY)
    try:
        payload = jwt.api_jws.decode(token.text, key.public, algorithms=[ALGORITHM])
    except (jwt.InvalidTokenError, ValueError):
        raise TokenRefused(TokenFault.BAD_SIGNATURE) from None
    try:
        claims: VerifiedClaims = _decoder.decode(payload)
    except (msgspec.DecodeError, ValueError):
        raise TokenRefused(TokenFault.MALFORMED) from None
    fault = _fault_of(claims, key, audience, now, grace)
    if fault is not None:
        raise TokenRefused(fault)
    return claims


_decoder: msgspec.json.Decoder[VerifiedClaims] = msgspec.json.Decoder(StaffClaims | SystemClaims, dec_hook=decode_hook)


def _fault_of(
    claims: VerifiedClaims, key: VerifyingKey, audience: str, now: datetime, grace: timedelta
) -> TokenFault | None:
    at = now.timestamp()
    checks = (
        (TokenFault.WRONG_AUDIENCE, claims.aud == audience),
        (TokenFault.WRONG_ISSUER, claims.iss == key.issuer and key.may_speak_for(claims.agc)),
        (TokenFault.NOT_YET_VALID, max(claims.nbf, claims.iat) <= at + CLOCK_SKEW.total_seconds()),
        (TokenFault.EXPIRED, at < claims.exp + grace.total_seconds()),
        (TokenFault.TOO_LONG, claims.exp - claims.iat <= LIFE.total_seconds()),
    )
    return next((fault for fault, holds in checks if not holds), None)


def principal_of(claims: VerifiedClaims) -> Principal:
    """The principal that verified claims stand for."""
    tasks = None if claims.tsk is None else frozenset(claims.tsk)
    expires = datetime.fromtimestamp(claims.exp, UTC)
    match claims:
        case StaffClaims():
            return StaffPrincipal(
                claims.agc,
                claims.sub,
                claims.off,
                frozenset(claims.dut),
                tasks,
                claims.sid,
                claims.trm,
                expires,
                claims.chg,
                claims.enr,
                datetime.fromtimestamp(claims.aut, UTC),
            )
        case SystemClaims():
            operations = frozenset(claims.ops)
            return SystemPrincipal(claims.agc, claims.sub, claims.sys, tasks, operations, claims.sid, expires)


def verify(token: str, keys: Keys, audience: str, now: datetime) -> Principal:
    """Steps 1 to 8: the principal of a good token, or ``TokenRefused``. Knows nothing of revocation."""
    return principal_of(verified_claims(read(token), keys, audience, now))


def verify_for_renewal(token: str, keys: Keys, audience: str, now: datetime) -> Principal:
    """The same for a token that only asks for the next one: it may have expired within the time a session may idle."""
    return principal_of(verified_claims(read(token), keys, audience, now, RENEWABLE))


class Verifier:
    """Verifies tokens for one process (検証器): all nine steps, the signature of one token only once.

    Remembers at most ``capacity`` principals by the SHA-256 of the token, the least used leaving first. What is
    remembered is still judged by expiry and by the revocations at every call.
    """

    def __init__(self, keys: Keys, audience: str, revocations: Revocations, capacity: int = 4096) -> None:
        self._keys = dict(keys)
        self._audience = audience
        self._revocations = revocations
        self._capacity = capacity
        self._known: OrderedDict[bytes, Principal] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def replace_keys(self, keys: Keys) -> None:
        """Other keys from now on; nothing that was verified with the former ones is remembered."""
        self._keys = dict(keys)
        self._known.clear()

    def for_renewal(self, token: str, now: datetime) -> Principal:
        """The principal that asks for its next token, the last one having perhaps expired while the session idled."""
        self._require_feed(now)
        principal = verify_for_renewal(token, self._keys, self._audience, now)
        self._require_living(principal)
        return principal

    def principal(self, token: str, now: datetime) -> Principal:
        """The principal of a good token of a living session, or ``TokenRefused``."""
        self._require_feed(now)
        if len(token) > TOKEN_LIMIT:
            raise TokenRefused(TokenFault.MALFORMED)
        digest = sha256(token.encode("utf-8", "surrogatepass")).digest()
        principal = self._known.pop(digest, None)
        if principal is None:
            principal = verify(token, self._keys, self._audience, now)
        if now >= principal.expires:
            raise TokenRefused(TokenFault.EXPIRED)
        self._require_living(principal)
        self._known[digest] = principal
        if len(self._known) > self._capacity:
            self._known.popitem(last=False)
        return principal

    def _require_feed(self, now: datetime) -> None:
        if not self._revocations.fresh(now):
            raise TokenRefused(TokenFault.FEED_LOST)

    def _require_living(self, principal: Principal) -> None:
        if self._revocations.revoked(principal.agency, principal.session):
            raise TokenRefused(TokenFault.SESSION_REVOKED)
