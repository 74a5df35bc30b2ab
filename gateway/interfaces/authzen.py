"""OpenID AuthZEN Authorization API 1.0 (外部からの判定): the same decisions, asked in the words of that standard.

    subject   {"type": "agency" | "kind", "id": code or name}       who asks
    action    {"name": "inquire"}
    resource  {"type": "information", "id": code or name, "properties": {"provider": code or name}}
    context   {"task", "procedure", "items", "consent"; for staff also "as_of", "known_at"}

Staff with the duty 判定説明 ask anything and are told why. A business system that was admitted asks about its own agency,
by agencies and at the world's date, and is told no more than a counterpart. What people would have to release is
permitted to be asked, so the decision is true; only staff learn the obligation.

Members that nobody here knows are passed over, as the standard wants; ``judged`` says what was understood.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

from msgspec import structs

from authz import naming
from authz.duties import Duty
from authz.explain import Asked, effect_of, judge, stops_at
from authz.naming import Unclear
from authz.principals import StaffPrincipal, SystemPrincipal
from authz.questions import Decision, Effect, Snapshot
from authz.reasons import REASONS, Coarse
from gateway.interfaces.evaluations import (
    Action,
    Answer,
    Circumstances,
    Evaluated,
    EvaluationBody,
    EvaluationsBody,
    Fault,
    Judged,
    Metadata,
    Resource,
    Semantic,
    Subject,
    Told,
    Why,
    Words,
)
from gateway.interfaces.heldlists import HeldLists
from gateway.interfaces.house import House
from gateway.interfaces.operation import AnyOperation, Call, Operation, Reply
from gateway.interfaces.words import BY_STAFF_OR_SYSTEM, FOR_ANYONE
from gateway.problems import FieldError, Problem
from sympho.codes import AgencyCode

__all__ = ["operations"]

EVALUATION = "/access/v1/evaluation"
EVALUATIONS = "/access/v1/evaluations"
BREATH = 50
"""Evaluations after which others are served."""


# --- handlers -----------------------------------------------------------------------------------------------------


class _Unjudged(Exception):
    """An evaluation that cannot be made."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.fault = Fault(status, message)


@dataclass(frozen=True)
class Evaluating:
    """Handlers of the outside door to the decisions."""

    house: House
    lists: HeldLists

    async def evaluate(self, call: Call[EvaluationBody, None]) -> Reply:
        return Reply(body=await self._single(call.asker, call.body))

    async def evaluate_several(self, call: Call[EvaluationsBody, None]) -> Reply:
        body = call.body
        if not body.evaluations:
            single = EvaluationBody(body.subject, body.action, body.resource, body.context)
            return Reply(body=await self._single(call.asker, single))
        semantic, made = body.options.evaluations_semantic, list[Evaluated]()
        for n, one in enumerate(body.evaluations, start=1):
            made.append(await self._evaluated(call.asker, body.whole(one)))
            if _is_last(semantic, made[-1].decision):
                break
            if n % BREATH == 0:
                await asyncio.sleep(0)
        return Reply(body=Answer(evaluations=tuple(made)))

    async def metadata(self, call: Call[None, None]) -> Reply:
        url = self.house.url
        return Reply(body=Metadata(url, url + EVALUATION, url + EVALUATIONS))

    async def _single(self, asker: StaffPrincipal | SystemPrincipal, body: EvaluationBody) -> Answer:
        missing = _missing(body)
        if missing:
            raise Problem("malformed-body", errors=tuple(FieldError(f"$.{place}", "required") for place in missing))
        made = await self._evaluated(asker, body)
        return Answer(made.decision, made.context)

    async def _evaluated(self, asker: StaffPrincipal | SystemPrincipal, body: EvaluationBody) -> Evaluated:
        """The decision; false with the fault where there is none."""
        try:
            return await self._decided(asker, body)
        except _Unjudged as unjudged:
            return Evaluated(False, Told(error=unjudged.fault))
        except Unclear as unclear:
            return Evaluated(False, Told(error=Fault(404, f"{unclear.field}: {unclear.rule}")))

    async def _decided(self, asker: StaffPrincipal | SystemPrincipal, body: EvaluationBody) -> Evaluated:
        context = body.context or Circumstances()
        explaining = isinstance(asker, StaffPrincipal)
        if not explaining and (context.as_of or context.known_at):
            raise _Unjudged(403, "context: a system is judged at the world's date, by the list held now")
        snapshot = await self._snapshot(asker.agency, context.known_at)
        asked = _asked(snapshot, body, context)
        if not explaining and asked.inquirer != asker.agency:
            raise _Unjudged(403, "subject.id: a system asks about its own agency")
        day = context.as_of or self.house.clock.today()
        decisions = judge(snapshot, asked, day, explain=explaining)
        effect = effect_of(decisions)
        judged = Judged(
            asked.inquirer, asked.task, asked.provider, asked.information, day,
            asked.procedure, asked.items, asked.consent, context.known_at,
        )  # fmt: skip
        if not asker.may_ask_for(asked.task) and not explaining:
            return Evaluated(False, Told(Coarse.NOT_PERMITTED.value, judged))
        told = Told(_coarse(effect, decisions), judged)
        if explaining:
            told = _explained(told, effect, decisions)
        return Evaluated(effect is not Effect.DENY, told)

    async def _snapshot(self, agency: AgencyCode, known_at: datetime | None) -> Snapshot:
        if known_at is None:
            return self.lists.now(agency)
        if known_at > self.house.clock.now():
            raise _Unjudged(400, "context.known_at: not after world time")
        snapshot, was_held = await self.lists.known_at(agency, known_at)
        if not was_held:
            raise _Unjudged(404, "context.known_at: no list was held then")
        return snapshot


