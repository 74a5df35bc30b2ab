"""The agency's side of code management (符号管理, FGU): 符号 <-> 団体内統合宛名番号, acquired, bound, resolved and retired.

番号法21条の2, 令27条, 命令44条. The run of an acquisition: ``open_acquisitions`` mints acquisition numbers, the residents' party
passes them on with 住民票コード, the network answers, ``bind`` keeps the codes and forgets the numbers. Whatever breaks in
between, running it again completes it: an open acquisition keeps its number, the network sends the same code again, and
who holds a code may ask once more: the network then answers "already held", or confirms what it had not confirmed, or
sends the next generation, which takes the place of the old one.

Codes are sealed under the agency's key at their place and found by a blind index. Everything runs inside the caller's
transaction and asks the database a fixed number of times, however many persons are given.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sympho import linkage
from sympho.codes import (
    AcquisitionNumber,
    AddresseeNumber,
    AgencyCode,
    LinkageCode,
    SystemCode,
    UnifiedNumber,
)
from sympho.linkage import BindOutcome, HeldEvent, Keys, PersonStatus, Purpose, RetirementReason
from sympho.store import Connection, copying
from sympho.store import registry as store

CodeNotice = tuple[AcquisitionNumber, LinkageCode | None, int]
"""(取得番号, 符号 or None when the network says "already held", generation)."""


@dataclass(frozen=True, slots=True)
class Acquisition:
    """A person whose code is asked for. ``number`` is the open acquisition's, None where the person is unknown."""

    unified: UnifiedNumber
    number: AcquisitionNumber | None


@dataclass(frozen=True, slots=True)
class RegistryEvent:
    """One event in the life of a person's code at the agency."""

    event: HeldEvent
    generation: int | None
    reason: RetirementReason | None
    happened_at: datetime


async def register(conn: Connection, agency: AgencyCode, unified: Sequence[UnifiedNumber], now: datetime) -> None:
    """Takes over unified numbers that an addressee system outside has given; those known stay as they are."""
    await store.register_persons(conn, agency, _texts(unified), now)


async def open_acquisitions(
    conn: Connection, keys: Keys, agency: AgencyCode, unified: Sequence[UnifiedNumber], now: datetime
) -> list[Acquisition]:
    """Opens acquisitions (令27条), in the order asked.

    Someone whose acquisition is open gets the same number again; who is unknown gets none. Who holds a code is asked
    for as well: to ask only for the others, look at ``statuses`` first.
    """
    numbers = {person: AcquisitionNumber(f"{secrets.randbelow(10**20):020d}") for person in unified}
    new = _new_acquisitions(keys, agency, numbers)
    if (len(new) >= copying.COPY_FROM and await copying.opened(conn, agency, new, now)) or (
        await store.open_acquisitions(conn, agency, new, now) == len(unified)
    ):
        return [Acquisition(person, numbers[person]) for person in unified]
    standings = await store.standings(conn, agency, _texts(unified))
    return [_acquisition(keys, agency, person, standing) for person, standing in zip(unified, standings, strict=True)]


async def bind(
    conn: Connection, keys: Keys, agency: AgencyCode, notices: Sequence[CodeNotice], now: datetime
) -> list[BindOutcome]:
    """Binds the codes that came from the network and forgets their acquisition numbers (命令44条), in the order given.

    The network may note as confirmed what ``linkage.is_delivered``. A notice that arrives twice is answered ``HELD``.
    """
    number_blinds = _blind_numbers(keys, agency, [number for number, _, _ in notices])
    opened = {row.number_blind: row for row in await store.lock_acquisitions(conn, agency, number_blinds)}
    fates = [
        _fate(opened.get(number_blind), code, generation)
        for number_blind, (_, code, generation) in zip(number_blinds, notices, strict=True)
    ]
    rows = _codes_to_bind(keys, agency, notices, fates)
    older = {row.unified for row in opened.values() if row.held_generation}
    superseded = [(row.unified, row.generation) for row in rows if row.unified in older]
    if superseded:
        await store.supersede_codes(conn, agency, superseded, now)
    bound = await _bound(conn, agency, rows, now)
    outcomes: list[BindOutcome] = []
    events: dict[str, tuple[str, str, int | None]] = {}
    for (person, outcome), (_, code, generation) in zip(fates, notices, strict=True):
        if outcome is BindOutcome.BOUND and person not in bound:
            outcome = BindOutcome.UNKNOWN
            events[person] = (person, HeldEvent.ALREADY_HELD, generation)
        elif outcome in _EVENT_OF:
            events[person] = (person, _EVENT_OF[outcome], None if code is None else generation)
        outcomes.append(outcome)
    if events:
        await store.add_events(conn, agency, list(events.values()), now)
    await store.forget_acquisitions(conn, opened.values())
    return await _held_elsewhere(conn, keys, agency, notices, outcomes)


