"""What keeps the program from starting, or from writing: said by name, with what to do; gone, it starts.

The message is read from the program itself; that it heals is shown by the same step of the start, without the program
around it.
"""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import struct
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pytest

from gateway.config import Config, Role, Secret
from gateway.database import DatabaseForbids, DatabaseTooOld, create_database, open_database, refuse_old, sibling
from gateway.running.folder import claimed, write_whole
from gateway.running.starting import _try_ports
from gateway.running.trouble import StartTrouble
from tests.server.disks import SMALL_DISK, mounted, small_disk
from tests.server.program import SYMPHO, Said, environment, sympho
from tests.server.program import data_folder as program_folder

SOCKET = ".s.PGSQL.5432"
PYTHON = sys.executable


def assert_told(said: Said, *words: str) -> None:
    """Cannot start, in both languages, with an arrow to what to do."""
    assert said.code == 3, said.err
    assert "起動できません / cannot start" in said.err
    assert said.err.count("→") >= 2
    for word in words:
        assert word in said.err
    assert "Traceback" not in said.err


def settings(data: Path, role: Role = Role.ALL) -> Config:
    return Config(role, data, data / "root.key", port=0, party_port=0, join_port=0)


# --- ports ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["port", "party-port", "join-port"])
def test_each_port_that_is_taken_is_named_and_taken_once_it_is_free(tmp_path: Path, which: str) -> None:
    ports = dict.fromkeys(("port", "party-port", "join-port"), "0")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports[which] = str(taken.getsockname()[1])
        given = [word for name, port in ports.items() for word in (f"--{name}", port)]
        said = sympho("serve", "--role", "network", "--data", str(tmp_path / "data"), *given)
        assert_told(said, ports[which], f"--{which}")
    freed = settings(tmp_path, Role.NETWORK)
    _try_ports(
        replace(freed, port=int(ports["port"]), party_port=int(ports["party-port"]), join_port=int(ports["join-port"]))
    )


# --- the folder -----------------------------------------------------------------------------------------------------


def test_a_folder_that_is_unwritable_is_named_and_served_once_it_is_writable(tmp_path: Path) -> None:
    """A file stands where the folder should be: nobody can write there, whatever the rights."""
    there = tmp_path / "there"
    there.write_text("a file")
    assert_told(sympho("serve", "--data", str(there / "data"), "--port", "0"), str(there / "data"), "--data")
    there.unlink()
    with claimed(settings(there / "data")):
        assert stat.S_IMODE((there / "data").stat().st_mode) == 0o700


def a_folder_on_a_read_only_disk_is_named_and_served_once_it_may_be_written() -> None:
    with small_disk("1m") as disk:
        assert mounted(disk, "remount", "ro")
        said = sympho("serve", "--data", str(disk / "data"), "--port", "0")
        assert_told(said, str(disk / "data"), "Read-only file system", "--data")
        assert mounted(disk, "remount", "rw")
        with claimed(settings(disk / "data")):
            pass


if SMALL_DISK:
    test_a_folder_on_a_read_only_disk = a_folder_on_a_read_only_disk_is_named_and_served_once_it_may_be_written


def test_a_second_server_is_refused_by_the_first_ones_number_and_let_in_when_that_has_gone(tmp_path: Path) -> None:
    config = settings(tmp_path / "data")
    with claimed(config), pytest.raises(StartTrouble) as second, claimed(config):
        raise AssertionError("two servers on the same data")
    assert str(os.getpid()) in second.value.en
    assert "--data" in second.value.advice_en
    with claimed(config):
        pass


# --- a full disk ------------------------------------------------------------------------------------------------------


def test_a_report_that_nobody_can_take_is_said_and_written_when_there_is_room(tmp_path: Path) -> None:
    line = [*SYMPHO, "authz", "matrix"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(line, stdout=full, stderr=subprocess.PIPE, text=True, env=environment(), check=False)
    assert done.returncode == 3
    assert "書き込めません / cannot write" in done.stderr
    assert "No space left on device" in done.stderr
    assert "→" in done.stderr
    assert "Traceback" not in done.stderr
    assert sympho("authz", "matrix").code == 0


def test_a_file_that_could_not_be_written_whole_is_not_there_and_the_old_one_still_is(tmp_path: Path) -> None:
    """The disk is full between one file and the next: a limit of this very process stands for it."""
    kept = tmp_path / "kept.json"
    write_whole(kept, b"before")
    script = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from gateway.running.folder import write_whole\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))\n"
        "write_whole(Path(sys.argv[1]), bytes(1000))\n"
    )
    done = subprocess.run([PYTHON, "-c", script, str(kept)], check=False)
    assert done.returncode != 0
    assert kept.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [kept]
    write_whole(kept, bytes(1000))
    assert kept.read_bytes() == bytes(1000)


