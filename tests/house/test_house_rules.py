"""The rules of the house that a machine can hold: size, width, words and silence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("sympho", "authz", "gateway", "fixtures", "loadtest", "tests")
LONGEST_FILE = 400
WIDEST_LINE = 120
TOP_LEVEL = re.compile(
    r"gateway|authz|sympho|fixtures|loadtest|tests|docs|pyproject\.toml|README(\.ja)?\.md|CHANGELOG\.md|Makefile"
    r"|LICENSE|requirements[^/]*|.*\.egg-info|build|\..*"
)
SILENCED = re.compile(
    "|".join(
        (r"# *type: *" + "ignore", "# *no" + "qa", r"\bTO" + r"DO\b", r"\bFIX" + r"ME\b", r"\bmark\.(skip|x" + "fail)")
    )
)
VAGUE = re.compile(r"^class \w*(Manager|Service|Helper|Util|Utils|Base)\b", re.MULTILINE)


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    long = {named(path): n for path in sources() if (n := len(path.read_text().splitlines())) > LONGEST_FILE}
    assert long == {}


def test_no_line_is_wider_than_the_page_counted_in_characters() -> None:
    wide = [
        f"{named(path)}:{number}"
        for path in sources()
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if len(line) > WIDEST_LINE
    ]
    assert wide == []


def test_nothing_is_silenced_skipped_or_left_for_later() -> None:
    found = [
        f"{named(path)}:{number}"
        for path in sources()
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if SILENCED.search(line)
    ]
    assert found == []


def test_no_class_has_a_name_that_says_nothing() -> None:
    assert [named(path) for path in sources() if VAGUE.search(path.read_text())] == []


@pytest.mark.parametrize("package", PACKAGES[:-1])
def test_every_module_says_in_its_first_line_what_it_is(package: str) -> None:
    silent = [
        named(path)
        for path in sorted((ROOT / package).rglob("*.py"))
        if path.name != "__init__.py" and not path.read_text().startswith('"""')
    ]
    assert silent == []


def test_the_top_level_holds_only_the_agreed_names() -> None:
    assert [path.name for path in ROOT.iterdir() if not TOP_LEVEL.fullmatch(path.name)] == []


def test_the_requirement_files_pin_and_hash_everything_and_name_no_place() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / name).read_text()
        assert not re.search(r"://|^-|index-url|find-links|trusted-host", text, re.MULTILINE), name
        pins = [block for block in re.split(r"\n(?=[A-Za-z0-9])", text) if not block.startswith("#")]
        assert pins
        unpinned = [block.split()[0] for block in pins if "==" not in block or "--hash=sha256:" not in block]
        assert unpinned == []


def test_everything_that_runs_is_pinned_the_same_in_both_requirement_files() -> None:
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^([A-Za-z0-9._-]+==\S+)", (ROOT / name).read_text(), re.MULTILINE))

    assert pins("requirements.txt") <= pins("requirements-dev.txt")


def test_every_direct_dependency_has_its_reason_written_down() -> None:
    reasons = (ROOT / "docs" / "dependencies.md").read_text()
    project = (ROOT / "pyproject.toml").read_text()
    tables = project[project.index("dependencies = [") : project.index("[project.scripts]")]
    direct = re.findall(r'^ +"([a-z0-9-]+)|\["([a-z0-9-]+)', tables, re.MULTILINE)
    missing = [name for pair in direct if f"**{(name := pair[0] or pair[1])}**" not in reasons]
    assert missing == []
