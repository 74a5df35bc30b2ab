"""Which list was held when (照合リストの時点): the list of today, or the one that a desk's party held at an instant.

A desk's staff see what their own party held: the intermediary server's copies, or what the network had published. The
directory is the one held now, because former ones are not kept; its facts carry their own dates.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from authz.matchlist import MatchList, compile_list, parse
from authz.questions import Snapshot
from gateway.config import Role
from gateway.database import Connection
from gateway.exchange.directory import facts_of
from gateway.interfaces.house import Desk, House
from gateway.intermediary.store import lists as held
from gateway.network.lists import store as published
from gateway.problems import Problem
from sympho.codes import AgencyCode

__all__ = ["HeldLists"]

MOST_KEPT: Final = 8
"""Former lists kept compiled; a reviewer goes back and forth between few."""


@dataclass(repr=False)
class HeldLists:
    """The lists of a house, as its desks see them."""

    house: House
    _compiled: dict[str, MatchList] = field(default_factory=dict)

    def now(self, agency: AgencyCode) -> Snapshot:
        """What a decision at this agency's party reads now."""
        desk = self.house.desk_of(agency)
        if desk.role is Role.INTERMEDIARY and self.house.intermediary is not None:
            return self.house.intermediary.held.snapshot
        if self.house.network is not None and self.house.network.publication is not None:
            return self.house.network.publication.snapshot
        raise Problem("directory-stale")

    async def known_at(self, agency: AgencyCode, at: datetime) -> tuple[Snapshot, bool]:
        """The same with the list that was held then, and whether one was: before the first one, the first stands in.

        ``not-found`` where the list's rows are kept no more.
        """
        desk, now = self.house.desk_of(agency), self.now(agency)
        own = desk.role is Role.INTERMEDIARY
        async with desk.db.connection() as conn:
            serial = await (held.known_at(conn, at) if own else published.known_at(conn, at))
            since = await (self._taken(conn, serial) if own else self._published(conn, serial))
            was_held = since is not None and since <= at
            if serial is None or serial == now.list.serial:
                return now, was_held
            document = await (held.document(conn, serial) if own else published.document(conn, serial))
        if document is None:
            raise Problem("not-found", "no list of that time is kept")
        compiled = await self._list(desk, document, serial)
        directory = desk.directory()
        return Snapshot(compiled, facts_of(directory, compiled.close_kinds), compiled.items), was_held

    async def _taken(self, conn: Connection, serial: int | None) -> datetime | None:
        return next((row.taken_at for row in await held.taken(conn) if row.serial == serial), None)

    async def _published(self, conn: Connection, serial: int | None) -> datetime | None:
        return next((row.published_at for row in await published.published(conn) if row.serial == serial), None)

    async def _list(self, desk: Desk, document: bytes, serial: int) -> MatchList:
        """Compiled beside the loop: it takes a fifth of a second, and others are being served."""
        key = f"{desk.role}:{serial}"
        if key not in self._compiled:
            compiled = await asyncio.to_thread(_compile, document, serial)
            while len(self._compiled) >= MOST_KEPT:
                del self._compiled[next(iter(self._compiled))]
            self._compiled[key] = compiled
        return self._compiled[key]


def _compile(document: bytes, serial: int) -> MatchList:
    return compile_list(parse(document), serial)
