"""The checks of a decision (判定の各検査), one function each, in the order and numbering of ``authz.decide``.

A check reads the case and says for which reasons it fails; some note on the case what later checks need.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from authz.matchlist import MUNICIPALITY, WIDE_AREA_UNION, Answer, Procedure
from authz.procedures import Narrowing, narrowing
from authz.questions import AgencyFacts, AskFacts, OrdinanceTask, PermitFacts, ProvideFacts, Question, Snapshot
from authz.reasons import PERMIT_REASONS, Reason
from sympho.codes import AgencyCode, InformationCode, ItemCode, ProcedureCode, TaskCode

LOCAL_TAX: Final = InformationCode("TM00000000000002")
"""地方税関係情報: the one information that needs consent, and only under a 条例事務."""

Found = tuple[Reason, ...] | None
"""The reasons for which a check fails; none: it passes; ``None``: it cannot be judged."""

PASS: Final[tuple[Reason, ...]] = ()
NOBODY: Final[frozenset[str]] = frozenset()
Facts = AskFacts | PermitFacts | ProvideFacts


class Case:
    """One question under judgement, and what the checks have found so far.

    ``named`` is the procedure once it is known to be of the task, ``narrowing`` what it does.
    """

    __slots__ = (
        "as_of", "facts", "ground", "inquirer", "named", "narrowing", "ordinance", "provider", "question", "snapshot",
    )  # fmt: skip

    def __init__(self, snapshot: Snapshot, question: Question, facts: Facts, as_of: date) -> None:
        self.snapshot = snapshot
        self.question = question
        self.facts = facts
        self.as_of = as_of
        self.inquirer: AgencyFacts | None = None
        self.provider: AgencyFacts | None = None
        self.ordinance: OrdinanceTask | None = None
        self.ground: Answer | None = None
        self.named: Procedure | None = None
        self.narrowing = Narrowing.NONE


def known(first: object, second: object = True) -> bool:
    """Whether each of these facts is a plain yes or no."""
    return type(first) is bool and type(second) is bool


# --- 1 format -----------------------------------------------------------------------------------------------------


def well_formed(case: Case) -> Found:
    q = case.question
    if (  # on the hot path: whatever is unusual is looked at once more, in full
        type(case.as_of) is not date
        or type(q.inquirer) is not AgencyCode
        or type(q.provider) is not AgencyCode
        or type(q.task) is not TaskCode
        or type(q.information) is not InformationCode
        or q.inquirer == q.provider
        or (q.procedure is not None and type(q.procedure) is not ProcedureCode)
        or (q.items != () and not _items_fit(case))
        or (q.consent is not False and q.consent is not True)
    ):
        return _formal_faults(case)
    return PASS


def _items_fit(case: Case) -> bool:
    items = case.question.items
    if type(items) is not tuple or set(map(type, items)) != {ItemCode}:
        return False
    asked = set(items)
    return len(asked) == len(items) and asked <= case.snapshot.items.get(case.question.information, frozenset())


def _formal_faults(case: Case) -> Found:
    q = case.question
    fields: tuple[tuple[object, type, Reason], ...] = (
        (case.as_of, date, Reason.MALFORMED_DATE),
        (q.inquirer, AgencyCode, Reason.MALFORMED_INQUIRER),
        (q.provider, AgencyCode, Reason.MALFORMED_PROVIDER),
        (q.task, TaskCode, Reason.MALFORMED_TASK),
        (q.procedure, type(None) if q.procedure is None else ProcedureCode, Reason.MALFORMED_PROCEDURE),
        (q.information, InformationCode, Reason.MALFORMED_INFORMATION),
        (q.items, tuple, Reason.MALFORMED_ITEMS),
        (q.consent, bool, Reason.MALFORMED_CONSENT),
    )
    found = [reason for value, expected, reason in fields if type(value) is not expected]
    if type(q.items) is tuple and any(type(item) is not ItemCode for item in q.items):
        found.append(Reason.MALFORMED_ITEMS)
    if found:
        return tuple(found)
    if q.inquirer == q.provider:
        found.append(Reason.SAME_AGENCY)
    if len(set(q.items)) != len(q.items):
        found.append(Reason.ITEM_TWICE)
    if not case.snapshot.items.get(q.information, frozenset()).issuperset(q.items):
        found.append(Reason.ITEM_UNKNOWN)
    return tuple(found)


# --- 2 the permit and its validity --------------------------------------------------------------------------------


def permit_holds(case: Case) -> Found:
    facts = case.facts
    if not isinstance(facts, ProvideFacts) or not known(facts.permit_valid):
        return (Reason.FACTS_MISSING,)
    if facts.permit_valid:
        return PASS
    return (facts.permit_reason if facts.permit_reason in PERMIT_REASONS else Reason.PERMIT_INVALID,)


def in_validity(case: Case) -> Found:
    facts = case.facts
    if not isinstance(facts, ProvideFacts) or not known(facts.in_validity):
        return (Reason.FACTS_MISSING,)
    return PASS if facts.in_validity else (Reason.NOTICE_LAPSED,)


# --- 3 agencies ---------------------------------------------------------------------------------------------------


def inquirer(case: Case) -> Found:
    case.inquirer = agency = case.snapshot.agencies.get(case.question.inquirer)
    if agency is None:
        return (Reason.INQUIRER_UNKNOWN,)
    return PASS if agency.in_force(case.as_of) else (Reason.INQUIRER_NOT_IN_FORCE,)


def provider(case: Case) -> Found:
    case.provider = agency = case.snapshot.agencies.get(case.question.provider)
    if agency is None:
        return (Reason.PROVIDER_UNKNOWN,)
    return PASS if agency.in_force(case.as_of) else (Reason.PROVIDER_NOT_IN_FORCE,)


# --- 4 assessments ------------------------------------------------------------------------------------------------


def assessment_of_inquirer(case: Case) -> Found:
    if case.inquirer is None:
        return None
    published = case.inquirer.assessments.get(case.question.task)
    if published is None:
        return (Reason.ASSESSMENT_INQUIRER_MISSING,)
    return PASS if published <= case.as_of else (Reason.ASSESSMENT_INQUIRER_LATER,)


def assessment_of_provider(case: Case) -> Found:
    if case.provider is None:
        return None
    published = case.provider.assessments.get(case.question.information)
    if published is None:
        return (Reason.ASSESSMENT_PROVIDER_MISSING,)
    return PASS if published <= case.as_of else (Reason.ASSESSMENT_PROVIDER_LATER,)


# --- 5 the office and principal -----------------------------------------------------------------------------------


def task_allowed(case: Case) -> Found:
    facts = case.facts
    if not isinstance(facts, AskFacts):
        return (Reason.FACTS_MISSING,)
    allowed = facts.allowed_tasks
    if allowed is None:
        return PASS
    if type(allowed) is not frozenset:
        return (Reason.FACTS_MISSING,)
    return PASS if case.question.task in allowed else (Reason.TASK_NOT_ALLOWED,)


# --- 6 条例事務 -------------------------------------------------------------------------------------------------------


def ordinance(case: Case) -> Found:
    task = case.question.task
    if task in case.snapshot.list.tasks:
        return PASS
    if case.inquirer is None:
        return None
    case.ordinance = ordinance = case.inquirer.ordinance_tasks.get(task)
    if ordinance is None:
        return PASS  # no task of anybody's: the list says so in step 7
    found = []
    if ordinance.notified_on is None or ordinance.notified_on > case.as_of:
        found.append(Reason.ORDINANCE_NOT_NOTIFIED)
    if ordinance.published_on is None or ordinance.published_on > case.as_of:
        found.append(Reason.ORDINANCE_NOT_PUBLISHED)
    if case.question.information not in ordinance.information:
        found.append(Reason.ORDINANCE_INFORMATION)
    return tuple(found)


# --- 7 the list ---------------------------------------------------------------------------------------------------


def match_list(case: Case) -> Found:
    inquirer, provider, question = case.inquirer, case.provider, case.question
    if inquirer is None or provider is None:
        return None
    task = case.ordinance.mirrors if case.ordinance else question.task
    asking, asked = inquirer.kinds, provider.kinds
    if WIDE_AREA_UNION in asking and task in inquirer.delegated_tasks:
        asking = asking | {MUNICIPALITY}
    if WIDE_AREA_UNION in asked and question.information in provider.delegated_information:
        asked = asked | {MUNICIPALITY}
    answer = case.snapshot.list.look_up(asking, task, asked, question.information, case.as_of)
    if answer.permitted:
        case.ground = answer
    return answer.reasons


def list_of_the_inquirer(case: Case) -> Found:
    """The inquirer's copy: an agency that its directory lacks may be of any kind, so no row is named as the ground."""
    case.provider = case.snapshot.agencies.get(case.question.provider)
    if case.provider is not None:
        return match_list(case)
    if case.inquirer is None:
        return None
    anybody = frozenset(case.snapshot.list.kinds)
    case.provider = AgencyFacts(case.question.provider, "", anybody, ())
    found = match_list(case)
    case.provider = case.ground = None
    return found


