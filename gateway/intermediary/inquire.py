"""情報照会 (SKI): asking, from the registration to the answer in hand.

1. The person's own linkage code is found; the decision of the recipe ``ask`` is made on this server's copy of the list.
2. Forbidden by our own side: the inquirer ends the exchange; nothing goes out; the refusal is recorded.
3. Otherwise the inquiry is durable before the network is asked: a permit first, then the inquiry with the permit in
   hand. Both calls may be repeated, so a crash between any two steps is carried on by ``carry``.
4. What comes back is checked, opened and recorded in ``receiving``.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import msgspec
import structlog
from msgspec import Struct

from authz.decide import AskFacts, Decision, Effect, Question, decide_ask
from authz.operations import Operation
from gateway.exchange.jws import JwsRefused
from gateway.exchange.messages import (
    Answer,
    AnswerOrPending,
    Inquiry,
    Outcome,
    Permit,
    PermitRequest,
    RefusalReply,
    decode,
    encode,
)
from gateway.exchange.numbers import new_number
from gateway.exchange.permit import BadPermit, check_grant, verify_permit
from gateway.intermediary import atrest, receiving
from gateway.intermediary.endings import refuse_as_inquirer
from gateway.intermediary.party import Finished, Intermediary, Registration
from gateway.intermediary.receiving import Carried
from gateway.intermediary.store import inquiries
from gateway.intermediary.turns import Turn
from gateway.problems import Problem
from gateway.records import record
from gateway.records.refusal import Refused
from gateway.records.subjects import Kept, keep
from gateway.stages import mark
from sympho import registry
from sympho.codes import (
    AddresseeNumber,
    AgencyCode,
    InformationCode,
    ItemCode,
    LinkageCode,
    ProcedureCode,
    SystemCode,
    TaskCode,
    UnifiedNumber,
)
from sympho.linkage import PersonStatus

REQUEST = "permit request"

log = structlog.get_logger()


class Asking(Struct, frozen=True):
    """What an inquiry asks, and about whom (照会内容), once numbers were converted."""

    person: UnifiedNumber
    provider: AgencyCode
    task: TaskCode
    information: InformationCode
    items: tuple[ItemCode, ...]
    procedure: ProcedureCode | None
    consent: bool
    non_disclosure: bool


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: the agency, its office, the person or system (pseudonymous), and the tasks it may ask for (None:
    all)."""

    agency: AgencyCode
    office: str
    actor: str
    tasks: frozenset[TaskCode] | None


@dataclass(frozen=True, slots=True)
class Registered:
    """An inquiry as it was registered, and where its end will be heard of if somebody wants to wait for it."""

    txn: UUID
    asked_at: datetime
    row: inquiries.InquiryRow | None
    """The stored inquiry where the key had been used before."""
    finished: asyncio.Future[Finished] | None


async def linked(
    server: Intermediary, agency: AgencyCode, system: SystemCode, number: AddresseeNumber
) -> tuple[UnifiedNumber, LinkageCode | None] | None:
    """The person whom a business system calls by its own number, with the code for ``register``; None: nobody."""
    return await server.reads.person.submit((server.serve(agency), system, number))


async def register(
    server: Intermediary,
    asker: Asker,
    asking: Asking,
    key: str,
    *,
    wait: bool,
    code: LinkageCode | None = None,
    entry: Callable[[UUID], Operation] | None = None,
    turn: Turn | None = None,
) -> Registered:
    """Registers an inquiry under an idempotency key; the same key with the same content is the same inquiry.

    What may go out is carried in the background. With ``wait`` the result holds a future of the end, and also where our
    own side has refused: then it is done. Whoever stops waiting for it says so to the server. ``code`` is the person's
    where it was read already; ``entry`` makes the entry of the operations log that is written with the inquiry;
    ``turn`` is given back once the inquiry has been carried as far as it goes now.
    """
    agency = server.serve(asker.agency)
    mark("code")
    body_d = hashlib.sha256(encode(asking)).digest()
    if code is None:
        code = await server.reads.code.submit((agency, asking.person))
    if code is None:
        await _known_person(server, agency, asking.person)
    mark("decide")
    registration, carried = _registration(server, asker, asking, key, body_d, code)
    txn = registration.inquiry.txn
    if entry is not None:
        registration = replace(registration, entry=entry(txn))
    mark("commit")
    if not await server.register.submit(registration):
        async with server.db.connection() as conn:
            first = await inquiries.find_by_key(conn, agency, asker.actor, key)
        if first is None:
            raise Problem("conflict")
        return _known(server, first, body_d, wait=wait)
    finished = server.wait_for(agency, txn) if wait or carried is None else None
    if carried is not None:
        server.start(_carry_in_turn(server, carried, turn.hand_on()) if turn else carry(server, carried))
    elif registration.record is not None:
        ours, inquiry = registration.record, registration.inquiry
        reasons = tuple(inquiry.reasons.split())
        server.finished(agency, txn, Finished(ours.kind.value, inquiry.reason or "", ours.ended_at, None, reasons))
    return Registered(txn, registration.inquiry.asked_at, None, finished)


