"""The agencies' matrix and what a body may ask: the rows of the table, none forgotten and none made up."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given

from authz.enumeration import Narrowed, enumeration
from authz.explain import Asked
from authz.grants import grants, grants_of
from authz.matchlist import MatchList
from authz.matrix import Side, matrix
from authz.questions import Snapshot
from tests.smalllists import INFORMATION, KINDS, TASKS, days, lists, plainly_permitted, snapshot_of
from tests.unit import test_decide as country

SNAPSHOT, DAY, LIST = country.SNAPSHOT, country.DAY, country.LIST


@given(lists, days)
def test_a_cell_has_a_ground_exactly_where_somebody_of_the_kind_may_ask_somebody(
    match_list: MatchList, day: date
) -> None:
    made = matrix(match_list, day, Side.INQUIRER)
    found = {(cell.kind, cell.information) for cell in made.cells}
    assert found == {
        (asking, information)
        for asking in KINDS
        for information in INFORMATION
        if any(
            plainly_permitted(match_list.source, Asked(asking, task, asked, information), day)
            for task in TASKS
            for asked in KINDS
        )
    }
    assert all(cell.rows for cell in made.cells)


@given(lists, days)
def test_both_sides_of_the_matrix_stand_on_the_same_rows(match_list: MatchList, day: date) -> None:
    asking, asked = (matrix(match_list, day, side) for side in Side)
    assert {n for cell in asking.cells for n in cell.rows} == {n for cell in asked.cells for n in cell.rows}
    assert asking.rows == asked.rows


def test_the_matrix_of_a_day_without_a_list_is_empty() -> None:
    made = matrix(LIST, date(2016, 8, 1), Side.INQUIRER)
    assert (made.cells, made.rows, made.list.revision) == ((), (), None)


@pytest.mark.parametrize("kind", ["MUNICIPALITY", "DESIGNATED_CITY", "MINISTER_HEALTH", "WIDE_AREA_UNION"])
def test_what_a_kind_may_ask_is_every_row_of_its_combinations(kind: str) -> None:
    told = enumeration(SNAPSHOT, kind, DAY, Narrowed())
    revision = LIST.revision_on(DAY)
    assert revision is not None
    expected = {f"{row.item}:{row.row}" for one, row in grants(LIST, revision).items() if one.inquirer == kind}
    assert expected <= {f"{row.item}:{row.row}" for row in told.rows}
    combined = grants_of(LIST, revision, LIST.close_kinds((kind,)))
    assert bool(told.rows) == bool(combined) == bool(expected)
    assert {(one.task, one.provider, one.information) for one in combined} == {
        (one.task, one.provider, one.information) for one in grants(LIST, revision) if one.inquirer == kind
    }


def test_an_agency_is_told_its_local_tasks_and_the_tasks_that_it_has_not_assessed() -> None:
    told = enumeration(SNAPSHOT, country.CITY, DAY, Narrowed())
    assert {one.task.code for one in told.local_tasks} == {
        country.LOCAL_TASK, country.UNPUBLISHED_TASK, country.FUTURE_TASK,
    }  # fmt: skip
    unassessed = {one.code for one in told.unassessed}
    assert country.VACCINATING not in unassessed
    assert unassessed == {row.task.code for row in told.rows} - {country.VACCINATING, country.BENEFITS}


def test_rows_are_narrowed_by_task_provider_and_information() -> None:
    narrowed = Narrowed(country.VACCINATING, "MUNICIPALITY", country.VACCINATION)
    told = enumeration(SNAPSHOT, country.CITY, DAY, narrowed)
    assert [f"{row.item}:{row.row}" for row in told.rows] == ["25:1.1"]
    assert enumeration(SNAPSHOT, country.CITY, DAY, Narrowed(provider=country.STRANGER)).rows == ()


def test_a_union_asks_as_a_municipality_for_the_work_moved_to_it_alone() -> None:
    moved = country.agency(country.UNION, "WIDE_AREA_UNION", delegated_tasks=frozenset({country.VACCINATING}))
    snapshot = Snapshot(LIST, {country.UNION: moved}, LIST.items)
    told = enumeration(snapshot, country.UNION, DAY, Narrowed())
    assert {row.task.code for row in told.rows} == {country.VACCINATING}


@given(lists, days)
def test_the_rows_of_a_kind_are_those_that_name_it_or_a_wider_one(match_list: MatchList, day: date) -> None:
    told = enumeration(snapshot_of(match_list), "CITY", day, Narrowed())
    revision = match_list.revision_on(day)
    named = [
        row
        for row in match_list.source.rows
        if revision and row.revision == revision.revision and {"CITY", "MUNICIPALITY"} & set(row.inquirers)
    ]
    assert [(row.item, row.row) for row in told.rows] == [(row.item, row.row) for row in named]
