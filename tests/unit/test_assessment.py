"""The page on the source document is true: every place of it once, every test that is named there, and the count."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "assessment.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| ((?:Ⅰ-2|Ⅲ-6) [^|]+?) \| ([^|]*?) \| ([^|]*?) \|$", re.MULTILINE)
CELL = re.compile(r"(?:`test_\w+`(?:, `test_\w+`)*)?(?:; )?(?:not yet: [^`]+)?")
COUNT = re.compile(r"Statements: (\d+)\. Shown: (\d+)\. Partly: (\d+)\. Not yet: (\d+)\.")

SYSTEMS = {
    "1": "②1 ②2 ②3 ③",
    "2": "②1 ②2 ②3 ②4 ③",
    "3": "②1a ②1b ②2 ②3a ②3b ②4a ②4b ②4c ②4d ②5a ②5b ③",
    "4": "②1a ②1b ②2a ②2b ②3a ②3b ②4a ②4b ②4c ②5a ②5b ②6 ②7a ②7b ②8 ②9a ②9b ②10a ②10b ②10c ②10d ③",
    "5": "②1 ②2 ②3 ②4 ②5 ②6 ②7 ③",
    "6": "②1 ②2 ②3 ③",
    "7": "②1 ②2 ②3 ②4 ③",
}
"""Ⅰ-2 of the source, system by system: ② what it does, by its own numbers or bullets (letters where one says two
things), ③ with what it is connected."""
RISKS = {"リスク1": "①a ①b ①c ② ※", "リスク2": "①a ①b ② ③a ③b ④"}
"""Ⅲ-6 of the source: is it connected; the measures against each risk; other risks."""

PLACES = [f"Ⅰ-2 システム{number} {part}" for number, parts in SYSTEMS.items() for part in parts.split()]
PLACES += [
    "Ⅲ-6 接続",
    *(f"Ⅲ-6 {risk} {part}" for risk, parts in RISKS.items() for part in parts.split()),
    "Ⅲ-6 その他",
]


@cache
def names_there() -> frozenset[str]:
    found = re.compile(r"^(?:async )?def (test_\w+)\(", re.MULTILINE)
    return frozenset(name for path in (ROOT / "tests").rglob("test_*.py") for name in found.findall(path.read_text()))


def rows() -> Iterator[tuple[str, str, str]]:
    yield from ROW.findall(PAGE)


def test_every_place_of_the_source_has_exactly_one_row_in_the_order_of_the_source() -> None:
    assert [place for place, _, _ in rows()] == PLACES
    assert len(PLACES) == len(set(PLACES))


@pytest.mark.parametrize("place", PLACES)
def test_what_shows_a_statement_is_tests_that_exist_or_a_reason_why_nothing_does(place: str) -> None:
    [(said, shown)] = [(said, shown) for where, said, shown in rows() if where == place]
    assert said
    assert shown
    assert CELL.fullmatch(shown), shown
    assert set(re.findall(r"`(test_\w+)`", shown)) - names_there() == set()


def test_the_page_counts_its_own_rows() -> None:
    shown = [cell for _, _, cell in rows() if "not yet" not in cell]
    partly = [cell for _, _, cell in rows() if "not yet" in cell and "`test_" in cell]
    neither = [cell for _, _, cell in rows() if "`test_" not in cell]
    [said] = COUNT.findall(PAGE)
    assert tuple(map(int, said)) == (len(PLACES), len(shown), len(partly), len(neither))
