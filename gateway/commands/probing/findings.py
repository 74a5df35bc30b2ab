"""What an attack came to (攻撃の結果). An attack that could not be carried out is *not tried*, never held."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum

from msgspec import Struct

from gateway.commands.probing.wire import Seen

__all__ = ["Family", "Finding", "Verdict", "held_if", "not_tried", "refused", "told"]


class Verdict(StrEnum):
    """守られた, 破られた, 試していない."""

    HELD = "held"
    BROKEN = "broken"
    NOT_TRIED = "not-tried"


class Family(StrEnum):
    """Kinds of attacks, in the order of the report."""

    MATRIX = "matrix"
    TOKENS = "tokens"
    OBJECTS = "objects"
    NUMBERS = "numbers"
    EYES = "four-eyes"
    ACCOUNTS = "accounts"
    LISTS = "lists"
    PERMITS = "permits"
    REPEATS = "repeats"
    BODIES = "bodies"
    PATHS = "paths"
    LOCKOUT = "lockout"


class Finding(Struct, frozen=True):
    """One attack: what was tried, what came back, and what that means."""

    family: Family
    ja: str
    en: str
    tried: str
    came: str
    verdict: Verdict
    why: str = ""


def told(seen: Iterable[Seen]) -> str:
    """Answers in short, equal ones counted."""
    counted: dict[str, int] = {}
    for one in seen:
        counted[one.short] = counted.get(one.short, 0) + 1
    return ", ".join(short if many == 1 else f"{many} x {short}" for short, many in counted.items()) or "nothing"


def held_if(
    family: Family, ja: str, en: str, tried: str, seen: Iterable[Seen], holds: Callable[[Seen], bool]
) -> Finding:
    """Held where every answer is as it must be; not tried where nothing was sent."""
    answers = tuple(seen)
    if not answers:
        return not_tried(family, ja, en, tried, "送るものがありませんでした / there was nothing to send")
    wrong = [one for one in answers if not holds(one)]
    verdict = Verdict.BROKEN if wrong else Verdict.HELD
    return Finding(family, ja, en, tried, told(answers), verdict, told(wrong) if wrong else "")


def not_tried(family: Family, ja: str, en: str, tried: str, why: str) -> Finding:
    return Finding(family, ja, en, tried, "", Verdict.NOT_TRIED, why)


def refused(*statuses: int) -> Callable[[Seen], bool]:
    """Whether an answer is a refusal with one of these statuses."""
    return lambda seen: seen.status in statuses
