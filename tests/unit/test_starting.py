"""The embedded database ends with whoever started it; that it does not end well hides nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway import embedded
from gateway.config import Config, Role, Secret
from gateway.embedded import EmbeddedTrouble
from gateway.problems import Problem
from gateway.running.starting import database


class Stuck:
    """An embedded server that cannot be stopped."""

    url = Secret("postgresql://postgres@/sympho")

    def listens(self) -> bool:
        return True

    def stop(self) -> None:
        raise EmbeddedTrouble("it does not stop")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    def start(data: Path, *, roomy: bool) -> Stuck:
        return Stuck()

    monkeypatch.setattr(embedded, "start", start)
    return Config(Role.ALL, tmp_path, tmp_path / "root.key")


async def test_why_the_inside_failed_is_told_and_not_that_the_database_did_not_stop(config: Config) -> None:
    with pytest.raises(Problem) as why:
        async with database(config):
            raise Problem("disk-full")
    assert why.value.slug == "disk-full"


async def test_that_the_database_did_not_stop_is_told_where_all_else_went_well(config: Config) -> None:
    with pytest.raises(EmbeddedTrouble, match="it does not stop"):
        async with database(config):
            pass