async def _bound(conn: Connection, agency: AgencyCode, rows: Sequence[store.NewHeldCode], now: datetime) -> set[str]:
    """The persons to whom codes were bound."""
    if len(rows) >= copying.COPY_FROM and await copying.bound(conn, agency, rows, now):
        return {row.unified for row in rows}
    return await store.bind_codes(conn, agency, rows, now) if rows else set()


async def _held_elsewhere(
    conn: Connection, keys: Keys, agency: AgencyCode, notices: Sequence[CodeNotice], outcomes: list[BindOutcome]
) -> list[BindOutcome]:
    """A code that was not bound here and that the agency has all the same is held."""
    unknown = [
        (n, code)
        for n, ((_, code, _), outcome) in enumerate(zip(notices, outcomes, strict=True))
        if outcome is BindOutcome.UNKNOWN and code is not None
    ]
    if unknown:
        holders = await reverse(conn, keys, [(agency, code) for _, code in unknown])
        for (n, _), holder in zip(unknown, holders, strict=True):
            outcomes[n] = BindOutcome.UNKNOWN if holder is None else BindOutcome.HELD
    return outcomes


_EVENT_OF = {BindOutcome.ALREADY_HELD: HeldEvent.ALREADY_HELD, BindOutcome.STALE: HeldEvent.STALE}
_NOBODY = ""


def _fate(
    acquisition: store.OpenAcquisition | None, code: LinkageCode | None, generation: int
) -> tuple[str, BindOutcome]:
    """The person whom a notice is for, and what becomes of it unless another row stands in the way."""
    if acquisition is None:
        return _NOBODY, BindOutcome.UNKNOWN
    if code is None:
        return acquisition.unified, BindOutcome.ALREADY_HELD
    if generation <= acquisition.retired_generation:
        return acquisition.unified, BindOutcome.STALE
    return acquisition.unified, BindOutcome.BOUND


def _codes_to_bind(
    keys: Keys, agency: AgencyCode, notices: Sequence[CodeNotice], fates: Sequence[tuple[str, BindOutcome]]
) -> list[store.NewHeldCode]:
    found = [
        (person, code, generation)
        for (person, outcome), (_, code, generation) in zip(fates, notices, strict=True)
        if outcome is BindOutcome.BOUND and code is not None
    ]
    key = keys.key(agency, Purpose.CODE)
    code_blinds = linkage.blinds(keys.key(agency, Purpose.CODE_BLIND), agency, [code for _, code, _ in found])
    return [
        store.NewHeldCode(person, generation, code_blind, _sealed_code(key, agency, person, code))
        for (person, code, generation), code_blind in zip(found, code_blinds, strict=True)
    ]


async def give_up(
    conn: Connection, keys: Keys, agency: AgencyCode, numbers: Sequence[AcquisitionNumber], now: datetime
) -> int:
    """Forgets acquisitions for which the residents' party knows nobody; how many were open."""
    rows = await store.lock_acquisitions(conn, agency, _blind_numbers(keys, agency, numbers))
    await store.add_events(conn, agency, [(row.unified, HeldEvent.NOT_FOUND, None) for row in rows], now)
    await store.forget_acquisitions(conn, rows)
    return len(rows)


async def resolve(
    conn: Connection, keys: Keys, persons: Sequence[tuple[AgencyCode, UnifiedNumber]]
) -> list[LinkageCode | None]:
    """Each person's code, in the order asked; None where the agency holds none. Raises ``linkage.Unsealable``."""
    found = await store.sealed_codes(conn, [(agency, person.reveal()) for agency, person in persons])
    return [
        None if sealed is None else _open_code(keys, agency, person, sealed)
        for (agency, person), sealed in zip(persons, found, strict=True)
    ]


async def resolve_addressees(
    conn: Connection, keys: Keys, addressees: Sequence[tuple[AgencyCode, SystemCode, AddresseeNumber]]
) -> list[tuple[UnifiedNumber, LinkageCode | None] | None]:
    """The same for persons whom a system names by its own number; None where the number is linked to nobody."""
    found = await store.codes_of_addressees(
        conn, [(agency, system, addressee.reveal()) for agency, system, addressee in addressees]
    )
    return [
        None if unified is None else _resolved(keys, agency, UnifiedNumber(unified), sealed)
        for (agency, _, _), (unified, sealed) in zip(addressees, found, strict=True)
    ]


