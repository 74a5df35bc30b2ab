"""The network's side of code management (符号の生成と変換): issues, translates, re-issues and retires linkage codes.

番号法21条の2, 令27条, 命令44条. A request names persons by 住民票コード and an acquisition number, which is handed back with the
code and written nowhere. Codes are not kept: a blind index finds a person, and the code is derived again. Every
function runs inside the caller's transaction and asks the database a fixed number of times, however many persons are
given.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum

from sympho import linkage
from sympho.codes import AcquisitionNumber, AgencyCode, LinkageCode, PersonKey, ResidentCode, SubstituteCode
from sympho.linkage import CodeState, IssueAct, Keys, RetirementReason
from sympho.store import Connection, copying
from sympho.store import issuing as store

PURPOSES = ("issuer-person", "issuer-resident-blind", "issuer-code", "issuer-code-blind", "issuer-substitute")
"""What the network's ring must hold before ``IssuerKeys.of``."""

IssuedNotice = tuple[AcquisitionNumber, LinkageCode | None, int]
"""(取得番号, 符号 or None when the agency holds it already, generation): a row of ``CodeNotice``."""


@dataclass(frozen=True, slots=True)
class IssuerKeys:
    """The network's five keys for codes, 32 bytes each; they never print themselves.

    Losing ``person`` or ``code`` is losing every code in the country, for codes are derived and kept nowhere.
    """

    person: bytes = field(repr=False)
    resident_blind: bytes = field(repr=False)
    code: bytes = field(repr=False)
    code_blind: bytes = field(repr=False)
    substitute: bytes = field(repr=False)

    def __post_init__(self) -> None:
        values = [getattr(self, f.name) for f in fields(self)]
        if any(len(value) != linkage.KEY_BYTES for value in values):
            raise ValueError(f"a key has {linkage.KEY_BYTES} bytes")
        if len(set(values)) != len(values):
            raise ValueError("no key serves two purposes")

    @classmethod
    def of(cls, ring: Keys, holder: str) -> IssuerKeys:
        """The five keys from the network's ring, in the order of ``PURPOSES``; ``holder`` is the network's name
        there."""
        return cls(*(ring.key(holder, purpose) for purpose in PURPOSES))


@dataclass(frozen=True, slots=True)
class Translation:
    """What the network knows about an inquirer's code and a provider.

    ``person`` is None where the code is unknown, retired or another agency's; ``provider_code`` is None where the
    provider has no live code for the person. ``delivered`` tells whether the provider has confirmed that it holds its
    code.
    """

    person: PersonKey | None
    provider_code: LinkageCode | None
    delivered: bool

    @property
    def known(self) -> bool:
        return self.person is not None


@dataclass(frozen=True, slots=True)
class CodeEvent:
    """One event in the life of a person's codes at an agency; ``reason`` is given for a retirement."""

    generation: int
    state: CodeState
    reason: RetirementReason | None
    happened_at: datetime


class ResidentChange(StrEnum):
    """What became of a changed 住民票コード."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    """It was known before: said a second time."""
    TWO_PERSONS = "two-persons"
    """Both 住民票コード already stand for different persons. Nothing was changed; a person has to look."""


def _code(keys: IssuerKeys, agency: AgencyCode, person: bytes, generation: int) -> LinkageCode:
    return linkage.linkage_code(keys.code, agency, PersonKey(person.hex()), generation)


def _new_code(keys: IssuerKeys, agency: AgencyCode, person: bytes, generation: int) -> store.NewCode:
    code = _code(keys, agency, person, generation)
    return store.NewCode(person, generation, linkage.blind(keys.code_blind, agency, code))


async def _persons_of(
    conn: Connection, keys: IssuerKeys, residents: Sequence[ResidentCode], now: datetime
) -> list[bytes]:
    """Each resident's person; whom the network has never seen becomes one. Those known are only read: many agencies
    ask for the same residents, and would wait for each other's transactions."""
    blinds = [linkage.blind_resident(keys.resident_blind, resident) for resident in residents]
    found = await store.person_keys(conn, blinds)
    new = {
        resident_blind: bytes.fromhex(linkage.person_key(keys.person, resident).reveal())
        for resident_blind, resident, person in zip(blinds, residents, found, strict=True)
        if person is None
    }
    if not new or await _seen(conn, list(new.items()), now):
        found = [new.get(resident_blind, person) for resident_blind, person in zip(blinds, found, strict=True)]
    else:
        found = await store.person_keys(conn, blinds)
    return [person for person in found if person is not None]


