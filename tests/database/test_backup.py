"""A whole installation backed up beside its running server, and restored elsewhere: the same world, by the judge."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from pathlib import Path

import pytest

from gateway import layout as layouts
from gateway.assembly import AllInOne, all_in_one
from gateway.clock import Clock
from gateway.config import Config, ConfigError, Role, Secret
from gateway.database import create_database, open_database
from gateway.judge.verdict import Verdict, judge_configs
from gateway.keys import passphrase
from gateway.keys.ring import KeyMissing, KeyRing
from gateway.keys.root import RootKey, RootKeyTrouble, next_of
from gateway.layout import LAID, layout_of
from gateway.managing.archive import BadArchive
from gateway.running.backup import Copy, back_up
from gateway.running.folder import claimed
from gateway.running.restoring import look_at, restore
from gateway.running.trouble import StartTrouble
from tests.conftest import PREFIX, Clones, DatabaseFor
from tests.countries import Parties, config_of, country
from tests.server.program import environment

WORDS = "three old pines on a hill"
_names = (f"restored_{number}" for number in count(1))


def silent(what: str, done: int) -> None:
    """Nobody looks."""


@dataclass
class Original:
    """A running country, the settings of its data, and a backup of it."""

    parties: Parties
    config: Config
    file: Path
    copy: Copy


def settings(parties: Parties, folder: Path) -> Config:
    pool = parties.network.db._pool
    return config_of(folder, str(pool._connect_args[0]), Role.ALL)


@pytest.fixture(scope="module")
async def original(clones: Clones, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Original]:
    folder = tmp_path_factory.mktemp("original") / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passphrase, "COST", 2**4)
        async with country("local", clones, folder) as parties:
            config = settings(parties, folder)
            cast = parties.world.cast
            for ask in (cast.vaccination, cast.tax):
                await parties.ask(ask)
            (folder / "approvers").mkdir()
            (folder / "approvers" / "one.json").write_text("{}")
            with claimed(config):
                file = folder.parent / "a.sympho"
                asking = [asyncio.create_task(parties.ask(cast.vaccination)) for _ in range(12)]
                copy = await back_up(config, file, WORDS, silent)
                await asyncio.gather(*asking)
            yield Original(parties, config, file, copy)


async def elsewhere(postgres: str, folder: Path) -> Config:
    url = await create_database(postgres, next(_names))
    return Config(Role.ALL, folder, folder / "root.key", database_url=Secret(url), database_prefix=PREFIX, pool_size=4)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def judged(config: Config) -> Verdict:
    return await judge_configs(config, [config])


async def test_beside_a_running_server_one_moment_is_copied_and_restored_whole(
    original: Original, postgres: str, tmp_path: Path
) -> None:
    config = await elsewhere(postgres, tmp_path / "new")
    looked = await restore(config, original.file, WORDS, silent)
    assert looked.contents == original.copy.contents
    assert (config.data / "approvers" / "one.json").read_text() == "{}"
    assert {path.stat().st_mode & 0o777 for path in config.data.rglob("*") if path.is_file()} == {0o600}
    assert RootKey.open(config.root_key_file).mark == RootKey.open(original.config.root_key_file).mark
    with claimed(config):
        again = await back_up(config, tmp_path / "b.sympho", WORDS, silent)
    before = {part: rows for part, rows in original.copy.contents.rows.items() if not part.endswith("wrapped_key")}
    assert {part: again.contents.rows[part] for part in before} == before
    assert again.contents.sequences == original.copy.contents.sequences
    verdict = await judged(config)
    assert verdict.holds, verdict.violations
    assert verdict.counts.exchanges >= 2


async def test_a_restored_world_is_judged_as_the_original_and_goes_on_from_there(
    original: Original, postgres: str, tmp_path: Path
) -> None:
    await original.parties.settle()
    with claimed(original.config):
        await back_up(original.config, tmp_path / "still.sympho", WORDS, silent)
    config = await elsewhere(postgres, tmp_path / "new")
    await restore(config, tmp_path / "still.sympho", WORDS, silent)
    assert await judged(config) == await judged(original.config)
    parties: AllInOne = await all_in_one(config, Clock(), original.parties.world.network.code)
    cast = original.parties.world.cast
    restored = replace(
        original.parties,
        network=parties.network,
        intermediary=parties.intermediary,
        residents=parties.residents,
    )
    assert (await restored.ask(cast.vaccination)).kind == "provided"
    assert (await restored.ask(cast.tax)).kind == (await original.parties.ask(cast.tax)).kind
    await parties.close()


async def test_no_session_goes_into_a_backup_and_no_key_of_tokens_comes_out_of_one(
    original: Original, postgres: str, tmp_path: Path
) -> None:
    assert not [part for part in original.copy.contents.rows if part.endswith((".session", ".revocation"))]
    ring = original.parties.intermediary.ring
    await ring.make("intermediary:token", lambda: b"a key of tokens")
    with claimed(original.config):
        await back_up(original.config, tmp_path / "c.sympho", WORDS, silent)
    config = await elsewhere(postgres, tmp_path / "new")
    await restore(config, tmp_path / "c.sympho", WORDS, silent)
    db = await open_database(replace(config, role=Role.INTERMEDIARY), Role.INTERMEDIARY)
    restored = await KeyRing.open(db.transaction, RootKey.open(config.root_key_file))
    with pytest.raises(KeyMissing):
        restored.secret("intermediary:token")
    assert len(restored) == len(ring) - 1
    await db.close()


async def test_a_backup_that_is_damaged_or_of_another_version_changes_nothing(
    original: Original, postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = await elsewhere(postgres, tmp_path / "new")
    whole = original.file.read_bytes()
    damaged = tmp_path / "damaged.sympho"
    for bad in (whole[: len(whole) // 2], whole[:-1], whole[:-300] + b"\0" + whole[-299:]):
        damaged.write_bytes(bad)
        with pytest.raises(BadArchive):
            await restore(config, damaged, WORDS, silent)
    with pytest.raises(BadArchive, match="passphrase"):
        await restore(config, original.file, "four old pines on a hill", silent)
    layouts.layout_of.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(layouts, "_LAID_DDL", layouts._LAID_DDL + "CREATE TABLE later (n integer);\n")
        with pytest.raises(BadArchive, match="another version"):
            await restore(config, original.file, WORDS, silent)
    layouts.layout_of.cache_clear()
    assert not config.data.exists()
    assert names(tmp_path) == ["damaged.sympho"]
    await restore(config, original.file, WORDS, silent)


async def test_nothing_is_restored_over_anything(original: Original, postgres: str, tmp_path: Path) -> None:
    config = await elsewhere(postgres, tmp_path / "new")
    config.data.mkdir()
    (config.data / "note.txt").write_text("mine")
    with pytest.raises(ConfigError, match="not empty"):
        await restore(config, original.file, WORDS, silent)
    assert names(config.data) == ["note.txt"]
    filled = replace(original.config, data=tmp_path / "other", root_key_file=tmp_path / "other" / "root.key")
    with pytest.raises(StartTrouble, match="already holds data"):
        await restore(filled, original.file, WORDS, silent)
    assert not filled.data.exists()
    with pytest.raises(ConfigError, match="is there already"):
        await back_up(original.config, original.file, WORDS, silent)
    with pytest.raises(ConfigError, match="is there already"):
        await restore(
            replace(config, data=tmp_path / "x", root_key_file=original.config.root_key_file),
            original.file, WORDS, silent,
        )  # fmt: skip


async def test_a_disk_that_knows_no_links_takes_a_backup_as_well(
    original: Original, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(source: object, target: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted", str(source), None, str(target))

    monkeypatch.setattr(os, "link", refused)
    await back_up(original.config, tmp_path / "stick.sympho", WORDS, silent)
    assert names(tmp_path) == ["stick.sympho"]
    assert look_at(tmp_path / "stick.sympho", WORDS).contents.rows.keys() == original.copy.contents.rows.keys()


async def test_data_without_parties_and_keys_in_the_middle_of_a_change_are_not_backed_up(
    original: Original, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="holds no data"):
        await back_up(replace(original.config, data=tmp_path), tmp_path / "d.sympho", WORDS, silent)
    next_of(original.config.root_key_file).write_bytes(os.urandom(32))
    try:
        with pytest.raises((StartTrouble, RootKeyTrouble), match="broken off"):
            await back_up(original.config, tmp_path / "d.sympho", WORDS, silent)
    finally:
        next_of(original.config.root_key_file).unlink()
    assert names(tmp_path) == []


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from gateway.config import load
from gateway.keys import passphrase
from gateway.running import restoring

passphrase.COST = 2**4


def told(what, rows):
    if what == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)


asyncio.run(restoring.restore(load(), Path(sys.argv[1]), sys.argv[3], told))
"""


