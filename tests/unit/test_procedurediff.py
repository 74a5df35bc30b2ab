"""The difference of two lists' procedures: what it says of questions that name one is what is decided of them."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

import pytest

from authz.decide import Decision, PermitFacts, Question, decide_permit
from authz.grants import Combination, grants
from authz.listdiff import StretchDiff, compare_lists, compare_revisions
from authz.matchlist import Certainty, ListSource, MatchList, Procedure, Revision, compile_list
from authz.procedurediff import NamedChange
from authz.procedures import Narrowing
from authz.proof.agreement import asked_agency, asking_agency, bodies
from authz.wording import Happened
from fixtures.lists import load
from gateway.commands.authorization.differing import diff_page, show_diff
from sympho.codes import InformationCode, ProcedureCode

SOURCE: ListSource = load()
LIST = compile_list(SOURCE, 1)
TABLE, ORDINANCE, AMENDED = SOURCE.revisions
BODIES = bodies(LIST)
Named = tuple[str, ...]


def decided(procedure: ProcedureCode, one: Combination, revision: Revision) -> Decision:
    inquirer, provider = asking_agency(LIST, one.inquirer), asked_agency(LIST, one.provider)
    question = Question(inquirer, provider, one.task, procedure, one.information, (), False)
    return decide_permit(BODIES, question, PermitFacts(True, True), revision.in_force_from)


def stretch_between(before: MatchList, after: MatchList, revision: Revision) -> StretchDiff:
    [stretch] = compare_revisions((before, revision), (after, revision)).stretches
    return stretch


def written_out(changes: tuple[NamedChange, ...]) -> dict[Named, Narrowing]:
    return {
        (one.procedure, *kinds.split(" "), one.task.code, one.information.code): one.narrowing
        for one in changes
        for kinds in one.combinations
    }


def test_what_naming_a_procedure_gains_and_loses_is_what_is_decided_on_both_sides() -> None:
    [stretch] = compare_revisions((LIST, ORDINANCE), (LIST, AMENDED)).stretches
    assert stretch.naming is not None
    gained = written_out(stretch.naming.now_permitted)
    lost = written_out(stretch.naming.no_longer_permitted)
    assert (len(gained), len(lost)) == (stretch.naming.gained, stretch.naming.lost)
    everywhere = list({**grants(LIST, ORDINANCE), **grants(LIST, AMENDED)})
    by_task: dict[str, list[Combination]] = {}
    for one in everywhere:
        by_task.setdefault(one.task, []).append(one)
    named = 0
    for procedure in SOURCE.procedures[::9]:
        tasks = {
            row.task
            for revision in (ORDINANCE, AMENDED)
            for row in LIST.procedures.rows_of(revision.revision, procedure.item)
        }
        for one in chain(everywhere[::701], *(by_task.get(task, ()) for task in tasks)):
            was, now = (decided(procedure.procedure, one, revision) for revision in (ORDINANCE, AMENDED))
            key = (procedure.procedure, one.inquirer, one.provider, one.task, one.information)
            assert (key in gained, key in lost) == (
                now.permitted and not was.permitted,
                was.permitted and not now.permitted,
            )
            if key in gained or key in lost:
                assert (gained.get(key) or lost.get(key)) is (now if key in gained else was).narrowing
                named += 1
    assert named > 500


def test_the_amendment_lets_the_procedures_of_the_items_that_it_rewrote_lapse_and_no_others() -> None:
    [stretch] = compare_revisions((LIST, ORDINANCE), (LIST, AMENDED)).stretches
    assert {one.happened for one in stretch.procedures} == {Happened.LAPSED}
    rewritten = {item.item for item in stretch.items}
    assert {one.before.item for one in stretch.procedures if one.before} <= rewritten
    carried = {revision: set(LIST.procedures.carried(revision)) for revision in (ORDINANCE.revision, AMENDED.revision)}
    assert {one.procedure for one in stretch.procedures} == carried[ORDINANCE.revision] - carried[AMENDED.revision]


def test_where_a_side_carries_no_procedures_all_are_new_and_naming_one_has_no_consequences() -> None:
    [stretch] = compare_revisions((LIST, TABLE), (LIST, ORDINANCE)).stretches
    assert stretch.naming is None
    assert len(stretch.procedures) == len(LIST.procedures.carried(ORDINANCE.revision))
    assert {one.happened for one in stretch.procedures} == {Happened.ADDED}


# --- one change at a time -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mapped() -> Procedure:
    """A procedure that is fully mapped and names less than its item permits."""
    for one in SOURCE.procedures:
        of_item = {row.information for row in LIST.procedures.rows_of(ORDINANCE.revision, one.item)}
        if one.certainty is Certainty.A and len(one.information) > 1 and set(one.information) < of_item:
            return one
    raise LookupError


def changed(procedure: Procedure, *into: Procedure) -> MatchList:
    others = tuple(one for one in SOURCE.procedures if one != procedure)
    return compile_list(replace(SOURCE, procedures=(*others, *into)), 2)


def test_a_line_more_and_a_line_less_are_told_with_what_they_permit_and_forbid(mapped: Procedure) -> None:
    rows = LIST.procedures.rows_of(ORDINANCE.revision, mapped.item)
    more = next(row.information for row in rows if row.information not in mapped.information)
    gone = mapped.information[0]
    stretch = stretch_between(
        LIST, changed(mapped, replace(mapped, information=(*mapped.information[1:], more))), ORDINANCE
    )
    [one] = stretch.procedures
    assert (one.happened, one.columns) == (Happened.CHANGED, ("information",))
    assert [[line.code for line in lines] for lines in (one.lines_added, one.lines_removed)] == [[more], [gone]]
    assert (stretch.items, stretch.now_permitted, stretch.no_longer_permitted) == ((), (), ())
    assert stretch.naming is not None
    assert {InformationCode(change.information.code) for change in stretch.naming.now_permitted} == {more}
    assert {InformationCode(change.information.code) for change in stretch.naming.no_longer_permitted} == {gone}


def test_a_procedure_that_is_no_longer_mapped_is_changed_and_leaves_what_its_item_permits(mapped: Procedure) -> None:
    stretch = stretch_between(LIST, changed(mapped, replace(mapped, certainty=Certainty.C)), ORDINANCE)
    [one] = stretch.procedures
    assert (one.happened, one.columns) == (Happened.CHANGED, ("certainty",))
    assert stretch.naming is not None
    assert (stretch.naming.lost, stretch.naming.gained > 0) == (0, True)
    assert {change.narrowing for change in stretch.naming.now_permitted} == {Narrowing.UNMAPPED}


def test_a_procedure_less_is_removed_with_all_that_it_permitted(mapped: Procedure) -> None:
    stretch = stretch_between(LIST, changed(mapped), ORDINANCE)
    [one] = stretch.procedures
    assert (one.procedure, one.happened, one.after) == (mapped.procedure, Happened.REMOVED, None)
    assert stretch.naming is not None
    assert (stretch.naming.gained, stretch.naming.lost > 0) == (0, True)


def test_text_and_page_name_the_procedure_with_its_lines(mapped: Procedure, capsys: pytest.CaptureFixture[str]) -> None:
    diff = compare_lists(LIST, changed(mapped, replace(mapped, information=mapped.information[1:])))
    page = diff_page(diff)
    assert mapped.procedure in page
    assert f"<del>{LIST.information[mapped.information[0]].label}</del>" in page
    show_diff(diff, 5)
    assert mapped.procedure in capsys.readouterr().out
