"""Every mistake of a world folder is named by file, line and column, all of them at once, and nothing is used."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fixtures.folders import example, folder, lists
from fixtures.folders.files import Files, InMemory, OnDisk
from fixtures.folders.mistakes import Mistake, Mistaken
from fixtures.folders.rows import FILES
from fixtures.people import individual_number

VACCINATIONS = "duplicates/TM90000000000051.csv"
EAST = "0220104202101700"
TAXES = "duplicates/TM00000000000002.csv"


def files() -> InMemory:
    """A good folder, to be spoilt."""
    made = InMemory()
    folder.write(example.example("04100", ("04202", "04203"), 14), made)
    return made


def spoilt(name: str, change: Callable[[str], str]) -> InMemory:
    made = files()
    before = made.files[name].decode()
    after = change(before)
    assert after != before, f"{name} was not spoilt"
    made.files[name] = after.encode()
    return made


def mistakes(given: Files) -> list[Mistake]:
    with pytest.raises(Mistaken) as refused:
        folder.read(given)
    return list(refused.value.mistakes)


def line(number: int, before: str, after: str) -> Callable[[str], str]:
    """In that line the one text becomes the other."""

    def change(text: str) -> str:
        lines = text.split("\n")
        lines[number - 1] = lines[number - 1].replace(before, after, 1)
        return "\n".join(lines)

    return change


def without(number: int) -> Callable[[str], str]:
    return lambda text: "\n".join(one for n, one in enumerate(text.split("\n"), start=1) if n != number)


def again(number: int) -> Callable[[str], str]:
    """That line once more, at the end."""
    return lambda text: text + text.split("\n")[number - 1] + "\n"


REAL_LOOKING = "123456789018"
"""A number of the right form whose check digit fits and which bears no mark."""

TABLE: list[tuple[str, Callable[[str], str], str, str]] = [
    ("world.toml", line(1, "1", "2"), "world.toml:1:10", "this program reads format 1"),
    ("world.toml", line(2, '"', ""), "world.toml:2:8", "this is no TOML"),
    ("world.toml", line(3, "name_en", "title"), "world.toml:3:9", "no such key"),
    ("world.toml", without(3), "world.toml:1:1", "name_en: is missing"),
    ("world.toml", line(4, "00300", "00301"), "world.toml:4:11", "agencies.csv has no such agency"),
    ("world.toml", lambda t: t + "[clock]\nfrozen = true\n", "world.toml:6:10", "clock.at is needed, too"),
    ("world.toml", lambda t: t + "[clock]\nat = 2026-07-01T09:00:00\n", "world.toml:6:6", "an offset such as +09:00"),
    ("world.toml", lambda t: t + '[lists]\nrevisions = ["x"]\n', "world.toml:6:13", "the carried revisions are"),
    ("world.toml", lambda t: t + '[lists]\nfolder = "../x"\n', "world.toml:6:10", "inside the world's folder"),
    ("world.toml", lambda t: t + '[lists]\nfolder = "mine"\n', "world.toml:6:10", "there are no CSV files in mine/"),
    ("agencies.csv", line(1, "kinds", "kind"), "agencies.csv:1:1", "columns are missing: kinds"),
    ("agencies.csv", line(1, "kinds", "kind"), "agencies.csv:1:19", "this table has no column 'kind'"),
    ("agencies.csv", line(1, "name_en", "name"), "agencies.csv:1:11", "the column name is there twice"),
    ("agencies.csv", line(3, "0220004", "022000"), "agencies.csv:3:1", "an agency code has 16 digits"),
    ("agencies.csv", line(4, "041009", "041008"), "agencies.csv:4:1", "the check digit of the 団体コード"),
    ("agencies.csv", line(4, "MUNICIPALITY", "CITY"), "agencies.csv:4:24", "the list has no kind CITY"),
    ("agencies.csv", line(4, "MUNICIPALITY", ""), "agencies.csv:4:24", "an agency needs a kind"),
    ("agencies.csv", line(2, "NETWORK_SYSTEM", "PREFECTURE"), "agencies.csv:2:85", "of the kind NETWORK_SYSTEM"),
    ("agencies.csv", line(4, "2015-10-05/", "2015-10-05"), "agencies.csv:4:37", "a window as 2015-10-05/"),
    ("agencies.csv", line(4, "2015-10-05/", "2015-10-05/;2020-01-01/"), "agencies.csv:4:37", "windows overlap"),
    ("agencies.csv", line(4, "05/", "05/2015-10-04"), "agencies.csv:4:37", "the window ends before it begins"),
    ("agencies.csv", line(6, "TM000000000000", "TM777777777777"), "agencies.csv:6:51", "the list has no information"),
    ("agencies.csv", again(4), "agencies.csv:7:1", "line 4 has the same code"),
    ("offices.csv", line(4, "JM90000000000016", "JM90000000009999"), "offices.csv:4:44", "have the task JM9"),
    (
        "offices.csv",
        line(4, "JM90000000000016", ";".join(["JM90000000000016"] * 251)),
        "offices.csv:4:44",
        "250 at most",
    ),
    ("offices.csv", line(4, "JM90000000000016", "vaccination"), "offices.csv:4:44", "a task (JM and 14 digits)"),
    ("systems.csv", line(2, ",010,", ",10,"), "systems.csv:2:18", "a 業務ID of three digits"),
    ("assessments.csv", line(2, "2020-04-01", "2020-02-30"), "assessments.csv:2:35", "a day as 2026-04-01"),
    ("assessments.csv", line(2, "JM90000000000016", "JM1"), "assessments.csv:2:18", "a task (JM and 14 digits) or"),
    ("assessments.csv", line(2, "2020-04-01", "2020-W14-3"), "assessments.csv:2:35", "a day as 2026-04-01"),
    ("ordinances.csv", line(2, "JM99000000000001", "JM90000000000018"), "ordinances.csv:2:18", "a statutory task"),
    ("ordinances.csv", line(2, "JM90000000000018", "JM90000000009999"), "ordinances.csv:2:124", "the list has no row"),
    ("ordinances.csv", line(2, "TM00000000000002", "TM90000000000051"), "ordinances.csv:2:141", "not asked for under"),
    ("ordinances.csv", line(2, "TM00000000000002", ""), "ordinances.csv:2:141", "needs information to ask for"),
    ("staff.csv", line(2, "prefecture-health", "Prefecture Health"), "staff.csv:2:18", "a login has 2 to 40"),
    ("staff.csv", line(2, ",inquire", ",ask"), "staff.csv:2:45", "duties are among"),
    ("staff.csv", line(2, ",inquire", ",inquire;audit"), "staff.csv:2:45", "one person may not hold both"),
    ("staff.csv", line(2, ",10,", ",11,"), "staff.csv:2:42", "offices.csv has no such office"),
    ("staff.csv", lambda t: t.replace("approve-lists", "audit", 1), "staff.csv:1:1", "two accounts with the duty"),
    ("residents.csv", line(2, "992", REAL_LOOKING + ",992"), "residents.csv:2:57", "11 cells, and the header has 10"),
    ("residents.csv", line(2, "1992-08-14", "1992-8-14"), "residents.csv:2:32", "born: a day as 2026-04-01"),
    ("residents.csv", line(2, ",,", ",1990-01-01,"), "residents.csv:2:43", "died before the birth"),
    ("residents.csv", again(2), "residents.csv:16:1", "line 2 has the same person"),
    ("residences.csv", line(2, "p01", "p99"), "residences.csv:2:1", "residents.csv has no such person"),
    ("residences.csv", line(2, "2024-06-03", "2001-06-03"), "residences.csv:2:33", "left before moving in"),
    ("numbers.csv", line(2, ",010,", ",011,"), "numbers.csv:2:18", "systems.csv has no such system"),
    ("numbers.csv", line(2, "01000001", "01-00001"), "numbers.csv:2:22", "an addressee number of 1 to 15"),
    ("numbers.csv", line(2, "p01", "p 1"), "numbers.csv:2:31", "a name of 1 to 40 letters"),
    ("flags.csv", line(2, ",yes", ",ja"), "flags.csv:2:23", "yes or no expected"),
    ("flags.csv", line(2, "p03", "p05"), "flags.csv:2:18", "this agency has not numbered this person"),
    (VACCINATIONS, line(2, "0001", "1"), f"{VACCINATIONS}:2:22", "a layout of four digits"),
    (VACCINATIONS, line(2, "2022-05-27,", "2022-05-27,2022-05-01"), f"{VACCINATIONS}:2:38", "publication ends before"),
    (VACCINATIONS, line(1, "TK90005100000010", "TK0"), f"{VACCINATIONS}:1:53", "this table has no column 'TK0'"),
    (VACCINATIONS, line(2, "Ａ類", "!Ａ類"), f"{VACCINATIONS}:2:40", "one that begins with ! is written !!"),
    (TAXES, again(2), f"{TAXES}:12:18", "line 2 has the same agency, person"),
]


@pytest.mark.parametrize(("file", "change", "where", "why"), TABLE)
def test_a_mistake_is_named_at_its_place_with_its_rule(
    file: str, change: Callable[[str], str], where: str, why: str
) -> None:
    found = [str(one) for one in mistakes(spoilt(file, change))]
    assert [one for one in found if one.startswith(f"{where}: ") and why in one], found


def test_a_place_is_where_the_wrong_cell_begins() -> None:
    made = spoilt("ordinances.csv", line(2, "TM00000000000002", "TM90000000000051"))
    [found] = mistakes(made)
    row = made.files["ordinances.csv"].decode().split("\n")[found.spot.line - 1]
    assert row[found.spot.column - 1 :].startswith("TM90000000000051,2023-12-01")


def test_mistakes_of_every_file_are_named_together() -> None:
    made = files()
    for name in FILES:
        made.files[name] = made.files[name].replace(b"\n", b",too much\n")
    named = {one.spot.file for one in mistakes(made)}
    assert named == set(FILES)


def test_what_names_nothing_is_named_beside_wrong_cells_and_what_names_a_left_out_row_is_not() -> None:
    made = spoilt("residents.csv", line(2, "1992-08-14", "1992-8-14"))
    made.files["numbers.csv"] += f"{EAST},024,02499999,p99\n".encode()
    made.files["staff.csv"] += f"{EAST},east-new,新人　見本,99,inquire\n{EAST},east-old,新人　見本,10,ask\n".encode()
    made.files["flags.csv"] += f"{EAST},p05,,yes,yes,\n".encode()
    told = [(one.spot.file, one.en.split(" ")[0]) for one in mistakes(made)]
    assert told == [
        ("flags.csv", "this"),
        ("numbers.csv", "residents.csv"),
        ("residents.csv", "born:"),
        ("staff.csv", "offices.csv"),
        ("staff.csv", "duties:"),
    ]


def test_whatever_names_rows_that_cannot_be_read_is_not_called_missing() -> None:
    for spoil in (line(1, "person", "persons"), line(2, "p01", "p 1"), line(2, "p01,", ""), lambda text: text + '"'):
        assert {one.spot.file for one in mistakes(spoilt("residents.csv", spoil))} == {"residents.csv"}


def test_several_mistakes_of_one_row_are_several() -> None:
    made = spoilt("numbers.csv", line(2, ",010,01000001,", ",1,-,"))
    assert [str(one.spot) for one in mistakes(made)] == ["numbers.csv:2:18", "numbers.csv:2:20"]


def test_a_number_without_the_mark_of_invented_people_is_refused_and_not_repeated() -> None:
    number = individual_number(example.SEED, 1).reveal()
    [found] = mistakes(spoilt("residents.csv", line(2, number, REAL_LOOKING)))
    assert found.spot.line == 2
    assert "only invented numbers are taken" in found.en
    assert REAL_LOOKING not in str(found)


def test_a_wrong_check_digit_of_a_person_is_named_without_the_number() -> None:
    number = individual_number(example.SEED, 1).reveal()
    wrong = number[:11] + str((int(number[11]) + 1) % 10)
    [found] = mistakes(spoilt("residents.csv", line(2, number, wrong)))
    assert "check digit" in found.en
    assert wrong not in str(found)


def test_two_persons_with_one_number_are_named_with_both_lines() -> None:
    first, second = (individual_number(example.SEED, serial).reveal() for serial in (1, 2))
    [found] = mistakes(spoilt("residents.csv", line(3, second, first)))
    assert (found.spot.line, found.en) == (3, "line 2 has the same 個人番号")


def test_columns_are_counted_in_quoted_cells_and_over_several_lines() -> None:
    made = files()
    made.files["systems.csv"] = (
        '\ufeffagency,code,name,name_en\n# a comment\n\n0220104100901700,010,"税,""務""",tax\n'
        '0220104100901700,024,"健康\n管理",x\n0220104100901700,x,y,z\n'
    ).encode()
    places = [str(one.spot) for one in mistakes(made)]
    assert places == ["systems.csv:5:22", "systems.csv:7:18"]


