"""Loading a world into data that nobody serves (世界の読み込み): the same filling as at a start, and no server after it.

A running server has directory, list, keys and agencies in memory; what is written beside it would be known to the
database and to nobody else. So the data are claimed first, and whoever serves them is named.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from gateway.assembly import all_in_one, build_network, open_party
from gateway.clock import Clock
from gateway.config import Config, ConfigError, Role
from gateway.exchange.doors import IntermediaryDoor
from gateway.network.party import Network
from gateway.problems import Problem
from gateway.running.editions import note_of, remember
from gateway.running.folder import claimed
from gateway.running.seeding import Filled, fill_all
from gateway.running.shares import Shares
from gateway.running.starting import chosen_world, database
from gateway.running.wording import worded
from gateway.worlds import Told
from sympho.codes import AgencyCode

__all__ = ["load_world", "stopped_network"]


async def load_world(config: Config, told: Told) -> Filled:
    """Fills new data with the world, or loads what has changed of it. ``StartTrouble`` says what is in the way."""
    with worded():
        world = chosen_world(config)
        with claimed(config):
            remember(config, world, loaded=False)
            async with database(config) as placed:
                parties = await all_in_one(placed, Clock(), world.network)
                try:
                    filled = await fill_all(parties, world, config.data, told, Shares(placed, world.network))
                finally:
                    await parties.close()
            remember(config, world, loaded=True)
            return filled


@asynccontextmanager
async def stopped_network(config: Config) -> AsyncIterator[Network]:
    """The network of data that nobody serves, as it was left, for work on its directory."""
    note = note_of(config.data)
    if note is None:
        raise ConfigError(
            f"--data: {config.data} にデータがありません（sympho serve） / holds no data yet (sympho serve)"
        )
    with worded(), claimed(replace(config, role=Role.NETWORK)):
        async with database(config) as placed:
            opened = await open_party(placed, Role.NETWORK)
            network = await build_network(opened, Clock(), note.network, _nobody)
            try:
                yield network
            finally:
                await network.close()
                await opened.db.close()


def _nobody(agency: AgencyCode) -> IntermediaryDoor:
    raise Problem("network-unavailable", f"no server is reached for {agency} while the data are stopped")
