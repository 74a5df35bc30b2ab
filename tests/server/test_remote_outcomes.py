"""The same inquiries end in the same way over both transports, whatever the way."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import UUID

import pytest

from fixtures.invented.cast import Ask, Expected
from gateway.intermediary import review
from gateway.intermediary.inquire import Asker
from gateway.intermediary.review import Choice, Preparation, Reviewer
from gateway.intermediary.withdrawal import withdraw as take_back
from gateway.records import store as record_store
from gateway.records.store import RecordRow
from sympho.codes import AgencyCode
from tests.conftest import Clones
from tests.countries import TRANSPORTS, Parties, Transport, country
from tests.judging import assert_judged

KINDS = {
    Expected.PROVIDED: "provided",
    Expected.NOTHING_HELD: "not-provided",
    Expected.NOT_ON_THE_LIST: "refused",
    Expected.NO_CODE_AT_PROVIDER: "refused",
    Expected.NOT_ASSESSED: "refused",
    Expected.NOT_IN_FORCE: "refused",
}
"""How what the story expects is called in a record, where nobody has to review it."""

CONFIRMED = Preparation(Choice.CONFIRM, None, None)


async def ends(transport: Transport, clones: Clones, folder: Path) -> dict[str, tuple[str, str, tuple[str, ...]]]:
    """Every inquiry of the story that needs no review: its kind, its reason, and the items that were provided."""
    found: dict[str, tuple[str, str, tuple[str, ...]]] = {}
    async with country(transport, clones, folder) as parties:
        for ask in parties.world.cast.asks:
            if ask.expected is Expected.HELD:
                continue
            finished = await parties.ask(ask)
            assert finished.kind == KINDS[ask.expected], ask.title_en
            items = tuple(sorted(finished.content.items)) if finished.content else ()
            found[ask.title_en] = (finished.kind, finished.reason, items)
        await assert_judged(parties)
    return found


async def test_every_inquiry_of_the_story_ends_the_same_over_both_transports(clones: Clones, data_folder: Path) -> None:
    local = await ends("local", clones, data_folder / "local")
    remote = await ends("remote", clones, data_folder / "remote")
    assert len(local) > 5
    assert remote == local


async def record_at(parties: Parties, holder: AgencyCode, txn: UUID) -> RecordRow:
    db = parties.network.db if holder == parties.network.agency else parties.intermediary.db
    async with db.connection() as conn:
        [row] = await record_store.get(conn, [(holder, txn)])
    return row


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_the_three_records_of_an_exchange_are_over_the_same_bytes(
    transport: Transport, clones: Clones, data_folder: Path
) -> None:
    async with country(transport, clones, data_folder) as parties:
        ask = parties.world.cast.vaccination
        registered = await parties.register(ask)
        assert registered.finished is not None
        await asyncio.wait_for(registered.finished, 5)
        holders = (ask.inquirer, parties.network.agency, ask.provider)
        rows = [await record_at(parties, holder, registered.txn) for holder in holders]
    assert len({row.jws.split(".")[1] for row in rows}) == 1
    assert len({row.jws for row in rows}) == 3


async def held(parties: Parties, ask: Ask) -> tuple[UUID, asyncio.Future[str]]:
    """Registers an inquiry that is held; its kind when it ends."""
    registered = await parties.register(ask)
    await parties.settle()
    row, _ = await review.found(parties.intermediary, ask.provider, registered.txn)
    assert row.state == "held"
    assert registered.finished is not None
    assert not registered.finished.done()
    waiting = registered.finished

    async def kind() -> str:
        return (await asyncio.wait_for(waiting, 5)).kind

    return registered.txn, asyncio.ensure_future(kind())


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_held_inquiry_is_answered_once_a_second_person_releases_it(
    transport: Transport, clones: Clones, data_folder: Path
) -> None:
    async with country(transport, clones, data_folder) as parties:
        ask = parties.world.cast.protected
        txn, kind = await held(parties, ask)
        await review.prepare(parties.intermediary, Reviewer(ask.provider, "stf_first"), txn, CONFIRMED)
        await review.release(parties.intermediary, Reviewer(ask.provider, "stf_second"), txn)
        assert await kind == "provided"
        await parties.settle()
        await assert_judged(parties)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_an_inquiry_that_is_taken_back_in_time_ends_as_withdrawn(
    transport: Transport, clones: Clones, data_folder: Path
) -> None:
    async with country(transport, clones, data_folder) as parties:
        ask = parties.world.cast.protected
        txn, kind = await held(parties, ask)
        await take_back(parties.intermediary, Asker(ask.inquirer, ask.office, "stf_x", None), txn)
        assert await kind == "withdrawn"
        await assert_judged(parties)
