"""The three recipes: every reason has a case that gives it, and each recipe judges what it can know and no more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest

from authz.checks import Case, match_list
from authz.decide import (
    HOLDS,
    LOCAL_TAX,
    REASONS,
    AgencyFacts,
    AskFacts,
    Coarse,
    Decision,
    Effect,
    OrdinanceTask,
    PermitFacts,
    ProvideFacts,
    Question,
    Reason,
    Snapshot,
    Window,
    _decide,
    _explain,
    decide_ask,
    decide_permit,
    decide_provide,
)
from authz.matchlist import compile_list
from fixtures.lists import load
from gateway.exchange.messages import CoarseReason
from sympho.codes import AgencyCode, InformationCode, ItemCode, ProcedureCode, TaskCode

SOURCE = load()
LIST = compile_list(SOURCE, 7)
DAY = date(2026, 11, 1)
LONG_AGO = date(2000, 1, 1)

CITY, TOWN, UNION, STRANGER, JUSTICE = (AgencyCode(f"0220199{n}00000000") for n in range(1, 6))

VACCINATING = next(t.task for t in SOURCE.tasks if t.designation == "予防接種法による予防接種の実施に関する事務")
BENEFITS = next(t.task for t in SOURCE.tasks if t.designation == "予防接種法による給付の支給又は実費の徴収に関する事務")
VACCINATION = next(i.information for i in SOURCE.information if i.label == "予防接種法による予防接種の実施に関する情報")
REGISTER = InformationCode("TM00000000000001")
FAMILY = InformationCode("TM00000000000108")
LOCAL_TASK = TaskCode("JM99000000000001")
UNPUBLISHED_TASK = TaskCode("JM99000000000002")
FUTURE_TASK = TaskCode("JM99000000000003")
ITEMS = tuple(sorted(LIST.items[VACCINATION]))

PUBLISHED: dict[TaskCode | InformationCode, date] = dict.fromkeys(
    (VACCINATING, LOCAL_TASK, UNPUBLISHED_TASK, FUTURE_TASK), LONG_AGO
)
PUBLISHED |= dict.fromkeys((VACCINATION, LOCAL_TAX, REGISTER, FAMILY), LONG_AGO)
PUBLISHED[BENEFITS] = DAY


def agency(code: AgencyCode, *kinds: str, **more: Any) -> AgencyFacts:
    facts = AgencyFacts(code, f"試験機関{code[7]}", LIST.close_kinds(kinds), (Window(LONG_AGO),), PUBLISHED)
    return replace(facts, **more)


AGENCIES = {
    CITY: agency(
        CITY,
        "HEALTH_CENTER_CITY",
        "WELFARE_OFFICE_MUNICIPALITY",
        ordinance_tasks={
            LOCAL_TASK: OrdinanceTask(LOCAL_TASK, BENEFITS, frozenset({LOCAL_TAX, REGISTER}), LONG_AGO, LONG_AGO),
            UNPUBLISHED_TASK: OrdinanceTask(UNPUBLISHED_TASK, BENEFITS, frozenset({LOCAL_TAX}), None, None),
            FUTURE_TASK: OrdinanceTask(FUTURE_TASK, BENEFITS, frozenset({LOCAL_TAX}), DAY, date(2026, 11, 2)),
        },
    ),
    TOWN: agency(TOWN, "MUNICIPALITY"),
    UNION: agency(UNION, "WIDE_AREA_UNION"),
    JUSTICE: agency(JUSTICE, "MINISTER_JUSTICE"),
}
SNAPSHOT = Snapshot(LIST, AGENCIES, LIST.items)

QUESTION = Question(CITY, TOWN, VACCINATING, None, VACCINATION, (), False)
BENEFIT = Question(CITY, TOWN, BENEFITS, None, REGISTER, (), False)
LOCALLY = Question(CITY, TOWN, LOCAL_TASK, None, LOCAL_TAX, (), True)
ASK = AskFacts(None, True)
PERMIT = PermitFacts(True, True)
PROVIDE = ProvideFacts(True, None, 7, True, False, False)


def ask(question: Question = QUESTION, facts: AskFacts = ASK, day: date = DAY, of: Snapshot = SNAPSHOT) -> Decision:
    return decide_ask(of, question, facts, day)


def permit(
    question: Question = QUESTION, facts: PermitFacts = PERMIT, day: date = DAY, of: Snapshot = SNAPSHOT
) -> Decision:
    return decide_permit(of, question, facts, day)


def provide(
    question: Question = QUESTION, facts: ProvideFacts = PROVIDE, day: date = DAY, of: Snapshot = SNAPSHOT
) -> Decision:
    return decide_provide(of, question, facts, day)


def changed(value: Any, **fields: Any) -> Any:
    """A value with other fields, also such as its type forbids."""
    return replace(value, **fields)


def world(code: AgencyCode, **fields: Any) -> Snapshot:
    """The same world with one agency's facts changed."""
    return replace(SNAPSHOT, agencies={**AGENCIES, code: replace(AGENCIES[code], **fields)})