async def _known_person(server: Intermediary, agency: AgencyCode, person: UnifiedNumber) -> None:
    async with server.db.connection() as conn:
        [status] = await registry.statuses(conn, agency, [person])
    if status is PersonStatus.UNKNOWN:
        raise Problem("not-found", "no such addressee in this agency")


def _known(server: Intermediary, row: inquiries.InquiryRow, body_d: bytes, *, wait: bool) -> Registered:
    if row.body_d != body_d:
        raise Problem("idempotency-conflict")
    finished = server.wait_for(row.agency, row.txn) if wait and row.state != "ended" else None
    return Registered(row.txn, row.asked_at, row, finished)


def _registration(
    server: Intermediary, asker: Asker, asking: Asking, key: str, body_d: bytes, code: LinkageCode | None
) -> tuple[Registration, Carried | None]:
    now = server.clock.now()
    txn = new_number()
    decision = _decide(server, asker, asking, code)
    kept = keep(server.ring, asker.agency, str(txn), asking.person)
    annex = _annex(asker, asking, str(txn), decision, kept)
    carried, record_row, sealed = None, None, None
    if decision.effect is Effect.DENY or code is None:
        refused = Refused(
            txn=str(txn),
            inquirer=asker.agency,
            office=asker.office,
            provider=asking.provider,
            task=asking.task,
            procedure=asking.procedure,
            information=asking.information,
            items=asking.items,
            asked_at=now,
            req_d=record.NOTHING_D,
        )
        record_row = refuse_as_inquirer(server.ring, refused, decision, annex, kept)
    else:
        wire = encode(_request(asker, asking, str(txn), code, now, record.digest(annex)))
        sealed = atrest.seal_for_exchange(server.ring, asker.agency, REQUEST, str(txn), wire)
        carried = Carried(asker.agency, txn, asking.person, wire, annex, kept.sealed)
    inquiry = inquiries.NewInquiry(
        agency=asker.agency,
        txn=txn,
        idempotency_key=key,
        body_d=body_d,
        unified=asking.person.reveal(),
        office=asker.office,
        asked_by=asker.actor,
        provider=asking.provider,
        task=asking.task,
        procedure=asking.procedure,
        information=asking.information,
        items=" ".join(asking.items),
        consent=asking.consent,
        non_disclosure=asking.non_disclosure,
        request_sealed=sealed,
        annex=annex,
        subject_sealed=kept.sealed,
        asked_at=now,
        state="asking" if carried else "ended",
        kind=None if carried else Outcome.REFUSED.value,
        reason=None if carried else decision.coarse.value,
        reasons=" ".join(reason.value for reason in decision.reasons),
    )
    return Registration(inquiry, record_row), carried


def _decide(server: Intermediary, asker: Asker, asking: Asking, code: LinkageCode | None) -> Decision:
    question = Question(
        inquirer=asker.agency,
        provider=asking.provider,
        task=asking.task,
        procedure=asking.procedure,
        information=asking.information,
        items=asking.items,
        consent=asking.consent,
    )
    facts = AskFacts(allowed_tasks=asker.tasks, code_held=code is not None)
    return decide_ask(server.judging, question, facts, server.clock.today())


def _annex(asker: Asker, asking: Asking, txn: str, decision: Decision, kept: Kept) -> bytes:
    return record.inquirer_annex(
        txn=txn,
        salt=os.urandom(16),
        holder=asker.agency,
        mark=asking.non_disclosure,
        reasons=tuple(reason.value for reason in decision.reasons),
        persons=(("ask", asker.actor),),
        subject_c=kept.commitment,
    )


def _request(asker: Asker, asking: Asking, txn: str, code: LinkageCode, now: datetime, annex_d: str) -> PermitRequest:
    return PermitRequest(
        v=1,
        txn=txn,
        inquirer=asker.agency,
        office=asker.office,
        provider=asking.provider,
        task=asking.task,
        procedure=asking.procedure,
        information=asking.information,
        items=asking.items,
        code=code,
        asked_at=now,
        consent=asking.consent,
        annex_d=annex_d,
    )


# --- carrying -----------------------------------------------------------------------------------------------------


async def _carry_in_turn(server: Intermediary, carried: Carried, turn: Turn) -> None:
    with turn:
        await carry(server, carried)


async def carry(server: Intermediary, carried: Carried) -> None:
    """Brings a registered inquiry as far as it goes now. What cannot be reached is left for ``sweeping``."""
    place = (carried.agency, carried.txn)
    if place in server.carrying:
        return
    server.carrying.add(place)
    try:
        await _carry(server, carried)
    except Problem as problem:
        log.warning("inquiry-not-carried", txn=str(carried.txn), problem=problem.slug)
    finally:
        server.carrying.discard(place)


