"""What can be wrong with one fact of a list: each operator makes one mutant, by lot.

Where a wider kind would answer in a narrower one's place, or another row for the same question, the mutant would change
no answer; operators draw again until it does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import TypeVar

from authz.listsource import Certainty, ListSource, Procedure, Revision, Row, close_kinds
from sympho.codes import InformationCode

A_DAY = timedelta(days=1)
T = TypeVar("T")
Operator = Callable[[ListSource, Random], ListSource]


def drop_a_row(source: ListSource, drawing: Random) -> ListSource:
    return _without(source, drawing.choice(source.rows))


def repeat_a_row_for_another_task(source: ListSource, drawing: Random) -> ListSource:
    row = drawing.choice(source.rows)
    added = replace(row, row=_free_row(source, row), task=_other(drawing, (t.task for t in source.tasks), row.task))
    return replace(source, rows=(*source.rows, added)) if _says_more(source, added) else _again(source, drawing)


def widen_the_inquirers(source: ListSource, drawing: Random) -> ListSource:
    row = drawing.choice(source.rows)
    kind = drawing.choice(source.kinds).kind
    added = replace(row, inquirers=(kind,))
    if not _says_more(source, added):
        return widen_the_inquirers(source, drawing)
    return _instead(source, row, replace(row, inquirers=(*row.inquirers, kind)))


def widen_the_providers(source: ListSource, drawing: Random) -> ListSource:
    row = drawing.choice(source.rows)
    kind = drawing.choice(source.kinds).kind
    added = replace(row, providers=(kind,))
    if not _says_more(source, added):
        return widen_the_providers(source, drawing)
    return _instead(source, row, replace(row, providers=(*row.providers, kind)))


def narrow_the_inquirers(source: ListSource, drawing: Random) -> ListSource:
    row = drawing.choice([row for row in source.rows if len(row.inquirers) > 1])
    kind = drawing.choice(row.inquirers)
    left = tuple(one for one in row.inquirers if one != kind)
    if not _closed(source, kind).isdisjoint(left):
        return narrow_the_inquirers(source, drawing)
    return _instead(source, row, replace(row, inquirers=left))


def narrow_the_providers(source: ListSource, drawing: Random) -> ListSource:
    row = drawing.choice([row for row in source.rows if len(row.providers) > 1])
    kind = drawing.choice(row.providers)
    left = tuple(one for one in row.providers if one != kind)
    if not _closed(source, kind).isdisjoint(left):
        return narrow_the_providers(source, drawing)
    return _instead(source, row, replace(row, providers=left))


def change_the_information(source: ListSource, drawing: Random) -> ListSource:
    row = drawing.choice(source.rows)
    information = _other(drawing, (one.information for one in source.information), row.information)
    return _instead(source, row, replace(row, information=information))


def change_the_task(source: ListSource, drawing: Random) -> ListSource:
    row = drawing.choice(source.rows)
    task = _other(drawing, (one.task for one in source.tasks), row.task)
    return _instead(source, row, replace(row, task=task))


def swap_the_information_of_two_rows(source: ListSource, drawing: Random) -> ListSource:
    first = drawing.choice(source.rows)
    second = drawing.choice([row for row in source.rows if row.revision == first.revision])
    same_parties = (first.inquirers, first.task, first.providers) == (second.inquirers, second.task, second.providers)
    if first.information == second.information or same_parties:
        return swap_the_information_of_two_rows(source, drawing)
    swapped = _instead(source, first, replace(first, information=second.information))
    return _instead(swapped, second, replace(second, information=first.information))


def begin_a_day_later(source: ListSource, drawing: Random) -> ListSource:
    revision = drawing.choice(source.revisions)
    return _dated(source, revision, replace(revision, in_force_from=revision.in_force_from + A_DAY))


def end_a_day_earlier(source: ListSource, drawing: Random) -> ListSource:
    revision = drawing.choice([one for one in source.revisions if one.in_force_until])
    until = revision.in_force_until
    return _dated(source, revision, replace(revision, in_force_until=until - A_DAY if until else None))


def move_a_border_by_a_day(source: ListSource, drawing: Random) -> ListSource:
    n = drawing.randrange(1, len(source.revisions))
    before, after = source.revisions[n - 1], source.revisions[n]
    step = drawing.choice((A_DAY, -A_DAY))
    until = before.in_force_until
    moved = _dated(source, before, replace(before, in_force_until=until + step if until else None))
    return _dated(moved, after, replace(after, in_force_from=after.in_force_from + step))


def name_another_row_as_the_ground(source: ListSource, drawing: Random) -> ListSource:
    row = drawing.choice(source.rows)
    return _instead(source, row, replace(row, row=_free_row(source, row)))


def make_a_row_surer_than_it_is(source: ListSource, drawing: Random) -> ListSource:
    row = drawing.choice(source.rows)
    return _instead(source, row, replace(row, certainty=_other(drawing, Certainty, row.certainty)))


def forget_that_a_kind_counts_as_another(source: ListSource, drawing: Random) -> ListSource:
    kind = drawing.choice([one for one in source.kinds if one.counts_as and one.kind != "WIDE_AREA_UNION"])
    kinds = tuple(replace(one, counts_as="") if one == kind else one for one in source.kinds)
    return replace(source, kinds=kinds)


def count_a_kind_as_another(source: ListSource, drawing: Random) -> ListSource:
    asking = sorted({kind for row in source.rows for kind in row.inquirers})
    kind = drawing.choice([one for one in source.kinds if not one.counts_as])
    wider = _other(drawing, asking, kind.kind)
    kinds = tuple(replace(one, counts_as=wider) if one == kind else one for one in source.kinds)
    return replace(source, kinds=kinds)


def drop_a_line_of_a_procedure(source: ListSource, drawing: Random) -> ListSource:
    procedure = drawing.choice(_mapped(source))
    lines = [one for one in procedure.information if one in _permitted_below(source, procedure)]
    if not lines or len(procedure.information) == 1:
        return drop_a_line_of_a_procedure(source, drawing)
    gone = drawing.choice(lines)
    left = tuple(one for one in procedure.information if one != gone)
    return _proceeding(source, procedure, replace(procedure, information=left))


def add_a_line_to_a_procedure(source: ListSource, drawing: Random) -> ListSource:
    procedure = drawing.choice(_mapped(source))
    more = sorted(_permitted_below(source, procedure).difference(procedure.information))
    if not more:
        return add_a_line_to_a_procedure(source, drawing)
    lines = tuple(sorted((*procedure.information, drawing.choice(more))))
    return _proceeding(source, procedure, replace(procedure, information=lines))


def call_a_procedure_unmapped(source: ListSource, drawing: Random) -> ListSource:
    procedure = drawing.choice(_mapped(source))
    if _permitted_below(source, procedure) <= set(procedure.information):
        return call_a_procedure_unmapped(source, drawing)
    return _proceeding(source, procedure, replace(procedure, certainty=Certainty.C))


def move_a_procedure_to_another_item(source: ListSource, drawing: Random) -> ListSource:
    procedure = drawing.choice(source.procedures)
    items = sorted({row.item for row in source.rows if row.revision == procedure.revision})
    return _proceeding(source, procedure, replace(procedure, item=_other(drawing, items, procedure.item)))


OPERATORS: tuple[Operator, ...] = (
    drop_a_row,
    repeat_a_row_for_another_task,
    widen_the_inquirers,
    widen_the_providers,
    narrow_the_inquirers,
    narrow_the_providers,
    change_the_information,
    change_the_task,
    swap_the_information_of_two_rows,
    begin_a_day_later,
    end_a_day_earlier,
    move_a_border_by_a_day,
    name_another_row_as_the_ground,
    make_a_row_surer_than_it_is,
    forget_that_a_kind_counts_as_another,
    count_a_kind_as_another,
    drop_a_line_of_a_procedure,
    add_a_line_to_a_procedure,
    call_a_procedure_unmapped,
    move_a_procedure_to_another_item,
)


# --- what operators share -----------------------------------------------------------------------------------------


def _without(source: ListSource, row: Row) -> ListSource:
    return replace(source, rows=tuple(one for one in source.rows if one is not row))


def _instead(source: ListSource, row: Row, other: Row) -> ListSource:
    return replace(source, rows=tuple(other if one is row else one for one in source.rows))


def _proceeding(source: ListSource, procedure: Procedure, other: Procedure) -> ListSource:
    return replace(source, procedures=tuple(other if one is procedure else one for one in source.procedures))


def _mapped(source: ListSource) -> list[Procedure]:
    return [one for one in source.procedures if one.certainty is not Certainty.C]


def _permitted_below(source: ListSource, procedure: Procedure) -> set[InformationCode]:
    """What the rows of its item have: a line of anything else decides nothing."""
    place = (procedure.revision, procedure.item)
    return {row.information for row in source.rows if (row.revision, row.item) == place}


def _dated(source: ListSource, revision: Revision, other: Revision) -> ListSource:
    return replace(source, revisions=tuple(other if one is revision else one for one in source.revisions))


def _again(source: ListSource, drawing: Random) -> ListSource:
    return repeat_a_row_for_another_task(source, drawing)


def _other(drawing: Random, values: Iterable[T], than: T) -> T:
    return drawing.choice([value for value in values if value != than])


def _free_row(source: ListSource, row: Row) -> str:
    taken = {one.row for one in source.rows if (one.revision, one.item) == (row.revision, row.item)}
    return next(name for n in range(50, 100) if (name := f"{n}.1") not in taken)


def _closed(source: ListSource, kind: str) -> frozenset[str]:
    return close_kinds((kind,), {one.kind: one.counts_as for one in source.kinds})


def _says_more(source: ListSource, added: Row) -> bool:
    """Whether no row there is already lets the added row's first kinds do what it lets them do."""
    asking, asked = _closed(source, added.inquirers[0]), _closed(source, added.providers[0])
    return not any(
        (row.revision, row.task, row.information) == (added.revision, added.task, added.information)
        and not asking.isdisjoint(row.inquirers)
        and not asked.isdisjoint(row.providers)
        for row in source.rows
    )
