"""The match list as one document (照会許可用照合リストの配布形式): canonical bytes, and back with every fault named.

The document is UTF-8 text without a byte order mark, one JSON array per line, every line ended by a line feed. An array
is written without white space and without escapes that JSON does not demand, so equal content has equal bytes; their
SHA-256 is the digest of the list. Its lines, in this order, each group sorted by the fields marked *::

    ["list","1"]
    ["kind",kind*,ja,en,group,[agency code prefix,...],counts_as or ""]
    ["task",task*,designation,origin]
    ["information",information*,label,origin]
    ["item",information*,item*,label,origin]
    ["revision",id,law,in force from*,in force until or "",text as of,"floor" or ""]
    ["row",revision*,item*,row*,[kind of inquirer,...],task,[kind of provider,...],information,certainty]

Days are ISO 8601. Rows follow the order of their revisions, then of the table (item 16-2 stands between 16 and 17).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import NamedTuple

from authz.listrules import Fault, Numbered, Record, contradictions, disorder, place
from authz.listsource import Certainty, Information, Item, Kind, ListSource, Origin, Revision, Row, Task
from sympho.codes import BadCode, InformationCode, ItemCode, TaskCode

__all__ = ["BadList", "canonical", "check", "digest", "parse"]

HEADER = ["list", "1"]
LENGTH_LIMIT = 16 * 1_048_576
"""Bytes a document may have."""

KIND = re.compile(r"[A-Z][A-Z0-9_]*")
PREFIX = re.compile(r"[0-9]{5}")
REVISION = re.compile(r"[a-z0-9][a-z0-9-]*")
ITEM = re.compile(r"[1-9][0-9]{0,3}(-[1-9][0-9]{0,3}){0,3}")
ROW = re.compile(r"[1-9][0-9]{0,3}(\.[1-9][0-9]{0,3}){0,3}")


class BadList(ValueError):
    """A document that is no match list. ``faults`` holds all of them, in order of lines."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        first = faults[0]
        super().__init__(f"{len(faults)} fault(s), first: line {first.line}, {first.field}: {first.rule}")
        self.faults = faults


# --- writing ------------------------------------------------------------------------------------------------------


def canonical(source: ListSource) -> bytes:
    """The document of a list. Equal content gives equal bytes, whatever the order of its parts."""
    lines = [_text(HEADER), *(_text(_fields(record)) for record in _in_order(source))]
    return "".join(line + "\n" for line in lines).encode("utf-8", "surrogatepass")


def digest(document: bytes) -> str:
    """SHA-256 of the document, in lower-case hexadecimal digits."""
    return hashlib.sha256(document).hexdigest()


def _text(fields: list[object] | list[str]) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def _fields(record: Record) -> list[object]:
    match record:
        case Kind():
            return ["kind", record.kind, record.ja, record.en, record.group, record.prefixes, record.counts_as]
        case Task():
            return ["task", record.task, record.designation, record.origin]
        case Information():
            return ["information", record.information, record.label, record.origin]
        case Item():
            return ["item", record.information, record.item, record.label, record.origin]
        case Revision():
            until = record.in_force_until.isoformat() if record.in_force_until else ""
            days = [record.in_force_from.isoformat(), until, record.text_as_of.isoformat()]
            return ["revision", record.revision, record.law, *days, "floor" if record.floor else ""]
        case Row():
            head = ["row", record.revision, record.item, record.row]
            return [*head, record.inquirers, record.task, record.providers, record.information, record.certainty]


def _in_order(source: ListSource) -> Iterator[Record]:
    starts = {r.revision: r.in_force_from for r in source.revisions}
    parts: tuple[Iterable[Record], ...] = (
        source.kinds,
        source.tasks,
        source.information,
        source.items,
        source.revisions,
        source.rows,
    )
    for part in parts:
        yield from sorted(part, key=lambda record: place(record, starts))


# --- reading ------------------------------------------------------------------------------------------------------


class _Broken(ValueError):
    """A field breaks a rule."""


def parse(document: bytes) -> ListSource:
    """The list that a document says; ``BadList`` names every fault of it at once."""
    faults: list[Fault] = []
    numbered = _records(document, faults)
    faults += disorder(numbered)
    faults += contradictions(numbered)
    if faults:
        raise BadList(tuple(sorted(faults)))
    return _source(record for _, record in numbered)


def check(source: ListSource) -> None:
    """Raises ``BadList`` if the document of this list would not be read back; lines are those of that document."""
    parse(canonical(source))


def _source(records: Iterable[Record]) -> ListSource:
    every = tuple(records)
    return ListSource(
        tuple(record for record in every if isinstance(record, Kind)),
        tuple(record for record in every if isinstance(record, Task)),
        tuple(record for record in every if isinstance(record, Information)),
        tuple(record for record in every if isinstance(record, Item)),
        tuple(record for record in every if isinstance(record, Revision)),
        tuple(record for record in every if isinstance(record, Row)),
    )


