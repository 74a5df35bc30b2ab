"""``sympho lists export|import`` as typed: what is written, what is told, and the exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import fixtures.lists
from authz.listdocument import canonical, parse
from fixtures.lists import load
from gateway.cli import main
from gateway.commands.command import Exit
from tests.unit.law_writer import header, in_one_sentence, items_of, law, table_rows

SOURCE = parse(canonical(load()))
LAST = SOURCE.revisions[-1]
ITEMS = items_of(SOURCE, LAST.revision)


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """The last revision as its law would be published."""
    file = tmp_path / "law.xml"
    file.write_bytes(law([header(), *(line for item in ITEMS for line in table_rows(item, in_one_sentence))]))
    return file


def typed(*words: str | Path) -> int:
    return main(["lists", *map(str, words)])


def test_what_is_exported_is_the_projects_own_files_and_is_imported_to_its_own_document(tmp_path: Path) -> None:
    assert typed("export", "--csv", tmp_path / "csv") == Exit.DONE
    own = Path(fixtures.lists.__file__).parent
    assert {file.name: file.read_bytes() for file in (tmp_path / "csv").iterdir()} == {
        file.name: file.read_bytes() for file in own.glob("*.csv")
    }
    assert typed("import", tmp_path / "csv", "--document", tmp_path / "list.txt") == Exit.DONE
    assert (tmp_path / "list.txt").read_bytes() == canonical(SOURCE)
    assert typed("export", "--list", tmp_path / "list.txt", "--csv", tmp_path / "again") == Exit.DONE
    assert (tmp_path / "again" / "tasks.csv").read_bytes() == (own / "tasks.csv").read_bytes()


def test_every_fault_of_csv_is_told_by_file_line_and_column(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    typed("export", "--csv", tmp_path)
    for name, old, new in (("tasks", "official", "theirs"), ("kinds", "LOCAL", "local")):
        file = tmp_path / f"{name}.csv"
        file.write_text(file.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    assert typed("import", tmp_path) == Exit.MISUSED
    told = capsys.readouterr().err.replace("\n", "")
    assert "tasks.csv:2: origin" in told
    assert "kinds.csv:4: group" in told


def test_a_folder_with_other_csv_files_is_not_written_into(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("a\n", encoding="utf-8")
    assert typed("export", "--csv", tmp_path) == Exit.MISUSED
    assert [file.name for file in tmp_path.iterdir()] == ["mine.csv"]


def test_law_text_that_is_understood_whole_makes_a_candidate_and_a_report(published: Path, tmp_path: Path) -> None:
    since = ("--revision", LAST.revision, "--from", LAST.in_force_from.isoformat())
    written = ("--document", tmp_path / "new.txt", "--report", tmp_path / "report.json")
    assert typed("import", published, *since, *written) == Exit.DONE
    made = parse((tmp_path / "new.txt").read_bytes())
    assert (made.rows, made.procedures, made.tasks) == (SOURCE.rows, SOURCE.procedures, SOURCE.tasks)
    report = json.loads((tmp_path / "report.json").read_bytes())
    assert report["cells"] == report["understood"] == len(report["accounts"])
    assert report["complete"]


def test_what_needs_a_person_is_told_in_words_and_by_the_exit_code(
    published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    published.write_bytes(published.read_bytes().replace("厚生労働大臣".encode(), "月の大臣".encode(), 1))
    assert typed("import", published, "--revision", "next", "--from", "2027-04-01") == Exit.REFUSED
    told = capsys.readouterr().out
    assert "月の大臣" in told
    assert "for a person 1" in told
    assert LAST.revision in told


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--revision", "next"),
        ("--revision", "next", "--from", "tomorrow"),
        ("--revision", "Next", "--from", "2027-04-01"),
        ("--revision", "next", "--from", "2025-01-01"),
        ("--revision", "next", "--from", "2027-04-01", "--table", "AppdxTable[9]"),
    ],
)
def test_a_wrong_command_makes_nothing(published: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    assert typed("import", published, *words, "--document", tmp_path / "new.txt") == Exit.MISUSED
    assert not (tmp_path / "new.txt").exists()


def test_a_file_that_is_none_or_no_law_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "bomb.xml").write_bytes(b"<!DOCTYPE x [<!ENTITY a 'a'>]><Law>&a;</Law>")
    for name in ("missing.xml", "bomb.xml"):
        assert typed("import", tmp_path / name, "--revision", "next", "--from", "2027-04-01") == Exit.MISUSED
