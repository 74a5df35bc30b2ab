"""What a revision permits, written out (許可の展開): one combination for each (kind asking, task, kind asked, information).

A row names kinds; a narrower kind may do what the wider one may, which it also carries. So a combination is permitted
exactly when the decision's look-up for a body of these two kinds finds a row, and its row is the same: the first one of
the table. Whether an agency of the kind may really ask also needs its facts; that is the decision's to say.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from authz.matchlist import MUNICIPALITY, WIDE_AREA_UNION, ListSource, MatchList, Revision, Row
from authz.questions import AgencyFacts
from sympho.codes import InformationCode, TaskCode

__all__ = ["Combination", "carriers", "expanded", "grants", "grants_of", "kinds_asking", "law_order", "rows_of"]


class Combination(NamedTuple):
    """許可の組合せ: a body of this kind, this task, a body of that kind, this information."""

    inquirer: str
    task: TaskCode
    provider: str
    information: InformationCode


def rows_of(source: ListSource, revision: Revision) -> Iterator[Row]:
    """The rows of one revision, in the order of the table."""
    return (row for row in source.rows if row.revision == revision.revision)


def carriers(match_list: MatchList) -> Mapping[str, tuple[str, ...]]:
    """Who may do what a row lets a kind do: the kind itself and every narrower one that also carries it."""
    found: dict[str, list[str]] = {kind: [] for kind in match_list.kinds}
    for kind in match_list.kinds:
        for carried in match_list.close_kinds((kind,)):
            found[carried].append(kind)
    return {kind: tuple(sorted(narrower)) for kind, narrower in found.items()}


def grants(match_list: MatchList, revision: Revision) -> dict[Combination, Row]:
    """Every permitted combination of a revision with the row that is its ground, in the order of the table."""
    return expanded(rows_of(match_list.source, revision), carriers(match_list))


def expanded(rows: Iterable[Row], of: Mapping[str, tuple[str, ...]]) -> dict[Combination, Row]:
    """What these rows permit, each combination with the first row that does; ``of`` are the carriers of kinds."""
    found: dict[Combination, Row] = {}
    for row in rows:
        asked = sorted({kind for named in row.providers for kind in of[named]})
        for inquirer in sorted({kind for named in row.inquirers for kind in of[named]}):
            for provider in asked:
                found.setdefault(Combination(inquirer, row.task, provider, row.information), row)
    return found


def grants_of(
    match_list: MatchList, revision: Revision, asking: Collection[str], agency: AgencyFacts | None = None
) -> dict[Combination, Row]:
    """照会できるもの: what bodies of these kinds may ask, by the list alone, under the kind that the row names.

    With an agency's facts, a wide-area union also counts as a municipality for the tasks that were moved to it.
    """
    of = carriers(match_list)
    found: dict[Combination, Row] = {}
    for row in rows_of(match_list.source, revision):
        mine = [kind for kind in row.inquirers if kind in kinds_asking(asking, row.task, agency)]
        for inquirer in mine[:1]:
            for provider in sorted({kind for named in row.providers for kind in of[named]}):
                found.setdefault(Combination(inquirer, row.task, provider, row.information), row)
    return found


def kinds_asking(asking: Collection[str], task: TaskCode, agency: AgencyFacts | None) -> Collection[str]:
    """The kinds under which a body asks for a task."""
    if agency is not None and WIDE_AREA_UNION in asking and task in agency.delegated_tasks:
        return {*asking, MUNICIPALITY}
    return asking


def law_order(text: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The place of an item and row (``16-2:1.1``) in the table: item 16-2 stands between 16 and 17."""
    item, _, row = text.partition(":")
    return _numbers(item, "-"), _numbers(row, ".")


def _numbers(text: str, mark: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(mark) if part.isdecimal())
