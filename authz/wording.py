"""A list's things in words (照合リストの用語): codes beside their names, rows in their own words, what of a list was read."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from msgspec import Struct

from authz.explainwords import CERTAINTIES
from authz.grants import Combination
from authz.matchlist import Certainty, MatchList, Revision, Row
from authz.questions import Snapshot
from sympho.codes import AgencyCode, InformationCode, ItemCode, TaskCode

__all__ = [
    "GrantSaid",
    "Happened",
    "ListRead",
    "Named",
    "Statute",
    "grant_said",
    "list_read",
    "named_information",
    "named_item",
    "named_kind",
    "named_party",
    "named_task",
    "statute_of",
]


class Happened(StrEnum):
    """What became of an item, row or procedure between two lists."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    LAPSED = "lapsed"
    """A procedure that is known and not carried on, because its item was amended."""


class Named(Struct, frozen=True):
    """A code or kind with its Japanese name; the name is empty where list and directory have none."""

    code: str
    ja: str


class ListRead(Struct, frozen=True):
    """The list that was read, and its revision in force on the day; the last five are null if none was.

    ``floor``: the rows of the revision are known for ``text_as_of`` only.
    """

    serial: int
    digest: str
    revision: str | None
    law: str | None
    in_force_from: date | None
    in_force_until: date | None
    text_as_of: date | None
    floor: bool | None


class Statute(Struct, frozen=True):
    """根拠: the row of the table, in its own words, and how sure we are of it."""

    revision: str
    law: str
    item: str
    row: str
    inquirers: tuple[Named, ...]
    task: Named
    providers: tuple[Named, ...]
    information: Named
    certainty: Certainty
    certainty_ja: str
    certainty_en: str


class GrantSaid(Struct, frozen=True):
    """One permitted combination with its ground."""

    inquirer: Named
    task: Named
    provider: Named
    information: Named
    ground: str
    certainty: Certainty


def list_read(match_list: MatchList, as_of: date) -> ListRead:
    """What of a list is in force on a day."""
    revision = match_list.revision_on(as_of)
    if revision is None:
        return ListRead(match_list.serial, match_list.digest, None, None, None, None, None, None)
    return ListRead(
        match_list.serial,
        match_list.digest,
        revision.revision,
        revision.law,
        revision.in_force_from,
        revision.in_force_until,
        revision.text_as_of,
        revision.floor,
    )


def statute_of(match_list: MatchList, revision: Revision, row: Row) -> Statute:
    """A row in its own words."""
    ja, en = CERTAINTIES[row.certainty]
    return Statute(
        revision=revision.revision,
        law=revision.law,
        item=row.item,
        row=row.row,
        inquirers=tuple(named_kind(match_list, kind) for kind in row.inquirers),
        task=named_task(match_list, row.task),
        providers=tuple(named_kind(match_list, kind) for kind in row.providers),
        information=named_information(match_list, row.information),
        certainty=row.certainty,
        certainty_ja=ja,
        certainty_en=en,
    )


def grant_said(match_list: MatchList, granted: Combination, row: Row) -> GrantSaid:
    """A permitted combination in words."""
    return GrantSaid(
        inquirer=named_kind(match_list, granted.inquirer),
        task=named_task(match_list, granted.task),
        provider=named_kind(match_list, granted.provider),
        information=named_information(match_list, granted.information),
        ground=f"{row.item}:{row.row}",
        certainty=row.certainty,
    )


# --- names --------------------------------------------------------------------------------------------------------


def named_kind(match_list: MatchList, kind: str) -> Named:
    known = match_list.kinds.get(kind)
    return Named(kind, known.ja if known else "")


def named_task(match_list: MatchList, task: str) -> Named:
    known = match_list.tasks.get(TaskCode(task))
    return Named(task, known.designation if known else "")


def named_information(match_list: MatchList, information: str) -> Named:
    known = match_list.information.get(InformationCode(information))
    return Named(information, known.label if known else "")


def named_party(snapshot: Snapshot, party: AgencyCode | str) -> Named:
    if not isinstance(party, AgencyCode):
        return named_kind(snapshot.list, party)
    facts = snapshot.agencies.get(party)
    return Named(party, facts.name if facts else "")


def named_item(match_list: MatchList, item: ItemCode) -> Named:
    return Named(item, next((one.label for one in match_list.source.items if one.item == item), ""))
