"""The decision (照会の可否判定): may this agency ask that one for this? Three recipes, pure functions of values.

Each party judges what it can know; what a recipe cannot know is not its to deny, and what it should know but does not
is a denial with its own reason. The steps, in their order:

====  =====================================================================  =====  ========  =========
step  check                                                                  `ask`  `permit`  `provide`
====  =====================================================================  =====  ========  =========
1     format: codes, day, items of the information, not one's own agency     yes    yes       yes
2     the permit: signature, audience, single use; validity of the notice    -      -         yes
3     agencies known and their codes in force                                own    both      both
4     assessments published (法28条): the inquirer's of the task,            own    both      own
      the provider's of the information
5     the task is allowed for this office and principal                      yes    -         -
6     a 条例事務 is notified and published, for this information (19条9号)   yes    yes       yes
7     the list (19条8号), column by column: a revision in force on the day,  yes    yes       yes
      kind of inquirer, task, kind of provider, information; where a
      procedure is named, it is of the task, and has the information
8     consent to 地方税関係情報 under a 条例事務                             yes    yes       yes
9     linkage codes held                                                     own    both      -
10    no automatic answer: the provider's ordinance, flags of the person     -      -         holds
      and of the information
====  =====================================================================  =====  ========  =========

`ask` does not know an agency that its copy of the directory lacks: then step 7 judges the other columns, and the
network says the rest. `provide` with a list older than the permit's holds in step 7 instead of denying.

A question without a procedure has no checks of one: they stand around the list's in recipes of their own.

The usual question, about which everything is in order but what the list says, goes through no checks
(``authz.usual``); an explanation never takes that way.

A denial wins over a hold, whatever their order. Fast mode stops at the first denial and names it alone; an explanation
makes every check, names every failing reason in order, and always comes to the same effect. Only a decision in which
every check was made and passed permits.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Final

from authz import checks, usual
from authz.checks import LOCAL_TAX, PASS, Case, Found
from authz.matchlist import Answer
from authz.questions import (
    AgencyFacts,
    AskFacts,
    Decision,
    Effect,
    Narrowing,
    OrdinanceTask,
    PermitFacts,
    ProvideFacts,
    Question,
    Snapshot,
    Verdict,
    Window,
)
from authz.reasons import HOLDS, MALFORMED, REASONS, Coarse, Reason

__all__ = [
    "HOLDS",
    "LOCAL_TAX",
    "REASONS",
    "AgencyFacts",
    "AskFacts",
    "Coarse",
    "Decision",
    "Effect",
    "Narrowing",
    "OrdinanceTask",
    "PermitFacts",
    "ProvideFacts",
    "Question",
    "Reason",
    "Snapshot",
    "Verdict",
    "Window",
    "decide_ask",
    "decide_permit",
    "decide_provide",
]

Check = Callable[[Case], Found]
Recipe = tuple[str, tuple[Check, ...]]

PERMITTED: Final = Effect.PERMIT
DENIED: Final = Effect.DENY
NOTHING_NAMED: Final = Narrowing.NONE
"""On the hot path: a member of an enumeration is found slowly."""

ASK: Final[Recipe] = (
    "ask",
    (
        checks.well_formed,
        checks.inquirer,
        checks.assessment_of_inquirer,
        checks.task_allowed,
        checks.ordinance,
        checks.list_of_the_inquirer,
        checks.consent,
        checks.own_code,
    ),
)
PERMIT: Final[Recipe] = (
    "permit",
    (
        checks.well_formed,
        checks.inquirer,
        checks.provider,
        checks.assessment_of_inquirer,
        checks.assessment_of_provider,
        checks.ordinance,
        checks.match_list,
        checks.consent,
        checks.codes_known,
    ),
)
PROVIDE: Final[Recipe] = (
    "provide",
    (
        checks.well_formed,
        checks.permit_holds,
        checks.in_validity,
        checks.inquirer,
        checks.provider,
        checks.assessment_of_provider,
        checks.ordinance,
        checks.list_of_the_provider,
        checks.consent,
        checks.ordinance_limit,
        checks.flags,
    ),
)


def _naming(recipe: Recipe, list_check: Check) -> Recipe:
    """The recipe for a question that names a procedure: it is found before the list's row, and narrows it after."""
    at = recipe[1].index(list_check)
    before, after = recipe[1][:at], recipe[1][at + 1 :]
    return recipe[0], (*before, checks.procedure, list_check, checks.procedure_information, *after)


