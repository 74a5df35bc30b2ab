"""Procedures: each narrows its item exactly as its lines say, and where they do not say, the item's level holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authz.decide import (
    AgencyFacts,
    AskFacts,
    Decision,
    Effect,
    Narrowing,
    OrdinanceTask,
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
from authz.matchlist import Certainty, Origin, Procedure, Revision, Row, compile_list
from authz.procedures import NARROWINGS
from fixtures.lists import load
from sympho.codes import AgencyCode, InformationCode, ProcedureCode, TaskCode

SOURCE = load()
LIST = compile_list(SOURCE, 1)
OLD, FIRST, AMENDED = LIST.source.revisions
DAYS = (FIRST.in_force_from, AMENDED.in_force_from)
LONG_AGO = date(2000, 1, 1)
UNKNOWN = ProcedureCode("JT99999999999999")
LOCAL_TASK = TaskCode("JM99000000000001")

KINDS = [kind.kind for kind in SOURCE.kinds]
ASKING = {kind: AgencyCode(f"{number:016d}") for number, kind in enumerate(KINDS)}
ASKED = {kind: AgencyCode(f"{number + 1000:016d}") for number, kind in enumerate(KINDS)}
PUBLISHED: dict[TaskCode | InformationCode, date] = {LOCAL_TASK: LONG_AGO}
PUBLISHED.update((task.task, LONG_AGO) for task in SOURCE.tasks)
PUBLISHED.update((information.information, LONG_AGO) for information in SOURCE.information)
AGENCIES = {
    code: AgencyFacts(code, kind, LIST.close_kinds({kind}), (Window(LONG_AGO),), PUBLISHED)
    for codes in (ASKING, ASKED)
    for kind, code in codes.items()
}
SNAPSHOT = Snapshot(LIST, AGENCIES, LIST.items)

Decide = Callable[[Question, date], Decision]
RECIPES: dict[str, Decide] = {
    "ask": lambda question, day: decide_ask(SNAPSHOT, question, AskFacts(None, True), day),
    "permit": lambda question, day: decide_permit(SNAPSHOT, question, PermitFacts(True, True), day),
    "provide": lambda question, day: decide_provide(
        SNAPSHOT, question, ProvideFacts(True, None, 1, True, False, False), day
    ),
}


def asks(row: Row, procedure: ProcedureCode | None) -> Question:
    """The question that a row permits, between bodies of its first kinds."""
    inquirer, provider = ASKING[row.inquirers[0]], ASKED[row.providers[0]]
    return Question(inquirer, provider, row.task, procedure, row.information, (), False)


def rows_of(item: str, revision: Revision) -> list[Row]:
    return [row for row in SOURCE.rows if row.revision == revision.revision and row.item == item]


FIRST_ROWS = {
    item: rows_of(item, FIRST) for item in {row.item for row in SOURCE.rows if row.revision == FIRST.revision}
}


def said_by(procedure: Procedure, row: Row) -> tuple[Effect, tuple[Reason, ...], Narrowing]:
    """A second evaluation, from the procedure's own fields."""
    if row.information in procedure.information:
        return Effect.PERMIT, (), Narrowing.LINES
    if procedure.certainty is Certainty.C:
        return Effect.PERMIT, (), Narrowing.UNMAPPED
    return Effect.DENY, (Reason.PROCEDURE_INFORMATION,), Narrowing.LINES


def unchanged(item: str) -> bool:
    """The second evaluation of what a later revision inherits: every row of the item, its revision's name aside."""
    return [replace(row, revision="") for row in rows_of(item, FIRST)] == [
        replace(row, revision="") for row in rows_of(item, AMENDED)
    ]


# --- the data -----------------------------------------------------------------------------------------------------


def test_there_are_904_procedures_of_which_one_is_known_by_two_real_codes() -> None:
    assert len({(one.article, one.ordinal) for one in SOURCE.procedures}) == 904
    official = [one for one in SOURCE.procedures if one.origin is Origin.OFFICIAL]
    assert [(one.procedure, one.item, one.article) for one in official] == [
        ("JT01010000000001", "160", "162"),
        ("JT01010000000214", "160", "162"),
    ]
    assert len(SOURCE.procedures) == 905
    assert all(one.procedure.startswith("JT9") for one in SOURCE.procedures if one.origin is Origin.OURS)


