"""What a process holds (窓口): the parties that it runs, and the desks at which the staff of their agencies log in.

A desk is one role's: its database, its token key, its revocations, its operations log. Staff of the network's operator
have theirs at the network, everybody else at the intermediary server. A token is good at the desk that issued it and
speaks for the agencies of that desk alone.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from authz.operations import Moment
from authz.operations import Operation as Entry
from authz.operations.store import record
from authz.revocations import Revocations
from authz.sessions import DoorKeys
from authz.tokens import IssuingKey, TokenRefused, Verifier, keys_of, read
from gateway.clock import Clock
from gateway.committer import Committer, Statements
from gateway.config import Role
from gateway.database import Connection, Database
from gateway.exchange.directory import Directory
from gateway.exchange.jws import Jwk, SigningKey
from gateway.interfaces.outside import OutsideDoor
from gateway.interfaces.principals import Authenticate, Credentials, Principal, by_token_or_certificate, party_of
from gateway.intermediary.party import Intermediary
from gateway.intermediary.turns import Turn
from gateway.keys.ring import KeyRing
from gateway.keys.root import KEY_BYTES, unwrap, wrap
from gateway.metrics import Meter
from gateway.neighbours.residents import Residents
from gateway.network.joining import LetIn
from gateway.network.party import Network
from gateway.pki import agency_urn, role_urn
from gateway.problems import Problem
from sympho.codes import AgencyCode

__all__ = ["Desk", "House", "furnish"]

PURPOSE = "token"
STAFF_BOX = "staff-secrets"
DEVICES = "staff-devices"
AUDIENCE = "urn:sympho:"
BEARER = "Bearer "
CALLERS = 10_000
"""Tokens whose agency is remembered, so that whoever crowds waits or is turned away at the door."""


async def write_operations(conn: Connection, entries: Sequence[Entry]) -> list[None]:
    """操作記録 of many calls in one commit."""
    await record(conn, entries)
    return [None for _ in entries]


class KeyBox:
    """The box of what a desk's staff and clients must have kept: sealed under a key of the role's ring."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, name: str, plain: bytes) -> bytes:
        return wrap(self._key, name, plain)

    def open(self, name: str, sealed: bytes) -> bytes:
        return unwrap(self._key, name, sealed)

    def __repr__(self) -> str:
        return "<KeyBox>"


@dataclass(repr=False)
class Desk:
    """窓口 of one role: where its staff log in, and where what they may read lies."""

    role: Role
    db: Database
    ring: KeyRing
    clock: Clock
    key: IssuingKey
    public: Jwk
    serves: Callable[[], Set[AgencyCode]]
    directory: Callable[[], Directory]
    revocations: Revocations = field(default_factory=Revocations)

    def __post_init__(self) -> None:
        self.audience = AUDIENCE + self.role
        self.box = KeyBox(self.ring.secret(f"{self.role}:{STAFF_BOX}"))
        self.door = DoorKeys(self.box, self.ring.secret(f"{self.role}:{DEVICES}"))
        self.verifier = Verifier(keys_of([self.key.verifying()]), self.audience, self.revocations)
        self.log = Committer(Statements(self.db), write_operations, name=f"{self.role}.operations")
        self.principal_of: Authenticate = by_token_or_certificate(self.verifier, self.clock.machine)

    async def look(self) -> None:
        """One look at what was revoked since the last one."""
        before = self.clock.machine()
        async with self.db.connection() as conn:
            await self.revocations.refresh(conn, before)

    def revoked(self, agency: AgencyCode, sessions: Sequence[str], now: datetime) -> None:
        """Sessions that were just ended here: known without waiting for the next look."""
        self.revocations.note(agency, sessions, now)


