"""Work on the data themselves (オフライン), whether a server is up or not: the judge, new passwords, a new root key."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

from authz import factors, staff, store
from authz.operations import Moment, at_the_machine
from authz.staff import Credential, normal_login
from gateway import embedded
from gateway.assembly import Opened, open_party
from gateway.clock import Clock
from gateway.config import Config, ConfigError, Role
from gateway.database import open_database
from gateway.judge.verdict import Verdict, judge_configs
from gateway.keys.ring import KeyRing
from gateway.keys.root import KEY_BYTES, RootKey, WrongKey
from gateway.running.editions import world_of
from gateway.running.folder import claimed, write_whole
from gateway.running.starting import database
from gateway.running.wording import worded
from gateway.worlds import NoSuchWorld, World
from sympho.codes import AgencyCode, BadCode

__all__ = ["judged", "located", "replace_root_key", "reset_password"]


@asynccontextmanager
async def located(config: Config) -> AsyncIterator[Config]:
    """The settings with the URL of the data's database: of the server that is up, or of one started for this alone."""
    if config.database_url is None and not config.data.is_dir():
        raise ConfigError(f"--data: {config.data} はありません / is not there")
    found = config.database_url or embedded.address(config.data)
    if found is not None:
        yield replace(config, database_url=found)
        return
    with worded():
        async with database(config) as placed:
            yield placed


@asynccontextmanager
async def _opened(config: Config, role: Role) -> AsyncIterator[Opened]:
    """One party's database and keys."""
    async with located(config) as placed:
        with worded():
            opened = await open_party(placed, role)
        try:
            yield opened
        finally:
            await opened.db.close()


def _world(config: Config) -> World:
    """The world that the data were filled with."""
    try:
        return world_of(config)
    except NoSuchWorld as none:
        raise ConfigError(str(none)) from None


# --- the judge ---------------------------------------------------------------------------------------------------


async def judged(config: Config, servers: Sequence[Config], *, canaries: bool) -> Verdict:
    """What the judge finds in the network's data and those of intermediary servers apart, if any."""
    async with AsyncExitStack() as held:
        network = await held.enter_async_context(located(config))
        others = [await held.enter_async_context(located(one)) for one in servers] or [network]
        known = _world(config).canaries() if canaries else ()
        try:
            with worded():
                return await judge_configs(network, others, known)
        except LookupError:
            raise ConfigError(
                f"--data: {config.data} にネットワークのデータがありません / holds no network's data; "
                "the network's folder goes to --data, intermediary servers' to --server"
            ) from None


# --- passwords ---------------------------------------------------------------------------------------------------


async def reset_password(config: Config, login: str, agency: str, *, second_factor: bool = False) -> Credential:
    """On the databases of the data folder, whether a server is up or not; sessions of the account end.

    ``second_factor``: a lost one is removed, too.
    """
    try:
        code = AgencyCode(agency)
    except BadCode:
        raise ConfigError(f"--agency: {agency!r} is no agency code") from None
    role = Role.NETWORK if code == _world(config).network else Role.INTERMEDIARY
    clock = Clock()
    async with _opened(config, role) as opened, opened.db.transaction() as conn:
        account = await store.account_by_login(conn, code, normal_login(login))
        if account is None:
            raise ConfigError(f"{login}: その団体にその利用者はいません / no such account in {code}")
        now = Moment(clock.now(), clock.machine())
        made, _ = await staff.reset_password(conn, at_the_machine(code), account.staff_id, now)
        if second_factor:
            await factors.remove(conn, at_the_machine(code), account.staff_id, now)
    return made


# --- the root key ------------------------------------------------------------------------------------------------


async def replace_root_key(config: Config) -> Path:
    """A new root key wraps the keys of every party. Broken off anywhere, it is carried on by running it again.

    1. The new key is durable beside the old one before anything is wrapped with it.
    2. Each party's key is wrapped anew, unless it was already.
    3. Only then the new key takes the old one's name; the old one is kept under another.
    """
    with worded(), claimed(config):
        return await _replace_root_key(config)


async def _replace_root_key(config: Config) -> Path:
    fresh = config.root_key_file.with_suffix(".next")
    former = config.root_key_file.with_suffix(".former")
    if not fresh.exists():
        write_whole(fresh, os.urandom(KEY_BYTES))
    old, new = RootKey.open(config.root_key_file), RootKey.open(fresh)
    async with located(config) as placed:
        for role in placed.role.parties:
            await _rewrap_party(placed, role, old, new)
    write_whole(former, config.root_key_file.read_bytes())
    fresh.replace(config.root_key_file)
    return former


async def _rewrap_party(config: Config, role: Role, old: RootKey, new: RootKey) -> None:
    db = await open_database(replace(config, role=role), role)
    try:
        try:
            await KeyRing.open(db.transaction, new)
        except WrongKey:
            ring = await KeyRing.open(db.transaction, old)
            await ring.rewrap(old, new)
    finally:
        await db.close()
