"""An agency code list is read with its windows, bad lines are named all at once, good ones are not lost."""

from __future__ import annotations

from datetime import date

from authz.questions import AgencyFacts, Window
from fixtures.folders.agencycodes import ListedAgency, kinds_by_prefix, read_code_list
from fixtures.folders.mistakes import Mistake
from fixtures.lists import load

KINDS = load().kinds
HEADER = "agency_code,serial,name,valid_from,valid_to"
CITY = "0220104100901700"
OPEN = "9999-12-31T23:59"


def read(*lines: str, header: str = HEADER) -> tuple[list[ListedAgency], list[str]]:
    mistakes: list[Mistake] = []
    found = read_code_list("codes.csv", "\n".join([header, *lines, ""]), KINDS, mistakes)
    return found, [f"{one.spot.line}:{one.spot.column} {one.en}" for one in mistakes]


def test_the_windows_of_a_code_are_gathered_with_their_gaps() -> None:
    found, mistakes = read(
        f"{CITY},2,新市,2010-04-01T00:00,{OPEN}",
        f"{CITY},1,旧市,2005-01-01T00:00,2009-03-31T23:59",
    )
    assert mistakes == []
    [agency] = found
    assert agency.name == "新市"
    assert agency.kinds == ("MUNICIPALITY",)
    assert agency.valid == (Window(date(2005, 1, 1), date(2009, 3, 31)), Window(date(2010, 4, 1), None))
    facts = AgencyFacts(agency.code, agency.name, frozenset(agency.kinds), agency.valid)
    days = {date(2005, 1, 1): True, date(2009, 3, 31): True, date(2009, 4, 1): False, date(2010, 4, 1): True}
    assert {day: facts.in_force(day) for day in days} == days
    assert facts.in_force(date(2100, 1, 1))
    assert not facts.in_force(date(2004, 12, 31))


def test_a_window_that_ends_at_midnight_ended_the_day_before() -> None:
    [agency], _ = read(f"{CITY},1,市,2005-01-01,2009-04-01T00:00")
    assert agency.valid == (Window(date(2005, 1, 1), date(2009, 3, 31)),)


def test_bad_lines_are_named_together_and_every_code_without_one_is_read() -> None:
    found, mistakes = read(
        f"{CITY},1,市,2005-01-01,{OPEN}",
        f"0220104100801700,1,検査数字,2005-01-01,{OPEN}",
        "0220104202101700,1,期間,2005-01-01,2004-01-01",
        f"0220104203001700,x,,2005-13-01,{OPEN}",
        f"{CITY},2,重なり,2010-01-01,{OPEN}",
        f"0220104205601700,1,市,2005-01-01,{OPEN}",
        "0220104206401700,1,市,2005-01-01,2009-12-31",
        f"0220104206401700,1,市,2010-01-01,{OPEN}",
    )
    assert [agency.code for agency in found] == ["0220104205601700"]
    places = [one.partition(" ")[0] for one in sorted(mistakes)]
    assert places == ["3:1", "4:34", "5:18", "5:20", "5:21", "6:24", "9:18"]


def test_a_kind_follows_from_the_prefix_where_only_one_can_be_meant() -> None:
    kinds = kinds_by_prefix(KINDS)
    assert kinds["02201"] == "MUNICIPALITY"
    assert kinds["02200"] == "PREFECTURE"
    assert "02104" not in kinds
    assert "05101" not in kinds


def test_an_unclear_kind_is_taken_from_the_line_if_somebody_has_written_it_there() -> None:
    line = f"0210400000101700,1,共済,2005-01-01,{OPEN}"
    [unclear], _ = read(line)
    assert unclear.kinds == ()
    [named], _ = read(f"{line},LOCAL_MUTUAL_AID", header=f"{HEADER},kind")
    assert named.kinds == ("LOCAL_MUTUAL_AID",)
    [unknown], _ = read(f"{line},NOBODY", header=f"{HEADER},kind")
    assert unknown.kinds == ()