ASK_NAMING: Final = _naming(ASK, checks.list_of_the_inquirer)
PERMIT_NAMING: Final = _naming(PERMIT, checks.match_list)
PROVIDE_NAMING: Final = _naming(PROVIDE, checks.list_of_the_provider)


def decide_ask(
    snapshot: Snapshot, question: Question, facts: AskFacts, as_of: date, *, explain: bool = False
) -> Decision:
    """The inquirer's server: may this question leave it?"""
    answer = None if explain else usual.answered(snapshot, question, as_of)
    if answer is not None and usual.nothing_against_asking(facts, question.task):
        return _decision("ask", DENIED if answer.reasons else PERMITTED, answer.reasons, answer, as_of)
    recipe = ASK if question.procedure is None else ASK_NAMING
    return _judged(recipe, Case(snapshot, question, facts, as_of), explain=explain)


def decide_permit(
    snapshot: Snapshot, question: Question, facts: PermitFacts, as_of: date, *, explain: bool = False
) -> Decision:
    """The network (法21条2項): is a permit issued for this question?"""
    answer = None if explain else usual.answered(snapshot, question, as_of)
    if answer is not None and usual.nothing_against_permitting(facts):
        return _decision("permit", DENIED if answer.reasons else PERMITTED, answer.reasons, answer, as_of)
    recipe = PERMIT if question.procedure is None else PERMIT_NAMING
    return _judged(recipe, Case(snapshot, question, facts, as_of), explain=explain)


def decide_provide(
    snapshot: Snapshot, question: Question, facts: ProvideFacts, as_of: date, *, explain: bool = False
) -> Decision:
    """The provider's server (法22条): is this question answered, and may that be automatic?"""
    answer = None if explain else usual.answered(snapshot, question, as_of)
    if answer is not None and usual.nothing_against_providing(facts, snapshot.list.serial):
        return _decision("provide", DENIED if answer.reasons else PERMITTED, answer.reasons, answer, as_of)
    recipe = PROVIDE if question.procedure is None else PROVIDE_NAMING
    return _judged(recipe, Case(snapshot, question, facts, as_of), explain=explain)


def _judged(recipe: Recipe, case: Case, *, explain: bool) -> Decision:
    return _explain(recipe, case) if explain else _decide(recipe, case)


def _decide(recipe: Recipe, case: Case) -> Decision:
    holds = PASS
    for check in recipe[1]:
        found = check(case)
        if found is None:
            return _concluded(recipe, case, (Reason.NOT_JUDGED,))
        if not found:
            continue
        if found[0] not in HOLDS:
            return _concluded(recipe, case, found[:1])
        holds += found
    return _concluded(recipe, case, holds)


def _explain(recipe: Recipe, case: Case) -> Decision:
    verdicts: list[Verdict] = []
    malformed = False
    for check in recipe[1]:
        found = None if malformed else check(case)
        verdicts.append(Verdict(check.__name__, None if found is None else not found, found or PASS))
        malformed = malformed or not MALFORMED.isdisjoint(found or PASS)
    reasons = tuple(dict.fromkeys(reason for verdict in verdicts for reason in verdict.reasons))
    denied = any(reason not in HOLDS for reason in reasons)
    if not denied and any(verdict.passed is None for verdict in verdicts):
        reasons = (*reasons, Reason.NOT_JUDGED)
    return _concluded(recipe, case, reasons, tuple(verdicts))


def _concluded(recipe: Recipe, case: Case, reasons: tuple[Reason, ...], verdicts: tuple[Verdict, ...] = ()) -> Decision:
    """What follows from the reasons that the checks gave, resting on the row that they found or else on none."""
    rests = case.ground or case.snapshot.list.nothing_on(case.as_of if type(case.as_of) is date else date.min)
    effect = Effect.REVIEW if reasons else PERMITTED
    if any(reason not in HOLDS for reason in reasons):
        effect = DENIED
    named = f"{case.named.article}:{case.named.ordinal}" if case.named else ""
    return _decision(recipe[0], effect, reasons, rests, case.as_of, verdicts, named, case.narrowing)


def _decision(
    recipe: str,
    effect: Effect,
    reasons: tuple[Reason, ...],
    rests: Answer,
    as_of: date,
    verdicts: tuple[Verdict, ...] = (),
    procedure: str = "",
    narrowing: Narrowing = NOTHING_NAMED,
) -> Decision:
    return Decision(
        recipe,
        effect,
        reasons,
        rests.text,
        rests.revision,
        rests.certainty or "",
        rests.inquirer_kind,
        rests.provider_kind,
        rests.serial,
        rests.digest,
        as_of,
        rests.in_force,
        verdicts,
        procedure,
        narrowing,
    )