def test_a_question_that_a_row_covers_is_permitted_in_each_recipe_and_names_its_ground_list_and_days() -> None:
    for decision in (ask(), permit(), provide()):
        assert decision.permitted
        assert decision.reasons == ()
        assert decision.coarse is Coarse.NONE
        assert (decision.ground, decision.inquirer_kind, decision.provider_kind) == (
            "25:1.1",
            "MUNICIPALITY",
            "MUNICIPALITY",
        )
        assert (decision.serial, decision.digest) == (7, LIST.digest)
        assert (decision.as_of, decision.in_force) == (DAY, (date(2026, 6, 26), None))
    assert [d.recipe for d in (ask(), permit(), provide())] == ["ask", "permit", "provide"]


def test_asked_items_and_a_procedure_may_narrow_a_question() -> None:
    narrowed = replace(QUESTION, items=ITEMS, procedure=ProcedureCode("JT90000027000001"))
    assert ask(narrowed).permitted


CASES: dict[Reason, Callable[[], Decision]] = {
    Reason.MALFORMED_DATE: lambda: permit(day=datetime.fromisoformat("2026-11-01T00:00:00+09:00")),
    Reason.MALFORMED_INQUIRER: lambda: permit(changed(QUESTION, inquirer=str(CITY))),
    Reason.MALFORMED_PROVIDER: lambda: permit(changed(QUESTION, provider=None)),
    Reason.MALFORMED_TASK: lambda: permit(changed(QUESTION, task="")),
    Reason.MALFORMED_PROCEDURE: lambda: permit(changed(QUESTION, procedure="JT01010000000214")),
    Reason.MALFORMED_INFORMATION: lambda: permit(changed(QUESTION, information=["TM"])),
    Reason.MALFORMED_ITEMS: lambda: permit(changed(QUESTION, items=list(ITEMS))),
    Reason.MALFORMED_CONSENT: lambda: permit(changed(QUESTION, consent=None)),
    Reason.SAME_AGENCY: lambda: ask(replace(QUESTION, provider=CITY)),
    Reason.ITEM_TWICE: lambda: ask(replace(QUESTION, items=(ITEMS[0], ITEMS[0]))),
    Reason.ITEM_UNKNOWN: lambda: ask(replace(QUESTION, items=(ITEMS[0], ItemCode("TK00000200000010")))),
    Reason.FACTS_MISSING: lambda: permit(facts=changed(PERMIT, provider_code_known=None)),
    Reason.NOT_JUDGED: lambda: _decide(("nothing known", (match_list,)), Case(SNAPSHOT, QUESTION, PERMIT, DAY)),
    Reason.PERMIT_SIGNATURE: lambda: provide(facts=_bad_permit(Reason.PERMIT_SIGNATURE)),
    Reason.PERMIT_AUDIENCE: lambda: provide(facts=_bad_permit(Reason.PERMIT_AUDIENCE)),
    Reason.PERMIT_MISMATCH: lambda: provide(facts=_bad_permit(Reason.PERMIT_MISMATCH)),
    Reason.PERMIT_USED: lambda: provide(facts=_bad_permit(Reason.PERMIT_USED)),
    Reason.PERMIT_INVALID: lambda: provide(facts=_bad_permit(None)),
    Reason.NOTICE_LAPSED: lambda: provide(facts=replace(PROVIDE, in_validity=False)),
    Reason.INQUIRER_UNKNOWN: lambda: permit(replace(QUESTION, inquirer=STRANGER)),
    Reason.INQUIRER_NOT_IN_FORCE: lambda: permit(of=world(CITY, valid=())),
    Reason.PROVIDER_UNKNOWN: lambda: permit(replace(QUESTION, provider=STRANGER)),
    Reason.PROVIDER_NOT_IN_FORCE: lambda: permit(of=world(TOWN, valid=(Window(LONG_AGO, date(2026, 10, 31)),))),
    Reason.ASSESSMENT_INQUIRER_MISSING: lambda: permit(of=world(CITY, assessments={})),
    Reason.ASSESSMENT_INQUIRER_LATER: lambda: permit(replace(QUESTION, task=BENEFITS), day=date(2026, 10, 31)),
    Reason.ASSESSMENT_PROVIDER_MISSING: lambda: permit(of=world(TOWN, assessments={})),
    Reason.ASSESSMENT_PROVIDER_LATER: lambda: permit(of=world(TOWN, assessments={VACCINATION: date(2026, 11, 2)})),
    Reason.TASK_NOT_ALLOWED: lambda: ask(facts=AskFacts(frozenset({BENEFITS}), True)),
    Reason.ORDINANCE_NOT_NOTIFIED: lambda: ask(replace(LOCALLY, task=UNPUBLISHED_TASK)),
    Reason.ORDINANCE_NOT_PUBLISHED: lambda: ask(replace(LOCALLY, task=FUTURE_TASK)),
    Reason.ORDINANCE_INFORMATION: lambda: ask(replace(LOCALLY, information=VACCINATION)),
    Reason.LIST_OLDER: lambda: provide(facts=replace(PROVIDE, permit_serial=8)),
    Reason.LIST_DATE: lambda: permit(day=date(2016, 8, 1)),
    Reason.LIST_INQUIRER_KIND: lambda: permit(of=world(CITY, kinds=frozenset({"PAYMENT_FUND"}))),
    Reason.LIST_TASK: lambda: permit(of=world(CITY, kinds=frozenset({"MINISTER_JUSTICE"})), question=QUESTION),
    Reason.PROCEDURE_UNKNOWN: lambda: permit(replace(QUESTION, procedure=ProcedureCode("JT99999999999999"))),
    Reason.PROCEDURE_ELSEWHERE: lambda: provide(replace(QUESTION, procedure=ProcedureCode("JT01010000000214"))),
    Reason.PROCEDURE_INFORMATION: lambda: ask(replace(BENEFIT, procedure=ProcedureCode("JT90000030000002"))),
    Reason.LIST_PROVIDER_KIND: lambda: permit(replace(QUESTION, provider=JUSTICE)),
    Reason.LIST_INFORMATION: lambda: permit(replace(QUESTION, information=REGISTER)),
    Reason.CONSENT_MISSING: lambda: ask(replace(LOCALLY, consent=False)),
    Reason.NO_CODE_AT_INQUIRER: lambda: ask(facts=AskFacts(None, False)),
    Reason.NO_CODE_AT_PROVIDER: lambda: permit(facts=PermitFacts(True, False)),
    Reason.ORDINANCE_LIMIT: lambda: provide(LOCALLY, of=world(TOWN, ordinance_limit=frozenset({LOCAL_TAX}))),
    Reason.HELD_PERSON: lambda: provide(facts=replace(PROVIDE, no_automatic_answer_person=True)),
    Reason.HELD_INFORMATION: lambda: provide(facts=replace(PROVIDE, no_automatic_answer_information=True)),
}


