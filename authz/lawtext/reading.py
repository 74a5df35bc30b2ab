"""Reading a table of law text into rows of a match list (照合リスト候補の読取り), with an account of every cell.

A table has four columns: inquirer with the item's number before it, task, provider, information. One item spans several
rows. Every cell ends up either understood or with a person: what is not certain makes no row, and is named.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from authz.lawtext import phrases
from authz.lawtext.grid import Cell, Grid, Law, Part
from authz.lawtext.numerals import NUMBER, item_number
from authz.lawtext.phrases import Names
from authz.listrules import numbers
from authz.listsource import Certainty, Party, Row
from sympho.codes import InformationCode, TaskCode

__all__ = ["Account", "Imported", "Meaning", "Need", "read_table"]

COLUMNS: Final = 4
HEADINGS: Final = (
    frozenset({"情報照会者"}),
    frozenset({"事務", "特定個人番号利用事務", "個人番号利用事務"}),
    frozenset({"情報提供者"}),
    frozenset({"特定個人情報", "利用特定個人情報"}),
)
"""What the header row says, column by column."""

_NUMBERED = re.compile(rf"((?:第)?{NUMBER}(?:の{NUMBER})*(?:項|号)?)[　 ]+(.+)")
_DELETED = re.compile(
    rf"((?:第)?{NUMBER}(?:の{NUMBER})*)(?:(及び|から)(?:第)?({NUMBER}(?:の{NUMBER})*)(?:まで)?)?[　 ]*削除"
)


class Meaning(StrEnum):
    """読取り結果: what a cell was understood as."""

    HEADING = "heading"
    DELETED = "deleted"
    EMPTY = "empty"
    INQUIRER = "inquirer"
    TASK = "task"
    PROVIDER = "provider"
    INFORMATION = "information"


class Need(StrEnum):
    """要確認: why a cell needs a person."""

    PLACE = "place"
    """It does not stand in exactly one of the four columns, or no row tells what it belongs to: a span is missing."""
    ODDITY = "oddity"
    """It holds something that is no plain text, or a span that cannot be."""
    NUMBER = "number"
    """No item number could be read before the inquirer."""
    ORDER = "order"
    """The item's number repeats or goes back."""
    INQUIRER = "inquirer"
    TASK = "task"
    PROVIDER = "provider"
    INFORMATION = "information"
    SEVERAL = "several"
    """Several sentences where one name is expected."""
    PROVISO = "proviso"
    """A proviso limits the cell."""


@dataclass(frozen=True, slots=True)
class Account:
    """One cell: where it is, what it says, and either its meaning or the need. ``aside`` was set aside of its words."""

    row: int
    column: int
    text: str
    meaning: Meaning | None
    need: Need | None
    aside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Imported:
    """取込み結果: the rows that follow from what was understood, an account of every cell, and what stood around them.

    ``without_rows`` are the rows of the table (from 1) of which no row could be made, though they are no header.
    """

    law: str
    law_number: str
    table: str
    rows: tuple[Row, ...]
    accounts: tuple[Account, ...]
    around: tuple[str, ...]
    deleted: tuple[str, ...]
    without_rows: tuple[int, ...]

    @property
    def understood(self) -> int:
        """Cells that need nobody."""
        return sum(account.need is None for account in self.accounts)

    @property
    def needs(self) -> tuple[Account, ...]:
        """Cells that need a person."""
        return tuple(account for account in self.accounts if account.need is not None)

    @property
    def complete(self) -> bool:
        """Whether nothing needs a person: no cell, no text around the table, no row without a result."""
        return not (self.needs or self.around or self.without_rows)


@dataclass(frozen=True, slots=True)
class _Item:
    number: str
    inquirer: Party