def list_of_the_provider(case: Case) -> Found:
    """The provider's copy: one that is older than the permit's is fetched anew, and judges nothing until then."""
    facts = case.facts
    if not isinstance(facts, ProvideFacts) or type(facts.permit_serial) is not int:
        return (Reason.FACTS_MISSING,)
    if facts.permit_serial > case.snapshot.list.serial:
        return (Reason.LIST_OLDER,)
    return match_list(case)


# --- 7 the procedure, where one is named ---------------------------------------------------------------------------


def procedure(case: Case) -> Found:
    """Known, and below an item under which the inquirer asks for this task.

    It stands before the list's last two columns and after its first three: while those forbid, the list says so.
    """
    inquirer, code, listed = case.inquirer, case.question.procedure, case.snapshot.list
    if inquirer is None or code is None:
        return None
    revision = listed.revision_on(case.as_of)
    if revision is None or _holds_an_older_list(case):
        return PASS
    carried = listed.procedures.carried(revision.revision)
    if not carried:
        case.narrowing = Narrowing.NOT_CARRIED
        return PASS
    kinds, items = _asking(case, inquirer), listed.procedures.asking(revision.revision, _statutory_task(case))
    if all(kinds.isdisjoint(asking) for asking in items.values()):
        return PASS
    named = listed.procedures.known.get(code)
    if named is None:
        return (Reason.PROCEDURE_UNKNOWN,)
    if kinds.isdisjoint(items.get(named.item, NOBODY)):
        return (Reason.PROCEDURE_ELSEWHERE,)
    case.named = named
    case.narrowing = narrowing(named, case.question.information) if code in carried else Narrowing.AMENDED
    return PASS