@dataclass(repr=False)
class House:
    """One process: the parties it runs, and their desks."""

    clock: Clock
    network: Network | None
    intermediary: Intermediary | None
    residents: Residents | None
    desks: tuple[Desk, ...]
    meter: Meter = field(default_factory=Meter)
    outside: OutsideDoor | None = None
    """The outside issuer whose word about people is believed, if one is configured."""
    url: str = ""
    """Where this process is reached: the name under which it issues tokens to business systems (RFC 8414)."""
    let_in: LetIn | None = None
    """Offers another role a place; None where all roles are in this process, or it is not the network's."""
    certified_until: Callable[[], datetime] | None = None
    """When this process's certificates run out (machine time); None where it needs none of the network's."""
    _callers: OrderedDict[str, AgencyCode] = field(default_factory=OrderedDict, init=False)

    def __post_init__(self) -> None:
        committers = [desk.log for desk in self.desks]
        for party in (self.network, self.intermediary):
            if party is not None:
                committers += party.committers()
        for committer in committers:
            committer.seen = self.meter.batch

    def moment(self) -> Moment:
        return Moment(self.clock.now(), self.clock.machine())

    def desk_of(self, agency: AgencyCode) -> Desk:
        """The desk of an agency's staff; ``wrong-agency`` where this process serves it at none."""
        for desk in self.desks:
            if agency in desk.serves():
                return desk
        raise Problem("wrong-agency")

    async def authenticate(self, credentials: Credentials) -> Principal:
        """Who calls: by the token at the desk that issued it, or by the certificate."""
        if not credentials.token:
            return party_of(credentials.identities)
        desk = self._issuer(credentials.token)
        if desk is None:
            raise Problem("token-invalid")
        principal = await desk.principal_of(credentials)
        if principal.agency is None or principal.agency not in desk.serves():
            raise Problem("token-invalid")
        self._callers[BEARER + credentials.token] = principal.agency
        if len(self._callers) > CALLERS:
            self._callers.popitem(last=False)
        return principal

    async def turn(self, authorization: str) -> Turn | None:
        """The turn of an agency that has called with this header before, when it comes; none for a stranger, who takes
        one when it is known who that is. ``Busy`` when too many wait."""
        agency = self._callers.get(authorization)
        if agency is None or self.intermediary is None:
            return None
        return await self.intermediary.turns.take(agency)

    def _issuer(self, token: str) -> Desk | None:
        try:
            kid = read(token).kid
        except TokenRefused:
            return None
        return next((desk for desk in self.desks if desk.key.kid == kid), None)

    async def record_operation(self, entry: Entry) -> None:
        """Writes an entry of the operations log, in a commit that it may share."""
        await self.desk_of(entry.actor.agency).log.submit(entry)

    async def close(self) -> None:
        """Writes what waits for the operations log. The parties are closed by whoever opened them."""
        for desk in self.desks:
            await desk.log.close()


async def furnish(
    clock: Clock,
    network: Network | None,
    intermediary: Intermediary | None,
    residents: Residents | None,
    outside: OutsideDoor | None = None,
    url: str = "",
) -> House:
    """The house of a process that runs these parties."""
    desks: list[Desk] = []
    if network is not None:
        issuer = agency_urn(network.agency)
        serves = frozenset({network.agency})
        desks.append(
            await _desk(
                Role.NETWORK, network.db, network.ring, clock, issuer, lambda: serves, partial(_published, network)
            )
        )
    if intermediary is not None:
        issuer = role_urn(Role.INTERMEDIARY)
        server = intermediary
        desks.append(
            await _desk(
                Role.INTERMEDIARY,
                server.db,
                server.ring,
                clock,
                issuer,
                lambda: server.agencies,
                partial(_held, server),
            )
        )
    return House(clock, network, intermediary, residents, tuple(desks), outside=outside, url=url)


def _published(network: Network) -> Directory:
    if network.publication is None:
        raise Problem("not-ready")
    return network.publication.directory


def _held(server: Intermediary) -> Directory:
    return server.held.directory


async def _desk(
    role: Role,
    db: Database,
    ring: KeyRing,
    clock: Clock,
    issuer: str,
    serves: Callable[[], Set[AgencyCode]],
    directory: Callable[[], Directory],
) -> Desk:
    kid = f"{role}/token-1"
    for purpose in (STAFF_BOX, DEVICES):
        await ring.make(f"{role}:{purpose}", partial(os.urandom, KEY_BYTES))
    scalar = await ring.make(f"{role}:{PURPOSE}", lambda: SigningKey.generate(kid).to_bytes())
    key = IssuingKey.from_bytes(kid, issuer, scalar)
    public = SigningKey.from_bytes(kid, scalar).jwk()
    return Desk(role, db, ring, clock, key, public, serves, directory)
