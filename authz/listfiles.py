"""The match list as CSV files (照合リストのCSV): out and in, byte for byte the same, with every fault named.

Per kind of record one file whose columns are the fields of its record; the rows of a revision stand in a file of its
name. UTF-8 without a byte order mark, LF line ends, minimal quoting. Several values in a cell are separated by ``;``,
days are ISO 8601, ``floor`` is yes or no. Written, lines stand in the order of the document; read, they may stand in
any, and what is wrong anywhere is named by file, line and column, all of it at once.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from itertools import pairwise, zip_longest
from typing import Final

from authz.listdocument import canonical, parse
from authz.listforms import FORMS, Broken
from authz.listrules import Key, Numbered, Record, contradictions, place
from authz.listsource import Information, Item, Kind, ListSource, Party, Procedure, Revision, Row, Task
from sympho.codes import BadCode

__all__ = ["BadFiles", "FileFault", "read_files", "write_files"]

FORM_OF: Final = {
    "kinds": "kind",
    "parties": "party",
    "tasks": "task",
    "information": "information",
    "items": "item",
    "revisions": "revision",
    "procedures": "procedure",
}
"""The files that every list has, and the record that each holds; any other is the table of a revision."""

MANY: Final = frozenset({"prefixes", "kinds", "inquirers", "providers"})
FLOOR: Final = {"yes": "floor", "no": ""}


@dataclass(frozen=True, slots=True, order=True)
class FileFault:
    """One thing wrong with the files: which, its line (from 1; 0 is the whole file), the column, the rule it breaks."""

    file: str
    line: int
    column: str
    rule: str


class BadFiles(ValueError):
    """Files that are no match list. ``faults`` holds all of them, in order."""

    def __init__(self, faults: tuple[FileFault, ...]) -> None:
        first = faults[0]
        told = f"{first.file}, line {first.line}, {first.column}: {first.rule}"
        super().__init__(f"{len(faults)} fault(s), first: {told}")
        self.faults = faults


# --- out ----------------------------------------------------------------------------------------------------------


def write_files(source: ListSource) -> dict[str, bytes]:
    """The files of a list, by name without ``.csv``. ``BadList`` if its document would not be read back."""
    ordered = parse(canonical(source))
    parts: dict[str, Iterable[Record]] = {
        "kinds": ordered.kinds,
        "parties": ordered.parties,
        "tasks": ordered.tasks,
        "information": ordered.information,
        "items": ordered.items,
        "revisions": ordered.revisions,
        "procedures": ordered.procedures,
    }
    for revision in ordered.revisions:
        parts[revision.revision] = [row for row in ordered.rows if row.revision == revision.revision]
    return {name: _file(_columns(name), records) for name, records in parts.items()}


def _columns(name: str) -> list[str]:
    fields = [field for field, _ in FORMS[FORM_OF.get(name, "row")].fields]
    return fields if name in FORM_OF else fields[1:]


def _file(columns: list[str], records: Iterable[Record]) -> bytes:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(getattr(record, column)) for column in columns] for record in records)
    return text.getvalue().encode("utf-8")


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case tuple():
            return ";".join(value)
        case _:
            return str(value)


# --- in -----------------------------------------------------------------------------------------------------------


def read_files(files: Mapping[str, bytes]) -> ListSource:
    """The list that the files say; ``BadFiles`` names every fault of them at once."""
    faults = [FileFault(name, 0, "", "the file expected") for name in FORM_OF if name not in files]
    placed: list[tuple[str, int, Record]] = []
    for name in sorted(files):
        placed += [(name, line, record) for line, record in _records(name, files[name], faults)]
    revisions = {record.revision for _, _, record in placed if isinstance(record, Revision)}
    unknown = sorted(set(files) - set(FORM_OF) - revisions)
    faults += [FileFault(name, 0, "", "no line of revisions names this table") for name in unknown]
    faults += [FileFault(name, 0, "", "the file expected") for name in sorted(revisions - set(files))]
    starts = {record.revision: record.in_force_from for _, _, record in placed if isinstance(record, Revision)}
    ordered = sorted(((place(one[2], starts), *one) for one in placed), key=lambda one: one[0])
    faults += _twice(ordered)
    numbered: list[Numbered] = [(number, one[3]) for number, one in enumerate(ordered)]
    for fault in contradictions(numbered):
        _, name, line, _ = ordered[fault.line]
        if fault.field == "revision" and name not in FORM_OF:
            continue  # said once, of the whole file
        faults.append(FileFault(name, line, fault.field, fault.rule))
    if faults:
        raise BadFiles(tuple(sorted(faults)))
    return _source(record for _, record in numbered)


def _twice(ordered: list[tuple[Key, str, int, Record]]) -> Iterator[FileFault]:
    for before, here in pairwise(ordered):
        if before[0] == here[0]:
            yield FileFault(here[1], here[2], "", f"repeats line {before[2]}")


def _source(records: Iterable[Record]) -> ListSource:
    every = tuple(records)
    return ListSource(
        kinds=tuple(record for record in every if isinstance(record, Kind)),
        tasks=tuple(record for record in every if isinstance(record, Task)),
        information=tuple(record for record in every if isinstance(record, Information)),
        items=tuple(record for record in every if isinstance(record, Item)),
        revisions=tuple(record for record in every if isinstance(record, Revision)),
        rows=tuple(record for record in every if isinstance(record, Row)),
        parties=tuple(record for record in every if isinstance(record, Party)),
        procedures=tuple(record for record in every if isinstance(record, Procedure)),
    )


def _records(name: str, content: bytes, faults: list[FileFault]) -> Iterator[tuple[int, Record]]:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        faults.append(FileFault(name, content.count(b"\n", 0, error.start) + 1, "", "UTF-8 expected"))
        return
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    columns = _columns(name)
    line = 1
    try:
        for cells in reader:
            if line == 1:
                if not _heads(name, columns, cells, faults):
                    return
            elif (record := _record(name, line, columns, cells, faults)) is not None:
                yield line, record
            line = reader.line_num + 1
    except csv.Error:
        faults.append(FileFault(name, line, "", "CSV expected"))
        return
    if line == 1:
        faults.append(FileFault(name, 1, "", "a header expected"))


def _heads(name: str, columns: list[str], cells: list[str], faults: list[FileFault]) -> bool:
    wrong = [
        FileFault(name, 1, expected or found or "", f"the column {expected} expected" if expected else "no such column")
        for expected, found in zip_longest(columns, cells)
        if expected != found
    ]
    faults += wrong
    return not wrong


def _record(name: str, line: int, columns: list[str], cells: list[str], faults: list[FileFault]) -> Record | None:
    if not any(cells):
        faults.append(FileFault(name, line, "", "an empty line"))
        return None
    if len(cells) != len(columns):
        faults.append(FileFault(name, line, "", f"{len(columns)} cells expected, {len(cells)} found"))
        return None
    form = FORMS[FORM_OF.get(name, "row")]
    readers = dict(form.fields)
    values: list[object] = [] if name in FORM_OF else [name]
    for column, cell in zip(columns, cells, strict=True):
        try:
            values.append(readers[column](_value(name, column, cell)))
        except (Broken, BadCode) as error:
            faults.append(FileFault(name, line, column, str(error)))
    return form.make(*values) if len(values) == len(form.fields) else None


def _value(name: str, column: str, cell: str) -> object:
    if column in MANY or (name == "procedures" and column == "information"):
        return cell.split(";") if cell else []
    if column == "ordinal":
        return int(cell) if cell.isascii() and cell.isdecimal() and len(cell) <= 4 else cell
    if column == "floor":
        if cell not in FLOOR:
            raise Broken("yes or no expected")
        return FLOOR[cell]
    return cell
