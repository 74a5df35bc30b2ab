"""Relaying (番号法21条2項, 令26条): a presented permit becomes a notice, an answer becomes the network's record.

1. The permit is the network's own, unexpired, and presented by its inquirer.
2. The exchange is accepted: durable before anything goes on. From here on only the provider can end it.
3. The provider is notified. It answers at once, or acknowledges; a provider that cannot be reached is tried again.
4. An answer is checked against the permit, signed, recorded; only then does it go on to the inquirer.

Presenting the same permit again gives the same reply, whether the first is still under way or long ended.
"""

from __future__ import annotations

import asyncio
import os
from uuid import UUID

import structlog

from gateway.exchange.jws import JwsRefused
from gateway.exchange.messages import (
    Answer,
    AnswerOrPending,
    Inquiry,
    Notice,
    Pending,
    Permit,
    Withdrawal,
    decode,
    encode,
)
from gateway.exchange.numbers import exchange_number
from gateway.exchange.permit import BadPermit, verify_permit
from gateway.network import store
from gateway.network.alarms import wrong_call
from gateway.network.party import End, Issued, Network
from gateway.problems import Problem
from gateway.records import record
from gateway.records.checks import answer_faults
from gateway.records.store import RecordRow
from gateway.stages import mark
from sympho.codes import AgencyCode, LinkageCode
from sympho.linkage import NONCE_BYTES, place, seal, unseal

log = structlog.get_logger()


async def inquire(network: Network, caller: AgencyCode, inquiry: Inquiry) -> AnswerOrPending:
    """Takes a presented permit and carries the exchange as far as it goes now."""
    txn = exchange_number(inquiry.txn)
    under_way = network.in_flight.get(inquiry.txn)
    issued = network.issued.get(inquiry.txn)
    if under_way is None and issued is not None and issued.token == inquiry.permit:
        claims = issued.claims
    else:
        claims = await _own_permit(network, caller, inquiry.permit, txn)
    if claims.inq.agency != caller or claims.txn != inquiry.txn:
        raise await wrong_call(network, caller, "inquiry", "wrong-agency", txn)
    if under_way is not None and under_way[0] != inquiry.permit:
        raise Problem("exchange-conflict")
    if under_way is None:
        carrying = asyncio.create_task(_accept_and_relay(network, claims, inquiry.permit, issued, txn))
        under_way = network.in_flight[inquiry.txn] = (inquiry.permit, carrying)
        carrying.add_done_callback(lambda _: network.in_flight.pop(inquiry.txn, None))
    return await asyncio.shield(under_way[1])


async def _own_permit(network: Network, caller: AgencyCode, token: str, txn: UUID) -> Permit:
    try:
        return verify_permit(token, network.published.directory.network_verifying)
    except (JwsRefused, BadPermit) as refused:
        raise await wrong_call(network, caller, "inquiry", refused.code, txn) from None


async def _accept_and_relay(
    network: Network, claims: Permit, token: str, issued: Issued | None, txn: UUID
) -> AnswerOrPending:
    now = network.clock.now()
    if issued is None or issued.token != token:
        return await _presented_again(network, claims, token, txn)
    if now >= claims.valid_until:
        raise await wrong_call(network, claims.inq.agency, "inquiry", "permit-no-longer-valid", txn)
    accepted = store.NewExchange(
        txn=txn,
        inquirer=claims.inq.agency,
        provider=claims.prv.agency,
        request_d=issued.request_d,
        permit=token,
        valid_until=claims.valid_until,
        notice_code=_seal_code(network, claims.txn, issued.code),
        subject_sealed=issued.subject_sealed,
        subject_blind=issued.subject_blind,
        annex=issued.annex,
        state="accepted",
        accepted_at=max(now, claims.valid_from),
    )
    mark("commit")
    if not await network.accept.submit(accepted):
        return await _presented_again(network, claims, token, txn)
    network.issued.pop(claims.txn, None)
    return await _notify(network, claims, token, issued.code, accepted)


async def _presented_again(network: Network, claims: Permit, token: str, txn: UUID) -> AnswerOrPending:
    async with network.db.connection() as conn:
        row = await store.find_exchange(conn, txn)
    if row is None:
        # Never accepted, and no longer remembered: the inquirer asks for the permit again, with the same bytes.
        raise Problem("permit-unknown")
    if row.permit != token:
        raise Problem("exchange-conflict")
    if row.state == "ended":
        return decode(Answer, row.reply or b"")
    if row.state == "accepted" and row.notice_code is not None:
        return await _notify(network, claims, token, _open_code(network, claims.txn, row.notice_code), row)
    return Pending(claims.txn, claims.valid_until)


async def _notify(
    network: Network,
    claims: Permit,
    token: str,
    code: LinkageCode,
    exchange: store.NewExchange | store.ExchangeRow,
    *,
    deliver_due: bool = False,
) -> AnswerOrPending:
    mark("notice")
    notice = Notice(1, claims.txn, token, code, exchange.accepted_at)
    try:
        reply = await network.route(claims.prv.agency).notice(claims.prv.agency, notice)
    except Problem as problem:
        # Accepted is accepted: the notice is repeated until the provider takes it, or lapses it.
        log.warning("notice-not-taken", txn=claims.txn, provider=claims.prv.agency, problem=problem.slug)
        return Pending(claims.txn, claims.valid_until)
    if isinstance(reply, Answer):
        return await conclude(network, claims, exchange, reply, deliver_due=deliver_due)
    async with network.db.transaction() as conn:
        await store.mark_notified(conn, [exchange.txn])
    return reply