def test_every_item_of_the_ordinance_has_procedures_in_the_article_two_after_it() -> None:
    assert {one.item for one in SOURCE.procedures} == {
        row.item for row in SOURCE.rows if row.revision == FIRST.revision
    }
    for one in SOURCE.procedures:
        number, _, branch = one.item.partition("-")
        assert one.article == str(int(number) + 2) + (f"-{branch}" if branch else "")


def test_a_label_is_short_and_says_provisions_in_arabic_figures() -> None:
    for one in SOURCE.procedures:
        assert len(one.label) <= 80
        assert "に係る事実についての審査" not in one.label
        assert "に関する事務" not in one.label


def test_the_later_revision_carries_exactly_the_procedures_of_the_items_that_it_left_unchanged() -> None:
    assert set(LIST.procedures.carried(FIRST.revision)) == {one.procedure for one in SOURCE.procedures}
    assert set(LIST.procedures.carried(AMENDED.revision)) == {
        one.procedure for one in SOURCE.procedures if unchanged(one.item)
    }
    assert len(LIST.procedures.carried(AMENDED.revision)) == 550
    assert not LIST.procedures.carried(OLD.revision)


def test_every_narrowing_has_its_words_in_both_languages() -> None:
    assert set(NARROWINGS) == set(Narrowing)
    assert all(text.ja and text.en for text in NARROWINGS.values())


# --- every procedure ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_procedure_permits_of_its_item_what_its_lines_say_and_where_they_do_not_say_what_the_item_says(
    recipe: str,
) -> None:
    seen: set[Narrowing] = set()
    refused = 0
    for procedure in SOURCE.procedures:
        for row in FIRST_ROWS[procedure.item]:
            effect, reasons, narrowing = said_by(procedure, row)
            decision = RECIPES[recipe](asks(row, procedure.procedure), FIRST.in_force_from)
            assert (decision.effect, decision.reasons, decision.narrowing) == (effect, reasons, narrowing)
            assert decision.ground == f"{row.item}:{row.row}"
            assert decision.procedure == f"{procedure.article}:{procedure.ordinal}"
            seen.add(narrowing)
            refused += effect is Effect.DENY
    assert seen == {Narrowing.LINES, Narrowing.UNMAPPED}
    assert refused > 1000


def test_in_the_later_revision_an_inherited_procedure_narrows_as_before_and_that_of_an_amended_item_not_at_all() -> (
    None
):
    for procedure in SOURCE.procedures:
        rows = rows_of(procedure.item, AMENDED)
        for row in rows[:3]:
            decision = RECIPES["permit"](asks(row, procedure.procedure), AMENDED.in_force_from)
            if unchanged(procedure.item):
                assert (decision.effect, decision.reasons, decision.narrowing) == said_by(procedure, row)
                continue
            assert (decision.effect, decision.narrowing) == (Effect.PERMIT, Narrowing.AMENDED)


def test_every_procedure_is_refused_for_the_task_of_any_other_item_with_its_own_reason() -> None:
    first_rows = [rows[0] for rows in FIRST_ROWS.values()]
    for number, procedure in enumerate(SOURCE.procedures):
        own = FIRST_ROWS[procedure.item]
        for row in (first_rows[number % len(first_rows)], first_rows[(7 * number + 3) % len(first_rows)]):
            if row.task in {one.task for one in own}:
                continue
            decision = RECIPES["permit"](asks(row, procedure.procedure), FIRST.in_force_from)
            assert decision.reasons == (Reason.PROCEDURE_ELSEWHERE,)
            assert (decision.procedure, decision.narrowing) == ("", Narrowing.NONE)


def test_an_unknown_procedure_is_refused_with_its_own_reason_for_every_item() -> None:
    for rows in FIRST_ROWS.values():
        assert RECIPES["permit"](asks(rows[0], UNKNOWN), FIRST.in_force_from).reasons == (Reason.PROCEDURE_UNKNOWN,)


def test_where_no_procedures_are_at_hand_the_item_level_holds_and_the_decision_says_so() -> None:
    row = rows_of("18", OLD)[0]
    for code in (UNKNOWN, SOURCE.procedures[0].procedure):
        decision = RECIPES["ask"](asks(row, code), OLD.in_force_from)
        assert (decision.effect, decision.narrowing) == (Effect.PERMIT, Narrowing.NOT_CARRIED)


# --- neighbours ---------------------------------------------------------------------------------------------------

