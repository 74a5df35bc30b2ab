"""A candidate list from an imported table (照合リスト候補): what the list says, with one revision of it read anew.

A new revision ends the one before it the day before. Where a revision that is already there is read anew, procedures
stay below the items whose rows came out as they were; of the others the list no longer knows what they narrow, so they
are left out and named.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta

from authz.lawtext.reading import Imported
from authz.listdocument import check
from authz.listsource import ListSource, Procedure, Revision, Row

__all__ = ["Candidate", "candidate"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """候補: the list, the revision that was ended by the new one (or ``None``), the procedures that were left out."""

    source: ListSource
    ended: Revision | None
    left_out: tuple[Procedure, ...]


def candidate(base: ListSource, imported: Imported, revision: Revision) -> Candidate:
    """The list with the imported rows. ``BadList`` if it would be none: days that overlap, no rows of a kept item."""
    name = revision.revision
    earlier = [one for one in base.revisions if one.revision != name]
    ended = next((one for one in earlier if _is_ended_by(one, revision)), None)
    day_before = revision.in_force_from - timedelta(days=1)
    left_out = _left_out(base, imported, name)
    source = replace(
        base,
        revisions=(*(replace(one, in_force_until=day_before) if one is ended else one for one in earlier), revision),
        rows=(*(row for row in base.rows if row.revision != name), *imported.rows),
        procedures=tuple(one for one in base.procedures if one not in left_out),
    )
    check(source)
    return Candidate(source, ended, left_out)


def _is_ended_by(one: Revision, new: Revision) -> bool:
    return one.in_force_until is None and one.in_force_from < new.in_force_from


def _left_out(base: ListSource, imported: Imported, revision: str) -> tuple[Procedure, ...]:
    was = _by_item(row for row in base.rows if row.revision == revision)
    now = _by_item(imported.rows)
    return tuple(one for one in base.procedures if one.revision == revision and was.get(one.item) != now.get(one.item))


def _by_item(rows: Iterable[Row]) -> dict[str, set[Row]]:
    found: dict[str, set[Row]] = {}
    for row in rows:
        found.setdefault(row.item, set()).add(row)
    return found
