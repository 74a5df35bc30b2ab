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
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Final

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from sympho.codes import AgencyCode

MEMORY_KIB = 19_456
PASSES = 2
LANES = 1
SHORTEST = 12
LONGEST = 256

REMEMBERED = 8
"""So many passwords, the present one among them, may not be chosen again."""

FREE_FAILURES = 4
"""So many failures in a row at one place cost nothing; the next one closes the account there for a second."""
LONGEST_DELAY = timedelta(minutes=15)
FREE_FAILURES_OF_ALL = 20
LONGEST_DELAY_OF_ALL = timedelta(minutes=1)
"""Strangers to an account, wherever they come from, are slowed down together; never for long, as one may be right."""
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
    USED_BEFORE = "password-used-before"
    IS_CONTEXT = "password-is-context"
    """The login name, the person's name, the office or this product makes most of it."""
    COMMON = "password-common"
    """A word that everybody tries, however it is spelt and padded."""
    MONOTONE = "password-monotone"
    """Few different characters, or a run along the alphabet, the digits or the keyboard."""


_EVERYBODYS = """
password passwort passcode passphrase secret letmein welcome login admin administrator manager master root user test
tester testing guest changeme change default initial temporary qwerty qwertyuiop asdfgh asdfghjkl zxcvbn zxcvbnm
iloveyou sunshine princess dragon monkey football baseball superman batman shadow trustnoone whatever computer
internet windows server system network database security sakura nihon nippon japan tokyo osaka kyoto yokohama arigatou
konnichiwa ohayou aishiteru daisuki himitsu pasuwado anshin yakuba yakusho shiyakusho kuyakusho shichouson jichitai
mynumber kojinbangou jouhou kanri kanrisha spring summer autumn winter haru natsu aki fuyu reiwa heisei showa january
february march april june july august september october november december パスワード ひみつ 秘密 管理者 市役所 役場 さくら 桜
"""
_COMMON: Final = frozenset(_EVERYBODYS.split())
_CONTEXT: Final = ("sympho", "chuukan", "中間サーバー")
_LEET: Final = str.maketrans("0134578@$!", "oleastbasi")
_RUNS: Final = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "1qaz2wsx3edc4rfv5tgb",
)
_FEWEST_CHARACTERS = 5


def broken_rule(password: str, context: Iterable[str] = ()) -> PasswordRule | None:
    """The rule that a new password breaks; ``context`` is what a guesser knows of the person."""
    text = _normal(password)
    if len(text) < SHORTEST:
        return PasswordRule.TOO_SHORT
    if len(text) > LONGEST:
        return PasswordRule.TOO_LONG
    folded = text.casefold()
    if len(set(folded)) < _FEWEST_CHARACTERS or 2 * _longest_run(folded) > len(folded):
        return PasswordRule.MONOTONE
    known = {_letters(_normal(word).casefold()) for word in (*context, *_CONTEXT)}
    letters = {_letters(folded), _letters(folded.translate(_LEET))}
    if any(_made_of(one, known) for one in letters):
        return PasswordRule.IS_CONTEXT
    return PasswordRule.COMMON if any(_made_of(one, _COMMON) for one in letters) else None


def _letters(text: str) -> str:
    return "".join(one for one in text if one.isalpha())


def _made_of(text: str, words: Collection[str]) -> bool:
    """Whether so little is left of the letters without these words that the rest is padding."""
    left = text
    for word in sorted((word for word in words if len(word) > 1), key=len, reverse=True):
        left = left.replace(word, "")
    return left != text and len(left) <= _FEWEST_CHARACTERS - 1


def _longest_run(text: str) -> int:
    """How many characters of the text follow the alphabet, the digits or the keyboard, in one piece, either way."""
    ways = [way for run in _RUNS for way in (run, run[::-1])]
    found = (
        n for way in ways for n in range(4, len(way) + 1) for at in range(len(way) - n + 1) if way[at : at + n] in text
    )
    return max(found, default=0)


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
    """How long a place closes after failures in a row: four are free, then 1, 2, 4 ... seconds to 15 minutes."""
    return _delay(failures, FREE_FAILURES, LONGEST_DELAY)


def delay_of_all_after(failures: int) -> timedelta:
    """How long an account closes to all strangers: twenty failures are free, then 1, 2, 4 ... seconds to a minute."""
    return _delay(failures, FREE_FAILURES_OF_ALL, LONGEST_DELAY_OF_ALL)


def _delay(failures: int, free: int, longest: timedelta) -> timedelta:
    if failures <= free:
        return timedelta(0)
    return min(timedelta(seconds=2 ** min(failures - free - 1, 10)), longest)


DELAYS: tuple[int, ...] = tuple(int(delay_after(n).total_seconds()) for n in range(1, 16))
DELAYS_OF_ALL: tuple[int, ...] = tuple(int(delay_of_all_after(n).total_seconds()) for n in range(1, 28))
"""The same laws as seconds after the 1st, 2nd ... failure, for the statement that counts; the last one holds on."""


def subject_of_nobody(agency: AgencyCode, login: str) -> str:
    """The guard of a login name that no account has: one of 65,536, so that guesses neither fill the table nor stay."""
    return "nobody-" + sha256(f"{agency}/{login}".encode("utf-8", "replace")).hexdigest()[:4]
