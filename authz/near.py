"""What would have been permitted (近い許可): every change of a single field after which a denied question is not denied.

Nearest first means, in this order:

1. by the field that changes: items, consent, procedure, information, task, provider, inquirer, day. That is from the
   part of the question that its writer chooses most freely to the one that nobody chooses;
2. within a field of bodies, a kind that the body also carries or that carries its kind, then kinds of the same group,
   then others; within days, the fewest days away;
3. then the order of the table's rows that would permit it, and the code.

A changed question is judged by the same recipes as the question itself; there are as many as the list has tasks,
information and kinds (or the directory agencies), some hundreds, so each is tried: nothing permitted is missed, and
nothing else is named. Two fields stand for many values and are named by their best: items by the largest part of what
was asked that would be permitted (none of it: all items), days by each time in which the question would be permitted,
with the day of it that is nearest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from authz.explain import Asked, Field, effect_of, judge, kinds_of
from authz.grants import law_order
from authz.questions import AgencyFacts, Decision, Effect, Snapshot
from sympho.codes import AgencyCode, ProcedureCode

__all__ = ["Change", "near"]

ONE_DAY: Final = timedelta(days=1)
FIELDS: Final = tuple(Field)


class Change(Struct, frozen=True):
    """一項目の変更: the question with ``field`` changed to ``value`` has this effect, on this ground.

    ``value`` is a code or kind, the items, ``true``, a day, or empty where the field is left out. ``since`` and
    ``until`` are the days between which a change of the day would do, both inclusive; an open end is None.
    """

    field: Field
    value: tuple[str, ...]
    effect: Effect
    ground: str
    certainty: str
    since: date | None = None
    until: date | None = None


def near(snapshot: Snapshot, asked: Asked, as_of: date) -> tuple[Change, ...]:
    """Every single-field change that would not have been denied, nearest first; none for what is not denied."""
    if effect_of(judge(snapshot, asked, as_of)) is not Effect.DENY:
        return ()
    found: list[tuple[tuple[object, ...], Change]] = []
    for field, value, changed in _changed(snapshot, asked, as_of):
        decisions = judge(snapshot, changed, as_of)
        if effect_of(decisions) is not Effect.DENY:
            change = _change(field, value, decisions)
            found.append((_place(snapshot, asked, change), change))
    found += [
        ((FIELDS.index(Field.DAY), _days(change, as_of)), change) for change in _other_days(snapshot, asked, as_of)
    ]
    return tuple(change for _, change in sorted(found, key=lambda one: one[0]))


def _change(field: Field, value: tuple[str, ...], decisions: tuple[Decision, ...]) -> Change:
    last = decisions[-1]
    return Change(field, value, effect_of(decisions), last.ground, last.certainty)


# --- the changed questions ----------------------------------------------------------------------------------------

Changed = tuple[Field, tuple[str, ...], Asked]


def _changed(snapshot: Snapshot, asked: Asked, as_of: date) -> Iterator[Changed]:
    """The question with one field changed to each of its other values, but for the day."""
    yield from _other_items(snapshot, asked)
    if not asked.consent:
        yield Field.CONSENT, ("true",), replace(asked, consent=True)
    for procedure in _procedures(snapshot, asked, as_of):
        yield Field.PROCEDURE, (procedure,) if procedure else (), replace(asked, procedure=procedure)
    for information in snapshot.list.information:
        if information != asked.information:
            yield Field.INFORMATION, (information,), replace(asked, information=information)
    for task in _tasks(snapshot, asked):
        if task != asked.task:
            yield Field.TASK, (task,), replace(asked, task=task)
    for provider in _parties(snapshot, asked.provider):
        yield Field.PROVIDER, (provider,), replace(asked, provider=provider)
    for inquirer in _parties(snapshot, asked.inquirer):
        yield Field.INQUIRER, (inquirer,), replace(asked, inquirer=inquirer)


def _other_items(snapshot: Snapshot, asked: Asked) -> Iterator[Changed]:
    if not asked.items:
        return
    known = snapshot.items.get(asked.information, frozenset())
    kept = tuple(item for item in dict.fromkeys(asked.items) if item in known)
    if kept != asked.items:
        yield Field.ITEMS, kept, replace(asked, items=kept)


def _procedures(snapshot: Snapshot, asked: Asked, as_of: date) -> Iterator[ProcedureCode | None]:
    """No procedure, or another one of the day's: a question without one is only narrowed by naming it."""
    revision = snapshot.list.revision_on(as_of)
    if asked.procedure is None or revision is None:
        return
    yield None
    yield from (code for code in snapshot.list.procedures.carried(revision.revision) if code != asked.procedure)


