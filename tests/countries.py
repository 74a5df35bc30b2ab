"""The invented country, running and seeded, over either transport: for tests that must hold on both.

@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_...(transport: Transport, clones: Clones, data_folder: Path) -> None:
    async with country(transport, clones, data_folder) as parties:
        finished = await parties.ask(parties.world.cast.vaccination)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Literal

from fixtures import seed
from fixtures.invented.cast import Ask
from fixtures.seed import Persons
from fixtures.world import World, invented_country
from gateway.apart import ApartIntermediary, ApartNetwork, ApartResidents, apart_intermediary, apart_residents
from gateway.apart import build_apart_network as apart_network
from gateway.assembly import all_in_one
from gateway.clock import TOKYO, Clock
from gateway.config import Config, Role, Secret
from gateway.exchange.jws import SigningKey
from gateway.intermediary import codes as codes_flow
from gateway.intermediary import inquire, publications
from gateway.intermediary import sweeping as intermediary_sweeping
from gateway.intermediary.inquire import Asker, Asking, Registered
from gateway.intermediary.party import Finished, Intermediary
from gateway.neighbours.residents import Residents
from gateway.network import publishing
from gateway.network import sweeping as network_sweeping
from gateway.network.party import Network, OwnKey
from sympho.codes import AgencyCode, UnifiedNumber
from tests.conftest import PREFIX, Clones

__all__ = ["APPROVERS", "NOON", "TRANSPORTS", "Parties", "Transport", "country", "until"]

Transport = Literal["local", "remote"]
TRANSPORTS: tuple[Transport, ...] = ("local", "remote")

NOON = datetime(2026, 7, 1, 12, tzinfo=TOKYO)
"""World time in a country: it stands still, under the ordinance's amended table."""

PEOPLE = 18
"""The cast and nobody else."""

APPROVERS = tuple(
    OwnKey(f"stf_{letter * 26}", SigningKey.from_bytes(f"stf_{letter * 26}/1", (letter * 32).encode()))
    for letter in "ab"
)
"""Two people who approve what a test publishes; their keys are the same in every run."""

_keys = count(1)


@dataclass
class Apart:
    """The three parties as their own processes would have them: each with its own folder, root key and database."""

    network: ApartNetwork
    intermediary: ApartIntermediary
    residents: ApartResidents
    configs: tuple[Config, ...]
    """In the order of ``Role.ALL.parties``."""


@dataclass
class Parties:
    """The three parties of a running country, and who is who in it."""

    transport: Transport
    world: World
    network: Network
    intermediary: Intermediary
    residents: Residents
    persons: Persons = field(default_factory=dict)
    apart: Apart | None = None
    """The three processes, where the transport is remote."""

    def person_of(self, ask: Ask) -> UnifiedNumber:
        """団体内統合宛名番号 of the person asked about, at the inquirer."""
        return self.persons[ask.inquirer, ask.person.resident]

    async def register(
        self, ask: Ask, key: str = "", *, actor: str = "stf_x", consent: bool = False, non_disclosure: bool = False
    ) -> Registered:
        """Registers an inquiry of the story; its end will be heard of in ``finished``."""
        asking = Asking(
            person=self.person_of(ask),
            provider=ask.provider,
            task=ask.task,
            information=ask.information,
            items=(),
            procedure=None,
            consent=consent,
            non_disclosure=non_disclosure,
        )
        asker = Asker(ask.inquirer, ask.office, actor, None)
        return await inquire.register(self.intermediary, asker, asking, key or f"key-{next(_keys)}", wait=True)

    async def ask(self, ask: Ask, key: str = "", patience: float = 5.0) -> Finished:
        """Asks and waits for the end; ``TimeoutError`` where there is none yet."""
        registered = await self.register(ask, key)
        if registered.finished is None:
            raise LookupError("this inquiry had ended before")
        return await asyncio.wait_for(asyncio.shield(registered.finished), patience)

    async def acquire(self, ask: Ask) -> None:
        """The inquirer acquires the code of the person asked about."""
        await codes_flow.acquire(self.intermediary, ask.inquirer, [self.person_of(ask)])

    async def set_clock(self, at: datetime, *, frozen: bool = True) -> None:
        """Sets the world's clock; every party knows it when this returns."""
        await publishing.set_clock(self.network, at, frozen=frozen)
        await publications.refresh(self.intermediary)

    async def sweep(self) -> None:
        """One round of what a server does every second: first the agencies' side, then the network's."""
        await intermediary_sweeping.sweep(self.intermediary)
        await network_sweeping.sweep(self.network)

    async def settle(self) -> None:
        """Waits until the intermediary server has nothing under way in the background."""
        while self.intermediary.tasks:
            await asyncio.gather(*self.intermediary.tasks, return_exceptions=True)

    @property
    def agencies(self) -> set[AgencyCode]:
        return self.intermediary.agencies


