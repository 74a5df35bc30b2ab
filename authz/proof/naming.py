"""Procedures in the proof (事務手続の全数判定): whatever is permitted, decided again with each procedure of the list named.

Naming a procedure only narrows what its item permits, so combinations that no row covers need no naming. Each of the
others is decided by the whole recipe ``permit`` between two bodies of these kinds, once for each procedure; where the
procedure is of an item that covers the combination, the recipes ``ask`` and ``provide`` must say the same. The form of
the result is written down in ``authz.proof``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

from authz.decide import (
    AskFacts,
    Decision,
    Effect,
    PermitFacts,
    ProvideFacts,
    Question,
    Reason,
    Snapshot,
    decide_ask,
    decide_permit,
    decide_provide,
)
from authz.grants import Combination
from authz.matchlist import MatchList
from authz.procedures import Narrowing
from authz.proof.agreement import asked_agency, asking_agency
from authz.proof.sweep import PERMITTED, Block, Named

__all__ = ["Naming"]

NOT_CARRIED: Final = "-"
ELSEWHERE: Final = "E"
UNEXPECTED: Final = "?"
HELD: Final = {
    Narrowing.LINES: "Y",
    Narrowing.UNMAPPED: "U",
    Narrowing.AMENDED: "A",
    Narrowing.NOT_CARRIED: NOT_CARRIED,
}
FORBIDDEN: Final[dict[tuple[Reason, ...], str]] = {
    (Reason.PROCEDURE_INFORMATION,): "N",
    (Reason.PROCEDURE_ELSEWHERE,): ELSEWHERE,
}


class Naming:
    """Names procedures in blocks of one list. It is made once for many blocks."""

    def __init__(self, match_list: MatchList, bodies: Snapshot) -> None:
        self._list = match_list
        self._bodies = bodies
        self._kinds = tuple(match_list.kinds)
        self._tasks = tuple(match_list.tasks)
        self._information = tuple(match_list.information)
        self._procedures = tuple(match_list.procedures.known)
        self._asking = {kind: asking_agency(match_list, kind) for kind in match_list.kinds}
        self._asked = {kind: asked_agency(match_list, kind) for kind in match_list.kinds}
        self._days = {one.revision: one.in_force_from for one in match_list.source.revisions}
        self._provided = ProvideFacts(True, None, match_list.serial, True, False, False)

    def named(self, block: Block) -> tuple[Named, int, list[str]]:
        """The result, how many decisions were made, and every one that is not as another recipe's, in words."""
        day = self._days[block.place.revision]
        letters: list[str] = []
        grounds: list[str] = []
        differences: list[str] = []
        decisions = 0
        for one in self._permitted(block):
            for procedure in self._procedures:
                inquirer, provider = self._asking[one.inquirer], self._asked[one.provider]
                question = Question(inquirer, provider, one.task, procedure, one.information, (), False)
                decision = decide_permit(self._bodies, question, PermitFacts(True, True), day)
                letter = _letter(decision)
                letters.append(letter)
                decisions += 1
                if letter in (ELSEWHERE, NOT_CARRIED):
                    continue
                decisions += 2
                differences += self._differing(question, decision, day)
                if decision.effect is Effect.PERMIT:
                    grounds.append(f"{' '.join(one)} {procedure} {decision.ground}\n")
        return Named("".join(letters).encode("ascii"), "".join(grounds).encode("ascii")), decisions, differences

    def _permitted(self, block: Block) -> Iterator[Combination]:
        at = block.letters.find(PERMITTED)
        while at >= 0:
            provider, information = divmod(at, len(self._information))
            task, provider = divmod(provider, len(self._kinds))
            yield Combination(
                block.place.inquirer_kind, self._tasks[task], self._kinds[provider], self._information[information]
            )
            at = block.letters.find(PERMITTED, at + 1)

    def _differing(self, question: Question, permit: Decision, day: date) -> Iterator[str]:
        said = (permit.effect, permit.reasons, permit.ground, permit.procedure, permit.narrowing)
        for other in (
            decide_ask(self._bodies, question, AskFacts(None, True), day),
            decide_provide(self._bodies, question, self._provided, day),
        ):
            if (other.effect, other.reasons, other.ground, other.procedure, other.narrowing) != said:
                yield f"{permit.revision} {question.procedure}: permit says {said}, but {other.recipe} differs"


def _letter(decision: Decision) -> str:
    if decision.effect is Effect.PERMIT:
        return HELD.get(decision.narrowing, UNEXPECTED)
    return FORBIDDEN.get(decision.reasons, UNEXPECTED)
