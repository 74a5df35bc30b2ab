"""The match list as one document (照会許可用照合リストの配布形式): canonical bytes, and back with every fault named.

The document is UTF-8 text without a byte order mark, one JSON array per line, every line ended by a line feed. An array
is written without white space and without escapes that JSON does not demand, so equal content has equal bytes; their
SHA-256 is the digest of the list. Its lines, in this order, each group sorted by the fields marked *::

    ["list","2"]
    ["kind",kind*,ja,en,group,[agency code prefix,...],counts_as or ""]
    ["party",phrase*,[kind,...],certainty]
    ["task",task*,designation,origin]
    ["information",information*,label,origin]
    ["item",information*,item*,label,origin]
    ["revision",id,law,in force from*,in force until or "",text as of,"floor" or ""]
    ["row",revision*,item*,row*,[kind of inquirer,...],task,[kind of provider,...],information,certainty]
    ["procedure",revision*,item*,article*,ordinal*,procedure*,label,[information,...],certainty,origin]

Days are ISO 8601. Rows and procedures follow the order of their revisions, then of the table (item 16-2 stands between
16 and 17).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator

from authz.listforms import FORMS, Broken
from authz.listrules import Fault, Numbered, Record, contradictions, disorder, place
from authz.listsource import (
    Information,
    Item,
    Kind,
    ListSource,
    Party,
    Procedure,
    Revision,
    Row,
    Task,
)
from sympho.codes import BadCode

__all__ = ["BadList", "canonical", "check", "digest", "parse"]

HEADER = ["list", "2"]
LENGTH_LIMIT = 16 * 1_048_576
"""Bytes a document may have."""


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
        case Party():
            return ["party", record.phrase, record.kinds, record.certainty]
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
        case Procedure():
            head = ["procedure", record.revision, record.item, record.article]
            tail = [record.information, record.certainty, record.origin]
            return [*head, record.ordinal, record.procedure, record.label, *tail]


def _in_order(source: ListSource) -> Iterator[Record]:
    starts = {r.revision: r.in_force_from for r in source.revisions}
    parts: tuple[Iterable[Record], ...] = (
        source.kinds,
        source.parties,
        source.tasks,
        source.information,
        source.items,
        source.revisions,
        source.rows,
        source.procedures,
    )
    for part in parts:
        yield from sorted(part, key=lambda record: place(record, starts))


# --- reading ------------------------------------------------------------------------------------------------------


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
        tuple(record for record in every if isinstance(record, Party)),
        tuple(record for record in every if isinstance(record, Procedure)),
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
        except (Broken, BadCode) as error:
            faults.append(Fault(number, name, str(error)))
    return form.make(*values) if len(values) == len(form.fields) else None
