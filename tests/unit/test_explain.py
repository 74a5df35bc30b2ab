"""The explanation: the same effect as the fast decision whatever is asked, and all that a reviewer must see."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from authz.decide import ASK, LOCAL_TAX, PERMIT, PROVIDE
from authz.explain import Asked, Assumption, Field, Level, effect_of, explain, judge, stops_at
from authz.explained import explanation
from authz.explainwords import ASSUMPTIONS, CERTAINTIES, CHECKS, EFFECTS, FIELDS, LEVELS, RECIPES
from authz.listsource import Certainty
from authz.matchlist import MatchList, Miss
from authz.questions import Effect
from authz.reasons import HOLDS, Reason
from sympho.codes import AgencyCode, ItemCode
from tests.smalllists import days, lists, plainly_permitted, questions, snapshot_of
from tests.unit import test_decide as country

SNAPSHOT, DAY, LIST = country.SNAPSHOT, country.DAY, country.LIST
CITY, TOWN, UNION, JUSTICE, STRANGER = (
    country.CITY,
    country.TOWN,
    country.UNION,
    country.JUSTICE,
    country.STRANGER,
)
VACCINATED = Asked(CITY, country.VACCINATING, TOWN, country.VACCINATION)
BY_KIND = replace(VACCINATED, inquirer="MUNICIPALITY", provider="MUNICIPALITY")

OF_MISS = {
    Miss.DATE: Field.DAY,
    Miss.INQUIRER_KIND: Field.INQUIRER,
    Miss.TASK: Field.TASK,
    Miss.PROVIDER_KIND: Field.PROVIDER,
    Miss.INFORMATION: Field.INFORMATION,
}


# --- one effect, fast and explained -------------------------------------------------------------------------------

parties = st.sampled_from(["MUNICIPALITY", "MINISTER_JUSTICE", "WIDE_AREA_UNION", CITY, TOWN, UNION, JUSTICE, STRANGER])
anything = st.builds(
    Asked,
    inquirer=parties,
    task=st.sampled_from([country.VACCINATING, country.BENEFITS, country.LOCAL_TASK, country.FUTURE_TASK]),
    provider=parties,
    information=st.sampled_from([country.VACCINATION, LOCAL_TAX, country.REGISTER, country.FAMILY]),
    procedure=st.sampled_from([None, *list(LIST.procedures.known)[:3]]),
    items=st.sampled_from([(), country.ITEMS[:2], (ItemCode("TK00000100000010"),), (country.ITEMS[0],) * 2]),
    consent=st.booleans(),
)


@given(anything, st.dates(date(2016, 7, 1), date(2027, 1, 1)))
def test_fast_and_explained_come_to_the_same_effect_for_whatever_is_asked(asked: Asked, day: date) -> None:
    fast, explained = judge(SNAPSHOT, asked, day), judge(SNAPSHOT, asked, day, explain=True)
    assert [one.effect for one in fast] == [one.effect for one in explained]
    for quick, whole in zip(fast, explained, strict=True):
        assert (
            quick.reasons[:1]
            == tuple(one for one in whole.reasons if one not in HOLDS or whole.effect is not Effect.DENY)[:1]
        )
        assert (quick.revision, quick.serial, quick.digest) == (whole.revision, whole.serial, whole.digest)
    assert explain(SNAPSHOT, asked, day).effect is effect_of(fast)


def neighbours(match_list: MatchList) -> Iterator[tuple[Asked, date]]:
    """Every row under its first kinds, and a thinned walk around each in every field."""
    kinds, tasks, information = list(match_list.kinds), list(match_list.tasks), list(match_list.information)
    revisions = {one.revision: one for one in match_list.source.revisions}
    for n, row in enumerate(match_list.source.rows):
        day = revisions[row.revision].in_force_from
        asked = Asked(row.inquirers[0], row.task, row.providers[0], row.information)
        yield asked, day
        yield asked, day - timedelta(days=1)
        yield replace(asked, inquirer=kinds[n % len(kinds)]), day
        yield replace(asked, task=tasks[n % len(tasks)]), day
        yield replace(asked, provider=kinds[n % len(kinds)]), day
        yield replace(asked, information=information[n % len(information)]), day


def test_fast_and_explained_agree_at_every_row_and_around_it() -> None:
    tried = permitted = 0
    for asked, day in neighbours(LIST):
        [fast], [whole] = judge(SNAPSHOT, asked, day), judge(SNAPSHOT, asked, day, explain=True)
        assert (fast.effect, fast.reasons, fast.ground) == (whole.effect, whole.reasons, whole.ground), (asked, day)
        tried += 1
        permitted += fast.permitted
    assert tried == 6 * len(LIST.source.rows)
    assert permitted > len(LIST.source.rows)


@given(lists, questions, days)
def test_a_kind_is_judged_by_the_list_alone(match_list: MatchList, asked: Asked, day: date) -> None:
    explained = explain(snapshot_of(match_list), asked, day)
    assert (explained.effect is Effect.PERMIT) == plainly_permitted(match_list.source, asked, day)
    kinds = [match_list.close_kinds((str(party),)) for party in (asked.inquirer, asked.provider)]
    found = match_list.look_up(kinds[0], asked.task, kinds[1], asked.information, day)
    assert explained.stops_at == (None if found.miss is None else OF_MISS[found.miss])


# --- borders in time ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last_day", "before", "after"),
    [
        (date(2016, 8, 1), "", "beppyo2-2016-08-02"),
        (date(2024, 5, 26), "beppyo2-2016-08-02", "teikyo-2026-02-02"),
        (date(2026, 6, 25), "teikyo-2026-02-02", "teikyo-2026-06-26"),
    ],
)
def test_a_revision_ends_with_its_last_day_and_the_next_begins_the_day_after(
    last_day: date, before: str, after: str
) -> None:
    read = [explanation(SNAPSHOT, BY_KIND, day).list for day in (last_day, last_day + timedelta(days=1))]
    assert [one.revision or "" for one in read] == [before, after]
    if before:
        assert read[0].in_force_until == last_day
    assert read[1].in_force_from == last_day + timedelta(days=1)


def test_an_item_of_the_old_table_grounds_the_old_day_and_its_successor_the_new_one() -> None:
    old, new = (explanation(SNAPSHOT, BY_KIND, day).statute for day in (date(2024, 5, 26), date(2024, 5, 27)))
    assert old is not None
    assert new is not None
    assert [(one.item, one.row, one.revision) for one in (old, new)] == [
        ("16-2", "1.1", "beppyo2-2016-08-02"),
        ("25", "1.1", "teikyo-2026-02-02"),
    ]
    assert old.task.ja == new.task.ja == "予防接種法による予防接種の実施に関する事務"


# --- what is said ---------------------------------------------------------------------------------------------------


def test_every_check_of_every_recipe_is_in_the_explanation_with_its_verdict() -> None:
    said = explanation(SNAPSHOT, VACCINATED, DAY)
    expected = [(recipe[0], check.__name__) for recipe in (ASK, PERMIT, PROVIDE) for check in recipe[1]]
    assert [(one.recipe, one.check) for one in said.checks] == expected
    assert all(one.passed for one in said.checks)
    assert (said.effect, said.level, said.coarse) == (Effect.PERMIT, Level.AGENCIES, "none")
    assert said.near == ()


def test_a_denial_names_what_each_party_would_say_and_the_counterpart_learns_the_coarse_reason_alone() -> None:
    said = explanation(SNAPSHOT, replace(VACCINATED, information=LOCAL_TAX), DAY)
    assert (said.effect, said.coarse) == (Effect.DENY, "not-permitted")
    assert [one.word for one in said.reasons] == ["list-information"]
    failed = [(one.recipe, one.check) for one in said.checks if one.passed is False]
    assert failed == [("ask", "list_of_the_inquirer"), ("permit", "match_list"), ("provide", "list_of_the_provider")]
    assert said.stops_at is not None
    assert said.stops_at.word == "information"
    assert said.near


def test_what_is_taken_for_granted_is_said_and_its_checks_are_marked() -> None:
    of_agencies, of_kinds = explanation(SNAPSHOT, VACCINATED, DAY), explanation(SNAPSHOT, BY_KIND, DAY)
    assert {one.check for one in of_agencies.checks if one.assumed} == {
        "own_code", "codes_known", "task_allowed", "permit_holds", "in_validity", "flags",
    }  # fmt: skip
    assert {one.word for one in of_agencies.assumed} >= {"codes-held", "office-allowed", "permit-valid", "no-flags"}
    assert {one.check for one in of_kinds.checks if not one.assumed} == {"well_formed", "match_list"}
    assert Assumption.MODEL in explain(SNAPSHOT, BY_KIND, DAY).assumed


def test_an_agency_facing_a_kind_is_judged_by_its_own_facts() -> None:
    unassessed = replace(VACCINATED, provider="MUNICIPALITY", task=country.BENEFITS, information=LOCAL_TAX)
    said = explanation(SNAPSHOT, unassessed, DAY - timedelta(days=1))
    assert [one.word for one in said.reasons] == ["assessment-inquirer-later"]
    assert said.level is Level.LIST
    assert Assumption.DIRECTORY in explain(SNAPSHOT, unassessed, DAY).assumed


def test_a_stranger_is_unknown_to_the_network_though_the_inquirer_cannot_tell() -> None:
    ask, permit, _ = judge(SNAPSHOT, replace(VACCINATED, provider=STRANGER), DAY)
    assert (ask.effect, permit.reasons) == (Effect.PERMIT, (Reason.PROVIDER_UNKNOWN,))
    assert explain(SNAPSHOT, replace(VACCINATED, provider=STRANGER), DAY).stops_at is Field.PROVIDER


def test_a_wide_area_union_by_kind_is_no_municipality_and_the_answer_says_so() -> None:
    explained = explain(SNAPSHOT, replace(BY_KIND, inquirer="WIDE_AREA_UNION"), DAY)
    assert (explained.effect, explained.stops_at) == (Effect.DENY, Field.INQUIRER)
    assert Assumption.UNION in explained.assumed


def test_a_revision_known_for_another_day_and_limits_in_words_are_pointed_out() -> None:
    floor = explain(SNAPSHOT, BY_KIND, date(2020, 1, 1)).assumed
    assert Assumption.FLOOR in floor
    assert Assumption.FLOOR not in explain(SNAPSHOT, BY_KIND, date(2026, 7, 1)).assumed
    limited = next(task.task for task in LIST.source.tasks if "に限る" in task.designation)
    assert Assumption.SCOPE in explain(SNAPSHOT, replace(BY_KIND, task=limited), DAY).assumed
    assert Assumption.SCOPE not in floor


def test_a_named_procedure_is_said_with_what_it_did() -> None:
    procedure = next(iter(LIST.procedures.carried("teikyo-2026-06-26").values()))
    row = LIST.procedures.rows_of("teikyo-2026-06-26", procedure.item)
    first = next(iter(row))
    asked = Asked(first.inquirers[0], first.task, first.providers[0], first.information, procedure.procedure)
    said = explanation(SNAPSHOT, asked, DAY).procedure
    assert said is not None
    assert (said.procedure, said.label) == (procedure.procedure, procedure.label)
    assert said.narrowing in {"lines", "unmapped"}
    assert explanation(SNAPSHOT, BY_KIND, DAY).procedure is None


# --- words ----------------------------------------------------------------------------------------------------------


def test_everything_that_an_explanation_says_has_words_in_both_languages() -> None:
    judged = {one.check for asked in (VACCINATED, BY_KIND) for one in explanation(SNAPSHOT, asked, DAY).checks}
    procedure = next(iter(LIST.procedures.known))
    judged |= {one.check for one in explanation(SNAPSHOT, replace(BY_KIND, procedure=procedure), DAY).checks}
    assert judged <= set(CHECKS)
    for table, words in (
        (EFFECTS, Effect),
        (LEVELS, Level),
        (FIELDS, Field),
        (ASSUMPTIONS, Assumption),
        (CERTAINTIES, Certainty),
    ):
        assert set(table) == set(words)
    assert set(RECIPES) == {"ask", "permit", "provide"}


def test_every_reason_of_the_list_and_the_form_names_a_field_and_no_hold_does() -> None:
    named = {reason for reason in Reason if stops_at((reason,)) is not None}
    assert named >= {reason for reason in Reason if reason.startswith(("list-", "malformed-", "procedure-"))} - HOLDS
    assert named.isdisjoint(HOLDS)


def test_no_model_body_has_the_code_of_an_agency() -> None:
    assert AgencyCode("0" * 15 + "1") not in SNAPSHOT.agencies
    said = explanation(SNAPSHOT, BY_KIND, DAY)
    assert said.question.inquirer.code == "MUNICIPALITY"
