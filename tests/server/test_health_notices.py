"""稼動通知: what becomes unwell, and well again, is told to a receiver over HTTP, signed, in order, until it is taken."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import msgspec
import pytest
from aiohttp import web

from gateway.config import Config, ConfigError, Role
from gateway.managing.health import Watch, notified
from gateway.managing.webhook import MOST_WAITING, Outbox, Target, read_target
from gateway.problems import Problem
from tests.countries import NOON, until
from tests.judging import assert_judged
from tests.server.api import Api

SECRET = "a secret that both sides have been told of"
MEMBERS = {"v", "id", "installation", "event", "check", "since", "world", "dropped"}


class DiskUsage(NamedTuple):
    total: int
    used: int
    free: int


@dataclass
class Receiver:
    """Takes notices like anybody's program; ``statuses`` are what it answers first, then 204."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    seen: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.seen.append((dict(request.headers), await request.read()))
        await self.open.wait()
        return web.Response(status=self.statuses.pop(0) if self.statuses else 204)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.seen]

    async def wait_for(self, many: int) -> list[dict[str, Any]]:
        await until(lambda: len(self.seen) >= many, 10)
        return self.bodies


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    made.open.set()
    app = web.Application()
    app.router.add_post("/hook", made.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield made
    await runner.cleanup()


def written(folder: Path, url: str, more: dict[str, Any] | None = None) -> Path:
    secret = folder / "hook.secret"
    secret.write_text(SECRET + "\n")
    secret.chmod(0o600)
    given = {"url": url, "secret_file": "hook.secret", "installation": "test-city"} | (more or {})
    file = folder / "notices.toml"
    file.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in given.items()))
    return file


def outbox_of(file: Path) -> Outbox:
    target, secret = read_target(file)
    return Outbox(target, secret, lambda: NOON, first_pause=0.01)


def config_of(folder: Path, file: Path) -> Config:
    return Config(Role.ALL, folder, folder / "root.key", health_notices=file)


@pytest.fixture
def room() -> Iterator[Any]:
    """The disk of whoever runs this is as full as it is."""
    with patch.object(shutil, "disk_usage", return_value=DiskUsage(2**50, 0, 2**50)) as usage:
        yield usage


async def test_a_database_that_goes_and_comes_back_is_told_signed_and_without_a_word_about_anybody(
    api: Api, receiver: Receiver, tmp_path: Path, room: Any
) -> None:
    async def away() -> None:
        raise Problem("database-unavailable")

    outbox = outbox_of(written(tmp_path, receiver.url))
    watch = Watch(config_of(tmp_path, tmp_path), api.house, outbox.target, outbox)
    await api.wake()
    await watch.look()
    await watch.look()
    assert not outbox.waiting
    sending = asyncio.create_task(outbox.keep_sending())
    try:
        with patch.object(api.parties.residents.db, "ping", away):
            await watch.look()
            assert not outbox.waiting
            await watch.look()
            await watch.look()
            [first] = await receiver.wait_for(1)
        await watch.look()
        await watch.look()
        first, second = await receiver.wait_for(2)
    finally:
        sending.cancel()
    assert (first["event"], second["event"]) == ("trouble", "healed")
    assert {first["check"], second["check"]} == {"residents-database"}
    for body in (first, second):
        assert body.keys() == MEMBERS
        assert (body["installation"], body["world"][:10]) == ("test-city", "2026-07-01")
    for headers, raw in receiver.seen:
        seconds, told = headers["Sympho-Signature"].removeprefix("t=").split(",v1=")
        assert told == hmac.new(SECRET.encode(), f"{seconds}.".encode() + raw, hashlib.sha256).hexdigest()
        assert headers["Sympho-Notice"] == json.loads(raw)["id"]


async def test_every_kind_of_trouble_has_its_check(api: Api, receiver: Receiver, tmp_path: Path, room: Any) -> None:
    outbox = outbox_of(written(tmp_path, receiver.url))
    watch = Watch(config_of(tmp_path, tmp_path), api.house, outbox.target, outbox)

    async def seen() -> set[str]:
        await watch.look()
        await watch.look()
        return {check for check, (well, _) in watch.seen.items() if not well}

    await api.wake()
    assert await seen() == set()
    server = api.parties.intermediary
    assert server.publications is not None
    until = server.publications.link.candidate.expires_at - watch.house.clock.machine()
    with patch.object(watch, "target", replace_target(outbox, list_hours=int(until / timedelta(hours=1)) + 2)):
        assert await seen() == {"match-list"}
    with patch.object(api.house.desks[0].revocations, "fresh", lambda _: False):
        assert await seen() == {"network-revocations"}
    with patch.object(server, "publications", None):
        assert "intermediary-publications" in await seen()
    with patch.object(api.house, "certified_until", lambda: api.house.clock.machine() + timedelta(days=13, hours=23)):
        assert await seen() == {"certificates"}
    with patch.object(api.house, "certified_until", lambda: api.house.clock.machine() + timedelta(days=15)):
        assert await seen() == set()
    room.return_value = DiskUsage(2**50, 2**50, 1023 * 2**20)
    assert await seen() == {"disk"}
    room.return_value = DiskUsage(2**50, 0, 2**50)
    assert await seen() == set()
    told = [(notice.event, notice.check) for _, notice in outbox.waiting]
    for check in ("match-list", "network-revocations", "intermediary-publications", "certificates", "disk"):
        assert [event for event, of in told if of == check] == ["trouble", "healed"]


def replace_target(outbox: Outbox, **more: Any) -> Target:
    return msgspec.structs.replace(outbox.target, **more)


