"""Fast mode and explanation: the same effect for whatever is asked, known or missing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authz.decide import (
    HOLDS,
    LOCAL_TAX,
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
from sympho.codes import ProcedureCode
from tests.unit.test_decide import (
    AGENCIES,
    ASK,
    BENEFIT,
    BENEFITS,
    CITY,
    DAY,
    FAMILY,
    FUTURE_TASK,
    ITEMS,
    JUSTICE,
    LIST,
    LOCAL_TASK,
    LOCALLY,
    PERMIT,
    PROVIDE,
    QUESTION,
    REGISTER,
    STRANGER,
    TOWN,
    UNION,
    UNPUBLISHED_TASK,
    VACCINATING,
    VACCINATION,
)

NAMED = (
    "JT90000027000001",  # of the vaccinations' item, not mapped
    "JT90000030000001",  # of the benefits' item: taxes and register
    "JT90000030000002",  # of the same item: accounts alone
    "JT90000003000001",  # of an item that was amended
    "JT01010000000214",  # of another task
    "JT99999999999999",  # of nothing
)

BROKEN: tuple[Any, ...] = (None, "", 0, [], "JM00000000000000")

QUESTION_FIELDS: dict[str, tuple[Any, ...]] = {
    "inquirer": (CITY, UNION, STRANGER, *BROKEN),
    "provider": (TOWN, UNION, JUSTICE, CITY, STRANGER, *BROKEN),
    "task": (VACCINATING, BENEFITS, LOCAL_TASK, UNPUBLISHED_TASK, FUTURE_TASK, *BROKEN),
    "procedure": (*map(ProcedureCode, NAMED), "JT90000030000002", 0),
    "information": (VACCINATION, LOCAL_TAX, REGISTER, FAMILY, *BROKEN),
    "items": ((), ITEMS, (ITEMS[0], ITEMS[0]), ("",), *BROKEN),
    "consent": (True, False, *BROKEN),
}
FACT = (True, False, None, 1)
ASK_FIELDS: dict[str, tuple[Any, ...]] = {
    "allowed_tasks": (frozenset({VACCINATING, LOCAL_TASK}), frozenset({BENEFITS}), (), "JM"),
    "code_held": FACT,
}
PERMIT_FIELDS: dict[str, tuple[Any, ...]] = {"inquirer_code_known": FACT, "provider_code_known": FACT}
PROVIDE_FIELDS: dict[str, tuple[Any, ...]] = {
    "permit_valid": FACT,
    "permit_reason": (None, Reason.PERMIT_USED, Reason.LIST_DATE),
    "permit_serial": (LIST.serial + 1, LIST.serial - 1, None, "7"),
    "in_validity": FACT,
    "no_automatic_answer_person": FACT,
    "no_automatic_answer_information": FACT,
}
AGENCY_FIELDS: dict[str, tuple[Any, ...]] = {
    "valid": ((), (Window(date(2026, 1, 1)),)),
    "assessments": ({}, {VACCINATION: date(2026, 11, 2)}),
    "kinds": (frozenset(), frozenset({"PREFECTURE"}), frozenset({"MINISTER_JUSTICE"})),
    "delegated_tasks": (frozenset({VACCINATING}),),
    "delegated_information": (frozenset({VACCINATION}),),
    "ordinance_tasks": ({},),
    "ordinance_limit": (frozenset({LOCAL_TAX}),),
}
OTHER_DAYS = (
    date(2016, 8, 1),
    date(2024, 5, 26),
    date(2024, 5, 27),
    date.min,
    date.max,
    datetime.fromisoformat("2026-11-01T00:00:00+09:00"),
    None,
)
DAYS: st.SearchStrategy[Any] = st.one_of(st.just(DAY), st.just(DAY), st.just(DAY), st.sampled_from(OTHER_DAYS))


@st.composite
def near(draw: st.DrawFn, value: Any, fields: dict[str, tuple[Any, ...]]) -> Any:
    """The value itself, or one that differs from it in up to two fields, also by what is no such value at all."""
    names = draw(st.lists(st.sampled_from(sorted(fields)), max_size=2, unique=True))
    return replace(value, **{name: draw(st.sampled_from(fields[name])) for name in names})


QUESTIONS = st.one_of(*(near(question, QUESTION_FIELDS) for question in (QUESTION, BENEFIT, LOCALLY)))
ASKS = near(ASK, ASK_FIELDS)
PERMITS = near(PERMIT, PERMIT_FIELDS)
PROVIDES = near(PROVIDE, PROVIDE_FIELDS)
FACTS_OF_ANY_RECIPE = st.one_of(ASKS, PERMITS, PROVIDES)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    agencies = dict(AGENCIES)
    changed = draw(st.sampled_from([None, CITY, TOWN, UNION]))
    if changed is not None:
        agencies[changed] = draw(near(AGENCIES[changed], AGENCY_FIELDS))
    return Snapshot(LIST, agencies, LIST.items)


def agree(fast: Decision, full: Decision) -> None:
    """What must hold between the two modes for one and the same case."""
    assert fast.effect is full.effect
    assert fast.coarse is full.coarse
    assert fast.effect is Effect.DENY or (fast.procedure, fast.narrowing) == (full.procedure, full.narrowing)
    assert (fast.serial, fast.digest, fast.in_force) == (full.serial, full.digest, full.in_force)
    assert len(set(full.reasons)) == len(full.reasons)
    denials = [reason for reason in full.reasons if reason not in HOLDS]
    if full.effect is Effect.DENY:
        assert fast.reasons == (denials[0],)
        return
    assert denials == []
    assert fast.reasons == full.reasons
    assert (full.effect is Effect.PERMIT) == (full.reasons == ())
    if full.effect is Effect.PERMIT:
        assert all(verdict.passed for verdict in full.verdicts)
        assert fast.ground == full.ground


@settings(max_examples=400, deadline=None)
@given(snapshots(), QUESTIONS, st.one_of(ASKS, ASKS, ASKS, FACTS_OF_ANY_RECIPE), DAYS)
def test_asking_is_decided_alike_in_both_modes(snapshot: Snapshot, question: Question, facts: Any, day: Any) -> None:
    agree(decide_ask(snapshot, question, facts, day), decide_ask(snapshot, question, facts, day, explain=True))


@settings(max_examples=400, deadline=None)
@given(snapshots(), QUESTIONS, st.one_of(PERMITS, PERMITS, PERMITS, FACTS_OF_ANY_RECIPE), DAYS)
def test_permitting_is_decided_alike_in_both_modes(
    snapshot: Snapshot, question: Question, facts: Any, day: Any
) -> None:
    agree(decide_permit(snapshot, question, facts, day), decide_permit(snapshot, question, facts, day, explain=True))


@settings(max_examples=400, deadline=None)
@given(snapshots(), QUESTIONS, st.one_of(PROVIDES, PROVIDES, PROVIDES, FACTS_OF_ANY_RECIPE), DAYS)
def test_providing_is_decided_alike_in_both_modes(snapshot: Snapshot, question: Question, facts: Any, day: Any) -> None:
    agree(decide_provide(snapshot, question, facts, day), decide_provide(snapshot, question, facts, day, explain=True))


DECIDE: dict[type, Any] = {AskFacts: decide_ask, PermitFacts: decide_permit, ProvideFacts: decide_provide}


@pytest.mark.parametrize("facts", [ASK, PERMIT, PROVIDE], ids=lambda facts: type(facts).__name__)
def test_the_usual_question_is_answered_as_its_checks_answer_it_and_so_is_whatever_differs_from_it_in_one_thing(
    facts: Any,
) -> None:
    decide, fields = DECIDE[type(facts)], {ASK: ASK_FIELDS, PERMIT: PERMIT_FIELDS, PROVIDE: PROVIDE_FIELDS}[facts]
    standard = Snapshot(LIST, AGENCIES, LIST.items)
    assert decide(standard, QUESTION, facts, DAY) == replaced(decide(standard, QUESTION, facts, DAY, explain=True))
    for field, values in QUESTION_FIELDS.items():
        for value in values:
            question = replace(QUESTION, **{field: value})
            agree(decide(standard, question, facts, DAY), decide(standard, question, facts, DAY, explain=True))
    for field, values in fields.items():
        for value in values:
            known = replace(facts, **{field: value})
            agree(decide(standard, QUESTION, known, DAY), decide(standard, QUESTION, known, DAY, explain=True))
    for agency in (CITY, TOWN):
        for field, values in AGENCY_FIELDS.items():
            for value in values:
                changed = replace(AGENCIES[agency], **{field: value})
                snapshot = Snapshot(LIST, {**AGENCIES, agency: changed}, LIST.items)
                for day in (DAY, *OTHER_DAYS):
                    fast, full = (decide(snapshot, QUESTION, facts, day, explain=explain) for explain in (False, True))
                    agree(fast, full)


def replaced(explained: Decision) -> Decision:
    return msgspec.structs.replace(explained, verdicts=())


@settings(max_examples=300, deadline=None)
@given(snapshots(), QUESTIONS, DAYS)
def test_what_the_network_permits_an_inquirer_with_a_code_might_ask_and_a_willing_provider_never_denies(
    snapshot: Snapshot, question: Question, day: Any
) -> None:
    if not decide_permit(snapshot, question, PermitFacts(True, True), day).permitted:
        return
    assert decide_ask(snapshot, question, AskFacts(None, True), day).permitted
    willing = ProvideFacts(True, None, LIST.serial, True, False, False)
    assert decide_provide(snapshot, question, willing, day).effect is not Effect.DENY