def test_a_cell_after_a_line_break_is_counted_in_its_own_line() -> None:
    made = files()
    made.files["flags.csv"] = (
        b'note,agency,person,information,no_automatic_answer,non_disclosure\n"a\nb",0220104202101700,p03,,maybe,yes\n'
    )
    spots = [str(one.spot) for one in mistakes(made)]
    assert "flags.csv:3:26" in spots


def test_bytes_that_are_no_utf8_and_broken_quotes_are_named() -> None:
    made = files()
    made.files["staff.csv"] += "0220104100901700,x,名前,00,audit\n".encode("shift_jis")
    made.files["systems.csv"] += b'0220104100901700,030,"open,x\n'
    found = [(one.spot.file, one.en) for one in mistakes(made)]
    assert ("staff.csv", "this is not UTF-8") in found
    assert any(file == "systems.csv" and why.startswith("this is no CSV from here on") for file, why in found)


@pytest.mark.parametrize("name", [name for name, (_, needed) in FILES.items() if needed])
def test_a_file_that_must_be_there_is_missed_by_name(name: str) -> None:
    made = files()
    del made.files[name]
    assert (name, 1) in {(one.spot.file, one.spot.line) for one in mistakes(made)}


def test_a_file_whose_name_is_nearly_right_is_not_passed_over() -> None:
    made = files()
    made.files["resident.csv"] = made.files["residents.csv"]
    made.files["duplicates/TM1.csv"] = b"agency\n"
    found = {one.spot.file: one.en for one in mistakes(made)}
    assert found["resident.csv"].startswith("a world folder has no such file")
    assert found["duplicates/TM1.csv"].startswith("the file's name is an information")


