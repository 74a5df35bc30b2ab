"""Unified addressee numbers (団体内統合宛名番号): one person, one number inside an agency, and every system's own numbers.

A number is one to one with 個人番号 inside the agency, random, and derived from nothing. 個人番号 is kept sealed and is found
by a blind index; it leaves only towards the residents' party, when a code is asked for (令27条). Everything runs inside
the caller's transaction and asks the database a fixed number of times; a bad row never spoils the good ones beside it.
"""

from __future__ import annotations

import os
import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

import msgspec

from sympho import linkage
from sympho.codes import AddresseeNumber, AgencyCode, IndividualNumber, SystemCode, UnifiedNumber
from sympho.linkage import Keys, Purpose
from sympho.store import Connection, copying
from sympho.store import addressees as store

NumberingRequest = tuple[IndividualNumber, SystemCode, AddresseeNumber]
"""付番依頼: the person, the asking business system, and that system's own number for the person."""

Person = tuple[IndividualNumber, Sequence[tuple[AgencyCode, SystemCode, AddresseeNumber]]]
"""Somebody to be numbered at several agencies, with the own numbers of their systems."""

_ROUNDS = 3
"""How often a random number may turn out to be taken; with a million persons once is one in a thousand million."""


class NumberingOutcome(StrEnum):
    """What became of one request for a number."""

    NUMBERED = "numbered"
    KNOWN = "known"
    """The individual had a number already; the addressee number is linked to it."""
    ADDRESSEE_TAKEN = "addressee-taken"
    """The addressee number belongs to somebody else and stays theirs: a person has to look."""


@dataclass(frozen=True, slots=True)
class Numbering:
    """The answer to a request; ``unified`` is None exactly where the addressee number is taken."""

    unified: UnifiedNumber | None
    outcome: NumberingOutcome


class Sex(StrEnum):
    """性別, as the resident register knows it."""

    MALE = "1"
    FEMALE = "2"
    OTHER = "3"


class BasicItems(msgspec.Struct, frozen=True):
    """基本4情報: name, date of birth, sex and address. It does not print itself."""

    name: str
    born_on: date
    sex: Sex
    address: str

    def __repr__(self) -> str:
        return "<基本4情報>"

    __str__ = __repr__


async def number(
    conn: Connection, keys: Keys, agency: AgencyCode, persons: Sequence[NumberingRequest], now: datetime
) -> list[Numbering]:
    """Numbers persons and links the asking system's own numbers (付番), in the order asked.

    The same individual gets the same number, whichever system asks, also when two ask at the same moment.
    """
    blinds = linkage.blinds(keys.key(agency, Purpose.INDIVIDUAL_BLIND), agency, [person[0] for person in persons])
    asked = [
        store.Asked(individual_blind, system, addressee.reveal())
        for individual_blind, (_, system, addressee) in zip(blinds, persons, strict=True)
    ]
    individuals = {row.individual_blind: person[0] for row, person in zip(asked, persons, strict=True)}
    welcome = _first_of_each_addressee(asked)
    if len(asked) >= copying.COPY_FROM and len(welcome) == len(set(asked)):
        newcomers = await _newcomers(conn, keys, agency, asked, individuals, now)
        if newcomers is not None:
            return newcomers
    made: set[str] = set()
    found = await store.find(conn, agency, asked)
    for _ in range(_ROUNDS):
        missing = {
            row.individual_blind
            for row, known in zip(asked, found, strict=True)
            if known.linked is None and known.numbered is None and row in welcome
        }
        if not missing:
            break
        new = [
            _new_person(keys, agency, individual_blind, individuals[individual_blind]) for individual_blind in missing
        ]
        entered = await store.insert_persons(conn, agency, new, now)
        made |= entered
        if len(entered) < len(new):  # somebody else was numbering them, or a random number was taken
            found = await store.find(conn, agency, asked)
            continue
        numbered = {row.individual_blind: row.unified for row in new}
        found = [
            known if known.numbered else store.Found(known.linked, numbered.get(row.individual_blind))
            for row, known in zip(asked, found, strict=True)
        ]
    unlinked = [
        store.NewLink(row.system, row.addressee, known.numbered)
        for row, known in zip(asked, found, strict=True)
        if known.linked is None and known.numbered is not None and row in welcome
    ]
    linked = await store.insert_links(conn, agency, unlinked, now) if unlinked else 0
    if linked < len(unlinked):  # somebody else was linking the same numbers
        return [_numbering(known, made) for known in await store.find(conn, agency, asked)]
    links = {(row.system, row.addressee): row.unified for row in unlinked}
    return [
        _numbering(store.Found(known.linked or links.get((row.system, row.addressee)), known.numbered), made)
        for row, known in zip(asked, found, strict=True)
    ]


