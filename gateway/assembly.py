"""Building the parties: databases, keys, clock, doors. One readable run of lines; nothing here decides anything.

``open_party`` opens what every party needs; ``build_*`` make the parties; ``all_in_one`` joins the three in one
process.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from gateway import references
from gateway.clock import Clock
from gateway.config import Config, Role
from gateway.database import Database, open_database
from gateway.exchange.doors import IntermediaryDoor, IssuingDoor, NetworkBoard, NetworkDoor, ResidentsDoor
from gateway.exchange.local import LocalBoard, LocalIntermediary, LocalIssuing, LocalNetwork, LocalResidents
from gateway.intermediary import publications
from gateway.intermediary.party import Intermediary
from gateway.keys.ring import SIGNING, KeyRing
from gateway.keys.root import RootKey
from gateway.neighbours.residents import HOLDER, Residents
from gateway.network import publishing
from gateway.network import store as network_store
from gateway.network.party import Network
from sympho.codes import AgencyCode
from sympho.issuer import IssuerKeys

NETWORK_PURPOSES = (
    SIGNING,
    "issuer-person",
    "issuer-resident-blind",
    "issuer-code",
    "issuer-code-blind",
    "issuer-substitute",
    "notice-code",
    "subject",
    "subject-blind",
)
RESIDENTS_PURPOSES = ("resident", "resident-blind")


@dataclass(frozen=True)
class Opened:
    """A party's database and keys."""

    db: Database
    ring: KeyRing


async def open_party(config: Config, role: Role) -> Opened:
    """Opens one party's database (laid on first use) and key ring."""
    db = await open_database(replace(config, role=role), role)
    await references.make_good(config, role, db)
    ring = await KeyRing.open(db.transaction, RootKey.open(config.root_key_file))
    return Opened(db, ring)


async def build_network(
    opened: Opened, clock: Clock, founder: AgencyCode, route: Callable[[AgencyCode], IntermediaryDoor]
) -> Network:
    """The network, as it was left or newly founded under ``founder``'s code."""
    async with opened.db.transaction() as conn:
        await network_store.found_network(conn, founder)
        state = await network_store.read_state(conn)
    if state is None:
        raise RuntimeError("the network was founded and is not there")
    agency, setting = AgencyCode(state[0]), state[1]
    clock.follow(setting)
    await opened.ring.ensure([agency], NETWORK_PURPOSES)
    network = Network(
        db=opened.db,
        clock=clock,
        ring=opened.ring,
        agency=agency,
        signing=opened.ring.signing(agency),
        issuer_keys=IssuerKeys.of(opened.ring, agency),
        route=route,
    )
    await publishing.restore(network)
    return network


async def build_residents(opened: Opened, network: Callable[[], IssuingDoor]) -> Residents:
    """The residents' party."""
    await opened.ring.ensure([HOLDER], RESIDENTS_PURPOSES)
    return Residents(opened.db, opened.ring, network)


def build_intermediary(
    opened: Opened,
    clock: Clock,
    board: NetworkBoard,
    network: Callable[[AgencyCode], NetworkDoor],
    residents: Callable[[AgencyCode], ResidentsDoor],
    endpoint: str,
) -> Intermediary:
    """The intermediary server, serving nobody yet: ``resume_intermediary`` or a seeding gives it agencies."""
    return Intermediary(
        db=opened.db,
        clock=clock,
        ring=opened.ring,
        board=board,
        network=network,
        residents=residents,
        endpoint=endpoint,
    )


async def resume_intermediary(server: Intermediary) -> None:
    """Serves again whom it has served before, if anybody."""
    agencies = await publications.served_before(server)
    if agencies:
        await publications.serve_agencies(server, agencies)


@dataclass
class AllInOne:
    """The three parties in one process, each with its own database role and keys."""

    network: Network
    intermediary: Intermediary
    residents: Residents

    async def close(self) -> None:
        """Stops taking work, lets what was begun end, closes the databases."""
        await self.intermediary.close()
        await self.network.close()
        for db in (self.intermediary.db, self.network.db, self.residents.db):
            await db.close()


async def all_in_one(config: Config, clock: Clock, founder: AgencyCode) -> AllInOne:
    """The whole network in one process, over the local transport."""
    servers: list[Intermediary] = []
    network = await build_network(
        await open_party(config, Role.NETWORK), clock, founder, lambda _: LocalIntermediary(servers[0])
    )
    residents = await build_residents(await open_party(config, Role.RESIDENTS), lambda: LocalIssuing(network))
    server = build_intermediary(
        await open_party(config, Role.INTERMEDIARY),
        clock,
        LocalBoard(network),
        lambda agency: LocalNetwork(network, agency),
        lambda agency: LocalResidents(residents, agency),
        endpoint="",
    )
    servers.append(server)
    await resume_intermediary(server)
    if network.publication is not None:
        trusted = network.published.directory.network_verifying
        await publications.restore(server, trusted)
        await publications.refresh(server, trusted)
    return AllInOne(network, server, residents)
