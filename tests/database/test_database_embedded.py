"""The embedded PostgreSQL: survives a kill, refuses a second server, keeps strangers and rows out."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from gateway import embedded
from gateway.config import Config, Role
from gateway.database import open_database
from gateway.problems import Conflict

SERVE = """
import sys, time
from pathlib import Path
from gateway import embedded, log
log.configure()
embedded.start(Path(sys.argv[1]))
print("up", flush=True)
time.sleep(600)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "data"
    if embedded.address(tmp_path / "data") is not None:  # a test that failed half-way leaves no server behind
        embedded.start(tmp_path / "data").stop()


def killed_server(folder: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", SERVE, str(folder)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        with pytest.raises(embedded.SecondServer, match=f"second server on the same data: process {process.pid}"):
            embedded.start(folder)
    finally:
        process.kill()
        process.communicate()


async def test_a_killed_process_leaves_a_server_that_the_next_start_takes_over(folder: Path) -> None:
    killed_server(folder)
    assert embedded.address(folder) is not None
    server = embedded.start(folder)
    settings = Config(Role.RESIDENTS, folder, folder / "root.key", database_url=server.url, pool_size=2)
    db = await open_database(settings, Role.RESIDENTS)
    await db.ping()
    with pytest.raises(Conflict):
        async with db.transaction() as conn:
            for _ in range(2):
                await conn.execute("INSERT INTO wrapped_key (name, wrapped) VALUES ('4711 4711', $1)", bytes(40))
    await db.close()
    server.stop()
    server.stop()
    assert embedded.address(folder) is None
    assert "4711" not in (server.folder / "server.log").read_text()
    assert stat.S_IMODE(server.folder.stat().st_mode) == 0o700

    foreign = server.folder / "postmaster.pid"
    foreign.write_text(f"{os.getpid()}\n{server.folder}\n1\n5432\n{server.folder}\n\n1 1\nready   \n")
    again = embedded.start(folder)
    laid = await open_database(replace(settings, database_url=again.url), Role.RESIDENTS)
    await laid.ping()
    await laid.close()
    again.stop()


def test_a_path_too_long_for_a_socket_gets_a_short_one_that_is_ours_alone() -> None:
    with tempfile.TemporaryDirectory() as top:
        deep = Path(top) / ("d" * 60) / ("e" * 60)
        server = embedded.start(deep)
        sockets = Path(server.url.reveal().partition("host=")[2].replace("%2F", "/"))
        try:
            assert sockets != server.folder
            assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        finally:
            server.stop()
            sockets.rmdir()


def test_files_of_another_major_version_are_refused_by_name(folder: Path) -> None:
    (folder / "postgres").mkdir(parents=True)
    (folder / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(embedded.EmbeddedTrouble, match="PostgreSQL 16"):
        embedded.start(folder)
    (folder / "postgres" / "PG_VERSION").write_text("17\n")
    with pytest.raises(embedded.EmbeddedTrouble, match="PostgreSQL 17"):
        embedded.start(folder)


async def test_a_server_that_much_is_written_to_at_once_has_more_room_and_is_as_durable(tmp_path: Path) -> None:
    server = embedded.start(tmp_path / "data", roomy=True)
    try:
        conn = await asyncpg.connect(server.url.reveal())
        durable = [await conn.fetchval(f"SHOW {name}") for name in ("fsync", "synchronous_commit", "full_page_writes")]
        room = await conn.fetchval("SELECT pg_size_bytes(current_setting('max_wal_size'))")
        await conn.close()
    finally:
        server.stop()
    assert durable == ["on", "on", "on"]
    assert room >= 2 * 2**30