async def _newcomers(
    conn: Connection,
    keys: Keys,
    agency: AgencyCode,
    asked: Sequence[store.Asked],
    individuals: Mapping[bytes, IndividualNumber],
    now: datetime,
) -> list[Numbering] | None:
    """Many at once of whom the agency knows nobody yet, by COPY; None where it knows somebody, and nothing is
    written."""
    sample = await store.find(conn, agency, asked[:: copying.SAMPLE])
    if any(known.linked or known.numbered for known in sample):
        return None
    new = {
        individual_blind: _new_person(keys, agency, individual_blind, individual)
        for individual_blind, individual in individuals.items()
    }
    links = {store.NewLink(row.system, row.addressee, new[row.individual_blind].unified) for row in asked}
    persons = [(agency, person) for person in new.values()]
    if not await copying.numbered(conn, persons, [(agency, link) for link in links], now):
        return None
    unified = {individual_blind: UnifiedNumber(person.unified) for individual_blind, person in new.items()}
    return [Numbering(unified[row.individual_blind], NumberingOutcome.NUMBERED) for row in asked]


async def enter(
    conn: Connection, keys: Keys, people: Sequence[Person], now: datetime
) -> list[dict[AgencyCode, UnifiedNumber]] | None:
    """Numbers people whom nobody here knows yet, at all their agencies: each one's numbers, in order. None where an
    agency knows one of them, or one of their addressee numbers; nothing is written then."""
    at: dict[AgencyCode, list[int]] = defaultdict(list)
    for n, (_, numbers) in enumerate(people):
        for agency in {agency for agency, _, _ in numbers}:
            at[agency].append(n)
    unified: list[dict[AgencyCode, UnifiedNumber]] = [{} for _ in people]
    persons: list[tuple[str, store.NewPerson]] = []
    for agency, places in at.items():
        individuals = [people[n][0] for n in places]
        blinds = linkage.blinds(keys.key(agency, Purpose.INDIVIDUAL_BLIND), agency, individuals)
        for n, individual_blind, individual in zip(places, blinds, individuals, strict=True):
            person = _new_person(keys, agency, individual_blind, individual)
            persons.append((agency, person))
            unified[n][agency] = UnifiedNumber(person.unified)
    links = [
        (agency, store.NewLink(system, addressee.reveal(), of_person[agency].reveal()))
        for (_, numbers), of_person in zip(people, unified, strict=True)
        for agency, system, addressee in numbers
    ]
    return unified if await copying.numbered(conn, persons, links, now) else None


def _first_of_each_addressee(asked: Sequence[store.Asked]) -> set[store.Asked]:
    """The requests to work on: where one addressee number comes with two individuals, the first is believed."""
    first: dict[tuple[str, str], store.Asked] = {}
    for row in asked:
        first.setdefault((row.system, row.addressee), row)
    return set(first.values())


def _numbering(known: store.Found, made: set[str]) -> Numbering:
    if known.linked is None or known.linked != known.numbered:
        return Numbering(None, NumberingOutcome.ADDRESSEE_TAKEN)
    outcome = NumberingOutcome.NUMBERED if known.linked in made else NumberingOutcome.KNOWN
    return Numbering(UnifiedNumber(known.linked), outcome)


async def link(
    conn: Connection,
    agency: AgencyCode,
    links: Sequence[tuple[UnifiedNumber, SystemCode, AddresseeNumber]],
    now: datetime,
) -> list[bool]:
    """Links systems' own numbers to known persons; for each, whether the number now belongs to that person.

    It does not where the person is unknown in this agency or the number belongs to somebody else.
    """
    rows = [store.NewLink(system, addressee.reveal(), unified.reveal()) for unified, system, addressee in links]
    await store.insert_links(conn, agency, rows, now)
    found = await store.unified_of(conn, agency, [(row.system, row.addressee) for row in rows])
    return [linked == row.unified for row, linked in zip(rows, found, strict=True)]


