"""What a decision is made from (判定の入力) and what it is (判定結果): values only.

A :class:`Question` is asked about; a :class:`Snapshot` is what everybody may know (list, directory, items); the facts
of a recipe are what only its party knows. Nothing here reads a clock or a store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from types import MappingProxyType

from msgspec import Struct

from authz.matchlist import MatchList
from authz.procedures import Narrowing
from authz.reasons import HOLDS, REASONS, Coarse, Reason
from sympho.codes import AgencyCode, InformationCode, ItemCode, ProcedureCode, TaskCode

__all__ = [
    "AgencyFacts",
    "AskFacts",
    "Decision",
    "Effect",
    "Narrowing",
    "OrdinanceTask",
    "PermitFacts",
    "ProvideFacts",
    "Question",
    "Snapshot",
    "Verdict",
    "Window",
]

File = TaskCode | InformationCode
"""特定個人情報ファイル as an assessment names it: by the task that uses it, or by the information that it provides."""

NO_DATES: Mapping[File, date] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Question:
    """照会: may ``inquirer`` ask ``provider`` for ``information``, for ``task``? No items means all of them.

    ``procedure`` narrows what the items of the task permit, as far as its lines are mapped; see ``authz.procedures``.
    ``task`` is the agency's own code where it asks for a 条例事務.
    """

    inquirer: AgencyCode
    provider: AgencyCode
    task: TaskCode
    procedure: ProcedureCode | None
    information: InformationCode
    items: tuple[ItemCode, ...]
    consent: bool


@dataclass(frozen=True, slots=True)
class Window:
    """Days on which an agency's code is in force, both inclusive; an open end is ``None``."""

    since: date
    until: date | None = None


@dataclass(frozen=True, slots=True)
class OrdinanceTask:
    """条例事務 (法9条2項, 19条9号): a local task that asks under the rows of the statutory task that it mirrors."""

    task: TaskCode
    mirrors: TaskCode
    information: frozenset[InformationCode]
    notified_on: date | None
    published_on: date | None


NO_TASKS: Mapping[TaskCode, OrdinanceTask] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class AgencyFacts:
    """What the directory says of an agency. ``kinds`` are closed (``MatchList.close_kinds``).

    ``assessments`` are the days of publication (28条) per file. ``delegated_tasks`` and ``delegated_information`` say
    for which work a wide-area union counts as a municipality: when it asks, and when it is asked. ``ordinance_limit``
    is what the agency excludes for others' 条例事務 by ordinance and has notified.
    """

    code: AgencyCode
    name: str
    kinds: frozenset[str]
    valid: tuple[Window, ...]
    assessments: Mapping[File, date] = field(default_factory=lambda: NO_DATES)
    delegated_tasks: frozenset[TaskCode] = frozenset()
    delegated_information: frozenset[InformationCode] = frozenset()
    ordinance_tasks: Mapping[TaskCode, OrdinanceTask] = field(default_factory=lambda: NO_TASKS)
    ordinance_limit: frozenset[InformationCode] = frozenset()

    def in_force(self, day: date) -> bool:
        """Whether the agency's code is in force on a day; codes have windows with gaps between them."""
        for window in self.valid:
            if window.since > day:
                continue
            if window.until is None or day <= window.until:
                return True
        return False


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """What everybody may know at one moment. Immutable: a new list or directory is a new snapshot."""

    list: MatchList
    agencies: Mapping[AgencyCode, AgencyFacts]
    items: Mapping[InformationCode, frozenset[ItemCode]]


@dataclass(frozen=True, slots=True)
class AskFacts:
    """What the inquirer's server knows: tasks of this office and principal (``None``: all), whether it has a code."""

    allowed_tasks: frozenset[TaskCode] | None
    code_held: bool


@dataclass(frozen=True, slots=True)
class PermitFacts:
    """What the network knows: whether the inquirer's code is one it issued, and whether the provider has one."""

    inquirer_code_known: bool
    provider_code_known: bool


@dataclass(frozen=True, slots=True)
class ProvideFacts:
    """What the provider knows: the permit as verified, its serial of the list, its validity, and its own flags.

    ``permit_reason`` says what is wrong with a permit that is not valid (one of ``PERMIT_REASONS``, or ``None``).
    """

    permit_valid: bool
    permit_reason: Reason | None
    permit_serial: int
    in_validity: bool
    no_automatic_answer_person: bool
    no_automatic_answer_information: bool


class Effect(StrEnum):
    """判定: permitted, forbidden, or held until people (or a newer list) decide."""

    PERMIT = "permit"
    DENY = "deny"
    REVIEW = "review"


class Verdict(Struct, frozen=True):
    """One check of an explanation. ``passed`` is ``None`` where an earlier failure leaves nothing to judge by."""

    check: str
    passed: bool | None
    reasons: tuple[Reason, ...]


class Decision(Struct, frozen=True, gc=False):
    """判定結果. ``reasons`` are empty exactly when permitted.

    ``ground`` is the item and row that cover the question (``25:1.1``), with the kinds under which they do; empty if no
    row does or the question was not judged so far. ``serial`` and ``digest`` are those of the list that was read,
    ``in_force`` the days of its revision. ``verdicts`` are filled by an explanation only. ``procedure`` is where the
    named procedure stands in the articles (``4:8`` is 4条8号) once it is known to be of the task, and ``narrowing`` what
    it did to what its item permits.
    """

    recipe: str
    effect: Effect
    reasons: tuple[Reason, ...]
    ground: str
    revision: str
    certainty: str
    inquirer_kind: str
    provider_kind: str
    serial: int
    digest: str
    as_of: date
    in_force: tuple[date, date | None] | None
    verdicts: tuple[Verdict, ...] = ()
    procedure: str = ""
    narrowing: Narrowing = Narrowing.NONE

    @property
    def permitted(self) -> bool:
        """Whether the effect is to permit."""
        return self.effect is Effect.PERMIT

    @property
    def coarse(self) -> Coarse:
        """What the counterpart may learn: the first forbidding reason's coarse one, and nothing of a hold."""
        for reason in self.reasons:
            if reason not in HOLDS:
                return REASONS[reason].coarse
        return Coarse.NONE
