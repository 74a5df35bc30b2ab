"""A PostgreSQL of somebody else's: passwords are asked for, and the given user is no superuser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway import embedded, references
from gateway.assembly import open_party
from gateway.config import Config, Role, Secret
from gateway.database import (
    Database,
    DatabaseForbids,
    DatabaseUnreachable,
    create_database,
    layout_for,
    open_database,
    sibling,
)
from gateway.layout import ROLE_SCHEMAS
from gateway.references.store import checked
from gateway.running.backup import back_up
from gateway.running.folder import mark_as_of
from gateway.running.restoring import restore

WORDS = "three old pines on a hill"
HBA = "local all postgres trust\nlocal all all scram-sha-256\n"


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The superuser's URL of a server that wants a password from everybody else."""
    running = embedded.start(tmp_path_factory.mktemp("external"))
    (running.folder / "pg_hba.conf").write_text(HBA)
    db = await superuser(running.url.reveal())
    async with db.connection() as conn:
        await conn.execute("SELECT pg_reload_conf()")
        await conn.execute("CREATE ROLE operator LOGIN CREATEROLE PASSWORD 'given'")
        await conn.execute("CREATE ROLE reader LOGIN PASSWORD 'given'")
    await create_database(running.url.reveal(), "country")
    async with db.connection() as conn:
        await conn.execute("ALTER DATABASE country OWNER TO operator")
    await db.close()
    yield running.url.reveal()
    running.stop()


async def superuser(url: str) -> Database:
    import asyncpg

    return Database(Role.ALL, await asyncpg.create_pool(url, min_size=1, max_size=1))


def settings(server: str, folder: Path, user: str, password: str) -> Config:
    url = sibling(server, "country").replace("postgres@", f"{user}:{password}@")
    return Config(Role.ALL, folder, folder / "root.key", database_url=Secret(url), pool_size=2)


@pytest.mark.parametrize("role", Role.ALL.parties)
async def test_a_user_that_may_create_roles_is_enough_and_the_party_logs_in_with_a_password_of_its_own(
    server: str, tmp_path: Path, role: Role
) -> None:
    config = settings(server, tmp_path, "operator", "given")
    for root_key in (config.root_key_file, config.root_key_file, tmp_path / "another.key"):
        db = await open_database(replace(config, root_key_file=root_key), role)
        async with db.connection() as conn:
            assert await conn.fetchval("SELECT session_user") == f"country_{role}_run"
            assert await conn.fetchval("SELECT current_schemas(false)") == list(ROLE_SCHEMAS[role])
        await db.close()


async def test_a_user_that_is_no_superuser_puts_references_off_and_has_them_checked(
    server: str, tmp_path: Path
) -> None:
    config = settings(server, tmp_path, "operator", "given")
    late = [one.name for one in layout_for(config, Role.INTERMEDIARY).late]
    db = await open_database(config, Role.INTERMEDIARY)
    async with references.put_off(config, Role.INTERMEDIARY), db.connection() as conn:
        assert await checked(conn, late) == set()
    await references.check(config, Role.INTERMEDIARY)
    async with db.connection() as conn:
        assert await checked(conn, late) == set(late)
    await db.close()


async def test_a_user_that_may_not_create_roles_is_told_what_to_do(server: str, tmp_path: Path) -> None:
    config = replace(settings(server, tmp_path, "reader", "given"), database_prefix="other")
    with pytest.raises(DatabaseForbids, match=r"CREATEROLE.*other_network_owner"):
        await open_database(config, Role.NETWORK)


async def test_a_wrong_password_is_refused_and_not_told(server: str, tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnreachable) as caught:
        await open_database(settings(server, tmp_path, "operator", "hunter2"), Role.NETWORK)
    assert "hunter2" not in str(caught.value)


async def test_a_user_that_is_no_superuser_backs_up_and_restores(server: str, tmp_path: Path) -> None:
    config = settings(server, tmp_path / "data", "operator", "given")
    config.data.mkdir()
    mark_as_of(config.data, Role.ALL.parties)
    for role in Role.ALL.parties:
        await (await open_party(config, role)).db.close()
    await back_up(config, tmp_path / "a.sympho", WORDS, lambda what, done: None)
    other = await create_database(server, "elsewhere")
    db = await superuser(server)
    async with db.connection() as conn:
        await conn.execute("ALTER DATABASE elsewhere OWNER TO operator")
    await db.close()
    new = replace(
        config,
        data=tmp_path / "new",
        root_key_file=tmp_path / "new" / "root.key",
        database_url=Secret(other.replace("postgres@", "operator:given@")),
    )
    looked = await restore(new, tmp_path / "a.sympho", WORDS, lambda what, done: None)
    assert looked.parties == Role.ALL.parties
    for role in Role.ALL.parties:
        opened = await open_party(new, role)
        async with opened.db.connection() as conn:
            assert await conn.fetchval("SELECT session_user") == f"elsewhere_{role}_run"
        await opened.db.close()