async def to_unified(
    conn: Connection, agency: AgencyCode, addressees: Sequence[tuple[SystemCode, AddresseeNumber]]
) -> list[UnifiedNumber | None]:
    """宛名番号 -> 団体内統合宛名番号, in the order asked; None where nothing is linked."""
    found = await store.unified_of(conn, agency, [(system, addressee.reveal()) for system, addressee in addressees])
    return [None if unified is None else UnifiedNumber(unified) for unified in found]


async def to_addressees(
    conn: Connection, agency: AgencyCode, persons: Sequence[tuple[UnifiedNumber, SystemCode]]
) -> list[AddresseeNumber | None]:
    """団体内統合宛名番号 -> 宛名番号 in a system, in the order asked; the latest link where a system has several."""
    found = await store.addressees_of(conn, agency, [(system, unified.reveal()) for unified, system in persons])
    return [None if addressee is None else AddresseeNumber(addressee) for addressee in found]


async def links_of(
    conn: Connection, agency: AgencyCode, unified: Sequence[UnifiedNumber]
) -> list[tuple[tuple[SystemCode, AddresseeNumber], ...]]:
    """Every system's own numbers for each person, in the order asked."""
    linked: list[list[tuple[SystemCode, AddresseeNumber]]] = [[] for _ in unified]
    for row in await store.links(conn, agency, _texts(unified)):
        linked[row.n].append((SystemCode(row.system), AddresseeNumber(row.addressee)))
    return [tuple(of_person) for of_person in linked]


async def individual_numbers(
    conn: Connection, keys: Keys, agency: AgencyCode, unified: Sequence[UnifiedNumber]
) -> list[IndividualNumber | None]:
    """個人番号 for the code request (令27条), in the order asked; None where the agency has none for the person."""
    found = await store.sealed_individuals(conn, agency, _texts(unified))
    key = keys.key(agency, Purpose.INDIVIDUAL)
    return [
        None
        if sealed is None
        else IndividualNumber(linkage.unseal(key, IndividualNumber.kind, _place(agency, person), sealed).decode())
        for person, sealed in zip(unified, found, strict=True)
    ]


async def keep_basic_items(
    conn: Connection, keys: Keys, agency: AgencyCode, items: Sequence[tuple[UnifiedNumber, BasicItems]]
) -> list[bool]:
    """Keeps 基本4情報, sealed, in place of what was kept; for each person, whether the number is known."""
    key = keys.key(agency, Purpose.BASIC)
    last = {
        unified.reveal(): linkage.seal(key, _nonce(), _basic_place(agency, unified), msgspec.json.encode(basic))
        for unified, basic in items
    }
    known = await store.update_basic(conn, agency, list(last.items()))
    return [unified.reveal() in known for unified, _ in items]


async def basic_items(
    conn: Connection, keys: Keys, agency: AgencyCode, unified: Sequence[UnifiedNumber]
) -> list[BasicItems | None]:
    """基本4情報 of persons, in the order asked; None where none are kept."""
    found = await store.sealed_basic(conn, agency, _texts(unified))
    key = keys.key(agency, Purpose.BASIC)
    return [
        None
        if sealed is None
        else msgspec.json.decode(
            linkage.unseal(key, "基本4情報", _basic_place(agency, person), sealed), type=BasicItems
        )
        for person, sealed in zip(unified, found, strict=True)
    ]


def _texts(unified: Iterable[UnifiedNumber]) -> list[str]:
    return [person.reveal() for person in unified]


def _nonce() -> bytes:
    return os.urandom(linkage.NONCE_BYTES)


def _place(agency: AgencyCode, unified: UnifiedNumber) -> bytes:
    return linkage.place("unified_person", "individual", agency, unified.reveal())


def _basic_place(agency: AgencyCode, unified: UnifiedNumber) -> bytes:
    return linkage.place("unified_person", "basic", agency, unified.reveal())


def _new_person(
    keys: Keys, agency: AgencyCode, individual_blind: bytes, individual: IndividualNumber
) -> store.NewPerson:
    unified = UnifiedNumber(f"{secrets.randbelow(10**15):015d}")
    key = keys.key(agency, Purpose.INDIVIDUAL)
    sealed = linkage.seal(key, _nonce(), _place(agency, unified), individual.reveal().encode())
    return store.NewPerson(unified.reveal(), individual_blind, sealed)