async def _seen(conn: Connection, new: Sequence[tuple[bytes, bytes]], now: datetime) -> bool:
    """Whether all of them were new; False where somebody else has seen some of them meanwhile."""
    if len(new) >= copying.COPY_FROM and await copying.seen(conn, new, now):
        return True
    return await store.insert_residents(conn, new, now) == len(new)


async def issue(
    conn: Connection,
    keys: IssuerKeys,
    agency: AgencyCode,
    persons: Sequence[tuple[AcquisitionNumber, ResidentCode]],
    now: datetime,
) -> list[IssuedNotice]:
    """The agency's code for each person, in the order asked.

    A code that the agency has not confirmed is sent again, the same one; a confirmed one is answered with None. After a
    retirement the next generation is issued. Running it again after a crash gives the same answer.
    """
    if not persons:
        return []
    order = await _persons_of(conn, keys, [resident for _, resident in persons], now)
    distinct = list(dict.fromkeys(order))
    codes = {person: _code(keys, agency, person, linkage.FIRST_GENERATION) for person in distinct}
    firsts = [
        store.NewCode(person, linkage.FIRST_GENERATION, code_blind)
        for person, code_blind in zip(codes, _blinds(keys, agency, codes.values()), strict=True)
    ]
    if await _are_first(conn, agency, firsts, now):
        return [
            (acquisition, codes[person], linkage.FIRST_GENERATION)
            for (acquisition, _), person in zip(persons, order, strict=True)
        ]
    await store.insert_first_codes(conn, agency, firsts, now)
    current = {row.person_key: row for row in await store.lock_codes_of_persons(conn, agency, distinct)}
    acts = {person: linkage.on_request(CodeState(row.state)) for person, row in current.items()}
    generations = {
        person: row.generation + 1 if acts[person] is IssueAct.RAISE else row.generation
        for person, row in current.items()
    }
    raised = [person for person, act in acts.items() if act is IssueAct.RAISE]
    if raised:
        new = [_new_code(keys, agency, person, generations[person]) for person in raised]
        await store.raise_generation(conn, agency, new, now)
    return [
        (
            acquisition,
            None
            if acts[person] is IssueAct.SAY_HELD
            else codes[person]
            if generations[person] == linkage.FIRST_GENERATION
            else _code(keys, agency, person, generations[person]),
            generations[person],
        )
        for (acquisition, _), person in zip(persons, order, strict=True)
    ]


async def _are_first(conn: Connection, agency: AgencyCode, codes: Sequence[store.NewCode], now: datetime) -> bool:
    """Whether these were many codes of persons who have never had one at the agency, and are issued now."""
    if len(codes) < copying.COPY_FROM:
        return False
    if await store.any_issued(conn, agency, [code.person_key for code in codes[:: copying.SAMPLE]]):
        return False
    return await copying.issued(conn, agency, codes, now)


async def confirm(
    conn: Connection, keys: IssuerKeys, agency: AgencyCode, codes: Sequence[LinkageCode], now: datetime
) -> int:
    """Notes that the agency holds these codes; how many it had not confirmed before. Saying it twice changes
    nothing."""
    return await store.confirm_codes(conn, agency, _blinds(keys, agency, codes), now)


async def translate(
    conn: Connection, keys: IssuerKeys, wanted: Sequence[tuple[AgencyCode, LinkageCode, AgencyCode]]
) -> list[Translation]:
    """From (inquirer, its code, provider) to the provider's code, in the order asked, by one query for all."""
    if not wanted:
        return []
    found = await store.translate(conn, wanted_rows(keys, wanted))
    return [translation(keys, provider, row) for (_, _, provider), row in zip(wanted, found, strict=True)]


def wanted_rows(keys: IssuerKeys, wanted: Sequence[tuple[AgencyCode, LinkageCode, AgencyCode]]) -> list[store.Wanted]:
    """(inquirer, its code, provider) as a statement takes them: the code blind."""
    return [
        store.Wanted(inquirer, linkage.blind(keys.code_blind, inquirer, code), provider)
        for inquirer, code, provider in wanted
    ]