def test_a_file_in_capitals_is_not_passed_over(tmp_path: Path) -> None:
    place = tmp_path / "world"
    folder.write(example.example("04100", ("04202", "04203"), 14), OnDisk(place))
    (place / "flags.csv").rename(place / "FLAGS.CSV")
    assert [one.spot.file for one in mistakes(OnDisk(place))] == ["FLAGS.CSV"]


def test_a_file_that_cannot_be_read_is_named_and_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    place = tmp_path / "world"
    folder.write(example.example("04100", ("04202", "04203"), 14), OnDisk(place))
    lists.write(folder.read(OnDisk(place)).lists, "mine", OnDisk(place))
    with (place / "world.toml").open("a") as sheet:
        sheet.write('[lists]\nfolder = "mine"\n')
    tasks = place / "mine" / "tasks.csv"
    tasks.write_bytes(b"\xef\xbb\xbf" + tasks.read_bytes())
    folder.read(OnDisk(place))
    tasks.unlink()
    tasks.mkdir()
    (place / "systems.csv").unlink()
    os.mkfifo(place / "systems.csv")
    assert [(one.spot.file, one.en) for one in mistakes(OnDisk(place))] == [
        ("mine/tasks.csv", "this file cannot be read (Is a directory)"),
        ("systems.csv", "this file cannot be read (a pipe)"),
    ]


def test_an_own_list_is_read_from_its_folder_and_its_mistakes_are_named_there() -> None:
    made = files()
    made.files["world.toml"] += b'[lists]\nfolder = "mine"\n'
    own = InMemory()
    lists.write(folder.read(files()).lists, "mine", own)
    made.files |= own.files
    assert folder.read(made).lists == folder.read(files()).lists
    made.files["mine/tasks.csv"] = made.files["mine/tasks.csv"].replace(b"JM9", b"JM", 1)
    [*_, found] = mistakes(made)
    assert {one.spot.file for one in mistakes(made)} >= {"mine/tasks.csv"}
    assert found.spot.column == 1
