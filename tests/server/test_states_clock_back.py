"""The world's clock is set back while an inquiry is on its way: nothing is stuck, and nothing ends before it was
asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from tests.conftest import Clones
from tests.server.ground import stage_of
from tests.server.stage import Stage

YEAR = timedelta(days=366)


@pytest.fixture
async def stage(clones: Clones, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with stage_of("local", clones, tmp_path_factory) as made:
        yield made
        await made.judged()


@pytest.mark.parametrize("moment", ["permit>", "permit<", "inquire>", "notice>", "notice<", "inquire<"])
async def test_an_inquiry_that_was_on_its_way_when_the_clock_went_back_still_ends(stage: Stage, moment: str) -> None:
    ask = stage.world.cast.care
    with stage.cut(moment):
        txn = await stage.begin(ask)
    await stage.set_clock(stage.network.clock.now() - YEAR)
    for _ in range(3):
        await stage.carry_on()
    row = await stage.inquiry(ask, txn)
    assert row.state == "ended"
    assert row.ended_at is not None
    assert row.ended_at >= row.asked_at.replace(microsecond=row.asked_at.microsecond // 1000 * 1000)
