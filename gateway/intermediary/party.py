"""The intermediary server as a party (中間サーバー): what it holds in memory, and its committers.

One server serves many agencies. It holds the network's publications as it last fetched and verified them; a decision
reads one ``Held`` from beginning to end, so a list that is swapped meanwhile changes nothing of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import structlog

from authz.decide import Snapshot
from authz.listmanifest import Link
from authz.operations import Operation
from gateway.clock import Clock
from gateway.committer import Committer, Statements, firsts, reader
from gateway.database import Connection, Database
from gateway.exchange.directory import Directory
from gateway.exchange.doors import NetworkBoard, NetworkDoor, ResidentsDoor
from gateway.exchange.jws import VerifyingKey
from gateway.exchange.messages import Content
from gateway.intermediary.store import duplicates, inquiries, provisions
from gateway.intermediary.turns import Turns
from gateway.keys.ring import KeyRing
from gateway.problems import Problem
from gateway.records import store as record_store
from sympho import registry
from sympho.codes import AddresseeNumber, AgencyCode, InformationCode, LinkageCode, SystemCode, UnifiedNumber

log = structlog.get_logger()

GuardKey = tuple[str, str, str]
"""(agency, unified addressee number, information or '' for the person's own row)"""


@dataclass(frozen=True, slots=True)
class Held:
    """The network's publications as this server holds them; replaced as a whole."""

    directory: Directory
    snapshot: Snapshot
    keys: Mapping[str, VerifyingKey]
    """Every party's verifying keys by kid."""
    network_keys: Mapping[str, VerifyingKey]
    link: Link
    """The manifest of the list that is held, as the last link of the history."""


@dataclass(frozen=True, slots=True)
class Registration:
    """An inquiry to be registered, with its record where our own side refused it, and what the operations log tells of
    it."""

    inquiry: inquiries.NewInquiry
    record: record_store.RecordRow | None
    entry: Operation | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """The end of an inquiry with this side's record of it."""

    inquiry: inquiries.EndedInquiry
    record: record_store.RecordRow


@dataclass(frozen=True, slots=True)
class Taking:
    """A notice to be taken. It counts only if every guard still has the version that was read (None: no row yet)."""

    provision: provisions.NewProvision
    record: record_store.RecordRow | None
    guards: tuple[tuple[GuardKey, int | None], ...]


class Taken(StrEnum):
    """What became of a ``Taking``."""

    FRESH = "fresh"
    STALE = "stale"
    """A guard was changed since it was read: read again."""
    KNOWN = "known"
    """The notice was taken before."""


@dataclass(frozen=True, slots=True)
class Finished:
    """How an inquiry ended, for whoever waits for it; ``content`` is what was provided.

    ``reasons`` are those of our own side, where it has refused itself.
    """

    kind: str
    reason: str
    ended_at: datetime
    content: Content | None
    reasons: tuple[str, ...] = ()


async def write_registrations(conn: Connection, rows: Sequence[Registration]) -> list[bool]:
    """Registers inquiries; True where the idempotency key was new."""
    fresh = await inquiries.insert_inquiries(
        conn,
        [r.inquiry for r in rows],
        [r.record for r in rows if r.record],
        [r.entry for r in rows if r.entry],
    )
    return [(r.inquiry.agency, r.inquiry.txn) in fresh for r in rows]


async def write_receipts(conn: Connection, rows: Sequence[Receipt]) -> list[bool]:
    """Ends inquiries; True where the inquiry was open until now."""
    first_ones = firsts((r.inquiry.agency, r.inquiry.txn) for r in rows)
    tried = [r for r, first in zip(rows, first_ones, strict=True) if first]
    ended = await inquiries.end_inquiries(conn, [r.inquiry for r in tried], [r.record for r in tried])
    return [first and (r.inquiry.agency, r.inquiry.txn) in ended for r, first in zip(rows, first_ones, strict=True)]


async def write_takings(conn: Connection, rows: Sequence[Taking]) -> list[Taken]:
    """Takes notices: the guards are locked and compared first, so that a flag acknowledged before this commit wins."""
    missing = sorted({key for row in rows for key, version in row.guards if version is None})
    if missing:
        await duplicates.create_guards(conn, missing)
    places = [(row.provision.agency, row.provision.txn) for row in rows]
    first_ones = firsts(places)
    tried = [row for row, first in zip(rows, first_ones, strict=True) if first]
    expected = [
        provisions.Expected(row.provision.txn, *key, duplicates.UNTOUCHED if version is None else version)
        for row in tried
        for key, version in row.guards
    ]
    became = await provisions.take_provisions(
        conn, [row.provision for row in tried], expected, [row.record for row in tried if row.record]
    )
    return [
        Taken.KNOWN
        if place not in became or (became[place] and not first)
        else Taken.FRESH
        if became[place]
        else Taken.STALE
        for place, first in zip(places, first_ones, strict=True)
    ]


@dataclass
class Reads:
    """What many ask the database for at the same moment, each kind in one query."""

    db: Database
    ring: KeyRing

    def __post_init__(self) -> None:
        self.person = reader(self.db, self._persons, name="intermediary.person")
        self.code = reader(self.db, self._codes, name="intermediary.code")
        self.noticed = reader(self.db, self._noticed, name="intermediary.noticed")
        self.guarded = reader(self.db, self._guarded, name="intermediary.guarded")

    async def _persons(
        self, conn: Connection, asked: Sequence[tuple[AgencyCode, SystemCode, AddresseeNumber]]
    ) -> Sequence[tuple[UnifiedNumber, LinkageCode | None] | None]:
        return await registry.resolve_addressees(conn, self.ring, asked)

    async def _codes(
        self, conn: Connection, asked: Sequence[tuple[AgencyCode, UnifiedNumber]]
    ) -> Sequence[LinkageCode | None]:
        return await registry.resolve(conn, self.ring, asked)

    async def _noticed(
        self, conn: Connection, asked: Sequence[tuple[AgencyCode, LinkageCode, InformationCode]]
    ) -> Sequence[tuple[UnifiedNumber | None, duplicates.Guarded]]:
        codes = registry.blinded(self.ring, [(agency, code) for agency, code, _ in asked])
        found = await duplicates.read_noticed(conn, codes, [information for _, _, information in asked])
        return [(UnifiedNumber(unified) if unified else None, guarded) for unified, guarded in found]

    async def _guarded(self, conn: Connection, asked: Sequence[GuardKey]) -> Sequence[duplicates.Guarded]:
        return await duplicates.read_guarded(conn, asked)


@dataclass
class Intermediary:
    """One intermediary server. ``network`` opens the network's door as an agency that this server serves."""

    db: Database
    clock: Clock
    ring: KeyRing
    board: NetworkBoard
    network: Callable[[AgencyCode], NetworkDoor]
    residents: Callable[[AgencyCode], ResidentsDoor]
    endpoint: str
    agencies: set[AgencyCode] = field(default_factory=set)
    publications: Held | None = None
    fetching: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by whoever fetches publications: the others wait for what it brings."""
    refused: tuple[int, str] | None = None
    """Which edition of the publications was refused last, and why: alarmed once."""
    waiters: dict[tuple[str, UUID], set[asyncio.Future[Finished]]] = field(default_factory=dict)
    carrying: set[tuple[str, UUID]] = field(default_factory=set)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.reads = Reads(self.db, self.ring)
        self.turns = Turns()
        self.register = Committer(Statements(self.db), write_registrations, name="intermediary.register")
        self.receive = Committer(Statements(self.db), write_receipts, name="intermediary.receive")
        self.take = Committer(Statements(self.db), write_takings, name="intermediary.take")

    @property
    def held(self) -> Held:
        """The publications held; without them nothing can be decided."""
        if self.publications is None:
            raise Problem("directory-stale")
        return self.publications

    @property
    def judging(self) -> Snapshot:
        """What decisions read. A list that has expired judges nothing: ``list-stale`` until a newer one is here."""
        held = self.held
        if not held.link.candidate.fresh(self.clock.machine()):
            raise Problem("list-stale", "the list held here has expired")
        return held.snapshot

    def holds_list(self, serial: int) -> bool:
        """Whether a list of at least this serial is held and may be judged by."""
        held = self.held
        return held.snapshot.list.serial >= serial and held.link.candidate.fresh(self.clock.machine())

    def serve(self, agency: AgencyCode) -> AgencyCode:
        """The agency, if this server serves it; a message for another one is a wrong call."""
        if agency not in self.agencies:
            raise Problem("wrong-agency")
        return agency

    def wait_for(self, agency: str, txn: UUID) -> asyncio.Future[Finished]:
        """A future of an inquiry's end, for one who waits; whoever stops waiting says so (``no_longer_waited``)."""
        future: asyncio.Future[Finished] = asyncio.get_running_loop().create_future()
        self.waiters.setdefault((agency, txn), set()).add(future)
        return future

    def finished(self, agency: str, txn: UUID, how: Finished) -> None:
        """Wakes all who wait for the end of an inquiry."""
        for future in self.waiters.pop((agency, txn), ()):
            if not future.done():
                future.set_result(how)

    def no_longer_waited(self, agency: str, txn: UUID, future: asyncio.Future[Finished]) -> None:
        """One who waited has gone; others may still wait."""
        waiting = self.waiters.get((agency, txn))
        if waiting is None:
            return
        waiting.discard(future)
        if not waiting:
            del self.waiters[agency, txn]

    def start(self, work: Coroutine[None, None, None]) -> None:
        """Carries something on in the background. What it leaves undone is durable and is swept up."""
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("background-failure", kind=type(task.exception()).__name__, exc_info=task.exception())

    def committers(self) -> list[Committer[Any, Any]]:
        """Everything that shares round trips, to be measured."""
        reads = self.reads
        return [
            reads.person, reads.code, reads.noticed, reads.guarded, self.register, self.receive, self.take,
        ]  # fmt: skip

    async def close(self) -> None:
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.register.close()
        await self.receive.close()
        await self.take.close()