async def until(holds: Callable[[], bool], seconds: float = 5.0) -> None:
    """Waits for what goes on in the background; fails if it does not come to hold in time."""
    for _ in range(int(seconds / 0.02)):
        if holds():
            return
        await asyncio.sleep(0.02)
    assert holds()


@asynccontextmanager
async def country(
    transport: Transport, clones: Clones, folder: Path, *, people: int = PEOPLE, codes: bool = True
) -> AsyncIterator[Parties]:
    """A running country. ``codes``: the agencies have acquired the codes of everybody whom they number."""
    world = invented_country(people)
    running = _local if transport == "local" else _remote
    async with running(world, clones, folder) as parties:
        await publishing.set_clock(parties.network, NOON, frozen=True)
        await _seed(parties, codes=codes)
        yield parties


async def _seed(parties: Parties, *, codes: bool) -> None:
    await publications.refresh(parties.intermediary, parties.network.published.directory.network_verifying)
    parties.persons = await seed.seed_intermediary(parties.intermediary, parties.world)
    await seed.seed_residents(parties.residents, parties.world)
    if codes:
        await seed.acquire_codes(parties.intermediary, parties.persons)


def config_of(folder: Path, url: str, role: Role) -> Config:
    """Settings of one process of a test, any port, its own root key in its own folder."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Config(
        role=role,
        data=folder,
        root_key_file=folder / "root.key",
        database_url=Secret(url),
        database_prefix=PREFIX,
        port=0,
        party_port=0,
        control_port=0,
        join_port=0,
        pool_size=6,
    )


@asynccontextmanager
async def _local(world: World, clones: Clones, folder: Path) -> AsyncIterator[Parties]:
    url = await clones.take()
    joined = await all_in_one(config_of(folder, url, Role.ALL), Clock(), world.network.code)
    try:
        joined.network.at_hand = APPROVERS
        await seed.seed_network(joined.network, world)
        yield Parties("local", world, joined.network, joined.intermediary, joined.residents)
    finally:
        await joined.close()


@asynccontextmanager
async def _remote(world: World, clones: Clones, folder: Path) -> AsyncIterator[Parties]:
    async with AsyncExitStack() as stack:
        configs = []
        for role in Role.ALL.parties:
            url = await clones.take()
            configs.append(config_of(folder / role, url, role))
        network = await apart_network(configs[0], Clock(), world.network.code)
        stack.push_async_callback(network.close)
        network.network.at_hand = APPROVERS
        await seed.seed_network(network.network, world)
        for_server, for_residents = await network.offer_joining()
        residents = await apart_residents(replace(configs[2], join=for_residents), Clock())
        stack.push_async_callback(residents.close)
        server = await apart_intermediary(replace(configs[1], join=for_server, residents_url=residents.url), Clock())
        stack.push_async_callback(server.close)
        await network.shut_joining()
        yield Parties(
            transport="remote",
            world=world,
            network=network.network,
            intermediary=server.server,
            residents=residents.residents,
            apart=Apart(network, server, residents, tuple(configs)),
        )
