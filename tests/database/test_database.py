"""A party's database: laid once, spoken to as a role that can only add to records, and silent about what it holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from gateway.config import Config, Role, Secret
from gateway.database import (
    Database,
    DatabaseOfAnotherVersion,
    DatabaseUnreachable,
    StatementFailed,
    database_name,
    lay,
    open_database,
    sibling,
)
from gateway.layout import layout_of
from gateway.problems import Busy, Conflict, Problem
from tests.conftest import PREFIX, DatabaseFor

VALUE = "123456789018"


def url_of(config: Config) -> str:
    assert config.database_url is not None
    return config.database_url.reveal()


async def test_what_a_transaction_wrote_is_gone_when_it_failed(database_for: DatabaseFor) -> None:
    db = await database_for(Role.RESIDENTS)
    with pytest.raises(KeyError):
        async with db.transaction() as conn:
            await conn.execute("INSERT INTO wrapped_key (name, wrapped) VALUES ('a:b', $1)", bytes(40))
            raise KeyError
    async with db.connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM wrapped_key") == 0


async def test_a_broken_constraint_becomes_a_conflict_that_carries_its_name_alone(database_for: DatabaseFor) -> None:
    db = await database_for(Role.RESIDENTS)
    with pytest.raises(Conflict) as caught:
        async with db.transaction() as conn:
            for _ in range(2):
                await conn.execute("INSERT INTO wrapped_key (name, wrapped) VALUES ($1, $2)", VALUE, bytes(40))
    assert caught.value.constraint == "wrapped_key_pk"
    assert caught.value.__suppress_context__
    assert VALUE not in repr(caught.value) + str(caught.value)


@pytest.mark.parametrize(
    ("statement", "argument"),
    [("SELECT $1::text::uuid", VALUE), ("SELECT $1::int", VALUE), ("SELECT $1::text::date", VALUE)],
)
async def test_no_refused_statement_tells_its_arguments(
    database_for: DatabaseFor, statement: str, argument: str
) -> None:
    db = await database_for(Role.RESIDENTS)
    with pytest.raises(StatementFailed) as caught:
        async with db.connection() as conn:
            await conn.fetchval(statement, argument)
    assert VALUE not in str(caught.value) + caught.value.log_text
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


async def test_a_statement_that_is_wrong_in_itself_is_told_in_words(database_for: DatabaseFor) -> None:
    db = await database_for(Role.RESIDENTS)
    with pytest.raises(StatementFailed, match="no_such_table"):
        async with db.connection() as conn:
            await conn.fetchval("SELECT 1 FROM no_such_table")


async def test_a_row_that_somebody_else_keeps_locked_is_busy_and_not_a_bug(database_for: DatabaseFor) -> None:
    db = await database_for(Role.NETWORK)
    async with db.connection() as conn:
        await conn.execute("INSERT INTO wrapped_key (name, wrapped) VALUES ('a:b', $1)", bytes(40))
    async with db.transaction() as holder:
        await holder.execute("SELECT 1 FROM wrapped_key FOR UPDATE")
        with pytest.raises(Busy):
            async with db.transaction() as conn:
                await conn.execute("SELECT 1 FROM wrapped_key FOR UPDATE NOWAIT")


@pytest.mark.parametrize("role", Role.ALL.parties)
async def test_every_append_only_table_refuses_update_delete_and_truncate_to_the_runtime_role(
    database_for: DatabaseFor, role: Role
) -> None:
    db = await database_for(role)
    layout = layout_of(role, PREFIX)
    marked = [
        line.split()[-1] for text in layout.schemas.values() for line in text.splitlines() if "-- append-only:" in line
    ]
    assert marked
    async with db.connection() as conn:
        for table in marked:
            for right in ("UPDATE", "DELETE", "TRUNCATE", "TRIGGER"):
                assert not await conn.fetchval("SELECT has_table_privilege($1, $2)", table, right), (table, right)
            for right in ("SELECT", "INSERT"):
                assert await conn.fetchval("SELECT has_table_privilege($1, $2)", table, right), (table, right)


@pytest.mark.parametrize("role", Role.ALL.parties)
async def test_a_party_owns_nothing_may_create_nothing_and_sees_no_other_partys_schemas(
    database_for: DatabaseFor, role: Role
) -> None:
    db = await database_for(role)
    own = set(layout_of(role, PREFIX).schemas)
    every = {schema for party in Role.ALL.parties for schema in layout_of(party, PREFIX).schemas}
    async with db.connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM pg_tables WHERE tableowner = CURRENT_USER") == 0
        for schema in every:
            assert await conn.fetchval("SELECT has_schema_privilege($1, 'USAGE')", schema) == (schema in own)
            assert not await conn.fetchval("SELECT has_schema_privilege($1, 'CREATE')", schema)
        shown = await conn.fetchval("SELECT current_schemas(false)")
    assert set(shown) == own


async def test_fsync_and_synchronous_commit_are_on(database_for: DatabaseFor) -> None:
    db = await database_for(Role.NETWORK)
    async with db.connection() as conn:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert await conn.fetchval("SELECT current_setting($1)", setting) == "on"


async def test_a_moment_comes_back_as_it_was_given_from_any_time_zone(database_for: DatabaseFor) -> None:
    db = await database_for(Role.NETWORK)
    given = datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=9)))
    async with db.connection() as conn:
        assert await conn.fetchval("SELECT $1::timestamptz", given) == given
        back = await conn.fetchval("SELECT $1::timestamptz[]", [given, None])
        text = await conn.fetchval("SELECT $1::timestamptz::text", given)
    assert back == [given, None]
    assert text == "1969-12-31 14:59:59.999999+00"
    assert back[0].tzinfo is UTC


@pytest.mark.parametrize("statement", ["SELECT $1::timestamptz", "SELECT ($1::timestamptz[])[1]"])
async def test_a_naive_moment_is_refused_and_never_read_as_local_time(
    database_for: DatabaseFor, statement: str
) -> None:
    db = await database_for(Role.NETWORK)
    naive = datetime(2026, 7, 1, 9)
    with pytest.raises(StatementFailed):
        async with db.connection() as conn:
            await conn.fetchval(statement, [naive] if "[]" in statement else naive)


async def test_opening_a_database_a_second_time_changes_nothing(config: Config, database_for: DatabaseFor) -> None:
    first = await database_for(Role.NETWORK)
    async with first.connection() as conn:
        laid = await conn.fetchval("SELECT laid_at FROM laid_schema")
    second = await open_database(config, Role.NETWORK)
    async with second.connection() as conn:
        assert await conn.fetchval("SELECT laid_at FROM laid_schema") == laid
    await second.close()


async def test_a_database_laid_by_other_schema_files_is_refused_by_name(config: Config) -> None:
    other = replace(layout_of(Role.NETWORK, PREFIX), digest="0" * 64)
    with pytest.raises(DatabaseOfAnotherVersion, match="network were laid by another version"):
        await lay(url_of(config), other)


async def test_a_missing_database_is_named(config: Config) -> None:
    url = sibling(url_of(config), "nowhere")
    with pytest.raises(DatabaseUnreachable, match="'nowhere'"):
        await open_database(replace(config, database_url=Secret(url)), Role.NETWORK)
    assert database_name(url) == "nowhere"


async def test_a_server_that_cannot_be_reached_is_told_without_the_password(config: Config) -> None:
    nobody = Secret("postgresql://someone:hunter2@127.0.0.1:1/sympho")
    with pytest.raises(DatabaseUnreachable) as caught:
        await open_database(replace(config, database_url=nobody), Role.NETWORK)
    assert "hunter2" not in str(caught.value)


async def test_a_connection_that_the_server_ends_becomes_a_problem_and_the_next_one_works(
    database_for: DatabaseFor,
) -> None:
    db: Database = await database_for(Role.NETWORK)
    with pytest.raises(Problem) as caught:
        async with db.transaction() as conn:
            await conn.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert caught.value.slug == "database-unavailable"
    await db.ping()
