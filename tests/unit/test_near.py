"""What is near: every single-field change that would be permitted and no other, nearest first."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from msgspec.structs import replace

from authz.decide import LOCAL_TAX
from authz.explain import Asked, Field, effect_of, judge
from authz.matchlist import Certainty, MatchList, Row, compile_list
from authz.near import Change, near
from authz.questions import AgencyFacts, Effect, OrdinanceTask, Snapshot, Window
from sympho.codes import AgencyCode, ProcedureCode, TaskCode
from tests.smalllists import (
    DAYS,
    INFORMATION,
    KINDS,
    TASKS,
    days,
    item_of,
    lists,
    plainly_permitted,
    questions,
    snapshot_of,
    source_of,
)
from tests.unit import test_decide as country

SNAPSHOT, DAY = country.SNAPSHOT, country.DAY
CITY, TOWN, UNION, JUSTICE = country.CITY, country.TOWN, country.UNION, country.JUSTICE


def of_field(changes: tuple[Change, ...], field: Field) -> list[tuple[str, ...]]:
    return [change.value for change in changes if change.field is field]


def by_brute_force(match_list: MatchList, asked: Asked, day: date) -> set[tuple[Field, str]]:
    """Every value of every field but the day, tried on the rows themselves."""
    tried: list[tuple[Field, str, Asked]]
    tried = [(Field.INFORMATION, one, replace(asked, information=one)) for one in INFORMATION]
    tried += [(Field.TASK, task, replace(asked, task=task)) for task in TASKS]
    tried += [(Field.PROVIDER, kind, replace(asked, provider=kind)) for kind in KINDS]
    tried += [(Field.INQUIRER, kind, replace(asked, inquirer=kind)) for kind in KINDS]
    return {
        (field, value)
        for field, value, changed in tried
        if changed != asked and plainly_permitted(match_list.source, changed, day)
    }


@given(lists, questions, days)
def test_near_is_every_permitted_change_of_one_field_and_nothing_else(
    match_list: MatchList, asked: Asked, day: date
) -> None:
    changes = near(snapshot_of(match_list), asked, day)
    found = {(one.field, one.value[0]) for one in changes if one.field is not Field.DAY}
    permitted = plainly_permitted(match_list.source, asked, day)
    assert found == (set() if permitted else by_brute_force(match_list, asked, day))
    assert len(changes) == len({(one.field, one.value, one.since) for one in changes})


@given(lists, questions, days)
def test_the_days_near_are_exactly_the_times_in_which_the_question_is_permitted(
    match_list: MatchList, asked: Asked, day: date
) -> None:
    if plainly_permitted(match_list.source, asked, day):
        return
    times = [one for one in near(snapshot_of(match_list), asked, day) if one.field is Field.DAY]
    for tried in DAYS:
        within = [one for one in times if one.since and one.since <= tried <= (one.until or date.max)]
        assert len(within) == plainly_permitted(match_list.source, asked, tried), tried
    for one in times:
        nearest = date.fromisoformat(one.value[0])
        assert nearest == (one.since if one.since and one.since > day else one.until)


@given(lists, questions, days)
def test_nearest_is_by_field_then_kinship_then_the_order_of_the_table(
    match_list: MatchList, asked: Asked, day: date
) -> None:
    changes = near(snapshot_of(match_list), asked, day)
    order = list(Field)
    assert [order.index(one.field) for one in changes] == sorted(order.index(one.field) for one in changes)
    distances = [abs((date.fromisoformat(one.value[0]) - day).days) for one in changes if one.field is Field.DAY]
    assert distances == sorted(distances)


def test_a_kind_that_carries_the_kind_asked_about_is_nearer_than_its_group_and_that_than_others() -> None:
    row = Row("late", "1", "1.1", ("CITY",), TASKS[0], ("MINISTER", "PREFECTURE", "CITY"), INFORMATION[0], Certainty.A)
    snapshot = snapshot_of(compile_list(source_of([row]), 1))
    changes = near(snapshot, Asked("CITY", TASKS[0], "MUNICIPALITY", INFORMATION[0]), date(2026, 3, 20))
    assert of_field(changes, Field.PROVIDER) == [("CITY",), ("PREFECTURE",), ("MINISTER",)]


def test_what_is_permitted_or_held_has_nothing_near() -> None:
    asked = Asked(CITY, country.VACCINATING, TOWN, country.VACCINATION)
    assert effect_of(judge(SNAPSHOT, asked, DAY)) is Effect.PERMIT
    assert near(SNAPSHOT, asked, DAY) == ()


def test_items_that_do_not_belong_are_near_without_them() -> None:
    strange = item_of(country.REGISTER)
    asked = Asked(CITY, country.VACCINATING, TOWN, country.VACCINATION, items=(*country.ITEMS[:2], strange))
    assert of_field(near(SNAPSHOT, asked, DAY), Field.ITEMS) == [country.ITEMS[:2]]
    alone = replace(asked, items=(strange,))
    assert of_field(near(SNAPSHOT, alone, DAY), Field.ITEMS) == [()]


def test_missing_consent_is_near_with_consent() -> None:
    asked = Asked(CITY, country.LOCAL_TASK, TOWN, LOCAL_TAX)
    changes = near(SNAPSHOT, asked, DAY)
    assert of_field(changes, Field.CONSENT) == [("true",)]
    assert changes[0].field is Field.CONSENT


def test_an_unknown_procedure_is_near_without_one() -> None:
    asked = Asked(CITY, country.VACCINATING, TOWN, country.VACCINATION, ProcedureCode("JT99999999999999"))
    assert of_field(near(SNAPSHOT, asked, DAY), Field.PROCEDURE)[:1] == [()]


def test_an_agency_is_changed_for_agencies_and_its_own_local_tasks_count() -> None:
    asked = Asked(CITY, country.FUTURE_TASK, TOWN, LOCAL_TAX, consent=True)
    changes = near(SNAPSHOT, asked, DAY)
    assert (country.LOCAL_TASK,) in of_field(changes, Field.TASK)
    [later] = [one for one in changes if one.field is Field.DAY]
    assert later.value == ("2026-11-02",)
    to_justice = replace(asked, task=country.VACCINATING, provider=JUSTICE, information=country.VACCINATION)
    assert of_field(near(SNAPSHOT, to_justice, DAY), Field.PROVIDER) == [(TOWN,)]


def test_a_code_out_of_force_is_near_on_the_last_day_of_each_of_its_windows() -> None:
    windows = (Window(date(2026, 7, 1), date(2026, 7, 31)), Window(date(2026, 9, 1), date(2026, 9, 30)))
    facts = country.agency(TOWN, "MUNICIPALITY", valid=windows)
    snapshot = Snapshot(SNAPSHOT.list, {**SNAPSHOT.agencies, TOWN: facts}, SNAPSHOT.items)
    changes = near(snapshot, Asked(CITY, country.VACCINATING, TOWN, country.VACCINATION), DAY)
    found = [(one.value[0], one.since, one.until) for one in changes if one.field is Field.DAY]
    assert found == [
        ("2026-09-30", date(2026, 9, 1), date(2026, 9, 30)),
        ("2026-07-31", date(2026, 7, 1), date(2026, 7, 31)),
    ]


def test_the_day_an_assessment_is_published_is_the_first_that_would_do() -> None:
    asked = Asked(CITY, country.BENEFITS, TOWN, LOCAL_TAX)
    [first] = [one for one in near(SNAPSHOT, asked, DAY - timedelta(days=1)) if one.field is Field.DAY]
    assert first.value == (DAY.isoformat(),)


def test_changes_to_other_agencies_of_a_big_directory_are_all_named() -> None:
    many = {
        code: AgencyFacts(code, "町", frozenset({"MUNICIPALITY"}), (Window(date(2000, 1, 1)),), country.PUBLISHED)
        for code in (AgencyCode(f"02201{n:011d}") for n in range(300))
    }
    snapshot = Snapshot(SNAPSHOT.list, {**SNAPSHOT.agencies, **many}, SNAPSHOT.items)
    asked = Asked(CITY, country.VACCINATING, JUSTICE, country.VACCINATION)
    assert {one[0] for one in of_field(near(snapshot, asked, DAY), Field.PROVIDER)} >= set(many)


def test_an_ordinance_limit_is_near_as_held_and_not_as_permitted() -> None:
    limiting = country.agency(TOWN, "MUNICIPALITY", ordinance_limit=frozenset({LOCAL_TAX}))
    mirrored = OrdinanceTask(TaskCode("JM99000000000009"), country.BENEFITS, frozenset({LOCAL_TAX}), DAY, DAY)
    asking = country.agency(
        CITY, "MUNICIPALITY", ordinance_tasks={mirrored.task: mirrored}, assessments={mirrored.task: DAY}
    )
    snapshot = Snapshot(SNAPSHOT.list, {CITY: asking, TOWN: limiting}, SNAPSHOT.items)
    [consent] = [
        one for one in near(snapshot, Asked(CITY, mirrored.task, TOWN, LOCAL_TAX), DAY) if one.field is Field.CONSENT
    ]
    assert consent.effect is Effect.REVIEW
