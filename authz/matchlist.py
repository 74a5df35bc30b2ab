"""The compiled match list (照会許可用照合リスト): one immutable index that answers a dated question.

A :class:`MatchList` is made from a :class:`ListSource` and never changes; a new list is a new object, and replacing one
is replacing a reference. The index has, per revision, one level per column of the table::

    kind of inquirer -> task -> kind of provider -> information -> Answer

and the level at which nothing is found is the column that forbids. Where several rows cover a question, the first one
of the table is its ground. Nearly every body carries the kinds of one kind alone: for these sets of kinds the levels
are written out when the list is compiled, so that an answer is found by four keys. A body of several kinds is answered
from the kinds one by one. Nothing is remembered of questions: there is no cache that could be wrong.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

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
from authz.reasons import Reason
from sympho.codes import InformationCode, ItemCode, TaskCode

__all__ = [
    "MUNICIPALITY",
    "WIDE_AREA_UNION",
    "Answer",
    "BadList",
    "Certainty",
    "Fault",
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


class Miss(StrEnum):
    """The first column at which nothing permitted remains, in the order of the law's four conditions (19条8号).

    A decision's reason for it has the same name after ``list-``.
    """

    DATE = "date"
    INQUIRER_KIND = "inquirer-kind"
    TASK = "task"
    PROVIDER_KIND = "provider-kind"
    INFORMATION = "information"


_COLUMNS: Final = (
    (Miss.INQUIRER_KIND, Reason.LIST_INQUIRER_KIND),
    (Miss.TASK, Reason.LIST_TASK),
    (Miss.PROVIDER_KIND, Reason.LIST_PROVIDER_KIND),
    (Miss.INFORMATION, Reason.LIST_INFORMATION),
)

InForce = tuple[date, date | None]
"""First and last day of a revision."""


class Answer(Struct, frozen=True, gc=False):
    """What a list says of a question, with all that it rests on: the row that covers it, or the column that forbids it.

    Answers are shared: one for each row under one pair of its kinds, one for each column of a revision. ``rank`` orders
    rows as the table does. ``reasons`` is what a decision says of the column. ``text`` is item and row, ``25:1.1``; it
    and what else tells the row are empty where none covers the question, revision and days where none was in force.
    """

    miss: Miss | None
    reasons: tuple[Reason, ...]
    rank: int
    item: str
    row: str
    text: str
    certainty: Certainty | None
    inquirer_kind: str
    provider_kind: str
    revision: str
    in_force: InForce | None
    serial: int
    digest: str

    @property
    def permitted(self) -> bool:
        """Whether a row covers the question."""
        return self.miss is None


ByInformation = dict[InformationCode, Answer]
ByProvider = dict[str, ByInformation]
ByTask = dict[TaskCode, ByProvider]
Index = dict[str, ByTask]
Kinds = frozenset[str]
Closed = dict[Kinds, dict[TaskCode, dict[Kinds, ByInformation]]]
"""The index written out for every set of kinds that a body of one kind carries; such a set is in it even if empty."""


@dataclass(frozen=True, slots=True)
class _InForce:
    since: date
    until: date
    revision: Revision
    index: Index
    closed: Closed
    forbidden: tuple[Answer, Answer, Answer, Answer]
    """What is said where a column forbids, in the order of the columns."""


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
    _sets: Mapping[Kinds, Kinds]
    _newest_first: tuple[_InForce, ...]
    _no_list: Answer

    def close_kinds(self, kinds: Iterable[str]) -> Kinds:
        """The kinds with every wider kind that they also carry; see :func:`authz.listsource.close_kinds`."""
        closed = close_kinds(kinds, self._counts_as)
        return self._sets.get(closed, closed)

    def revision_on(self, day: date) -> Revision | None:
        """The revision in force on a day, or ``None``: no table at hand was."""
        in_force = self._on(day)
        return in_force.revision if in_force else None

    def nothing_on(self, day: date) -> Answer:
        """What a decision of that day rests on that has found no row: list and revision alone."""
        in_force = self._on(day)
        return in_force.forbidden[0] if in_force else self._no_list

    def look_up(
        self, inquirer_kinds: Kinds, task: TaskCode, provider_kinds: Kinds, information: InformationCode, day: date
    ) -> Answer:
        """The row that lets one of these kinds ask one of those on that day, or the column that forbids it."""
        for in_force in self._newest_first:
            if in_force.since <= day:
                break
        else:
            return self._no_list
        if day > in_force.until:
            return self._no_list
        closed = in_force.closed
        by_task = closed.get(inquirer_kinds)
        if by_task is None or provider_kinds not in closed:
            return _by_kinds(in_force, inquirer_kinds, task, provider_kinds, information)
        by_provider = by_task.get(task)
        if by_provider is None:
            return in_force.forbidden[1 if by_task else 0]
        by_information = by_provider.get(provider_kinds)
        if by_information is None:
            return in_force.forbidden[2]
        return by_information.get(information) or in_force.forbidden[3]

    def look_up_in(
        self,
        item: str,
        inquirer_kinds: Collection[str],
        task: TaskCode,
        provider_kinds: Collection[str],
        information: InformationCode,
        day: date,
    ) -> Answer | None:
        """The first row of one item that covers a question. Slower than :meth:`look_up`: it reads the item's rows."""
        in_force = self._on(day)
        if in_force is None:
            return None
        rows = self.procedures.rows_of(in_force.revision.revision, item)
        for rank, row in enumerate(rows, start=1):
            if row.task != task or row.information != information:
                continue
            asking = next((kind for kind in row.inquirers if kind in inquirer_kinds), None)
            asked = next((kind for kind in row.providers if kind in provider_kinds), None)
            if asking is not None and asked is not None:
                return _covering(in_force.forbidden[0], row, rank, asking, asked)
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
    no_list = Answer(Miss.DATE, (Reason.LIST_DATE,), 0, "", "", "", None, "", "", "", None, serial, digest(document))
    counts_as = MappingProxyType({kind.kind: kind.counts_as for kind in ordered.kinds})
    sets = [close_kinds((kind.kind,), counts_as) for kind in ordered.kinds]
    return MatchList(
        serial=serial,
        digest=no_list.digest,
        source=ordered,
        kinds=MappingProxyType({kind.kind: kind for kind in ordered.kinds}),
        tasks=MappingProxyType({task.task: task for task in ordered.tasks}),
        information=MappingProxyType({kind.information: kind for kind in ordered.information}),
        items=MappingProxyType(_items(ordered)),
        procedures=Procedures(ordered),
        _counts_as=counts_as,
        _sets=MappingProxyType({kinds: kinds for kinds in sets}),
        _newest_first=tuple(_in_force(ordered, one, no_list, sets) for one in reversed(ordered.revisions)),
        _no_list=no_list,
    )


