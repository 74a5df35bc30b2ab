"""Rows into the columns that UNNEST takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

_CELLS: dict[type, attrgetter[tuple[Any, ...]]] = {}


def _cells(kind: type) -> attrgetter[tuple[Any, ...]]:
    found = _CELLS.get(kind)
    if found is None:
        found = _CELLS[kind] = attrgetter(*(field.name for field in fields(kind)))
    return found


def columns(rows: Sequence[Any]) -> tuple[tuple[Any, ...], ...]:
    """One tuple per field of the rows' dataclass, in the order of its fields; the rows are all of one kind."""
    cells = _cells(type(rows[0]))
    return tuple(zip(*(cells(row) for row in rows), strict=True))
