"""The backtest: by the same list every stored decision falls as it did, and another list is noticed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from authz.backtest import Differs, Recipe, Stored, backtest
from authz.decide import AskFacts, Decision, PermitFacts, ProvideFacts, Question, decide_ask, decide_permit
from authz.decide import decide_provide as provide
from authz.matchlist import compile_list
from authz.questions import Effect, Snapshot
from authz.reasons import Reason
from sympho.codes import TaskCode
from tests.unit.test_decide import (
    AGENCIES,
    BENEFIT,
    BENEFITS,
    CITY,
    DAY,
    JUSTICE,
    LIST,
    LOCAL_TASK,
    LOCALLY,
    QUESTION,
    SNAPSHOT,
    SOURCE,
    STRANGER,
    TOWN,
    VACCINATING,
)

TASKS: tuple[frozenset[TaskCode] | None, ...] = (None, frozenset({VACCINATING}))
FACTS: st.SearchStrategy[AskFacts | PermitFacts | ProvideFacts] = st.one_of(
    st.builds(AskFacts, st.sampled_from(TASKS), st.booleans()),
    st.builds(PermitFacts, st.booleans(), st.booleans()),
    st.builds(
        ProvideFacts,
        st.booleans(),
        st.sampled_from((None, Reason.PERMIT_USED)),
        st.sampled_from((LIST.serial - 1, LIST.serial, LIST.serial + 1)),
        st.booleans(),
        st.booleans(),
        st.booleans(),
    ),
)


@st.composite
def questions(draw: st.DrawFn) -> Question:
    question = draw(st.sampled_from((QUESTION, BENEFIT, LOCALLY)))
    return replace(
        question,
        inquirer=draw(st.sampled_from((CITY, STRANGER))),
        provider=draw(st.sampled_from((TOWN, JUSTICE, CITY))),
        task=draw(st.sampled_from((question.task, VACCINATING, BENEFITS, LOCAL_TASK))),
        consent=draw(st.booleans()),
    )


NOON = datetime(2026, 11, 1, 3, tzinfo=UTC)


def decided(question: Question, facts: AskFacts | PermitFacts | ProvideFacts) -> tuple[Recipe, Decision]:
    match facts:
        case AskFacts():
            return Recipe.ASK, decide_ask(SNAPSHOT, question, facts, DAY)
        case PermitFacts():
            return Recipe.PERMIT, decide_permit(SNAPSHOT, question, facts, DAY)
        case ProvideFacts():
            return Recipe.PROVIDE, provide(SNAPSHOT, question, facts, DAY)


def stored(question: Question, facts: AskFacts | PermitFacts | ProvideFacts) -> Stored:
    """What a record says of the decision; whether the person consented is not in it."""
    recipe, decision = decided(question, facts)
    said = replace(question, consent=Reason.CONSENT_MISSING not in decision.reasons)
    rests = decision.serial, decision.digest, decision.ground, decision.reasons
    return Stored("txn", CITY, recipe, said, DAY, *rests, NOON)


@settings(max_examples=300, deadline=None)
@given(questions(), FACTS)
def test_a_stored_decision_falls_as_it_did_by_the_list_that_it_names(
    question: Question, facts: AskFacts | PermitFacts | ProvideFacts
) -> None:
    one = stored(question, facts)
    assert one.effect is decided(question, facts)[1].effect
    assert list(backtest([one], lambda _: SNAPSHOT)) == [None]


def test_a_denial_by_consent_stands_though_the_list_at_hand_was_too_old_to_judge() -> None:
    question = replace(LOCALLY, provider=JUSTICE, consent=False)
    facts = ProvideFacts(True, None, LIST.serial + 1, True, False, False)
    one = stored(question, facts)
    assert one.reasons == (Reason.CONSENT_MISSING,)
    assert list(backtest([one], lambda _: SNAPSHOT)) == [None]


def test_a_list_that_lacks_the_row_is_noticed_with_both_grounds() -> None:
    one = stored(QUESTION, PermitFacts(True, True))
    assert (one.effect, one.ground != "") == (Effect.PERMIT, True)
    rows = tuple(row for row in SOURCE.rows if f"{row.item}:{row.row}" != one.ground)
    without = compile_list(replace(SOURCE, rows=rows), 8)
    [difference] = backtest([one], lambda _: Snapshot(without, AGENCIES, without.items))
    assert difference is not None
    assert difference.now is not None
    assert difference.differs in {Differs.EFFECT, Differs.GROUND}
    assert (difference.stored.ground, difference.stored.serial, difference.now.serial) == (one.ground, LIST.serial, 8)


def test_another_day_is_another_decision() -> None:
    one = stored(QUESTION, PermitFacts(True, True))
    [difference] = backtest([one], lambda _: SNAPSHOT, DAY.replace(year=2010))
    assert difference is not None
    assert difference.now is not None
    assert (difference.differs, difference.now.reasons) == (Differs.EFFECT, (Reason.LIST_DATE,))


def test_a_record_whose_list_is_not_kept_is_told_and_not_passed_over() -> None:
    [difference] = backtest([stored(QUESTION, PermitFacts(True, True))], lambda _: None)
    assert difference is not None
    assert (difference.differs, difference.now) == (Differs.UNJUDGED, None)
