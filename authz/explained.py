"""An explanation as it is told (判定説明の表現): one structure for people and machines, the same offline and on the wire.

Codes stand beside their names. ``decisions`` are the recipes' own values, whole, so that nothing of them is lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime

from msgspec import Struct, structs

from authz.explain import Asked, Assumption, Explained, Field, Level, assumed_checks, explain
from authz.explainwords import ASSUMPTIONS, EFFECTS, FIELDS, LEVELS, of_check
from authz.grants import rows_of
from authz.matchlist import MatchList
from authz.near import Change, near
from authz.procedures import NARROWINGS
from authz.questions import Decision, Effect, Snapshot
from authz.reasons import REASONS, Reason
from authz.wording import (
    ListRead,
    Named,
    Statute,
    list_read,
    named_information,
    named_item,
    named_party,
    named_task,
    statute_of,
)
from sympho.codes import AgencyCode, ItemCode, ProcedureCode

__all__ = ["Explanation", "explanation"]


class Words(Struct, frozen=True):
    """A word of ours and what it means to people."""

    word: str
    ja: str
    en: str


class QuestionSaid(Struct, frozen=True):
    """The question as it was understood."""

    inquirer: Named
    task: Named
    provider: Named
    information: Named
    procedure: ProcedureCode | None
    items: tuple[Named, ...]
    consent: bool


class ProcedureSaid(Struct, frozen=True):
    """事務手続: where it stands, which information its lines have, and what naming it did to the decision.

    ``article`` is article and ordinal (``4:8``), empty where the list knows no such procedure.
    """

    procedure: ProcedureCode
    article: str
    label: str
    information: tuple[Named, ...]
    narrowing: str
    ja: str
    en: str


class CheckSaid(Struct, frozen=True):
    """One check of one recipe. ``passed`` is null where an earlier failure leaves nothing to judge by.

    ``assumed``: what it judges by is taken for granted, so that it says nothing about this question.
    """

    recipe: str
    check: str
    ja: str
    en: str
    passed: bool | None
    assumed: bool
    reasons: tuple[Words, ...]


class NearSaid(Struct, frozen=True):
    """A single-field change after which the question would not be denied; see ``authz.near`` for the order.

    ``since`` and ``until`` are of a change of the day: every day between them would do.
    """

    field: Field
    ja: str
    en: str
    value: tuple[Named, ...]
    effect: Effect
    ground: str
    certainty: str
    since: date | None
    until: date | None


class Explanation(Struct, frozen=True):
    """判定の説明, whole. ``known_at`` is null where the list is the one held now."""

    question: QuestionSaid
    level: Level
    level_ja: str
    level_en: str
    as_of: date
    known_at: datetime | None
    effect: Effect
    ja: str
    en: str
    coarse: str
    reasons: tuple[Words, ...]
    stops_at: Words | None
    statute: Statute | None
    procedure: ProcedureSaid | None
    list: ListRead
    checks: tuple[CheckSaid, ...]
    near: tuple[NearSaid, ...]
    assumed: tuple[Words, ...]
    decisions: tuple[Decision, ...]


def explanation(
    snapshot: Snapshot,
    asked: Asked,
    as_of: date,
    known_at: datetime | None = None,
    assumed: Sequence[Assumption] = (),
) -> Explanation:
    """The explanation of a question by the facts of a day, with everything near that would be permitted.

    ``assumed`` is what the caller took for granted besides, such as that a list on file is a list at all. With
    ``known_at`` the snapshot has the directory of that time, if any was held, so that nothing is assumed of it.
    """
    explained = explain(snapshot, asked, as_of)
    as_then = known_at is not None and Assumption.EARLIEST not in assumed
    of_now = (one for one in explained.assumed if not as_then or one is not Assumption.DIRECTORY)
    more = structs.replace(explained, assumed=(*of_now, *assumed))
    return _said(snapshot, more, near(snapshot, asked, as_of), known_at)


def _said(
    snapshot: Snapshot, explained: Explained, changes: Sequence[Change], known_at: datetime | None
) -> Explanation:
    ja, en = EFFECTS[explained.effect]
    level = explained.asked.level
    ground = next((one for one in explained.decisions if one.ground), None)
    denied = next((one for one in explained.decisions if one.effect is Effect.DENY), explained.decisions[0])
    return Explanation(
        question=_question(snapshot, explained.asked),
        level=level,
        level_ja=LEVELS[level][0],
        level_en=LEVELS[level][1],
        as_of=explained.as_of,
        known_at=known_at,
        effect=explained.effect,
        ja=ja,
        en=en,
        coarse=denied.coarse.value,
        reasons=tuple(_reason(reason) for reason in explained.reasons),
        stops_at=_field(explained.stops_at) if explained.stops_at else None,
        statute=None if ground is None else _statute(snapshot, ground),
        procedure=_procedure(snapshot.list, explained),
        list=list_read(snapshot.list, explained.as_of),
        checks=tuple(_checks(explained.asked, explained.decisions)),
        near=tuple(_near(snapshot, change) for change in changes),
        assumed=tuple(Words(one.value, *ASSUMPTIONS[one]) for one in explained.assumed),
        decisions=explained.decisions,
    )


# --- parts --------------------------------------------------------------------------------------------------------


def _question(snapshot: Snapshot, asked: Asked) -> QuestionSaid:
    return QuestionSaid(
        inquirer=named_party(snapshot, asked.inquirer),
        task=named_task(snapshot.list, asked.task),
        provider=named_party(snapshot, asked.provider),
        information=named_information(snapshot.list, asked.information),
        procedure=asked.procedure,
        items=tuple(named_item(snapshot.list, item) for item in asked.items),
        consent=asked.consent,
    )


def _procedure(match_list: MatchList, explained: Explained) -> ProcedureSaid | None:
    code = explained.asked.procedure
    if code is None:
        return None
    known = match_list.procedures.known.get(code)
    narrowing = next((one.narrowing for one in explained.decisions if one.narrowing), explained.decisions[0].narrowing)
    return ProcedureSaid(
        procedure=code,
        article=f"{known.article}:{known.ordinal}" if known else "",
        label=known.label if known else "",
        information=tuple(named_information(match_list, one) for one in (known.information if known else ())),
        narrowing=narrowing.value,
        ja=NARROWINGS[narrowing].ja,
        en=NARROWINGS[narrowing].en,
    )


def _reason(reason: Reason) -> Words:
    return Words(reason.value, REASONS[reason].ja, REASONS[reason].en)


def _field(field: Field) -> Words:
    return Words(field.value, *FIELDS[field])


def _statute(snapshot: Snapshot, decision: Decision) -> Statute | None:
    revision = next(one for one in snapshot.list.source.revisions if one.revision == decision.revision)
    rows = (row for row in rows_of(snapshot.list.source, revision) if f"{row.item}:{row.row}" == decision.ground)
    row = next(rows, None)
    return None if row is None else statute_of(snapshot.list, revision, row)


def _checks(asked: Asked, decisions: Sequence[Decision]) -> Iterator[CheckSaid]:
    assumed = assumed_checks(asked)
    for decision in decisions:
        for verdict in decision.verdicts:
            check, reasons = verdict.check, tuple(_reason(reason) for reason in verdict.reasons)
            yield CheckSaid(decision.recipe, check, *of_check(check), verdict.passed, check in assumed, reasons)


def _near(snapshot: Snapshot, change: Change) -> NearSaid:
    return NearSaid(
        field=change.field,
        ja=FIELDS[change.field][0],
        en=FIELDS[change.field][1],
        value=tuple(_value(snapshot, change.field, value) for value in change.value),
        effect=change.effect,
        ground=change.ground,
        certainty=change.certainty,
        since=change.since,
        until=change.until,
    )


def _value(snapshot: Snapshot, field: Field, value: str) -> Named:
    match field:
        case Field.PROVIDER | Field.INQUIRER:
            known = AgencyCode(value) if value.isdecimal() else value
            return named_party(snapshot, known)
        case Field.TASK:
            return named_task(snapshot.list, value)
        case Field.INFORMATION:
            return named_information(snapshot.list, value)
        case Field.ITEMS:
            return named_item(snapshot.list, ItemCode(value))
    return Named(value, "")
