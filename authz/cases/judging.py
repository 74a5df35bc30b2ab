"""Asking a case's questions (事例の判定): each is explained in full and held against what the case expects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from authz.cases.reading import Case
from authz.explain import Asked, explain
from authz.questions import Effect, Snapshot

__all__ = ["Outcome", "Verdict", "judge"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One question of a case, and what the rules say: grounds where it is permitted, reasons where it is not."""

    asked: Asked
    as_of: date
    effect: Effect
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a case. It holds when no question is ``unexpected`` and no ground ``unused``."""

    case: Case
    unexpected: tuple[Outcome, ...]
    unused: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.unexpected and not self.unused


def judge(case: Case, snapshot: Snapshot) -> Verdict:
    """Asks every question of a case."""
    outcomes = tuple(_outcomes(case, snapshot))
    if case.effect is not Effect.PERMIT:
        return Verdict(case, tuple(one for one in outcomes if (one.effect, one.reasons) != _expected(case)), ())
    grounds = {ground for one in outcomes for ground in one.reasons}
    unexpected = tuple(one for one in outcomes if not _permitted_under(one, case.reasons))
    return Verdict(case, unexpected, tuple(ground for ground in case.reasons if ground not in grounds))


def _expected(case: Case) -> tuple[Effect, tuple[str, ...]]:
    return case.effect, case.reasons


def _permitted_under(one: Outcome, grounds: tuple[str, ...]) -> bool:
    return one.effect is Effect.PERMIT and len(one.reasons) == 1 and one.reasons[0] in grounds


def _outcomes(case: Case, snapshot: Snapshot) -> Iterator[Outcome]:
    for asked, day in case.questions:
        explained = explain(snapshot, asked, day)
        reasons: tuple[str, ...] = explained.reasons
        if explained.effect is Effect.PERMIT:
            reasons = tuple(dict.fromkeys(one.ground for one in explained.decisions))
        yield Outcome(asked, day, explained.effect, reasons)
