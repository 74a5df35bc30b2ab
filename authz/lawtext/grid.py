"""A table of law text as a grid of cells (表の格子): e-Gov 標準法令XML, read with spans filled and nothing left out.

The XML comes from outside: entities, document types and depth are refused before anything is read of it. What a cell
holds beside plain text (figures, quotations, formulas) is kept as an oddity of the cell, not dropped.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["BadLaw", "Cell", "Grid", "Law", "Part", "read_law"]

LENGTH_LIMIT: Final = 64 * 1_048_576
DEPTH_LIMIT: Final = 64
PLACES_LIMIT: Final = 200_000
"""Bytes of a file, elements inside each other, and places that the cells of a table may cover."""

INLINE: Final = frozenset({"Ruby", "Line", "Sup", "Sub"})
TITLES: Final = re.compile(r"(?:Item|Subitem(?:10|[1-9]))Title|ParagraphNum|ArticleTitle|ArticleCaption")
SENTENCES: Final = re.compile(r"(?:Item|Subitem(?:10|[1-9])|Paragraph|Column)(?:Sentence)?")
NESTS: Final = re.compile(r"Item|Subitem(?:10|[1-9])|Article|Paragraph|Remarks")
SPACE: Final = re.compile(r"[ \t\r\n]+")


class BadLaw(ValueError):
    """A file that is no law text, or a table that cannot be found in it."""


@dataclass(frozen=True, slots=True)
class Part:
    """One sentence of a cell. ``under`` are the titles above it (号, イロハ); ``leads`` if parts stand below it."""

    text: str
    under: tuple[str, ...]
    leads: bool
    proviso: bool


@dataclass(frozen=True, slots=True)
class Cell:
    """One ``TableColumn``: where it begins (rows and columns from 1), what it covers, what it says.

    ``oddities`` are what a reader of text cannot take from it; ``ruby`` the readings that stood over its characters.
    """

    row: int
    column: int
    down: int
    across: int
    parts: tuple[Part, ...]
    ruby: tuple[str, ...]
    oddities: tuple[str, ...]
    heading: bool

    @property
    def text(self) -> str:
        """All it says, in one line."""
        return "".join("".join(part.under[-1:]) + part.text for part in self.parts)


@dataclass(frozen=True, slots=True)
class Grid:
    """One table: its cells in document order, per row the cell of each column, and what stands around it."""

    path: str
    cells: tuple[Cell, ...]
    rows: tuple[tuple[Cell | None, ...], ...]
    width: int
    around: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Law:
    """法令: its title and number, and its tables by the path of what holds them (``MainProvision-Article_2``)."""

    title: str
    number: str
    grids: tuple[Grid, ...]

    def grid(self, path: str) -> Grid:
        """The only table at a path; an empty path is the only table of the law. ``BadLaw`` names those there are."""
        found = [grid for grid in self.grids if not path or grid.path == path]
        if len(found) != 1:
            paths = ", ".join(dict.fromkeys(grid.path for grid in self.grids)) or "none"
            raise BadLaw(f"{len(found)} tables at {path or 'any place'}; tables stand at: {paths}")
        return found[0]


def read_law(content: bytes) -> Law:
    """The law that a 標準法令XML says. ``BadLaw`` for what is none, or is hostile."""
    if len(content) > LENGTH_LIMIT:
        raise BadLaw(f"at most {LENGTH_LIMIT} bytes expected")
    try:
        root = fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise BadLaw(f"XML without a document type expected ({type(error).__name__})") from None
    law = root if root.tag == "Law" else root.find(".//Law")
    if law is None:
        raise BadLaw("an element Law expected")
    _not_too_deep(law)
    body = law.find("LawBody")
    if body is None:
        raise BadLaw("an element LawBody expected")
    return Law(
        title=_plain(body.findtext("LawTitle") or ""),
        number=_plain(law.findtext("LawNum") or ""),
        grids=tuple(_grid(struct, path) for struct, path in _distinct(_structs(body, ""))),
    )


def _not_too_deep(root: Element) -> None:
    level = [root]
    for _ in range(DEPTH_LIMIT):
        level = [child for element in level for child in element]
        if not level:
            return
    raise BadLaw(f"at most {DEPTH_LIMIT} elements inside each other expected")


def _plain(text: str) -> str:
    """Without the white space that only lays out the XML; the full-width space is text."""
    return SPACE.sub("", text)


def _structs(element: Element, path: str) -> Iterator[tuple[Element, str]]:
    """Every table with its path: the provision it is part of, its article or 別表."""
    appended = 0
    for child in element:
        below = path
        if child.tag in {"MainProvision", "SupplProvision"}:
            below = child.tag
        elif child.tag == "Article":
            below = f"{path}-Article_{child.get('Num', '?')}"
        elif child.tag == "AppdxTable":
            appended += 1
            below = f"AppdxTable[{child.get('Num') or appended}]"
        if child.tag == "TableStruct":
            yield child, path
        else:
            yield from _structs(child, below)


def _distinct(structs: Iterator[tuple[Element, str]]) -> Iterator[tuple[Element, str]]:
    """The second table at one place is ``...#2``."""
    seen: Counter[str] = Counter()
    for struct, path in structs:
        seen[path] += 1
        yield struct, path if seen[path] == 1 else f"{path}#{seen[path]}"


