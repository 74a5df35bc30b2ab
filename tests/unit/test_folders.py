"""A world and its folder say the same: written and read again, compared with what it was, told in a document."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs
from rich.pretty import pretty_repr

from authz.questions import Window
from fixtures.folders import example, folder
from fixtures.folders.book import Book, Person
from fixtures.folders.changes import changes, impossible
from fixtures.folders.explaining import reference
from fixtures.folders.files import InMemory, OnDisk
from fixtures.folders.invented import book_of
from fixtures.folders.rows import DuplicateRow
from fixtures.people import individual_number
from fixtures.plugin import WorldFolder
from fixtures.world import invented_country
from gateway.clock import TOKYO
from gateway.exchange.messages import ItemValue, ReasonOfNull
from gateway.worlds import BadWorld
from sympho.codes import IndividualNumber

ROOT = Path(__file__).parents[2]
EXAMPLE = example.example("04100", ("04202", "04203"), 14)

# --- round trips --------------------------------------------------------------------------------------------------


def again(book: Book) -> Book:
    return folder.read(InMemory.of(folder.edition(book)))


def test_the_invented_country_as_a_folder_is_the_same_world(tmp_path: Path) -> None:
    book = book_of(invented_country(60))
    folder.write(book, OnDisk(tmp_path / "world"))
    read = folder.read(OnDisk(tmp_path / "world"))
    assert read.digest() == book.digest()
    assert folder.edition(read) == folder.edition(book)


@settings(max_examples=6, deadline=None)
@given(st.integers(24, 60), st.integers(0, 2**32))
def test_every_generated_world_comes_back_exactly(residents: int, seed: int) -> None:
    book = book_of(invented_country(residents, seed))
    read = again(book)
    assert read.digest() == book.digest()
    assert folder.edition(read) == folder.edition(book)


TEXTS = st.one_of(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30),
    st.sampled_from(
        ["", "!", "!!", "!NotAcceptable", "NotAcceptable", '"', "\r\n", "\r", "a\rb", "#", ",", "\ufeff", " x "]
    ),
)
VALUES = st.sampled_from([ItemValue(reason_of_null=reason) for reason in ReasonOfNull]) | st.builds(ItemValue, TEXTS)
NAMES = st.text(
    st.characters(categories=["L", "N", "P", "Zs"], include_characters="　"), min_size=1, max_size=20
).filter(lambda text: all(c == "　" or c.isprintable() for c in text))
DAYS = st.dates(date(2015, 10, 5), date(2030, 1, 1))
DEATHS = st.dates(date(2025, 1, 1), date(2030, 1, 1))


@st.composite
def windows(draw: st.DrawFn) -> tuple[Window, ...]:
    days = sorted(draw(st.sets(DAYS, min_size=2, max_size=6)))
    pairs = list(zip(days[::2], days[1::2], strict=False))
    found = [Window(since, until - timedelta(days=1) if until > since else since) for since, until in pairs]
    return (*found[:-1], replace(found[-1], until=None)) if draw(st.booleans()) else tuple(found)


@st.composite
def worlds(draw: st.DrawFn) -> Book:
    """The example with other words where words are free."""
    first, second, *others = EXAMPLE.people()
    people = (_other(first, draw), _other(second, draw), *others)
    clock = draw(st.none() | st.datetimes(datetime(2016, 1, 1), datetime(2099, 1, 1), timezones=st.just(TOKYO)))
    frozen = clock is not None and draw(st.booleans())
    return replace(
        EXAMPLE,
        sheet=replace(EXAMPLE.sheet, name=draw(NAMES), clock=clock, frozen=frozen),
        agencies=tuple(replace(row, name=draw(NAMES), valid=draw(windows())) for row in EXAMPLE.agencies),
        flags=tuple(
            structs.replace(row, note=draw(NAMES), non_disclosure=draw(st.booleans())) for row in EXAMPLE.flags
        ),
        ordinances=tuple(replace(row, published_on=draw(st.none() | DAYS)) for row in EXAMPLE.ordinances),
        people=lambda: iter(people),
    )


def _other(person: Person, draw: st.DrawFn) -> Person:
    def duplicate(row: DuplicateRow) -> DuplicateRow:
        return structs.replace(row, items={code: draw(VALUES) for code in row.items})

    return structs.replace(
        person,
        resident=structs.replace(person.resident, name=draw(NAMES), died=draw(st.none() | DEATHS)),
        duplicates=tuple(duplicate(row) for row in person.duplicates),
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(worlds())
def test_whatever_words_a_world_has_it_comes_back_exactly(book: Book) -> None:
    read = again(book)
    assert read.digest() == book.digest()
    assert folder.edition(read) == folder.edition(book)


def test_comments_and_the_order_of_rows_and_columns_change_nothing(tmp_path: Path) -> None:
    folder.write(EXAMPLE, OnDisk(tmp_path / "world"), explained=True)
    numbers = (tmp_path / "world" / "numbers.csv").read_text(encoding="utf-8").split("\n")
    rows = [line.split(",") for line in numbers if line and not line.startswith("#")]
    shuffled = [",".join(row[::-1]) for row in [rows[0], *rows[:0:-1]]]
    (tmp_path / "world" / "numbers.csv").write_text("\n".join(shuffled), encoding="utf-8")
    assert folder.read(OnDisk(tmp_path / "world")).digest() == EXAMPLE.digest()


def test_only_the_owner_may_look_into_a_folder_that_was_written(tmp_path: Path) -> None:
    place = tmp_path / "world"
    folder.write(EXAMPLE, OnDisk(place))
    assert place.stat().st_mode & 0o077 == 0
    assert (place / "duplicates").stat().st_mode & 0o077 == 0


def test_a_person_of_a_folder_does_not_print_itself() -> None:
    person = next(EXAMPLE.people())
    held = (person, person.resident, person.numbers, person.duplicates, person.residences)
    printed = repr(held) + pretty_repr(held)
    hidden = [person.resident.name, person.resident.individual.reveal(), person.numbers[0].number.reveal(), "2010000"]
    assert not [text for text in hidden if text in printed]


# --- changes ------------------------------------------------------------------------------------------------------


def with_people(book: Book, *people: Person) -> Book:
    return replace(book, people=lambda: iter(people))


def test_a_world_that_is_the_same_has_no_changes() -> None:
    assert changes(EXAMPLE, again(EXAMPLE)).lines() == []


def test_changes_are_counted_and_named_by_file_and_never_by_an_addressee_number() -> None:
    first, *others, last = EXAMPLE.people()
    moved = structs.replace(first, resident=structs.replace(first.resident, relation="妻"))
    taxed = structs.replace(moved, duplicates=tuple(structs.replace(one, items={}) for one in first.duplicates[:1]))
    sheet = replace(EXAMPLE.sheet, name_en="another one", frozen=True)
    listed = replace(EXAMPLE.lists, rows=EXAMPLE.lists.rows[:0:-1])
    after = replace(with_people(EXAMPLE, taxed, *others), sheet=sheet, lists=listed, staff=EXAMPLE.staff[1:], flags=())
    told = "\n".join(changes(EXAMPLE, after).lines())
    assert "residents.csv: 変更 changed 1 (p01: relation), 削除 removed 1 (p14), 同じ unchanged 12" in told
    assert "world.toml: 変更 changed (name_en, clock.frozen)" in told
    assert "match list: 変更 changed (rows +0 -1)" in told
    [duplicate] = first.duplicates[:1]
    items = ", ".join(sorted(duplicate.items))
    assert f"duplicates: 変更 changed 1 ({duplicate.information} {duplicate.head.agency} p01: {items})" in told
    assert "staff.csv: 削除 removed 1 (0220004000201700 prefecture-health)" in told
    assert "flags.csv: 削除 removed 2 (0220104202101700 p03; 0220104202101700 p04)" in told
    assert not [row for row in last.numbers if row.number.reveal() in told]


def test_what_records_point_at_does_not_vanish_or_change_hands() -> None:
    first, second, *others = EXAMPLE.people()
    other = IndividualNumber(individual_number(99, 99).reveal())
    taken = [structs.replace(row, person="p02") for row in first.numbers[:1]]
    swapped = structs.replace(second, numbers=(*second.numbers, *taken))
    renumbered = structs.replace(
        first, resident=structs.replace(first.resident, individual=other), numbers=first.numbers[1:]
    )
    after = replace(with_people(EXAMPLE, renumbered, swapped, *others), agencies=EXAMPLE.agencies[:-1])
    found = {(one.file, one.column) for one in impossible(changes(EXAMPLE, after))}
    assert found == {("agencies.csv", "code"), ("residents.csv", "individual"), ("numbers.csv", "person")}


def test_an_impossible_change_is_refused_at_its_place_in_the_new_folder(tmp_path: Path) -> None:
    place = tmp_path / "world"
    folder.write(EXAMPLE, OnDisk(place), explained=True)
    numbers = place / "numbers.csv"
    numbers.write_text(numbers.read_text(encoding="utf-8").replace("02400001,p01", "02400001,p02", 1), encoding="utf-8")
    lines = numbers.read_text(encoding="utf-8").split("\n")
    number = next(n for n, line in enumerate(lines, start=1) if "02400001,p02" in line)
    with pytest.raises(BadWorld, match=rf"numbers.csv:{number}:31: .*was loaded as p01's"):
        WorldFolder(place).update(folder.edition(EXAMPLE))
    founded_by_another = folder.edition(EXAMPLE).replace(b"0030099000099900", b"0030099000199900")
    with pytest.raises(BadWorld, match=r"world.toml:\d+:11: .*the network's operator does not change"):
        WorldFolder(place).update(founded_by_another)


# --- the document -------------------------------------------------------------------------------------------------


def test_the_page_on_worlds_has_every_file_and_column_as_the_code_has_them() -> None:
    page = (ROOT / "docs" / "worlds.md").read_text(encoding="utf-8")
    assert "\n".join(reference()) in page
