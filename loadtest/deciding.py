"""How fast it is decided (可否判定の速さ), without a server: the recipe ``permit`` over a list and a directory of any size.

A second is no measure on machines that differ, so a plain loop stands beside it that looks up the same columns in
dictionaries and decides nothing. The ratio of the two says what the decision costs.
"""

from __future__ import annotations

import gc
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice
from time import process_time
from typing import Any

from authz.decide import AgencyFacts, Effect, PermitFacts, Question, Snapshot, Window, decide_permit
from authz.listsource import ListSource, Row
from authz.matchlist import MatchList, compile_list
from fixtures import lists
from sympho.codes import AgencyCode, InformationCode, TaskCode

__all__ = ["Decided", "decided", "larger"]

LONG_AGO = date(2000, 1, 1)
DAY = date(2026, 11, 1)
KNOWN = PermitFacts(True, True)
QUESTIONS = 2_000
ROUNDS = 5
SHORTEST = 0.1
"""Seconds of a round."""


@dataclass(frozen=True, slots=True)
class Decided:
    """Microseconds of processor time for one decision and for one turn of the plain loop, the best of some rounds."""

    decision: float
    plain: float
    rows: int
    agencies: int

    @property
    def ratio(self) -> float:
        """Decisions for each turn of the plain loop."""
        return self.plain / self.decision


def larger(source: ListSource, times: int) -> ListSource:
    """A list of so many times the rows: the copies are of tasks and items that nobody asks for."""
    tasks, rows = list(source.tasks), list(source.rows)
    number = 0
    for copy in range(1, times):
        minted: dict[TaskCode, TaskCode] = {}
        for one in source.tasks:
            number += 1
            minted[one.task] = TaskCode(f"JM98{number:012d}")
            tasks.append(replace(one, task=minted[one.task], designation=f"{one.designation}（写し{copy}）"))
        rows.extend(_copied(one, minted, copy) for one in source.rows)
    return replace(source, tasks=tuple(tasks), rows=tuple(rows))


def _copied(row: Row, minted: dict[TaskCode, TaskCode], copy: int) -> Row:
    item = re.sub("^[0-9]+", lambda found: str(int(found[0]) + 1_000 * copy), row.item)
    return replace(row, item=item, task=minted[row.task])


def _agency(number: int) -> AgencyCode:
    return AgencyCode(f"{number:016d}")


def _kinds(match_list: MatchList) -> list[str]:
    """The kinds, those that most rows name first: a small directory has bodies that may ask one another."""
    named = Counter(kind for row in match_list.source.rows for kind in (*row.inquirers, *row.providers))
    return sorted(match_list.kinds, key=lambda kind: (-named[kind], kind))


def _snapshot(match_list: MatchList, agencies: int) -> Snapshot:
    """So many agencies of the list's kinds in turn, about whom nothing but their kind can forbid anything."""
    published: dict[TaskCode | InformationCode, date] = dict.fromkeys(match_list.tasks, LONG_AGO)
    published |= dict.fromkeys(match_list.information, LONG_AGO)
    kinds = _kinds(match_list)
    known = {}
    for number in range(agencies):
        code, kind = _agency(number), kinds[number % len(kinds)]
        known[code] = AgencyFacts(code, kind, match_list.close_kinds({kind}), (Window(LONG_AGO),), published)
    return Snapshot(match_list, known, match_list.items)


def _questions(match_list: MatchList, source: ListSource, agencies: int) -> list[Question]:
    """Questions that rows of the list in force permit, as far as there are agencies of both kinds."""
    kinds = _kinds(match_list)
    revision = match_list.revision_on(DAY)
    by_kind: dict[str, list[AgencyCode]] = {}
    for number in range(agencies):
        by_kind.setdefault(kinds[number % len(kinds)], []).append(_agency(number))
    found = []
    for number, row in enumerate(one for one in source.rows if revision and one.revision == revision.revision):
        asking = [code for kind in row.inquirers for code in by_kind.get(kind, ())]
        asked = [code for kind in row.providers for code in by_kind.get(kind, ())]
        if not asking or not asked:
            continue
        inquirer, provider = asking[number % len(asking)], asked[(7 * number + 1) % len(asked)]
        if inquirer != provider:
            found.append(Question(inquirer, provider, row.task, None, row.information, (), False))
    return found


def decided(agencies: int = 60, times: int = 1) -> Decided:
    """How long a decision takes with so many agencies and so long a list; every one of them must permit."""
    source = lists.load()
    match_list = compile_list(larger(source, times), 1)
    snapshot = _snapshot(match_list, agencies)
    questions = list(islice(_questions(match_list, source, agencies), QUESTIONS))
    if not questions:
        raise ValueError("too few agencies to ask one another anything")
    wrong = [one for one in questions if decide_permit(snapshot, one, KNOWN, DAY).effect is not Effect.PERMIT]
    if len(wrong) > len(questions) // 2:
        raise RuntimeError(f"{len(wrong)} of {len(questions)} questions that a row permits are not permitted")
    plain = _columns(questions)
    ours = _best(lambda: [decide_permit(snapshot, one, KNOWN, DAY) for one in questions], len(questions))
    bare = _best(lambda: _looked_up(plain, questions), len(questions))
    return Decided(ours, bare, len(match_list.source.rows), agencies)


def _columns(questions: Sequence[Question]) -> Sequence[dict[Any, bool]]:
    return (
        {one.inquirer: True for one in questions},
        {one.provider: True for one in questions},
        {(one.inquirer, one.task): True for one in questions},
        {(one.provider, one.information): True for one in questions},
        {(one.inquirer, one.task, one.provider, one.information): True for one in questions},
    )


def _looked_up(columns: Sequence[dict[Any, bool]], questions: Sequence[Question]) -> list[bool]:
    asking, asked, tasks, information, rows = columns
    found = []
    for one in questions:
        yes = one.inquirer in asking and one.provider in asked
        yes = yes and (one.inquirer, one.task) in tasks and (one.provider, one.information) in information
        found.append(yes and rows.get((one.inquirer, one.task, one.provider, one.information), False))
    return found


def _best(work: Callable[[], object], count: int) -> float:
    """Microseconds of each, in the fastest round, without the garbage collector."""
    gc.disable()
    try:
        return min(_round(work) for _ in range(ROUNDS)) / count * 1e6
    finally:
        gc.enable()


def _round(work: Callable[[], object]) -> float:
    began, turns = process_time(), 0
    while process_time() - began < SHORTEST:
        work()
        turns += 1
    return (process_time() - began) / turns
