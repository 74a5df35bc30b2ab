"""電子署名 of permits, records and the directory: compact JWS (RFC 7515), ES256 and nothing else.

The protected header is exactly ``{"alg":"ES256","kid":"<holder>/<key>","typ":"<typ>"}``, byte for byte, so it is made
once per key and ``typ``, and whoever verifies compares text instead of interpreting what a stranger wrote. Written on
raw ``cryptography``, because the JWT libraries cost more than the signature itself.

An ES256 signature is not unique: whoever has one can make a second that holds, without the key (``s`` and ``n - s``).
The identity of a signed thing is therefore its payload segment, never the whole string.

What can be wrong, each with a ``code`` that names the attack::

    JwsRefused
      Malformed      too-long, not-three-parts, not-base64url
      ForeignHeader  header-not-json, header-duplicate, alg-none, alg-not-es256, typ-differs,
                     header-members, header-form
      UnknownKey     kid-unknown, kid-differs
      BadSignature   signature-missing, signature-der, signature-length, signature-invalid
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NoReturn, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from msgspec import Struct

from gateway.exchange.messages import MESSAGE_LIMIT

ALGORITHM = "ES256"
HALF = 32
"""Bytes of ``r``, of ``s``, of a coordinate and of the private scalar on P-256."""

REMEMBERED = 8_192
"""How many results of pure functions are kept: header segments, and signatures that were checked. A signature of the
same bytes under the same key has the same answer, so a permit that three sides of one process check costs one check."""

_ECDSA = ec.ECDSA(hashes.SHA256())
_CURVE = ec.SECP256R1()
_NAME = re.compile(r"[A-Za-z0-9._~:/+-]{1,128}")


class JwsRefused(Exception):
    """A JWS that is not accepted. ``code`` names what is wrong; the text never quotes the token."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Malformed(JwsRefused):
    """No compact JWS at all, or one in a spelling that would let two strings mean the same bytes."""


class ForeignHeader(JwsRefused):
    """A header other than ours: another algorithm, another purpose, members we did not write."""


class UnknownKey(JwsRefused):
    """A key id that the caller does not trust for this."""


class BadSignature(JwsRefused):
    """The signature does not hold for these bytes and this key."""


class BadKey(ValueError):
    """Bytes or a JWK that are no P-256 key of ours. The text never quotes them."""


def b64encode(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def b64decode(text: str) -> bytes:
    """The bytes of canonical base64url: no padding, no foreign sign, no bits left over behind the last byte."""
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise Malformed("not-base64url") from None
    if b64encode(data) != text:
        raise Malformed("not-base64url")
    return data


class Jwk(Struct, frozen=True, forbid_unknown_fields=True):
    """公開鍵 in the form of RFC 7517. A member that is not listed, a private ``d`` above all, is refused."""

    kid: str
    x: str
    y: str
    kty: Literal["EC"] = "EC"
    crv: Literal["P-256"] = "P-256"
    alg: Literal["ES256"] = "ES256"
    use: Literal["sig"] = "sig"


def thumbprint(jwk: Jwk) -> str:
    """RFC 7638 thumbprint, base64url of the SHA-256."""
    canonical = f'{{"crv":"{jwk.crv}","kty":"{jwk.kty}","x":"{jwk.x}","y":"{jwk.y}"}}'
    return b64encode(hashlib.sha256(canonical.encode()).digest())


def _header(kid: str, typ: str) -> str:
    if not (_NAME.fullmatch(kid) and _NAME.fullmatch(typ)):
        raise BadKey("a key id and a type are 1 to 128 letters, digits and . _ ~ : / + -")
    return b64encode(f'{{"alg":"{ALGORITHM}","kid":"{kid}","typ":"{typ}"}}'.encode())


class VerifyingKey:
    """検証鍵: the public half, known by its key id ``<holder>/<key>``."""

    __slots__ = ("_headers", "_point", "kid", "public")

    def __init__(self, kid: str, public: ec.EllipticCurvePublicKey) -> None:
        if not isinstance(public.curve, ec.SECP256R1):
            raise BadKey("P-256 expected")
        _header(kid, "-")
        self.kid = kid
        self.public = public
        self._point = public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        self._headers: dict[str, str] = {}

    @classmethod
    def from_jwk(cls, jwk: Jwk) -> Self:
        """A point that is not on the curve, or coordinates of another length, are refused."""
        try:
            x, y = b64decode(jwk.x), b64decode(jwk.y)
        except Malformed:
            raise BadKey("coordinates in canonical base64url expected") from None
        if len(x) != HALF or len(y) != HALF:
            raise BadKey("coordinates of 32 bytes expected")
        numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), _CURVE)
        try:
            return cls(jwk.kid, numbers.public_key())
        except ValueError:
            raise BadKey("no point of P-256") from None

    @property
    def holder(self) -> str:
        """Whose key it is: what stands before the last stroke of the key id."""
        return holder_of(self.kid)

    def jwk(self) -> Jwk:
        numbers = self.public.public_numbers()
        return Jwk(
            kid=self.kid, x=b64encode(numbers.x.to_bytes(HALF, "big")), y=b64encode(numbers.y.to_bytes(HALF, "big"))
        )

    def header(self, typ: str) -> str:
        """The one header segment that a token of this key and type may have."""
        made = self._headers.get(typ)
        if made is None:
            made = self._headers[typ] = _header(self.kid, typ)
        return made

    def holds(self, signed: bytes, signature: bytes) -> bool:
        """Whether ``signature`` (r and s, 64 bytes) is this key's over ``signed``."""
        return _holds(self, signed, signature)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VerifyingKey) and self._point == other._point and self.kid == other.kid

    def __hash__(self) -> int:
        return hash(self._point)

    def __repr__(self) -> str:
        return f"VerifyingKey({self.kid!r})"


