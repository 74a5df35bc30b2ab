"""The first start (初回起動): fills an installation from its world, so that a start that was killed is simply begun again.

1. The parts of the world are filled in, party by party; each of them may be filled in again without harm.
2. The first passwords are written to their file and are durable there.
3. The accounts of the staff are made with them, in one transaction, last of all: that they are there is the mark that
   the party is filled. Nothing else is kept as a mark, so that it can never be at odds with the database.

The residents' party has no staff, so it has no mark: in a process of its own it is filled in again at every start.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from authz import staff
from authz.operations import Moment
from gateway.assembly import AllInOne
from gateway.clock import Clock
from gateway.database import Database
from gateway.intermediary import publications
from gateway.intermediary.party import Intermediary
from gateway.network.party import Network
from gateway.running import passwords
from gateway.worlds import Told, World
from sympho.codes import AgencyCode

__all__ = ["fill_all", "fill_intermediary", "fill_network", "is_filled"]


async def fill_all(parties: AllInOne, world: World, data: Path, told: Told) -> bool:
    """Fills what is not filled yet of the parties in one process; whether there was anything to do."""
    fresh = await fill_network(parties.network, world, data, told)
    if not fresh and await is_filled(parties.intermediary.db, _clients(world)):
        return False
    await world.fill_residents(parties.residents, told)
    await publications.refresh(parties.intermediary, parties.network.published.directory.network_verifying)
    await fill_intermediary(parties.intermediary, world, data, told)
    return True


async def fill_network(network: Network, world: World, data: Path, told: Told) -> bool:
    """Directory, list and the operator's staff; False where they are there."""
    if await is_filled(network.db, {world.network}):
        return False
    await world.fill_network(network, told)
    await _fill_staff(network.db, world, {world.network}, data, network.clock)
    return True


async def fill_intermediary(server: Intermediary, world: World, data: Path, told: Told) -> bool:
    """Agencies with all that they hold, their codes and staff; False where they are there."""
    agencies = _clients(world)
    if await is_filled(server.db, agencies):
        return False
    await world.fill_intermediary(server, told)
    await _fill_staff(server.db, world, agencies, data, server.clock)
    told("accounts", len(world.accounts()))
    return True


async def is_filled(db: Database, agencies: Collection[AgencyCode]) -> bool:
    """Whether this party was filled to the end: the accounts, which come last, are there."""
    async with db.connection() as conn:
        for agency in agencies:
            if not await staff.list_accounts(conn, agency):
                return False
    return True


def _clients(world: World) -> set[AgencyCode]:
    return {one.agency for one in world.accounts()} - {world.network}


async def _fill_staff(db: Database, world: World, agencies: Collection[AgencyCode], data: Path, clock: Clock) -> None:
    """The accounts of these agencies; their passwords are durable in the file before the accounts are."""
    accounts = passwords.chosen(data, [one for one in world.accounts() if one.agency in agencies])
    async with db.transaction() as conn:
        await staff.seed_accounts(conn, accounts, Moment(clock.now(), clock.machine()))
