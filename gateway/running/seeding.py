"""Filling and loading (世界を入れる): an installation is filled from its world, so that a start that was killed is simply
begun again; a folder that has changed since it was loaded is loaded again.

1. The parts of the world are filled in, party by party; each of them may be filled in again without harm.
2. The first passwords are written to their file and are durable there.
3. The accounts of the staff are made with them, in one transaction, last of all: that they are there is the mark that
   the party is filled. Nothing else is kept as a mark, so that it can never be at odds with the database.
4. What a folder held is noted (``editions``); what it holds later is compared with that, and only the difference is
   done, if all of it can be. Broken off anywhere, it is done again from the same note.

A world that is made by code has no editions. Its residents' party has no staff, so it has no mark: in a process of its
own it is filled in again at every start.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Protocol

from authz import staff
from authz.operations import Moment
from authz.staff import NewAccount
from gateway.assembly import AllInOne
from gateway.clock import Clock
from gateway.config import Role
from gateway.database import Database
from gateway.intermediary import publications
from gateway.intermediary.party import Intermediary
from gateway.log import log
from gateway.neighbours.residents import Residents
from gateway.network.party import Network
from gateway.running import accounts, approvers, passwords
from gateway.running.approvers import approving
from gateway.running.editions import read_edition, write_edition
from gateway.running.shares import Shares
from gateway.worlds import Told, Wanted, World
from sympho.codes import AgencyCode

__all__ = ["Filled", "fill_all", "fill_intermediary", "fill_network", "fill_residents", "is_filled"]


@dataclass(frozen=True, slots=True)
class Filled:
    """What a filling did: the first one, or the changes of a later one, told in lines."""

    first: bool
    changes: tuple[str, ...] = ()


async def fill_all(parties: AllInOne, world: World, data: Path, told: Told, beside: Shares | None = None) -> Filled:
    """Fills what is not filled yet of the parties in one process, or loads what has changed. The people of a large
    world are filled in ``beside``, where that is given."""
    if not world.is_large:
        beside = None
    await _require_possible(parties, world, data)
    network = await fill_network(parties.network, world, data, told)
    if network.first or not await is_filled(parties.intermediary.db, _clients(world)):
        if beside is None:
            await fill_residents(parties.residents, world, data, told)
        await publications.refresh(parties.intermediary, parties.network.published.directory.network_verifying)
        loaded = await fill_intermediary(parties.intermediary, world, data, told, beside)
        return Filled(network.first or loaded.first, loaded.changes)
    if world.edition():
        await fill_residents(parties.residents, world, data, told)
        await publications.refresh(parties.intermediary)
    return await fill_intermediary(parties.intermediary, world, data, told)


async def fill_network(network: Network, world: World, data: Path, told: Told) -> Filled:
    """Directory, list, clock and the operator's staff."""
    role, edition = Role.NETWORK, world.edition()
    if not await is_filled(network.db, {world.network}):
        with approving(network, world, data):
            await world.fill_network(network, told)
        await _fill_staff(network.db, world, {world.network}, data, network.clock)
        await write_edition(data, role, network.ring, edition)
        return Filled(True)
    before = await read_edition(data, role, network.ring)
    if not edition or before == edition:
        return Filled(False)
    update = world.update(before)
    await update.network_possible(network)
    with approving(network, world, data):
        await update.network(network, told)
    await accounts.follow(network.db, update, {world.network}, data, network.clock)
    await write_edition(data, role, network.ring, edition)
    return Filled(False, tuple(update.lines))


async def fill_residents(residents: Residents, world: World, data: Path, told: Told) -> None:
    """Who has which 個人番号 and 住民票コード."""
    role, edition = Role.RESIDENTS, world.edition()
    before = await read_edition(data, role, residents.ring) if edition else b""
    if edition and before == edition:
        return
    if before:
        update = world.update(before)
        await update.residents_possible(residents)
        await update.residents(residents, told)
    else:
        await world.fill_residents(residents, told)
    await write_edition(data, role, residents.ring, edition)


async def fill_intermediary(
    server: Intermediary, world: World, data: Path, told: Told, beside: Shares | None = None
) -> Filled:
    """Agencies with all that they hold, their codes and staff."""
    role, edition, agencies = Role.INTERMEDIARY, world.edition(), _clients(world)
    before = await read_edition(data, role, server.ring) if edition else b""
    if edition and before == edition:
        return Filled(False)
    if before:
        update = world.update(before)
        await update.intermediary_possible(server)
        await update.intermediary(server, told)
        await accounts.follow(server.db, update, server.agencies, data, server.clock)
        await write_edition(data, role, server.ring, edition)
        return Filled(False, tuple(update.lines))
    filled = await is_filled(server.db, agencies)
    if filled and not edition:
        return Filled(False)
    await world.serve(server)
    async with _filling(server, world, told, beside) as work:
        began = monotonic()
        await work.people()
        filled_at = monotonic()
        log.info("people-filled", seconds=round(filled_at - began, 1))
        await work.codes()
        log.info("codes-acquired", seconds=round(monotonic() - filled_at, 1))
    if not filled:
        await _fill_staff(server.db, world, agencies, data, server.clock)
        told("accounts", len(world.accounts()))
    await write_edition(data, role, server.ring, edition)
    return Filled(True)


class _Filling(Protocol):
    """The people of a world and their codes, one step after the other."""

    async def people(self) -> None: ...
    async def codes(self) -> None: ...


def _filling(
    server: Intermediary, world: World, told: Told, beside: Shares | None
) -> AbstractAsyncContextManager[_Filling]:
    return nullcontext(_Alone(server, world, told)) if beside is None else beside.at_work(told)


@dataclass
class _Alone:
    """The filling by this process alone."""

    server: Intermediary
    world: World
    told: Told
    wanted: Wanted = field(default_factory=Wanted)

    async def people(self) -> None:
        self.wanted = await self.world.fill_people(self.server, self.told)

    async def codes(self) -> None:
        await self.world.acquire_codes(self.server, self.wanted, self.told)


async def _require_possible(parties: AllInOne, world: World, data: Path) -> None:
    """Before any party has done anything: whether those that come after the network can do their parts."""
    edition = world.edition()
    if not edition:
        return
    before = await read_edition(data, Role.RESIDENTS, parties.residents.ring)
    if before and before != edition:
        await world.update(before).residents_possible(parties.residents)
    before = await read_edition(data, Role.INTERMEDIARY, parties.intermediary.ring)
    if before and before != edition:
        await world.update(before).intermediary_possible(parties.intermediary)


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
    chosen = passwords.chosen(data, [one for one in world.accounts() if one.agency in agencies])
    made = [(agency, _as_approver(new, data) if agency == world.network else new) for agency, new in chosen]
    async with db.transaction() as conn:
        await staff.seed_accounts(conn, made, Moment(clock.now(), clock.machine()))


def _as_approver(new: NewAccount, data: Path) -> NewAccount:
    """The account under the id for which a key was made, where there is one."""
    return replace(new, staff_id=approvers.account_of(data, new.login))
