"""情報提供許可証: may this question go out? (番号法21条2項, 令20条, 命令40条)

1. The caller is the inquirer that the request names; the exchange number is its own and new, or the request is the
   same.
2. Both agencies' codes for the person are found (the provider's is derived here and goes nowhere but into its notice).
3. The decision of the recipe ``permit``: agencies in force, assessments published (28条), the list, the codes held.
4. Denied: the network ends the exchange; its record is durable before the inquirer hears of it.
5. Permitted: a permit is signed, bound to both parties, the person, what is asked and the list that was read.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from datetime import MINYEAR, timedelta
from uuid import UUID

import msgspec

from authz.decide import Decision, Effect, PermitFacts, Question, decide_permit
from gateway.exchange.messages import (
    Inquirer,
    Outcome,
    Permit,
    PermitOrRefusal,
    PermitReply,
    PermitRequest,
    Provider,
    RefusalReply,
    decode,
    encode,
)
from gateway.exchange.numbers import exchange_number, new_number
from gateway.exchange.permit import code_digest, sign_permit
from gateway.network import store
from gateway.network.alarms import wrong_call
from gateway.network.party import Issued, LookUp, Network, Refusal
from gateway.problems import Problem
from gateway.records import record
from gateway.records.refusal import Refused, refusal_payload
from gateway.records.store import RecordRow
from gateway.records.subjects import Kept, keep
from gateway.stages import mark
from sympho import issuer
from sympho.codes import AgencyCode
from sympho.issuer import Translation

VERSION = 1
SKEW = timedelta(seconds=60)
"""How far an inquirer's clock may go ahead, in world time. One that asked long ago may have been cut off until now."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came, with its digest and what the network found of the person."""

    request: PermitRequest
    txn: UUID
    wire_d: bytes
    found: Translation


async def permit(network: Network, caller: AgencyCode, wire: bytes) -> PermitOrRefusal:
    """Answers a permit request; the same bytes get the same reply, other bytes under the same number a conflict."""
    request = _read(wire)
    txn = exchange_number(request.txn)
    if request.inquirer != caller:
        raise await wrong_call(network, caller, "permit-request", "wrong-agency", txn)
    mark("code")
    wire_d = hashlib.sha256(wire).digest()
    issued = network.issued.get(request.txn)
    if issued is not None and network.clock.now() < issued.claims.valid_until:
        return _same(issued.request_d, wire_d, PermitReply(issued.token))
    known, found = await network.look_up.submit(LookUp(txn, request.inquirer, request.code, request.provider))
    if known:
        return await _again(network, txn, wire_d)
    if request.asked_at > network.clock.now() + SKEW:
        # Only now: what was permitted before the world's clock went back is answered as it was.
        raise Problem("clock-skew")
    mark("decide")
    asked = Asked(request, txn, wire_d, found)
    decision = _decide(network, asked)
    if decision.effect is Effect.DENY:
        return await _refuse(network, asked, decision)
    mark("permit")
    return _issue(network, asked, decision)


def _read(wire: bytes) -> PermitRequest:
    try:
        request = decode(PermitRequest, wire)
    except (msgspec.DecodeError, ValueError):
        raise Problem("malformed-body", "the permit request does not have the form of its version") from None
    if request.v != VERSION:
        raise Problem("malformed-body", "no version of the permit request that is known here")
    if len(set(request.items)) < len(request.items) or request.asked_at.year == MINYEAR:
        raise Problem("malformed-body", "no record can hold what the permit request says")
    return request


def _same(known_d: bytes, wire_d: bytes, reply: PermitOrRefusal) -> PermitOrRefusal:
    if known_d != wire_d:
        raise Problem("exchange-conflict")
    return reply


async def _again(network: Network, txn: UUID, wire_d: bytes) -> PermitOrRefusal:
    async with network.db.connection() as conn:
        row = await store.find_exchange(conn, txn)
    if row is None:
        raise RuntimeError("an exchange that was known is gone")
    if row.permit is not None:
        return _same(row.request_d, wire_d, PermitReply(row.permit))
    return _same(row.request_d, wire_d, decode(RefusalReply, row.reply or b""))


