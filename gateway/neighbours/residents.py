"""住基ネット's stand-in, the residents' party (FGU): it alone knows which 住民票コード belongs to a 個人番号 (令27条).

It passes acquisition numbers on with 住民票コード; 個人番号 stays here. Invented people only.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.database import Database
from gateway.exchange.doors import IssuingDoor
from gateway.exchange.messages import CodeIssue, CodeReply, CodeRequest, ResidentCodeChange
from gateway.keys.ring import KeyRing
from gateway.neighbours import store
from gateway.problems import Problem
from sympho.codes import AgencyCode, IndividualNumber, ResidentCode
from sympho.linkage import NONCE_BYTES, blinds, place, seal, unseal

HOLDER = AgencyCode("0" * 16)
"""The ring's key place of this party; no agency has this code."""

PERSONS_LIMIT = 10_000


@dataclass
class Residents:
    """The residents' party. ``network`` opens the network's issuing door."""

    db: Database
    ring: KeyRing
    network: Callable[[], IssuingDoor]


def _blinds(party: Residents, numbers: Sequence[IndividualNumber | ResidentCode]) -> list[bytes]:
    return blinds(party.ring.key(HOLDER, "resident-blind"), HOLDER, numbers)


async def register(party: Residents, people: Sequence[tuple[IndividualNumber, ResidentCode]]) -> None:
    """Takes invented people into the register as it is filled; see ``follow`` for what has become of them since."""
    rows = _rows(party, people)
    async with party.db.transaction() as conn:
        await store.upsert_residents(conn, rows)


def _rows(
    party: Residents, people: Sequence[tuple[IndividualNumber, ResidentCode]]
) -> list[tuple[bytes, bytes, bytes]]:
    key = party.ring.key(HOLDER, "resident")
    individual_blinds = _blinds(party, [individual for individual, _ in people])
    sealed = [
        seal(key, os.urandom(NONCE_BYTES), place("resident", individual_blind.hex()), resident.reveal().encode())
        for individual_blind, (_, resident) in zip(individual_blinds, people, strict=True)
    ]
    return list(zip(individual_blinds, sealed, _blinds(party, [resident for _, resident in people]), strict=True))


async def request_codes(party: Residents, caller: AgencyCode, request: CodeRequest) -> CodeReply:
    """Maps 個人番号 to 住民票コード and asks the network to issue; who is not in the register is named as unknown."""
    if request.agency != caller:
        raise Problem("wrong-agency")
    if len(request.persons) > PERSONS_LIMIT:
        raise Problem("too-large", f"at most {PERSONS_LIMIT} persons at once")
    asked = _blinds(party, [individual for _, individual in request.persons])
    async with party.db.connection() as conn:
        found = await store.find_residents(conn, asked)
    known = []
    unknown = []
    key = party.ring.key(HOLDER, "resident")
    for (number, _), individual_blind in zip(request.persons, asked, strict=True):
        sealed = found.get(individual_blind)
        if sealed is None:
            unknown.append(number)
        else:
            known.append((number, _open(key, individual_blind, sealed)))
    if not known:
        return CodeReply(0, 0, tuple(unknown))
    reply = await party.network().issue(CodeIssue(1, caller, tuple(known)))
    return CodeReply(reply.bound, reply.held, tuple(unknown))


async def change_resident_code(party: Residents, individual: IndividualNumber, after: ResidentCode) -> None:
    """住民票コードの変更: told to the network first, so that no code is lost if this stops half-way."""
    [individual_blind] = _blinds(party, [individual])
    async with party.db.connection() as conn:
        found = await store.find_residents(conn, [individual_blind])
    sealed = found.get(individual_blind)
    if sealed is None:
        raise Problem("not-found")
    before = _open(party.ring.key(HOLDER, "resident"), individual_blind, sealed)
    await party.network().change_resident_code(ResidentCodeChange(1, before, after))
    async with party.db.transaction() as conn:
        await store.keep_former(conn, individual_blind)
        await store.upsert_residents(conn, _rows(party, [(individual, after)]))


async def taken(party: Residents, people: Sequence[tuple[IndividualNumber, ResidentCode]]) -> list[bool]:
    """For each person, whether the 住民票コード is somebody else's in the register, or once was."""
    codes = _blinds(party, [resident for _, resident in people])
    individuals = _blinds(party, [individual for individual, _ in people])
    async with party.db.connection() as conn:
        holders = await store.find_holders(conn, codes)
    return [holders.get(code, own) != own for code, own in zip(codes, individuals, strict=True)]


async def follow(party: Residents, people: Sequence[tuple[IndividualNumber, ResidentCode]]) -> None:
    """Takes people into the register, or takes note of their 住民票コード as it is now."""
    asked = _blinds(party, [individual for individual, _ in people])
    async with party.db.connection() as conn:
        found = await store.find_residents(conn, asked)
    new = [one for one, blind in zip(people, asked, strict=True) if blind not in found]
    if new:
        await register(party, new)
    key = party.ring.key(HOLDER, "resident")
    for (individual, resident), blind in zip(people, asked, strict=True):
        if blind in found and _open(key, blind, found[blind]) != resident:
            await change_resident_code(party, individual, resident)


def _open(key: bytes, individual_blind: bytes, sealed: bytes) -> ResidentCode:
    where = place("resident", individual_blind.hex())
    return ResidentCode(unseal(key, ResidentCode.kind, where, sealed).decode())
