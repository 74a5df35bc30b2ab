"""A network that lets in, with settings for those who want to, and a machine's clock that a test may move."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from fixtures import seed
from fixtures.world import World, invented_country
from gateway import pki
from gateway.apart import ApartNetwork, build_apart_network
from gateway.clock import Clock
from gateway.config import Config, Role
from gateway.database import open_database
from gateway.exchange import remote
from gateway.exchange.certificates import CertificateRequest, JoinRequest
from gateway.exchange.places import Peer, role_host
from gateway.exchange.remote import Line, RemoteBoard
from gateway.exchange.wallet import stranger_context
from gateway.joining import Membership
from gateway.keys.ring import KeyRing
from gateway.keys.root import RootKey
from gateway.network import joining, store
from sympho.codes import AgencyCode
from tests.conftest import Clones
from tests.countries import APPROVERS, config_of


@dataclass
class Later:
    """The machine's time, which a test may put forward."""

    by: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.by


@dataclass
class Place:
    """A network that lets in, and settings for those who want to."""

    world: World
    network: ApartNetwork
    machine: Later
    configs: dict[Role, Config]

    async def file(self, role: Role) -> Path:
        """A joining file as the network writes it now."""
        paths = {path.stem: path for path in await self.network.offer_joining()}
        return paths[role]

    async def offer(self, role: Literal["intermediary", "residents"], *agencies: AgencyCode) -> Path:
        """A joining file as the operator asks for it."""
        network = self.network.network
        return (await self.network.let_in(role, joining.to_offer(network, role, agencies))).file

    async def run_out(self, member: Membership, board: RemoteBoard) -> None:
        """The certificates of a process that is in are those of a quarter ago: the network renews them as of then."""
        await outdated(self.machine, member, board)

    def joining(self, role: Role, file: Path | None) -> Config:
        return replace(self.configs[role], join=file)

    async def ring(self, role: Role) -> KeyRing:
        """The key ring of a role's process, opened anew; its database is closed again at once."""
        config = self.configs[role]
        db = await open_database(config, role)
        try:
            return await KeyRing.open(db.transaction, RootKey.open(config.root_key_file))
        finally:
            await db.close()

    async def send(self, token: str, *agencies: AgencyCode) -> tuple[bytes, ...]:
        """Joins by hand, for the role and these agencies."""
        key = pki.private_bytes(pki.new_key())
        wanted: list[AgencyCode | None] = [None, *agencies]
        requests = tuple(CertificateRequest(one, pki.request_for(key, "x")) for one in wanted)
        assert self.network.joining_listener is not None
        line = Line(stranger_context(self.network.authority.certificate_pem()), Clock())
        try:
            peer = Peer(self.network.joining_listener.url, role_host("network"))
            return (await remote.join(line, peer, JoinRequest(1, token, requests))).certificates
        finally:
            await line.close()

    async def faults(self) -> list[str]:
        async with self.network.network.db.connection() as conn:
            return [fault for _, _, _, fault, _ in await store.latest_alarms(conn, 20)]


async def outdated(machine: Later, member: Membership, board: RemoteBoard) -> None:
    """Has all certificates of a process renewed by a network whose machine's clock is a quarter behind."""
    old = Clock(machine=Later(timedelta(days=pki.CERTIFICATE_DAYS)))
    machine.by = -timedelta(days=pki.CERTIFICATE_DAYS, hours=1)
    try:
        assert await member.renew(board, old) == len(member.named) + 1
    finally:
        machine.by = timedelta()


@asynccontextmanager
async def placed(clones: Clones, folder: Path) -> AsyncIterator[Place]:
    """A seeded network in a process of its own, and nobody in it yet."""
    world = invented_country(18)
    urls = {role: await clones.take() for role in Role.ALL.parties}
    configs = {role: config_of(folder / role, url, role) for role, url in urls.items()}
    machine = Later()
    network = await build_apart_network(configs[Role.NETWORK], Clock(machine=machine), world.network.code)
    network.network.at_hand = APPROVERS
    await seed.seed_network(network.network, world)
    yield Place(world, network, machine, configs)
    await network.close()
