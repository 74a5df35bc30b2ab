"""The embedded PostgreSQL watched over (見守り): one that has gone down, killed or for want of room, is started again.

What was acknowledged is in its files. Until it is back, callers are told ``database-unavailable`` and lose nothing.
"""

from __future__ import annotations

import asyncio

from gateway.embedded import Embedded, EmbeddedTrouble
from gateway.log import log

__all__ = ["keep_alive"]

LOOK_SECONDS = 2.0
LONGEST_SECONDS = 8.0


async def keep_alive(server: Embedded) -> None:
    """Looks every other second, until it is cancelled; a start that fails is told and tried again, later each time."""
    pause = LOOK_SECONDS
    while True:
        await asyncio.sleep(pause)
        if await asyncio.to_thread(server.listens):
            pause = LOOK_SECONDS
            continue
        log.error("embedded-gone", note="starting the database server again")
        try:
            if await asyncio.shield(asyncio.to_thread(server.revive)):
                log.warning("embedded-back", note="the database server runs again")
            pause = LOOK_SECONDS
        except EmbeddedTrouble as trouble:
            pause = min(pause * 2, LONGEST_SECONDS)
            log.error("embedded-not-started", said=str(trouble), again_in=pause)
