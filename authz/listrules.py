"""What the lines of a match list say about each other (照合リストの整合): order, names that nothing defines, days that overlap.

Used by ``authz.listdocument`` when it reads a document; a single field is judged there, two lines together here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from authz.listsource import Certainty, Information, Item, Kind, Party, Procedure, Revision, Row, Task
from sympho.codes import InformationCode

Record = Kind | Party | Task | Information | Item | Revision | Row | Procedure
Numbered = tuple[int, Record]
"""A record with the line it stands on."""

Key = tuple[object, ...]


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing wrong with a document: the line (from 1; 0 is the whole document), the field, the rule it breaks."""

    line: int
    field: str
    rule: str


def place(record: Record, starts: dict[str, date]) -> Key:
    """Where a record stands in the document; equal places are the same thing said twice."""
    match record:
        case Kind():
            return (0, record.kind)
        case Party():
            return (1, record.phrase)
        case Task():
            return (2, record.task)
        case Information():
            return (3, record.information)
        case Item():
            return (4, record.information, record.item)
        case Revision():
            return (5, record.in_force_from, record.revision)
        case Row():
            start = starts.get(record.revision, date.max)
            return (6, start, record.revision, numbers(record.item, "-"), numbers(record.row, "."))
        case Procedure():
            start = starts.get(record.revision, date.max)
            below = (numbers(record.article, "-"), record.ordinal, record.procedure)
            return (7, start, record.revision, numbers(record.item, "-"), *below)


def numbers(text: str, mark: str) -> tuple[int, ...]:
    """The parts of an item's, row's or article's number, so that 16-2 stands between 16 and 17."""
    return tuple(int(part) if part.isascii() and part.isdigit() else 0 for part in text.split(mark))


def disorder(numbered: list[Numbered]) -> Iterator[Fault]:
    """Lines out of order, or two lines for one thing."""
    starts = {record.revision: record.in_force_from for _, record in numbered if isinstance(record, Revision)}
    before: Key = ()
    for number, record in numbered:
        here = place(record, starts)
        if before and here <= before:
            yield Fault(number, "line", "repeated" if here == before else "out of order")
        before = here


def contradictions(numbered: list[Numbered]) -> Iterator[Fault]:
    """Names that nothing defines, items of another information, days in force that overlap."""
    known = _Known.of(record for _, record in numbered)
    earlier: list[Revision] = []
    named: set[str] = set()
    for number, record in numbered:
        match record:
            case Kind() if record.counts_as:
                yield from _undefined(number, "counts_as", [record.counts_as], known.kinds)
            case Party():
                yield from _undefined(number, "kinds", record.kinds, known.kinds)
            case Item():
                yield from _undefined(number, "information", [record.information], known.information)
                if record.item[2:8] != item_prefix(record.information):
                    yield Fault(number, "item", "the six digits of its information expected")
            case Information() if record.information not in known.with_items:
                yield Fault(number, "information", "at least one item expected")
            case Revision():
                yield from _overlaps(number, record, earlier)
                earlier.append(record)
            case Row():
                yield from _undefined(number, "revision", [record.revision], known.revisions)
                yield from _undefined(number, "inquirers", record.inquirers, known.kinds)
                yield from _undefined(number, "task", [record.task], known.tasks)
                yield from _undefined(number, "providers", record.providers, known.kinds)
                yield from _undefined(number, "information", [record.information], known.information)
            case Procedure():
                yield from _procedure(number, record, known, named)
                named.add(record.procedure)


def _procedure(number: int, record: Procedure, known: _Known, named: set[str]) -> Iterator[Fault]:
    if record.procedure in named:
        yield Fault(number, "procedure", "each code only once expected")
    yield from _undefined(number, "revision", [record.revision], known.revisions)
    yield from _undefined(number, "information", record.information, known.information)
    if (record.revision, record.item) not in known.table_items:
        yield Fault(number, "item", "an item with rows in its revision expected")
    if not record.information and record.certainty is not Certainty.C:
        yield Fault(number, "certainty", "C expected where no line is mapped")


def item_prefix(information: InformationCode) -> str:
    """The six digits that stand for an information in its items: the first of its digits, and the last five."""
    return information[2] + information[-5:]


class _Known(NamedTuple):
    kinds: set[str]
    tasks: set[str]
    information: set[str]
    with_items: set[str]
    revisions: set[str]
    table_items: set[tuple[str, str]]
    """Revisions with the items of their tables."""

    @classmethod
    def of(cls, records: Iterable[Record]) -> _Known:
        known = cls(set(), set(), set(), set(), set(), set())
        for record in records:
            match record:
                case Kind():
                    known.kinds.add(record.kind)
                case Task():
                    known.tasks.add(record.task)
                case Information():
                    known.information.add(record.information)
                case Item():
                    known.with_items.add(record.information)
                case Revision():
                    known.revisions.add(record.revision)
                case Row():
                    known.table_items.add((record.revision, record.item))
                case Party() | Procedure():
                    pass
        return known


def _undefined(number: int, field: str, names: Iterable[str], known: set[str]) -> Iterator[Fault]:
    for name in names:
        if name not in known:
            yield Fault(number, field, f"no line defines {name}")


def _overlaps(number: int, revision: Revision, earlier: list[Revision]) -> Iterator[Fault]:
    until = revision.in_force_until
    if until is not None and until < revision.in_force_from:
        yield Fault(number, "in_force_until", "not before the first day in force expected")
    if any(revision.revision == other.revision for other in earlier):
        yield Fault(number, "revision", "each name only once expected")
    last = earlier[-1] if earlier else None
    if last is not None and (last.in_force_until is None or last.in_force_until >= revision.in_force_from):
        yield Fault(number, "in_force_from", "a day after the last one of the revision before expected")
