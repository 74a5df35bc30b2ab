"""An installation knows which world it was filled with, and no other one takes its place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fixtures.folders import example, folder
from fixtures.folders.files import OnDisk
from fixtures.plugin import InventedCountry, WorldFolder
from gateway.config import Config, load
from gateway.running.editions import NotedWorld, note_of, remember, world_of
from gateway.running.starting import chosen_world
from gateway.running.trouble import StartTrouble


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    place = tmp_path / "mine"
    folder.write(example.example("04100", ("04202", "04203"), 12), OnDisk(place))
    return place


@pytest.fixture
def settings(data_folder: Path) -> Config:
    return load({"data": data_folder}, {})


def filled(config: Config) -> None:
    remember(config, chosen_world(config), loaded=False)
    remember(config, chosen_world(config), loaded=True)


def test_whoever_names_no_world_gets_the_invented_country(settings: Config) -> None:
    assert isinstance(chosen_world(settings), InventedCountry)


def test_a_start_that_was_killed_goes_on_with_the_same_folder(settings: Config, mine: Path) -> None:
    remember(replace(settings, world=str(mine)), WorldFolder(mine), loaded=False)
    assert isinstance(world_of(settings), WorldFolder)


def test_a_folder_that_was_loaded_is_not_looked_at_by_a_later_start(settings: Config, mine: Path) -> None:
    filled(replace(settings, world=str(mine)))
    mine.rename(mine.with_name("moved"))
    world = chosen_world(settings)
    assert isinstance(world, NotedWorld)
    assert world.title == ("見本の世界", "an example world")
    assert world.accounts() == ()


def test_a_folder_may_move(settings: Config, mine: Path) -> None:
    filled(replace(settings, world=str(mine)))
    moved = mine.rename(mine.with_name("moved"))
    filled(replace(settings, world=str(moved)))
    note = note_of(settings.data)
    assert note is not None
    assert note.world == str(moved)


def test_what_is_made_by_code_and_what_is_read_from_a_folder_do_not_take_each_others_place(
    settings: Config, mine: Path
) -> None:
    filled(replace(settings, world=str(mine)))
    with pytest.raises(StartTrouble, match="another world"):
        chosen_world(replace(settings, world="invented"))
    assert isinstance(world_of(settings), NotedWorld)


def test_the_country_cannot_grow_after_it_was_made(settings: Config) -> None:
    filled(replace(settings, scale=60))
    assert isinstance(chosen_world(settings), InventedCountry)
    assert world_of(settings).title == chosen_world(replace(settings, scale=60)).title
    with pytest.raises(StartTrouble, match="--scale 90"):
        chosen_world(replace(settings, scale=90))


def test_a_folder_with_mistakes_is_told_before_anything_is_noted(settings: Config, mine: Path) -> None:
    (mine / "staff.csv").write_text("agency\n", encoding="utf-8")
    with pytest.raises(StartTrouble, match=r"staff\.csv:1:1"):
        chosen_world(replace(settings, world=str(mine)))
    assert note_of(settings.data) is None


def test_a_scale_that_is_too_small_and_a_world_that_is_not_there_are_told(settings: Config) -> None:
    with pytest.raises(StartTrouble, match="residents: "):
        chosen_world(replace(settings, scale=3))
    with pytest.raises(StartTrouble, match="no such folder"):
        chosen_world(replace(settings, world="/nowhere/at/all"))
