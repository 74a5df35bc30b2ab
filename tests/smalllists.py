"""Small match lists drawn at random (小さな照合リスト), and what they permit by the plainest reading of their rows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final

from hypothesis import strategies as st

from authz.explain import Asked
from authz.matchlist import (
    Certainty,
    Information,
    Item,
    Kind,
    ListSource,
    MatchList,
    Origin,
    Revision,
    Row,
    Task,
    compile_list,
)
from authz.questions import Snapshot
from sympho.codes import InformationCode, ItemCode, TaskCode

KINDS: Final = ("CITY", "MINISTER", "MUNICIPALITY", "PREFECTURE")
TASKS: Final = tuple(TaskCode(f"JM9000000000000{n}") for n in range(1, 4))
INFORMATION: Final = tuple(InformationCode(f"TM9000000000000{n}") for n in range(1, 4))
FIRST: Final = date(2026, 3, 1)
REVISIONS: Final = (
    Revision("early", "試験表", FIRST, date(2026, 3, 9), FIRST, floor=False),
    Revision("gap", "試験表", date(2026, 3, 15), date(2026, 3, 19), FIRST, floor=True),
    Revision("late", "試験表", date(2026, 3, 20), None, FIRST, floor=False),
)
DAYS: Final = tuple(FIRST + timedelta(days=n) for n in range(-3, 25))
"""Every day around every border, and then some."""


def item_of(information: InformationCode, n: int = 1) -> ItemCode:
    return ItemCode(f"TK{information[2]}{information[-5:]}{n:07d}0")


def source_of(rows: Iterable[Row], tasks: tuple[TaskCode, ...] = TASKS) -> ListSource:
    """A list of these rows; a city counts as a municipality."""
    return ListSource(
        kinds=tuple(
            Kind(kind, f"種別{kind}", kind.lower(), "LOCAL" if kind != "MINISTER" else "STATE", (), wider)
            for kind, wider in zip(KINDS, ("MUNICIPALITY", "", "", ""), strict=True)
        ),
        tasks=tuple(Task(task, f"事務{task[-1]}", Origin.OURS) for task in tasks),
        information=tuple(Information(one, f"情報{one[-1]}", Origin.OURS) for one in INFORMATION),
        items=tuple(Item(one, item_of(one, n), f"項目{n}", Origin.OURS) for one in INFORMATION for n in (1, 2)),
        revisions=REVISIONS,
        rows=tuple(rows),
    )


kinds = st.lists(st.sampled_from(KINDS), min_size=1, max_size=2, unique=True).map(tuple)
rows = st.lists(
    st.tuples(
        st.sampled_from(REVISIONS),
        st.integers(1, 4),
        kinds,
        st.sampled_from(TASKS),
        kinds,
        st.sampled_from(INFORMATION),
        st.sampled_from(Certainty),
    ),
    max_size=12,
)


@st.composite
def sources(draw: st.DrawFn) -> ListSource:
    """A list of up to a dozen rows in three revisions, with days on which none is in force."""
    made = []
    for n, (revision, item, inquirers, task, providers, information, certainty) in enumerate(draw(rows), start=1):
        made.append(Row(revision.revision, str(item), f"1.{n}", inquirers, task, providers, information, certainty))
    return source_of(made)


lists = sources().map(lambda source: compile_list(source, 1))
questions = st.builds(
    Asked,
    inquirer=st.sampled_from(KINDS),
    task=st.sampled_from(TASKS),
    provider=st.sampled_from(KINDS),
    information=st.sampled_from(INFORMATION),
)
days = st.sampled_from(DAYS)


def snapshot_of(match_list: MatchList) -> Snapshot:
    return Snapshot(match_list, {}, match_list.items)


def plainly_permitted(source: ListSource, asked: Asked, day: date) -> bool:
    """Whether a row in force covers the question, read without any index."""
    carried = {"CITY": {"CITY", "MUNICIPALITY"}}
    asking, provides = (carried.get(kind, {kind}) for kind in (asked.inquirer, asked.provider))
    on_day = {one.revision for one in source.revisions if one.in_force_from <= day <= (one.in_force_until or date.max)}
    return any(
        row.revision in on_day
        and row.task == asked.task
        and row.information == asked.information
        and not asking.isdisjoint(row.inquirers)
        and not provides.isdisjoint(row.providers)
        for row in source.rows
    )
