"""The compiled match list (照会許可用照合リスト): one immutable index that answers a dated question.

A :class:`MatchList` is made from a :class:`ListSource` and never changes; a new list is a new object, and replacing one
is replacing a reference. The index has, per revision, one level per column of the table::

    kind of inquirer -> task -> kind of provider -> information -> Ground

so a look-up costs a few dictionary look-ups per kind of the two agencies, and the level at which it finds nothing is
the column that forbids. Where several rows cover a question, the first one of the table is its ground.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType

from msgspec import Struct

from authz.listdocument import BadList, canonical, digest, parse
from authz.listrules import Fault
from authz.listsource import (
    MUNICIPALITY,
    WIDE_AREA_UNION,
    Certainty,
    Information,
    Item,
    Kind,
    ListSource,
    Origin,
    Party,
    Procedure,
    Revision,
    Row,
    Task,
    close_kinds,
)
from authz.procedures import Procedures
from sympho.codes import InformationCode, ItemCode, TaskCode

__all__ = [
    "MUNICIPALITY",
    "WIDE_AREA_UNION",
    "BadList",
    "Certainty",
    "Fault",
    "Ground",
    "Information",
    "Item",
    "Kind",
    "ListSource",
    "MatchList",
    "Miss",
    "Origin",
    "Party",
    "Procedure",
    "Revision",
    "Row",
    "Task",
    "canonical",
    "close_kinds",
    "compile_list",
    "digest",
    "parse",
]


class Ground(Struct, frozen=True, gc=False):
    """根拠: the row of the table that covers a question, under one pair of kinds.

    ``rank`` orders grounds as the table does. ``text`` is the item and its row, ``25:1.1``.
    """

    rank: int
    revision: str
    item: str
    row: str
    text: str
    certainty: Certainty
    inquirer_kind: str
    provider_kind: str


class Miss(StrEnum):
    """The first column at which nothing permitted remains, in the order of the law's four conditions (19条8号)."""

    DATE = "date"
    INQUIRER_KIND = "inquirer-kind"
    TASK = "task"
    PROVIDER_KIND = "provider-kind"
    INFORMATION = "information"


_BY_DEPTH = (Miss.INQUIRER_KIND, Miss.TASK, Miss.PROVIDER_KIND, Miss.INFORMATION)

ByInformation = dict[InformationCode, Ground]
ByProvider = dict[str, ByInformation]
ByTask = dict[TaskCode, ByProvider]
Index = dict[str, ByTask]


@dataclass(frozen=True, slots=True)
class _InForce:
    since: date
    until: date
    revision: Revision
    index: Index