def _bad_permit(reason: Reason | None) -> ProvideFacts:
    return replace(PROVIDE, permit_valid=False, permit_reason=reason)


def test_every_reason_has_a_case_and_a_text() -> None:
    assert set(CASES) == set(Reason) == set(REASONS)
    assert all(text.ja and text.en for text in REASONS.values())


@pytest.mark.parametrize("reason", list(Reason))
def test_the_case_of_a_reason_is_decided_for_that_reason_alone(reason: Reason) -> None:
    decision = CASES[reason]()
    assert decision.reasons == (reason,)
    assert decision.effect is (Effect.REVIEW if reason in HOLDS else Effect.DENY)
    assert decision.coarse is REASONS[reason].coarse


def test_the_two_tables_of_coarse_reasons_are_equal() -> None:
    assert [(c.name, c.value) for c in Coarse] == [(c.name, c.value) for c in CoarseReason]


def test_a_counterpart_learns_nothing_of_a_hold_and_something_of_every_denial() -> None:
    assert {reason for reason in Reason if REASONS[reason].coarse is Coarse.NONE} == HOLDS


# --- days ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "ground"),
    [
        (date(2024, 5, 26), "16-2:1.1"),
        (date(2024, 5, 27), "25:1.1"),
        (date(2026, 6, 25), "25:1.1"),
        (date(2026, 6, 26), "25:1.1"),
    ],
)
def test_the_ground_of_a_question_changes_with_the_revision_to_the_day(day: date, ground: str) -> None:
    assert permit(day=day).ground == ground