NARROWED = next(one for one in SOURCE.procedures if one.procedure == "JT90000030000002")
"""予防接種法16条1項5号: accounts alone, where the item has taxes and more."""
COVERED = next(row for row in FIRST_ROWS["28"] if row.information in NARROWED.information)
BESIDE = next(row for row in FIRST_ROWS["28"] if row.information not in NARROWED.information)
PERMITTED = asks(COVERED, NARROWED.procedure)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"procedure": UNKNOWN}, Reason.PROCEDURE_UNKNOWN),
        ({"procedure": ProcedureCode("JT90000003000001")}, Reason.PROCEDURE_ELSEWHERE),
        ({"inquirer": ASKING["PAYMENT_FUND"]}, Reason.LIST_INQUIRER_KIND),
        ({"task": FIRST_ROWS["1"][0].task}, Reason.LIST_TASK),
        ({"provider": ASKED["PAYMENT_FUND"]}, Reason.LIST_PROVIDER_KIND),
        ({"information": InformationCode("TM00000000000108")}, Reason.LIST_INFORMATION),
        ({"provider": ASKED[BESIDE.providers[0]], "information": BESIDE.information}, Reason.PROCEDURE_INFORMATION),
    ],
)
def test_each_field_of_a_question_with_a_procedure_is_refused_for_its_own_reason_in_every_recipe(
    changes: dict[str, Any], reason: Reason
) -> None:
    for decide in RECIPES.values():
        assert decide(PERMITTED, FIRST.in_force_from).permitted
        assert decide(replace(PERMITTED, **changes), FIRST.in_force_from).reasons == (reason,)


def test_the_procedure_is_judged_after_kind_and_task_and_before_provider_and_information() -> None:
    wrong_ends = replace(PERMITTED, provider=ASKED["PAYMENT_FUND"], information=InformationCode("TM00000000000108"))
    unknown = replace(wrong_ends, procedure=UNKNOWN)
    assert RECIPES["permit"](unknown, FIRST.in_force_from).reasons == (Reason.PROCEDURE_UNKNOWN,)
    other_task = replace(unknown, task=FIRST_ROWS["1"][0].task)
    assert RECIPES["permit"](other_task, FIRST.in_force_from).reasons == (Reason.LIST_TASK,)
    other_kind = replace(unknown, inquirer=ASKING["PAYMENT_FUND"])
    assert RECIPES["permit"](other_kind, FIRST.in_force_from).reasons == (Reason.LIST_INQUIRER_KIND,)


def test_an_explanation_shows_both_levels() -> None:
    refused = replace(asks(BESIDE, NARROWED.procedure))
    full = decide_permit(SNAPSHOT, refused, PermitFacts(True, True), FIRST.in_force_from, explain=True)
    verdicts = {verdict.check: verdict for verdict in full.verdicts}
    assert [check for check in verdicts if check in {"procedure", "match_list", "procedure_information"}] == [
        "procedure",
        "match_list",
        "procedure_information",
    ]
    assert verdicts["match_list"].passed
    assert verdicts["procedure"].passed
    assert verdicts["procedure_information"].reasons == (Reason.PROCEDURE_INFORMATION,)
    assert (full.ground, full.procedure, full.narrowing) == (f"28:{BESIDE.row}", "30:2", Narrowing.LINES)


def test_a_question_without_a_procedure_has_no_verdict_on_one() -> None:
    full = decide_permit(SNAPSHOT, asks(COVERED, None), PermitFacts(True, True), FIRST.in_force_from, explain=True)
    assert not [verdict for verdict in full.verdicts if verdict.check.startswith("procedure")]
    assert (full.procedure, full.narrowing) == ("", Narrowing.NONE)


# --- agencies of several kinds, local tasks, older lists ----------------------------------------------------------


def test_an_agency_of_several_kinds_is_judged_under_the_procedures_own_item() -> None:
    """健康保険法 has one task for the association (item 2) and for a society (item 3); a body of both kinds asks as each."""
    both = AgencyCode("9900000000000000")
    kinds = LIST.close_kinds({"JAPAN_HEALTH_INSURANCE_ASSOCIATION", "HEALTH_INSURANCE_SOCIETY"})
    agencies = {**AGENCIES, both: AgencyFacts(both, "両方", kinds, (Window(LONG_AGO),), PUBLISHED)}
    for item in ("2", "3"):
        procedure = next(one for one in SOURCE.procedures if one.item == item and one.information)
        row = next(one for one in FIRST_ROWS[item] if one.information in procedure.information)
        question = replace(asks(row, procedure.procedure), inquirer=both)
        snapshot = Snapshot(LIST, agencies, LIST.items)
        decision = decide_permit(snapshot, question, PermitFacts(True, True), FIRST.in_force_from)
        assert (decision.effect, decision.ground) == (Effect.PERMIT, f"{item}:{row.row}")
    alone = replace(asks(FIRST_ROWS["3"][0], next(one.procedure for one in SOURCE.procedures if one.item == "2")))
    assert RECIPES["permit"](alone, FIRST.in_force_from).reasons == (Reason.PROCEDURE_ELSEWHERE,)