def _items(source: ListSource) -> dict[InformationCode, frozenset[ItemCode]]:
    gathered: dict[InformationCode, set[ItemCode]] = {}
    for item in source.items:
        gathered.setdefault(item.information, set()).add(item.item)
    return {information: frozenset(items) for information, items in gathered.items()}


def _in_force(source: ListSource, revision: Revision, no_list: Answer, sets: Sequence[Kinds]) -> _InForce:
    days = (revision.in_force_from, revision.in_force_until)
    inquirer, task, provider, information = (
        replace(no_list, miss=column, reasons=(reason,), revision=revision.revision, in_force=days)
        for column, reason in _COLUMNS
    )
    index: Index = {}
    rank = 0
    for row in source.rows:
        if row.revision != revision.revision:
            continue
        for asking in row.inquirers:
            by_provider = index.setdefault(asking, {}).setdefault(row.task, {})
            for asked in row.providers:
                rank += 1
                answer = _covering(inquirer, row, rank, asking, asked)
                by_provider.setdefault(asked, {}).setdefault(row.information, answer)
    forbidden = (inquirer, task, provider, information)
    return _InForce(days[0], days[1] or date.max, revision, index, _closed(index, sets), forbidden)


def _covering(in_force: Answer, row: Row, rank: int, inquirer_kind: str, provider_kind: str) -> Answer:
    """The answer that a row gives, on the days of the revision that this other answer is of."""
    return replace(
        in_force,
        miss=None,
        reasons=(),
        rank=rank,
        item=row.item,
        row=row.row,
        text=f"{row.item}:{row.row}",
        certainty=row.certainty,
        inquirer_kind=inquirer_kind,
        provider_kind=provider_kind,
    )


def _closed(index: Index, sets: Sequence[Kinds]) -> Closed:
    found: Closed = {kinds: {} for kinds in sets}
    for asking in sets:
        for kind in asking:
            for task, by_provider in index.get(kind, {}).items():
                for asked in sets:
                    for other in asked:
                        if other in by_provider:
                            here = found[asking].setdefault(task, {}).setdefault(asked, {})
                            _first_of_table(here, by_provider[other])
                found[asking].setdefault(task, {})
    return found


def _first_of_table(here: ByInformation, more: ByInformation) -> None:
    for information, answer in more.items():
        if information not in here or answer.rank < here[information].rank:
            here[information] = answer


def _by_kinds(
    in_force: _InForce, inquirer_kinds: Kinds, task: TaskCode, provider_kinds: Kinds, information: InformationCode
) -> Answer:
    """The answer to bodies of several kinds: the first row of the table under any pair of them."""
    best: Answer | None = None
    depth = 0
    for inquirer_kind in inquirer_kinds:
        by_task = in_force.index.get(inquirer_kind)
        if by_task is None:
            continue
        by_provider = by_task.get(task)
        if by_provider is None:
            depth = depth or 1
            continue
        depth = max(depth, 2)
        for provider_kind in provider_kinds:
            by_information = by_provider.get(provider_kind)
            if by_information is None:
                continue
            depth = 3
            answer = by_information.get(information)
            if answer is not None and (best is None or answer.rank < best.rank):
                best = answer
    return best or in_force.forbidden[depth]
