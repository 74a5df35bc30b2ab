"""Questions to a match list (照合リストへの問い): drawn from its rows, with none, one or two fields changed; seeded.

What a row permits, and what is one step or two beside it, is where an evaluation can go wrong; a question drawn from
the whole product would nearly always be a denial for the first column's reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from authz.matchlist import ListSource, Row
from sympho.codes import InformationCode, TaskCode

__all__ = ["ListQuestion", "drawn", "tuples"]

CHANGED_FIELDS = (0, 1, 1, 2)


class ListQuestion(NamedTuple):
    """May a body of this kind ask one of that kind for this information, for this task?"""

    inquirer_kind: str
    task: TaskCode
    provider_kind: str
    information: InformationCode


def drawn(source: ListSource, rows: list[Row], seed: int) -> Iterator[ListQuestion]:
    """Questions without end; the same seed draws the same ones."""
    drawing = Random(seed)
    kinds = [kind.kind for kind in source.kinds]
    tasks = [task.task for task in source.tasks]
    information = [one.information for one in source.information]
    while True:
        row = drawing.choice(rows)
        question = ListQuestion(drawing.choice(row.inquirers), row.task, drawing.choice(row.providers), row.information)
        for field in drawing.sample(ListQuestion._fields, drawing.choice(CHANGED_FIELDS)):
            match field:
                case "inquirer_kind":
                    question = question._replace(inquirer_kind=drawing.choice(kinds))
                case "task":
                    question = question._replace(task=drawing.choice(tasks))
                case "provider_kind":
                    question = question._replace(provider_kind=drawing.choice(kinds))
                case _:
                    question = question._replace(information=drawing.choice(information))
        yield question


def tuples(source: ListSource, rows: list[Row]) -> set[tuple[str, str, str, str]]:
    """Everything that rows permit, written out for every kind: what an engine without a hierarchy is given."""
    carrying: dict[str, set[str]] = {kind.kind: {kind.kind} for kind in source.kinds}
    for kind in source.kinds:
        if kind.counts_as and kind.kind != "WIDE_AREA_UNION":
            carrying[kind.counts_as].add(kind.kind)
    return {
        (str(asking), str(row.task), str(asked), str(row.information))
        for row in rows
        for inquirer in row.inquirers
        for asking in carrying[inquirer]
        for provider in row.providers
        for asked in carrying[provider]
    }