@lru_cache(maxsize=REMEMBERED)
def _holds(key: VerifyingKey, signed: bytes, signature: bytes) -> bool:
    r, s = int.from_bytes(signature[:HALF], "big"), int.from_bytes(signature[HALF:], "big")
    try:
        key.public.verify(encode_dss_signature(r, s), signed, _ECDSA)
    except InvalidSignature:
        return False
    return True


class SigningKey:
    """署名鍵: signs as ``kid``. The key store keeps its 32 bytes; ``repr`` shows the key id alone."""

    __slots__ = ("_private", "_verifying", "kid")

    def __init__(self, kid: str, private: ec.EllipticCurvePrivateKey) -> None:
        self.kid = kid
        self._private = private
        self._verifying = VerifyingKey(kid, private.public_key())

    @classmethod
    def generate(cls, kid: str) -> Self:
        return cls(kid, ec.generate_private_key(_CURVE))

    @classmethod
    def from_bytes(cls, kid: str, data: bytes) -> Self:
        """From the 32-byte scalar or from PKCS #8 DER."""
        try:
            if len(data) == HALF:
                return cls(kid, ec.derive_private_key(int.from_bytes(data, "big"), _CURVE))
            private = serialization.load_der_private_key(data, password=None)
        except (ValueError, TypeError):
            raise BadKey("no private key of P-256") from None
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise BadKey("no private key of P-256")
        return cls(kid, private)

    def to_bytes(self) -> bytes:
        """The 32-byte scalar: secret."""
        return self._private.private_numbers().private_value.to_bytes(HALF, "big")

    def to_pkcs8(self) -> bytes:
        """PKCS #8 DER, unencrypted: secret."""
        return self._private.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def verifying(self) -> VerifyingKey:
        return self._verifying

    def jwk(self) -> Jwk:
        return self._verifying.jwk()

    def sign(self, typ: str, payload: bytes) -> str:
        """The compact JWS over exactly these bytes. ES256 is randomized: sign once and store."""
        signed = f"{self._verifying.header(typ)}.{b64encode(payload)}"
        r, s = decode_dss_signature(self._private.sign(signed.encode("ascii"), _ECDSA))
        return f"{signed}.{b64encode(r.to_bytes(HALF, 'big') + s.to_bytes(HALF, 'big'))}"

    def __repr__(self) -> str:
        return f"SigningKey({self.kid!r})"


def holder_of(kid: str) -> str:
    """Whose key ``<holder>/<key>`` is; empty when the key id names no holder."""
    return kid.rpartition("/")[0]


