"""The suite's checks of a list's answers, as functions of the list that decides; the project's data is the standard.

- ``proof``: the statement of the exhaustive proof, by the second evaluation, without the line that names the document.
- ``rows``: each row of the data permits each pair of its kinds on its first and last day, with its ground and its
  certainty; each revision is in force on its first and last day, and none on the day before the first.
- ``oracle``: Cedar, which holds the data's rows, answers a few thousand drawn questions the same.
- ``cases``: the reviewer's cases of ``fixtures/cases``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from authz.cases.judging import judge
from authz.cases.reading import read
from authz.listdocument import canonical
from authz.matchlist import Answer, ListSource, MatchList, compile_list
from authz.proof import second
from authz.questions import Snapshot
from fixtures import seed
from fixtures.lists import load
from fixtures.world import invented_country
from gateway.exchange.directory import DirectoryEntry, agency_facts
from loadtest.engines import Cedar
from loadtest.listquestions import ListQuestion, drawn

CASES = Path(__file__).parents[2] / "fixtures" / "cases"
QUESTIONS = 4_000
STANDARD = load()


class Mutant(NamedTuple):
    """A list that decides wrongly, as the checks see it."""

    document: bytes
    list: MatchList


def mutant_of(source: ListSource) -> Mutant:
    return Mutant(canonical(source), compile_list(source, 1))


def proof(mutant: Mutant) -> bool:
    return _answers(second.statement(mutant.document)) == _proven()


@cache
def _proven() -> list[str]:
    return _answers(second.statement(canonical(STANDARD)))


def _answers(statement: str) -> list[str]:
    return [line for line in statement.splitlines() if not line.startswith("list ")]


def rows(mutant: Mutant) -> bool:
    return all(_row_answers(mutant.list)) and all(_days(mutant.list))


def _row_answers(match_list: MatchList) -> Iterator[bool]:
    days = {one.revision: (one.in_force_from, one.in_force_until or date(2999, 12, 31)) for one in STANDARD.revisions}
    for row in STANDARD.rows:
        for asking in row.inquirers:
            for asked in row.providers:
                for day in days[row.revision]:
                    kinds = frozenset({asking}), frozenset({asked})
                    found = match_list.look_up(kinds[0], row.task, kinds[1], row.information, day)
                    expected = (row.revision, row.item, row.row, row.certainty)
                    yield found.permitted and _named(found) == expected


def _named(answer: Answer) -> tuple[object, ...]:
    return answer.revision, answer.item, answer.row, answer.certainty


def _days(match_list: MatchList) -> Iterator[bool]:
    for revision in STANDARD.revisions:
        first, last = revision.in_force_from, revision.in_force_until
        for day in (first, last or date(2999, 12, 31)):
            found = match_list.revision_on(day)
            yield found is not None and found.revision == revision.revision
    yield match_list.revision_on(date(2016, 8, 1)) is None


def oracle(mutant: Mutant) -> bool:
    closed = {kind: mutant.list.close_kinds((kind,)) for kind in mutant.list.kinds}
    return all(
        mutant.list.look_up(closed[one[0]], one.task, closed[one[2]], one.information, day).permitted == yes
        for one, day, yes in _asked()
    )


@cache
def _asked() -> list[tuple[ListQuestion, date, bool]]:
    found = []
    for revision in STANDARD.revisions:
        held_rows = [row for row in STANDARD.rows if row.revision == revision.revision]
        engine = Cedar(STANDARD, held_rows)
        questions = list(islice(drawn(STANDARD, held_rows, QUESTIONS), QUESTIONS))
        answers = engine.permitted(engine.decide(engine.prepare(questions)))
        found += [(one, revision.in_force_from, yes) for one, yes in zip(questions, answers, strict=True)]
    return found


def cases(mutant: Mutant) -> bool:
    agencies = {one.code: agency_facts(one, mutant.list.close_kinds) for one in _entries()}
    snapshot = Snapshot(mutant.list, agencies, mutant.list.items)
    files = sorted(CASES.glob("*.yaml"))
    return all(judge(case, snapshot).holds for file in files for case in read(file.read_text("utf-8"), snapshot))


@cache
def _entries() -> Sequence[DirectoryEntry]:
    return seed.entries(invented_country())


CHECKS: dict[str, Callable[[Mutant], bool]] = {"proof": proof, "rows": rows, "oracle": oracle, "cases": cases}
"""Each says whether the list is as it should be."""
