"""Settings: an argument wins over the environment, which wins over the default; nonsense is refused by name."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from gateway.config import ENVIRONMENT, Config, ConfigError, Role, default_data_folder, load


def test_every_setting_has_an_environment_variable_and_no_variable_sets_nothing() -> None:
    assert set(ENVIRONMENT) == {field.name for field in fields(Config)}


def test_without_anything_given_all_parties_run_here_on_this_machine_alone() -> None:
    config = load({}, {"HOME": "/home/someone"})
    assert (config.role, config.host, config.database_url) == (Role.ALL, "127.0.0.1", None)
    assert config.root_key_file == config.data / "root.key"


def test_an_argument_wins_over_the_environment() -> None:
    environ = {"SYMPHO_PORT": "1111", "SYMPHO_DATA": "/srv/a"}
    config = load({"port": 2222, "data": None}, environ)
    assert config.port == 2222
    assert config.data == Path("/srv/a")


def test_the_data_folder_is_where_the_user_keeps_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    assert default_data_folder({"XDG_DATA_HOME": "/x/share"}) == "/x/share/sympho"
    assert default_data_folder({"XDG_DATA_HOME": "relative"}).endswith("/.local/share/sympho")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("role", "both"),
        ("port", "65536"),
        ("port", "-1"),
        ("pool_size", "1"),
        ("log_level", "loud"),
        ("database_url", "mysql://a/b"),
        ("database_url", "postgresql://host"),
        ("network_url", "http://network"),
        ("database_prefix", "Drop;"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(ConfigError, match=name):
        load({}, {ENVIRONMENT[name]: text})


def test_an_unknown_argument_is_refused() -> None:
    with pytest.raises(ConfigError, match="colour"):
        load({"colour": "red"}, {})


def test_the_database_password_shows_nowhere() -> None:
    config = load({}, {"SYMPHO_DATABASE_URL": "postgresql://a:hunter2@host/db"})
    assert "hunter2" not in repr(config)
    with pytest.raises(ConfigError) as caught:
        load({}, {"SYMPHO_DATABASE_URL": "postgres:a:hunter2@host"})
    assert "hunter2" not in str(caught.value)
