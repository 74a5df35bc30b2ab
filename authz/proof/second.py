"""The second evaluation (第二の判定器): the statement of a proof from the document's own lines, and from nothing else.

It narrows the unexpanded rows column by column. It shares no code with the first one: no index, no parser, no type, not
even the constants; a test holds that it imports the standard library only. ``authz.proof`` says what it writes.
"""

from __future__ import annotations

import hashlib
import json
from datetime import date, timedelta
from typing import Any, NamedTuple

__all__ = ["statement"]

NO_MUNICIPALITY_BY_ITSELF = "WIDE_AREA_UNION"


class _Line(NamedTuple):
    inquirers: frozenset[str]
    task: str
    providers: frozenset[str]
    information: str
    ground: str


class _Table:
    """What the document's lines say, kept as they are: names in their order, rows unexpanded."""

    def __init__(self, document: bytes) -> None:
        lines = [json.loads(line) for line in document.decode("utf-8").split("\n") if line]
        self.kinds = [line[1] for line in lines if line[0] == "kind"]
        self.tasks = [line[1] for line in lines if line[0] == "task"]
        self.information = [line[1] for line in lines if line[0] == "information"]
        self.revisions = [(line[1], line[3], line[4]) for line in lines if line[0] == "revision"]
        self._counts_as = {line[1]: line[6] for line in lines if line[0] == "kind"}
        self._rows = [line for line in lines if line[0] == "row"]

    def carried(self, kind: str) -> frozenset[str]:
        carried = {kind}
        while kind != NO_MUNICIPALITY_BY_ITSELF and self._counts_as.get(kind, "") not in {"", *carried}:
            kind = self._counts_as[kind]
            carried.add(kind)
        return frozenset(carried)

    def rows_of(self, revision: str) -> list[_Line]:
        return [_line(row) for row in self._rows if row[1] == revision]


def _line(row: list[Any]) -> _Line:
    _, _, item, number, inquirers, task, providers, information, _ = row
    return _Line(frozenset(inquirers), task, frozenset(providers), information, f"{item}:{number}")


def statement(document: bytes) -> str:
    """The statement of the proof of a list's document, which must be one that reads back (nothing is checked here)."""
    table = _Table(document)
    text = f"proof 1\nlist {hashlib.sha256(document).hexdigest()}\n"
    text += f"kinds {len(table.kinds)} tasks {len(table.tasks)} information {len(table.information)}\n"
    text += _days(table)
    for name, _, _ in table.revisions:
        text += _revision(table, name)
    return text


def _days(table: _Table) -> str:
    starts = {date.fromisoformat(since): name for name, since, _ in table.revisions}
    gaps = {date.fromisoformat(until) + timedelta(days=1): "-" for _, _, until in table.revisions if until}
    changes = {min(starts) - timedelta(days=1): "-", **gaps, **starts}
    return "".join(f"from {day} {changes[day]}\n" for day in sorted(changes))


def _revision(table: _Table, name: str) -> str:
    letters, grounds = hashlib.sha256(), hashlib.sha256()
    rows = table.rows_of(name)
    tried = permitted = 0
    for kind in table.kinds:
        of_kind, lines = _asked_by(table, rows, kind)
        letters.update(of_kind)
        grounds.update("".join(lines).encode("ascii"))
        tried += len(of_kind)
        permitted += len(lines)
    digests = f"letters {letters.hexdigest()} grounds {grounds.hexdigest()}"
    return f"revision {name} tried {tried} permitted {permitted} {digests}\n"


def _asked_by(table: _Table, rows: list[_Line], kind: str) -> tuple[bytes, list[str]]:
    """One kind of inquirer: every letter, and the line of every permitted combination."""
    one_provider = len(table.information)
    one_task = len(table.kinds) * one_provider
    carried = table.carried(kind)
    asking = [row for row in rows if row.inquirers & carried]
    if not asking:
        return b"1" * (len(table.tasks) * one_task), []
    parts: list[bytes] = []
    lines: list[str] = []
    for task in table.tasks:
        for_task = [row for row in asking if row.task == task]
        if not for_task:
            parts.append(b"2" * one_task)
            continue
        for provider in table.kinds:
            grounds = _grounds(for_task, table.carried(provider))
            if not grounds:
                parts.append(b"3" * one_provider)
                continue
            parts.append("".join("Y" if one in grounds else "4" for one in table.information).encode("ascii"))
            permitted = [one for one in table.information if one in grounds]
            lines += [f"{kind} {task} {provider} {one} {grounds[one]}\n" for one in permitted]
    return b"".join(parts), lines


def _grounds(rows: list[_Line], carried: frozenset[str]) -> dict[str, str]:
    """What bodies of these kinds may be asked for, each with the first row that says so."""
    found: dict[str, str] = {}
    for row in rows:
        if row.providers & carried:
            found.setdefault(row.information, row.ground)
    return found
