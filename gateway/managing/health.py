"""Health watched (稼動監視): every check of readiness and a few more, looked at again and again; a change is told.

    <role>-database        the database answers
    <role>-revocations     the feed of revocations is fresh; without it every token is refused
    <role>-publications    directory and match list are held
    match-list             the list held here is good for a while yet
    certificates           a party apart can show who it is for two weeks yet; they are renewed with a month left
    disk                   the data folder's disk has room
    <role>-queue           what the machine has to bring somewhere does not wait long

A change counts when two looks in a row see it. At the beginning all is taken to be well, so whatever is not is told.
A process that has died tells nothing: ``/health/ready`` is to be watched from outside, too.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from gateway.config import Config
from gateway.interfaces.house import House
from gateway.interfaces.system import checks
from gateway.intermediary.store.standing import read_backlog
from gateway.joining import URGENT
from gateway.managing.webhook import Outbox, Target, read_target
from gateway.network.standing.store import read_stages
from gateway.problems import Problem
from gateway.records.stage import Stage

__all__ = ["Watch", "notified"]

BROUGHT = frozenset({"notice", "answer-delivery", "asking"})
"""Stages at which the machine brings something somewhere; at all others people are waited for."""
MEGABYTE = 1024 * 1024

log = structlog.get_logger()


@asynccontextmanager
async def notified(config: Config, house: House) -> AsyncIterator[None]:
    """Health is watched and told while inside, where the settings say to whom."""
    if config.health_notices is None:
        yield
        return
    target, secret = read_target(config.health_notices)
    outbox = Outbox(target, secret, house.clock.now)
    watch = Watch(config, house, target, outbox)
    tasks = [asyncio.create_task(watch.keep_looking()), asyncio.create_task(outbox.keep_sending())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass
class Watch:
    """What was seen last of each check, and since when; and what of it was told."""

    config: Config
    house: House
    target: Target
    outbox: Outbox
    seen: dict[str, tuple[bool, datetime]] = field(default_factory=dict)
    told: dict[str, bool] = field(default_factory=dict)

    async def keep_looking(self) -> None:
        while True:
            try:
                await self.look()
            except Exception:  # whoever watches the others must not fall silent
                log.exception("health-not-seen")
            await asyncio.sleep(self.target.every_seconds)

    async def look(self) -> None:
        now = self.house.clock.machine()
        for check, well in (await self._checks(now)).items():
            before, since = self.seen.get(check, (None, now))
            if before is not well:
                self.seen[check] = (well, now)
            elif self.told.get(check, True) is not well:
                self.told[check] = well
                self.outbox.add(check, since, well=well)

    async def _checks(self, now: datetime) -> dict[str, bool]:
        found = await checks(self.house)
        found["disk"] = shutil.disk_usage(self.config.data).free >= self.target.disk_free_mb * MEGABYTE
        server = self.house.intermediary
        if server is not None and server.publications is not None:
            later = now + timedelta(hours=self.target.list_hours)
            found["match-list"] = server.publications.link.candidate.fresh(later)
        if self.house.certified_until is not None:
            found["certificates"] = self.house.certified_until() > now + URGENT
        return found | await self._queues(found)

    async def _queues(self, found: dict[str, bool]) -> dict[str, bool]:
        """Only where the database answers: otherwise nothing is known of them."""
        network, server = self.house.network, self.house.intermediary
        queues: dict[str, bool] = {}
        try:
            if network is not None and found["network-database"]:
                async with network.db.connection() as conn:
                    queues["network-queue"] = self._short(await read_stages(conn))
            if server is not None and found["intermediary-database"]:
                async with server.db.connection() as conn:
                    queues["intermediary-queue"] = self._short(await read_backlog(conn))
        except Problem as away:
            log.warning("queues-not-seen", problem=away.slug)
        return queues

    def _short(self, stages: Iterable[Stage]) -> bool:
        waited = self.house.clock.now() - timedelta(seconds=self.target.queue_seconds)
        return all(one.oldest is None or one.oldest > waited for one in stages if one.stage in BROUGHT)
