"""What a crash or a silent party left behind is carried on: notices, withdrawals and answers nobody acknowledged."""

from __future__ import annotations

import asyncio
import time
from uuid import UUID

import structlog

from gateway.exchange.messages import Answer, decode
from gateway.exchange.numbers import first_number
from gateway.network import relaying, store
from gateway.network.party import Network
from gateway.problems import Problem
from sympho.codes import AgencyCode

SWEEP_SECONDS = 1.0
BATCH = 200
NOWHERE = UUID(int=0)
EVERYTHING = UUID(int=2**128 - 1)

log = structlog.get_logger()


async def sweep(network: Network, older: float = 0.0) -> int:
    """One round; how many exchanges were looked at. Whatever fails is tried again in the next round.

    What is under way in this process is left to the call that carries it, and what is less than ``older`` seconds old
    to the process that began it.
    """
    seen, after, before = 0, NOWHERE, first_number(time.time() - older) if older else EVERYTHING
    while True:
        async with network.db.connection() as conn:
            due = await store.due_exchanges(conn, after, before, BATCH)
        await asyncio.gather(*(_carry_on(network, row) for row in due))
        seen += len(due)
        if len(due) < BATCH:
            return seen
        after = due[-1].txn


async def _carry_on(network: Network, row: store.ExchangeRow) -> None:
    if str(row.txn) in network.in_flight:
        return
    try:
        if row.state == "ended":
            ended = decode(Answer, row.reply or b"")
            await relaying.deliver(network, AgencyCode(row.inquirer), row.txn, ended)
        elif row.withdrawal_asked:
            reply = await relaying.carry_withdrawal(network, row)
            if isinstance(reply, Answer):
                await relaying.deliver(network, AgencyCode(row.inquirer), row.txn, reply)
        else:
            await relaying.renotify(network, row)
    except Problem as problem:
        log.warning("not-carried-on", txn=str(row.txn), problem=problem.slug)
    except Exception:  # one row that cannot be carried must not stop the others
        log.exception("carrying-failed", txn=str(row.txn))


async def keep_sweeping(network: Network, older: float = 0.0) -> None:
    """Runs until it is cancelled; a database that is away is waited for."""
    while True:
        try:
            await sweep(network, older)
        except (OSError, Problem) as trouble:
            log.warning("sweep-failed", trouble=type(trouble).__name__)
        await asyncio.sleep(SWEEP_SECONDS)
