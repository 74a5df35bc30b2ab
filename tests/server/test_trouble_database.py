"""The database goes away, or has no room, under a program that serves; the cause goes, and nobody starts it again.

What was acknowledged before is there afterwards, what was not may be sent again as it was, and the judge finds nothing.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from fixtures.world import invented_country
from gateway import embedded
from gateway.commands.client import Client, Refused, Reply
from gateway.running.credentials import read
from tests.server.api import asking
from tests.server.disks import SMALL_DISK, mounted, small_disk
from tests.server.program import PATIENCE, Program, serving, sympho

AWAY = {"database-unavailable", "revocation-feed-lost", "busy"}
FULL = """
CREATE FUNCTION public.full_now() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'could not extend file "base/1": No space left on device' USING ERRCODE = 'disk_full';
END
$$
"""
ON_INQUIRIES = "CREATE TRIGGER full_now BEFORE INSERT ON intermediary.inquiry EXECUTE FUNCTION public.full_now()"
BIG_ENOUGH, TOO_SMALL = "size=400m", "60m"
PASSPHRASE = "three old pines on a hill"


@dataclass
class Place:
    """A program that serves, and a member of staff who asks there for what is answered at once."""

    program: Program
    client: Client

    def ask(self, key: str, wait: int = 10) -> Reply:
        ask = invented_country().cast.vaccination
        return self.client.post("/inquiries", asking(ask), key=key.replace(" ", "-"), wait=wait)

    def show(self, exchange: str) -> Any:
        return self.client.get(f"/inquiries/{exchange}/result").data


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """On a disk of its own where the machine lets us have one: then it can really be full."""
    with tempfile.TemporaryDirectory(prefix="sympho-trouble-") as name:
        if SMALL_DISK:
            assert mounted(Path(name), BIG_ENOUGH)
        try:
            with serving(Path(name) / "data") as program:
                program.wait_until_ready()
                with signed_in(program) as client:
                    yield Place(program, client)
        finally:
            if SMALL_DISK:
                subprocess.run(["umount", "--lazy", name], check=True)


@contextmanager
def signed_in(program: Program) -> Iterator[Client]:
    """Who asks, after both bodies have acquired the person's code."""
    world = invented_country()
    ask = world.cast.vaccination
    file = read(program.data)
    assert file is not None
    for numbering in world.numberings_of(world.resident(ask.person.resident)):
        if numbering.agency in {ask.inquirer, ask.provider}:
            keeper = file.holding("manage-duplicates", numbering.agency)
            assert keeper is not None
            with Client(program.url) as client:
                client.login(keeper.agency, keeper.login, keeper.password)
                person = {"system": numbering.system, "number": numbering.number.reveal()}
                client.post("/codes/acquisition", {"persons": [person]}, key=f"codes-{numbering.agency}")
    who = file.find(ask.login)
    assert who is not None
    with Client(program.url) as client:
        client.login(who.agency, who.login, who.password)
        yield client


def refused(call: Callable[[], object], seconds: float = 20.0) -> Refused:
    """The problem that a call ends in, once it does."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            call()
        except Refused as problem:
            return problem
        time.sleep(0.02)
    raise AssertionError("it is never refused")


def let_in_again(call: Callable[[], Reply]) -> Reply:
    """The answer, once the cause is gone; the same request is sent until then."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            return call()
        except Refused as problem:
            if problem.slug not in {*AWAY, "disk-full"}:
                raise
        time.sleep(0.2)
    raise AssertionError("it never heals")


def assert_says_what_to_do(problem: Refused) -> None:
    """Cause, advice in both languages, and when to come back."""
    assert problem.status == 503
    for name in ("title", "title_en", "advice", "advice_en", "instance"):
        assert problem.problem[name]


def assert_nothing_lost(place: Place, *exchanges: Any) -> None:
    for one in exchanges:
        assert place.show(one["exchange"])["outcome"] == one["outcome"] == "provided"
    verdict = sympho("judge", "--data", str(place.program.data))
    assert verdict.code == 0, verdict.out + verdict.err
    assert bugs(place) == []


def ended(place: Place, exchange: str) -> Any:
    """The result, once there is one: what was acknowledged is carried on by itself."""
    deadline = time.monotonic() + PATIENCE
    seen = place.show(exchange)
    while seen["state"] != "ended":
        assert time.monotonic() < deadline, seen
        time.sleep(0.1)
        seen = place.show(exchange)
    return seen


def bugs(place: Place) -> list[str]:
    """What the program's log tells of bugs."""
    lines = place.program.log.read_text().splitlines()
    return [line for line in lines if '"event":"bug"' in line or '"event":"background-failed"' in line]


def test_a_database_that_is_killed_is_said_to_be_away_and_comes_back_by_itself(place: Place) -> None:
    before = place.ask("before the kill").data
    postmaster = int((place.program.data / "postgres" / "postmaster.pid").read_text().split()[0])
    os.kill(postmaster, signal.SIGKILL)
    away = refused(lambda: place.show(before["exchange"]))
    assert away.slug in AWAY, bugs(place)
    assert_says_what_to_do(away)
    with pytest.raises(Refused) as unready:
        place.client.get("/health/ready")
    assert unready.value.status == 503
    assert place.client.get("/health/live").status == 200
    after = let_in_again(lambda: place.ask("while it was away")).data
    assert place.program.process.poll() is None
    assert "embedded-gone" in place.program.log.read_text()
    assert "embedded-back" in place.program.log.read_text()
    assert_nothing_lost(place, before, after)


