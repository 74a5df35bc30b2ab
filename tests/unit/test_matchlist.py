"""The project's list: its data, its days in force, the closing of kinds, and what the seed document's items permit."""

from __future__ import annotations

import time
from collections import Counter
from datetime import date

import pytest

from authz.matchlist import Answer, Certainty, MatchList, Origin, compile_list
from fixtures.lists import load
from sympho.codes import InformationCode, TaskCode

SOURCE = load()
LIST = compile_list(SOURCE, 1)

LAST_OF_TABLE = date(2024, 5, 26)
FIRST_OF_ORDINANCE = date(2024, 5, 27)
LAST_BEFORE_AMENDMENT = date(2026, 6, 25)
FIRST_OF_AMENDMENT = date(2026, 6, 26)

VACCINATION = "予防接種法による予防接種の実施に関する情報"
INFLUENZA = "新型インフルエンザ等対策特別措置法による予防接種の実施に関する情報"
EITHER = "予防接種法又は新型インフルエンザ等対策特別措置法による予防接種の実施に関する情報"
BENEFITS = "医療保険各法その他の法令による医療に関する給付の支給に関する情報"
ALLOWANCES = "特別児童扶養手当等の支給に関する法律その他の法令による障害を有する者に対する手当の支給に関する情報"
VACCINATING = "予防接種法による予防接種の実施に関する事務"
VACCINATING_AGAINST_INFLUENZA = "新型インフルエンザ等対策特別措置法による予防接種の実施に関する事務"
FOR_ILLNESS = "予防接種法による給付（同法第十五条第一項の疾病に係るものに限る。）の支給に関する事務"
FOR_BENEFITS = "予防接種法による給付の支給又は実費の徴収に関する事務"
FOR_DISABILITY = "予防接種法による給付（同法第十五条第一項の障害に係るものに限る。）の支給に関する事務"


def task_called(designation: str) -> TaskCode:
    return next(task.task for task in SOURCE.tasks if task.designation == designation)


def information_called(label: str) -> InformationCode:
    return next(information.information for information in SOURCE.information if information.label == label)


def ask(asking: str, designation: str, asked: str, label: str, day: date, of: MatchList = LIST) -> Answer:
    asking_kinds, asked_kinds = frozenset({asking}), frozenset({asked})
    return of.look_up(asking_kinds, task_called(designation), asked_kinds, information_called(label), day)


def test_every_revision_has_as_many_rows_as_its_table() -> None:
    assert Counter(row.revision for row in SOURCE.rows) == {
        "beppyo2-2016-08-02": 384 + 5,
        "teikyo-2026-02-02": 651,
        "teikyo-2026-06-26": 761,
    }


def test_reconstructed_rows_stand_among_the_rows_of_the_old_table_and_are_sure_to_b_at_most() -> None:
    rebuilt = [
        r for r in SOURCE.rows if r.revision.startswith("beppyo2") and r.item in {"16-2", "16-3", "115-2", "121"}
    ]
    assert [(r.item, r.row, r.certainty) for r in rebuilt] == [
        ("16-2", "1.1", Certainty.B),
        ("16-3", "1.1", Certainty.B),
        ("115-2", "1.1", Certainty.B),
        ("121", "1.1", Certainty.C),
        ("121", "1.2", Certainty.C),
    ]


def test_the_data_is_the_data_that_was_compared_with_the_tables() -> None:
    assert LIST.digest == "691bf0b7be8484982312c2a0d143aedec251d1cb87d8c006f3252ea0a44417ca"


def test_loading_and_compiling_takes_well_under_a_third_of_a_second() -> None:
    fastest = min(_seconds_to_compile() for _ in range(3))
    assert fastest < 0.3


def _seconds_to_compile() -> float:
    start = time.process_time()
    compile_list(load(), 1)
    return time.process_time() - start


@pytest.mark.parametrize(
    ("day", "revision"),
    [
        (date(2016, 8, 1), None),
        (date(2016, 8, 2), "beppyo2-2016-08-02"),
        (LAST_OF_TABLE, "beppyo2-2016-08-02"),
        (FIRST_OF_ORDINANCE, "teikyo-2026-02-02"),
        (LAST_BEFORE_AMENDMENT, "teikyo-2026-02-02"),
        (FIRST_OF_AMENDMENT, "teikyo-2026-06-26"),
        (date(2999, 1, 1), "teikyo-2026-06-26"),
    ],
)
def test_exactly_one_revision_is_in_force_on_each_day_from_the_first_known_one(day: date, revision: str | None) -> None:
    found = LIST.revision_on(day)
    assert (found.revision if found else None) == revision


def test_a_revision_whose_rows_are_known_for_one_day_only_is_marked_as_a_floor() -> None:
    assert [(r.in_force_from, r.text_as_of, r.floor) for r in LIST.source.revisions] == [
        (date(2016, 8, 2), date(2016, 8, 2), True),
        (date(2024, 5, 27), date(2026, 2, 2), True),
        (date(2026, 6, 26), date(2026, 6, 26), False),
    ]


