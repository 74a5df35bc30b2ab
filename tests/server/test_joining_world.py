"""A body that begins in a world whose parties are apart: its server joins for it by a second file, and serves it."""

from __future__ import annotations

import socket
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from fixtures.folders import example, folder
from fixtures.folders.files import OnDisk
from fixtures.plugin import WorldFolder
from gateway.config import Config, Role
from gateway.running.roles import Opened, opened
from gateway.running.trouble import StartTrouble
from gateway.running.wording import worded
from sympho.codes import AgencyCode
from tests.conftest import Clones
from tests.countries import config_of

CITY, NEW = AgencyCode("0220104100901700"), AgencyCode("0220104205601700")


def silent(what: str, done: int) -> None:
    """Nobody watches."""


def free_port() -> int:
    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))
        return int(some.getsockname()[1])


def begin(world: Path) -> None:
    """A new body with an office, somebody who manages accounts, a business system, and a person whom it numbers."""
    lines = {
        "agencies.csv": f"{NEW},気仙沼市,,MUNICIPALITY,2015-10-05/,,,\n",
        "offices.csv": f"{NEW},00,総務課,,\n",
        "staff.csv": f"{NEW},kesennuma-staff,権限　見本,00,manage-staff\n",
        "systems.csv": f"{NEW},024,健康管理,\n",
        "numbers.csv": f"{NEW},024,02400006,p06\n",
    }
    for file, line in lines.items():
        text = (world / file).read_text(encoding="utf-8")
        assert f"{CITY}," in text
        (world / file).write_text(text.replace(f"{CITY},", f"{line}{CITY},", 1), encoding="utf-8")


async def test_a_body_that_begins_is_served_apart_once_its_server_has_joined_for_it(
    clones: Clones, data_folder: Path, tmp_path: Path
) -> None:
    place = tmp_path / "world"
    folder.write(example.example("04100", ("04202", "04203"), 14), OnDisk(place))
    network, server, residents = [
        config_of(data_folder / role, await clones.take(), role)
        for role in (Role.NETWORK, Role.INTERMEDIARY, Role.RESIDENTS)
    ]
    network = replace(network, party_port=free_port())

    async def up(stack: AsyncExitStack, config: Config) -> Opened:
        return await stack.enter_async_context(opened(config, WorldFolder(place), silent))

    async with AsyncExitStack() as lasting:
        async with AsyncExitStack() as first:
            files = {path.stem: path for path in (await up(first, network)).joining}
            residents = replace(residents, join=files["residents"])
            server = replace(server, join=files["intermediary"])
            server = replace(server, residents_url=(await up(lasting, residents)).party_url)
            here = (await up(first, server)).house.intermediary
            assert here is not None
            assert NEW not in here.agencies

        begin(place)
        known = (await up(lasting, network)).house.network
        assert known is not None
        with pytest.raises(StartTrouble) as told, worded():
            async with opened(replace(server, join=None), WorldFolder(place), silent):
                raise AssertionError("a server that serves whom it may not")
        assert "sympho joining offer --role intermediary" in told.value.advice_en

        again = await up(lasting, server)
        here = again.house.intermediary
        assert here is not None
        assert NEW in here.agencies
        assert [line for line in again.changes if line.startswith(f"agencies.csv: 追加 added 1 ({NEW})")]
        assert known.published.directory.entry(NEW).keys
        assert known.published.directory.entry(CITY).endpoint == known.published.directory.entry(NEW).endpoint
