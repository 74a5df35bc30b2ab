"""Differential testing against other engines: the rows are theirs, the index is ours, the questions are everybody's.

An engine is given a revision's unexpanded rows (``loadtest.engines``). Ours answers the same question in three ways,
each of which must agree: the look-up, and the recipe ``permit`` between two bodies of these kinds, decided as an
exchange decides it and checked step by step as an explanation does. Days are drawn within the revision, its first and
last day among them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import islice
from random import Random
from typing import NamedTuple

from authz.decide import PermitFacts, Question, decide_permit
from authz.matchlist import ListSource, MatchList, Revision
from authz.proof.agreement import asked_agency, asking_agency, bodies
from loadtest.engines import Engine
from loadtest.listquestions import ListQuestion, drawn

FURTHEST = timedelta(days=3_650)
"""How far beyond its first day a revision without an end is asked."""


class Difference(NamedTuple):
    """A question that is not answered the same by all, and who says what."""

    question: ListQuestion
    day: date
    engine: bool
    looked_up: bool
    decided: bool
    checked: bool


class Compared(NamedTuple):
    """How many questions were asked, how many of them the engine permits, and every difference."""

    asked: int
    permitted: int
    differences: list[Difference]


class Ours:
    """One list, asked in three ways."""

    def __init__(self, match_list: MatchList) -> None:
        self._list = match_list
        self._snapshot = bodies(match_list)
        self._asking = {kind: asking_agency(match_list, kind) for kind in match_list.kinds}
        self._asked = {kind: asked_agency(match_list, kind) for kind in match_list.kinds}

    def looked_up(self, question: ListQuestion, day: date) -> bool:
        asking, asked = (self._list.close_kinds((kind,)) for kind in (question[0], question[2]))
        return self._list.look_up(asking, question.task, asked, question.information, day).permitted

    def decided(self, question: ListQuestion, day: date, *, explain: bool = False) -> bool:
        asking, task, asked, information = question
        whole = Question(self._asking[asking], self._asked[asked], task, None, information, (), False)
        return decide_permit(self._snapshot, whole, PermitFacts(True, True), day, explain=explain).permitted

    def twice(self, question: ListQuestion, day: date) -> tuple[bool, bool]:
        """As decided, and as checked step by step."""
        return self.decided(question, day), self.decided(question, day, explain=True)


def compare(
    engine: type[Engine], source: ListSource, revision: Revision, ours: Ours, asked: int, seed: int
) -> Compared:
    """Asks an engine and ours the same questions on days of one revision."""
    rows = [row for row in source.rows if row.revision == revision.revision]
    questions = list(islice(drawn(source, rows, seed), asked))
    held = engine(source, rows)
    answers = held.permitted(held.decide(held.prepare(questions)))
    asked_of_ours = [
        Difference(one, day, answer, ours.looked_up(one, day), *ours.twice(one, day))
        for one, day, answer in zip(questions, _days(revision, seed), answers, strict=False)
    ]
    differences = [one for one in asked_of_ours if len(set(one[2:])) > 1]
    return Compared(len(questions), sum(answers), differences)


def _days(revision: Revision, seed: int) -> Iterator[date]:
    first = revision.in_force_from
    last = revision.in_force_until or first + FURTHEST
    drawing = Random(seed)
    while True:
        yield first
        yield last
        yield first + timedelta(days=drawing.randrange((last - first).days + 1))