async def test_what_cannot_be_brought_for_long_is_told_and_what_waits_for_people_is_not(
    api: Api, receiver: Receiver, tmp_path: Path, room: Any
) -> None:
    cast = api.parties.world.cast
    await api.ask(cast.vaccination)
    await api.held(cast.protected)
    outbox = outbox_of(written(tmp_path, receiver.url))
    watch = Watch(config_of(tmp_path, tmp_path), api.house, outbox.target, outbox)
    server = api.parties.intermediary
    with patch.object(api.house.clock, "now", lambda: NOON + timedelta(minutes=6)):
        await watch.look()
        assert watch.seen["network-queue"][0] is watch.seen["intermediary-queue"][0] is True
        async with server.db.transaction() as conn:
            ended = await conn.fetch("SELECT txn, ended_at FROM provision WHERE state = 'ended'")
            await conn.execute("UPDATE provision SET push_due = true, ended_at = $1 WHERE state = 'ended'", NOON)
        try:
            await watch.look()
        finally:
            async with server.db.transaction() as conn:  # the country is shared: everything is as it was
                await conn.executemany(
                    "UPDATE provision SET push_due = false, ended_at = $2 WHERE txn = $1", [tuple(row) for row in ended]
                )
        assert watch.seen["intermediary-queue"][0] is False
        assert watch.seen["network-queue"][0] is True
    await assert_judged(api.parties)


async def test_a_notice_is_tried_until_it_is_taken_and_none_overtakes_another(
    receiver: Receiver, tmp_path: Path
) -> None:
    outbox = outbox_of(written(tmp_path, receiver.url))
    receiver.statuses = [500, 302, 404]
    for check in ("disk", "match-list"):
        outbox.add(check, NOON, well=False)
    sending = asyncio.create_task(outbox.keep_sending())
    seen = await receiver.wait_for(5)
    sending.cancel()
    assert [one["check"] for one in seen] == ["disk", "disk", "disk", "disk", "match-list"]
    assert len({one["id"] for one in seen}) == 2
    assert not outbox.waiting


async def test_a_receiver_that_is_away_makes_no_queue_without_end_and_is_told_what_it_missed(
    receiver: Receiver, tmp_path: Path
) -> None:
    outbox = outbox_of(written(tmp_path, "http://127.0.0.1:1/nobody"))
    for number in range(MOST_WAITING + 7):
        outbox.add(f"check-{number}", NOON, well=False)
    assert len(outbox.waiting) == MOST_WAITING
    sending = asyncio.create_task(outbox.keep_sending())
    await asyncio.sleep(0.05)
    outbox.target = replace_target(outbox, url=receiver.url)
    seen = await receiver.wait_for(MOST_WAITING)
    sending.cancel()
    assert seen[0]["dropped"] == 7
    assert [one["check"] for one in seen] == [f"check-{number}" for number in range(7, MOST_WAITING + 7)]
    assert {one["dropped"] for one in seen[1:]} == {0}


async def test_what_is_dropped_while_a_slow_receiver_takes_another_is_counted_and_what_it_took_is_not(
    receiver: Receiver, tmp_path: Path
) -> None:
    outbox = outbox_of(written(tmp_path, receiver.url))
    receiver.open.clear()
    outbox.add("taken", NOON, well=False)
    sending = asyncio.create_task(outbox.keep_sending())
    await receiver.wait_for(1)
    for number in range(MOST_WAITING + 3):
        outbox.add(f"check-{number}", NOON, well=False)
    receiver.open.set()
    seen = await receiver.wait_for(MOST_WAITING + 1)
    sending.cancel()
    assert [one["check"] for one in seen] == ["taken", *(f"check-{number}" for number in range(3, MOST_WAITING + 3))]
    assert (seen[0]["dropped"], seen[1]["dropped"], seen[2]["dropped"]) == (0, 3, 0)


async def test_whoever_gives_no_file_tells_nobody_and_who_gives_one_is_watched_while_serving(
    api: Api, receiver: Receiver, tmp_path: Path
) -> None:
    file = written(tmp_path, receiver.url, {"every_seconds": 0.1, "disk_free_mb": 2**40})
    async with notified(replace(config_of(tmp_path, file), health_notices=None), api.house):
        await asyncio.sleep(0.3)
    assert receiver.seen == []
    async with notified(config_of(tmp_path, file), api.house):
        bodies = await receiver.wait_for(1)
    assert bodies[0]["check"] == "disk"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"url": "http://example.test/hook"}, "https"),
        ({"url": "file:///etc/passwd"}, "https"),
        ({"url": "https://[::1"}, "https"),
        ({"url": "https://a..b/"}, "https"),
        ({"url": "https://a:99999/"}, "https"),
        ({"installation": "a city"}, "installation"),
        ({"secret_file": "none"}, "cannot be read"),
        ({"unknown": 1}, "unknown"),
        ({"every_seconds": 0}, "every_seconds"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_its_fault(tmp_path: Path, more: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        read_target(written(tmp_path, "https://example.test/hook", more))
    with pytest.raises(ConfigError, match="nowhere"):
        read_target(tmp_path / "nowhere.toml")


def test_a_secret_that_others_may_read_or_guess_is_refused_and_never_printed(tmp_path: Path) -> None:
    file = written(tmp_path, "https://example.test/hook")
    (tmp_path / "hook.secret").chmod(0o644)
    with pytest.raises(ConfigError, match="0600"):
        read_target(file)
    (tmp_path / "hook.secret").write_text("short")
    (tmp_path / "hook.secret").chmod(0o600)
    with pytest.raises(ConfigError, match="32 characters") as caught:
        read_target(file)
    assert "short" not in str(caught.value)
    assert SECRET not in repr(outbox_of(written(tmp_path, "https://example.test/hook")))