def _is_last(semantic: Semantic, decision: bool) -> bool:
    match semantic:
        case Semantic.FIRST_DENY:
            return not decision
        case Semantic.FIRST_PERMIT:
            return decision
        case Semantic.ALL:
            return False


def _missing(body: EvaluationBody) -> tuple[str, ...]:
    """The required members that are not there."""
    subject, action, resource = body.subject or Subject(), body.action or Action(), body.resource or Resource()
    given = {
        "subject.type": subject.type,
        "subject.id": subject.id,
        "action.name": action.name,
        "resource.type": resource.type,
        "resource.id": resource.id,
    }
    return tuple(place for place, value in given.items() if value is None)


def _asked(snapshot: Snapshot, body: EvaluationBody, context: Circumstances) -> Asked:
    missing = _missing(body)
    if missing:
        raise _Unjudged(400, f"{', '.join(missing)}: required")
    subject, action, resource = body.subject or Subject(), body.action or Action(), body.resource or Resource()
    if action.name != "inquire":
        raise _Unjudged(404, "action.name: inquire expected")
    if resource.type != "information":
        raise _Unjudged(404, "resource.type: information expected")
    provider = resource.properties.provider if resource.properties else None
    if provider is None or context.task is None:
        raise _Unjudged(400, "resource.properties.provider and context.task: required")
    match_list, agencies = snapshot.list, snapshot.agencies
    inquirer = naming.party(subject.id or "", match_list, agencies, "subject.id")
    if subject.type != ("agency" if isinstance(inquirer, AgencyCode) else "kind"):
        raise _Unjudged(404, "subject.type: agency or kind expected, as the id is one")
    information = naming.information(resource.id or "", match_list, "resource.id")
    named = context.procedure
    return Asked(
        inquirer=inquirer,
        task=naming.task(context.task, match_list, "context.task"),
        provider=naming.party(provider, match_list, agencies, "resource.properties.provider"),
        information=information,
        procedure=None if named is None else naming.procedure(named, match_list, "context.procedure"),
        items=naming.items(context.items, match_list, information, "context.items"),
        consent=context.consent,
    )


def _coarse(effect: Effect, decisions: tuple[Decision, ...]) -> str:
    """What a counterpart would learn: nothing of a hold."""
    denied = next((one for one in decisions if one.effect is Effect.DENY), None)
    return denied.coarse.value if denied is not None and effect is Effect.DENY else ""


def _explained(told: Told, effect: Effect, decisions: tuple[Decision, ...]) -> Told:
    reasons = tuple(dict.fromkeys(reason for decision in decisions for reason in decision.reasons))
    first = reasons[0] if reasons else None
    grounded = next((one for one in decisions if one.ground), decisions[0])
    stop = stops_at(reasons) if effect is Effect.DENY else None
    why = Why(
        effect, reasons, stop.value if stop else "", grounded.ground, grounded.revision, grounded.certainty,
        grounded.serial, grounded.digest, ("four-eyes-release",) if effect is Effect.REVIEW else (),
    )  # fmt: skip
    words = None if first is None else Words(REASONS[first].ja, REASONS[first].en)
    return structs.replace(told, reason_admin=words, why=why)


def operations(house: House) -> list[AnyOperation]:
    """The outside door: for whoever has 判定説明, and for systems that were admitted to it."""
    here = Evaluating(house, HeldLists(house))
    problems = frozenset({"wrong-agency", "directory-stale", "not-found"})
    return [
        Operation(
            name="evaluate-access", method="POST", path=EVALUATION,
            summary_ja="判定（AuthZEN）", summary_en="AuthZEN 1.0: may this be asked?",
            principals=BY_STAFF_OR_SYSTEM, duty=Duty.EXPLAIN, request=EvaluationBody, responses={200: Answer},
            handler=here.evaluate, problems=problems, foreign=True,
        ),
        Operation(
            name="evaluate-accesses", method="POST", path=EVALUATIONS,
            summary_ja="複数の判定（AuthZEN）", summary_en="AuthZEN 1.0: may these be asked?",
            principals=BY_STAFF_OR_SYSTEM, duty=Duty.EXPLAIN, request=EvaluationsBody, responses={200: Answer},
            handler=here.evaluate_several, problems=problems, foreign=True,
        ),
        Operation(
            name="show-authzen-metadata", method="GET", path="/.well-known/authzen-configuration",
            summary_ja="判定の窓口の情報", summary_en="Where AuthZEN 1.0 is answered",
            principals=FOR_ANYONE, duty=None, responses={200: Metadata}, handler=here.metadata,
        ),
    ]  # fmt: skip
