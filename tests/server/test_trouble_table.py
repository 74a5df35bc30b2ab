"""``docs/troubles.md`` is true: every trouble has its row, every named test exists, every named problem is one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.problems import PROBLEMS

ROOT = Path(__file__).parents[2]
COLUMNS = ["Trouble", "Cause", "What one sees", "What to do", "How it heals", "Tests"]
TROUBLES = (
    "malformed bodies",
    "unknown codes",
    "wrong check digits",
    "dates out of range",
    "wrong duty",
    "expired tokens",
    "forged tokens",
    "another agency's token",
    "replayed permits and notices",
    "altered permits and notices",
    "stale list",
    "agency not in force",
    "closed notice",
    "clock skew between parties",
    "clock skew of tokens",
    "clock skew of the world",
    "certificate expired",
    "certificate of another agency",
    "database gone and back",
    "network party gone and back",
    "port taken",
    "folder unwritable",
    "disk full",
    "disk full for logs and reports",
    "second server on the same data",
    "PostgreSQL too old",
    "role creation not allowed",
)
TEST = re.compile(r"^ *(?:def |async def )?(test_\w+)(?= = |\()", re.MULTILINE)
PROBLEM = re.compile(r"`([a-z]+(?:-[a-z]+)*)` (\d{3})")


def rows() -> dict[str, list[str]]:
    """The cells of every row, by its trouble."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / "docs" / "troubles.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| ") and cells != COLUMNS:
            assert len(cells) == len(COLUMNS), line
            found[cells[0]] = cells
    return found


def names_of_tests() -> set[str]:
    """The name of every test there is."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")]
    return {name for text in texts for name in TEST.findall(text)}


def test_every_trouble_has_a_row_and_there_is_no_other() -> None:
    assert tuple(rows()) == TROUBLES


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_row_says_cause_message_advice_and_healing_and_names_tests_that_exist(trouble: str) -> None:
    cells = rows()[trouble]
    assert all(cells)
    named = re.findall(r"`(test_\w+)`", cells[5])
    assert named
    assert set(named) <= names_of_tests()


def test_every_problem_of_a_row_is_one_of_the_closed_table_with_its_status() -> None:
    said = [one for cells in rows().values() for one in PROBLEM.findall(cells[2])]
    assert len(said) > len(TROUBLES) / 2
    assert [(slug, int(status)) for slug, status in said if PROBLEMS[slug].status != int(status)] == []


def test_what_a_start_ends_with_is_said_where_no_problem_can_be() -> None:
    assert [name for name, cells in rows().items() if not PROBLEM.search(cells[2]) and "exit 3" not in cells[2]] == [
        "agency not in force",
        "clock skew of the world",
        "disk full for logs and reports",
    ]
