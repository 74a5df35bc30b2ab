"""The whole explanation of a decision (判定説明): for any question the effect, every check, the ground, and what is near.

Two levels. With two agencies the three recipes of ``authz.decide`` judge, each in explain mode, with what the directory
says of both; what only a person's exchange would show (codes held, flags, office, permit) is assumed and said so. With
a kind in the place of an agency the recipe ``permit`` judges a model body of that kind, which is in force, has
published every assessment and has no task of its own: that is the list's own answer.

The effect is that of the strictest recipe. Nothing here knows another rule than the recipes' own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from enum import StrEnum
from typing import Final

from msgspec import Struct

from authz.decide import decide_ask, decide_permit, decide_provide
from authz.matchlist import WIDE_AREA_UNION, MatchList
from authz.questions import (
    AgencyFacts,
    AskFacts,
    Decision,
    Effect,
    PermitFacts,
    ProvideFacts,
    Question,
    Snapshot,
    Window,
)
from authz.reasons import HOLDS, Reason
from sympho.codes import AgencyCode, InformationCode, ItemCode, ProcedureCode, TaskCode

__all__ = [
    "Asked",
    "Assumption",
    "Explained",
    "Field",
    "Level",
    "effect_of",
    "explain",
    "judge",
    "kinds_of",
    "stops_at",
]


class Asked(Struct, frozen=True):
    """説明を求める照会: a question in which a kind of institution may stand for an agency. No items means all."""

    inquirer: AgencyCode | str
    task: TaskCode
    provider: AgencyCode | str
    information: InformationCode
    procedure: ProcedureCode | None = None
    items: tuple[ItemCode, ...] = ()
    consent: bool = False

    @property
    def level(self) -> Level:
        both = isinstance(self.inquirer, AgencyCode) and isinstance(self.provider, AgencyCode)
        return Level.AGENCIES if both else Level.LIST


class Level(StrEnum):
    """What the answer rests on."""

    AGENCIES = "agencies"
    """Both agencies' facts in the directory, and the list."""
    LIST = "list"
    """The list alone, for at least one body of which only the kind is known."""


class Field(StrEnum):
    """A field of a question that may be changed, the smallest change first: that is the order of what is near."""

    ITEMS = "items"
    CONSENT = "consent"
    PROCEDURE = "procedure"
    INFORMATION = "information"
    TASK = "task"
    PROVIDER = "provider"
    INQUIRER = "inquirer"
    DAY = "as-of"


class Assumption(StrEnum):
    """前提: what the answer takes for granted because it cannot be known from list and directory."""

    CODES = "codes-held"
    OFFICE = "office-allowed"
    PERMIT = "permit-valid"
    FLAGS = "no-flags"
    DIRECTORY = "directory-as-held-now"
    MODEL = "model-body"
    UNION = "union-without-delegation"
    FLOOR = "text-of-another-day"
    SCOPE = "scope-in-words"
    OFFLINE = "list-at-hand"
    EARLIEST = "no-list-held-yet"


class Explained(Struct, frozen=True):
    """判定の説明. ``decisions`` are the recipes' own, in explain mode; ``stops_at`` is None unless denied.

    ``stops_at`` is the first field at which nothing permitted remains, or None where no field of the question is why.
    """

    asked: Asked
    as_of: date
    effect: Effect
    reasons: tuple[Reason, ...]
    decisions: tuple[Decision, ...]
    stops_at: Field | None
    assumed: tuple[Assumption, ...]


# --- judging ------------------------------------------------------------------------------------------------------

KNOWN: Final = PermitFacts(True, True)
HELD: Final = AskFacts(None, True)
SINCE_EVER: Final = (Window(date.min),)
MODELS: Final = (AgencyCode("0" * 15 + "1"), AgencyCode("0" * 15 + "2"))
"""Codes under which model bodies stand in a snapshot; no agency has them."""


