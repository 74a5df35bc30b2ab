"""The difference of two lists (照合リストの差分): in the words of the law, and in what may be asked afterwards.

Rows are compared inside their item. A row with the same four columns is the same row, wherever in the item it stands;
of the others, two with the same number are one changed row, the rest were added or removed. Procedures are compared by
their codes (``authz.procedurediff``). Consequences are the combinations (kind asking, task, kind asked, information)
that are permitted on one side alone, by ``authz.grants``.

Two whole lists are compared day by day: the borders of both cut time into stretches with one revision on each side, so
that a change of rows in force long ago shows as well as one of those to come.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Final

from msgspec import Struct

from authz.grants import Combination, grants, law_order, rows_of
from authz.matchlist import MatchList, Row
from authz.procedurediff import NamingDiff, ProcedureDiff, Side, compare_naming, compare_procedures
from authz.wording import GrantSaid, Happened, ListRead, Statute, grant_said, list_read, statute_of
from sympho.codes import TaskCode

__all__ = [
    "Happened",
    "ItemDiff",
    "ListDiff",
    "NameDiff",
    "RowDiff",
    "StretchDiff",
    "compare_lists",
    "compare_revisions",
]

ONE_DAY: Final = timedelta(days=1)


class RowDiff(Struct, frozen=True):
    """One row. ``columns`` names what differs in a changed one: inquirers, task, providers, information, certainty."""

    happened: Happened
    columns: tuple[str, ...]
    before: Statute | None
    after: Statute | None


class ItemDiff(Struct, frozen=True):
    """項: one item with its rows that differ."""

    item: str
    happened: Happened
    rows: tuple[RowDiff, ...]


class NameDiff(Struct, frozen=True):
    """A code that is called otherwise, or counts as otherwise; empty where a side does not have it."""

    of: str
    code: str
    before: str
    after: str


class StretchDiff(Struct, frozen=True):
    """Two revisions side by side; days are of the stretch of time in which they face each other, if it is one.

    ``now_permitted`` are DENY->ALLOW, ``no_longer_permitted`` ALLOW->DENY. ``reworded`` of the latter are permitted on,
    under the task that took the place of theirs in the same item. Other combinations keep their answer; ``regrounded``
    of them rest on another row. ``naming`` are the consequences for questions that name a procedure; None where a side
    carries none.
    """

    since: date | None
    until: date | None
    before: ListRead | None
    after: ListRead | None
    items: tuple[ItemDiff, ...]
    procedures: tuple[ProcedureDiff, ...]
    permitted_before: int
    permitted_after: int
    now_permitted: tuple[GrantSaid, ...]
    no_longer_permitted: tuple[GrantSaid, ...]
    reworded: int
    regrounded: int
    naming: NamingDiff | None

    @property
    def differs(self) -> bool:
        return bool(self.items or self.procedures or self.now_permitted or self.no_longer_permitted)


class ListDiff(Struct, frozen=True):
    """差分, whole. ``before`` and ``after`` are digests of the two documents; ``stretches`` only those that differ."""

    before: str
    after: str
    names: tuple[NameDiff, ...]
    stretches: tuple[StretchDiff, ...]

    @property
    def differs(self) -> bool:
        return bool(self.names or self.stretches)


def compare_revisions(before: Side, after: Side) -> ListDiff:
    """Two revisions, of one list or of two."""
    found = _stretch(before, after, None, None)
    names = tuple(_names(before[0], after[0]))
    return ListDiff(before[0].digest, after[0].digest, names, (found,) if found.differs else ())


def compare_lists(before: MatchList, after: MatchList) -> ListDiff:
    """Two lists, over all days on which a revision of either is in force."""
    known: dict[tuple[str, str], StretchDiff] = {}
    stretches = []
    for since, until in _stretches(before, after):
        sides = before.revision_on(since), after.revision_on(since)
        key = (sides[0].revision if sides[0] else "", sides[1].revision if sides[1] else "")
        if key not in known:
            known[key] = _stretch((before, sides[0]), (after, sides[1]), since, until)
        if known[key].differs:
            stretches.append(_on_days(known[key], since, until))
    return ListDiff(before.digest, after.digest, tuple(_names(before, after)), tuple(stretches))


def _on_days(found: StretchDiff, since: date, until: date | None) -> StretchDiff:
    return StretchDiff(since, until, *(getattr(found, name) for name in StretchDiff.__struct_fields__[2:]))


def _stretches(before: MatchList, after: MatchList) -> Iterator[tuple[date, date | None]]:
    borders: set[date] = set()
    for revision in (*before.source.revisions, *after.source.revisions):
        borders.add(revision.in_force_from)
        if revision.in_force_until is not None:
            borders.add(revision.in_force_until + ONE_DAY)
    ordered = sorted(borders)
    for n, since in enumerate(ordered):
        yield since, ordered[n + 1] - ONE_DAY if n + 1 < len(ordered) else None


def _stretch(before: Side, after: Side, since: date | None, until: date | None) -> StretchDiff:
    allowed_before, allowed_after = _allowed(before), _allowed(after)
    successor = _successors(before, after)
    return StretchDiff(
        since,
        until,
        _read(before),
        _read(after),
        tuple(_items(before, after)),
        tuple(compare_procedures(before, after)),
        len(allowed_before),
        len(allowed_after),
        tuple(_only_in(after[0], allowed_after, allowed_before)),
        tuple(_only_in(before[0], allowed_before, allowed_after)),
        _reworded(successor, allowed_before, allowed_after),
        sum(_content(row) != _content(allowed_after.get(one, row)) for one, row in allowed_before.items()),
        compare_naming(before, after, successor),
    )


def _read(side: Side) -> ListRead | None:
    return list_read(side[0], side[1].in_force_from) if side[1] else None


# --- consequences -------------------------------------------------------------------------------------------------

Allowed = Mapping[Combination, Row]


def _allowed(side: Side) -> Allowed:
    return grants(side[0], side[1]) if side[1] else {}


def _only_in(match_list: MatchList, here: Allowed, there: Allowed) -> Iterator[GrantSaid]:
    for one, row in here.items():
        if one not in there:
            yield grant_said(match_list, one, row)


def _reworded(successor: Mapping[TaskCode, TaskCode], was: Allowed, now: Allowed) -> int:
    ended = [one for one in was if one not in now and one.task in successor]
    return sum(one._replace(task=successor[one.task]) in now for one in ended)


def _successors(before: Side, after: Side) -> dict[TaskCode, TaskCode]:
    """The task that took another one's place: where an item has lost one task and has got one."""
    was, now = _by_item(before), _by_item(after)
    found: dict[TaskCode, TaskCode] = {}
    for item in was.keys() & now.keys():
        old, new = {row.task for row in was[item]}, {row.task for row in now[item]}
        if len(old - new) == 1 and len(new - old) == 1:
            found[(old - new).pop()] = (new - old).pop()
    return found


