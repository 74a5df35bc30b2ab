"""``sympho authz prove`` and ``test`` as typed: what they print, what they write, and their exit codes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from gateway.cli import main
from tests.unit.test_proof import DOCUMENT, SOURCE

CARRIED = Path(__file__).parents[2] / "fixtures" / "cases" / "vaccination.yaml"


@pytest.fixture
def document(tmp_path: Path) -> Path:
    file = tmp_path / "small.list"
    file.write_bytes(DOCUMENT)
    return file


def test_a_proof_is_told_as_text_and_as_json_with_the_same_digest(
    document: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["authz", "prove", "--list", str(document), "--processes", "1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["holds"]
    assert told["confirmed"]
    assert told["differences"] == []
    assert told["digest"] == hashlib.sha256(told["statement"].encode()).hexdigest()
    assert [one["revision"] for one in told["revisions"]] == [one.revision for one in SOURCE.revisions]
    assert sum(one["tried"] for one in told["revisions"]) == told["tried"]
    assert main(["authz", "prove", "--list", str(document), "--processes", "1"]) == 0
    said = capsys.readouterr().out
    assert told["digest"] in said
    assert f"{told['tried']:,}" in said


def test_what_a_proof_writes_has_the_digests_that_its_statement_names(document: Path, tmp_path: Path) -> None:
    folder = tmp_path / "proof"
    assert main(["authz", "prove", "--list", str(document), "--processes", "1", "--write", str(folder)]) == 0
    statement = (folder / "statement.txt").read_text()
    for revision in SOURCE.revisions:
        letters, grounds = ((folder / f"{revision.revision}.{kind}").read_bytes() for kind in ("letters", "grounds"))
        digests = f"letters {hashlib.sha256(letters).hexdigest()} grounds {hashlib.sha256(grounds).hexdigest()}\n"
        assert (
            f"revision {revision.revision} tried {len(letters)} permitted {letters.count(b'Y')} {digests}" in statement
        )


def test_a_document_that_is_no_list_is_refused_with_the_line_of_each_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.list"
    broken.write_bytes(DOCUMENT.replace(b'"2024-05-27"', b'"2024-05-32"'))
    assert main(["authz", "prove", "--list", str(broken)]) == 2
    said = capsys.readouterr().err
    assert f"{broken}:" in said.replace("\n", "")
    assert "in_force_from" in said
    assert main(["authz", "prove", "--list", str(tmp_path / "nowhere")]) == 2
    assert main(["authz", "prove", "--processes", "0"]) == 2


def test_cases_that_hold_end_with_0_and_name_each_case(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["authz", "test", str(CARRIED)]) == 0
    assert "全て期待どおりです" in capsys.readouterr().out
    assert main(["authz", "test", str(CARRIED), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["holds"]
    assert all(one["holds"] and one["questions"] and one["expected"]["reasons"] for one in told["cases"])


def test_a_case_that_differs_ends_with_1_and_says_what_was_expected_and_what_came(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(CARRIED.read_text(encoding="utf-8").replace('"16-2:1.1"', '"16-2:1.2"'), encoding="utf-8")
    assert main(["authz", "test", str(wrong)]) == 1
    said = capsys.readouterr().out
    assert "16-2:1.2" in said
    assert "16-2:1.1" in said
    assert main(["authz", "test", str(wrong), "--json"]) == 1
    failed = [one for one in json.loads(capsys.readouterr().out)["cases"] if not one["holds"]]
    assert [one["unused"] for one in failed] == [["16-2:1.2"]]


def test_files_that_are_no_cases_end_with_2_and_every_fault_has_its_file_and_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty, unknown, binary = (tmp_path / name for name in ("empty.yaml", "unknown.yaml", "binary.yaml"))
    empty.write_text("cases: []\n")
    unknown.write_text(CARRIED.read_text(encoding="utf-8").replace("effect:", "efect:", 1), encoding="utf-8")
    binary.write_bytes(b"\xff\xfe\x00")
    files = [str(empty), str(unknown), str(binary), str(tmp_path / "nowhere.yaml"), str(CARRIED)]
    assert main(["authz", "test", *files, "--json"]) == 2
    captured = capsys.readouterr()
    faults = json.loads(captured.out)["faults"]
    assert [fault.rpartition("/")[2].partition(" ")[0] for fault in faults] == [
        "empty.yaml:1:",
        "unknown.yaml:10:",
        "unknown.yaml:16:",
        "binary.yaml:",
        "nowhere.yaml:",
    ]
    assert "efect" in captured.err