def procedure_information(case: Case) -> Found:
    """The procedure's own item covers the question, and a line of the procedure has the information."""
    named, ground = case.named, case.ground
    if named is None:
        return PASS  # what a list can say without it has been said
    if ground is not None and ground.item != named.item:
        case.ground = _ground_below(case, named.item) or ground
        if case.ground is ground:
            return (Reason.PROCEDURE_ELSEWHERE,)
    if case.narrowing is Narrowing.LINES and case.question.information not in named.information:
        return (Reason.PROCEDURE_INFORMATION,)
    return PASS


def _ground_below(case: Case, item: str) -> Answer | None:
    """The row of this very item, where an agency of several kinds asks under several items."""
    inquirer, provider, information = case.inquirer, case.provider, case.question.information
    if inquirer is None or provider is None:
        return None
    asked = provider.kinds
    if WIDE_AREA_UNION in asked and information in provider.delegated_information:
        asked = asked | {MUNICIPALITY}
    task = _statutory_task(case)
    return case.snapshot.list.look_up_in(item, _asking(case, inquirer), task, asked, information, case.as_of)


def _statutory_task(case: Case) -> TaskCode:
    return case.ordinance.mirrors if case.ordinance else case.question.task


def _asking(case: Case, inquirer: AgencyFacts) -> frozenset[str]:
    union = WIDE_AREA_UNION in inquirer.kinds and _statutory_task(case) in inquirer.delegated_tasks
    return inquirer.kinds | {MUNICIPALITY} if union else inquirer.kinds


def _holds_an_older_list(case: Case) -> bool:
    """Such a list judges nothing; what is no serial is said by the check of the list."""
    facts = case.facts
    if not isinstance(facts, ProvideFacts):
        return False
    return type(facts.permit_serial) is not int or facts.permit_serial > case.snapshot.list.serial


# --- 8 consent ----------------------------------------------------------------------------------------------------


def consent(case: Case) -> Found:
    if case.ordinance is None or case.question.information != LOCAL_TAX or case.question.consent:
        return PASS
    return (Reason.CONSENT_MISSING,)


# --- 9 linkage codes ----------------------------------------------------------------------------------------------


def own_code(case: Case) -> Found:
    facts = case.facts
    if not isinstance(facts, AskFacts) or not known(facts.code_held):
        return (Reason.FACTS_MISSING,)
    return PASS if facts.code_held else (Reason.NO_CODE_AT_INQUIRER,)


def codes_known(case: Case) -> Found:
    facts = case.facts
    if not isinstance(facts, PermitFacts) or not known(facts.inquirer_code_known, facts.provider_code_known):
        return (Reason.FACTS_MISSING,)
    of_inquirer = PASS if facts.inquirer_code_known else (Reason.NO_CODE_AT_INQUIRER,)
    return of_inquirer if facts.provider_code_known else (*of_inquirer, Reason.NO_CODE_AT_PROVIDER)


# --- 10 no automatic answer ---------------------------------------------------------------------------------------


def ordinance_limit(case: Case) -> Found:
    """委員会規則6号: a provider may exclude information from others' 条例事務. People decide, so that two release it."""
    if case.provider is None:
        return None
    limited = case.ordinance is not None and case.question.information in case.provider.ordinance_limit
    return (Reason.ORDINANCE_LIMIT,) if limited else PASS


def flags(case: Case) -> Found:
    facts = case.facts
    if not isinstance(facts, ProvideFacts):
        return (Reason.FACTS_MISSING,)
    if not known(facts.no_automatic_answer_person, facts.no_automatic_answer_information):
        return (Reason.FACTS_MISSING,)
    of_person = (Reason.HELD_PERSON,) if facts.no_automatic_answer_person else PASS
    return (*of_person, Reason.HELD_INFORMATION) if facts.no_automatic_answer_information else of_person