@dataclass(frozen=True, slots=True, eq=False)
class MatchList:
    """A match list with its serial and the digest of its document. Compiled by :func:`compile_list`, then immutable."""

    serial: int
    digest: str
    source: ListSource
    kinds: Mapping[str, Kind]
    tasks: Mapping[TaskCode, Task]
    information: Mapping[InformationCode, Information]
    items: Mapping[InformationCode, frozenset[ItemCode]]
    procedures: Procedures
    _counts_as: Mapping[str, str]
    _newest_first: tuple[_InForce, ...]

    def close_kinds(self, kinds: Iterable[str]) -> frozenset[str]:
        """The kinds with every wider kind that they also carry; see :func:`authz.listsource.close_kinds`."""
        return close_kinds(kinds, self._counts_as)

    def revision_on(self, day: date) -> Revision | None:
        """The revision in force on a day, or ``None``: no table at hand was."""
        in_force = self._on(day)
        return in_force.revision if in_force else None

    def look_up(
        self,
        inquirer_kinds: Collection[str],
        task: TaskCode,
        provider_kinds: Collection[str],
        information: InformationCode,
        day: date,
    ) -> Ground | Miss:
        """The row that lets one of these kinds ask one of those on that day, or the column that forbids it."""
        in_force = self._on(day)
        if in_force is None:
            return Miss.DATE
        index = in_force.index
        best: Ground | None = None
        depth = 0
        for inquirer_kind in inquirer_kinds:
            by_task = index.get(inquirer_kind)
            if by_task is None:
                continue
            by_provider = by_task.get(task)
            if by_provider is None:
                depth = depth or 1
                continue
            if depth < 2:
                depth = 2
            for provider_kind in provider_kinds:
                by_information = by_provider.get(provider_kind)
                if by_information is None:
                    continue
                depth = 3
                ground = by_information.get(information)
                if ground is not None and (best is None or ground.rank < best.rank):
                    best = ground
        return _BY_DEPTH[depth] if best is None else best

    def look_up_in(
        self,
        item: str,
        inquirer_kinds: Collection[str],
        task: TaskCode,
        provider_kinds: Collection[str],
        information: InformationCode,
        day: date,
    ) -> Ground | None:
        """The first row of one item that covers a question. Slower than :meth:`look_up`: it reads the item's rows."""
        in_force = self._on(day)
        rows = self.procedures.rows_of(in_force.revision.revision, item) if in_force else ()
        for rank, row in enumerate(rows, start=1):
            if row.task != task or row.information != information:
                continue
            asking = next((kind for kind in row.inquirers if kind in inquirer_kinds), None)
            asked = next((kind for kind in row.providers if kind in provider_kinds), None)
            if asking is not None and asked is not None:
                return _ground(row, rank, asking, asked)
        return None

    def _on(self, day: date) -> _InForce | None:
        for in_force in self._newest_first:
            if in_force.since <= day:
                return in_force if day <= in_force.until else None
        return None


def compile_list(source: ListSource, serial: int) -> MatchList:
    """The index of a list under its serial, which only ever rises.

    Raises ``BadList`` for a source whose document would not be read back, ``ValueError`` for a serial below 1.
    """
    if serial < 1:
        raise ValueError("serial: 1 or more expected")
    document = canonical(source)
    ordered = parse(document)
    return MatchList(
        serial=serial,
        digest=digest(document),
        source=ordered,
        kinds=MappingProxyType({kind.kind: kind for kind in ordered.kinds}),
        tasks=MappingProxyType({task.task: task for task in ordered.tasks}),
        information=MappingProxyType({kind.information: kind for kind in ordered.information}),
        items=MappingProxyType(_items(ordered)),
        procedures=Procedures(ordered),
        _counts_as=MappingProxyType({kind.kind: kind.counts_as for kind in ordered.kinds}),
        _newest_first=tuple(_in_force(ordered, revision) for revision in reversed(ordered.revisions)),
    )


def _items(source: ListSource) -> dict[InformationCode, frozenset[ItemCode]]:
    gathered: dict[InformationCode, set[ItemCode]] = {}
    for item in source.items:
        gathered.setdefault(item.information, set()).add(item.item)
    return {information: frozenset(items) for information, items in gathered.items()}


def _in_force(source: ListSource, revision: Revision) -> _InForce:
    index: Index = {}
    rank = 0
    for row in source.rows:
        if row.revision != revision.revision:
            continue
        for inquirer_kind in row.inquirers:
            by_provider = index.setdefault(inquirer_kind, {}).setdefault(row.task, {})
            for provider_kind in row.providers:
                rank += 1
                ground = _ground(row, rank, inquirer_kind, provider_kind)
                by_provider.setdefault(provider_kind, {}).setdefault(row.information, ground)
    return _InForce(revision.in_force_from, revision.in_force_until or date.max, revision, index)


def _ground(row: Row, rank: int, inquirer_kind: str, provider_kind: str) -> Ground:
    return Ground(
        rank=rank,
        revision=row.revision,
        item=row.item,
        row=row.row,
        text=f"{row.item}:{row.row}",
        certainty=row.certainty,
        inquirer_kind=inquirer_kind,
        provider_kind=provider_kind,
    )
