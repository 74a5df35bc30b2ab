"""What a crash or a silent network left behind is carried on: inquiries, withdrawals, lapses, answers, waiting
notices."""

from __future__ import annotations

import asyncio
import time
from uuid import UUID

import structlog

from gateway.exchange.messages import Answer, decode
from gateway.exchange.numbers import first_number
from gateway.intermediary import inquire, review, waiting, withdrawal
from gateway.intermediary.party import Intermediary
from gateway.intermediary.store import inquiries, provisions
from gateway.intermediary.store.provisions import ProvisionRow
from gateway.problems import Problem
from sympho.codes import AgencyCode

SWEEP_SECONDS = 1.0
BATCH = 200
NOWHERE = UUID(int=0)
EVERYTHING = UUID(int=2**128 - 1)

log = structlog.get_logger()


async def sweep(server: Intermediary, older: float = 0.0) -> int:
    """One round over both sides; how many things were looked at. What is less than ``older`` seconds old is left to the
    process that began it."""
    return await sweep_provisions(server) + await sweep_inquiries(server, older)


async def sweep_inquiries(server: Intermediary, older: float = 0.0) -> int:
    """Inquiries that are open: those that have not gone out go out, withdrawals are repeated, ends are fetched."""
    seen, after, before = 0, NOWHERE, first_number(time.time() - older) if older else EVERYTHING
    while True:
        async with server.db.connection() as conn:
            rows = await inquiries.due_inquiries(conn, after, before, BATCH)
        await asyncio.gather(*(_carry_on(server, row) for row in rows))
        seen += len(rows)
        if len(rows) < BATCH:
            return seen
        after = rows[-1].txn


async def _carry_on(server: Intermediary, row: inquiries.InquiryRow) -> None:
    if (row.agency, row.txn) in server.carrying or AgencyCode(row.agency) not in server.agencies:
        return
    try:
        if row.withdrawal_asked_at is not None:
            await withdrawal.carry_withdrawal(server, row)
        elif row.state == "asking":
            await inquire.carry(server, inquire.carried_of(server, row))
    except Problem as problem:
        log.warning("inquiry-not-carried", txn=str(row.txn), problem=problem.slug)
    except Exception:  # one row that cannot be carried must not stop the others
        log.exception("carrying-failed", txn=str(row.txn))


async def sweep_provisions(server: Intermediary) -> int:
    """Answers nobody acknowledged are brought again, what has passed its validity lapses, what waits for a list is
    weighed."""
    seen, after = 0, NOWHERE
    while True:
        async with server.db.connection() as conn:
            rows = await provisions.due_provisions(conn, server.clock.now(), after, BATCH)
        await asyncio.gather(*(_settle(server, row) for row in rows))
        seen += len(rows)
        if len(rows) < BATCH:
            return seen
        after = rows[-1].txn


async def _settle(server: Intermediary, row: ProvisionRow) -> None:
    try:
        if row.answer is not None:
            await review.push(server, AgencyCode(row.agency), row.txn, decode(Answer, row.answer))
        elif server.clock.now() >= row.valid_until:
            await review.lapse(server, row)
        else:
            await waiting.weigh_again(server, row)
    except Problem as problem:
        log.warning("provision-not-settled", txn=str(row.txn), problem=problem.slug)
    except Exception:  # one row that cannot be settled must not stop the others
        log.exception("settling-failed", txn=str(row.txn))


async def keep_sweeping(server: Intermediary, older: float = 0.0) -> None:
    """Runs until it is cancelled; a database that is away is waited for."""
    while True:
        try:
            await sweep(server, older)
        except (OSError, Problem) as trouble:
            log.warning("sweep-failed", trouble=getattr(trouble, "slug", type(trouble).__name__))
        await asyncio.sleep(SWEEP_SECONDS)
