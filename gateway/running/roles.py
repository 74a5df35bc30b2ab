"""The roles (役割): what a process opens and fills in for the parties that it runs; ready to be served when it is
yielded."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from authz.assertions import Issuer
from gateway.apart import apart_intermediary, apart_residents, build_apart_network
from gateway.assembly import all_in_one
from gateway.clock import Clock
from gateway.config import Config, ConfigError, Role
from gateway.interfaces.house import House, furnish
from gateway.interfaces.outside import OutsideDoor
from gateway.running.seeding import fill_all, fill_intermediary, fill_network, fill_residents
from gateway.running.shares import Shares
from gateway.worlds import Told, World
from sympho.codes import AgencyCode

__all__ = ["Opened", "joined", "opened"]


class _Doors(TypedDict):
    outside: OutsideDoor | None
    url: str


@dataclass(frozen=True, slots=True)
class Opened:
    """The parties of this process behind their desks."""

    house: House
    first: bool
    """Whether the world was filled in just now."""
    changes: tuple[str, ...] = ()
    """What of a world folder was loaded again, because it had changed."""
    party_url: str = ""
    """Where the other parties reach this one; empty in one process."""
    joining: tuple[Path, ...] = ()
    """The files with which other roles may join; they are secret."""


def opened(config: Config, world: World, told: Told) -> AbstractAsyncContextManager[Opened]:
    """The parties of the configured role, while inside."""
    match config.role:
        case Role.ALL:
            return _all(config, world, told)
        case Role.NETWORK:
            return _network(config, world, told)
        case Role.RESIDENTS:
            return _residents(config, world, told)
        case Role.INTERMEDIARY:
            return _intermediary(config, world, told)


@asynccontextmanager
async def _all(config: Config, world: World, told: Told) -> AsyncIterator[Opened]:
    parties = await all_in_one(config, Clock(), world.network)
    try:
        filled = await fill_all(parties, world, config.data, told, Shares(config, world.network))
        house = await furnish(
            parties.network.clock, parties.network, parties.intermediary, parties.residents, **_doors(config)
        )
        yield Opened(house, filled.first, filled.changes)
    finally:
        await parties.close()


@asynccontextmanager
async def joined(config: Config, founder: AgencyCode) -> AsyncIterator[House]:
    """The parties of an installation that another process has filled, for one more process of the same server."""
    parties = await all_in_one(config, Clock(), founder)
    try:
        yield await furnish(
            parties.network.clock, parties.network, parties.intermediary, parties.residents, **_doors(config)
        )
    finally:
        await parties.close()


@asynccontextmanager
async def _network(config: Config, world: World, told: Told) -> AsyncIterator[Opened]:
    apart = await build_apart_network(config, Clock(), world.network)
    try:
        filled = await fill_network(apart.network, world, config.data, told)
        files = await apart.offer_joining()
        apart.start()
        house = await furnish(apart.network.clock, apart.network, None, None, **_doors(config))
        house.let_in = apart.let_in
        yield Opened(house, filled.first, filled.changes, apart.url, files)
    finally:
        await apart.close()


@asynccontextmanager
async def _residents(config: Config, world: World, told: Told) -> AsyncIterator[Opened]:
    clock = Clock()
    apart = await apart_residents(config, clock)
    try:
        await fill_residents(apart.residents, world, config.data, told)
        apart.start()
        house = await furnish(clock, None, None, apart.residents)
        house.certified_until = apart.member.certified_until
        yield Opened(house, False, party_url=apart.url)
    finally:
        await apart.close()


@asynccontextmanager
async def _intermediary(config: Config, world: World, told: Told) -> AsyncIterator[Opened]:
    if not config.residents_url:
        raise ConfigError("residents_url (SYMPHO_RESIDENTS_URL): where the residents' party is reached, https://...")
    clock = Clock()
    apart = await apart_intermediary(config, clock)
    try:
        filled = await fill_intermediary(apart.server, world, config.data, told)
        apart.start()
        house = await furnish(clock, None, apart.server, None, **_doors(config))
        house.certified_until = apart.member.certified_until
        yield Opened(house, filled.first, filled.changes, apart.url)
    finally:
        await apart.close()


def _doors(config: Config) -> _Doors:
    """By which name clients know this process, and which outside issuer it believes."""
    outside = None
    if config.oidc_issuer:
        issuer = Issuer(config.oidc_issuer, config.oidc_audience, config.oidc_claim)
        outside = OutsideDoor(issuer, config.oidc_jwks)
    return {"outside": outside, "url": config.public_url}