def _decide(network: Network, asked: Asked) -> Decision:
    request = asked.request
    question = Question(
        inquirer=request.inquirer,
        provider=request.provider,
        task=request.task,
        procedure=request.procedure,
        information=request.information,
        items=request.items,
        consent=request.consent,
    )
    facts = PermitFacts(
        inquirer_code_known=asked.found.known,
        provider_code_known=asked.found.provider_code is not None and asked.found.delivered,
    )
    return decide_permit(network.judging, question, facts, network.clock.today())


def _kept(network: Network, asked: Asked) -> Kept:
    person = asked.found.person
    substitute = None if person is None else issuer.substitute(network.issuer_keys, person)
    return keep(network.ring, network.agency, asked.request.txn, substitute)


def _annex(network: Network, asked: Asked, decision: Decision, kept: Kept) -> bytes:
    return record.network_annex(
        txn=asked.request.txn,
        salt=os.urandom(16),
        holder=network.agency,
        reasons=tuple(reason.value for reason in decision.reasons),
        subject_c=kept.commitment,
    )


def _issue(network: Network, asked: Asked, decision: Decision) -> PermitReply:
    request, code = asked.request, asked.found.provider_code
    if code is None:
        raise RuntimeError("a permitted question has a code at the provider")
    directory = network.published.directory
    inquirer, provider = directory.entry(request.inquirer), directory.entry(request.provider)
    now = network.clock.now()
    kept = _kept(network, asked)
    annex = _annex(network, asked, decision, kept)
    salt = os.urandom(16).hex()
    claims = Permit(
        v=1,
        permit=str(new_number()),
        txn=request.txn,
        inq=Inquirer(request.inquirer, decision.inquirer_kind, request.office),
        prv=Provider(request.provider, decision.provider_kind),
        task=request.task,
        prc=request.procedure,
        inf=request.information,
        items=request.items,
        item=decision.ground,
        list=decision.serial,
        list_d=decision.digest,
        as_of=decision.as_of,
        asked_at=request.asked_at,
        consent=request.consent,
        valid_from=now,
        valid_until=network.validity(now),
        routes=(provider.endpoint,),
        sealing_d=inquirer.sealing_key.thumbprint(),
        req_d=asked.wire_d.hex(),
        annex_inq=request.annex_d,
        annex_net=record.digest(annex),
        code_salt=salt,
        code_d=code_digest(salt, code),
    )
    token = sign_permit(claims, network.signing)
    network.remember(Issued(asked.wire_d, token, claims, code, kept.sealed, kept.blind, annex))
    return PermitReply(token)


async def _refuse(network: Network, asked: Asked, decision: Decision) -> RefusalReply:
    now = max(network.clock.now(), asked.request.asked_at)
    kept = _kept(network, asked)
    annex = _annex(network, asked, decision, kept)
    request = asked.request
    refused = Refused(
        txn=request.txn,
        inquirer=request.inquirer,
        office=request.office,
        provider=request.provider,
        task=request.task,
        procedure=request.procedure,
        information=request.information,
        items=request.items,
        asked_at=request.asked_at,
        req_d=asked.wire_d.hex(),
    )
    payload = refusal_payload(refused, decision, now, request.annex_d, record.digest(annex))
    jws = record.sign_record(payload, network.signing)
    reply = RefusalReply(payload, jws)
    exchange = store.NewExchange(
        txn=asked.txn,
        inquirer=request.inquirer,
        provider=request.provider,
        request_d=asked.wire_d,
        permit=None,
        valid_until=None,
        notice_code=None,
        subject_sealed=kept.sealed,
        subject_blind=kept.blind,
        annex=annex,
        state="ended",
        accepted_at=now,
        kind=Outcome.REFUSED.value,
        reply=encode(reply),
    )
    row = RecordRow.of(
        holder=network.agency,
        role=record.Role.NETWORK,
        payload=record.parse(payload),
        jws=jws,
        annex=annex,
        subject_sealed=kept.sealed,
        subject_blind=kept.blind,
    )
    if await network.refuse.submit(Refusal(exchange, row)):
        return reply
    async with network.db.connection() as conn:
        first = await store.find_exchange(conn, asked.txn)
    if first is None or first.permit is not None or first.request_d != asked.wire_d:
        raise Problem("exchange-conflict")
    return decode(RefusalReply, first.reply or b"")
