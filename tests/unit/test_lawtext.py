"""Law text into rows: what a table says comes out as the rows it means, and of anything else every cell is told."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authz.lawtext.candidate import candidate
from authz.lawtext.grid import BadLaw, read_law
from authz.lawtext.phrases import Names
from authz.lawtext.reading import Imported, Meaning, Need, read_table
from authz.listdocument import BadList, canonical, parse
from authz.matchlist import Revision
from fixtures.lists import load
from tests.unit.law_writer import (
    SHAPES,
    Block,
    Item,
    Shape,
    column,
    deleted,
    header,
    in_one_sentence,
    items_of,
    law,
    row,
    sentence,
    table_rows,
)

SOURCE = parse(canonical(load()))
NAMES = Names.of(SOURCE)
ORDINANCE = ("teikyo-2026-02-02", "teikyo-2026-06-26")
ITEMS = {revision: items_of(SOURCE, revision) for revision in ORDINANCE}
SMALL = ITEMS["teikyo-2026-06-26"][:3]
PLACE = "MainProvision-Article_2"


def read(content: bytes, table: str = PLACE, revision: str = "new") -> Imported:
    return read_table(read_law(content), table, NAMES, revision)


def written(items: Sequence[Item], shape: Shape = in_one_sentence) -> bytes:
    return law([header(), *(line for item in items for line in table_rows(item, shape))])


def needs(imported: Imported) -> list[tuple[int, int, Need | None]]:
    return [(one.row, one.column, one.need) for one in imported.needs]


def accounted(imported: Imported, content: bytes) -> bool:
    """Every cell of the table stands in exactly one of the two heaps."""
    cells = content.count(b"<TableColumn")
    return len(imported.accounts) == cells == imported.understood + len(imported.needs)


# --- there and back -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("revision", ORDINANCE)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_revision_that_is_written_as_law_text_is_read_back_as_the_same_rows(revision: str, shape: Shape) -> None:
    content = written(ITEMS[revision], shape)
    imported = read(content, revision=revision)
    assert imported.rows == tuple(one for one in SOURCE.rows if one.revision == revision)
    assert imported.complete
    assert accounted(imported, content)


def test_the_old_table_too_but_for_its_reconstructed_rows() -> None:
    old = SOURCE.revisions[0].revision
    rebuilt = {"16-2", "16-3", "115-2", "121"}
    published = replace(SOURCE, rows=tuple(one for one in SOURCE.rows if one.item not in rebuilt))
    content = written(items_of(published, old))
    imported = read(content, revision=old)
    assert imported.rows == tuple(one for one in published.rows if one.revision == old)
    assert imported.complete


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_choice_of_items_in_any_shapes_with_gaps_and_deleted_items_is_read_back(data: st.DataObject) -> None:
    every = ITEMS["teikyo-2026-06-26"]
    chosen = data.draw(st.lists(st.sampled_from(range(len(every))), min_size=1, max_size=12, unique=True).map(sorted))
    lines = [header()] if data.draw(st.booleans()) else []
    gone = []
    for at in chosen:
        if data.draw(st.integers(0, 4)) == 0:
            lines.append(deleted(every[at].number))
            gone.append(every[at].number)
            continue
        lines += table_rows(every[at], data.draw(st.sampled_from(SHAPES)))
    content = law(lines)
    imported = read(content, revision="teikyo-2026-06-26")
    kept = {every[at].number for at in chosen} - set(gone)
    assert imported.rows == tuple(
        one for one in SOURCE.rows if one.revision == "teikyo-2026-06-26" and one.item in kept
    )
    assert list(imported.deleted) == gone
    assert imported.complete
    assert accounted(imported, content)


def test_a_candidate_from_the_projects_own_table_is_the_projects_own_list() -> None:
    imported = read(written(ITEMS["teikyo-2026-06-26"]), revision="teikyo-2026-06-26")
    made = candidate(SOURCE, imported, SOURCE.revisions[2])
    assert canonical(made.source) == canonical(SOURCE)
    assert (made.ended, made.left_out) == (None, ())


# --- candidates ---------------------------------------------------------------------------------------------------


def test_a_new_revision_ends_the_one_before_it_the_day_before() -> None:
    imported = read(written(SMALL), revision="next")
    made = candidate(SOURCE, imported, Revision("next", "試験", date(2027, 4, 1), None, date(2027, 4, 1), False))
    assert made.ended == SOURCE.revisions[2]
    assert [one.in_force_until for one in made.source.revisions] == [
        date(2024, 5, 26),
        date(2026, 6, 25),
        date(2027, 3, 31),
        None,
    ]
    assert made.source.procedures == SOURCE.procedures


def test_procedures_of_an_item_that_came_out_otherwise_are_left_out_and_named() -> None:
    every = ITEMS["teikyo-2026-02-02"]
    imported = read(written(every[1:]), revision="teikyo-2026-02-02")
    made = candidate(SOURCE, imported, SOURCE.revisions[1])
    assert {one.item for one in made.left_out} == {"1"}
    assert len(made.source.procedures) + len(made.left_out) == len(SOURCE.procedures)


def test_a_revision_whose_days_overlap_another_is_no_candidate() -> None:
    imported = read(written(SMALL), revision="next")
    with pytest.raises(BadList):
        candidate(SOURCE, imported, Revision("next", "試験", date(2025, 1, 1), None, date(2025, 1, 1), False))


# --- what a person must see ---------------------------------------------------------------------------------------

ITEM = Item(
    "1", "市町村長", SMALL[0].task, (Block("市町村長", ("地方税関係情報",)), Block("法務大臣", ("戸籍関係情報",)))
)
LINES = tuple(table_rows(ITEM, in_one_sentence))


def changed(old: str, new: str, lines: Sequence[str] = LINES) -> Imported:
    """The item with some words changed; whatever they are, every cell is accounted for."""
    text = "\n".join(lines)
    assert old in text
    content = law([text.replace(old, new, 1)])
    imported = read(content)
    assert accounted(imported, content)
    return imported


def test_the_item_itself_is_understood_whole() -> None:
    imported = read(law(LINES))
    assert imported.complete
    assert [(one.item, one.row, one.information) for one in imported.rows] == [
        ("1", "1.1", "TM00000000000002"),
        ("1", "2.1", "TM00000000000108"),
    ]
    assert [one.meaning for one in imported.accounts[:4]] == [
        Meaning.INQUIRER,
        Meaning.TASK,
        Meaning.PROVIDER,
        Meaning.INFORMATION,
    ]


@pytest.mark.parametrize(
    ("old", "new", "found", "rows"),
    [
        ("一　市町村長", "一　月の長", [(1, 1, Need.INQUIRER)], 0),
        ("一　市町村長", "市町村長", [(1, 1, Need.NUMBER)], 0),
        ("一　市町村長", "一市町村長", [(1, 1, Need.NUMBER)], 0),
        ("一　市町村長", "〇　市町村長", [(1, 1, Need.NUMBER)], 0),
        (sentence(ITEM.task), sentence("月に関する事務"), [(1, 2, Need.TASK)], 0),
        (sentence(ITEM.task), sentence(ITEM.task) * 2, [(1, 2, Need.SEVERAL)], 0),
        (sentence(ITEM.task), "", [(1, 2, Need.TASK)], 0),
        (sentence("法務大臣"), sentence("月の大臣"), [(2, 3, Need.PROVIDER)], 1),
        (sentence("法務大臣"), sentence("法務大臣") * 2, [(2, 3, Need.SEVERAL)], 1),
        (sentence("戸籍関係情報"), sentence("月の情報"), [(2, 4, Need.INFORMATION)], 1),
        (sentence("戸籍関係情報"), sentence("戸籍関係情報又は月の情報"), [(2, 4, Need.INFORMATION)], 1),
        (sentence("戸籍関係情報"), sentence("戸籍関係情報（月に係るものに限る。）"), [(2, 4, Need.INFORMATION)], 1),
        (sentence("戸籍関係情報"), sentence("戸籍関係情報") * 2, [(2, 4, Need.SEVERAL)], 1),
        (sentence("戸籍関係情報"), "", [(2, 4, Need.INFORMATION)], 1),
        (sentence("戸籍関係情報"), "<Sentence Function='proviso'>戸籍関係情報</Sentence>", [(2, 4, Need.PROVISO)], 1),
        (sentence("戸籍関係情報"), "<FigStruct><Fig src='a'/></FigStruct>", [(2, 4, Need.ODDITY)], 1),
        (sentence("戸籍関係情報"), "<Sentence>戸籍<ArithFormula>x</ArithFormula></Sentence>", [(2, 4, Need.ODDITY)], 1),
        ('rowspan="2"', 'rowspan="two"', [(1, 1, Need.ODDITY), (2, 1, Need.NUMBER)], 0),
        ('rowspan="2"', 'rowspan="0"', [(1, 1, Need.ODDITY), (2, 1, Need.NUMBER)], 0),
        ('rowspan="2"', 'rowspan="99999"', [(1, 1, Need.ODDITY)], 0),
    ],
)
def test_what_is_not_certain_is_left_to_a_person_where_it_stands_and_makes_no_row(
    old: str, new: str, found: list[tuple[int, int, Need]], rows: int
) -> None:
    imported = changed(old, new)
    assert set(found) <= set(needs(imported))
    assert len(imported.rows) == rows
    assert not imported.complete


def test_a_missing_rowspan_attributes_nothing_to_the_wrong_item() -> None:
    imported = read(law([line.replace(' rowspan="2"', "") for line in LINES]))
    assert [(one.item, one.row) for one in imported.rows] == [("1", "1.1")]
    assert needs(imported) == [(2, 1, Need.NUMBER), (2, 2, Need.TASK)]
    assert imported.without_rows == (2,)


def test_a_rowspan_too_long_attributes_nothing_of_the_next_item_to_the_one_before() -> None:
    following = replace(ITEM, number="2", blocks=ITEM.blocks[:1])
    lines = [line.replace('rowspan="2"', 'rowspan="3"') for line in LINES]
    imported = read(law([*lines, *table_rows(following, in_one_sentence)]))
    assert {one.item for one in imported.rows} == {"1"}
    assert len(imported.rows) == 2
    assert 3 in imported.without_rows


def test_spans_over_everything_repeat_no_row() -> None:
    one_row = "".join(
        column(sentence(text), rowspan=2) for text in ("一　市町村長", ITEM.task, "法務大臣", "戸籍関係情報")
    )
    imported = read(law([row(one_row), row()]))
    assert len(imported.rows) == 1
    assert imported.without_rows == (2,)


@pytest.mark.parametrize(
    ("numbers", "items"),
    [(("1", "1"), {"1"}), (("2", "1"), {"2"}), (("16-2", "16"), {"16-2"}), (("16", "16-2"), {"16", "16-2"})],
)
def test_an_item_number_that_repeats_or_goes_back_is_left_to_a_person(
    numbers: tuple[str, ...], items: set[str]
) -> None:
    lines = [line for one in numbers for line in table_rows(replace(ITEM, number=one), in_one_sentence)]
    imported = read(law(lines))
    assert {one.item for one in imported.rows} == items
    assert [one.need for one in imported.needs] == [Need.ORDER] * (len(numbers) - len(items))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("三十六　削除", ("36",)),
        ("百五十七及び百五十八　削除", ("157, 158",)),
        ("三から五まで　削除", ("3..5",)),
        ("第二項　削除", ()),
    ],
)
def test_a_deleted_item_is_told_and_makes_no_row(words: str, told: tuple[str, ...]) -> None:
    for cells in ((column(sentence(words), colspan=4),), (column(sentence(words)), *(column(""),) * 3)):
        imported = read(law([row(*cells)]))
        assert (imported.rows, imported.deleted) == ((), told)
        assert imported.complete is bool(told)


def test_text_around_the_table_is_told_and_needs_a_person() -> None:
    remarks = f"<Remarks><RemarksLabel>備考</RemarksLabel>{sentence('限る')}</Remarks>"
    around = f"<TableStructTitle>表題</TableStructTitle>{remarks}"
    imported = read(law(LINES, around))
    assert imported.around == ("表題", "備考限る")
    assert not imported.complete


def test_header_rows_of_both_kinds_are_headings() -> None:
    marked = header().replace("TableRow", "TableHeaderRow").replace("TableColumn", "TableHeaderColumn")
    for head in (header(), marked):
        imported = read(law([head, *LINES]))
        assert [one.meaning for one in imported.accounts[:4]] == [Meaning.HEADING] * 4
        assert imported.complete
    wrong = header().replace("情報提供者", "提供者")
    assert [one.need for one in read(law([wrong, *LINES])).needs] == [
        Need.NUMBER,
        Need.TASK,
        Need.PROVIDER,
        Need.INFORMATION,
    ]


def test_ruby_is_read_by_its_characters_and_its_reading_is_told() -> None:
    imported = changed("戸籍関係情報", "<Ruby>戸籍<Rt>こせき</Rt></Ruby>関係情報")
    assert imported.complete
    assert imported.accounts[-1].aside == ("ルビ こせき",)


# --- hostile and odd files ----------------------------------------------------------------------------------------

BOMB = b"<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>]>"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"<Law>",
        b"<Law/>",
        b"<html/>",
        BOMB + b"<Law><LawBody><LawTitle>&b;</LawTitle></LawBody></Law>",
        b"<!DOCTYPE Law SYSTEM 'file:///etc/hostname'><Law><LawBody/></Law>",
        b"<!DOCTYPE Law [<!ENTITY x SYSTEM 'file:///etc/hostname'>]><Law><LawBody>&x;</LawBody></Law>",
        b"<Law><LawBody>" + b"<Part>" * 5000 + b"</Part>" * 5000 + b"</LawBody></Law>",
    ],
)
def test_what_is_no_law_text_or_is_hostile_is_refused_by_name(content: bytes) -> None:
    with pytest.raises(BadLaw):
        read_law(content)


def test_a_table_that_covers_too_much_is_refused() -> None:
    wide = row(
        column(sentence("一"), colspan=99999),
        column(sentence("二"), colspan=99999),
        column(sentence("三"), colspan=99999),
    )
    with pytest.raises(BadLaw, match="places"):
        read_law(law([wide]))


def test_a_table_is_found_by_its_path_and_those_there_are_named_otherwise() -> None:
    content = law(LINES).decode()
    table = content[content.index("<TableStruct>") : content.index("</Paragraph>")]
    appended = f"<AppdxTable Num='2'><AppdxTableTitle>別表第二</AppdxTableTitle>{table}</AppdxTable></LawBody>"
    several = content.replace(table, table * 2).replace("</LawBody>", appended).encode()
    assert [grid.path for grid in read_law(several).grids] == [PLACE, f"{PLACE}#2", "AppdxTable[2]"]
    for path in (PLACE, f"{PLACE}#2", "AppdxTable[2]"):
        assert read(several, path).complete
    assert read(law(LINES), "").complete
    for path in ("", "AppdxTable[1]"):
        with pytest.raises(BadLaw, match="AppdxTable"):
            read(several, path)


def test_law_text_inside_an_answer_of_the_api_is_found() -> None:
    inside = b"<law_data_response>" + law(LINES).split(b"\n", 1)[1] + b"</law_data_response>"
    assert read(inside).complete


CELL = re.compile(r"<TableColumn.*?</TableColumn>", re.DOTALL)
SPANS = ("", 'rowspan="2"', 'rowspan="3"', 'colspan="2"', 'colspan="4"', 'rowspan="0"')


def shaken(text: str, chance: random.Random) -> str:
    """Well-formed still, but for a cell lost, repeated, moved or spanned otherwise, or a word lost or doubled."""
    found = chance.choice(list(CELL.finditer(text)))
    cell, before, after = found[0], text[: found.start()], text[found.end() :]
    match chance.randrange(6):
        case 0:
            return before + after
        case 1:
            return before + cell * 2 + after
        case 2:
            return before + after.replace("<TableRow>", f"<TableRow>{cell}", 1)
        case 3:
            return before + re.sub(r' (row|col)span="\d+"', "", cell, count=1) + after
        case 4:
            return before + cell.replace("<TableColumn", f"<TableColumn {chance.choice(SPANS)}", 1) + after
        case _:
            word = chance.choice(("情報", "又は", "市町村長", "　", "削除"))
            return before + cell.replace(word, chance.choice(("", word * 2)), 1) + after


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_a_table_that_was_shaken_is_accounted_for_cell_by_cell_and_makes_no_row_that_was_not_there(seed: int) -> None:
    chance = random.Random(seed)
    shape = chance.choice(SHAPES)
    text = "\n".join([header(), *table_rows(ITEM, shape), *table_rows(replace(ITEM, number="2"), in_one_sentence)])
    for _ in range(chance.randint(1, 3)):
        text = shaken(text, chance)
    content = law([text])
    try:
        imported = read(content)
    except BadLaw:  # the same span twice in a tag is no XML
        return
    assert accounted(imported, content)
    meant = {(number, one.information) for number in ("1", "2") for one in read(law(LINES)).rows}
    assert {(one.item, one.information) for one in imported.rows} <= meant
