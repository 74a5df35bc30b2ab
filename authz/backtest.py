"""Backtest (過去の判定の再判定): stored decisions made again, by the list that they name or by another one.

A stored decision is what a holder's record says of it: the question, the day, the list, the reasons. What only the
exchange itself could show (codes held, flags, the permit, the asking office, consent) is taken as the record says;
where it says nothing, because an earlier check had failed already, it is taken as in order. Agencies are judged by the
directory that is given with the list. Nothing here reads a clock or a store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from msgspec import Struct

from authz.decide import decide_ask, decide_permit, decide_provide
from authz.questions import AskFacts, Decision, Effect, PermitFacts, ProvideFacts, Question, Snapshot
from authz.reasons import HOLDS, PERMIT_REASONS, Reason
from sympho.codes import TaskCode

__all__ = ["Difference", "Differs", "Recipe", "Side", "Stored", "again", "backtest"]


class Recipe(StrEnum):
    """Whose decision it was."""

    ASK = "ask"
    PERMIT = "permit"
    PROVIDE = "provide"


class Differs(StrEnum):
    """In what a decision differs, the gravest first."""

    EFFECT = "effect"
    REASON = "reason"
    GROUND = "ground"
    UNJUDGED = "unjudged"
    """The list that the record names is not kept, or is another one than the record says."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A decision as a holder's record has it. ``ground`` is the exchange's item and row, as the network found it;
    ``by`` is the world time by which it had been decided."""

    exchange: str
    holder: str
    recipe: Recipe
    question: Question
    as_of: date
    serial: int
    digest: str
    ground: str
    reasons: tuple[Reason, ...]
    by: datetime

    @property
    def effect(self) -> Effect:
        """What was decided, by its reasons."""
        if any(reason not in HOLDS for reason in self.reasons):
            return Effect.DENY
        return Effect.REVIEW if self.reasons else Effect.PERMIT


class Side(Struct, frozen=True):
    """One of the two decisions that are compared."""

    effect: Effect
    reasons: tuple[Reason, ...]
    ground: str
    serial: int


class Difference(Struct, frozen=True):
    """A stored decision that falls otherwise now. ``now`` is None where it could not be made again."""

    exchange: str
    holder: str
    recipe: Recipe
    differs: Differs
    as_of: date
    inquirer: str
    task: str
    provider: str
    information: str
    stored: Side
    now: Side | None


ListOf = Callable[[Stored], Snapshot | None]
"""The snapshot by which a stored decision is made again; None where there is none."""


def again(stored: Stored, snapshot: Snapshot, as_of: date) -> Decision:
    """The decision, made again by the holder's own recipe with what its record says of the exchange."""
    said, question = frozenset(stored.reasons), stored.question
    if stored.recipe is Recipe.ASK:
        tasks = frozenset[TaskCode]() if Reason.TASK_NOT_ALLOWED in said else None
        return decide_ask(snapshot, question, AskFacts(tasks, Reason.NO_CODE_AT_INQUIRER not in said), as_of)
    if stored.recipe is Recipe.PERMIT:
        known = PermitFacts(Reason.NO_CODE_AT_INQUIRER not in said, Reason.NO_CODE_AT_PROVIDER not in said)
        return decide_permit(snapshot, question, known, as_of)
    wrong = next((reason for reason in stored.reasons if reason in PERMIT_REASONS), None)
    older = snapshot.list.serial + 1 if _was_older(stored, snapshot) else 0
    provided = ProvideFacts(
        permit_valid=wrong is None,
        permit_reason=wrong,
        permit_serial=older,
        in_validity=Reason.NOTICE_LAPSED not in said,
        no_automatic_answer_person=Reason.HELD_PERSON in said,
        no_automatic_answer_information=Reason.HELD_INFORMATION in said,
    )
    return decide_provide(snapshot, question, provided, as_of)


def _was_older(stored: Stored, snapshot: Snapshot) -> bool:
    """Whether the list at hand judged nothing. A denial hides that: consent is judged after the list, by any list."""
    if Reason.LIST_OLDER in stored.reasons:
        return True
    by_this_list = (stored.serial, stored.digest) == (snapshot.list.serial, snapshot.list.digest)
    return by_this_list and Reason.CONSENT_MISSING in stored.reasons


def backtest(many: Iterable[Stored], list_of: ListOf, as_of: date | None = None) -> Iterator[Difference | None]:
    """For each stored decision the difference, or None where it falls as it did. ``as_of``: another day for all."""
    for stored in many:
        snapshot = list_of(stored)
        if snapshot is None:
            yield _difference(stored, Differs.UNJUDGED, None)
            continue
        decision = again(stored, snapshot, as_of or stored.as_of)
        differs = _compared(stored, decision)
        yield None if differs is None else _difference(stored, differs, decision)


def _compared(stored: Stored, decision: Decision) -> Differs | None:
    if stored.effect is not decision.effect:
        return Differs.EFFECT
    if _first(stored.reasons) != _first(decision.reasons):
        return Differs.REASON
    both = bool(stored.ground and decision.ground)
    return Differs.GROUND if both and stored.ground != decision.ground else None


def _first(reasons: tuple[Reason, ...]) -> Reason | None:
    """The reason that decides: the first denial, or else the first hold."""
    denials = (reason for reason in reasons if reason not in HOLDS)
    return next(denials, reasons[0] if reasons else None)


def _difference(stored: Stored, differs: Differs, decision: Decision | None) -> Difference:
    question = stored.question
    now = None
    if decision is not None:
        now = Side(decision.effect, decision.reasons, decision.ground, decision.serial)
    return Difference(
        exchange=stored.exchange,
        holder=stored.holder,
        recipe=stored.recipe,
        differs=differs,
        as_of=stored.as_of if decision is None else decision.as_of,
        inquirer=question.inquirer,
        task=question.task,
        provider=question.provider,
        information=question.information,
        stored=Side(stored.effect, stored.reasons, stored.ground, stored.serial),
        now=now,
    )
