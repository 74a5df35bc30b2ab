"""The import contracts name the rooms that exist, so that none of them can be forgotten."""

from __future__ import annotations

import importlib
import pkgutil
import tomllib
from pathlib import Path
from typing import Any

import gateway

ROOT = Path(__file__).parents[2]


def contracts() -> dict[str, dict[str, Any]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    return {contract["id"]: contract for contract in settings["contracts"]}


def test_every_room_of_the_gateway_has_its_layer() -> None:
    layers = contracts()["rooms-of-the-gateway"]["layers"]
    named = {room.strip(" ()") for layer in layers for room in layer.split(":")}
    assert {module.name for module in pkgutil.iter_modules(gateway.__path__)} - named == set()


def test_authz_is_kept_from_every_module_of_sympho_but_the_codes() -> None:
    import sympho

    forbidden = set(contracts()["authz-sees-codes"]["forbidden_modules"])
    there = {f"sympho.{module.name}" for module in pkgutil.iter_modules(sympho.__path__)}
    assert there - forbidden == {"sympho.codes"}


def test_every_floor_is_a_package_that_is_installed() -> None:
    for floor in contracts()["floors"]["layers"]:
        assert importlib.import_module(floor).__path__, floor


def test_every_module_whose_name_says_that_it_is_a_store_is_the_only_one_of_its_room_that_speaks_sql() -> None:
    speaking = [
        path.relative_to(ROOT).as_posix()
        for package in ("sympho", "authz", "gateway", "fixtures")
        for path in sorted((ROOT / package).rglob("*.py"))
        if "store" not in (path.stem, path.parent.name)
        and path.name not in {"database.py", "layout.py"}
        and any(f"await conn.{verb}(" in path.read_text() for verb in ("execute", "fetch", "fetchrow", "fetchval"))
    ]
    assert speaking == []
