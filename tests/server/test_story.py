"""The story is told as it should be, on a new installation and again on one that has told it before."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from fixtures.plugin import InventedCountry
from fixtures.scenarios.actors import Place
from fixtures.scenarios.story import tell
from fixtures.scenarios.telling import Telling
from fixtures.world import invented_country
from gateway.commands.client import Client
from gateway.running.credentials import read
from tests.server.program import Said, data_folder, serving, sympho


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    with data_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def told(data: Path) -> Said:
    """The story on a new installation, with a line in the log for every request."""
    return sympho("demo", "--data", str(data), "--log-level", "info")


def test_the_story_is_told_on_a_new_installation_and_ends_well(told: Said) -> None:
    assert told.code == 0, told.out[-3000:]
    assert "物語どおり" in told.out
    assert "✘" not in told.out


def test_the_story_names_who_did_what_under_which_article(told: Said) -> None:
    for text in ("16の2", "item 25", "four-eyes", "oborozuki-health", "番号法23条", "命令47条", "list-information"):
        assert text in told.out


def test_the_story_leaves_no_number_and_no_content_of_a_person_in_the_log(told: Said) -> None:
    assert "register-inquiry" in told.err
    leaked = [canary for canary in InventedCountry().canaries() if canary in told.err]
    assert leaked == []


def test_the_story_can_be_told_again_and_tells_of_a_difference(told: Said, data: Path) -> None:
    assert told.code == 0
    world = invented_country()
    other = replace(world, cast=replace(world.cast, tax=world.cast.not_on_the_list))
    file = read(data)
    assert file is not None
    with serving(data) as server:
        server.wait_until_ready()
        places = [Place(server.url, file)]
        again = tell(world, places, Console(file=StringIO()))
        differently = tell(other, places, Console(file=StringIO()))
    assert again == []
    assert any("outcome" in difference for difference in differently)


def test_a_story_that_is_stopped_puts_the_clock_back(told: Said, data: Path) -> None:
    assert told.code == 0
    with serving(data, command="run") as server:
        server.wait_for_line("別表第二")
        assert server.end(signal.SIGINT) == 0
    with serving(data) as again:
        again.wait_until_ready()
        with Client(again.url) as client:
            clock = client.get("/clock").data
    assert datetime.fromisoformat(clock["world"]).year == datetime.fromisoformat(clock["machine"]).year


def test_an_expectation_that_is_not_met_is_a_difference() -> None:
    telling = Telling(Console(file=StringIO()))
    assert telling.expect("状態 state", "held", "held")
    assert not telling.expect("状態 state", "held", "provided")
    assert len(telling.differences) == 1
