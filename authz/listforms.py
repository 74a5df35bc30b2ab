"""What a record of a match list is made of (レコードの項目): its fields in their order, and what each may be.

``authz.listdocument`` reads the fields from JSON arrays, ``authz.listfiles`` from cells of CSV files.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import NamedTuple

from authz.listrules import Record
from authz.listsource import (
    Certainty,
    Information,
    Item,
    Kind,
    Origin,
    Party,
    Procedure,
    Revision,
    Row,
    Task,
)
from sympho.codes import InformationCode, ItemCode, ProcedureCode, TaskCode

__all__ = ["FORMS", "Broken", "Form"]

KIND = re.compile(r"[A-Z][A-Z0-9_]*")
PREFIX = re.compile(r"[0-9]{5}")
REVISION = re.compile(r"[a-z0-9][a-z0-9-]*")
ITEM = re.compile(r"[1-9][0-9]{0,3}(-[1-9][0-9]{0,3}){0,3}")
ROW = re.compile(r"[1-9][0-9]{0,3}(\.[1-9][0-9]{0,3}){0,3}")


class Broken(ValueError):
    """A field breaks a rule."""


def _word(value: object) -> str:
    if not isinstance(value, str) or not value or value != value.strip() or not value.isprintable():
        raise Broken("printable text expected")
    return value


def _like(pattern: re.Pattern[str]) -> Callable[[object], str]:
    def read(value: object) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise Broken(f"text like {pattern.pattern} expected")
        return value

    return read


def _or_empty(read: Callable[[object], str]) -> Callable[[object], str]:
    return lambda value: "" if value == "" else read(value)


def _all_like(pattern: re.Pattern[str]) -> Callable[[object], tuple[str, ...]]:
    one = _like(pattern)

    def read(value: object) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise Broken("an array expected")
        texts = tuple(one(part) for part in value)
        if len(set(texts)) != len(texts):
            raise Broken("each only once expected")
        return texts

    return read


def _some_like(pattern: re.Pattern[str]) -> Callable[[object], tuple[str, ...]]:
    every = _all_like(pattern)

    def read(value: object) -> tuple[str, ...]:
        texts = every(value)
        if not texts:
            raise Broken("at least one expected")
        return texts

    return read


def _day(value: object) -> date:
    try:
        day = date.fromisoformat(_word(value))
    except ValueError:
        raise Broken("a day like 2024-05-27 expected") from None
    if day.isoformat() != value:
        raise Broken("a day like 2024-05-27 expected")
    return day


def _day_or_open(value: object) -> date | None:
    return None if value == "" else _day(value)


def _floor(value: object) -> bool:
    if value not in ("floor", ""):
        raise Broken('"floor" or "" expected')
    return value == "floor"


ORIGINS = {str(origin): origin for origin in Origin}
CERTAINTIES = {str(certainty): certainty for certainty in Certainty}


def _origin(value: object) -> Origin:
    origin = ORIGINS.get(value) if isinstance(value, str) else None
    if origin is None:
        raise Broken(f"one of {', '.join(ORIGINS)} expected")
    return origin


def _certainty(value: object) -> Certainty:
    certainty = CERTAINTIES.get(value) if isinstance(value, str) else None
    if certainty is None:
        raise Broken(f"one of {', '.join(CERTAINTIES)} expected")
    return certainty


def _task(value: object) -> TaskCode:
    return TaskCode(_word(value))


def _information(value: object) -> InformationCode:
    return InformationCode(_word(value))


def _item(value: object) -> ItemCode:
    return ItemCode(_word(value))


def _procedure(value: object) -> ProcedureCode:
    return ProcedureCode(_word(value))


def _ordinal(value: object) -> int:
    if type(value) is not int or not 1 <= value <= 9999:
        raise Broken("a number from 1 expected")
    return value


def _all_information(value: object) -> tuple[InformationCode, ...]:
    if not isinstance(value, list):
        raise Broken("an array expected")
    codes = tuple(_information(part) for part in value)
    if list(codes) != sorted(set(codes)):
        raise Broken("each only once and in order expected")
    return codes


class Form(NamedTuple):
    make: Callable[..., Record]
    fields: tuple[tuple[str, Callable[[object], object]], ...]


_kind, _kinds = _like(KIND), _some_like(KIND)

FORMS: dict[str, Form] = {
    "kind": Form(
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
    "party": Form(Party, (("phrase", _word), ("kinds", _kinds), ("certainty", _certainty))),
    "task": Form(Task, (("task", _task), ("designation", _word), ("origin", _origin))),
    "information": Form(Information, (("information", _information), ("label", _word), ("origin", _origin))),
    "item": Form(Item, (("information", _information), ("item", _item), ("label", _word), ("origin", _origin))),
    "revision": Form(
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
    "row": Form(
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
    "procedure": Form(
        Procedure,
        (
            ("revision", _like(REVISION)),
            ("item", _like(ITEM)),
            ("article", _like(ITEM)),
            ("ordinal", _ordinal),
            ("procedure", _procedure),
            ("label", _word),
            ("information", _all_information),
            ("certainty", _certainty),
            ("origin", _origin),
        ),
    ),
}