def translation(keys: IssuerKeys, provider: AgencyCode, row: store.Translated) -> Translation:
    """What was found, with the provider's code derived again."""
    if row.person_key is None:
        return Translation(person=None, provider_code=None, delivered=False)
    person = PersonKey(row.person_key.hex())
    if row.provider_generation is None:
        return Translation(person=person, provider_code=None, delivered=False)
    code = linkage.linkage_code(keys.code, provider, person, row.provider_generation)
    return Translation(person=person, provider_code=code, delivered=row.provider_state == CodeState.CONFIRMED)


def substitute(keys: IssuerKeys, person: PersonKey) -> SubstituteCode:
    """代替符号 of a person for the network's own records (命令47条3項)."""
    return linkage.substitute_code(keys.substitute, person)


async def change_resident_code(
    conn: Connection, keys: IssuerKeys, before: ResidentCode, after: ResidentCode, now: datetime
) -> ResidentChange:
    """A person's 住民票コード was changed: the person stays the same person, and every linkage code survives.

    A 住民票コード that was replaced keeps standing for its person, because a request made before the change may arrive
    after it.
    """
    blinds = [linkage.blind_resident(keys.resident_blind, resident) for resident in (before, after)]
    was_before, was_after = await store.person_keys(conn, blinds)
    if was_before is not None and was_after is not None:
        return ResidentChange.UNCHANGED if was_before == was_after else ResidentChange.TWO_PERSONS
    person = was_before or bytes.fromhex(linkage.person_key(keys.person, before).reveal())
    # The new code first: if it is being issued for at this moment, the person who comes out of that is the one to keep.
    await store.insert_residents(conn, [(blinds[1], person)], now)
    (kept,) = await store.person_keys(conn, blinds[1:])
    await store.insert_residents(conn, [(blinds[0], kept or person)], now)
    is_before, is_after = await store.person_keys(conn, blinds)
    return ResidentChange.CHANGED if is_before == is_after else ResidentChange.TWO_PERSONS


async def retire(
    conn: Connection,
    keys: IssuerKeys,
    agency: AgencyCode,
    codes: Sequence[LinkageCode],
    reason: RetirementReason,
    now: datetime,
) -> list[bool]:
    """Retires codes: from now on they resolve to nothing. For each, whether it was live."""
    blinds = _blinds(keys, agency, codes)
    live = await store.lock_live_codes(conn, agency, blinds)
    await store.retire_codes(conn, agency, [row.person_key for row in live], reason, now)
    retired = {row.code_blind for row in live}
    return [code_blind in retired for code_blind in blinds]


async def reissue(
    conn: Connection,
    keys: IssuerKeys,
    agency: AgencyCode,
    codes: Sequence[LinkageCode],
    reason: RetirementReason,
    now: datetime,
) -> list[int | None]:
    """Retires codes and issues the next generation of each, which the agency gets when it next asks.

    For each, the new generation, or None where the code was not live.
    """
    blinds = _blinds(keys, agency, codes)
    live = await store.lock_live_codes(conn, agency, blinds)
    await store.retire_codes(conn, agency, [row.person_key for row in live], reason, now)
    new = [_new_code(keys, agency, row.person_key, row.generation + 1) for row in live]
    await store.raise_generation(conn, agency, new, now)
    raised = {row.code_blind: row.generation + 1 for row in live}
    return [raised.get(code_blind) for code_blind in blinds]


async def history(
    conn: Connection, keys: IssuerKeys, agency: AgencyCode, codes: Sequence[LinkageCode]
) -> list[tuple[CodeEvent, ...]]:
    """For each code, live or retired, all that happened to its person's codes at this agency, oldest first."""
    rows = await store.history(conn, agency, _blinds(keys, agency, codes))
    events: list[list[CodeEvent]] = [[] for _ in codes]
    for row in rows:
        reason = None if row.reason is None else RetirementReason(row.reason)
        events[row.n].append(CodeEvent(row.generation, CodeState(row.event), reason, row.happened_at))
    return [tuple(of_code) for of_code in events]


def _blinds(keys: IssuerKeys, agency: AgencyCode, codes: Iterable[LinkageCode]) -> list[bytes]:
    return linkage.blinds(keys.code_blind, agency, codes)
