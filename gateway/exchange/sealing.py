"""暗号化 of an answer to the inquirer alone: HPKE (RFC 9180), one-shot, hybrid ML-KEM-768 with X25519.

Sealed bytes are ``SUITE_ID``, then the encapsulation (1,120 bytes: ML-KEM-768's, then X25519's), then the ciphertext.
``SUITE_ID`` is the ten bytes that RFC 9180 calls suite_id (the name, KEM 0x647A, KDF 0x0001, AEAD 0x0002) and one byte
with the number of the KEM's draft (draft-connolly-cfrg-xwing-kem), because the KEM is no standard yet: should a later
text change the bytes, this byte changes with it and old answers stay readable. A test opens a sealed answer with a
second writing of the KEM and the key schedule, so that a library that moves to other bytes is noticed.

``info`` is the SHA-256 of the permit: an answer opens only together with the permit that it answers.
"""

from __future__ import annotations

import hashlib
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519

from gateway.exchange.jws import Malformed, b64decode, b64encode

KEM_DRAFT = 6
SUITE_ID = (
    b"HPKE"
    + (0x647A).to_bytes(2, "big")
    + (0x0001).to_bytes(2, "big")
    + (0x0002).to_bytes(2, "big")
    + bytes([KEM_DRAFT])
)

_SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
_MLKEM_PUBLIC, _MLKEM_SEED, _X25519 = 1184, 64, 32


class Unopenable(Exception):
    """Sealed bytes that do not open: another suite, another key, another permit, or changed. Says which, never more."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class BadSealingKey(ValueError):
    """Bytes that are no sealing key. The text never quotes them."""


class SealingPublicKey:
    """封緘用公開鍵: ML-KEM-768's 1,184 bytes, then X25519's 32."""

    __slots__ = ("_raw", "hybrid")

    def __init__(self, raw: bytes) -> None:
        if len(raw) != _MLKEM_PUBLIC + _X25519:
            raise BadSealingKey("1,216 bytes expected")
        try:
            post_quantum = mlkem.MLKEM768PublicKey.from_public_bytes(raw[:_MLKEM_PUBLIC])
            classical = x25519.X25519PublicKey.from_public_bytes(raw[_MLKEM_PUBLIC:])
        except ValueError:
            raise BadSealingKey("no ML-KEM-768 and X25519 key") from None
        self._raw = raw
        self.hybrid = hpke.MLKEM768X25519PublicKey(post_quantum, classical)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """From the directory's base64url."""
        try:
            return cls(b64decode(text))
        except Malformed:
            raise BadSealingKey("canonical base64url expected") from None

    def to_text(self) -> str:
        """base64url, as the directory carries it."""
        return b64encode(self._raw)

    def to_bytes(self) -> bytes:
        return self._raw

    def thumbprint(self) -> str:
        """SHA-256 of the bytes, hexadecimal: ``sealing_d`` of a permit."""
        return hashlib.sha256(self._raw).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SealingPublicKey) and self._raw == other._raw

    def __hash__(self) -> int:
        return hash(self._raw)

    def __repr__(self) -> str:
        return f"SealingPublicKey({self.thumbprint()[:16]})"


class SealingKey:
    """封緘用秘密鍵: both halves, since the hybrid has no serialization of its own (64-byte seed, then 32 bytes)."""

    __slots__ = ("_public", "_raw", "hybrid")

    def __init__(self, raw: bytes) -> None:
        if len(raw) != _MLKEM_SEED + _X25519:
            raise BadSealingKey("96 bytes expected")
        post_quantum = mlkem.MLKEM768PrivateKey.from_seed_bytes(raw[:_MLKEM_SEED])
        classical = x25519.X25519PrivateKey.from_private_bytes(raw[_MLKEM_SEED:])
        self._raw = raw
        self.hybrid = hpke.MLKEM768X25519PrivateKey(post_quantum, classical)
        halves = post_quantum.public_key().public_bytes_raw(), classical.public_key().public_bytes_raw()
        self._public = SealingPublicKey(b"".join(halves))

    @classmethod
    def generate(cls) -> Self:
        post_quantum = mlkem.MLKEM768PrivateKey.generate().private_bytes_raw()
        return cls(post_quantum + x25519.X25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        return cls(raw)

    def to_bytes(self) -> bytes:
        """96 bytes: secret."""
        return self._raw

    def public(self) -> SealingPublicKey:
        return self._public

    def __repr__(self) -> str:
        return f"SealingKey({self._public.thumbprint()[:16]})"


def _info(permit_token: str) -> bytes:
    return hashlib.sha256(permit_token.encode()).digest()


def digest(sealed: bytes) -> str:
    """``res_d`` of the record: SHA-256 of the sealed bytes, also of none at all."""
    return hashlib.sha256(sealed).hexdigest()


def seal(content: bytes, public: SealingPublicKey, permit_token: str) -> bytes:
    """The content for the holder of the key alone, bound to this permit."""
    return SUITE_ID + _SUITE.encrypt(content, public.hybrid, info=_info(permit_token))


def unseal(sealed: bytes, private: SealingKey, permit_token: str) -> bytes:
    """The content, or ``Unopenable``: ``suite-unknown`` or ``does-not-open``."""
    if not sealed.startswith(SUITE_ID):
        raise Unopenable("suite-unknown")
    try:
        return _SUITE.decrypt(sealed[len(SUITE_ID) :], private.hybrid, info=_info(permit_token))
    except InvalidTag:
        raise Unopenable("does-not-open") from None
