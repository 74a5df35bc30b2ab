"""The root key (根鍵): 32 random bytes in a file of their own, which wrap everything else.

Lost, it takes all data with it: nothing that was sealed opens again.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import stat
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["KEY_BYTES", "RootKey", "RootKeyTrouble", "WrongKey", "former_of", "next_of", "unwrap", "wrap"]

KEY_BYTES = 32
_NONCE_BYTES = 12
_SALT_BYTES = 16
_SCRAM_ROUNDS = 4096


def next_of(path: Path) -> Path:
    """The file of the key that is about to take the place of the one in ``path``."""
    return path.with_suffix(".next")


def former_of(path: Path) -> Path:
    """The file of the key that stood in ``path`` before, kept until its successor is confirmed."""
    return path.with_suffix(".former")


class RootKeyTrouble(Exception):
    """The root key file cannot be used; the message says which file and what to do."""


class WrongKey(Exception):
    """A wrapped key does not open: another root key, or changed bytes. Names the key, nothing else."""


def wrap(key: bytes, name: str, plain: bytes) -> bytes:
    """``plain`` under ``key``, bound to its name, so that rows cannot be exchanged."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, name.encode())


def unwrap(key: bytes, name: str, wrapped: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], name.encode())
    except (InvalidTag, ValueError):
        raise WrongKey(f"the wrapped key {name!r} does not open with this root key") from None


class RootKey:
    """The root key in memory; it never prints itself."""

    __slots__ = ("_bytes",)

    def __init__(self, data: bytes) -> None:
        if len(data) != KEY_BYTES:
            raise RootKeyTrouble(f"a root key has {KEY_BYTES} bytes")
        self._bytes = data

    @classmethod
    def open(cls, path: Path) -> RootKey:
        """The key in the file, which must be nobody else's to read; a missing file is made (0600). A file beside which
        its successor lies (``next_of``) opens nothing: some keys may be wrapped by the one, some by the other."""
        if path != next_of(path) and next_of(path).exists():
            raise RootKeyTrouble(
                f"a change of the root key was broken off ({next_of(path)} lies beside {path}); "
                "end it by running sympho keys rewrap again, and remove neither file"
            )
        return cls.read(path)

    @classmethod
    def read(cls, path: Path) -> RootKey:
        """The key in the file, also in the middle of a change: for whoever carries the change on."""
        if not path.exists():
            _make(path)
        found = path.stat()
        if not stat.S_ISREG(found.st_mode) or stat.S_IMODE(found.st_mode) & 0o077:
            raise RootKeyTrouble(f"others may read the root key {path}; make it a plain file of mode 0600")
        data = path.read_bytes()
        if len(data) != KEY_BYTES:
            raise RootKeyTrouble(f"the root key {path} has not {KEY_BYTES} bytes; put the right file back")
        return cls(data)

    @property
    def mark(self) -> str:
        """照合のしるし: tells two root keys apart, and nothing of either."""
        return hmac.digest(self._bytes, b"sympho root key", "sha256").hex()[:16]

    def wrap(self, name: str, plain: bytes) -> bytes:
        return wrap(self._bytes, name, plain)

    def unwrap(self, name: str, wrapped: bytes) -> bytes:
        return unwrap(self._bytes, name, wrapped)

    def password(self, login: str) -> str:
        """The password of a database login, derived: processes that share the root key share it without a file."""
        told = hmac.digest(self._bytes, b"sympho database login\0" + login.encode(), "sha256")
        return base64.urlsafe_b64encode(told).decode()

    def verifier(self, login: str) -> str:
        """What PostgreSQL stores of that password (SCRAM-SHA-256, RFC 5803), so that no statement carries it."""
        salt = os.urandom(_SALT_BYTES)
        salted = hashlib.pbkdf2_hmac("sha256", self.password(login).encode(), salt, _SCRAM_ROUNDS)
        stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
        server = hmac.digest(salted, b"Server Key", "sha256")
        texts = [base64.b64encode(part).decode() for part in (salt, stored, server)]
        return f"SCRAM-SHA-256${_SCRAM_ROUNDS}:{texts[0]}${texts[1]}:{texts[2]}"

    def __repr__(self) -> str:
        return "<root key>"


def _make(path: Path) -> None:
    """Complete or not there: written aside, then linked to its name, which fails if another process was first."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(os.urandom(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        os.link(aside, path)
    except FileExistsError:
        return
    finally:
        aside.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
