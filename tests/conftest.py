"""What every test may ask for: a database of its own, a key ring, a clock that stands, a data folder.

One embedded PostgreSQL serves the whole run, with ``fsync`` on as in life. All parties' schemas are laid once in a
template; a test gets a clone, of which the next one is always being made ahead.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from itertools import count
from pathlib import Path

import pytest

from gateway import embedded
from gateway.clock import TOKYO, Clock
from gateway.config import Config, Role, Secret
from gateway.database import Database, create_database, lay, open_database
from gateway.keys.ring import KeyRing
from gateway.keys.root import RootKey
from gateway.layout import layout_of

os.environ.pop("COLUMNS", None)  # a worker of the run is no terminal, whatever its parent says

PREFIX = "sympho"
TEMPLATE = "sympho_template"

DatabaseFor = Callable[[Role], Awaitable[Database]]
KeyRingFor = Callable[[Role], Awaitable[KeyRing]]


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the run's PostgreSQL, as its superuser; its folder, with every clone in it, goes in the end."""
    folder = tmp_path_factory.mktemp("postgres")
    server = embedded.start(folder)
    yield server.url.reveal()
    postmaster = int((server.folder / "postmaster.pid").read_text().split()[0])
    os.kill(
        postmaster, signal.SIGQUIT
    )  # at once: nobody will read the hundreds of clones that a checkpoint would write
    with suppress(embedded.EmbeddedTrouble):
        server.stop()
    shutil.rmtree(folder, ignore_errors=True)


class Clones:
    """Databases cloned from the template, one made ahead. None is dropped: a drop is a checkpoint. All go in the
    end."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._names = (f"clone_{number}" for number in count(1))
        self._next = self._start()

    def _start(self) -> asyncio.Task[str]:
        return asyncio.create_task(create_database(self.url, next(self._names), TEMPLATE))

    async def take(self) -> str:
        made = await self._next
        self._next = self._start()
        return made

    async def close(self) -> None:
        await asyncio.wait([self._next])


@pytest.fixture(scope="session")
async def clones(postgres: str) -> AsyncIterator[Clones]:
    template = await create_database(postgres, TEMPLATE)
    for role in Role.ALL.parties:
        await lay(template, layout_of(role, PREFIX))
    made = Clones(postgres)
    yield made
    await made.close()


@pytest.fixture
def data_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
async def config(clones: Clones, data_folder: Path) -> Config:
    """The settings of a whole system on a database of its own, all parties in it, any port."""
    url = await clones.take()
    return Config(
        role=Role.ALL,
        data=data_folder,
        root_key_file=data_folder / "root.key",
        database_url=Secret(url),
        database_prefix=PREFIX,
        port=0,
        party_port=0,
        control_port=0,
        pool_size=4,
    )


@pytest.fixture
async def database_for(config: Config) -> AsyncIterator[DatabaseFor]:
    """A party's database; all that one test asks for lie in the same clone."""
    opened: dict[Role, Database] = {}

    async def database(role: Role) -> Database:
        if role not in opened:
            opened[role] = await open_database(replace(config, role=role), role)
        return opened[role]

    yield database
    for db in opened.values():
        await db.close()


@pytest.fixture
async def key_ring_for(config: Config, database_for: DatabaseFor) -> KeyRingFor:
    """A party's key ring, in its own database, under the test's root key."""

    async def ring(role: Role) -> KeyRing:
        db = await database_for(role)
        return await KeyRing.open(db.transaction, RootKey.open(config.root_key_file))

    return ring


@pytest.fixture
async def key_ring(key_ring_for: KeyRingFor) -> KeyRing:
    """The intermediary server's key ring."""
    return await key_ring_for(Role.INTERMEDIARY)


@pytest.fixture
def clock() -> Clock:
    """World time stands at nine in the morning of 1 July 2026, under the ordinance's amended table."""
    standing = Clock()
    standing.set(datetime(2026, 7, 1, 9, tzinfo=TOKYO), frozen=True)
    return standing
