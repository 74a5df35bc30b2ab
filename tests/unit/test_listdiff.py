"""The difference of two lists: consistent with what both decide, and said in the words of the law."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date
from itertools import product

from hypothesis import given, settings

from authz.grants import Combination, grants
from authz.listdiff import Happened, ListDiff, StretchDiff, compare_lists, compare_revisions
from authz.matchlist import Certainty, MatchList, Row, compile_list
from fixtures.lists import load
from tests.smalllists import DAYS, INFORMATION, KINDS, REVISIONS, TASKS, lists, source_of

LIST = compile_list(load(), 1)
TABLE, ORDINANCE, AMENDED = LIST.source.revisions


def only(diff: ListDiff) -> StretchDiff:
    [stretch] = diff.stretches
    return stretch


def combinations(grants_said: object) -> set[tuple[str, ...]]:
    assert isinstance(grants_said, tuple)
    return {(one.inquirer.code, one.task.code, one.provider.code, one.information.code) for one in grants_said}


def permits(match_list: MatchList, one: tuple[str, ...], day: date) -> bool:
    of = Combination(one[0], TASKS[TASKS.index(one[1])], one[2], INFORMATION[INFORMATION.index(one[3])])
    asking, asked = match_list.close_kinds((of.inquirer,)), match_list.close_kinds((of.provider,))
    return match_list.look_up(asking, of.task, asked, of.information, day).permitted


def stretch_of(diff: ListDiff, day: date) -> StretchDiff | None:
    found = [one for one in diff.stretches if one.since and one.since <= day <= (one.until or date.max)]
    assert len(found) <= 1
    return found[0] if found else None


@settings(max_examples=40)
@given(lists, lists)
def test_what_a_diff_says_of_a_day_is_what_both_lists_decide_on_it(before: MatchList, after: MatchList) -> None:
    diff = compare_lists(before, after)
    every = list(product(KINDS, TASKS, KINDS, INFORMATION))
    for day in DAYS[::2]:
        stretch = stretch_of(diff, day)
        now = combinations(stretch.now_permitted) if stretch else set()
        gone = combinations(stretch.no_longer_permitted) if stretch else set()
        for one in every:
            was, is_ = permits(before, one, day), permits(after, one, day)
            assert (one in now, one in gone) == (is_ and not was, was and not is_), (day, one)


@given(lists, lists)
def test_a_diff_turned_round_says_the_opposite(before: MatchList, after: MatchList) -> None:
    there, back = compare_lists(before, after), compare_lists(after, before)
    opposite = {Happened.ADDED: Happened.REMOVED, Happened.REMOVED: Happened.ADDED, Happened.CHANGED: Happened.CHANGED}
    for one, other in zip(there.stretches, back.stretches, strict=True):
        assert combinations(one.now_permitted) == combinations(other.no_longer_permitted)
        assert (one.permitted_before, one.permitted_after) == (other.permitted_after, other.permitted_before)
        assert [(item.item, opposite[item.happened]) for item in one.items] == [
            (item.item, item.happened) for item in other.items
        ]


@given(lists)
def test_a_list_differs_in_nothing_from_itself(match_list: MatchList) -> None:
    assert not compare_lists(match_list, match_list).differs


def test_grants_are_the_combinations_that_the_list_permits_with_the_row_that_decides() -> None:
    for revision in LIST.source.revisions:
        written_out = grants(LIST, revision)
        for one, row in list(written_out.items())[::97]:
            asking, asked = LIST.close_kinds((one.inquirer,)), LIST.close_kinds((one.provider,))
            found = LIST.look_up(asking, one.task, asked, one.information, revision.in_force_from)
            assert found.permitted
            assert (found.item, found.row) == (row.item, row.row)


# --- the amendment of 2026-06-26 ------------------------------------------------------------------------------------


def test_the_amendment_is_counted_in_items_and_combinations_in_under_two_seconds() -> None:
    begun = time.process_time()
    stretch = only(compare_revisions((LIST, ORDINANCE), (LIST, AMENDED)))
    assert time.process_time() - begun < 2
    assert sum(item.happened is Happened.ADDED for item in stretch.items) == 16
    assert not [item for item in stretch.items if item.happened is Happened.REMOVED]
    assert {item.item for item in stretch.items} >= {"57", "155"}
    gained, lost = len(stretch.now_permitted), len(stretch.no_longer_permitted)
    assert stretch.permitted_after - stretch.permitted_before == gained - lost
    assert 0 < stretch.reworded < lost < gained


def test_what_a_reworded_task_lost_under_its_old_words_it_has_under_its_new_ones() -> None:
    stretch = only(compare_revisions((LIST, ORDINANCE), (LIST, AMENDED)))
    [item] = [item for item in stretch.items if item.item == "57"]
    changed = [row for row in item.rows if row.happened is Happened.CHANGED]
    assert all("task" in row.columns for row in changed)
    words = [(row.before.task.ja, row.after.task.ja) for row in changed if row.before and row.after]
    assert set(words) == {
        (
            "私立学校教職員共済法による短期給付又は年金である給付の支給に関する事務",
            "私立学校教職員共済法による短期給付、年金である給付又は一時金の支給に関する事務",
        )
    }
    lost = {one.information.code for one in stretch.no_longer_permitted if one.ground.startswith("57:")}
    assert lost
    assert lost <= {one.information.code for one in stretch.now_permitted if one.ground.startswith("57:")}


def test_nothing_at_all_was_permitted_before_the_first_table() -> None:
    stretch = only(compare_revisions((LIST, None), (LIST, TABLE)))
    assert (stretch.before, stretch.permitted_before) == (None, 0)
    assert len(stretch.now_permitted) == stretch.permitted_after == len(grants(LIST, TABLE))


# --- one change at a time -------------------------------------------------------------------------------------------

FIRST = Row("late", "1", "1.1", ("CITY",), TASKS[0], ("PREFECTURE",), INFORMATION[0], Certainty.A)
SECOND = replace(FIRST, row="1.2", information=INFORMATION[1])


def between(before: list[Row], after: list[Row]) -> StretchDiff:
    return only(compare_lists(compile_list(source_of(before), 1), compile_list(source_of(after), 2)))


def test_a_row_that_only_moved_inside_its_item_is_no_change() -> None:
    moved = [replace(SECOND, row="1.1"), replace(FIRST, row="1.2")]
    same = compare_lists(compile_list(source_of([FIRST, SECOND]), 1), compile_list(source_of(moved), 2))
    assert not same.differs


def test_a_wider_row_is_one_changed_row_with_its_column_and_what_it_permits_now() -> None:
    stretch = between([FIRST, SECOND], [FIRST, replace(SECOND, providers=("PREFECTURE", "MUNICIPALITY"))])
    [item] = stretch.items
    [row] = item.rows
    assert (item.item, item.happened, row.happened, row.columns) == ("1", "changed", "changed", ("providers",))
    assert combinations(stretch.now_permitted) == {
        ("CITY", TASKS[0], kind, INFORMATION[1]) for kind in ("CITY", "MUNICIPALITY")
    }
    assert stretch.no_longer_permitted == ()


def test_a_surer_row_changes_no_permission_and_is_shown_all_the_same() -> None:
    stretch = between([FIRST], [replace(FIRST, certainty=Certainty.C)])
    assert stretch.items[0].rows[0].columns == ("certainty",)
    assert (stretch.now_permitted, stretch.no_longer_permitted) == ((), ())


def test_a_change_of_a_revision_long_out_of_force_is_shown_on_its_days() -> None:
    old = replace(FIRST, revision="early")
    stretch = between([old, SECOND], [SECOND])
    assert (stretch.since, stretch.until) == (REVISIONS[0].in_force_from, REVISIONS[0].in_force_until)
    assert [(item.item, item.happened) for item in stretch.items] == [("1", "removed")]


def test_a_shifted_day_is_a_stretch_of_its_own() -> None:
    before = source_of([replace(FIRST, revision="gap"), SECOND])
    later = replace(REVISIONS[2], in_force_from=date(2026, 3, 25))
    after = replace(before, revisions=(*REVISIONS[:2], later))
    stretch = only(compare_lists(compile_list(before, 1), compile_list(after, 2)))
    assert (stretch.since, stretch.until) == (date(2026, 3, 20), date(2026, 3, 24))
    assert (stretch.after, stretch.permitted_after) == (None, 0)


def test_a_kind_that_counts_as_another_one_no_longer_is_named_and_so_are_its_consequences() -> None:
    row = replace(FIRST, inquirers=("MUNICIPALITY",))
    before = source_of([row])
    alone = tuple(replace(kind, counts_as="") for kind in before.kinds)
    diff = compare_lists(compile_list(before, 1), compile_list(replace(before, kinds=alone), 2))
    assert [(one.of, one.code) for one in diff.names] == [("kind", "CITY")]
    assert combinations(only(diff).no_longer_permitted) == {("CITY", TASKS[0], "PREFECTURE", INFORMATION[0])}
