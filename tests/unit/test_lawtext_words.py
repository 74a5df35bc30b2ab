"""The words of law text: names, what is set aside of them, lists of names, numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.lawtext import phrases
from authz.lawtext.numerals import item_number, kanji, number
from authz.lawtext.phrases import Names
from fixtures.lists import load

SOURCE = load()
NAMES = Names.of(SOURCE)


@pytest.mark.parametrize(
    ("text", "codes", "aside"),
    [
        ("地方税関係情報", ["TM00000000000002"], 0),
        (
            "地方税関係情報、住民票関係情報又は戸籍関係情報",
            ["TM00000000000002", "TM00000000000001", "TM00000000000108"],
            0,
        ),
        ("地方税関係情報若しくは住民票関係情報", ["TM00000000000002", "TM00000000000001"], 0),
        ("月に関する情報（以下「地方税関係情報」という。）", ["TM00000000000002"], 1),
        ("月に関する情報（以下この表において「地方税関係情報」という。）", ["TM00000000000002"], 1),
        (
            "地方税関係情報（月法（昭和二十五年法律第二百二十六号）による情報をいう。以下同じ。）",
            ["TM00000000000002"],
            2,
        ),
        ("月に関する情報", None, 0),
        ("地方税関係情報（月に限る。）", None, 0),
        ("地方税関係情報又は", None, 0),
        ("又は地方税関係情報", None, 0),
        ("", None, 0),
    ],
)
def test_information_is_taken_apart_at_its_conjunctions_and_definitions_are_set_aside(
    text: str, codes: list[str] | None, aside: int
) -> None:
    read_as = phrases.information(text, NAMES)
    assert (None if read_as is None else list(read_as.meanings)) == codes
    assert read_as is None or len(read_as.aside) == aside


def test_what_can_be_taken_apart_in_two_ways_is_not_taken_apart() -> None:
    labels = {"甲": "TM1", "甲又は乙": "TM2", "乙又は丙": "TM3", "丙": "TM4"}
    names = replace(NAMES, information={label: next(iter(NAMES.information.values())) for label in labels})
    assert phrases.information("甲又は乙又は丙", names) is None
    assert phrases.information("甲又は乙", names) is not None


def test_a_name_that_means_two_things_means_nothing() -> None:
    task = replace(SOURCE.tasks[0], task=SOURCE.tasks[1].task)
    names = Names.of(replace(SOURCE, tasks=(*SOURCE.tasks, task)))
    assert phrases.task(task.designation, names) is None


@given(st.integers(1, 9999))
def test_a_number_in_kanji_is_read_back(value: int) -> None:
    assert number(kanji(value)) == value
    assert number(str(value)) == value
    assert item_number(f"第{kanji(value)}の二項") == f"{value}-2"


@pytest.mark.parametrize(
    "text", ["", "〇", "十十", "百千", "二二十", "十の", "万", "一の", "の一", "12345", "一二三四五"]
)
def test_what_is_no_number_is_none(text: str) -> None:
    assert item_number(text) is None