def test_an_assessment_counts_from_the_day_of_its_publication() -> None:
    question = replace(QUESTION, task=BENEFITS, information=REGISTER)
    assert permit(question, day=DAY).permitted
    assert permit(question, day=date(2026, 10, 31)).reasons == (Reason.ASSESSMENT_INQUIRER_LATER,)


def test_an_agency_is_in_force_on_the_first_and_last_day_of_each_of_its_windows_and_not_between_them() -> None:
    windows = (Window(date(2025, 1, 1), date(2025, 1, 31)), Window(date(2025, 3, 1), None))
    town = world(TOWN, valid=windows)
    days = [date(2024, 12, 31), date(2025, 1, 1), date(2025, 1, 31), date(2025, 2, 1), date(2025, 2, 28), DAY]
    assert [permit(day=day, of=town).permitted for day in days] == [False, True, True, False, False, True]


# --- who may know what --------------------------------------------------------------------------------------------


def test_asking_leaves_the_providers_existence_force_and_assessment_to_the_network() -> None:
    assert ask(replace(QUESTION, provider=STRANGER)).permitted
    assert ask(of=world(TOWN, valid=())).permitted
    assert ask(of=world(TOWN, assessments={})).permitted


def test_asking_an_agency_that_the_directory_lacks_names_no_ground_and_still_judges_the_other_columns() -> None:
    assert ask(replace(QUESTION, provider=STRANGER)).ground == ""
    refused = ask(replace(QUESTION, provider=STRANGER, information=FAMILY))
    assert refused.reasons == (Reason.LIST_INFORMATION,)


def test_providing_leaves_the_inquirers_assessment_to_the_network() -> None:
    assert provide(of=world(CITY, assessments={})).permitted
    assert provide(of=world(TOWN, assessments={})).reasons == (Reason.ASSESSMENT_PROVIDER_MISSING,)


def test_facts_of_another_recipe_are_missing_facts() -> None:
    facts: Any = PERMIT
    assert ask(facts=facts).reasons == (Reason.FACTS_MISSING,)
    assert provide(facts=facts).reasons == (Reason.FACTS_MISSING,)
    other: Any = ASK
    assert permit(facts=other).reasons == (Reason.FACTS_MISSING,)


@pytest.mark.parametrize("field", sorted(set(ProvideFacts.__slots__) - {"permit_reason"}))
def test_a_missing_fact_of_the_provider_is_a_denial(field: str) -> None:
    assert provide(facts=changed(PROVIDE, **{field: None})).reasons == (Reason.FACTS_MISSING,)


def test_an_older_list_holds_even_what_it_would_forbid_and_a_newer_one_judges() -> None:
    forbidden = replace(QUESTION, information=REGISTER)
    assert provide(forbidden, facts=replace(PROVIDE, permit_serial=8)).effect is Effect.REVIEW
    assert provide(forbidden, facts=replace(PROVIDE, permit_serial=6)).reasons == (Reason.LIST_INFORMATION,)


def test_a_denial_wins_over_a_hold_that_comes_before_it() -> None:
    facts = replace(PROVIDE, permit_serial=8)
    decision = provide(replace(LOCALLY, consent=False), facts)
    assert decision.reasons == (Reason.CONSENT_MISSING,)
    assert decision.coarse is Coarse.NOT_PERMITTED


def test_both_flags_are_named_when_both_hold() -> None:
    facts = replace(PROVIDE, no_automatic_answer_person=True, no_automatic_answer_information=True)
    assert provide(facts=facts).reasons == (Reason.HELD_PERSON, Reason.HELD_INFORMATION)


# --- 条例事務 and consent -----------------------------------------------------------------------------------------------


def test_a_local_task_asks_under_the_row_of_the_task_that_it_mirrors() -> None:
    mirrored = permit(replace(LOCALLY, task=BENEFITS, consent=False))
    assert permit(LOCALLY).permitted
    assert permit(LOCALLY).ground == mirrored.ground == "28:2.1"


def test_a_local_task_is_its_own_agencys_alone() -> None:
    other = replace(LOCALLY, inquirer=TOWN, provider=CITY)
    assert permit(other).reasons == (Reason.LIST_TASK,)