# --- the grid -----------------------------------------------------------------------------------------------------


def _grid(struct: Element, path: str) -> Grid:
    table = struct.find("Table")
    around = [_plain("".join(child.itertext())) for child in struct if child is not table]
    lines = [] if table is None else list(table)
    taken: dict[tuple[int, int], Cell] = {}
    cells: list[Cell] = []
    covered = 0
    for row, line in enumerate(lines, start=1):
        if line.tag not in {"TableRow", "TableHeaderRow"}:
            around.append(_plain("".join(line.itertext())))
            continue
        column = 1
        for element in line:
            while (row, column) in taken:
                column += 1
            cell = _cell(element, row, column, len(lines) - row + 1)
            covered += cell.down * cell.across
            if covered > PLACES_LIMIT:
                raise BadLaw(f"{path}: a table of at most {PLACES_LIMIT} places expected")
            cells.append(cell)
            _take(taken, cell)
    width = max((column for _, column in taken), default=0)
    rows = tuple(tuple(taken.get((row + 1, column + 1)) for column in range(width)) for row in range(len(lines)))
    return Grid(path, tuple(cells), rows, width, tuple(text for text in around if text))


def _take(taken: dict[tuple[int, int], Cell], cell: Cell) -> None:
    for row in range(cell.row, cell.row + cell.down):
        for column in range(cell.column, cell.column + cell.across):
            taken.setdefault((row, column), cell)


def _cell(element: Element, row: int, column: int, left: int) -> Cell:
    oddities: list[str] = []
    ruby: list[str] = []
    down = _span(element, "rowspan", oddities)
    across = _span(element, "colspan", oddities)
    if down > left:
        oddities.append(f"rowspan {down} reaches below the table")
    if element.tag not in {"TableColumn", "TableHeaderColumn"}:
        oddities.append(f"an element {element.tag}")
    parts = tuple(part for part in _parts(element, (), oddities, ruby) if part.text)
    heading = element.tag == "TableHeaderColumn"
    return Cell(row, column, min(down, left), across, parts, tuple(ruby), tuple(oddities), heading)


def _span(element: Element, name: str, oddities: list[str]) -> int:
    text = element.get(name, "1")
    if text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) >= 1:
        return int(text)
    oddities.append(f"{name} that is no number from 1 to 99999")
    return 1


# --- what a cell says ---------------------------------------------------------------------------------------------


def _parts(element: Element, under: tuple[str, ...], oddities: list[str], ruby: list[str]) -> Iterator[Part]:
    """The sentences of an element, in order; a title names what stands below it."""
    if text := _plain(element.text or ""):
        yield Part(text, under, leads=False, proviso=False)
    nested = any(NESTS.fullmatch(child.tag) for child in element)
    for child in element:
        if TITLES.fullmatch(child.tag):
            title = _words(child, oddities, ruby)
            under = (*under, title) if title else under
        elif child.tag == "Sentence":
            proviso = child.get("Function") == "proviso"
            yield Part(_words(child, oddities, ruby), under, leads=nested, proviso=proviso)
        elif SENTENCES.fullmatch(child.tag) or NESTS.fullmatch(child.tag):
            for part in _parts(child, under, oddities, ruby):
                leads = part.leads or (nested and child.tag.endswith("Sentence"))
                yield Part(part.text, part.under, leads=leads, proviso=part.proviso)
        else:
            oddities.append(f"an element {child.tag}")
            if text := _plain("".join(child.itertext())):
                yield Part(text, under, leads=False, proviso=False)
        if text := _plain(child.tail or ""):
            yield Part(text, under, leads=False, proviso=False)


def _words(element: Element, oddities: list[str], ruby: list[str]) -> str:
    words = [element.text or ""]
    for child in element:
        if child.tag == "Rt":
            ruby.append(_plain("".join(child.itertext())))
        elif child.tag in INLINE:
            words.append(_words(child, oddities, ruby))
        else:
            oddities.append(f"an element {child.tag}")
            words.append("".join(child.itertext()))
        words.append(child.tail or "")
    return _plain("".join(words))