class _Reader:
    """Goes through a grid once; remembers what each cell was understood as."""

    def __init__(self, grid: Grid, names: Names, revision: str) -> None:
        self.grid = grid
        self.names = names
        self.revision = revision
        self.accounts: dict[Cell, Account] = {}
        self.items: dict[Cell, _Item] = {}
        self.tasks: dict[Cell, TaskCode] = {}
        self.providers: dict[Cell, Party] = {}
        self.information: dict[Cell, tuple[InformationCode, ...]] = {}
        self.last: tuple[int, ...] = ()
        self.deleted: list[str] = []

    def account(self, cell: Cell, found: Meaning | Need, aside: tuple[str, ...] = ()) -> None:
        meaning = found if isinstance(found, Meaning) else None
        need = found if isinstance(found, Need) else None
        aside = (*aside, *(f"ルビ {reading}" for reading in cell.ruby))
        self.accounts[cell] = Account(cell.row, cell.column, cell.text, meaning, need, aside)

    # --- cells ---

    def read(self, cell: Cell) -> None:
        """Understands a cell, or leaves it to a person."""
        if cell.oddities:
            return self.account(cell, Need.ODDITY, cell.oddities)
        if cell.heading or self._is_heading(cell):
            return self.account(cell, Meaning.HEADING)
        if match := _DELETED.fullmatch(cell.text):
            return self._read_deleted(cell, match)
        if cell.across != 1 or cell.column > COLUMNS:
            return self.account(cell, Need.PLACE)
        if any(part.proviso for part in cell.parts):
            return self.account(cell, Need.PROVISO)
        match cell.column:
            case 1:
                self._read_inquirer(cell)
            case 2:
                self._read_task(cell)
            case 3:
                self._read_provider(cell)
            case _:
                self._read_information(cell)
        return None

    def _is_heading(self, cell: Cell) -> bool:
        line = self.grid.rows[cell.row - 1]
        return len(line) == COLUMNS and all(
            one is not None and one.text in words for one, words in zip(line, HEADINGS, strict=True)
        )

    def _read_deleted(self, cell: Cell, match: re.Match[str]) -> None:
        first, through, last = item_number(match[1]), match[2], item_number(match[3] or match[1])
        if cell.column != 1 or first is None or last is None:
            return self.account(cell, Need.NUMBER)
        if not self._follows(first) or (through and not self._follows(last)):
            return self.account(cell, Need.ORDER)
        self.deleted.append(first if through is None else f"{first}{'..' if through == 'から' else ', '}{last}")
        return self.account(cell, Meaning.DELETED)

    def _read_inquirer(self, cell: Cell) -> None:
        if len(cell.parts) != 1:
            return self.account(cell, Need.SEVERAL if cell.parts else Need.NUMBER)
        match = _NUMBERED.fullmatch(cell.text)
        item = item_number(match[1]) if match else None
        if match is None or item is None:
            return self.account(cell, Need.NUMBER)
        read = phrases.party(match[2], self.names)
        if read is None:
            self._follows(item)
            return self.account(cell, Need.INQUIRER)
        if not self._follows(item):
            return self.account(cell, Need.ORDER)
        self.items[cell] = _Item(item, read.meanings[0])
        return self.account(cell, Meaning.INQUIRER, read.aside)

    def _read_task(self, cell: Cell) -> None:
        if len(cell.parts) != 1:
            return self.account(cell, Need.SEVERAL if cell.parts else self._when_empty(cell, Need.TASK))
        read = phrases.task(cell.text, self.names)
        if read is None:
            return self.account(cell, Need.TASK)
        self.tasks[cell] = read.meanings[0]
        return self.account(cell, Meaning.TASK, read.aside)

    def _read_provider(self, cell: Cell) -> None:
        if len(cell.parts) != 1:
            return self.account(cell, Need.SEVERAL if cell.parts else self._when_empty(cell, Need.PROVIDER))
        read = phrases.party(cell.text, self.names)
        if read is None:
            return self.account(cell, Need.PROVIDER)
        self.providers[cell] = read.meanings[0]
        return self.account(cell, Meaning.PROVIDER, read.aside)

    def _read_information(self, cell: Cell) -> None:
        named = [part for part in cell.parts if not _introduces(part)]
        if not named:
            return self.account(cell, Need.INFORMATION if cell.parts else self._when_empty(cell, Need.INFORMATION))
        found: list[InformationCode] = []
        aside = [part.text for part in cell.parts if _introduces(part)]
        for part in named:
            read = None if part.leads else phrases.information(part.text, self.names)
            if read is None:
                return self.account(cell, Need.INFORMATION)
            found += read.meanings
            aside += read.aside
        if len(set(found)) != len(found):
            return self.account(cell, Need.SEVERAL)
        self.information[cell] = tuple(found)
        return self.account(cell, Meaning.INFORMATION, tuple(aside))

    def _when_empty(self, cell: Cell, need: Need) -> Meaning | Need:
        """Only the row of a deleted item leaves cells empty."""
        first = self.grid.rows[cell.row - 1][0]
        return Meaning.EMPTY if first is not None and _DELETED.fullmatch(first.text) else need

    def _follows(self, item: str) -> bool:
        here = numbers(item, "-")
        follows = here > self.last
        self.last = max(here, self.last)
        return follows

    # --- rows ---

    def rows(self) -> Iterator[tuple[int, tuple[Row, ...]]]:
        """Per row of the table the rows of the list that it makes; none if any of its cells needs a person."""
        blocks: dict[Cell, int] = {}
        before: tuple[Cell | None, ...] = ()
        for number, line in enumerate(self.grid.rows, start=1):
            cells = self._four(line)
            if cells is None:
                if not self._makes_none(line):
                    yield number, ()
                before = line
                continue
            if line == before:  # spans that leave nothing of its own to this row
                yield number, ()
                continue
            blocks[cells[0]] = blocks.get(cells[0], 0) + 1
            before = line
            yield number, tuple(self._made(cells, blocks[cells[0]]))

    def _four(self, line: tuple[Cell | None, ...]) -> tuple[Cell, Cell, Cell, Cell] | None:
        if any(line[COLUMNS:]):
            return None
        match line[:COLUMNS]:
            case (Cell() as first, Cell() as second, Cell() as third, Cell() as fourth) if first in self.items:
                return first, second, third, fourth
            case _:
                return None

    def _makes_none(self, line: tuple[Cell | None, ...]) -> bool:
        accounts = [self.accounts[cell] for cell in line if cell is not None]
        return bool(accounts) and all(
            account.meaning in {Meaning.HEADING, Meaning.DELETED, Meaning.EMPTY} for account in accounts
        )

    def _made(self, cells: tuple[Cell, Cell, Cell, Cell], block: int) -> Iterator[Row]:
        item, task = self.items[cells[0]], self.tasks.get(cells[1])
        provider, information = self.providers.get(cells[2]), self.information.get(cells[3], ())
        if task is None or provider is None:
            return
        certainty = max(item.inquirer.certainty, provider.certainty)
        for number, one in enumerate(information, start=1):
            yield Row(
                revision=self.revision,
                item=item.number,
                row=f"{block}.{number}",
                inquirers=item.inquirer.kinds,
                task=task,
                providers=provider.kinds,
                information=one,
                certainty=Certainty(certainty),
            )


def _introduces(part: Part) -> bool:
    """A sentence that only leads in what stands below it: 次に掲げる情報."""
    return part.leads and "次に掲げる" in part.text


def read_table(law: Law, table: str, names: Names, revision: str) -> Imported:
    """The rows of one table of a law for a revision. ``BadLaw`` if the table cannot be found."""
    grid = law.grid(table)
    reader = _Reader(grid, names, revision)
    for cell in grid.cells:
        reader.read(cell)
    made = tuple(reader.rows())
    return Imported(
        law=law.title,
        law_number=law.number,
        table=grid.path,
        rows=tuple(row for _, rows in made for row in rows),
        accounts=tuple(reader.accounts[cell] for cell in grid.cells),
        around=grid.around,
        deleted=tuple(reader.deleted),
        without_rows=tuple(number for number, rows in made if not rows),
    )
