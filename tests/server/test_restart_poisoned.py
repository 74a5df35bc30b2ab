"""One row that nobody can read any more does not stop the carrying of all others."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from tests.conftest import Clones
from tests.server.ground import stage_of
from tests.server.stage import Stage


@pytest.fixture
async def stage(clones: Clones, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with stage_of("local", clones, tmp_path_factory) as made:
        yield made


async def test_a_provision_that_cannot_be_read_stops_no_inquiry(stage: Stage) -> None:
    held, ask = stage.world.cast.protected, stage.world.cast.vaccination
    poisoned = await stage.begin(held)
    await stage.prepare(held, poisoned)
    with stage.cut("answer>", "permit>"):
        await stage.release(held, poisoned)
        txn = await stage.begin(ask)
    async with stage.intermediary.db.transaction() as conn:
        await conn.execute("UPDATE provision SET answer = '{}' WHERE txn = $1", poisoned)
    with capture_logs() as logged:
        await stage.carry_on()
    assert "settling-failed" in {line["event"] for line in logged}
    await stage.assert_ended(ask, txn, "provided", "none")


async def test_an_exchange_that_cannot_be_read_stops_no_other(stage: Stage) -> None:
    ask = stage.world.cast.vaccination
    with stage.cut("notice>"):
        poisoned, txn = await stage.begin(ask), await stage.begin(ask)
    async with stage.network.db.transaction() as conn:
        await conn.execute("UPDATE exchange SET permit = 'x.y.z' WHERE txn = $1", poisoned)
    with capture_logs() as logged:
        await stage.carry_on()
    assert "carrying-failed" in {line["event"] for line in logged}
    await stage.assert_ended(ask, txn, "provided", "none")
