"""Askable questions of the invented country (照会の候補): who may ask whom about whom, and how it must end.

The end follows from the world's own facts (who holds what, who is flagged, what is assessed) and not from asking the
server, so that a wrong answer is seen as one. Pure: the same world gives the same questions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from random import Random

from fixtures.contents import ADULT, TAX_DAY, Duplicate, has_account, is_insured
from fixtures.invented import codebook as book
from fixtures.invented import households as known
from fixtures.invented.agencies import DIGITAL_AGENCY, HEALTH_INSURANCE_ASSOCIATION, JUSTICE, PENSION_SERVICE, Agency
from fixtures.invented.cast import PersonFlag
from fixtures.people import Resident
from fixtures.world import World
from loadtest.plan import CORRECTED, Items, Question, fingerprint
from sympho.codes import AgencyCode, InformationCode, SystemCode, TaskCode

__all__ = ["Candidates", "items_of", "questions_of"]

NEWCOMERS_AT = "gentou"
"""Where newcomers are numbered during a run: nobody is asked there for want of a code."""

_APART = frozenset({known.FAMILY, known.PROTECTED, known.INFORMATION_HELD})
"""Households of the story whose codes or flags change while it is told."""

_NO_NULL = "value"


@dataclass(frozen=True, slots=True)
class Candidates:
    """Every question of one world, by what it is for."""

    answered: tuple[Question, ...]
    held: tuple[Question, ...]
    not_permitted: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class _Asking:
    theme: str
    office: str
    task: TaskCode
    system: SystemCode
    provider: AgencyCode
    information: InformationCode


class _Facts:
    """What the world says of each (provider, person, information)."""

    def __init__(self, world: World, day: date) -> None:
        self.world = world
        self.day = day
        self.duplicates: dict[tuple[str, int, str], Duplicate] = {
            (one.agency, one.resident, one.information): one for one in world.duplicates()
        }
        self.numbers: dict[tuple[str, str, int], str] = {
            (one.agency, one.system, one.resident): one.number.reveal() for one in world.numberings()
        }
        self.numbered = {(agency, serial) for agency, _, serial in self.numbers}
        self.flagged = {
            (flag.person.agency, flag.person.resident, "" if isinstance(flag, PersonFlag) else str(flag.information))
            for flag in world.flags
            if flag.no_automatic_answer
        }

    def is_held(self, provider: str, serial: int, information: str) -> bool:
        return bool({(provider, serial, ""), (provider, serial, information)} & self.flagged)

    def published(self, provider: str, serial: int, information: str) -> Duplicate | None:
        found = self.duplicates.get((provider, serial, information))
        if found is None or self.day < found.published_from:
            return None
        return None if found.published_until is not None and self.day > found.published_until else found


def items_of(duplicate: Duplicate) -> dict[str, dict[str, str]]:
    """A duplicate's items as they stand in bodies and answers."""
    return {
        str(code): {_NO_NULL: item.value} if item.value is not None else {"reason_of_null": f"{item.reason_of_null}"}
        for code, item in duplicate.items.items()
    }


def questions_of(world: World, day: date, partial: float, seed: int = 0) -> Candidates:
    """All questions; ``partial`` is the share of those that ask for some of the items only."""
    facts = _Facts(world, day)
    random = Random(seed)
    answered: list[Question] = []
    held: list[Question] = []
    not_permitted: list[Question] = []
    for resident in world.residents():
        home = world.agency(resident.home.agency)
        for asking in _askings(world, resident, home):
            made = _question(facts, resident, home, asking, partial, random)
            if made is None:
                continue
            (held if made.outcome == "held" else answered).append(made)
        not_permitted.extend(_not_permitted(facts, resident, home))
    return Candidates(tuple(answered), tuple(held), tuple(not_permitted))


def _askings(world: World, resident: Resident, home: Agency) -> Iterator[_Asking]:
    """What the offices of the person's municipality may want to know, of whom and for what."""
    cost, tax = book.VACCINATION_COST_TASK, book.LOCAL_TAX_TASK
    for earlier in dict.fromkeys(stay.agency for stay in resident.residences[:-1]):
        yield _Asking("vaccination", "health", book.VACCINATION_TASK, book.HEALTH_SYSTEM, earlier, book.VACCINATION)
        yield _Asking("care", "care", book.CARE_PREMIUM_TASK, book.CARE_SYSTEM, earlier, book.CARE)
    taxed_at = resident.residence_on(TAX_DAY)
    if taxed_at is not None and resident.age_on(TAX_DAY) >= ADULT:
        yield _Asking("tax", "health", cost, book.HEALTH_SYSTEM, taxed_at.agency, book.TAX)
    yield _Asking("care", "care", book.CARE_PREMIUM_TASK, book.CARE_SYSTEM, PENSION_SERVICE.code, book.PENSION)
    yield _Asking("tax", "tax", tax, book.TAX_SYSTEM, JUSTICE.code, book.FAMILY_REGISTER)
    if is_insured(resident):
        insurer = HEALTH_INSURANCE_ASSOCIATION.code
        yield _Asking("tax", "tax", tax, book.TAX_SYSTEM, insurer, book.HEALTH_INSURANCE)
    if has_account(resident):
        yield _Asking("tax", "health", cost, book.HEALTH_SYSTEM, DIGITAL_AGENCY.code, book.ACCOUNT)
    yield from _refused(world, resident)


