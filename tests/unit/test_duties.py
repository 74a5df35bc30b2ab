"""Duties: the table is whole, and what one person may not hold follows from pairs."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.duties import DOING, DUTIES, FORBIDDEN, Duty, conflicts

sets_of_duties = st.frozensets(st.sampled_from(Duty))


def test_every_duty_has_names_and_a_sentence_in_both_languages() -> None:
    assert set(DUTIES) == set(Duty)
    for text in DUTIES.values():
        assert text.name_ja
        assert text.name_en
        assert text.allows_ja.endswith("。")
        assert text.allows_en.endswith(".")


def test_the_japanese_names_are_those_of_the_specification() -> None:
    names = [text.name_ja for text in DUTIES.values()]
    assert names == [
        "照会",
        "提供審査",
        "提供承認",
        "記録閲覧",
        "副本管理",
        "権限管理",
        "システム管理",
        "監査",
        "判定説明",
        "リスト公布",
        "リスト承認",
    ]


@pytest.mark.parametrize("doing", DOING)
def test_who_audits_holds_no_duty_that_does_something(doing: Duty) -> None:
    assert conflicts({Duty.AUDIT, doing})


@pytest.mark.parametrize("handling", [Duty.INQUIRE, Duty.REVIEW, Duty.RELEASE, Duty.MANAGE_DUPLICATES])
def test_who_gives_duties_handles_no_personal_information(handling: Duty) -> None:
    assert conflicts({Duty.MANAGE_STAFF, handling})


@pytest.mark.parametrize("exchanging", [Duty.INQUIRE, Duty.REVIEW, Duty.RELEASE])
def test_who_moves_the_clock_takes_no_part_in_exchanges(exchanging: Duty) -> None:
    assert conflicts({Duty.OPERATE_SYSTEM, exchanging})


def test_who_inquires_does_not_have_it_explained_what_would_be_permitted() -> None:
    assert conflicts({Duty.INQUIRE, Duty.EXPLAIN})


@pytest.mark.parametrize(
    "together",
    [
        {Duty.REVIEW, Duty.RELEASE},
        {Duty.INQUIRE, Duty.REVIEW, Duty.RELEASE, Duty.READ_RECORDS, Duty.MANAGE_DUPLICATES},
        {Duty.MANAGE_STAFF, Duty.OPERATE_SYSTEM, Duty.READ_RECORDS},
        {Duty.AUDIT, Duty.READ_RECORDS, Duty.EXPLAIN},
    ],
)
def test_a_tiny_body_can_still_be_staffed(together: set[Duty]) -> None:
    assert conflicts(together) == ()


def test_no_pair_is_forbidden_twice_and_none_forbids_a_duty_with_itself() -> None:
    pairs = [row.pair for row in FORBIDDEN]
    assert len(pairs) == len(set(pairs))
    assert all(len(pair) == 2 for pair in pairs)
    assert all(row.why_ja and row.why_en for row in FORBIDDEN)


def test_every_duty_can_be_held_alone() -> None:
    assert [duty for duty in Duty if conflicts({duty})] == []


@given(sets_of_duties, sets_of_duties)
def test_more_duties_never_mend_a_conflict(some: frozenset[Duty], more: frozenset[Duty]) -> None:
    assert set(conflicts(some)) <= set(conflicts(some | more))


@given(sets_of_duties)
def test_a_set_conflicts_exactly_when_a_pair_in_it_does(held: frozenset[Duty]) -> None:
    by_pairs = {row for pair in combinations(held, 2) for row in conflicts(pair)}
    assert set(conflicts(held)) == by_pairs
