"""The agencies' matrix (種別と特定個人情報の一覧表): for each kind and information the rows of the table that permit something.

Seen from the side that asks or from the side that is asked. A kind stands for a body of that kind alone, with the wider
kinds that it also carries. Kinds and information without any row are left out.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from msgspec import Struct

from authz.grants import carriers, rows_of
from authz.matchlist import MatchList
from authz.wording import ListRead, Named, Statute, list_read, named_information, named_kind, statute_of

__all__ = ["Cell", "Matrix", "Side", "matrix"]


class Side(StrEnum):
    """From which side a kind is looked at."""

    INQUIRER = "inquirer"
    """What a body of the kind may ask."""
    PROVIDER = "provider"
    """What a body of the kind may be asked."""


class Cell(Struct, frozen=True):
    """One kind and one information; ``rows`` are places in the matrix's rows, in the order of the table."""

    kind: str
    information: str
    rows: tuple[int, ...]


class Matrix(Struct, frozen=True):
    """一覧表. Every cell that has a ground, by kind and information in their order."""

    side: Side
    as_of: date
    list: ListRead
    kinds: tuple[Named, ...]
    information: tuple[Named, ...]
    rows: tuple[Statute, ...]
    cells: tuple[Cell, ...]


def matrix(match_list: MatchList, as_of: date, side: Side) -> Matrix:
    """The matrix of the revision in force on a day; empty where none was."""
    revision = match_list.revision_on(as_of)
    rows = tuple(rows_of(match_list.source, revision)) if revision else ()
    of = carriers(match_list)
    found: dict[tuple[str, str], list[int]] = {}
    for n, row in enumerate(rows):
        named = row.inquirers if side is Side.INQUIRER else row.providers
        for kind in sorted({narrower for wider in named for narrower in of[wider]}):
            found.setdefault((kind, row.information), []).append(n)
    kinds = [kind for kind in match_list.kinds if any(kind == of_cell for of_cell, _ in found)]
    information = [code for code in match_list.information if any(code == of_cell for _, of_cell in found)]
    return Matrix(
        side=side,
        as_of=as_of,
        list=list_read(match_list, as_of),
        kinds=tuple(named_kind(match_list, kind) for kind in kinds),
        information=tuple(named_information(match_list, code) for code in information),
        rows=tuple(statute_of(match_list, revision, row) for row in rows) if revision else (),
        cells=tuple(
            Cell(kind, code, tuple(found[kind, code]))
            for kind in kinds
            for code in information
            if (kind, code) in found
        ),
    )
