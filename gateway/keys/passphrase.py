"""Keys behind a passphrase (合言葉): what a person keeps in a file of one's own, useless without the words.

scrypt makes the words slow to guess; AES-256-GCM binds the secret to its name, so that a file cannot be passed off as
another one.
"""

from __future__ import annotations

import hashlib
import os

from msgspec import Struct

from gateway.keys.root import WrongKey, unwrap, wrap

__all__ = ["Locked", "WrongPassphrase", "lock", "unlock"]

COST = 2**15
BLOCK = 8
MEMORY = 64 * 1024 * 1024
SALT_BYTES = 16


class WrongPassphrase(Exception):
    """The words do not open it, or its bytes were changed."""


class Locked(Struct, frozen=True):
    """A secret behind a passphrase."""

    salt: bytes
    wrapped: bytes


def lock(passphrase: str, name: str, secret: bytes) -> Locked:
    salt = os.urandom(SALT_BYTES)
    return Locked(salt, wrap(_key(passphrase, salt), name, secret))


def unlock(passphrase: str, name: str, locked: Locked) -> bytes:
    try:
        return unwrap(_key(passphrase, locked.salt), name, locked.wrapped)
    except WrongKey:
        raise WrongPassphrase("the passphrase does not open this key") from None


def _key(passphrase: str, salt: bytes) -> bytes:
    return hashlib.scrypt(passphrase.encode(), salt=salt, n=COST, r=BLOCK, p=1, maxmem=MEMORY, dklen=32)
