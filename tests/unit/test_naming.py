"""Names become codes: a code or whole name at its word, words of a name where one fits, otherwise what would fit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz import naming
from authz.matchlist import Information, Kind, Task
from authz.naming import Unclear
from sympho.codes import AgencyCode
from tests.unit import test_decide as country

LIST, AGENCIES = country.LIST, country.AGENCIES


@given(st.sampled_from(LIST.source.tasks))
def test_a_task_is_found_by_its_code_and_by_its_designation(one: Task) -> None:
    assert naming.task(one.task, LIST) == naming.task(one.designation, LIST) == one.task


@given(st.sampled_from(LIST.source.information))
def test_information_is_found_by_its_code_and_by_its_label(one: Information) -> None:
    assert naming.information(one.information, LIST) == naming.information(one.label, LIST) == one.information


@given(st.sampled_from(LIST.source.kinds))
def test_a_kind_is_found_by_its_word_and_by_both_names(one: Kind) -> None:
    assert {naming.party(text, LIST, AGENCIES) for text in (one.kind, one.ja, one.en)} == {one.kind}


def test_a_kind_is_found_without_the_note_in_parentheses() -> None:
    assert naming.party("市町村", LIST, AGENCIES) == "MUNICIPALITY"


def test_an_agency_is_found_by_its_code_and_its_name_in_either_width() -> None:
    name = AGENCIES[country.CITY].name
    assert naming.party(country.CITY, LIST, AGENCIES) == country.CITY
    assert naming.party(name, LIST, AGENCIES) == country.CITY
    assert naming.party(name.translate({ord("1"): "１"}), LIST, AGENCIES) == country.CITY
    assert isinstance(naming.party(name, LIST, AGENCIES), AgencyCode)


def test_a_whole_name_wins_over_longer_names_that_hold_it() -> None:
    assert naming.information("地方税関係情報", LIST) == "TM00000000000002"


def test_every_word_must_stand_in_the_name() -> None:
    task = naming.task("新型インフルエンザ 予防接種の実施", LIST)
    assert LIST.tasks[task].designation == "新型インフルエンザ等対策特別措置法による予防接種の実施に関する事務"


def test_words_that_fit_several_names_are_said_back_with_them() -> None:
    with pytest.raises(Unclear) as unclear:
        naming.task("予防接種", LIST)
    assert unclear.value.fitting == sum("予防接種" in one.designation for one in LIST.source.tasks)
    assert all("予防接種" in candidate for candidate in unclear.value.candidates)
    assert unclear.value.field == "task"


@pytest.mark.parametrize("text", ["", " ", "そんな事務はない", "JM1", "JM9999999999999x"])
def test_what_fits_nothing_is_unclear_and_never_repeated(text: str) -> None:
    with pytest.raises(Unclear) as unclear:
        naming.task(text, LIST)
    assert unclear.value.fitting == 0
    assert not text.strip() or text not in str(unclear.value)


def test_items_are_those_of_the_information_by_code_or_label() -> None:
    first = next(item for item in LIST.source.items if item.information == country.VACCINATION)
    found = naming.items((first.item, first.label), LIST, country.VACCINATION)
    assert found == (first.item, first.item)
    with pytest.raises(Unclear) as unclear:
        naming.items((first.label, "無い項目"), LIST, country.VACCINATION)
    assert unclear.value.field == "items[1]"


def test_a_procedure_is_found_by_its_code_and_by_words_of_its_label() -> None:
    procedure = next(iter(LIST.procedures.known.values()))
    assert naming.procedure(procedure.procedure, LIST) == procedure.procedure
    alike = [one for one in LIST.procedures.known.values() if one.label == procedure.label]
    if len(alike) == 1:
        assert naming.procedure(procedure.label, LIST) == procedure.procedure
