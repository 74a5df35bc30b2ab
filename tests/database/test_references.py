"""References that a filling puts off are away meanwhile; afterwards they hold for every row, whatever came between."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import asyncpg
import pytest

from gateway import references
from gateway.config import Config, Role
from gateway.database import Database, layout_for, open_database
from gateway.problems import Conflict
from tests.conftest import DatabaseFor

AGENCY = "0220199100701700"
STRANGER = "INSERT INTO addressee_link VALUES ($1, '010', '000000000000001', '000000000000007', $2)"
LATE = {"addressee_link_of_a_person", "duplicate_person", "guard_person"}


@pytest.fixture
async def db(database_for: DatabaseFor) -> Database:
    return await database_for(Role.INTERMEDIARY)


async def standing(db: Database) -> dict[str, bool]:
    async with db.connection() as conn:
        rows = await conn.fetch("SELECT conname, convalidated FROM pg_constraint WHERE contype = 'f'")
    return {row["conname"]: row["convalidated"] for row in rows}


async def link_a_stranger(db: Database) -> None:
    async with db.connection() as conn:
        await conn.execute(STRANGER, AGENCY, datetime(2026, 7, 1, tzinfo=UTC))


async def test_the_marked_references_are_away_inside_and_stand_checked_afterwards(config: Config, db: Database) -> None:
    before = await standing(db)
    assert {one.name for one in layout_for(config, Role.INTERMEDIARY).late} == LATE
    async with references.put_off(config, Role.INTERMEDIARY):
        assert set(before) - set(await standing(db)) == LATE
    with pytest.raises(Conflict) as refused:
        await link_a_stranger(db)
    assert refused.value.constraint == "addressee_link_of_a_person"
    await references.check(config, Role.INTERMEDIARY)
    assert await standing(db) == before
    assert all(before.values())
    with pytest.raises(Conflict) as refused:
        await link_a_stranger(db)
    assert refused.value.constraint == "addressee_link_of_a_person"


async def test_a_row_that_points_at_nobody_is_found_at_the_end_and_at_every_opening(
    config: Config, db: Database
) -> None:
    async with references.put_off(config, Role.INTERMEDIARY):
        await link_a_stranger(db)
    with pytest.raises(Conflict) as refused:
        await references.check(config, Role.INTERMEDIARY)
    assert refused.value.constraint == "addressee_link_of_a_person"
    with pytest.raises(Conflict):
        await references.make_good(config, Role.INTERMEDIARY, db)
    async with db.connection() as conn:
        await conn.execute("DELETE FROM addressee_link")
    await references.make_good(config, Role.INTERMEDIARY, db)
    found = await standing(db)
    assert all(found[name] for name in LATE)


async def test_what_a_filling_that_broke_off_has_left_out_is_made_good_at_the_next_opening(
    config: Config, db: Database
) -> None:
    with pytest.raises(KeyboardInterrupt):
        async with references.put_off(config, Role.INTERMEDIARY):
            raise KeyboardInterrupt
    assert not LATE & set(await standing(db))
    await references.make_good(config, Role.INTERMEDIARY, db)
    found = await standing(db)
    assert all(found[name] for name in LATE)


async def test_who_opens_the_party_while_it_is_being_filled_changes_nothing(config: Config, db: Database) -> None:
    async with references.put_off(config, Role.INTERMEDIARY):
        other = await open_database(replace(config, role=Role.INTERMEDIARY), Role.INTERMEDIARY)
        await references.make_good(config, Role.INTERMEDIARY, other)
        await other.close()
        assert not LATE & set(await standing(db))


async def test_the_runtime_role_cannot_take_a_reference_away(db: Database) -> None:
    async with db.connection() as conn:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await conn.execute("ALTER TABLE guard DROP CONSTRAINT guard_person")
