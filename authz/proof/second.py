"""The second evaluation (第二の判定器): the statement of a proof from the document's own lines, and from nothing else.

It narrows the unexpanded rows column by column. It shares no code with the first one: no index, no parser, no type, not
even the constants; a test holds that it imports the standard library only. ``authz.proof`` says what it writes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
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


class _Below(NamedTuple):
    revision: str
    item: str
    code: str
    information: frozenset[str]
    certainty: str


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
        self.procedures = [_below(line) for line in lines if line[0] == "procedure"]

    def carried(self, kind: str) -> frozenset[str]:
        carried = {kind}
        while kind != NO_MUNICIPALITY_BY_ITSELF and self._counts_as.get(kind, "") not in {"", *carried}:
            kind = self._counts_as[kind]
            carried.add(kind)
        return frozenset(carried)

    def by_item(self, revision: str) -> dict[str, list[_Line]]:
        found: dict[str, list[_Line]] = {}
        for row in self.rows_of(revision):
            found.setdefault(row.ground.partition(":")[0], []).append(row)
        return found

    def rows_of(self, revision: str) -> list[_Line]:
        return [_line(row) for row in self._rows if row[1] == revision]


def _below(line: list[Any]) -> _Below:
    _, revision, item, _, _, code, _, information, certainty, _ = line
    return _Below(revision, item, code, frozenset(information), certainty)


def _line(row: list[Any]) -> _Line:
    _, _, item, number, inquirers, task, providers, information, _ = row
    return _Line(frozenset(inquirers), task, frozenset(providers), information, f"{item}:{number}")


def statement(document: bytes) -> str:
    """The statement of the proof of a list's document, which must be one that reads back (nothing is checked here)."""
    table = _Table(document)
    text = f"proof 2\nlist {hashlib.sha256(document).hexdigest()}\n"
    text += f"kinds {len(table.kinds)} tasks {len(table.tasks)} information {len(table.information)} "
    text += f"procedures {len(table.procedures)}\n"
    text += _days(table)
    for name, _, _ in table.revisions:
        text += _revision(table, name)
        text += _procedures(table, name)
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


# --- procedures ---------------------------------------------------------------------------------------------------


def _procedures(table: _Table, name: str) -> str:
    """What comes of naming each procedure wherever this revision permits something."""
    letters, grounds = hashlib.sha256(), hashlib.sha256()
    carried = _carried(table, name)
    below: dict[str, list[int]] = {}
    for n, one in enumerate(table.procedures):
        below.setdefault(one.item, []).append(n)
    elsewhere = b"E" * len(table.procedures)
    tried = permitted = 0
    for combination, items in _permitted_under(table, name):
        here = bytearray(elsewhere if carried else b"-" * len(table.procedures))
        named = sorted(n for item in items for n in below.get(item, [])) if carried else []
        for n in named:
            here[n] = ord(_letter(table.procedures[n], combination[3], carried))
            if here[n] != ord("N"):
                code, ground = table.procedures[n].code, items[table.procedures[n].item]
                grounds.update(f"{' '.join(combination)} {code} {ground}\n".encode("ascii"))
        letters.update(here)
        tried += len(here)
        permitted += sum(here.count(letter) for letter in b"YUA-")
    digests = f"letters {letters.hexdigest()} grounds {grounds.hexdigest()}"
    return f"procedures {name} tried {tried} permitted {permitted} {digests}\n"


def _letter(one: _Below, information: str, carried: frozenset[str]) -> str:
    if one.code not in carried:
        return "A"
    if information in one.information:
        return "Y"
    return "U" if one.certainty == "C" else "N"


def _permitted_under(table: _Table, name: str) -> Iterator[tuple[tuple[str, str, str, str], dict[str, str]]]:
    """Every permitted combination, with the items that cover it and the first row of each that does."""
    rows = table.rows_of(name)
    for kind in table.kinds:
        asking = [row for row in rows if row.inquirers & table.carried(kind)]
        for task in table.tasks:
            for_task = [row for row in asking if row.task == task]
            for provider in table.kinds if for_task else []:
                asked = [row for row in for_task if row.providers & table.carried(provider)]
                for information in table.information if asked else []:
                    items: dict[str, str] = {}
                    for row in asked:
                        if row.information == information:
                            items.setdefault(row.ground.partition(":")[0], row.ground)
                    if items:
                        yield (kind, task, provider, information), items


def _carried(table: _Table, name: str) -> frozenset[str]:
    """The procedures that a revision states itself, and those of the one before whose items read as they did there."""
    carried: set[str] = set()
    before = ""
    for revision, _, _ in sorted(table.revisions, key=lambda one: one[1]):
        its_own = [one for one in table.procedures if one.revision == revision]
        restated = {one.item for one in its_own}
        was, now = table.by_item(before), table.by_item(revision)
        kept = {
            one.code
            for one in table.procedures
            if one.code in carried and one.item not in restated and was.get(one.item) == now.get(one.item)
        }
        carried, before = kept | {one.code for one in its_own}, revision
        if revision == name:
            break
    return frozenset(carried)
