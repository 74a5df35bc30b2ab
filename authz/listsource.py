"""What a match list (照会許可用照合リスト) is made of, before it is compiled: the facts of the tables, as values.

A :class:`ListSource` holds kinds of institution and the table's phrases for them, tasks, information with its items,
the revisions of the tables with their days in force, one :class:`Row` per row of a table, and the procedures below the
items. ``fixtures.lists`` makes one from the project's data, ``authz.listfiles`` writes it as CSV and reads it back,
``authz.listdocument`` as one document, ``authz.matchlist`` compiles it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from sympho.codes import InformationCode, ItemCode, ProcedureCode, TaskCode

MUNICIPALITY = "MUNICIPALITY"
"""市町村 (特別区 included): the kind that the finer kinds of municipality also carry."""

WIDE_AREA_UNION = "WIDE_AREA_UNION"
"""広域連合・一部事務組合: counts as a municipality for the work moved to it, and for nothing else."""


class Origin(StrEnum):
    """Where a code and its label come from."""

    OFFICIAL = "official"
    OURS = "ours"
    """The code is minted by us, in a range of our own."""
    RELABELLED = "relabelled"
    """The code is minted, and the label was altered so that it stays distinct from another of the same words."""


class Certainty(StrEnum):
    """How sure a row is: the weakest of its two parties' reading and its own text."""

    A = "A"
    """Plain reading."""
    B = "B"
    """Rests on a cited law or was reconstructed."""
    C = "C"
    """A party is an open class; its kinds are a modelling choice."""


@dataclass(frozen=True, slots=True)
class Kind:
    """機関の種別: a kind of institution. ``counts_as`` is the wider kind that it also carries, or empty."""

    kind: str
    ja: str
    en: str
    group: str
    prefixes: tuple[str, ...]
    counts_as: str


@dataclass(frozen=True, slots=True)
class Party:
    """当事者の表記: a phrase that a table uses for inquirers or providers, and the kinds that it means."""

    phrase: str
    kinds: tuple[str, ...]
    certainty: Certainty


@dataclass(frozen=True, slots=True)
class Task:
    """事務 (JM) with its designation."""

    task: TaskCode
    designation: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Information:
    """特定個人情報名 (TM) with its label; a label may name several kinds at once, as the table's cell does."""

    information: InformationCode
    label: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Item:
    """項目 (TK) of an information."""

    information: InformationCode
    item: ItemCode
    label: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Revision:
    """One state of the table with its days in force, both inclusive; an open end is ``None``.

    ``text_as_of`` is the day of the text that the rows were taken from. ``floor`` marks a revision whose rows are
    known for that day only: the first day in force, or the rows on the days before the text's, are then a floor.
    """

    revision: str
    law: str
    in_force_from: date
    in_force_until: date | None
    text_as_of: date
    floor: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table: any of these kinds may ask any of those for this information, for this task.

    ``item`` is the item's number in arabic figures (第十六の二項 is ``16-2``), ``row`` the row inside it (``1.2``).
    """

    revision: str
    item: str
    row: str
    inquirers: tuple[str, ...]
    task: TaskCode
    providers: tuple[str, ...]
    information: InformationCode
    certainty: Certainty


@dataclass(frozen=True, slots=True)
class Procedure:
    """事務手続 (JT): an act below an item of a table, from the ordinance's articles, with what may be asked for it.

    ``article`` and ``ordinal`` are where it stands (4条8号 is ``4`` and 8); the label is ours: law, provision, act. Its
    lines narrow the item only where every one of them is mapped to information: certainty A, each by the table's own
    word, or B, some by our reading. C: a line is not mapped, so what the item permits stands.
    """

    revision: str
    item: str
    article: str
    ordinal: int
    procedure: ProcedureCode
    label: str
    information: tuple[InformationCode, ...]
    certainty: Certainty
    origin: Origin


@dataclass(frozen=True, slots=True)
class ListSource:
    """The whole content of a match list, in no particular order; its document has exactly one."""

    kinds: tuple[Kind, ...]
    tasks: tuple[Task, ...]
    information: tuple[Information, ...]
    items: tuple[Item, ...]
    revisions: tuple[Revision, ...]
    rows: tuple[Row, ...]
    parties: tuple[Party, ...] = ()
    procedures: tuple[Procedure, ...] = ()


def close_kinds(kinds: Iterable[str], counts_as: Mapping[str, str]) -> frozenset[str]:
    """The kinds with every wider kind that they also carry.

    ``counts_as`` maps a kind to its wider one. A wide-area union is left as it is: whether it counts as a municipality
    depends on the task, so the decision answers that. A kind that the list does not know stays, and matches nothing.
    """
    closed: set[str] = set()
    open_kinds = list(kinds)
    while open_kinds:
        kind = open_kinds.pop()
        if kind in closed:
            continue
        closed.add(kind)
        wider = counts_as.get(kind, "")
        if wider and kind != WIDE_AREA_UNION:
            open_kinds.append(wider)
    return frozenset(closed)
