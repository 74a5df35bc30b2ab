"""Starting, stopping and being killed: the program as a process, on a data folder of its own."""

from __future__ import annotations

import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.running.credentials import FILE, read
from tests.server.program import data_folder, serving, sympho

NETWORK_STAFF = 7


def _accounts(data: Path) -> int:
    """How many accounts have a password in the file: the network's come first, all others last of all."""
    file = read(data)
    return 0 if file is None else len(file.accounts)


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    """One folder for this file's tests, which run in their order: killed while filling, filled, killed, stopped."""
    with data_folder() as folder:
        yield folder


def test_a_first_start_that_is_killed_while_it_fills_in_is_begun_again(data: Path) -> None:
    with serving(data) as killed:
        killed.wait_for_line("duplicates")
        killed.end(signal.SIGKILL)
        assert _accounts(data) <= NETWORK_STAFF
    with serving(data) as again:
        again.wait_until_ready()
        assert _accounts(data) > NETWORK_STAFF
        assert again.end(signal.SIGKILL) == -signal.SIGKILL


def test_the_credentials_are_readable_by_their_owner_alone_and_let_in(data: Path) -> None:
    file = read(data)
    assert file is not None
    assert stat.S_IMODE((data / FILE).stat().st_mode) == 0o600
    assert len({one.password for one in file.accounts}) == len(file.accounts) > 100


def test_after_a_kill_the_next_start_serves_what_was_there_and_stops_cleanly(data: Path) -> None:
    before = (data / FILE).read_bytes()
    with serving(data) as warm:
        warm.wait_until_ready()
        assert sympho("status", "--data", str(data)).code == 0
        assert (data / FILE).read_bytes() == before
        assert warm.end(signal.SIGINT) == 0
    assert "Stopped" in warm.log.read_text()
    assert not (data / "postgres" / "postmaster.pid").exists()


def test_the_first_line_says_that_this_is_a_simulator_in_japanese_first(data: Path) -> None:
    first = data.with_suffix(".log").read_text().splitlines()[0]
    assert first.index("シミュレーター") < first.index("This is a simulator")


def test_a_stop_while_starting_leaves_nothing_running(data: Path) -> None:
    with serving(data) as early:
        early.wait_for_line("simulator")
        assert early.end(signal.SIGTERM) in {0, -signal.SIGTERM}
    assert not (data / "postgres" / "postmaster.pid").exists()


def test_a_second_server_on_the_same_data_is_told_who_serves_it(data: Path) -> None:
    with serving(data) as first:
        first.wait_until_ready()
        second = sympho("serve", "--data", str(data), "--port", "0")
        assert second.code == 3
        assert "同じデータで別のサーバーが動いています" in second.err
        assert str(first.process.pid) in second.err
        assert first.ready()


def test_a_port_that_is_taken_is_named_before_anything_is_made(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = sympho("serve", "--data", str(tmp_path / "data"), "--port", str(port))
    assert said.code == 3
    assert str(port) in said.err
    assert "--port" in said.err
    assert not (tmp_path / "data" / "postgres").exists()


def test_a_data_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    said = sympho("serve", "--data", str(tmp_path / "file" / "data"), "--port", "0")
    assert said.code == 3
    assert str(tmp_path / "file") in said.err
    assert "--data" in said.err


def test_a_database_that_nobody_answers_for_is_said_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://somebody:geheim@127.0.0.1:1/nowhere"
    said = sympho("serve", "--data", str(tmp_path / "data"), "--port", "0", SYMPHO_DATABASE_URL=url)
    assert said.code == 3
    assert "PostgreSQL に接続できません" in said.err
    assert "geheim" not in said.err


def test_a_role_of_its_own_that_has_not_joined_is_told_how_to(tmp_path: Path) -> None:
    said = sympho("serve", "--role", "residents", "--data", str(tmp_path / "r"), "--port", "0", "--party-port", "0")
    assert said.code == 3
    assert "--join" in said.err


def test_a_world_that_is_not_installed_is_named(tmp_path: Path) -> None:
    said = sympho("serve", "--data", str(tmp_path / "data"), "--port", "0", SYMPHO_WORLD="atlantis")
    assert said.code == 3
    assert "atlantis" in said.err