def _tasks(snapshot: Snapshot, asked: Asked) -> Iterable[str]:
    own = snapshot.agencies.get(asked.inquirer) if isinstance(asked.inquirer, AgencyCode) else None
    return (*snapshot.list.tasks, *(own.ordinance_tasks if own else ()))


def _parties(snapshot: Snapshot, party: AgencyCode | str) -> Iterator[AgencyCode | str]:
    others: Iterable[AgencyCode | str] = snapshot.agencies if isinstance(party, AgencyCode) else snapshot.list.kinds
    return (other for other in others if other != party)


# --- the order ----------------------------------------------------------------------------------------------------


def _place(snapshot: Snapshot, asked: Asked, change: Change) -> tuple[object, ...]:
    kinship = 0
    if change.field is Field.PROVIDER:
        kinship = _kinship(snapshot, asked.provider, change.value[0])
    if change.field is Field.INQUIRER:
        kinship = _kinship(snapshot, asked.inquirer, change.value[0])
    return FIELDS.index(change.field), kinship, law_order(change.ground), change.value


def _kinship(snapshot: Snapshot, party: AgencyCode | str, other: str) -> int:
    """How far two bodies are apart: 0 where they share a kind, 1 where their kinds are of one group, otherwise 2."""
    of_party = kinds_of(snapshot, party)
    of_other = kinds_of(snapshot, AgencyCode(other) if isinstance(party, AgencyCode) else other)
    if of_party & of_other:
        return 0
    return 1 if _groups(snapshot, of_party) & _groups(snapshot, of_other) else 2


def _groups(snapshot: Snapshot, kinds: frozenset[str]) -> set[str]:
    return {snapshot.list.kinds[kind].group for kind in kinds if kind in snapshot.list.kinds}


# --- other days ---------------------------------------------------------------------------------------------------


def _other_days(snapshot: Snapshot, asked: Asked, as_of: date) -> Iterator[Change]:
    """Each time in which the question would not be denied. The answer changes on borders only, so these are tried."""
    since: date | None = None
    for border in sorted(_borders(snapshot, asked)):
        allowed = effect_of(judge(snapshot, asked, border)) is not Effect.DENY
        if since is None and allowed:
            since = border
        if since is not None and not allowed:
            yield _time(snapshot, asked, since, border - ONE_DAY, as_of)
            since = None
    if since is not None:
        yield _time(snapshot, asked, since, None, as_of)


def _time(snapshot: Snapshot, asked: Asked, since: date, until: date | None, as_of: date) -> Change:
    """A time by its day that is nearest; the day asked about is in none of them."""
    nearest = since if until is None or since > as_of else until
    change = _change(Field.DAY, (nearest.isoformat(),), judge(snapshot, asked, nearest))
    return replace(change, since=since, until=until)


def _days(change: Change, as_of: date) -> int:
    return abs((date.fromisoformat(change.value[0]) - as_of).days)


def _borders(snapshot: Snapshot, asked: Asked) -> set[date]:
    """The days on which the answer may change: the first ones of what is in force or published, and those after."""
    found = {date.min}
    for revision in snapshot.list.source.revisions:
        found.add(revision.in_force_from)
        found |= _after(revision.in_force_until)
    for party in (asked.inquirer, asked.provider):
        facts = snapshot.agencies.get(party) if isinstance(party, AgencyCode) else None
        if facts is not None:
            found |= _borders_of(facts)
    return found


def _borders_of(facts: AgencyFacts) -> set[date]:
    found = {window.since for window in facts.valid} | set(facts.assessments.values())
    for window in facts.valid:
        found |= _after(window.until)
    for ordinance in facts.ordinance_tasks.values():
        found |= {day for day in (ordinance.notified_on, ordinance.published_on) if day is not None}
    return found


def _after(last: date | None) -> set[date]:
    return set() if last is None or last == date.max else {last + ONE_DAY}