def test_a_statutory_task_is_never_replaced_by_a_local_one_of_the_same_code() -> None:
    shadow = OrdinanceTask(VACCINATING, BENEFITS, frozenset({LOCAL_TAX}), LONG_AGO, LONG_AGO)
    shadowed = world(CITY, ordinance_tasks={VACCINATING: shadow})
    question = replace(LOCALLY, task=VACCINATING)
    assert permit(question, of=shadowed).reasons == (Reason.LIST_INFORMATION,)


@pytest.mark.parametrize("recipe", [ask, permit, provide])
def test_consent_is_needed_for_local_tax_under_a_local_task_and_nowhere_else(
    recipe: Callable[[Question], Decision],
) -> None:
    assert recipe(replace(LOCALLY, consent=False)).reasons == (Reason.CONSENT_MISSING,)
    assert recipe(replace(LOCALLY, consent=True)).permitted
    assert recipe(replace(LOCALLY, information=REGISTER, consent=False)).permitted
    assert recipe(replace(LOCALLY, task=BENEFITS, consent=False)).permitted


def test_a_providers_ordinance_limits_local_tasks_only() -> None:
    limited = world(TOWN, ordinance_limit=frozenset({LOCAL_TAX}))
    assert provide(LOCALLY, of=limited).effect is Effect.REVIEW
    assert provide(replace(LOCALLY, task=BENEFITS), of=limited).permitted


# --- wide-area unions ---------------------------------------------------------------------------------------------


def test_a_wide_area_union_asks_as_a_municipality_for_delegated_tasks_only() -> None:
    asking = replace(QUESTION, inquirer=UNION)
    assert permit(asking).reasons == (Reason.LIST_INQUIRER_KIND,)
    assert permit(asking, of=world(UNION, delegated_tasks=frozenset({BENEFITS}))).effect is Effect.DENY
    delegated = permit(asking, of=world(UNION, delegated_tasks=frozenset({VACCINATING})))
    assert (delegated.effect, delegated.inquirer_kind) == (Effect.PERMIT, "MUNICIPALITY")


def test_a_wide_area_union_is_asked_as_a_municipality_for_what_it_keeps_from_delegated_tasks_only() -> None:
    asked = replace(QUESTION, provider=UNION)
    assert permit(asked).reasons == (Reason.LIST_PROVIDER_KIND,)
    assert permit(asked, of=world(UNION, delegated_tasks=frozenset({VACCINATING}))).effect is Effect.DENY
    assert permit(asked, of=world(UNION, delegated_information=frozenset({VACCINATION}))).permitted


# --- explanations -------------------------------------------------------------------------------------------------


def test_an_explanation_names_every_failing_reason_in_the_order_of_the_checks() -> None:
    snapshot = replace(SNAPSHOT, agencies={**AGENCIES, CITY: replace(AGENCIES[CITY], valid=(), assessments={})})
    question = replace(QUESTION, information=FAMILY, items=(ITEMS[0],))
    decision = decide_permit(snapshot, question, PermitFacts(False, False), DAY, explain=True)
    assert decision.reasons == (
        Reason.ITEM_UNKNOWN,
        Reason.INQUIRER_NOT_IN_FORCE,
        Reason.ASSESSMENT_INQUIRER_MISSING,
        Reason.LIST_INFORMATION,
        Reason.NO_CODE_AT_INQUIRER,
        Reason.NO_CODE_AT_PROVIDER,
    )
    assert [v.check for v in decision.verdicts if v.passed is False] == [
        "well_formed",
        "inquirer",
        "assessment_of_inquirer",
        "match_list",
        "codes_known",
    ]


def test_nothing_more_is_judged_of_a_malformed_question() -> None:
    broken = changed(QUESTION, inquirer=["no code"], task=None)
    decision = decide_ask(SNAPSHOT, broken, ASK, DAY, explain=True)
    assert decision.reasons == (Reason.MALFORMED_INQUIRER, Reason.MALFORMED_TASK)
    assert [verdict.passed for verdict in decision.verdicts] == [False] + [None] * 7


def test_a_check_that_could_not_be_judged_never_lets_an_explanation_permit() -> None:
    case = Case(SNAPSHOT, QUESTION, PERMIT, DAY)
    assert _explain(("nothing known", (match_list,)), case).reasons == (Reason.NOT_JUDGED,)