def _resolved(
    keys: Keys, agency: AgencyCode, person: UnifiedNumber, sealed: bytes | None
) -> tuple[UnifiedNumber, LinkageCode | None]:
    return person, None if sealed is None else _open_code(keys, agency, person, sealed)


async def reverse(
    conn: Connection, keys: Keys, codes: Sequence[tuple[AgencyCode, LinkageCode]]
) -> list[UnifiedNumber | None]:
    """The person behind each code, in the order asked; None where the agency does not hold the code."""
    found = await store.persons_of_codes(conn, blinded(keys, codes))
    return [None if unified is None else UnifiedNumber(unified) for unified in found]


def blinded(keys: Keys, codes: Sequence[tuple[AgencyCode, LinkageCode]]) -> list[tuple[str, bytes]]:
    """Codes as a statement looks for them: the agency, and the code blind."""
    return [(agency, linkage.blind(keys.key(agency, Purpose.CODE_BLIND), agency, code)) for agency, code in codes]


async def retire(
    conn: Connection, agency: AgencyCode, unified: Sequence[UnifiedNumber], reason: RetirementReason, now: datetime
) -> list[bool]:
    """Removes codes from the agency; for each person, whether there was one. The network has to retire its side too."""
    retired = await store.retire_codes(conn, agency, _texts(unified), reason, now)
    return [person.reveal() in retired for person in unified]


async def statuses(conn: Connection, agency: AgencyCode, unified: Sequence[UnifiedNumber]) -> list[PersonStatus]:
    """How each person's code stands, in the order asked."""
    return [_status(standing) for standing in await store.standings(conn, agency, _texts(unified))]


async def history(
    conn: Connection, agency: AgencyCode, unified: Sequence[UnifiedNumber]
) -> list[tuple[RegistryEvent, ...]]:
    """For each person, all that happened to the code, oldest first."""
    events: list[list[RegistryEvent]] = [[] for _ in unified]
    for row in await store.history(conn, agency, _texts(unified)):
        reason = None if row.reason is None else RetirementReason(row.reason)
        events[row.n].append(RegistryEvent(HeldEvent(row.event), row.generation, reason, row.happened_at))
    return [tuple(of_person) for of_person in events]


# --- at rest ------------------------------------------------------------------------------------------------------


def _texts(unified: Sequence[UnifiedNumber]) -> list[str]:
    return [person.reveal() for person in unified]


def _status(standing: store.Standing) -> PersonStatus:
    if not standing.known:
        return PersonStatus.UNKNOWN
    if standing.held:
        return PersonStatus.HELD
    if standing.number_sealed is not None:
        return PersonStatus.ASKED
    return linkage.status_after(None if standing.last_event is None else HeldEvent(standing.last_event))


def _blind_numbers(keys: Keys, agency: AgencyCode, numbers: Iterable[AcquisitionNumber]) -> list[bytes]:
    return linkage.blinds(keys.key(agency, Purpose.ACQUISITION_BLIND), agency, numbers)


def _new_acquisitions(
    keys: Keys, agency: AgencyCode, numbers: Mapping[UnifiedNumber, AcquisitionNumber]
) -> list[store.NewAcquisition]:
    key = keys.key(agency, Purpose.ACQUISITION)
    return [
        store.NewAcquisition(
            person.reveal(),
            number_blind,
            linkage.seal(
                key,
                os.urandom(linkage.NONCE_BYTES),
                linkage.place("code_acquisition", agency, person.reveal()),
                number.reveal().encode(),
            ),
        )
        for (person, number), number_blind in zip(
            numbers.items(), _blind_numbers(keys, agency, numbers.values()), strict=True
        )
    ]


def _acquisition(keys: Keys, agency: AgencyCode, person: UnifiedNumber, standing: store.Standing) -> Acquisition:
    if standing.number_sealed is None:
        return Acquisition(person, None)
    where = linkage.place("code_acquisition", agency, person.reveal())
    key = keys.key(agency, Purpose.ACQUISITION)
    number = linkage.unseal(key, AcquisitionNumber.kind, where, standing.number_sealed)
    return Acquisition(person, AcquisitionNumber(number.decode()))


def _sealed_code(key: bytes, agency: AgencyCode, person: str, code: LinkageCode) -> bytes:
    where = linkage.place("held_code", agency, person)
    return linkage.seal(key, os.urandom(linkage.NONCE_BYTES), where, bytes.fromhex(code.reveal()))


def _open_code(keys: Keys, agency: AgencyCode, person: UnifiedNumber, sealed: bytes) -> LinkageCode:
    where = linkage.place("held_code", agency, person.reveal())
    return LinkageCode(linkage.unseal(keys.key(agency, Purpose.CODE), LinkageCode.kind, where, sealed).hex())
