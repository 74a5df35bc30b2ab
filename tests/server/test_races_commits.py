"""Shared commits under every order of coming and going: whoever submits is answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from gateway.committer import Committer


class Nothing:
    """A database without a delay: its commits take no turn of the loop, or as many as told."""

    def __init__(self, turns: int) -> None:
        self.turns = turns

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[list[int]]:
        for _ in range(self.turns):
            await asyncio.sleep(0)
        yield []


async def doubled(_: list[int], items: Sequence[int]) -> list[int]:
    return [2 * item for item in items]


@pytest.mark.parametrize("turns", [0, 1, 2])
@pytest.mark.parametrize("parallel", [1, 2])
async def test_whoever_submits_again_as_soon_as_it_is_answered_is_answered_again(turns: int, parallel: int) -> None:
    committer: Committer[int, int] = Committer(Nothing(turns), doubled, name="toy", parallel=parallel)
    async with asyncio.timeout(2):
        for n in range(20):
            assert await committer.submit(n) == 2 * n
    await committer.close()


@pytest.mark.parametrize("pause", range(8))
async def test_whoever_comes_while_a_writer_is_going_is_not_left_waiting(pause: int) -> None:
    committer: Committer[int, int] = Committer(Nothing(1), doubled, name="toy")

    async def late() -> int:
        for _ in range(pause):
            await asyncio.sleep(0)
        return await committer.submit(2)

    async with asyncio.timeout(2):
        assert list(await asyncio.gather(committer.submit(1), late())) == [2, 4]
    await committer.close()