async def test_a_restoring_that_is_killed_leaves_nothing_and_is_done_by_running_it_again(
    original: Original, postgres: str, tmp_path: Path
) -> None:
    config = await elsewhere(postgres, tmp_path / "new")
    assert config.database_url is not None
    where = environment(
        SYMPHO_DATA=str(config.data),
        SYMPHO_DATABASE_URL=config.database_url.reveal(),
        SYMPHO_DATABASE_PREFIX=PREFIX,
    )
    for table in ("issuing.issued_code", "intermediary.inquiry"):
        line = [sys.executable, "-c", KILLED, str(original.file), table, WORDS]
        done = await asyncio.to_thread(subprocess.run, line, env=where, capture_output=True, check=False)
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert not config.data.exists()
    await restore(config, original.file, WORDS, silent)
    assert names(tmp_path) == ["new"]
    assert (await judged(config)).holds


async def test_the_tables_that_are_copied_are_all_that_are_laid(database_for: DatabaseFor) -> None:
    for role in Role.ALL.parties:
        layout = layout_of(role, PREFIX)
        async with (await database_for(role)).connection() as conn:
            rows = await conn.fetch(
                "SELECT schemaname, tablename FROM pg_tables WHERE schemaname = ANY ($1::text[])",
                list(layout.schemas),
            )
        laid = {(row["schemaname"], row["tablename"]) for row in rows}
        assert set(layout.tables) == laid
        assert len(layout.tables) == len(laid)
        assert LAID in {table for _, table in layout.tables}


def test_a_backup_says_when_it_was_made_and_by_which_program(original: Original) -> None:
    manifest = look_at(original.file, WORDS).manifest
    assert isinstance(manifest.made_at, datetime)
    assert manifest.parties.keys() == {str(role) for role in Role.ALL.parties}
