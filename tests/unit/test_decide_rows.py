"""Every row of every revision, and every one-field change of it, against a second evaluation that shares no index.

The second evaluation narrows the unexpanded rows of the project's data column by column, in the order of the law's four
conditions, and takes the first row that is left.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from authz.decide import AgencyFacts, Effect, PermitFacts, Question, Reason, Snapshot, Window, decide_permit
from authz.matchlist import Miss, Revision, Row, compile_list
from fixtures.lists import load
from sympho.codes import AgencyCode, InformationCode, TaskCode

SOURCE = load()
LIST = compile_list(SOURCE, 1)
REVISIONS = SOURCE.revisions
CODES_KNOWN = PermitFacts(True, True)

KINDS = {kind.kind: {kind.kind} | ({kind.counts_as} if kind.counts_as else set()) for kind in SOURCE.kinds}
KINDS["WIDE_AREA_UNION"] = {"WIDE_AREA_UNION"}
ASKING = {kind: AgencyCode(f"{number:016d}") for number, kind in enumerate(KINDS)}
ASKED = {kind: AgencyCode(f"{number + 1000:016d}") for number, kind in enumerate(KINDS)}
PUBLISHED: dict[TaskCode | InformationCode, date] = {}
PUBLISHED.update((task.task, date(2000, 1, 1)) for task in SOURCE.tasks)
PUBLISHED.update((information.information, date(2000, 1, 1)) for information in SOURCE.information)
SNAPSHOT = Snapshot(
    LIST,
    {
        code: AgencyFacts(code, kind, LIST.close_kinds({kind}), (Window(date(2000, 1, 1)),), PUBLISHED)
        for codes in (ASKING, ASKED)
        for kind, code in codes.items()
    },
    LIST.items,
)


class SecondEvaluation:
    """One revision's unexpanded rows, narrowed column by column; each narrowing is remembered."""

    def __init__(self, revision: Revision) -> None:
        self.rows = [row for row in SOURCE.rows if row.revision == revision.revision]
        self._of_asking: dict[str, list[Row]] = {}
        self._of_task: dict[tuple[str, TaskCode], list[Row]] = {}
        self._of_asked: dict[tuple[str, TaskCode, str], list[Row]] = {}

    def of_asking(self, asking: str) -> list[Row]:
        if asking not in self._of_asking:
            self._of_asking[asking] = [row for row in self.rows if KINDS[asking].intersection(row.inquirers)]
        return self._of_asking[asking]

    def of_task(self, asking: str, task: TaskCode) -> list[Row]:
        key = (asking, task)
        if key not in self._of_task:
            self._of_task[key] = [row for row in self.of_asking(asking) if row.task == task]
        return self._of_task[key]

    def of_asked(self, asking: str, task: TaskCode, asked: str) -> list[Row]:
        key = (asking, task, asked)
        if key not in self._of_asked:
            covering = [row for row in self.of_task(asking, task) if KINDS[asked].intersection(row.providers)]
            self._of_asked[key] = covering
        return self._of_asked[key]

    def judge(self, asking: str, task: TaskCode, asked: str, information: InformationCode) -> Row | Miss:
        if not self.of_asking(asking):
            return Miss.INQUIRER_KIND
        if not self.of_task(asking, task):
            return Miss.TASK
        covering = self.of_asked(asking, task, asked)
        if not covering:
            return Miss.PROVIDER_KIND
        return next((row for row in covering if row.information == information), Miss.INFORMATION)


Asked = tuple[str, TaskCode, str, InformationCode]


def changes(asking: str, row: Row, asked: str) -> Iterator[Asked]:
    """The question itself, and every question that differs from it in one field."""
    yield (asking, row.task, asked, row.information)
    for kind in KINDS:
        yield (kind, row.task, asked, row.information)
        yield (asking, row.task, kind, row.information)
    for task in SOURCE.tasks:
        yield (asking, task.task, asked, row.information)
    for information in SOURCE.information:
        yield (asking, row.task, asked, information.information)


def pairs(row: Row) -> Iterator[tuple[str, str]]:
    for asking in row.inquirers:
        for asked in row.providers:
            yield asking, asked


def question(asking: str, task: TaskCode, asked: str, information: InformationCode) -> Question:
    return Question(ASKING[asking], ASKED[asked], task, None, information, (), False)


