"""What was held when (照合リストと名簿の時点): the list and directory of today, or those of a desk's party at an instant.

A desk's staff see what their own party held: the intermediary server's copies, or what the network had published. A
directory names the list that was in force with it, so an instant has one directory and by it one list.
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
from gateway.exchange.directory import Directory, facts_of, verify_directory
from gateway.interfaces.house import Desk, House
from gateway.intermediary.store import held, lists
from gateway.network import store as published
from gateway.network.lists import store as of_network
from gateway.problems import Problem
from sympho.codes import AgencyCode

__all__ = ["HeldLists"]

MOST_KEPT: Final = 8
"""Former lists kept compiled; a reviewer goes back and forth between few."""


@dataclass(repr=False)
class HeldLists:
    """The lists and directories of a house, as its desks see them."""

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
        """The same as it was held then, and whether any was: before the first list, that one stands in, with the
        directory of now.

        ``not-found`` where what was held then is kept no more.
        """
        desk, now = self.house.desk_of(agency), self.now(agency)
        own, present = desk.role is Role.INTERMEDIARY, desk.directory()
        async with desk.db.connection() as conn:
            edition = await (held.directory_at(conn, at) if own else published.edition_at(conn, at))
            if edition is None:
                raise Problem("directory-stale")
            was_held = edition.since <= at
            if not was_held and await self._held_before(conn, at, own=own):
                raise Problem("not-found", "no directory of that time is kept")
            if edition.serial == present.serial:
                return now, was_held
            then = verify_directory(edition.signed, present.network_verifying)
            directory = then if was_held else present
            if then.list == now.list.serial:
                return _read(now.list, directory), was_held
            kept = await (lists.document(conn, then.list) if own else of_network.document(conn, then.list))
        if kept is None:
            raise Problem("not-found", "no list of that time is kept")
        return _read(await self._list(desk, kept, then.list), directory), was_held

    async def _held_before(self, conn: Connection, at: datetime, *, own: bool) -> bool:
        """Whether any list was held at a time of which no directory is kept: their history is never forgotten."""
        if own:
            return any(row.taken_at is not None and row.taken_at <= at for row in await lists.taken(conn))
        return any(row.published_at <= at for row in await of_network.published(conn))

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


def _read(match_list: MatchList, directory: Directory) -> Snapshot:
    return Snapshot(match_list, facts_of(directory, match_list.close_kinds), match_list.items)
