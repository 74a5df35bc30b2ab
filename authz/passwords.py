"""Passwords (パスワード): how they are kept, which ones are accepted, and how guessing is slowed down.

Argon2id with 19 MiB, two passes and one lane, about 25 ms of one core: the smallest setting that OWASP's page on
password storage names, so that a world's forty accounts are made within seconds and a flood of logins cannot take the
machine. Hashing leaves the event loop for a few threads of its own; more at once would only take memory.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import unicodedata
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from sympho.codes import AgencyCode

MEMORY_KIB = 19_456
PASSES = 2
LANES = 1
SHORTEST = 12
LONGEST = 256

FREE_FAILURES = 4
"""So many failures in a row cost nothing; the next one closes the account for a second."""
LONGEST_DELAY = timedelta(minutes=15)
FORGIVEN_AFTER = timedelta(hours=24)
"""A failure so long after the last one counts as the first."""

_hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES, type=Type.ID)
_threads = ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1), thread_name_prefix="argon2")

NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$yXJPSDE/GaMAgmZwXoVV/Q$hFpTRpPCo9TGBUXPf0QM/LwNYLS5t3snU+yuFdkCu7U"
"""The hash of no password, with our parameters: verified for unknown login names, so that they cost the same time."""


_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


class PasswordRule(StrEnum):
    """Why a new password is not accepted (パスワードの規則)."""

    TOO_SHORT = "password-too-short"
    TOO_LONG = "password-too-long"
    UNCHANGED = "password-unchanged"
    IS_LOGIN = "password-is-login"


def broken_rule(password: str, login: str, old: str | None = None) -> PasswordRule | None:
    """The rule that a new password breaks; ``old`` is the current password where it is known."""
    text = _normal(password)
    if len(text) < SHORTEST:
        return PasswordRule.TOO_SHORT
    if len(text) > LONGEST:
        return PasswordRule.TOO_LONG
    if old is not None and text == _normal(old):
        return PasswordRule.UNCHANGED
    if text.casefold() == login.casefold():
        return PasswordRule.IS_LOGIN
    return None


def generate() -> str:
    """A first password: 25 letters and digits without look-alikes in groups of five, 123 bits."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(5))


async def hashes(passwords: Sequence[str]) -> list[str]:
    """The Argon2id hash of each password, several at once."""
    loop = asyncio.get_running_loop()
    return await asyncio.gather(*(loop.run_in_executor(_threads, _hasher.hash, _normal(p)) for p in passwords))


async def fits(encoded: str, password: str) -> bool:
    """Whether the password is the one that was hashed; takes the same time for ``NOBODY``."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _fits, encoded, _normal(password)[: LONGEST + 1])


def _fits(encoded: str, password: str) -> bool:
    try:
        return _hasher.verify(encoded, password)
    except (VerificationError, InvalidHashError):
        return False


def _normal(password: str) -> str:
    """One form for the same characters from different keyboards (NFKC); a lone surrogate becomes a question mark."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "replace").decode("utf-8")


def delay_after(failures: int) -> timedelta:
    """How long an account closes after failures in a row: four are free, then 1, 2, 4 ... seconds to 15 minutes."""
    if failures <= FREE_FAILURES:
        return timedelta(0)
    doublings = min(failures - FREE_FAILURES - 1, 10)
    return min(timedelta(seconds=2**doublings), LONGEST_DELAY)


DELAYS: tuple[int, ...] = tuple(int(delay_after(n).total_seconds()) for n in range(1, 16))
"""The same law as seconds after the 1st, 2nd ... failure, for the statement that counts; the last one holds on."""


def subject_of_nobody(agency: AgencyCode, login: str) -> str:
    """The guard of a login name that no account has: one of 65,536, so that guesses neither fill the table nor stay."""
    return "nobody-" + sha256(f"{agency}/{login}".encode("utf-8", "replace")).hexdigest()[:4]
