"""Whole decisions held against the sweep (判定と全数判定の照合): the three recipes, with every fact of theirs true.

The sweep asks the look-up alone. Here ``decide_ask``, ``decide_permit`` and ``decide_provide`` decide, and ``permit``
is explained besides, which goes through every check. They judge bodies of one kind each, in force, with every
assessment published, and must come to what the sweep's letter says, for the reason that it stands for: at every
combination that the block permits, at every one that differs from such a one in one field (for the inquirer's kind: at
whatever is permitted to anybody), and at some drawn by lot.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from random import Random
from typing import Final

from authz.decide import (
    AgencyFacts,
    AskFacts,
    Decision,
    Effect,
    PermitFacts,
    ProvideFacts,
    Question,
    Reason,
    Snapshot,
    Window,
    decide_ask,
    decide_permit,
    decide_provide,
)
from authz.grants import Combination, grants
from authz.matchlist import MatchList, Revision
from authz.proof.sweep import PERMITTED, Block
from sympho.codes import AgencyCode, InformationCode, TaskCode

__all__ = ["BY_LOT", "Agreement", "asked_agency", "asking_agency", "bodies"]

BY_LOT: Final = 2_000
"""Combinations drawn in each block."""
DECIDED: Final = 4
"""Decisions of each: the three recipes, and ``permit`` once more check by check."""
SINCE: Final = date(1, 1, 1)
REASONS: Final = {
    PERMITTED: (),
    ord("1"): (Reason.LIST_INQUIRER_KIND,),
    ord("2"): (Reason.LIST_TASK,),
    ord("3"): (Reason.LIST_PROVIDER_KIND,),
    ord("4"): (Reason.LIST_INFORMATION,),
}


def asking_agency(match_list: MatchList, kind: str) -> AgencyCode:
    """The code of the body of that kind that asks."""
    return AgencyCode(f"1{tuple(match_list.kinds).index(kind):015d}")


def asked_agency(match_list: MatchList, kind: str) -> AgencyCode:
    """The code of the body of that kind that is asked."""
    return AgencyCode(f"2{tuple(match_list.kinds).index(kind):015d}")


def bodies(match_list: MatchList) -> Snapshot:
    """Two bodies of each kind, one to ask and one to be asked; nothing about them but their kind forbids anything."""
    published: dict[TaskCode | InformationCode, date] = dict.fromkeys(match_list.tasks, SINCE)
    published |= dict.fromkeys(match_list.information, SINCE)
    agencies = {
        code: AgencyFacts(code, kind, match_list.close_kinds({kind}), (Window(SINCE),), published)
        for kind in match_list.kinds
        for code in (asking_agency(match_list, kind), asked_agency(match_list, kind))
    }
    return Snapshot(match_list, agencies, match_list.items)


class Agreement:
    """Checks blocks of one list, by its ``bodies``. It is made once for many blocks."""

    def __init__(self, match_list: MatchList, snapshot: Snapshot) -> None:
        self._list = match_list
        self._snapshot = snapshot
        self._asking = {kind: asking_agency(match_list, kind) for kind in match_list.kinds}
        self._asked = {kind: asked_agency(match_list, kind) for kind in match_list.kinds}
        self._kinds = {kind: n for n, kind in enumerate(match_list.kinds)}
        self._tasks = {task: n for n, task in enumerate(match_list.tasks)}
        self._information = {information: n for n, information in enumerate(match_list.information)}
        self._revisions = {revision.revision: revision for revision in match_list.source.revisions}
        self._granted = {name: tuple(grants(match_list, one)) for name, one in self._revisions.items()}

    def differences(self, block: Block) -> tuple[int, list[str]]:
        """How many decisions were made, and every one that is not as the block says, in words."""
        kind, revision = block.place.inquirer_kind, self._revisions[block.place.revision]
        points = self._points(block, kind)
        found = [text for point in points for text in self._differing(block, revision, point)]
        return DECIDED * len(points), found

    def _points(self, block: Block, kind: str) -> set[Combination]:
        granted = self._granted[block.place.revision]
        points = {one._replace(inquirer=kind) for one in granted}
        for one in granted:
            if one.inquirer == kind:
                points.update(self._beside(one))
        points.update(self._by_lot(block, kind))
        return points

    def _beside(self, one: Combination) -> Iterator[Combination]:
        yield from (one._replace(task=task) for task in self._tasks)
        yield from (one._replace(provider=provider) for provider in self._kinds)
        yield from (one._replace(information=information) for information in self._information)

    def _by_lot(self, block: Block, kind: str) -> Iterator[Combination]:
        drawing = Random(f"{block.place.revision} {kind}")
        tasks, kinds, information = tuple(self._tasks), tuple(self._kinds), tuple(self._information)
        for _ in range(BY_LOT):
            yield Combination(kind, drawing.choice(tasks), drawing.choice(kinds), drawing.choice(information))

    def _differing(self, block: Block, revision: Revision, point: Combination) -> Iterator[str]:
        letter = block.letters[self._index(point)]
        for decision in self._decided(point, revision):
            effect = Effect.PERMIT if letter == PERMITTED else Effect.DENY
            if (decision.effect, decision.reasons) != (effect, REASONS[letter]):
                reasons = ", ".join(decision.reasons) or "no reason"
                yield f"{revision.revision} {' '.join(point)}: {chr(letter)}, but {decision.recipe} says {reasons}"

    def _index(self, point: Combination) -> int:
        task = self._tasks[point.task] * len(self._kinds)
        provider = (task + self._kinds[point.provider]) * len(self._information)
        return provider + self._information[point.information]

    def _decided(self, point: Combination, revision: Revision) -> tuple[Decision, ...]:
        snapshot, first, last = self._snapshot, revision.in_force_from, revision.in_force_until or date.max
        inquirer, provider = self._asking[point.inquirer], self._asked[point.provider]
        question = Question(inquirer, provider, point.task, None, point.information, (), False)
        return (
            decide_ask(snapshot, question, AskFacts(None, True), first),
            decide_permit(snapshot, question, PermitFacts(True, True), last),
            decide_permit(snapshot, question, PermitFacts(True, True), last, explain=True),
            decide_provide(snapshot, question, ProvideFacts(True, None, self._list.serial, True, False, False), first),
        )
