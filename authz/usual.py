"""The usual question (通常の照会): everything about it is in order, and only the list is left to say yes or no.

It is what an exchange asks three times, so it has a way of its own, without the recipe's checks one by one. What is
usual is told narrowly, by what every check of every recipe needs to pass; whatever is not as told here goes through the
recipe, also where it would be permitted in the end. Explanations never come here, so that a test can hold the two ways
against each other.
"""

from __future__ import annotations

from datetime import date

from authz.matchlist import Answer
from authz.questions import AskFacts, PermitFacts, ProvideFacts, Question, Snapshot
from sympho.codes import AgencyCode, InformationCode, TaskCode

__all__ = ["answered", "nothing_against_asking", "nothing_against_permitting", "nothing_against_providing"]


def answered(snapshot: Snapshot, question: Question, as_of: date) -> Answer | None:
    """The list's answer to a question between two bodies that are in order; None for any other question.

    In order are two agencies in force whose assessments are out, a statutory task, all items, no procedure; and no work
    was moved to either of them, so that each is of its kinds and of no other.
    """
    inquirer_code, provider_code = question.inquirer, question.provider
    task, information = question.task, question.information
    match_list = snapshot.list
    if (
        question.procedure is not None
        or question.items != ()
        or question.consent is not False
        or type(as_of) is not date
        or type(inquirer_code) is not AgencyCode
        or type(provider_code) is not AgencyCode
        or type(task) is not TaskCode
        or type(information) is not InformationCode
        or inquirer_code == provider_code
        or task not in match_list.tasks
    ):
        return None
    inquirer, provider = snapshot.agencies.get(inquirer_code), snapshot.agencies.get(provider_code)
    if (
        inquirer is None
        or provider is None
        or inquirer.delegated_tasks
        or provider.delegated_information
        or (of_inquirer := inquirer.assessments.get(task)) is None
        or of_inquirer > as_of
        or (of_provider := provider.assessments.get(information)) is None
        or of_provider > as_of
        or not inquirer.in_force(as_of)
        or not provider.in_force(as_of)
    ):
        return None
    return match_list.look_up(inquirer.kinds, task, provider.kinds, information, as_of)


def nothing_against_asking(facts: AskFacts, task: TaskCode) -> bool:
    """Whether all that the inquirer's server knows lets a question for this task go out."""
    if type(facts) is not AskFacts or facts.code_held is not True:
        return False
    allowed = facts.allowed_tasks
    return allowed is None or (type(allowed) is frozenset and task in allowed)


def nothing_against_permitting(facts: PermitFacts) -> bool:
    """Whether all that the network knows lets it issue a permit."""
    return type(facts) is PermitFacts and facts.inquirer_code_known is True and facts.provider_code_known is True


def nothing_against_providing(facts: ProvideFacts, serial: int) -> bool:
    """Whether all that the provider's server knows lets it answer by itself, by a list of this serial."""
    return (
        type(facts) is ProvideFacts
        and facts.permit_valid is True
        and facts.in_validity is True
        and type(facts.permit_serial) is int
        and facts.permit_serial <= serial
        and facts.no_automatic_answer_person is False
        and facts.no_automatic_answer_information is False
    )
