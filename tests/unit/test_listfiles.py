"""The list as CSV files: out and in again to the byte, and every fault named by file, line and column at once."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fixtures.lists
from authz.listfiles import BadFiles, FileFault, read_files, write_files
from authz.matchlist import canonical
from fixtures.lists import load

SOURCE = load()
FILES = write_files(SOURCE)


def faults(files: dict[str, bytes]) -> list[tuple[str, int, str]]:
    with pytest.raises(BadFiles) as caught:
        read_files(files)
    return [(fault.file, fault.line, fault.column) for fault in caught.value.faults]


def edited(name: str, old: str, new: str) -> dict[str, bytes]:
    text = FILES[name].decode()
    assert old in text
    return {**FILES, name: text.replace(old, new, 1).encode()}


def test_the_projects_own_files_are_what_is_written_of_them_to_the_byte() -> None:
    folder = Path(fixtures.lists.__file__).parent
    assert {path.stem: path.read_bytes() for path in folder.glob("*.csv")} == FILES


def test_what_is_written_is_read_back_as_the_same_list() -> None:
    assert canonical(read_files(FILES)) == canonical(SOURCE)
    assert write_files(read_files(FILES)) == FILES


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10**6))
def test_lines_may_stand_in_any_order(seed: int) -> None:
    shuffled = {}
    for name, content in FILES.items():
        head, *lines = content.decode().splitlines(keepends=True)
        random.Random(seed).shuffle(lines)
        shuffled[name] = "".join([head, *lines]).encode()
    assert write_files(read_files(shuffled)) == FILES


def test_quotes_commas_and_line_feeds_do_not_get_lost_and_lines_are_still_counted() -> None:
    kinds = (*SOURCE.kinds[:-1], replace(SOURCE.kinds[-1], en='a "quoted", kind'))
    files = write_files(replace(SOURCE, kinds=kinds))
    assert b'"a ""quoted"", kind"' in files["kinds"]
    assert canonical(read_files(files)) == canonical(replace(SOURCE, kinds=kinds))
    broken = files["kinds"].replace(b'"a ""quoted"", kind"', b'"a\nkind"') + b"moon,x,x,X,,\n"
    last = len(SOURCE.kinds) + 1
    assert faults({**files, "kinds": broken})[:2] == [("kinds", last, "en"), ("kinds", last + 2, "kind")]


def test_every_fault_of_every_file_is_named_at_once() -> None:
    files = edited("tasks", "official", "theirs")
    files["kinds"] = FILES["kinds"].replace(b"MINISTER_HEALTH,", b"minister,")
    files["teikyo-2026-02-02"] = FILES["teikyo-2026-02-02"].replace(b",A\n", b",Z\n", 2)
    found = faults(files)
    assert ("tasks", 2, "origin") in found
    assert (
        "kinds",
        next(n for n, line in enumerate(files["kinds"].splitlines(), 1) if line.startswith(b"minister")),
        "kind",
    ) in found
    assert [one for one in found if one[0] == "teikyo-2026-02-02" and one[2] == "certainty"] == [
        ("teikyo-2026-02-02", 2, "certainty"),
        ("teikyo-2026-02-02", 3, "certainty"),
    ]
    assert found == sorted(found)


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        ("tasks", "task,designation", "task,name", ("tasks", 1, "designation")),
        ("tasks", "task,designation,origin", "task,designation,origin,more", ("tasks", 1, "more")),
        ("tasks", "task,designation,origin", "task,designation", ("tasks", 1, "origin")),
        ("tasks", ",official\n", ",official,\n", ("tasks", 2, "")),
        ("tasks", ",official\n", ",official\n\n", ("tasks", 3, "")),
        ("tasks", ",official\n", ",official\n,,\n", ("tasks", 3, "")),
        ("revisions", ",yes\n", ",maybe\n", ("revisions", 2, "floor")),
        ("revisions", "2016-08-02,2024", "20160802,2024", ("revisions", 2, "in_force_from")),
        ("teikyo-2026-02-02", "1,1.1,MINISTER_HEALTH", "1,1.1,MOON", ("teikyo-2026-02-02", 2, "inquirers")),
        ("teikyo-2026-02-02", "1,1.1,MINISTER_HEALTH", "1,1.1,", ("teikyo-2026-02-02", 2, "inquirers")),
        ("teikyo-2026-02-02", "1,2.1,", "1,1.1,", ("teikyo-2026-02-02", 3, "")),
        ("procedures", ",1,3,1,", ",1,3,x,", ("procedures", 2, "ordinal")),
        ("procedures", ",1,3,1,", ",1,3,99999,", ("procedures", 2, "ordinal")),
        ("procedures", "JT90000003000002", "JT90000003000001", ("procedures", 3, "procedure")),
        ("parties", "MINISTER_HEALTH", "MOON", ("parties", 2, "kinds")),
    ],
)
def test_a_broken_rule_is_found_where_it_is_broken(
    name: str, old: str, new: str, expected: tuple[str, int, str]
) -> None:
    assert expected in faults(edited(name, old, new))


def test_missing_and_unknown_files_are_faults() -> None:
    without = {name: content for name, content in FILES.items() if name not in {"kinds", "teikyo-2026-06-26"}}
    found = faults({**without, "teikyo-2027-01-01": FILES["teikyo-2026-06-26"]})
    assert {("kinds", 0, ""), ("teikyo-2026-06-26", 0, ""), ("teikyo-2027-01-01", 0, "")} <= set(found)


@pytest.mark.parametrize("content", [b"", b"\xff\n", b"\xef\xbb\xbf" + FILES["tasks"], b'task,"', b"\x00", b"\n"])
def test_what_is_no_csv_is_a_fault_of_its_file(content: bytes) -> None:
    assert any(fault[0] == "tasks" for fault in faults({**FILES, "tasks": content}))


def outcome(files: dict[str, bytes]) -> tuple[FileFault, ...]:
    """The faults of files, or none: then what was read is a list that can be written."""
    try:
        assert write_files(read_files(files))
    except BadFiles as bad:
        return bad.faults or (FileFault("", 0, "", ""),)
    return ()


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(sorted(FILES)), st.integers(0, 10**6), st.binary(max_size=3))
def test_altered_files_are_a_list_or_are_refused_with_faults_and_never_anything_else(
    name: str, at: int, replacement: bytes
) -> None:
    content = FILES[name]
    at %= len(content)
    found = outcome({**FILES, name: content[:at] + replacement + content[at + 1 :]})
    assert all(fault.rule and fault.file for fault in found)