def _records(document: bytes, faults: list[Fault]) -> list[Numbered]:
    if len(document) > LENGTH_LIMIT:
        faults.append(Fault(0, "document", f"at most {LENGTH_LIMIT} bytes expected"))
        return []
    try:
        text = document.decode("utf-8")
    except UnicodeDecodeError as error:
        faults.append(Fault(document.count(b"\n", 0, error.start) + 1, "document", "UTF-8 expected"))
        return []
    lines = text.split("\n")
    if lines.pop():
        faults.append(Fault(len(lines) + 1, "document", "a line feed at the end expected"))
    if not lines or lines[0] != _text(HEADER):
        faults.append(Fault(1, "header", f"{_text(HEADER)} expected"))
    numbered = []
    for number, line in enumerate(lines[1:], start=2):
        record = _record(number, line, faults)
        if record is not None:
            numbered.append((number, record))
    return numbered


def _record(number: int, line: str, faults: list[Fault]) -> Record | None:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        faults.append(Fault(number, "line", "a JSON array expected"))
        return None
    if not isinstance(fields, list) or not fields or not isinstance(fields[0], str) or fields[0] not in FORMS:
        faults.append(Fault(number, "line", "an array that begins with the name of a record expected"))
        return None
    form = FORMS[fields[0]]
    if len(fields) != len(form.fields) + 1:
        faults.append(Fault(number, fields[0], f"{len(form.fields) + 1} fields expected"))
        return None
    if _text(fields) != line:
        faults.append(Fault(number, "line", "the canonical form expected"))
    values: list[object] = []
    for (name, read), value in zip(form.fields, fields[1:], strict=True):
        try:
            values.append(read(value))
        except (_Broken, BadCode) as error:
            faults.append(Fault(number, name, str(error)))
    return form.make(*values) if len(values) == len(form.fields) else None


def _word(value: object) -> str:
    if not isinstance(value, str) or not value or value != value.strip() or not value.isprintable():
        raise _Broken("printable text expected")
    return value


def _like(pattern: re.Pattern[str]) -> Callable[[object], str]:
    def read(value: object) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise _Broken(f"text like {pattern.pattern} expected")
        return value

    return read


def _or_empty(read: Callable[[object], str]) -> Callable[[object], str]:
    return lambda value: "" if value == "" else read(value)


def _all_like(pattern: re.Pattern[str]) -> Callable[[object], tuple[str, ...]]:
    one = _like(pattern)

    def read(value: object) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise _Broken("an array expected")
        texts = tuple(one(part) for part in value)
        if len(set(texts)) != len(texts):
            raise _Broken("each only once expected")
        return texts

    return read


def _some_like(pattern: re.Pattern[str]) -> Callable[[object], tuple[str, ...]]:
    every = _all_like(pattern)

    def read(value: object) -> tuple[str, ...]:
        texts = every(value)
        if not texts:
            raise _Broken("at least one expected")
        return texts

    return read


def _day(value: object) -> date:
    try:
        day = date.fromisoformat(_word(value))
    except ValueError:
        raise _Broken("a day like 2024-05-27 expected") from None
    if day.isoformat() != value:
        raise _Broken("a day like 2024-05-27 expected")
    return day


def _day_or_open(value: object) -> date | None:
    return None if value == "" else _day(value)


def _floor(value: object) -> bool:
    if value not in ("floor", ""):
        raise _Broken('"floor" or "" expected')
    return value == "floor"


def _one_of(value: object, names: Iterable[str]) -> str:
    known = tuple(names)
    if not isinstance(value, str) or value not in known:
        raise _Broken(f"one of {', '.join(known)} expected")
    return value


def _origin(value: object) -> Origin:
    return Origin(_one_of(value, Origin))


def _certainty(value: object) -> Certainty:
    return Certainty(_one_of(value, Certainty))


def _task(value: object) -> TaskCode:
    return TaskCode(_word(value))


def _information(value: object) -> InformationCode:
    return InformationCode(_word(value))


def _item(value: object) -> ItemCode:
    return ItemCode(_word(value))


class _Form(NamedTuple):
    make: Callable[..., Record]
    fields: tuple[tuple[str, Callable[[object], object]], ...]


_kind, _kinds = _like(KIND), _some_like(KIND)

FORMS: dict[str, _Form] = {
    "kind": _Form(
        Kind,
        (
            ("kind", _kind),
            ("ja", _word),
            ("en", _word),
            ("group", _kind),
            ("prefixes", _all_like(PREFIX)),
            ("counts_as", _or_empty(_kind)),
        ),
    ),
    "task": _Form(Task, (("task", _task), ("designation", _word), ("origin", _origin))),
    "information": _Form(Information, (("information", _information), ("label", _word), ("origin", _origin))),
    "item": _Form(Item, (("information", _information), ("item", _item), ("label", _word), ("origin", _origin))),
    "revision": _Form(
        Revision,
        (
            ("revision", _like(REVISION)),
            ("law", _word),
            ("in_force_from", _day),
            ("in_force_until", _day_or_open),
            ("text_as_of", _day),
            ("floor", _floor),
        ),
    ),
    "row": _Form(
        Row,
        (
            ("revision", _like(REVISION)),
            ("item", _like(ITEM)),
            ("row", _like(ROW)),
            ("inquirers", _kinds),
            ("task", _task),
            ("providers", _kinds),
            ("information", _information),
            ("certainty", _certainty),
        ),
    ),
}
