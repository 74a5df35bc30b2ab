"""Where a stage stands: a database cloned from one that was seeded once in the run, and the parties raised on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from authz import listmanifest
from authz.matchlist import compile_list, parse
from fixtures import seed
from fixtures.seed import Persons
from fixtures.world import World, invented_country
from gateway.assembly import AllInOne, all_in_one
from gateway.clock import Clock
from gateway.config import Config, Role
from gateway.database import create_database
from gateway.intermediary import lists as server_lists
from gateway.intermediary import publications
from gateway.network import lists as network_lists
from gateway.network import publishing
from tests.conftest import TEMPLATE, Clones
from tests.countries import APPROVERS, NOON, Transport, config_of, country
from tests.server.stage import Stage

_names = count(1)

_LISTS_ONCE: dict[str, Any] = {"parse": cache(parse), "compile_list": cache(compile_list)}
"""A list is immutable, and reading one takes longer than most tests: each is read once in a run."""


@dataclass(frozen=True)
class _Seeded:
    database: str
    folder: Path
    world: World
    persons: Persons


_seeded: dict[str, _Seeded] = {}


async def _seed_once(clones: Clones, folders: pytest.TempPathFactory) -> _Seeded:
    if clones.url in _seeded:
        return _seeded[clones.url]
    name = f"stage_seed_{next(_names)}"
    url = await create_database(clones.url, name, TEMPLATE)
    home = folders.mktemp("stage")
    world = invented_country(18)
    joined = await all_in_one(config_of(home, url, Role.ALL), Clock(), world.network.code)
    joined.network.at_hand = APPROVERS
    await seed.seed_network(joined.network, world)
    await publishing.set_clock(joined.network, NOON, frozen=True)
    await seed.seed_residents(joined.residents, world)
    trusted = joined.network.published.directory.network_verifying
    await publications.refresh(joined.intermediary, trusted)
    persons = await seed.seed_intermediary(joined.intermediary, world)
    await seed.acquire_codes(joined.intermediary, persons)
    await joined.close()
    made = _seeded[clones.url] = _Seeded(name, home, world, persons)
    return made


@dataclass(frozen=True)
class Ground:
    """Where a stage stands: its database and keys outlive the parties."""

    config: Config
    world: World
    persons: Persons

    async def raise_parties(self) -> tuple[Stage, AllInOne]:
        joined = await all_in_one(self.config, Clock(), self.world.network.code)
        joined.network.at_hand = APPROVERS
        stage = Stage("local", self.world, joined.network, joined.intermediary, joined.residents, self.persons)
        return stage, joined


@asynccontextmanager
async def ground(clones: Clones, folders: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    """A database of a seeded country, and nobody running on it yet."""
    seeded = await _seed_once(clones, folders)
    url = await create_database(clones.url, f"stage_{next(_names)}", seeded.database)
    compile_once = {"compile_list": _LISTS_ONCE["compile_list"]}
    with (
        patch.multiple(listmanifest, parse=_LISTS_ONCE["parse"]),
        patch.multiple(network_lists, **compile_once),
        patch.multiple(server_lists, **compile_once),
    ):
        yield Ground(config_of(seeded.folder, url, Role.ALL), seeded.world, seeded.persons)


@asynccontextmanager
async def stage_of(transport: Transport, clones: Clones, folders: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """A stage over either transport, with its own database."""
    if transport == "local":
        async with ground(clones, folders) as place:
            stage, joined = await place.raise_parties()
            try:
                yield stage
            finally:
                await joined.close()
        return
    async with country(transport, clones, folders.mktemp("country")) as parties:
        yield Stage(
            parties.transport,
            parties.world,
            parties.network,
            parties.intermediary,
            parties.residents,
            parties.persons,
        )
