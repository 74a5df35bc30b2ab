"""取りやめ: an inquiry taken back by its own office. Only its provider can end it, so the wish is carried there."""

from __future__ import annotations

from uuid import UUID

import structlog

from gateway.exchange.messages import Answer, Withdrawal
from gateway.intermediary import receiving
from gateway.intermediary.inquire import Asker, carried_of, carry, find, granted
from gateway.intermediary.party import Intermediary
from gateway.intermediary.store import inquiries
from gateway.problems import Problem

log = structlog.get_logger()


async def withdraw(server: Intermediary, asker: Asker, txn: UUID) -> None:
    """取りやめ (IF_SKI_50111): effective only if the provider has not ended the exchange. Remembered until it is
    answered."""
    row = await find(server, asker, txn)
    if row.state == "ended":
        raise Problem("wrong-state", "the exchange has ended")
    async with server.db.transaction() as conn:
        await inquiries.mark_withdrawal(conn, row.agency, txn, server.clock.now())
    await carry_withdrawal(server, row)


async def carry_withdrawal(server: Intermediary, row: inquiries.InquiryRow) -> None:
    """Brings a withdrawal to the network. An inquiry that has not gone out yet goes out first: only its provider ends
    it."""
    carried = carried_of(server, row)
    token = row.permit
    if token is None:
        await carry(server, carried)
        async with server.db.connection() as conn:
            now = await inquiries.find_inquiry(conn, row.agency, row.txn)
        if now is None or now.permit is None or now.state == "ended":
            return
        token = now.permit
    claims = await granted(server, carried, token)
    try:
        reply = await server.network(carried.agency).withdraw(Withdrawal(1, claims.txn, token))
    except Problem as problem:
        log.warning("withdrawal-not-carried", txn=claims.txn, problem=problem.slug)
        return
    if isinstance(reply, Answer):
        await receiving.received(server, carried, claims, token, reply)