@pytest.mark.parametrize("revision", REVISIONS, ids=lambda revision: revision.revision)
def test_every_row_permits_for_every_pair_of_its_kinds_on_its_first_and_last_day_and_names_its_ground(
    revision: Revision,
) -> None:
    second = SecondEvaluation(revision)
    last = revision.in_force_until or date(2999, 12, 31)
    for row in second.rows:
        for asking, asked in pairs(row):
            first_of_table = second.judge(asking, row.task, asked, row.information)
            assert isinstance(first_of_table, Row)
            for day in (revision.in_force_from, last):
                decision = decide_permit(SNAPSHOT, question(asking, row.task, asked, row.information), CODES_KNOWN, day)
                assert decision.effect is Effect.PERMIT
                assert decision.reasons == ()
                assert decision.ground == f"{first_of_table.item}:{first_of_table.row}"
                assert decision.inquirer_kind in first_of_table.inquirers
                assert decision.provider_kind in first_of_table.providers
                assert decision.certainty == first_of_table.certainty
                assert decision.in_force == (revision.in_force_from, revision.in_force_until)
                assert (decision.revision, decision.as_of) == (revision.revision, day)


@pytest.mark.parametrize("revision", REVISIONS, ids=lambda revision: revision.revision)
def test_every_row_is_its_own_ground_for_exactly_its_kinds_because_no_two_rows_of_a_table_overlap(
    revision: Revision,
) -> None:
    for row in SecondEvaluation(revision).rows:
        for asking, asked in pairs(row):
            kinds = frozenset({asking}), frozenset({asked})
            found = LIST.look_up(kinds[0], row.task, kinds[1], row.information, revision.in_force_from)
            assert found.permitted
            assert (found.item, found.row) == (row.item, row.row)
            assert (found.inquirer_kind, found.provider_kind) == (asking, asked)


@pytest.mark.parametrize("revision", REVISIONS, ids=lambda revision: revision.revision)
def test_every_one_field_change_of_every_row_is_decided_as_the_unexpanded_rows_say(revision: Revision) -> None:
    second = SecondEvaluation(revision)
    day = revision.in_force_from
    tried = permitted = 0
    seen: set[Asked] = set()
    for row in second.rows:
        asking, asked = next(pairs(row))
        for asked_now in changes(asking, row, asked):
            if asked_now in seen:
                continue
            seen.add(asked_now)
            expected = second.judge(*asked_now)
            decision = decide_permit(SNAPSHOT, question(*asked_now), CODES_KNOWN, day)
            tried += 1
            if isinstance(expected, Row):
                permitted += 1
                assert decision.effect is Effect.PERMIT
                assert decision.ground == f"{expected.item}:{expected.row}"
                continue
            assert decision.effect is Effect.DENY
            assert decision.reasons == (Reason(f"list-{expected}"),)
    assert 0 < permitted < tried


@pytest.mark.parametrize("revision", REVISIONS, ids=lambda revision: revision.revision)
def test_every_one_field_change_for_every_pair_of_kinds_is_looked_up_as_the_unexpanded_rows_say(
    revision: Revision,
) -> None:
    second = SecondEvaluation(revision)
    day = revision.in_force_until or revision.in_force_from
    closed = {kind: LIST.close_kinds({kind}) for kind in KINDS}
    seen: set[Asked] = set()
    for row in second.rows:
        for pair in pairs(row):
            seen.update(changes(pair[0], row, pair[1]))
    for asking, task, asked, information in seen:
        expected = second.judge(asking, task, asked, information)
        found = LIST.look_up(closed[asking], task, closed[asked], information, day)
        if found.permitted:
            assert isinstance(expected, Row)
            assert (found.item, found.row) == (expected.item, expected.row)
            continue
        assert found.miss is expected


@pytest.mark.parametrize(
    "day",
    [
        REVISIONS[0].in_force_from - timedelta(days=1),
        date(2024, 5, 26),
        date(2024, 5, 27),
        date(2026, 6, 25),
        date(2026, 6, 26),
    ],
    ids=str,
)
def test_every_row_of_every_revision_is_decided_by_the_revision_of_the_day_alone(day: date) -> None:
    in_force = [
        r for r in REVISIONS if r.in_force_from <= day and (r.in_force_until is None or day <= r.in_force_until)
    ]
    second = SecondEvaluation(in_force[0]) if in_force else None
    for row in SOURCE.rows:
        asking, asked = next(pairs(row))
        expected = second.judge(asking, row.task, asked, row.information) if second else Miss.DATE
        decision = decide_permit(SNAPSHOT, question(asking, row.task, asked, row.information), CODES_KNOWN, day)
        if isinstance(expected, Row):
            assert decision.ground == f"{expected.item}:{expected.row}"
            continue
        assert decision.reasons == (Reason(f"list-{expected}"),)
