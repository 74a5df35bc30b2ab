"""Procedures below the items (事務手続): which are carried on a day, and of which task they are.

The ordinance's articles say, per item, for which procedures which information is needed. A revision carries its own
procedures, and those of the revision before it for every item whose rows it left as they were; a procedure of an item
that was amended is known, but what it needs now is not at hand.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Set
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from authz.listsource import Certainty, ListSource, Procedure, Row
from sympho.codes import InformationCode, ProcedureCode, TaskCode

__all__ = ["NARROWINGS", "Narrowing", "NarrowingText", "Procedures", "narrowing"]


class Narrowing(StrEnum):
    """事務手続の効き方: what a named procedure did to what its item permits."""

    NONE = ""
    """None was named, or it was not judged so far."""
    LINES = "lines"
    """Its lines decide."""
    UNMAPPED = "unmapped"
    """A line of it is not mapped and none that is names the information: the item's level holds."""
    AMENDED = "amended"
    """Its item reads otherwise on this day: the item's level holds."""
    NOT_CARRIED = "not-carried"
    """No procedures of this day's table are at hand: the item's level holds."""


class NarrowingText(NamedTuple):
    """What a person is told of it."""

    ja: str
    en: str


NARROWINGS: Mapping[Narrowing, NarrowingText] = MappingProxyType(
    {
        Narrowing.NONE: NarrowingText("事務手続による判定はありません", "No procedure was judged"),
        Narrowing.LINES: NarrowingText("事務手続の情報の行で判定しました", "Decided by the procedure's own lines"),
        Narrowing.UNMAPPED: NarrowingText(
            "事務手続に対応の付かない行があるため、項の段階で判定しました",
            "A line of the procedure is not mapped: what its item permits stands",
        ),
        Narrowing.AMENDED: NarrowingText(
            "事務手続の項が改正されているため、項の段階で判定しました",
            "The procedure's item was amended: what the item permits stands",
        ),
        Narrowing.NOT_CARRIED: NarrowingText(
            "この日の表の事務手続がないため、項の段階で判定しました",
            "No procedures of that day's table are at hand: what the item permits stands",
        ),
    }
)

Carried = Mapping[ProcedureCode, Procedure]
NOTHING: Carried = MappingProxyType({})
NO_ITEMS: Mapping[str, Set[str]] = MappingProxyType({})


class Procedures:
    """Every procedure of a list, and per revision those that it carries. Immutable once made."""

    __slots__ = ("_carried", "_items", "_rows", "known")

    def __init__(self, source: ListSource) -> None:
        self.known: Carried = MappingProxyType({one.procedure: one for one in source.procedures})
        rows: dict[str, dict[str, list[Row]]] = {}
        items: dict[tuple[str, TaskCode], dict[str, set[str]]] = {}
        for row in source.rows:
            rows.setdefault(row.revision, {}).setdefault(row.item, []).append(row)
            items.setdefault((row.revision, row.task), {}).setdefault(row.item, set()).update(row.inquirers)
        own: dict[str, list[Procedure]] = {}
        for procedure in source.procedures:
            own.setdefault(procedure.revision, []).append(procedure)
        self._rows = rows
        self._items = items
        self._carried: dict[str, Carried] = {}
        before = ""
        for revision in sorted(source.revisions, key=lambda one: one.in_force_from):
            self._carried[revision.revision] = self._inherit(before, revision.revision, own)
            before = revision.revision

    def _inherit(self, before: str, revision: str, own: Mapping[str, list[Procedure]]) -> Carried:
        its_own = own.get(revision, [])
        restated = {one.item for one in its_own}
        was, now = self._rows.get(before, {}), self._rows.get(revision, {})
        kept = [
            one
            for one in self._carried.get(before, NOTHING).values()
            if one.item not in restated and _content(was.get(one.item, [])) == _content(now.get(one.item, []))
        ]
        return MappingProxyType({one.procedure: one for one in (*kept, *its_own)})

    def carried(self, revision: str) -> Carried:
        """The procedures that a revision carries: its own, and those of items that it left unchanged."""
        return self._carried.get(revision, NOTHING)

    def rows_of(self, revision: str, item: str) -> Collection[Row]:
        """The rows of an item in a revision, in their order."""
        return self._rows.get(revision, {}).get(item, ())

    def asking(self, revision: str, task: TaskCode) -> Mapping[str, Set[str]]:
        """Who asks for a task: the items that have it, with the kinds that they name."""
        return self._items.get((revision, task), NO_ITEMS)


def narrowing(procedure: Procedure, information: InformationCode) -> Narrowing:
    """Whether the lines of a procedure decide about an information, where its item reads as it did."""
    mapped = procedure.certainty is not Certainty.C or information in procedure.information
    return Narrowing.LINES if mapped else Narrowing.UNMAPPED


def _content(rows: Iterable[Row]) -> list[tuple[object, ...]]:
    return [(row.row, row.inquirers, row.task, row.providers, row.information) for row in rows]
