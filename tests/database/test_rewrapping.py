"""The root key replaced: nothing that was sealed is touched, and a change that was killed anywhere is carried on."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.config import Config, ConfigError, Role
from gateway.database import open_database
from gateway.keys import store
from gateway.keys.ring import HOLDER_KEYS, KeyRing
from gateway.keys.root import RootKey, RootKeyTrouble, WrongKey, former_of, next_of, unwrap, wrap
from gateway.running.folder import claimed, mark_as_of
from gateway.running.rewrapping import confirm_root_key, keys_standing, replace_root_key
from gateway.running.trouble import StartTrouble
from tests.server.program import environment

AGENCY = "0220001000020000"
PURPOSES = ("duplicate", "subject", *HOLDER_KEYS)
SEALED_NAME = "a person's duplicate"
CONTENT = "ワクチン名".encode()

KILLED = """
import asyncio, os, signal, sys
from gateway.config import load
from gateway.keys.ring import KeyRing
from gateway.running import rewrapping
from gateway.running.folder import write_whole

left = int(sys.argv[1])


def killing(step):
    def killed(*arguments, **named):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(*arguments, **named)

    return killed


rewrapping.write_whole = killing(write_whole)
rewrapping.open_database = killing(rewrapping.open_database)
KeyRing.rewrap = killing(KeyRing.rewrap)
asyncio.run(rewrapping.replace_root_key(load()))
"""
"""Ends itself before the step of that number: the new key's file, each party's opening and wrapping, the former's."""
STEPS = 8


def rewrapping(config: Config, steps: int) -> int:
    assert config.database_url is not None
    settings = environment(
        SYMPHO_DATA=str(config.data),
        SYMPHO_DATABASE_URL=config.database_url.reveal(),
        SYMPHO_DATABASE_PREFIX=config.database_prefix,
    )
    line = [sys.executable, "-c", KILLED, str(steps)]
    return subprocess.run(line, env=settings, capture_output=True, check=False, timeout=60).returncode


async def keys(config: Config) -> dict[str, bytes]:
    """Every key of every party, opened with the root key in its place."""
    found: dict[str, bytes] = {}
    mark_as_of(config.data, Role.ALL.parties)
    for role in Role.ALL.parties:
        db = await open_database(replace(config, role=role, pool_size=1), role)
        ring = await KeyRing.open(db.transaction, RootKey.open(config.root_key_file))
        await ring.ensure([AGENCY], PURPOSES)
        found |= {f"{role} {purpose}": ring.key(AGENCY, purpose) for purpose in PURPOSES}
        await db.close()
    return found


async def rows(config: Config) -> list[dict[str, bytes]]:
    read = []
    for role in Role.ALL.parties:
        db = await open_database(replace(config, role=role, pool_size=1), role)
        async with db.connection() as conn:
            read.append(await store.read_all(conn))
        await db.close()
    return read


async def test_after_rewrapping_only_the_new_root_key_opens_and_every_key_is_what_it_was(config: Config) -> None:
    before, wrapped = await keys(config), await rows(config)
    content = wrap(before["intermediary duplicate"], SEALED_NAME, CONTENT)
    old = RootKey.open(config.root_key_file)
    former = await replace_root_key(config)
    after = await keys(config)
    assert after == before
    assert unwrap(after["intermediary duplicate"], SEALED_NAME, content) == CONTENT
    assert RootKey.read(former).mark == old.mark != RootKey.open(config.root_key_file).mark
    for was, now in zip(wrapped, await rows(config), strict=True):
        assert was.keys() == now.keys()
        assert all(was[name] != now[name] for name in was)
        with pytest.raises(WrongKey):
            old.unwrap("role", now["role"])


@pytest.mark.parametrize("steps", range(STEPS))
async def test_a_change_that_is_killed_anywhere_opens_nothing_until_it_is_ended_by_running_it_again(
    config: Config, steps: int
) -> None:
    before = await keys(config)
    old = RootKey.open(config.root_key_file).mark
    assert rewrapping(config, steps) == -signal.SIGKILL
    if steps:
        with pytest.raises(RootKeyTrouble, match="sympho keys rewrap again"):
            RootKey.open(config.root_key_file)
        assert (await keys_standing(config)).broken_off
        with pytest.raises(StartTrouble, match="broken off"):
            await confirm_root_key(config)
    await replace_root_key(config)
    assert await keys(config) == before
    assert RootKey.read(former_of(config.root_key_file)).mark == old
    assert not next_of(config.root_key_file).exists()


async def test_the_last_step_is_the_last_one(config: Config) -> None:
    await keys(config)
    assert rewrapping(config, STEPS) == 0


async def test_while_a_server_has_the_folder_or_the_database_nothing_is_begun_or_wrapped(config: Config) -> None:
    await keys(config)
    with claimed(config), pytest.raises(StartTrouble, match="already serves"):
        await replace_root_key(config)
    assert not next_of(config.root_key_file).exists()
    before = await rows(config)
    db = await open_database(replace(config, role=Role.NETWORK), Role.NETWORK)
    with pytest.raises(StartTrouble, match="has the database of the party network open"):
        await replace_root_key(config)
    await db.close()
    assert await rows_of_old(config) == before
    await replace_root_key(config)


async def rows_of_old(config: Config) -> list[dict[str, bytes]]:
    """As ``rows``, in the middle of a change."""
    return await rows(replace(config, root_key_file=next_of(config.root_key_file)))


async def test_the_former_root_key_is_kept_until_every_key_was_opened_with_the_new_one(config: Config) -> None:
    await keys(config)
    former = await replace_root_key(config)
    with pytest.raises(StartTrouble, match="former root key is still kept"):
        await replace_root_key(config)
    standing = await keys_standing(config)
    assert (standing.former, standing.broken_off) == (former, False)
    assert set(standing.parties) == set(Role.ALL.parties)
    assert min(standing.parties.values()) >= len(PURPOSES)
    assert await confirm_root_key(config) == former
    assert not former.exists()
    assert await confirm_root_key(config) is None
    await replace_root_key(config)


async def test_a_new_root_key_that_does_not_open_the_keys_is_not_confirmed(config: Config) -> None:
    await keys(config)
    former = await replace_root_key(config)
    config.root_key_file.write_bytes(bytes(32))
    with pytest.raises(StartTrouble, match="does not open"):
        await confirm_root_key(config)
    assert former.exists()


async def test_without_a_root_key_there_is_nothing_to_replace_and_none_is_made(config: Config, tmp_path: Path) -> None:
    nowhere = replace(config, root_key_file=tmp_path / "none.key")
    for what in (replace_root_key, keys_standing, confirm_root_key):
        with pytest.raises(ConfigError, match=r"none\.key"):
            await what(nowhere)
    assert not nowhere.root_key_file.exists()


async def test_a_folder_of_one_party_gets_no_other_party(config: Config) -> None:
    only = replace(config, role=Role.RESIDENTS)
    mark_as_of(only.data, [Role.RESIDENTS])
    db = await open_database(only, Role.RESIDENTS)
    await KeyRing.open(db.transaction, RootKey.open(only.root_key_file))
    await db.close()
    await replace_root_key(config)
    assert (await keys_standing(config)).parties == {"residents": 0}
    assert not (config.data / "network.lock").exists()
