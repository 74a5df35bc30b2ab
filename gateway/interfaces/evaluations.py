"""The messages of AuthZEN 1.0 (判定の問いと答え) as they are spoken here; what they mean is in ``authzen``.

Members that nobody here knows are passed over, as that standard wants.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from authz.questions import Effect
from authz.reasons import Reason
from gateway.exchange.messages import MOST_ITEMS
from gateway.interfaces.words import Aware
from sympho.codes import InformationCode, ItemCode, ProcedureCode, TaskCode

__all__ = [
    "Action",
    "Answer",
    "Circumstances",
    "Evaluated",
    "EvaluationBody",
    "EvaluationsBody",
    "Fault",
    "Judged",
    "Metadata",
    "Resource",
    "Semantic",
    "Subject",
    "Told",
    "Why",
    "Words",
]

MOST = 1_000
"""Evaluations in one message."""

Text = Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]{1,400}$")]


class Semantic(StrEnum):
    """When a message of several evaluations is done."""

    ALL = "execute_all"
    FIRST_DENY = "deny_on_first_deny"
    FIRST_PERMIT = "permit_on_first_permit"


# --- what is sent -------------------------------------------------------------------------------------------------


class Subject(Struct, frozen=True):
    """Who asks."""

    type: Text | None = None
    id: Text | None = None


class Action(Struct, frozen=True):
    """What would be done; there is one action."""

    name: Text | None = None


class At(Struct, frozen=True):
    """Who holds the information."""

    provider: Text | None = None


class Resource(Struct, frozen=True):
    """What is asked for, and whom."""

    type: Text | None = None
    id: Text | None = None
    properties: At | None = None


class Circumstances(Struct, frozen=True):
    """For what it is asked."""

    task: Text | None = None
    procedure: Text | None = None
    items: Annotated[tuple[Text, ...], Meta(max_length=MOST_ITEMS)] = ()
    consent: bool = False
    as_of: date | None = None
    known_at: Aware | None = None


class EvaluationBody(Struct, frozen=True):
    """One question."""

    subject: Subject | None = None
    action: Action | None = None
    resource: Resource | None = None
    context: Circumstances | None = None


class Options(Struct, frozen=True):
    """How several questions are answered."""

    evaluations_semantic: Semantic = Semantic.ALL


class EvaluationsBody(Struct, frozen=True):
    """Several questions. What stands beside ``evaluations`` is used by each that does not say it itself."""

    subject: Subject | None = None
    action: Action | None = None
    resource: Resource | None = None
    context: Circumstances | None = None
    evaluations: Annotated[tuple[EvaluationBody, ...], Meta(max_length=MOST)] = ()
    options: Options = Options()

    def whole(self, one: EvaluationBody) -> EvaluationBody:
        """An evaluation with what it leaves out; type and id also one by one."""
        return EvaluationBody(
            subject=_filled(one.subject, self.subject),
            action=one.action or self.action,
            resource=_filled_resource(one.resource, self.resource),
            context=one.context or self.context,
        )


def _filled(one: Subject | None, default: Subject | None) -> Subject | None:
    if one is None or default is None:
        return one or default
    return Subject(one.type or default.type, one.id or default.id)


def _filled_resource(one: Resource | None, default: Resource | None) -> Resource | None:
    if one is None or default is None:
        return one or default
    return Resource(one.type or default.type, one.id or default.id, one.properties)


# --- what comes back ----------------------------------------------------------------------------------------------


class Judged(Struct, frozen=True, omit_defaults=True):
    """The question as it was understood."""

    inquirer: str
    task: TaskCode
    provider: str
    information: InformationCode
    as_of: date
    procedure: ProcedureCode | None = None
    items: tuple[ItemCode, ...] = ()
    consent: bool = False
    known_at: datetime | None = None


class Words(Struct, frozen=True):
    """A reason in words."""

    ja: str
    en: str


class Why(Struct, frozen=True):
    """Why, for staff with the duty 判定説明."""

    effect: Effect
    reasons: tuple[Reason, ...]
    stops_at: str
    ground: str
    revision: str
    certainty: str
    serial: int
    digest: str
    obligations: tuple[str, ...]


class Fault(Struct, frozen=True):
    """Why an evaluation could not be made; the decision is false then."""

    status: int
    message: str


class Told(Struct, frozen=True, omit_defaults=True):
    """The context of a decision. ``id`` is the coarse reason, all that a counterpart would learn."""

    id: str = ""
    judged: Judged | None = None
    reason_admin: Words | None = None
    why: Why | None = None
    error: Fault | None = None


class Evaluated(Struct, frozen=True):
    """One decision."""

    decision: bool
    context: Told


class Answer(Struct, frozen=True, omit_defaults=True):
    """One decision, or several in the order in which they were asked."""

    decision: bool | None = None
    context: Told | None = None
    evaluations: tuple[Evaluated, ...] | None = None


class Metadata(Struct, frozen=True):
    """What is served here."""

    policy_decision_point: str
    access_evaluation_endpoint: str
    access_evaluations_endpoint: str