class _Everything(Mapping[TaskCode | InformationCode, date]):
    """Every assessment published, since ever."""

    def __getitem__(self, _: TaskCode | InformationCode) -> date:
        return date.min

    def __iter__(self) -> Iterator[TaskCode | InformationCode]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def get(self, _: object, default: object = None) -> date:
        return date.min


def judge(snapshot: Snapshot, asked: Asked, as_of: date, *, explain: bool = False) -> tuple[Decision, ...]:
    """The recipes' decisions on a question of either level; the effect of the whole is the strictest one's."""
    if asked.level is Level.LIST:
        at, question = _with_models(snapshot, asked)
        return (decide_permit(at, question, KNOWN, as_of, explain=explain),)
    question = _question(asked, asked.inquirer, asked.provider)
    provided = ProvideFacts(True, None, snapshot.list.serial, True, False, False)
    return (
        decide_ask(snapshot, question, HELD, as_of, explain=explain),
        decide_permit(snapshot, question, KNOWN, as_of, explain=explain),
        decide_provide(snapshot, question, provided, as_of, explain=explain),
    )


def effect_of(decisions: tuple[Decision, ...]) -> Effect:
    """The strictest effect: a denial before a hold, a hold before a permission."""
    effects = {decision.effect for decision in decisions}
    return next(effect for effect in (Effect.DENY, Effect.REVIEW, Effect.PERMIT) if effect in effects)


def _with_models(snapshot: Snapshot, asked: Asked) -> tuple[Snapshot, Question]:
    """A snapshot that also holds a model body for each kind that stands in an agency's place."""
    agencies: dict[AgencyCode, AgencyFacts] = {}
    parties: list[AgencyCode] = []
    for party, model in zip((asked.inquirer, asked.provider), MODELS, strict=True):
        if isinstance(party, AgencyCode):
            parties.append(party)
            if party in snapshot.agencies:
                agencies[party] = snapshot.agencies[party]
            continue
        kinds = snapshot.list.close_kinds((party,))
        agencies[model] = AgencyFacts(model, party, kinds, SINCE_EVER, _Everything())
        parties.append(model)
    return Snapshot(snapshot.list, agencies, snapshot.items), _question(asked, *parties)


def _question(asked: Asked, inquirer: str, provider: str) -> Question:
    return Question(
        AgencyCode(inquirer),
        AgencyCode(provider),
        asked.task,
        asked.procedure,
        asked.information,
        asked.items,
        asked.consent,
    )


# --- explaining ---------------------------------------------------------------------------------------------------


def explain(snapshot: Snapshot, asked: Asked, as_of: date) -> Explained:
    """The whole explanation of a question, judged by the facts of a day."""
    decisions = judge(snapshot, asked, as_of, explain=True)
    effect = effect_of(decisions)
    reasons = tuple(dict.fromkeys(reason for decision in decisions for reason in decision.reasons))
    return Explained(
        asked=asked,
        as_of=as_of,
        effect=effect,
        reasons=reasons,
        decisions=decisions,
        stops_at=stops_at(reasons) if effect is Effect.DENY else None,
        assumed=tuple(_assumed(snapshot, asked, as_of)),
    )


