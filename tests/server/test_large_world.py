"""A large world is filled in by several processes; killed in the middle, the next start makes it whole, and nothing of
what the filling put off is left undone."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path

import asyncpg
import pytest

from fixtures.filling import content_of
from fixtures.folders.invented import book_of
from fixtures.plugin import LARGE
from fixtures.world import World, invented_country
from gateway import embedded
from gateway.assembly import AllInOne, all_in_one
from gateway.clock import Clock
from gateway.config import Role, load
from gateway.intermediary import deposit
from gateway.layout import layout_of
from sympho import addressees, registry
from sympho.codes import UnifiedNumber
from sympho.linkage import PersonStatus
from tests.server.program import data_folder, serving, sympho

LONG_AGO = datetime.now(UTC).date() - timedelta(days=200)
"""What has not been published since may have been deleted, as what has expired is."""
ON_THE_WAY = ("宛名番号 addressees", "符号 linkage codes")


@pytest.fixture(scope="module")
def world() -> World:
    return invented_country(LARGE)


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    """Data that were filled in three times: killed among the people, killed among the codes, then served."""
    with data_folder() as folder:
        for step in ON_THE_WAY:
            with serving(folder, "--scale", str(LARGE)) as killed:
                killed.wait_for_line(step)
                beside = _beside(folder)
                killed.end(signal.SIGKILL)
                assert beside
                _gone(beside)
            with (folder / "restarted").open("a") as file:
                file.write(f"{datetime.now(UTC).isoformat()}\n")
        with serving(folder, "--scale", str(LARGE)) as running:
            running.wait_until_ready()
            yield folder


@pytest.fixture(scope="module")
async def parties(data: Path, world: World) -> AsyncIterator[AllInOne]:
    config = load({"data": data, "database_url": _url(data)})
    opened = await all_in_one(config, Clock(), world.network.code)
    yield opened
    await opened.close()


def _url(data: Path) -> str:
    url = embedded.address(data)
    assert url is not None
    return url.reveal()


def _beside(data: Path) -> list[int]:
    """The processes that fill these data in."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            line, settings = (place / "cmdline").read_bytes(), (place / "environ").read_bytes()
        except OSError:
            continue
        if b"gateway.running.share\0" in line and f"SYMPHO_DATA={data}\0".encode() in settings:
            found.append(int(place.name))
    return found


def _stays(until: date | None) -> bool:
    return until is None or until >= LONG_AGO


def _gone(processes: list[int], seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while any(_runs(one) for one in processes):
        assert time.monotonic() < until, "a process went on filling after its owner had been killed"
        time.sleep(0.05)


def _runs(process: int) -> bool:
    try:
        return os.stat(f"/proc/{process}") is not None and ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False


async def test_everybody_is_there_once_with_every_number_duplicate_and_code(data: Path, world: World) -> None:
    numberings = list(world.numberings())
    persons = {(one.agency, one.resident) for one in numberings}
    duplicates = sum(1 for one in world.duplicates() if _stays(one.published_until))
    without = len(book_of(world).newcomers)
    expected = {
        "residents.resident": world.size,
        "registry.unified_person": len(persons),
        "registry.addressee_link": len(numberings),
        "registry.held_code": len(persons) - without,
        "registry.code_acquisition": 0,
        "issuing.resident_person": world.size,
        "issuing.issued_code": len(persons) - without,
    }
    conn = await asyncpg.connect(_url(data))
    try:
        found = {table: len(await conn.fetch(f"TABLE {table}")) for table in expected}
        assert found == expected
        lasting = "SELECT count(*) FROM intermediary.duplicate WHERE coalesce(published_until, $1) >= $1"
        assert await conn.fetchval(lasting, LONG_AGO) == duplicates
        assert await conn.fetchval("SELECT count(*) FROM issuing.issued_code WHERE state <> 'confirmed'") == 0
    finally:
        await conn.close()


async def test_what_stood_before_a_kill_was_not_written_again(data: Path) -> None:
    first, second = map(datetime.fromisoformat, (data / "restarted").read_text().splitlines())
    conn = await asyncpg.connect(_url(data))
    try:
        assert await conn.fetchval("SELECT count(*) FROM intermediary.duplicate WHERE deposited_at < $1", first)
        assert not await conn.fetchval("SELECT count(*) FROM intermediary.duplicate WHERE deposited_at > $1", second)
        assert await conn.fetchval("SELECT count(*) FROM registry.held_code WHERE bound_at < $1", second)
    finally:
        await conn.close()


async def test_every_reference_of_the_schema_files_stands_and_has_been_checked(data: Path) -> None:
    conn = await asyncpg.connect(_url(data))
    try:
        found = await conn.fetch("SELECT conname, convalidated FROM pg_constraint WHERE contype = 'f'")
    finally:
        await conn.close()
    texts = "".join(text for role in Role.ALL.parties for text in layout_of(role, "any").schemas.values())
    assert sorted(row["conname"] for row in found) == sorted(re.findall(r"CONSTRAINT (\w+)\s+FOREIGN KEY", texts))
    assert all(row["convalidated"] for row in found)


async def test_what_is_held_of_people_of_every_share_is_what_the_world_says(parties: AllInOne, world: World) -> None:
    server = parties.intermediary
    book = book_of(world)
    newcomers = {(row.agency, row.person) for row in book.newcomers}
    for person in islice(book.people(), 0, None, world.size // 40):
        for row in person.numbers:
            async with server.db.connection() as conn:
                [unified] = await addressees.to_unified(conn, row.agency, [(row.system, row.number)])
                assert unified is not None
                [status] = await registry.statuses(conn, row.agency, [unified])
            is_new = (row.agency, row.person) in newcomers
            assert status is (PersonStatus.NONE if is_new else PersonStatus.HELD)
            held = await deposit.listed(server, row.agency, unified)
            said = [one for one in person.duplicates if one.head.agency == row.agency]
            assert {one.information: content for one, content in held if _stays(one.published_until)} == {
                one.information: content_of(one) for one in said if _stays(one.head.published_until)
            }


async def test_the_flags_of_the_world_are_set(parties: AllInOne, world: World) -> None:
    server = parties.intermediary
    book = book_of(world)
    names = {flag.person for flag in book.flags}
    people = {one.resident.person: one for one in islice(book.people(), 200) if one.resident.person in names}
    for flag in book.flags:
        numbers = [(row.system, row.number) for row in people[flag.person].numbers if row.agency == flag.agency]
        async with server.db.connection() as conn:
            [unified, *_] = await addressees.to_unified(conn, flag.agency, numbers)
        assert isinstance(unified, UnifiedNumber)
        [row] = [
            one
            for one in await deposit.flags(server, flag.agency, unified)
            if one.information == (flag.information or "")
        ]
        assert (row.no_automatic_answer, row.non_disclosure) == (flag.no_automatic_answer, flag.non_disclosure)


def test_the_story_is_told_on_it_and_the_judge_is_satisfied(data: Path) -> None:
    told = sympho("story", "--data", str(data))
    assert told.code == 0, told.out[-2000:] + told.err[-2000:]
    judged = sympho("judge", "--data", str(data))
    assert judged.code == 0, judged.out[-2000:] + judged.err[-2000:]
