"""Shared commits: together when they come together, alone when one is refused, never lost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from gateway.committer import Batch, Committer
from gateway.config import Role
from gateway.database import Connection, Database
from gateway.problems import Busy, Conflict, Problem
from tests.conftest import DatabaseFor

INSERT = """
INSERT INTO wrapped_key (name, wrapped) SELECT name, $2 FROM UNNEST($1::text[]) AS fresh (name)
"""


async def write(conn: Connection, names: Sequence[str]) -> list[str]:
    await conn.execute(INSERT, list(names), bytes(40))
    return [f"wrote {name}" for name in names]


@pytest.fixture
async def db(database_for: DatabaseFor) -> Database:
    return await database_for(Role.RESIDENTS)


async def held(db: Database) -> set[str]:
    async with db.connection() as conn:
        return {row["name"] for row in await conn.fetch("SELECT name FROM wrapped_key")}


async def test_everybody_gets_the_answer_to_their_own_item(db: Database) -> None:
    committer = Committer(db, write, name="keys")
    names = [f"name {n}" for n in range(300)]
    answers = await asyncio.gather(*(committer.submit(name) for name in names))
    assert answers == [f"wrote {name}" for name in names]
    assert await held(db) == set(names)


async def test_whoever_comes_together_is_written_together(db: Database) -> None:
    batches: list[Batch] = []
    committer = Committer(db, write, name="keys", seen=batches.append)
    await asyncio.gather(*(committer.submit(f"name {n}") for n in range(200)))
    assert sum(batch.size for batch in batches) == 200
    assert len(batches) <= 3
    assert all(batch.failed == 0 and batch.seconds > 0 and batch.waited >= 0 for batch in batches)


async def test_no_batch_is_larger_than_the_largest_allowed(db: Database) -> None:
    batches: list[Batch] = []
    committer = Committer(db, write, name="keys", largest=7, seen=batches.append)
    await asyncio.gather(*(committer.submit(f"name {n}") for n in range(50)))
    assert max(batch.size for batch in batches) == 7


async def test_an_item_that_the_database_refuses_fails_alone(db: Database) -> None:
    committer = Committer(db, write, name="keys")
    await committer.submit("held")
    names = [f"name {n}" for n in range(20)]
    names.insert(11, "held")
    results = await asyncio.gather(*(committer.submit(name) for name in names), return_exceptions=True)
    refused = [result for result in results if isinstance(result, BaseException)]
    assert [type(result) for result in refused] == [Conflict]
    assert isinstance(results[11], Conflict)
    assert await held(db) == set(names)


async def test_an_answer_comes_only_after_the_commit(db: Database) -> None:
    committer = Committer(db, write, name="keys")
    await committer.submit("seen by others")
    assert await held(db) == {"seen by others"}


async def test_too_many_at_once_are_told_to_come_back_and_nothing_of_theirs_is_written(db: Database) -> None:
    committer = Committer(db, write, name="keys", limit=3)
    results = await asyncio.gather(*(committer.submit(f"name {n}") for n in range(10)), return_exceptions=True)
    busy = [result for result in results if isinstance(result, Busy)]
    assert len(busy) == 7
    assert busy[0].retry_after == 1
    assert len(await held(db)) == 3


async def test_closing_writes_all_that_waits_and_takes_nothing_more(db: Database) -> None:
    committer = Committer(db, write, name="keys", largest=5)
    waiting = [asyncio.create_task(committer.submit(f"name {n}")) for n in range(30)]
    await asyncio.sleep(0)
    await committer.close()
    assert len(await held(db)) == 30
    await asyncio.gather(*waiting)
    with pytest.raises(Problem) as caught:
        await committer.submit("late")
    assert caught.value.slug == "not-ready"


async def test_whoever_was_cancelled_before_its_turn_is_not_written(db: Database) -> None:
    gate = asyncio.Event()

    async def slowly(conn: Connection, names: Sequence[str]) -> list[str]:
        await gate.wait()
        return await write(conn, names)

    committer = Committer(db, slowly, name="keys")
    first = asyncio.create_task(committer.submit("first"))
    await asyncio.sleep(0.01)
    second = asyncio.create_task(committer.submit("second"))
    third = asyncio.create_task(committer.submit("third"))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(first, third)
    assert await held(db) == {"first", "third"}


async def test_one_round_at_a_time_unless_more_are_allowed(db: Database) -> None:
    async def most_at_once(parallel: int) -> int:
        now = most = 0

        async def counted(conn: Connection, names: Sequence[str]) -> list[str]:
            nonlocal now, most
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.01)
            written = await write(conn, names)
            now -= 1
            return written

        committer = Committer(db, counted, name="keys", largest=2, parallel=parallel)
        await asyncio.gather(*(committer.submit(f"{parallel} {n}") for n in range(12)))
        return most

    assert await most_at_once(1) == 1
    assert await most_at_once(2) == 2


async def test_a_lost_database_fails_the_whole_round_at_once_and_the_next_one_works(db: Database) -> None:
    rounds = 0

    async def once_lost(conn: Connection, names: Sequence[str]) -> list[str]:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            await conn.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return await write(conn, names)

    committer = Committer(db, once_lost, name="keys")
    results = await asyncio.gather(*(committer.submit(f"name {n}") for n in range(8)), return_exceptions=True)
    assert {result.slug for result in results if isinstance(result, Problem)} == {"database-unavailable"}
    assert rounds == 1
    assert await committer.submit("name 1") == "wrote name 1"


async def test_a_writer_that_forgets_an_answer_commits_nothing(db: Database) -> None:
    async def forgetful(conn: Connection, names: Sequence[str]) -> list[str]:
        return (await write(conn, names))[1:]

    with pytest.raises(RuntimeError):
        await Committer(db, forgetful, name="keys").submit("name")
    assert await held(db) == set()
