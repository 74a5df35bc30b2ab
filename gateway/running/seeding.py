"""The first start (初回起動): fills an installation from its world, so that a start that was killed is simply begun again.

1. The parts of the world are filled in, party by party; each of them may be filled in again without harm.
2. The first passwords are written to their file and are durable there.
3. The accounts of the staff are made with them, in one transaction, last of all: that they are there is the mark that
   the party is filled. Nothing else is kept as a mark, so that it can never be at odds with the database.
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
from gateway.running import credentials
from gateway.worlds import Told, World
from sympho.codes import AgencyCode

__all__ = ["fill", "is_filled"]


async def is_filled(db: Database, agencies: Collection[AgencyCode]) -> bool:
    """Whether this party was filled to the end: the accounts, which come last, are there."""
    async with db.connection() as conn:
        for agency in agencies:
            if not await staff.list_accounts(conn, agency):
                return False
    return True


async def fill(parties: AllInOne, world: World, data: Path, told: Told) -> bool:
    """Fills what is not filled yet; whether there was anything to do."""
    network = {world.network}
    others = {one.agency for one in world.accounts()} - network
    if await is_filled(parties.network.db, network) and await is_filled(parties.intermediary.db, others):
        return False
    await world.fill_network(parties.network, told)
    await world.fill_residents(parties.residents, told)
    await publications.refresh(parties.intermediary, parties.network.published.directory.network_verifying)
    await world.fill_intermediary(parties.intermediary, told)
    await fill_staff(parties.network.db, world, network, data, parties.network.clock)
    await fill_staff(parties.intermediary.db, world, others, data, parties.intermediary.clock)
    told("accounts", len(world.accounts()))
    return True


async def fill_staff(db: Database, world: World, agencies: Collection[AgencyCode], data: Path, clock: Clock) -> None:
    """The accounts of these agencies; their passwords are durable in the file before the accounts are."""
    accounts = credentials.chosen(data, [one for one in world.accounts() if one.agency in agencies])
    async with db.transaction() as conn:
        await staff.seed_accounts(conn, accounts, Moment(clock.now(), clock.machine()))