async def conclude(
    network: Network,
    claims: Permit,
    exchange: store.NewExchange | store.ExchangeRow,
    answer: Answer,
    *,
    deliver_due: bool,
) -> Answer:
    """The provider has ended the exchange: check, sign, record. The first end that counts is what everybody gets."""
    mark("check")
    faults = answer_faults(claims, answer, network.published.keys)
    if faults:
        raise await wrong_call(network, claims.prv.agency, "answer", faults[0], exchange.txn, "answer-invalid")
    payload = record.parse(answer.payload)
    mark("record")
    jws = record.sign_record(answer.payload, network.signing)
    whole = Answer(1, answer.txn, answer.payload, answer.provider, answer.sealed, jws)
    ended = store.EndedExchange(
        txn=exchange.txn,
        kind=payload.kind.value,
        ended_at=payload.ended,
        reply=encode(whole),
        deliver_due=deliver_due,
    )
    row = RecordRow.of(
        holder=network.agency,
        role=record.Role.NETWORK,
        payload=payload,
        jws=jws,
        annex=exchange.annex,
        subject_sealed=exchange.subject_sealed,
        subject_blind=exchange.subject_blind,
    )
    mark("commit")
    if await network.end.submit(End(ended, row)):
        return whole
    async with network.db.connection() as conn:
        first = await store.find_exchange(conn, exchange.txn)
    if first is None or first.reply is None:
        raise RuntimeError("an exchange that had ended is gone")
    counted = decode(Answer, first.reply)
    if counted.payload != answer.payload:
        raise await wrong_call(
            network, claims.prv.agency, "answer", "answer-differs", exchange.txn, "exchange-conflict"
        )
    return counted


async def answer(network: Network, caller: AgencyCode, message: Answer) -> None:
    """A provider's later end: after review, lapse or withdrawal. Acknowledged when it is durable here."""
    txn = exchange_number(message.txn)
    async with network.db.connection() as conn:
        row = await store.find_exchange(conn, txn)
    if row is None or row.provider != caller or row.permit is None:
        raise await wrong_call(network, caller, "answer", "answer-to-nothing", txn, "answer-invalid")
    claims = verify_permit(row.permit, network.published.directory.network_verifying)
    ended = await conclude(network, claims, row, message, deliver_due=True)
    if row.state != "ended":
        await deliver(network, claims.inq.agency, txn, ended)


async def deliver(network: Network, inquirer: AgencyCode, txn: UUID, ended: Answer) -> bool:
    """Brings an end to the inquirer's server; False where it has to be brought again later."""
    try:
        await network.route(inquirer).answer(inquirer, ended)
    except Problem as problem:
        log.warning("answer-not-delivered", txn=str(txn), inquirer=inquirer, problem=problem.slug)
        return False
    async with network.db.transaction() as conn:
        await store.mark_delivered(conn, [txn])
    return True


async def withdraw(network: Network, caller: AgencyCode, message: Withdrawal) -> AnswerOrPending:
    """取りやめ: carried to the provider, who alone can end the exchange; remembered until it has answered."""
    txn = exchange_number(message.txn)
    async with network.db.transaction() as conn:
        row = await store.find_exchange(conn, txn)
        if row is not None and row.inquirer == caller and row.permit == message.permit:
            await store.mark_withdrawal(conn, txn)
    if row is None or row.inquirer != caller or row.permit != message.permit:
        raise Problem("not-found")
    if row.state == "ended":
        return decode(Answer, row.reply or b"")
    return await carry_withdrawal(network, row)


async def carry_withdrawal(network: Network, row: store.ExchangeRow) -> AnswerOrPending:
    """Brings the withdrawal to the provider; one that was never notified is notified first, so that it can end it."""
    if row.permit is None:
        raise RuntimeError("a refused exchange is not open")
    claims = verify_permit(row.permit, network.published.directory.network_verifying)
    if row.state == "accepted" and row.notice_code is not None:
        code = _open_code(network, claims.txn, row.notice_code)
        reply = await _notify(network, claims, row.permit, code, row)
        if isinstance(reply, Answer):
            return reply
    provider = claims.prv.agency
    try:
        reply = await network.route(provider).withdraw(provider, Withdrawal(1, claims.txn, row.permit))
    except Problem as problem:
        log.warning("withdrawal-not-taken", txn=claims.txn, provider=provider, problem=problem.slug)
        return Pending(claims.txn, claims.valid_until)
    if isinstance(reply, Answer):
        return await conclude(network, claims, row, reply, deliver_due=False)
    return reply


async def renotify(network: Network, row: store.ExchangeRow) -> AnswerOrPending:
    """Repeats a notice that no provider has acknowledged; an answer that comes now is brought to the inquirer."""
    if row.permit is None or row.notice_code is None:
        raise RuntimeError("an accepted exchange has its permit and code")
    claims = verify_permit(row.permit, network.published.directory.network_verifying)
    code = _open_code(network, claims.txn, row.notice_code)
    reply = await _notify(network, claims, row.permit, code, row, deliver_due=True)
    if isinstance(reply, Answer):
        await deliver(network, claims.inq.agency, row.txn, reply)
    return reply


def _seal_code(network: Network, txn: str, code: LinkageCode) -> bytes:
    key = network.ring.key(network.agency, "notice-code")
    return seal(key, os.urandom(NONCE_BYTES), place("notice", txn), code.reveal().encode())


def _open_code(network: Network, txn: str, sealed: bytes) -> LinkageCode:
    key = network.ring.key(network.agency, "notice-code")
    return LinkageCode(unseal(key, "notice code", place("notice", txn), sealed).decode())
