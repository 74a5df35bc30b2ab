"""期限の過ぎたものの削除: what has expired by world time goes, in small batches beside all else.

| What | Goes | Ground |
|---|---|---|
| 副本 | a year after its publication has ended | a copy that answers nobody; the original is the business system's |
| 取得番号 of an acquisition that nobody answered | after 30 days | 番号法21条の2: neither kept nor used any further |

Both periods are ours: neither stands in a law. All that is evidence stays: records, the exchanges that they are of,
the histories of codes, alarms and the operations log. What a clock set ahead has deleted does not come back with it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import structlog

from gateway.clock import TOKYO
from gateway.intermediary.party import Intermediary
from gateway.intermediary.store import duplicates, expiry
from gateway.intermediary.store.expiry import Due
from gateway.problems import Problem
from sympho.codes import AgencyCode

__all__ = ["Deleted", "Expired", "expire", "expired", "keep_expiring"]

AFTER_PUBLICATION = timedelta(days=365)
UNANSWERED = timedelta(days=30)
BATCH = 500
BETWEEN_BATCHES = 0.05
EVERY_SECONDS = 600.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Expired:
    """What of an agency has expired and is there still."""

    duplicates: Due
    acquisitions: Due


@dataclass(frozen=True, slots=True)
class Deleted:
    """How much went."""

    duplicates: int
    acquisitions: int


async def expired(server: Intermediary, agency: AgencyCode) -> Expired:
    """Counts, and changes nothing."""
    last_day, opened = _before(server)
    async with server.db.connection() as conn:
        return Expired(
            await expiry.due_duplicates(conn, server.serve(agency), last_day),
            await expiry.due_acquisitions(conn, agency, opened),
        )


async def expire(server: Intermediary, agency: AgencyCode | None = None) -> Deleted:
    """Deletes all that has expired, of one agency or of all. What somebody else works on is left for the next time."""
    last_day, opened = _before(server)
    gone = [0, 0]
    while many := await _duplicates(server, last_day, agency):
        gone[0] += many
        await asyncio.sleep(BETWEEN_BATCHES)
    while many := await _acquisitions(server, opened, agency):
        gone[1] += many
        await asyncio.sleep(BETWEEN_BATCHES)
    if any(gone):
        log.info("expired", duplicates=gone[0], acquisitions=gone[1])
    return Deleted(*gone)


async def _duplicates(server: Intermediary, last_day: date, agency: AgencyCode | None) -> int:
    async with server.db.transaction() as conn:
        places = await expiry.delete_duplicates(conn, last_day, BATCH, agency)
        if places:
            await duplicates.touch_guards(conn, sorted(places))
    return len(places)


async def _acquisitions(server: Intermediary, opened: datetime, agency: AgencyCode | None) -> int:
    async with server.db.transaction() as conn:
        return await expiry.delete_acquisitions(conn, opened, BATCH, agency)


def _before(server: Intermediary) -> tuple[date, datetime]:
    """A duplicate whose last day was before the one, an acquisition opened before the other, have expired."""
    now = server.clock.now()
    return now.astimezone(TOKYO).date() - AFTER_PUBLICATION, now - UNANSWERED


async def keep_expiring(server: Intermediary) -> None:
    """Runs until it is cancelled."""
    while True:
        try:
            await expire(server)
        except (OSError, Problem) as trouble:
            log.warning("not-expired", trouble=getattr(trouble, "slug", type(trouble).__name__))
        await asyncio.sleep(EVERY_SECONDS)
