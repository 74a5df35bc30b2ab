"""The difference of two lists' procedures (事務手続の差分): their lines, and what may be asked where one is named.

A revision carries procedures of its own and those of every item that it left as it was; a procedure whose item was
amended lapses: it may still be named, but what its item permits stands. Consequences are permitted combinations with
each procedure that may be named for them: naming one narrows what its item permits, so they are fewer or more than the
item's alone. Where a side carries no procedures at all there is nothing to compare: naming one changes nothing there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct

from authz.grants import Combination, carriers, expanded, law_order
from authz.matchlist import MatchList, Procedure, Revision, Row
from authz.procedures import Carried, Narrowing, narrowing
from authz.wording import Happened, Named, named_information, named_task
from sympho.codes import InformationCode, ProcedureCode, TaskCode

__all__ = [
    "NamedChange",
    "NamingDiff",
    "ProcedureDiff",
    "ProcedureText",
    "Side",
    "compare_naming",
    "compare_procedures",
]

Side = tuple[MatchList, Revision | None]
NOTHING: Final[Carried] = {}
COLUMNS: Final = ("item", "article", "ordinal", "label", "information", "certainty")


class ProcedureText(Struct, frozen=True):
    """事務手続 with its lines; ``article`` is where it stands (``4:8`` is 4条8号)."""

    item: str
    article: str
    label: str
    information: tuple[Named, ...]
    certainty: str


class ProcedureDiff(Struct, frozen=True):
    """One procedure. ``columns`` names what differs in a changed one; its lines are told by what came and what went."""

    procedure: ProcedureCode
    happened: Happened
    columns: tuple[str, ...]
    lines_added: tuple[Named, ...]
    lines_removed: tuple[Named, ...]
    before: ProcedureText | None
    after: ProcedureText | None


class NamedChange(Struct, frozen=True):
    """Combinations that are permitted on one side alone if this procedure is named, all of one row.

    ``combinations`` are pairs of kinds: the asking one, a space, the asked one. ``narrowing`` is what the procedure
    does on that side.
    """

    procedure: ProcedureCode
    label: str
    task: Named
    information: Named
    ground: str
    narrowing: Narrowing
    combinations: tuple[str, ...]


class NamingDiff(Struct, frozen=True):
    """What may be asked with a procedure named: how much on each side, and what only on one.

    ``gained`` and ``lost`` count combinations; ``reworded`` of the lost are permitted on, under the task that took the
    place of theirs.
    """

    permitted_before: int
    permitted_after: int
    gained: int
    lost: int
    reworded: int
    now_permitted: tuple[NamedChange, ...]
    no_longer_permitted: tuple[NamedChange, ...]


def compare_procedures(before: Side, after: Side) -> Iterator[ProcedureDiff]:
    """Every procedure that is not carried alike on both sides, in the order of the articles."""
    was, now = _carried(before), _carried(after)
    found = {one.procedure: one for one in (*was.values(), *now.values())}
    for procedure in sorted(found.values(), key=_place):
        code = procedure.procedure
        old, new = was.get(code), now.get(code)
        if old is None or new is None or _differing(old, new):
            yield _difference(before, after, code, old, new)


def _carried(side: Side) -> Carried:
    return side[0].procedures.carried(side[1].revision) if side[1] else NOTHING


def _place(procedure: Procedure) -> tuple[object, ...]:
    return law_order(procedure.article)[0], procedure.ordinal, procedure.procedure


def _differing(old: Procedure, new: Procedure) -> tuple[str, ...]:
    return tuple(name for name in COLUMNS if getattr(old, name) != getattr(new, name))


def _difference(
    before: Side, after: Side, code: ProcedureCode, old: Procedure | None, new: Procedure | None
) -> ProcedureDiff:
    if new is None:
        happened = Happened.LAPSED if code in after[0].procedures.known else Happened.REMOVED
    else:
        happened = Happened.ADDED if old is None else Happened.CHANGED
    was, now = old.information if old else (), new.information if new else ()
    return ProcedureDiff(
        code,
        happened,
        _differing(old, new) if old and new else (),
        tuple(named_information(after[0], one) for one in now if one not in was),
        tuple(named_information(before[0], one) for one in was if one not in now),
        _text(before[0], old),
        _text(after[0], new),
    )


def _text(match_list: MatchList, one: Procedure | None) -> ProcedureText | None:
    if one is None:
        return None
    information = tuple(named_information(match_list, code) for code in one.information)
    return ProcedureText(one.item, f"{one.article}:{one.ordinal}", one.label, information, one.certainty)


# --- consequences -------------------------------------------------------------------------------------------------

Naming = Mapping[tuple[ProcedureCode, Combination], tuple[Row, Narrowing]]


def compare_naming(before: Side, after: Side, successor: Mapping[TaskCode, TaskCode]) -> NamingDiff | None:
    """What naming a procedure permits on one side alone; None where a side carries none.

    ``successor`` says which task took the place of which.
    """
    if not _carried(before) or not _carried(after):
        return None
    was, now = _permitted(before), _permitted(after)
    lost = [one for one in was if one not in now]
    return NamingDiff(
        permitted_before=len(was),
        permitted_after=len(now),
        gained=sum(one not in was for one in now),
        lost=len(lost),
        reworded=sum((code, _reworded(one, successor)) in now for code, one in lost),
        now_permitted=tuple(_grouped(after[0], now, was)),
        no_longer_permitted=tuple(_grouped(before[0], was, now)),
    )


def _reworded(one: Combination, successor: Mapping[TaskCode, TaskCode]) -> Combination:
    return one._replace(task=successor.get(one.task, one.task))


def _permitted(side: Side) -> Naming:
    """Every combination that is permitted with each procedure that is named, and the row of the procedure's item."""
    match_list, revision = side
    if revision is None:
        return {}
    carried, of = _carried(side), carriers(match_list)
    by_item: dict[str, dict[Combination, Row]] = {}
    found: dict[tuple[ProcedureCode, Combination], tuple[Row, Narrowing]] = {}
    for code, one in match_list.procedures.known.items():
        if one.item not in by_item:
            by_item[one.item] = expanded(match_list.procedures.rows_of(revision.revision, one.item), of)
        for combination, row in by_item[one.item].items():
            does = narrowing(one, combination.information) if code in carried else Narrowing.AMENDED
            if does is not Narrowing.LINES or combination.information in one.information:
                found[code, combination] = (row, does)
    return found


Group = tuple[ProcedureCode, TaskCode, InformationCode, str, Narrowing]


def _grouped(match_list: MatchList, here: Naming, there: Naming) -> Iterator[NamedChange]:
    groups: dict[Group, list[str]] = {}
    for (code, one), (row, does) in here.items():
        if (code, one) not in there:
            group = (code, one.task, one.information, f"{row.item}:{row.row}", does)
            groups.setdefault(group, []).append(f"{one.inquirer} {one.provider}")
    for (code, task, information, ground, does), combinations in groups.items():
        yield NamedChange(
            code,
            match_list.procedures.known[code].label,
            named_task(match_list, task),
            named_information(match_list, information),
            ground,
            does,
            tuple(combinations),
        )
