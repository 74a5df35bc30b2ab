"""What a body may ask (照会できるものの一覧): the rows of the table under which it stands, in their own words.

By the list alone, and for an agency with what the directory adds: work that was moved to a wide-area union, local tasks
(条例事務), and the tasks for which it has published no assessment yet, so that nothing may be asked for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from msgspec import Struct

from authz.explain import kinds_of
from authz.grants import kinds_asking, rows_of
from authz.matchlist import MatchList, Row
from authz.questions import AgencyFacts, OrdinanceTask, Snapshot
from authz.wording import (
    ListRead,
    Named,
    Statute,
    list_read,
    named_information,
    named_party,
    named_task,
    statute_of,
)
from sympho.codes import AgencyCode, InformationCode, TaskCode

__all__ = ["Enumeration", "LocalTask", "Narrowed", "enumeration"]


class Narrowed(Struct, frozen=True):
    """Which rows only; what is None is not narrowed. A provider stands for all its kinds."""

    task: TaskCode | None = None
    provider: AgencyCode | str | None = None
    information: InformationCode | None = None


class LocalTask(Struct, frozen=True):
    """条例事務 of the agency: it asks for ``information`` under the rows of the task that it mirrors."""

    task: Named
    mirrors: Named
    information: tuple[Named, ...]
    notified_on: date | None
    published_on: date | None


class Enumeration(Struct, frozen=True):
    """照会できるもの. ``kinds`` are those under which it asks; ``unassessed`` only for an agency."""

    inquirer: Named
    kinds: tuple[Named, ...]
    as_of: date
    known_at: datetime | None
    list: ListRead
    rows: tuple[Statute, ...]
    local_tasks: tuple[LocalTask, ...]
    unassessed: tuple[Named, ...]


def enumeration(
    snapshot: Snapshot,
    inquirer: AgencyCode | str,
    as_of: date,
    narrowed: Narrowed,
    known_at: datetime | None = None,
) -> Enumeration:
    """Every row under which a body may ask on a day."""
    match_list = snapshot.list
    facts = snapshot.agencies.get(inquirer) if isinstance(inquirer, AgencyCode) else None
    revision = match_list.revision_on(as_of)
    rows = tuple(_rows(snapshot, inquirer, facts, as_of, narrowed))
    return Enumeration(
        inquirer=named_party(snapshot, inquirer),
        kinds=tuple(named_party(snapshot, kind) for kind in sorted(kinds_of(snapshot, inquirer))),
        as_of=as_of,
        known_at=known_at,
        list=list_read(match_list, as_of),
        rows=tuple(statute_of(match_list, revision, row) for row in rows) if revision else (),
        local_tasks=tuple(_local(match_list, one) for one in (facts.ordinance_tasks.values() if facts else ())),
        unassessed=tuple(_unassessed(match_list, facts, rows, as_of)) if facts else (),
    )


def _rows(
    snapshot: Snapshot, inquirer: AgencyCode | str, facts: AgencyFacts | None, as_of: date, narrowed: Narrowed
) -> Iterator[Row]:
    revision = snapshot.list.revision_on(as_of)
    if revision is None:
        return
    kinds = kinds_of(snapshot, inquirer)
    asked = None if narrowed.provider is None else kinds_of(snapshot, narrowed.provider)
    for row in rows_of(snapshot.list.source, revision):
        if set(row.inquirers).isdisjoint(kinds_asking(kinds, row.task, facts)):
            continue
        if narrowed.task not in (None, row.task) or narrowed.information not in (None, row.information):
            continue
        if asked is None or not asked.isdisjoint(row.providers):
            yield row


def _local(match_list: MatchList, one: OrdinanceTask) -> LocalTask:
    return LocalTask(
        task=Named(one.task, ""),
        mirrors=named_task(match_list, one.mirrors),
        information=tuple(named_information(match_list, code) for code in sorted(one.information)),
        notified_on=one.notified_on,
        published_on=one.published_on,
    )


def _unassessed(match_list: MatchList, facts: AgencyFacts, rows: tuple[Row, ...], as_of: date) -> Iterator[Named]:
    for task in dict.fromkeys(row.task for row in rows):
        published = facts.assessments.get(task)
        if published is None or published > as_of:
            yield named_task(match_list, task)
