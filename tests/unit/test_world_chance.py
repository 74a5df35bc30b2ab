"""What the invented country is drawn from, and how what is drawn becomes items."""

from __future__ import annotations

from itertools import islice
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.invented import chance
from fixtures.invented import codebook as book
from fixtures.items import NEVER_GIVEN_OUT, items_with
from gateway.exchange.messages import ItemValue, ReasonOfNull


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(1, 700))
def test_the_numbers_drawn_are_those_of_random_for_the_same_words(words: str, count: int) -> None:
    random = Random(words)
    assert list(islice(chance.draws(words), count)) == [random.random() for _ in range(count)]


def test_nothing_is_seeded_before_the_first_number_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    seeded: list[str] = []

    def seed(words: str) -> Random:
        seeded.append(words)
        return Random(words)

    monkeypatch.setattr(chance, "Random", seed)
    draws = islice(chance.draws("1927/8"), 2, None)
    assert seeded == []
    assert [next(draws), next(draws)] == list(islice(chance.draws("1927/8"), 2, 4))
    assert seeded == ["1927/8"] * 2


def test_what_has_no_value_has_the_others_item_or_the_reason_why_there_is_none() -> None:
    codes = {label: code for code, label in book.codebook().items[book.VACCINATION]}
    every = items_with(book.VACCINATION, {"要注意者": "0", "接種回数": "1"})
    one = items_with(book.VACCINATION, {"接種回数": "2"}, every)
    assert list(every) == list(one) == list(codes.values())
    assert (every[codes["接種回数"]], one[codes["接種回数"]]) == (ItemValue("1"), ItemValue("2"))
    assert one[codes["要注意者"]] == ItemValue("0")
    assert one[codes["接種日"]] == ItemValue(reason_of_null=ReasonOfNull.NOT_CONVERTED)
    for label in NEVER_GIVEN_OUT:
        assert one[codes[label]] == ItemValue(reason_of_null=ReasonOfNull.NOT_ACCEPTABLE)


@pytest.mark.parametrize("label", ["課税", *NEVER_GIVEN_OUT])
def test_a_value_for_which_the_layout_has_no_item_is_an_error_and_not_lost(label: str) -> None:
    with pytest.raises(LookupError, match=label):
        items_with(book.VACCINATION, {label: "1"})