def test_a_database_that_is_killed_under_load_loses_nothing_that_was_acknowledged(place: Place) -> None:
    acknowledged: list[dict[str, Any]] = []
    slugs: set[str] = set()
    enough = threading.Event()

    def keep_asking(who: int, client: Client) -> None:
        mine = Place(place.program, client)
        for number in count():
            if enough.is_set():
                return
            try:
                acknowledged.append(mine.ask(f"load {who} {number}", wait=2).data)
            except Refused as problem:
                slugs.add(problem.slug)
                time.sleep(0.1)

    def wait_until(holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < deadline, slugs
            time.sleep(0.05)

    with ExitStack() as held:
        clients = [held.enter_context(signed_in(place.program)) for _ in range(4)]
        askers = [threading.Thread(target=keep_asking, args=each) for each in enumerate(clients)]
        for one in askers:
            one.start()
        try:
            wait_until(lambda: len(acknowledged) >= 20)
            os.kill(int((place.program.data / "postgres" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
            wait_until(lambda: bool(slugs))  # its servants go on for a moment after it
            enough_more = len(acknowledged) + 40
            wait_until(lambda: len(acknowledged) >= enough_more)
        finally:
            enough.set()
            for one in askers:
                one.join()
    assert slugs <= AWAY
    assert_nothing_lost(place, *(ended(place, one["exchange"]) for one in acknowledged))


def test_a_database_without_room_says_so_and_takes_the_same_request_when_there_is_some(place: Place) -> None:
    before = place.ask("before it was full").data
    at(place, FULL, ON_INQUIRIES)
    try:
        full = refused(lambda: place.ask("while it was full"))
    finally:
        at(place, "DROP FUNCTION public.full_now() CASCADE")
    assert full.slug == "disk-full"
    assert_says_what_to_do(full)
    assert full.problem["retry_after"] > 0
    after = place.ask("while it was full").data
    assert_nothing_lost(place, before, after)


def at(place: Place, *statements: str) -> None:
    """Runs statements as the superuser, as whoever cares for the server would."""

    async def run(url: str) -> None:
        conn = await asyncpg.connect(url)
        for statement in statements:
            await conn.execute(statement)
        await conn.close()

    url = embedded.address(place.program.data)
    assert url is not None
    asyncio.run(run(url.reveal()))


def a_full_disk_stops_nothing_that_was_acknowledged(place: Place) -> None:
    before = place.ask("before the disk was full").data
    ballast = place.program.data.parent / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 20))
    acknowledged: list[dict[str, Any]] = []

    def ask() -> None:
        acknowledged.append(place.ask(f"full {len(acknowledged)}", wait=1).data)
        with suppress(
            asyncpg.PostgresError, OSError
        ):  # what thousands of inquiries would come to: the next file of the log
            at(place, "SELECT pg_switch_wal()")

    full = refused(ask, PATIENCE)
    assert full.slug in {*AWAY, "disk-full"}
    assert_says_what_to_do(full)
    ballast.unlink()
    after = let_in_again(lambda: place.ask("the disk has room again")).data
    assert_nothing_lost(place, before, after, *(ended(place, one["exchange"]) for one in acknowledged))


def a_first_start_without_room_says_so_and_goes_on_when_there_is_some() -> None:
    with small_disk(TOO_SMALL) as disk:
        data = disk / "data"
        said = sympho("serve", "--data", str(data), "--port", "0")
        assert said.code == 3
        assert "起動できません / cannot start" in said.err
        assert "disk space" in said.err
        assert "(database-unavailable)" in said.err or "(disk-full)" in said.err
        assert embedded.address(data) is None
        assert mounted(disk, "remount", BIG_ENOUGH)
        with serving(data) as program:
            program.wait_until_ready()
        assert sympho("judge", "--data", str(data)).code == 0


def a_backup_without_room_is_not_there_and_is_made_when_there_is_some(place: Place) -> None:
    with small_disk("1m") as disk:
        line = ("backup", str(disk / "copy.sympho"), "--data", str(place.program.data))
        said = sympho(*line, SYMPHO_PASSPHRASE=PASSPHRASE)
        assert said.code == 3
        assert f"{disk / 'copy.sympho'}: No space left on device" in said.err
        assert said.err.count("→") == 2
        assert list(disk.iterdir()) == []
        assert mounted(disk, "remount", "ro")
        assert sympho(*line, SYMPHO_PASSPHRASE=PASSPHRASE).code == 3
        assert mounted(disk, "remount", "rw", BIG_ENOUGH)
        assert sympho(*line, SYMPHO_PASSPHRASE=PASSPHRASE).code == 0
        whole = sympho("restore", str(disk / "copy.sympho"), "--check", SYMPHO_PASSPHRASE=PASSPHRASE)
        assert whole.code == 0


if SMALL_DISK:  # where no disk of one's own can be had, the test before stands for this one
    test_a_disk_that_is_really_full_loses_nothing_and_heals = a_full_disk_stops_nothing_that_was_acknowledged
    test_a_first_start_on_a_full_disk_says_so = a_first_start_without_room_says_so_and_goes_on_when_there_is_some
    test_a_backup_on_a_full_disk_says_so = a_backup_without_room_is_not_there_and_is_made_when_there_is_some