async def _carry(server: Intermediary, carried: Carried) -> None:
    mark("permit")
    door = server.network(carried.agency)
    try:
        reply = await door.permit(carried.wire)
    except Problem as problem:
        if problem.slug != "clock-skew":
            raise
        carried = await _asked_anew(server, carried)
        reply = await door.permit(carried.wire)
    if isinstance(reply, RefusalReply):
        await receiving.refused(server, carried, reply)
        return
    token = reply.permit
    mark("check")
    claims = await granted(server, carried, token)
    answer = await door.inquire(Inquiry(1, claims.txn, token))
    await _take(server, carried, claims, token, answer)


async def _asked_anew(server: Intermediary, carried: Carried) -> Carried:
    """The world's clock went back since the asking, and the network knows nothing of it yet: it is asked now."""
    request = msgspec.structs.replace(decode(PermitRequest, carried.wire), asked_at=server.clock.now())
    wire = encode(request)
    sealed = atrest.seal_for_exchange(server.ring, carried.agency, REQUEST, str(carried.txn), wire)
    async with server.db.transaction() as conn:
        await inquiries.ask_anew(conn, carried.agency, carried.txn, request.asked_at, sealed)
    return replace(carried, wire=wire)


async def _take(server: Intermediary, carried: Carried, claims: Permit, token: str, reply: AnswerOrPending) -> None:
    if isinstance(reply, Answer):
        await receiving.received(server, carried, claims, token, reply)
        return
    async with server.db.transaction() as conn:
        await inquiries.mark_notified(conn, [(carried.agency, carried.txn, token, claims.valid_until)])


async def granted(server: Intermediary, carried: Carried, token: str) -> Permit:
    """The permit in hand, once it is the network's and grants what was asked. One that has lapsed may still be
    answered."""
    try:
        claims = verify_permit(token, server.held.network_keys)
    except (JwsRefused, BadPermit) as bad:
        raise await receiving.invalid(server, carried.agency, "permit", bad.code, carried.txn) from None
    faults = check_grant(
        claims,
        decode(PermitRequest, carried.wire),
        request_d=record.digest(carried.wire),
        sealing_d=server.ring.sealing(carried.agency).public().thumbprint(),
        now=claims.valid_from,
    )
    if faults:
        raise await receiving.invalid(server, carried.agency, "permit", faults[0].value, carried.txn)
    return claims


def carried_of(server: Intermediary, row: inquiries.InquiryRow) -> Carried:
    """An open inquiry from its row, ready to be carried on."""
    agency = AgencyCode(row.agency)
    wire = atrest.open_for_exchange(server.ring, agency, REQUEST, str(row.txn), row.request_sealed or b"")
    return Carried(agency, row.txn, UnifiedNumber(row.unified), wire, row.annex, row.subject_sealed)


async def answered_later(server: Intermediary, agency: AgencyCode, answer: Answer) -> None:
    """The network brings an end that nobody waited for. Brought twice, it changes nothing the second time."""
    txn = UUID(answer.txn)
    async with server.db.connection() as conn:
        row = await inquiries.find_inquiry(conn, server.serve(agency), txn)
    if row is None:
        raise await receiving.invalid(server, agency, "answer", "answer-to-nothing", txn)
    if row.state == "ended":
        return
    carried = carried_of(server, row)
    token = row.permit
    if token is None:
        reply = await server.network(agency).permit(carried.wire)
        if isinstance(reply, RefusalReply):
            raise await receiving.invalid(server, agency, "answer", "answer-to-a-refusal", txn)
        token = reply.permit
    claims = await granted(server, carried, token)
    await receiving.received(server, carried, claims, token, answer)


async def find(server: Intermediary, asker: Asker, txn: UUID) -> inquiries.InquiryRow:
    """An inquiry of the asker's own office, for a task of the asker's or asked by it; nothing else exists for it."""
    async with server.db.connection() as conn:
        row = await inquiries.find_inquiry(conn, server.serve(asker.agency), txn)
    if row is None or row.office != asker.office or not _concerns(row, asker):
        raise Problem("not-found")
    return row


def _concerns(row: inquiries.InquiryRow, asker: Asker) -> bool:
    """Whether it was asked for a task of the asker's; what it asked itself, it sees also where that was refused."""
    return asker.tasks is None or row.task in asker.tasks or row.asked_by == asker.actor


async def listed(
    server: Intermediary, asker: Asker, state: str | None, after: tuple[datetime, UUID], limit: int
) -> list[inquiries.InquiryRow]:
    """The inquiries that ``find`` finds for the asker, from behind a place in the order of asking."""
    agency = server.serve(asker.agency)
    tasks = None if asker.tasks is None else sorted(asker.tasks)
    whose = inquiries.Whose(asker.office, asker.actor, tasks)
    async with server.db.connection() as conn:
        return await inquiries.list_inquiries(conn, agency, whose, state, server.clock.now(), after, limit)
