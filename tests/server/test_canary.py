"""漏えい検査 over a whole run in one process: no number and no content of a person stands where it may not.

Looked for are every number and telling content of the invented country and every linkage code that passed a door;
looked through are log lines, problems, records, annexes, permits, alarms, operations, and every text column of every
table.
"""

from __future__ import annotations

import asyncio
import io
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import structlog

from gateway.database import Database
from gateway.exchange.messages import Notice
from gateway.intermediary import inquire, provide
from gateway.intermediary.inquire import Asker, Asking
from gateway.intermediary.review import Choice, Preparation, WithholdReason
from gateway.judge.canaries import Canaries
from gateway.log import configure
from gateway.problems import Problem
from gateway.problems import encode as encode_problem
from sympho.codes import UnifiedNumber
from tests.conftest import Clones
from tests.server.ground import stage_of
from tests.server.stage import SECOND, Stage

DAY = timedelta(days=1)

TABLES = """
SELECT table_schema || '.' || table_name FROM information_schema.tables
WHERE table_schema = ANY (current_schemas(false)) ORDER BY 1
"""
NUMBERED = {"registry.addressee_link": {"addressee", "unified"}}
"""Where an agency's own server knows a person by its own numbers: 宛名番号 and 団体内統合宛名番号, and nothing else."""
KEY = {"unified"}


@pytest.fixture
async def stage(clones: Clones, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with stage_of("local", clones, tmp_path_factory) as made:
        yield made


@pytest.fixture
def lines() -> Any:
    """Everything that is logged, as it is printed, from the chattiest level on."""
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    before = structlog.get_config()
    configure("debug", stream, console=False)
    root.setLevel(logging.DEBUG)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**before)


async def everything(stage: Stage) -> list[str]:
    """A run with every kind of end and many wrong calls; what the problems said."""
    cast = stage.world.cast
    said: list[str] = []

    async def wrongly(call: Awaitable[object]) -> None:
        try:
            await call
        except Problem as problem:
            said.append(encode_problem(problem.body("0")).decode() + repr(problem))

    for ask in cast.asks:
        txn = await stage.begin(ask)
        await wrongly(stage.release(ask, txn))
        await wrongly(stage.take_back(ask, txn))
    released, withheld = await stage.begin(cast.protected), await stage.begin(cast.information_held)
    await stage.prepare(cast.protected, released)
    await wrongly(stage.release(cast.protected, released, "stf_first"))
    await stage.hold(cast.protected)
    await wrongly(stage.release(cast.protected, released))
    await stage.prepare(cast.protected, released)
    await stage.release(cast.protected, released)
    await stage.prepare(
        cast.information_held, withheld, Preparation(Choice.WITHHOLD, None, WithholdReason.WRONG_PERSON)
    )
    await stage.release(cast.information_held, withheld, SECOND)
    await wrong_calls(stage, wrongly)
    await stage.begin(cast.protected)
    await stage.pass_time(8 * DAY)
    await stage.carry_on()
    return said


async def wrong_calls(stage: Stage, wrongly: Any) -> None:
    """Calls that name a person wrongly, and messages that do not verify."""
    ask = stage.world.cast.vaccination
    nobody = UnifiedNumber("9" * 14 + "0")
    asker = Asker(ask.inquirer, ask.office, "stf_x", None)
    asking = Asking(nobody, ask.provider, ask.task, ask.information, (), None, False, False)
    await wrongly(inquire.register(stage.intermediary, asker, asking, "nobody", wait=False))
    await stage.begin(ask, "twice")
    await wrongly(stage.register(ask, "twice", non_disclosure=True))
    notices: list[Notice] = []

    async def see(message: object) -> None:
        assert isinstance(message, Notice)
        notices.append(message)
        raise Problem("network-unavailable")

    with stage.on("notice>", see):
        await stage.begin(ask)
    late = msgspec.structs.replace(notices[0], notified_at=notices[0].notified_at + 30 * DAY)
    await wrongly(provide.notice(stage.intermediary, ask.provider, late))
    with stage.on("intermediary.take>", bug):
        with suppress(LookupError):
            await provide.notice(stage.intermediary, ask.provider, notices[0])
        await stage.begin(ask)
    await stage.settle()
    await asyncio.sleep(0)


async def bug(message: object) -> None:
    """A bug that quotes what it was given, as bugs do."""
    raise LookupError(repr(message), vars(message) if hasattr(message, "__dict__") else message)


async def text_of(db: Database) -> dict[tuple[str, str], str]:
    """Every text column of a party's tables, as one text each."""
    found: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    async with db.connection() as conn:
        for (table,) in await conn.fetch(TABLES):
            for row in await conn.fetch(f"TABLE {table}"):
                for column, value in row.items():
                    if isinstance(value, str | list):
                        found[table, column].append(str(value))
    return {place: "\n".join(texts) for place, texts in found.items()}


async def test_no_number_and_no_content_stands_where_it_may_not(stage: Stage, lines: io.StringIO) -> None:
    said = await everything(stage)
    own = {one.number.reveal() for one in stage.world.numberings()}
    own |= {person.reveal() for person in stage.persons.values()}
    secret = {*stage.world.canaries(), *stage.codes} - own
    canaries = Canaries(secret | own)
    assert len(stage.codes) > 10
    assert len(said) > 15
    logged = lines.getvalue()
    assert "notice-not-taken" in logged
    assert "background-failure" in logged
    assert not canaries.sing(logged)
    assert not canaries.sing("\n".join(said))
    verdict = await stage.judged()
    assert len(verdict.counts.ended) == 5
    await stage.judged_for(secret | own)
    for db in (stage.network.db, stage.intermediary.db, stage.residents.db):
        for (table, column), text in (await text_of(db)).items():
            knows_by_number = column in NUMBERED.get(table, KEY)
            looked_for = Canaries(secret) if knows_by_number else canaries
            assert not looked_for.sing(text), (table, column)


async def test_the_search_itself_finds_what_it_looks_for(stage: Stage) -> None:
    texts = await text_of(stage.intermediary.db)
    unified = stage.provided_person(stage.world.cast.tax).reveal()
    assert Canaries([unified]).sing(texts["intermediary.duplicate", "unified"])
