"""People pass through in chunks, a few of them at once; the first failure is what is raised, and ends the others."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from fixtures import filling
from gateway.problems import Problem


async def test_only_so_many_chunks_are_at_hand_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "CHUNK", 10)
    made = 0
    done: list[int] = []
    most = 0

    def things() -> Iterator[int]:
        nonlocal made
        for n in range(205):
            made += 1
            yield n

    async def act(some: list[int]) -> None:
        nonlocal most
        await asyncio.sleep(0)
        most = max(most, made - len(done))
        done.extend(some)

    await filling.in_chunks(things(), act)
    assert sorted(done) == list(range(205))
    assert most <= (filling.CHUNKS_AT_ONCE + 1) * 10


async def test_the_first_failure_comes_by_itself_and_nothing_goes_on_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "CHUNK", 10)
    begun: list[int] = []

    async def act(some: list[int]) -> None:
        begun.append(some[0])
        if some[0] == 20:
            raise Problem("database-unavailable")
        await asyncio.sleep(0.01)

    with pytest.raises(Problem) as failed:
        await filling.in_chunks(range(1_000), act)
    assert failed.value.slug == "database-unavailable"
    assert len(begun) < 10
