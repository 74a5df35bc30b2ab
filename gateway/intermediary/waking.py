"""What somebody waits for here may end in another process: whoever waits longer than a moment is woken from the
database, by one look for all."""

from __future__ import annotations

import asyncio

import structlog

from gateway.intermediary import receiving
from gateway.intermediary.party import Finished, Intermediary
from gateway.intermediary.store import inquiries
from gateway.problems import Problem
from sympho.codes import AgencyCode

WAKE_SECONDS = 0.5

log = structlog.get_logger()


async def wake(server: Intermediary) -> None:
    """Wakes those whose inquiry has ended."""
    places = [place for place in server.waiters if place not in server.carrying]
    if not places:
        return
    async with server.db.connection() as conn:
        rows = await inquiries.ended_inquiries(conn, places)
    for row in rows:
        server.finished(row.agency, row.txn, _how(server, row))


def _how(server: Intermediary, row: inquiries.InquiryRow) -> Finished:
    if row.kind is None or row.ended_at is None:
        raise RuntimeError("an inquiry that has ended says how")
    content = None
    if row.content is not None and row.permit is not None:
        content = receiving.open_answer(server, AgencyCode(row.agency), row.permit, row.content)
    return Finished(row.kind, row.reason or "", row.ended_at, content, tuple(row.reasons))


async def keep_waking(server: Intermediary) -> None:
    """Runs until it is cancelled."""
    while True:
        await asyncio.sleep(WAKE_SECONDS)
        try:
            await wake(server)
        except Problem as problem:
            log.warning("not-woken", problem=problem.slug)