# --- in the words of the law --------------------------------------------------------------------------------------

COLUMNS: Final = ("inquirers", "task", "providers", "information")
Content = tuple[object, ...]


def _items(before: Side, after: Side) -> Iterator[ItemDiff]:
    was, now = _by_item(before), _by_item(after)
    for item in sorted(was.keys() | now.keys(), key=law_order):
        rows = tuple(_rows(before, after, was.get(item, ()), now.get(item, ())))
        if item not in was:
            yield ItemDiff(item, Happened.ADDED, rows)
        elif item not in now:
            yield ItemDiff(item, Happened.REMOVED, rows)
        elif rows:
            yield ItemDiff(item, Happened.CHANGED, rows)


def _by_item(side: Side) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows_of(side[0].source, side[1]) if side[1] else ():
        found.setdefault(row.item, []).append(row)
    return found


def _rows(before: Side, after: Side, was: Sequence[Row], now: Sequence[Row]) -> Iterator[RowDiff]:
    gone, come = _unmatched(was, now), _unmatched(now, was)
    for number in sorted({row.row for row in (*gone, *come)}, key=lambda text: law_order(f"0:{text}")):
        old = next((row for row in gone if row.row == number), None)
        new = next((row for row in come if row.row == number), None)
        happened = Happened.ADDED if old is None else Happened.REMOVED if new is None else Happened.CHANGED
        yield RowDiff(happened, _columns(old, new), _said(before, old), _said(after, new))


def _unmatched(rows: Sequence[Row], others: Sequence[Row]) -> list[Row]:
    """The rows without one of the same content and certainty on the other side, each used once."""
    left = [(*_content(row), row.certainty) for row in others]
    found = []
    for row in rows:
        content = (*_content(row), row.certainty)
        if content in left:
            left.remove(content)
        else:
            found.append(row)
    return found


def _content(row: Row) -> Content:
    return row.inquirers, row.task, row.providers, row.information


def _columns(old: Row | None, new: Row | None) -> tuple[str, ...]:
    if old is None or new is None:
        return ()
    return tuple(name for name in (*COLUMNS, "certainty") if getattr(old, name) != getattr(new, name))


def _said(side: Side, row: Row | None) -> Statute | None:
    if row is None or side[1] is None:
        return None
    return statute_of(side[0], side[1], row)


# --- names --------------------------------------------------------------------------------------------------------


def _names(before: MatchList, after: MatchList) -> Iterator[NameDiff]:
    for of, was, now in (
        ("kind", _kinds(before), _kinds(after)),
        ("task", _tasks(before), _tasks(after)),
        ("information", _information(before), _information(after)),
    ):
        for code in sorted(was.keys() | now.keys()):
            if was.get(code, "") != now.get(code, ""):
                yield NameDiff(of, code, was.get(code, ""), now.get(code, ""))


def _kinds(match_list: MatchList) -> dict[str, str]:
    kinds = match_list.kinds.values()
    return {one.kind: f"{one.ja} ⊂ {one.counts_as}" if one.counts_as else one.ja for one in kinds}


def _tasks(match_list: MatchList) -> dict[str, str]:
    return {one.task: one.designation for one in match_list.tasks.values()}


def _information(match_list: MatchList) -> dict[str, str]:
    return {one.information: one.label for one in match_list.information.values()}
