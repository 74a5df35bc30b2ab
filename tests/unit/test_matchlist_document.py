"""The list as a document: canonical bytes, back again, and every fault named at once."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.matchlist import (
    BadList,
    Certainty,
    Fault,
    Information,
    Item,
    Kind,
    ListSource,
    Origin,
    Party,
    Procedure,
    Revision,
    Row,
    Task,
    canonical,
    compile_list,
    digest,
    parse,
)
from fixtures.lists import load
from sympho.codes import InformationCode, ItemCode, ProcedureCode, TaskCode

TAX = InformationCode("TM00000000000002")
TASK = TaskCode("JM90000000000001")

SMALL = ListSource(
    kinds=(
        Kind("CITY", "市", "City", "LOCAL", ("02201",), "TOWN"),
        Kind("TOWN", "町", "Town", "LOCAL", ("02201", "02202"), ""),
    ),
    tasks=(Task(TASK, "試験の事務", Origin.OURS),),
    information=(Information(TAX, "地方税関係情報", Origin.OFFICIAL),),
    items=(Item(TAX, ItemCode("TK00000200000010"), "課税年度", Origin.OURS),),
    revisions=(
        Revision("first", "別表第二", date(2016, 8, 2), date(2024, 5, 26), date(2016, 8, 2), True),
        Revision("second", "提供命令", date(2024, 5, 27), None, date(2026, 6, 26), False),
    ),
    rows=(
        Row("first", "16-2", "1.1", ("TOWN",), TASK, ("CITY", "TOWN"), TAX, Certainty.A),
        Row("first", "17", "1.1", ("TOWN",), TASK, ("CITY",), TAX, Certainty.B),
        Row("second", "25", "1.10", ("CITY",), TASK, ("TOWN",), TAX, Certainty.C),
    ),
)
DOCUMENT = canonical(SMALL)


def faults(document: bytes) -> list[tuple[int, str]]:
    with pytest.raises(BadList) as caught:
        parse(document)
    return [(fault.line, fault.field) for fault in caught.value.faults]


def edited(old: str, new: str, count: int = 1) -> bytes:
    text = DOCUMENT.decode()
    assert old in text
    return text.replace(old, new, count).encode()


def test_the_projects_own_list_survives_the_way_there_and_back() -> None:
    document = canonical(load())
    assert canonical(parse(document)) == document


def test_the_document_is_what_its_description_says() -> None:
    assert DOCUMENT.decode().split("\n") == [
        '["list","2"]',
        '["kind","CITY","市","City","LOCAL",["02201"],"TOWN"]',
        '["kind","TOWN","町","Town","LOCAL",["02201","02202"],""]',
        '["task","JM90000000000001","試験の事務","ours"]',
        '["information","TM00000000000002","地方税関係情報","official"]',
        '["item","TM00000000000002","TK00000200000010","課税年度","ours"]',
        '["revision","first","別表第二","2016-08-02","2024-05-26","2016-08-02","floor"]',
        '["revision","second","提供命令","2024-05-27","","2026-06-26",""]',
        '["row","first","16-2","1.1",["TOWN"],"JM90000000000001",["CITY","TOWN"],"TM00000000000002","A"]',
        '["row","first","17","1.1",["TOWN"],"JM90000000000001",["CITY"],"TM00000000000002","B"]',
        '["row","second","25","1.10",["CITY"],"JM90000000000001",["TOWN"],"TM00000000000002","C"]',
        "",
    ]


def test_the_same_content_in_another_order_has_the_same_digest() -> None:
    source = load()
    shuffled = list(source.rows)
    random.Random(7).shuffle(shuffled)
    other = replace(source, rows=tuple(shuffled), kinds=source.kinds[::-1], revisions=source.revisions[::-1])
    assert compile_list(other, 1).digest == compile_list(source, 2).digest == digest(canonical(source))


def test_one_changed_row_changes_the_digest() -> None:
    changed = replace(SMALL, rows=(replace(SMALL.rows[0], certainty=Certainty.B), *SMALL.rows[1:]))
    assert compile_list(changed, 1).digest != compile_list(SMALL, 1).digest


def test_every_fault_of_a_document_is_named_at_once_by_line_and_field() -> None:
    text = DOCUMENT.decode().replace("JM90000000000001", "JM9").replace('"2024-05-26"', '"20240526"')
    text = text.replace('"ours"]\n["information"', '"theirs"]\n["information"').replace('"C"]', '"D"]')
    assert faults(text.encode()) == [
        (4, "origin"),
        (4, "task"),
        (7, "in_force_until"),
        (9, "task"),
        (10, "task"),
        (11, "certainty"),
        (11, "task"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('["list","2"]', '["list","1"]', (1, "header")),
        ('"市"', '""', (2, "ja")),
        ('"市"', '"市\\u0000"', (2, "ja")),
        ('"市"', '" 市"', (2, "ja")),
        ('"市"', '"\\u5e02"', (2, "line")),
        ('"CITY","市"', '"CITY", "市"', (2, "line")),
        ('"市"', "3", (2, "ja")),
        ('["02201"]', '["2201"]', (2, "prefixes")),
        ('["02201"]', '["02201","02201"]', (2, "prefixes")),
        ('["02201"]', '"02201"', (2, "prefixes")),
        ('"TOWN"]\n["kind","TOWN"', '"VILLAGE"]\n["kind","TOWN"', (2, "counts_as")),
        ('["task"', '["tusk"', (4, "line")),
        ('"試験の事務",', "", (4, "task")),
        ('["task"', '{"task"', (4, "line")),
        ("TK00000200000010", "TK00000300000010", (6, "item")),
        ('["item","TM00000000000002"', '["item","TM00000000000003"', (6, "information")),
        ("2024-05-26", "2024-05-27", (8, "in_force_from")),
        ("2024-05-26", "", (8, "in_force_from")),
        ("2024-05-26", "2016-08-01", (7, "in_force_until")),
        ('"floor"', '"roof"', (7, "floor")),
        ('["revision","second"', '["revision","first"', (8, "revision")),
        ('["row","second"', '["row","third"', (11, "revision")),
        ('"16-2"', '"016-2"', (9, "item")),
        ('"1.10"', '"1.0"', (11, "row")),
        ('["CITY","TOWN"]', '["CITY","VILLAGE"]', (9, "providers")),
        ('["CITY","TOWN"]', "[]", (9, "providers")),
        ('"16-2","1.1",["TOWN"]', '"16-2","1.1",["MOON"]', (9, "inquirers")),
        ('"17"', '"16-2"', (10, "line")),
        ('"17"', '"16"', (10, "line")),
        ('"TM00000000000002","C"', '"TM00000000000001","C"', (11, "information")),
    ],
)
def test_a_broken_rule_is_found_where_it_is_broken(old: str, new: str, expected: tuple[int, str]) -> None:
    assert expected in faults(edited(old, new))


def test_information_without_items_is_a_fault() -> None:
    assert (5, "information") in faults(
        edited('["item","TM00000000000002","TK00000200000010","課税年度","ours"]\n', "")
    )


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"\xff\n",
        DOCUMENT[:-1],
        DOCUMENT.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + DOCUMENT,
        DOCUMENT + b"\n",
        b'["list","2"]\n' + b"[" * 100_000 + b"\n",
        b"x" * (16 * 1_048_576 + 1),
    ],
    ids=["empty", "no text", "cut off", "other line ends", "byte order mark", "empty line", "nested", "too long"],
)
def test_bytes_that_are_no_document_are_refused(document: bytes) -> None:
    assert faults(document)


def test_a_source_whose_document_would_not_be_read_back_is_not_compiled() -> None:
    with pytest.raises(BadList) as caught:
        compile_list(replace(SMALL, tasks=()), 1)
    assert caught.value.faults[0] == Fault(8, "task", "no line defines JM90000000000001")


def test_two_rows_of_one_number_are_not_compiled() -> None:
    with pytest.raises(BadList, match="repeated"):
        compile_list(replace(SMALL, rows=(*SMALL.rows, SMALL.rows[0])), 1)


def test_where_several_rows_cover_a_question_the_first_of_the_table_is_its_ground() -> None:
    wide = Row("second", "9", "1.1", ("TOWN",), TASK, ("TOWN",), TAX, Certainty.A)
    narrow = Row("second", "10", "1.1", ("CITY",), TASK, ("TOWN", "CITY"), TAX, Certainty.A)
    again = Row("second", "10", "2.1", ("TOWN", "CITY"), TASK, ("CITY",), TAX, Certainty.A)
    compiled = compile_list(replace(SMALL, rows=(again, narrow, wide)), 1)
    city, day = frozenset({"CITY", "TOWN"}), date(2026, 6, 26)
    city_alone, town = frozenset({"CITY"}), frozenset({"TOWN"})
    found = [
        compiled.look_up(asking, TASK, asked, TAX, day)
        for asking, asked in ((city, city), (city_alone, city), (city_alone, city_alone), (town, city_alone))
    ]
    assert [answer.text for answer in found] == ["9:1.1", "10:1.1", "10:1.1", "10:2.1"]


@given(st.binary(max_size=200))
def test_any_bytes_are_either_a_list_with_those_very_bytes_or_a_bad_list(noise: bytes) -> None:
    _is_exact_or_bad(b'["list","1"]\n' + noise)


@given(st.integers(0, len(DOCUMENT) - 1), st.integers(0, 255))
def test_one_changed_byte_gives_another_list_or_none(place: int, byte: int) -> None:
    _is_exact_or_bad(DOCUMENT[:place] + bytes([byte]) + DOCUMENT[place + 1 :])


def _is_exact_or_bad(document: bytes) -> None:
    try:
        source = parse(document)
    except BadList:
        return
    assert canonical(source) == document


# --- parties and procedures ---------------------------------------------------------------------------------------

ACT = ProcedureCode("JT90000027000001")
BELOW = replace(
    SMALL,
    parties=(Party("市町村長", ("CITY", "TOWN"), Certainty.A),),
    procedures=(
        Procedure("second", "25", "27-2", 1, ACT, "試験法1条 申請の審査", (TAX,), Certainty.B, Origin.OURS),
        Procedure(
            "second",
            "25",
            "27-2",
            2,
            ProcedureCode("JT01010000000214"),
            "試験法2条 支給",
            (),
            Certainty.C,
            Origin.OFFICIAL,
        ),
    ),
)


def test_parties_stand_after_kinds_and_procedures_after_rows() -> None:
    lines = canonical(BELOW).decode().split("\n")
    assert lines[3] == '["party","市町村長",["CITY","TOWN"],"A"]'
    assert lines[12:14] == [
        '["procedure","second","25","27-2",1,"JT90000027000001","試験法1条 申請の審査",["TM00000000000002"],"B","ours"]',
        '["procedure","second","25","27-2",2,"JT01010000000214","試験法2条 支給",[],"C","official"]',
    ]
    assert canonical(parse(canonical(BELOW))) == canonical(BELOW)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('["party","市町村長",["CITY","TOWN"]', '["party","市町村長",["CITY","MOON"]', (4, "kinds")),
        ('["CITY","TOWN"],"A"]', '[],"A"]', (4, "kinds")),
        ('"27-2",1,', '"27-2",0,', (13, "ordinal")),
        ('"27-2",1,', '"27-2",true,', (13, "ordinal")),
        ('"27-2",1,', '"27-2","1",', (13, "ordinal")),
        ('"27-2",1,', '"27-2",3,', (14, "line")),
        ("JT01010000000214", "JT90000027000001", (14, "procedure")),
        ('["procedure","second","25","27-2",2', '["procedure","second","26","27-2",2', (14, "item")),
        ('["procedure","second","25","27-2",2', '["procedure","third","25","27-2",2', (14, "item")),
        ('支給",[]', '支給",["TM00000000000001"]', (14, "information")),
        ('支給",[]', '支給",["TM00000000000002","TM00000000000002"]', (14, "information")),
        ('[],"C"', '[],"A"', (14, "certainty")),
    ],
)
def test_a_broken_rule_of_a_party_or_procedure_is_found_where_it_is_broken(
    old: str, new: str, expected: tuple[int, str]
) -> None:
    text = canonical(BELOW).decode()
    assert old in text
    assert expected in faults(text.replace(old, new, 1).encode())
