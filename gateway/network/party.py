"""The network as a party (情報提供ネットワークシステム): what it holds in memory, and its committers.

Everything that a permit needs is here without a query: the signed directory, the compiled list, its own keys. A permit
that was issued and not yet presented is remembered in memory only (``docs/decisions/permits-in-memory.md``).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from authz.decide import Snapshot
from authz.listmanifest import Link
from authz.matchlist import MatchList
from gateway.clock import Clock
from gateway.committer import Committer, Statements, firsts, reader
from gateway.database import Connection, Database
from gateway.exchange.directory import Directory
from gateway.exchange.doors import IntermediaryDoor
from gateway.exchange.jws import Jwk, SigningKey, VerifyingKey
from gateway.exchange.messages import AnswerOrPending, Permit
from gateway.keys.ring import KeyRing
from gateway.network import store
from gateway.problems import Problem
from gateway.records import store as record_store
from sympho import issuer
from sympho.codes import AgencyCode, LinkageCode
from sympho.issuer import IssuerKeys, Translation

PERMITS_REMEMBERED = 100_000
VALIDITY = timedelta(days=7)
"""How long a provider may answer, in world time; the notice lapses after the last day (命令41条)."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A permit that was issued, with what is needed to notify the provider and to record."""

    request_d: bytes
    token: str
    claims: Permit
    code: LinkageCode
    subject_sealed: bytes
    subject_blind: bytes
    annex: bytes


@dataclass(frozen=True, slots=True)
class LookUp:
    """What the network asks its database about a permit request."""

    txn: UUID
    inquirer: AgencyCode
    code: LinkageCode
    provider: AgencyCode


@dataclass(frozen=True, slots=True)
class OwnKey:
    """An approver with the private key."""

    account: str
    key: SigningKey


@dataclass(frozen=True, slots=True)
class Publication:
    """What the network has published last: replaced as a whole, never changed."""

    directory: Directory
    signed: str
    snapshot: Snapshot
    keys: Mapping[str, VerifyingKey]
    """Every party's verifying keys by kid."""


@dataclass(frozen=True, slots=True)
class End:
    """One exchange's end with the network's record of it, written together."""

    exchange: store.EndedExchange
    record: record_store.RecordRow


@dataclass(frozen=True, slots=True)
class Refusal:
    """An exchange that the network refused, with its record of it."""

    exchange: store.NewExchange
    record: record_store.RecordRow


async def write_accepted(conn: Connection, rows: Sequence[store.NewExchange]) -> list[bool]:
    """Accepted exchanges; True where the exchange number was new."""
    fresh = await store.insert_exchanges(conn, rows)
    return [first and row.txn in fresh for row, first in zip(rows, firsts(row.txn for row in rows), strict=True)]


async def write_refusals(conn: Connection, refusals: Sequence[Refusal]) -> list[bool]:
    """Exchanges that the network refused, with its records; True where the exchange number was new."""
    fresh = await write_accepted(conn, [one.exchange for one in refusals])
    await record_store.insert(conn, [one.record for one, new in zip(refusals, fresh, strict=True) if new])
    return fresh


async def write_ends(conn: Connection, ends: Sequence[End]) -> list[bool]:
    """Ends with records, in one statement; True where this end counts, False where the exchange had ended before."""
    first_ones = firsts(e.exchange.txn for e in ends)
    tried = [e for e, first in zip(ends, first_ones, strict=True) if first]
    counted = await store.end_exchanges(conn, [e.exchange for e in tried], [e.record for e in tried])
    return [first and e.exchange.txn in counted for e, first in zip(ends, first_ones, strict=True)]


@dataclass
class Network:
    """The network party. ``route`` opens the door of the server that serves an agency."""

    db: Database
    clock: Clock
    ring: KeyRing
    agency: AgencyCode
    signing: SigningKey
    issuer_keys: IssuerKeys
    route: Callable[[AgencyCode], IntermediaryDoor]
    publication: Publication | None = None
    link: Link | None = None
    """The last link of the history of lists: the manifest in force."""
    compiled: MatchList | None = None
    at_hand: tuple[OwnKey, ...] = ()
    """承認者の鍵 of those who approve a world's own list, only while it is being filled in; nobody at any other time."""
    retired: tuple[Jwk, ...] = ()
    """Keys that signed before the present one, the latest first: records and permits of their time still verify."""
    issued: OrderedDict[str, Issued] = field(default_factory=OrderedDict)
    in_flight: dict[str, tuple[str, asyncio.Task[AnswerOrPending]]] = field(default_factory=dict)
    """What is being carried: by exchange number, the permit that was presented and the call that carries it."""

    def __post_init__(self) -> None:
        self.look_up = reader(self.db, self._look_up, name="network.look-up")
        self.accept = Committer(Statements(self.db), write_accepted, name="network.accept")
        self.end = Committer(Statements(self.db), write_ends, name="network.end")
        self.refuse = Committer(self.db, write_refusals, name="network.refuse")

    async def _look_up(self, conn: Connection, asked: Sequence[LookUp]) -> Sequence[tuple[bool, Translation]]:
        """For each permit request: whether its exchange number is known, and what the codes say of the person."""
        keys = self.issuer_keys
        wanted = issuer.wanted_rows(keys, [(one.inquirer, one.code, one.provider) for one in asked])
        found = await store.look_up(conn, [one.txn for one in asked], wanted)
        return [
            (known, issuer.translation(keys, one.provider, row)) for one, (known, row) in zip(asked, found, strict=True)
        ]

    @property
    def published(self) -> Publication:
        """The publication in force; a network without one is not ready."""
        if self.publication is None:
            raise RuntimeError("the network has published neither directory nor list")
        return self.publication

    @property
    def judging(self) -> Snapshot:
        """What decisions read. A list that has expired judges nothing: ``list-stale`` until a newer one is there."""
        if self.link is not None and not self.link.candidate.fresh(self.clock.machine()):
            raise Problem("list-stale", "the list in force has expired")
        return self.published.snapshot

    def remember(self, issued: Issued) -> None:
        """Keeps an issued permit until it is presented; the oldest goes when there are too many."""
        self.issued[issued.claims.txn] = issued
        if len(self.issued) > PERMITS_REMEMBERED:
            self.issued.popitem(last=False)

    def validity(self, now: datetime) -> datetime:
        """The end of the last day of a notice's validity, in world time."""
        last = now + VALIDITY
        return last.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)

    def publish(self, publication: Publication) -> None:
        """Swaps what is in force; decisions under way keep what they began with."""
        self.publication = replace(publication)

    def committers(self) -> list[Committer[Any, Any]]:
        """Everything that shares round trips, to be measured."""
        return [self.look_up, self.accept, self.end, self.refuse]

    async def close(self) -> None:
        for _, task in list(self.in_flight.values()):
            task.cancel()
        await self.accept.close()
        await self.end.close()
        await self.refuse.close()