def key_set(jwks: Iterable[Jwk]) -> dict[str, VerifyingKey]:
    """Keys by key id, as ``verify`` takes them."""
    return {jwk.kid: VerifyingKey.from_jwk(jwk) for jwk in jwks}


@dataclass(frozen=True, slots=True)
class Parts:
    """The three segments of a token, as text and unverified."""

    header: str
    payload: str
    signature: str


def split(token: str, limit: int = MESSAGE_LIMIT) -> Parts:
    """The segments of a token, nothing of them believed yet."""
    if len(token) > limit:
        raise Malformed("too-long")
    segments = token.split(".")
    if len(segments) != 3:
        raise Malformed("not-three-parts")
    return Parts(*segments)


def unverified_payload(token: str, limit: int = MESSAGE_LIMIT) -> bytes:
    """The payload of a token whose signature nobody has checked: for showing and for finding the right keys."""
    return b64decode(split(token, limit).payload)


def unverified_kid(token: str, limit: int = MESSAGE_LIMIT) -> str:
    """The key id that the header claims, or an empty string."""
    return _claimed_kid(split(token, limit).header)


def verify(token: str, typ: str, keys: Mapping[str, VerifyingKey], limit: int = MESSAGE_LIMIT) -> bytes:
    """The payload's bytes, once everything holds; ``JwsRefused`` otherwise.

    1. Three segments, not longer than ``limit``.
    2. The key is found by the claimed key id among the keys that the caller trusts: never a key from the token.
    3. The header segment is the very text that this key and ``typ`` have: one algorithm, one purpose, no more members.
    4. Payload and signature are canonical base64url, so that no second spelling of a record exists.
    5. The signature is 64 bytes (r and s, not DER) and holds.
    """
    parts = split(token, limit)
    key = keys.get(_claimed_kid(parts.header))
    if key is None or key.header(typ) != parts.header:
        _refuse_header(parts.header, typ, key)
    payload = b64decode(parts.payload)
    signature = b64decode(parts.signature)
    if len(signature) != 2 * HALF:
        raise BadSignature(_wrong_length(signature))
    if not key.holds(f"{parts.header}.{parts.payload}".encode("ascii"), signature):
        raise BadSignature("signature-invalid")
    return payload


@lru_cache(maxsize=REMEMBERED)
def _claimed_kid(header: str) -> str:
    """The key id in a header segment: there are as many good ones as keys, and they come again and again."""
    return _claimed(_members(header), "kid")


def _members(segment: str) -> list[tuple[str, object]]:
    """The header's members in their order, twice-named ones twice."""
    try:
        members = json.loads(b64decode(segment), object_pairs_hook=list)
    except (ValueError, RecursionError):
        raise ForeignHeader("header-not-json") from None
    if not (isinstance(members, list) and all(isinstance(member, tuple) for member in members)):
        raise ForeignHeader("header-not-json")
    return members


def _claimed(members: list[tuple[str, object]], name: str) -> str:
    for key, value in members:
        if key == name and isinstance(value, str):
            return value
    return ""


def _refuse_header(segment: str, typ: str, key: VerifyingKey | None) -> NoReturn:
    """Name what is wrong with a header that is not ours: the most dangerous first."""
    members = _members(segment)
    names = [name for name, _ in members]
    if len(set(names)) != len(names):
        raise ForeignHeader("header-duplicate")
    algorithm = _claimed(members, "alg")
    if algorithm.lower() in ("", "none"):
        raise ForeignHeader("alg-none")
    if algorithm != ALGORITHM:
        raise ForeignHeader("alg-not-es256")
    if set(names) != {"alg", "kid", "typ"}:
        raise ForeignHeader("header-members")
    if _claimed(members, "typ") != typ:
        raise ForeignHeader("typ-differs")
    if key is None:
        raise UnknownKey("kid-unknown")
    if key.kid != _claimed(members, "kid"):
        raise UnknownKey("kid-differs")
    raise ForeignHeader("header-form")


def _wrong_length(signature: bytes) -> str:
    if not signature:
        return "signature-missing"
    try:
        decode_dss_signature(signature)
    except ValueError:
        return "signature-length"
    return "signature-der"