def _refused(world: World, resident: Resident) -> Iterator[_Asking]:
    """Asked in good faith of a municipality where the person never lived: the network knows no code there."""
    lived = {stay.agency for stay in resident.residences}
    never = [one for one in world.municipalities if one.code not in lived and one.slug != NEWCOMERS_AT]
    if never and resident.serial % 7 == 0:
        other = never[resident.serial % len(never)].code
        yield _Asking("refused", "health", book.VACCINATION_TASK, book.HEALTH_SYSTEM, other, book.VACCINATION)


def _question(
    facts: _Facts, resident: Resident, home: Agency, asking: _Asking, partial: float, random: Random
) -> Question | None:
    """The question with its end; None where it cannot be asked, or where the story might change its end."""
    number = facts.numbers.get((home.code, asking.system, resident.serial))
    provider = facts.world.agency(asking.provider)
    if number is None or asking.provider == home.code or not home.has_published(asking.task, facts.day):
        return None
    flagged = facts.is_held(asking.provider, resident.serial, asking.information)
    if resident.household == known.FAMILY or (resident.household in _APART and not flagged):
        return None
    found = facts.published(asking.provider, resident.serial, asking.information)
    whole = {} if found is None else items_of(found)
    wanted = _some(whole, random) if whole and not flagged and random.random() < partial else ()
    items = {code: whole[code] for code in wanted} if wanted else whole
    outcome, reason = _end(facts, resident, provider, asking, bool(whole), flagged)
    body: dict[str, object] = {
        "person": {"system": str(asking.system), "number": number},
        "provider": str(asking.provider),
        "task": str(asking.task),
        "information": str(asking.information),
    }
    if wanted:
        body["items"] = list(wanted)
    return Question(
        theme="nothing" if outcome == "not-provided" else "refused" if outcome == "refused" else asking.theme,
        login=f"{home.slug}-{asking.office}",
        agency=str(home.code),
        provider=str(asking.provider),
        body=body,
        outcome=outcome,
        reason=reason,
        items=tuple(items) if outcome in ("provided", "held") else (),
        answers=_answers(items, flagged) if outcome in ("provided", "held") else (),
    )


def _end(
    facts: _Facts, resident: Resident, provider: Agency, asking: _Asking, holds: bool, flagged: bool
) -> tuple[str, str]:
    """Outcome and coarse reason, in the order of the recipes: assessment, the provider's code, flags, the duplicate."""
    if not provider.has_published(asking.information, facts.day):
        return "refused", "assessment"
    if (provider.code, resident.serial) not in facts.numbered:
        return "refused", "no-code-at-provider"
    if flagged:
        return "held", ""
    return ("provided", "") if holds else ("not-provided", "not-provided")


def _some(items: Items, random: Random) -> tuple[str, ...]:
    """One to three of the items, in the order of the layout."""
    chosen = set(random.sample(list(items), min(len(items), random.randint(1, 3))))
    return tuple(code for code in items if code in chosen)


def _answers(items: Items, flagged: bool) -> tuple[str, ...]:
    """Fingerprints that may come: what is deposited; of somebody held also what a reviewer makes of it."""
    if not items:
        return ()
    if not flagged:
        return (fingerprint(items),)
    return (fingerprint(items), fingerprint(corrected(items)))


def corrected(items: Items) -> Items:
    """A first reviewer's correction: the first item that has a value gets another one."""
    first = next((code for code, item in items.items() if _NO_NULL in item), None)
    return {code: {_NO_NULL: CORRECTED} if code == first else item for code, item in items.items()}


def _not_permitted(facts: _Facts, resident: Resident, home: Agency) -> Iterator[Question]:
    """Tax information for carrying out vaccinations: on no row of the list, refused by the inquirer's own server."""
    number = facts.numbers.get((home.code, book.HEALTH_SYSTEM, resident.serial))
    if number is None or resident.household in _APART or resident.serial % 11:
        return
    provider = next(one for one in facts.world.municipalities if one.code != home.code)
    yield Question(
        theme="not-permitted",
        login=f"{home.slug}-health",
        agency=str(home.code),
        provider=str(provider.code),
        body={
            "person": {"system": str(book.HEALTH_SYSTEM), "number": number},
            "provider": str(provider.code),
            "task": str(book.VACCINATION_TASK),
            "information": str(book.TAX),
        },
        outcome="refused",
        reason="not-permitted",
    )