@pytest.mark.parametrize(
    ("asking", "designation", "asked", "label", "before", "after"),
    [
        ("MUNICIPALITY", VACCINATING, "MUNICIPALITY", VACCINATION, "16-2:1.1", "25:1.1"),
        ("MUNICIPALITY", VACCINATING, "PREFECTURE", VACCINATION, "16-2:1.1", "25:1.1"),
        ("PREFECTURE", VACCINATING, "MUNICIPALITY", VACCINATION, "16-3:1.1", "26:1.1"),
        ("MUNICIPALITY", FOR_ILLNESS, "HEALTH_INSURANCE_SOCIETY", BENEFITS, "17:1.1", "27:1.1"),
        ("MUNICIPALITY", FOR_BENEFITS, "MUNICIPALITY", "地方税関係情報", "18:1.1", "28:2.1"),
        ("MUNICIPALITY", FOR_BENEFITS, "MUNICIPALITY", "住民票関係情報", "18:1.2", "28:2.2"),
        ("MUNICIPALITY", FOR_DISABILITY, "PREFECTURE", ALLOWANCES, "19:1.1", "29:1.1"),
    ],
)
def test_an_item_that_the_seed_document_cites_has_its_successor_from_the_first_day_of_the_ordinance(
    asking: str, designation: str, asked: str, label: str, before: str, after: str
) -> None:
    days = (LAST_OF_TABLE, FIRST_OF_ORDINANCE, LAST_BEFORE_AMENDMENT, FIRST_OF_AMENDMENT)
    found = [ask(asking, designation, asked, label, day) for day in days]
    assert [f.miss or f.text for f in found] == [before, after, after, after]


def test_item_115_2_gives_way_to_item_153_with_its_own_information() -> None:
    task, kinds = VACCINATING_AGAINST_INFLUENZA, ("MUNICIPALITY", "PREFECTURE")
    for asking in kinds:
        for asked in kinds:
            found = ask(asking, task, asked, VACCINATION, LAST_OF_TABLE)
            assert found.permitted
            assert found.text == "115-2:1.1"
    rows = [r for r in SOURCE.rows if r.item == "153" and r.task == task_called(task)]
    assert rows
    for row in rows:
        day = FIRST_OF_ORDINANCE if row.revision == "teikyo-2026-02-02" else FIRST_OF_AMENDMENT
        found = LIST.look_up(frozenset(row.inquirers), row.task, frozenset(row.providers), row.information, day)
        assert found.permitted
        assert (found.item, found.row) == (row.item, row.row)


def test_the_thirty_vaccination_items_follow_the_seed_document_under_each_vaccination_information() -> None:
    for label in (VACCINATION, INFLUENZA, EITHER):
        code = information_called(label)
        items = [item for item in LIST.source.items if item.information == code]
        assert len(items) == 30
        assert [item.item for item in items] == [f"TK{code[2]}{code[-5:]}{n * 10:08d}" for n in range(1, 31)]
        assert items[0].label == "宛名番号"
        assert [(i.label, i.origin) for i in items[12:14]] == [
            ("担当医師", Origin.OURS),
            ("担当医師（２）", Origin.RELABELLED),
        ]
        assert items[29].label == "判定結果（風しん抗体検査）"


def test_labels_and_designations_name_one_thing_each() -> None:
    assert len({task.designation for task in SOURCE.tasks}) == len(SOURCE.tasks)
    assert len({information.label for information in SOURCE.information}) == len(SOURCE.information)
    assert len({(item.information, item.label) for item in SOURCE.items}) == len(SOURCE.items)


def test_minted_codes_stand_in_a_range_of_our_own_and_official_ones_outside() -> None:
    assert all((task.task[2] == "9") == (task.origin is Origin.OURS) for task in SOURCE.tasks)
    assert all(kind.information.is_ours == (kind.origin is Origin.OURS) for kind in SOURCE.information)
    assert [t.designation for t in SOURCE.tasks if t.origin is Origin.OFFICIAL] == ["特定公的給付の支給に関する事務"]
    assert information_called("地方税関係情報") == "TM00000000000002"


def test_a_finer_kind_carries_the_wider_one_and_a_wide_area_union_does_not() -> None:
    assert LIST.close_kinds({"HEALTH_CENTER_CITY"}) == {"HEALTH_CENTER_CITY", "MUNICIPALITY"}
    assert LIST.close_kinds({"PREFECTURE"}) == {"PREFECTURE"}
    assert LIST.close_kinds({"WIDE_AREA_UNION"}) == {"WIDE_AREA_UNION"}
    assert LIST.close_kinds(LIST.close_kinds({"A_BOMB_CITY"})) == {"A_BOMB_CITY", "MUNICIPALITY"}


def test_an_index_refuses_a_serial_below_one() -> None:
    with pytest.raises(ValueError, match="serial"):
        compile_list(SOURCE, 0)


@pytest.mark.parametrize("name", ["serial", "digest", "tasks", "items", "_newest_first"])
def test_no_part_of_a_compiled_list_can_be_replaced(name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(LIST, name, None)
    assert not hasattr(LIST.tasks, "__setitem__")
