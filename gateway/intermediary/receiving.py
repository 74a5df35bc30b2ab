"""What comes back to the inquirer (照会結果の受領): checked, opened, recorded, and only then shown.

1. The permit that the answer belongs to is ours; the payload fits it; the provider's and the network's signatures hold.
2. The sealed bytes are those that the payload names; they open with our key under this permit.
3. The content has exactly the items that were asked.
4. Our record over the same bytes and the end of the inquiry are one commit. Then whoever waits is woken.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import msgspec
import structlog

from gateway.exchange.messages import Answer, Content, Outcome, Permit, RefusalReply, decode
from gateway.exchange.sealing import Unopenable, unseal
from gateway.intermediary.endings import record_row
from gateway.intermediary.party import Finished, Intermediary, Receipt
from gateway.intermediary.store import held, inquiries
from gateway.problems import Problem
from gateway.records import record
from gateway.records.checks import answer_faults, signature_fault
from gateway.records.subjects import Kept, blinded
from gateway.stages import mark
from sympho.codes import AgencyCode, UnifiedNumber

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Carried:
    """An inquiry under way: what must be at hand to end it."""

    agency: AgencyCode
    txn: UUID
    person: UnifiedNumber
    wire: bytes
    """The permit request's bytes."""
    annex: bytes
    subject_sealed: bytes

    def kept(self, server: Intermediary) -> Kept:
        return Kept(self.subject_sealed, blinded(server.ring, self.agency, self.person), "")


async def refused(server: Intermediary, carried: Carried, reply: RefusalReply) -> None:
    """The network has refused: its signature and the identity of what it refused are checked, then it is recorded."""
    fault = signature_fault(reply.network, reply.payload, server.held.directory.network, server.held.network_keys)
    if fault:
        raise await invalid(server, carried.agency, "refusal", fault, carried.txn)
    payload = record.parse(reply.payload)
    fits = (payload.txn, payload.req_d, payload.inq.agency, payload.annex_d.inq, payload.kind) == (
        str(carried.txn),
        record.digest(carried.wire),
        carried.agency,
        record.digest(carried.annex),
        Outcome.REFUSED,
    )
    if not fits:
        raise await invalid(server, carried.agency, "refusal", "refusal-of-something-else", carried.txn)
    await _end(server, carried, reply.payload, payload, None, None, None)


async def received(server: Intermediary, carried: Carried, claims: Permit, token: str, answer: Answer) -> None:
    """The provider has ended the exchange and the network has recorded it."""
    mark("check")
    faults = answer_faults(claims, answer, server.held.keys)
    network = server.held.directory.network
    fault = faults[0] if faults else signature_fault(answer.network, answer.payload, network, server.held.network_keys)
    if fault:
        raise await invalid(server, carried.agency, "answer", fault, carried.txn)
    payload = record.parse(answer.payload)
    content = None
    if payload.kind is Outcome.PROVIDED:
        content = await _open(server, carried, claims, token, answer.sealed)
    sealed = answer.sealed if content is not None else None
    await _end(server, carried, answer.payload, payload, sealed, content, token)


async def _open(server: Intermediary, carried: Carried, claims: Permit, token: str, sealed: bytes) -> Content:
    mark("open")
    try:
        content = open_answer(server, carried.agency, token, sealed)
    except (Unopenable, msgspec.DecodeError, ValueError):
        raise await invalid(server, carried.agency, "answer", "answer-does-not-open", carried.txn) from None
    asked = set(claims.items)
    if content.information != claims.inf or (asked and set(content.items) != asked):
        raise await invalid(server, carried.agency, "answer", "answer-of-other-items", carried.txn)
    return content


def open_answer(server: Intermediary, agency: AgencyCode, token: str, sealed: bytes) -> Content:
    """The content of an answer that is sealed to this agency under this permit."""
    return decode(Content, unseal(sealed, server.ring.sealing(agency), token))


async def _end(
    server: Intermediary,
    carried: Carried,
    wire: bytes,
    payload: record.RecordPayload,
    sealed: bytes | None,
    content: Content | None,
    token: str | None,
) -> None:
    mark("record")
    jws = record.sign_record(wire, server.ring.signing(carried.agency))
    row = record_row(carried.agency, record.Role.INQUIRER, wire, jws, carried.annex, carried.kept(server))
    ended = inquiries.EndedInquiry(
        agency=carried.agency,
        txn=carried.txn,
        kind=payload.kind.value,
        reason=payload.rsn.value,
        ended_at=payload.ended,
        content=sealed,
        permit=token,
    )
    mark("commit")
    if await server.receive.submit(Receipt(ended, row)):
        mark("reply")
        server.finished(
            carried.agency, carried.txn, Finished(payload.kind.value, payload.rsn.value, payload.ended, content)
        )


async def invalid(server: Intermediary, agency: AgencyCode, message: str, fault: str, txn: UUID) -> Problem:
    """Something that came from the network and does not verify: alarmed; it ends nothing."""
    async with server.db.transaction() as conn:
        await held.insert_alarm(conn, server.clock.now(), agency, message, fault, txn)
    log.warning("alarm", agency=agency, message=message, fault=fault, txn=str(txn))
    return Problem("answer-invalid", fault)