def test_a_log_on_a_full_disk_stops_nobody_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    script = (
        "import os, sys\n"
        "from gateway import log as logs\n"
        "logs.configure()\n"
        "logs.log.error('said-to-nobody')\n"
        "os.dup2(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT), 2)\n"
        "logs.log.error('said-again')\n"
    )
    file = tmp_path / "log"
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([PYTHON, "-c", script, str(file)], stderr=full, check=False)
    assert done.returncode == 0
    assert "said-again" in file.read_text()


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("major", range(8, 20))
def test_a_postgresql_before_15_is_too_old_and_any_later_one_will_do(major: int) -> None:
    if major >= 15:
        return refuse_old(major)
    with pytest.raises(DatabaseTooOld, match=f"PostgreSQL 15 or newer is needed, this is {major}"):
        refuse_old(major)
    return None


@asynccontextmanager
async def saying(real: Path, version: bytes) -> AsyncIterator[Path]:
    """A folder whose socket leads to the real server, which says there that it is of another version."""

    async def through(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_unix_connection(str(real / SOCKET))

        async def onward() -> None:
            while data := await reader.read(65536):
                server_writer.write(data)
            server_writer.close()

        onwards = asyncio.create_task(onward())
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                kind = await server_reader.readexactly(1)
                [size] = struct.unpack("!i", await server_reader.readexactly(4))
                body = await server_reader.readexactly(size - 4)
                if kind == b"S" and body.startswith(b"server_version\0"):
                    body = b"server_version\0" + version + b"\0"
                writer.write(kind + struct.pack("!i", len(body) + 4) + body)
        writer.close()
        onwards.cancel()

    with tempfile.TemporaryDirectory(prefix="sympho-old-") as folder:
        listening = await asyncio.start_unix_server(through, str(Path(folder) / SOCKET))
        async with listening:
            yield Path(folder)


async def test_a_server_that_says_it_is_too_old_is_refused_by_its_version_and_a_newer_one_is_used(
    postgres: str, data_folder: Path
) -> None:
    real = await create_database(postgres, "too_old")
    folder = real.partition("host=")[2]
    async with saying(Path(folder.replace("%2F", "/")), b"14.19") as told:
        url = real.replace(folder, quote(str(told), safe=""))
        said = await asyncio.to_thread(
            sympho, "serve", "--data", str(data_folder), "--port", "0", SYMPHO_DATABASE_URL=url
        )
    assert_told(said, "this is 14", "PostgreSQL が古すぎます", "SYMPHO_DATABASE_URL")
    config = replace(settings(data_folder), database_url=Secret(real))
    db = await open_database(config, Role.RESIDENTS)
    await db.ping()
    await db.close()


async def test_a_user_that_may_not_create_roles_is_told_the_grant_that_is_missing_and_goes_on_with_it(
    postgres: str, data_folder: Path
) -> None:
    url = await create_database(postgres, "guarded")
    admin = await asyncpg.connect(url)
    try:
        await admin.execute("CREATE ROLE guarded_user LOGIN")
        mine = sibling(url, "guarded").replace("postgres@", "guarded_user@")
        said = await asyncio.to_thread(
            sympho, "serve", "--data", str(data_folder), "--port", "0", SYMPHO_DATABASE_URL=mine
        )
        assert_told(said, "CREATEROLE", "guarded_network_owner", "guarded_network_run")
        config = replace(settings(data_folder), database_url=Secret(mine))
        with pytest.raises(DatabaseForbids):
            await open_database(config, Role.RESIDENTS)
        await admin.execute("ALTER ROLE guarded_user CREATEROLE")
        await admin.execute("GRANT CREATE ON DATABASE guarded TO guarded_user")
        db = await open_database(config, Role.RESIDENTS)
        await db.ping()
        await db.close()
    finally:
        await admin.close()


def test_the_embedded_server_that_cannot_start_says_why_in_its_own_words() -> None:
    with program_folder() as data:
        data.mkdir(parents=True)
        broken = data / "postgres"
        broken.mkdir()
        (broken / "PG_VERSION").write_text("18\n")
        assert_told(sympho("serve", "--data", str(data), "--port", "0"), "PostgreSQL", str(broken))