def test_a_local_task_is_narrowed_by_the_procedures_of_the_task_that_it_mirrors() -> None:
    city = replace(
        AGENCIES[ASKING["MUNICIPALITY"]],
        ordinance_tasks={
            LOCAL_TASK: OrdinanceTask(
                LOCAL_TASK, COVERED.task, frozenset({COVERED.information, BESIDE.information}), LONG_AGO, LONG_AGO
            )
        },
    )
    snapshot = Snapshot(LIST, {**AGENCIES, city.code: city}, LIST.items)
    for row, reasons in ((COVERED, ()), (BESIDE, (Reason.PROCEDURE_INFORMATION,))):
        question = replace(asks(row, NARROWED.procedure), inquirer=city.code, task=LOCAL_TASK, consent=True)
        decision = decide_permit(snapshot, question, PermitFacts(True, True), FIRST.in_force_from)
        assert decision.reasons == reasons


def test_an_older_list_at_the_provider_holds_and_denies_no_procedure() -> None:
    facts = ProvideFacts(True, None, LIST.serial + 1, True, False, False)
    for code in (UNKNOWN, ProcedureCode("JT90000003000001"), NARROWED.procedure):
        decision = decide_provide(SNAPSHOT, asks(BESIDE, code), facts, FIRST.in_force_from)
        assert (decision.effect, decision.reasons) == (Effect.REVIEW, (Reason.LIST_OLDER,))


def test_asking_an_agency_that_the_directory_lacks_still_judges_the_procedure() -> None:
    question = replace(asks(BESIDE, NARROWED.procedure), provider=AgencyCode("9900000000000001"))
    assert RECIPES["ask"](question, FIRST.in_force_from).reasons == (Reason.PROCEDURE_INFORMATION,)
    assert RECIPES["ask"](replace(question, information=COVERED.information), FIRST.in_force_from).permitted


# --- laws ---------------------------------------------------------------------------------------------------------

ROWS = st.sampled_from([row for row in SOURCE.rows if row.revision != OLD.revision])
CODES = st.sampled_from([one.procedure for one in SOURCE.procedures])


@st.composite
def questions(draw: st.DrawFn) -> Question:
    """A permitted question of a row, with up to two fields of another row, and any procedure."""
    row, other = draw(ROWS), draw(ROWS)
    fields = draw(st.sets(st.sampled_from(["inquirers", "task", "providers", "information"]), max_size=2))
    mixed = replace(row, **{name: getattr(other, name) for name in fields})
    own = [one.procedure for one in SOURCE.procedures if one.item == row.item]
    return asks(mixed, draw(st.one_of(CODES, st.sampled_from(own) if own else CODES)))


@settings(max_examples=400, deadline=None)
@given(questions(), st.sampled_from(DAYS), st.sampled_from(sorted(RECIPES)))
def test_naming_a_procedure_never_permits_what_is_refused_without_it(
    question: Question, day: date, recipe: str
) -> None:
    named, plain = RECIPES[recipe](question, day), RECIPES[recipe](replace(question, procedure=None), day)
    if named.permitted:
        assert plain.permitted
    if plain.permitted and not named.permitted:
        assert named.reasons[0] in {
            Reason.PROCEDURE_UNKNOWN,
            Reason.PROCEDURE_ELSEWHERE,
            Reason.PROCEDURE_INFORMATION,
        }


@settings(max_examples=200, deadline=None)
@given(questions(), st.sampled_from(DAYS))
def test_a_procedure_that_does_not_narrow_says_why_whenever_it_permits(question: Question, day: date) -> None:
    decision = RECIPES["permit"](question, day)
    if not decision.permitted:
        return
    assert decision.narrowing is not Narrowing.NONE
    named = LIST.procedures.known[question.procedure or UNKNOWN]
    assert (decision.narrowing is Narrowing.LINES) == (
        question.information in named.information and (day < AMENDED.in_force_from or unchanged(named.item))
    )


def test_the_amendment_left_some_items_as_they_were_and_rewrote_others() -> None:
    in_both = [item for item in FIRST_ROWS if rows_of(item, AMENDED)]
    assert 10 < sum(map(unchanged, in_both)) < len(in_both) - 10