_AT: Final[Mapping[Reason, Field | None]] = {
    Reason.MALFORMED_DATE: Field.DAY,
    Reason.MALFORMED_INQUIRER: Field.INQUIRER,
    Reason.MALFORMED_PROVIDER: Field.PROVIDER,
    Reason.MALFORMED_TASK: Field.TASK,
    Reason.MALFORMED_PROCEDURE: Field.PROCEDURE,
    Reason.MALFORMED_INFORMATION: Field.INFORMATION,
    Reason.MALFORMED_ITEMS: Field.ITEMS,
    Reason.MALFORMED_CONSENT: Field.CONSENT,
    Reason.SAME_AGENCY: Field.PROVIDER,
    Reason.ITEM_TWICE: Field.ITEMS,
    Reason.ITEM_UNKNOWN: Field.ITEMS,
    Reason.INQUIRER_UNKNOWN: Field.INQUIRER,
    Reason.INQUIRER_NOT_IN_FORCE: Field.INQUIRER,
    Reason.PROVIDER_UNKNOWN: Field.PROVIDER,
    Reason.PROVIDER_NOT_IN_FORCE: Field.PROVIDER,
    Reason.ASSESSMENT_INQUIRER_MISSING: Field.TASK,
    Reason.ASSESSMENT_INQUIRER_LATER: Field.TASK,
    Reason.ASSESSMENT_PROVIDER_MISSING: Field.INFORMATION,
    Reason.ASSESSMENT_PROVIDER_LATER: Field.INFORMATION,
    Reason.ORDINANCE_NOT_NOTIFIED: Field.TASK,
    Reason.ORDINANCE_NOT_PUBLISHED: Field.TASK,
    Reason.ORDINANCE_INFORMATION: Field.INFORMATION,
    Reason.LIST_DATE: Field.DAY,
    Reason.LIST_INQUIRER_KIND: Field.INQUIRER,
    Reason.LIST_TASK: Field.TASK,
    Reason.LIST_PROVIDER_KIND: Field.PROVIDER,
    Reason.LIST_INFORMATION: Field.INFORMATION,
    Reason.CONSENT_MISSING: Field.CONSENT,
}


def stops_at(reasons: tuple[Reason, ...]) -> Field | None:
    """The field that the first forbidding reason speaks of.

    The list's reasons name the first column, in the order day, inquirer, task, provider, information, at which no row
    is left; an assessment's reason stands for the file that it is of, so for the task or the information.
    """
    for reason in reasons:
        if reason in HOLDS:
            continue
        if reason in _AT:
            return _AT[reason]
        return Field.PROCEDURE if "procedure" in reason.value else None
    return None


def kinds_of(snapshot: Snapshot, party: AgencyCode | str) -> frozenset[str]:
    """The closed kinds of an agency, or of a body of that kind; none for an agency that nobody knows."""
    if isinstance(party, AgencyCode):
        facts = snapshot.agencies.get(party)
        return facts.kinds if facts else frozenset()
    return snapshot.list.close_kinds((party,))


def _assumed(snapshot: Snapshot, asked: Asked, as_of: date) -> Iterator[Assumption]:
    if asked.level is Level.AGENCIES:
        yield from (Assumption.CODES, Assumption.OFFICE, Assumption.PERMIT, Assumption.FLAGS, Assumption.DIRECTORY)
    else:
        yield Assumption.MODEL
        if isinstance(asked.inquirer, AgencyCode) or isinstance(asked.provider, AgencyCode):
            yield Assumption.DIRECTORY
        models = {party for party in (asked.inquirer, asked.provider) if not isinstance(party, AgencyCode)}
        if WIDE_AREA_UNION in models:
            yield Assumption.UNION
    revision = snapshot.list.revision_on(as_of)
    if revision is not None and revision.floor and revision.text_as_of != as_of:
        yield Assumption.FLOOR
    if any(limit in words for words in _words(snapshot.list, asked) for limit in ("に限る", "を除く")):
        yield Assumption.SCOPE


_PERSONS: Final = frozenset({"own_code", "codes_known", "task_allowed", "permit_holds", "in_validity", "flags"})
_OF_INQUIRER: Final = frozenset({"inquirer", "assessment_of_inquirer", "ordinance", "consent"})
_OF_PROVIDER: Final = frozenset({"provider", "assessment_of_provider", "ordinance_limit"})


def assumed_checks(asked: Asked) -> frozenset[str]:
    """The checks that judge by what is taken for granted: of a person's exchange, and of a model body."""
    of_inquirer = frozenset() if isinstance(asked.inquirer, AgencyCode) else _OF_INQUIRER
    of_provider = frozenset() if isinstance(asked.provider, AgencyCode) else _OF_PROVIDER
    return _PERSONS | of_inquirer | of_provider


def _words(match_list: MatchList, asked: Asked) -> Iterator[str]:
    if asked.task in match_list.tasks:
        yield match_list.tasks[asked.task].designation
    if asked.information in match_list.information:
        yield match_list.information[asked.information].label
