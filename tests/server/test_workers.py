"""Several processes serve one port: whoever is asked answers for all, and one that is killed takes nothing with it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession, TCPConnector

from gateway.running.credentials import read
from tests.server.program import Program, data_folder, serving, sympho

WORKERS = 2
SECOND = 1.0
INQUIRER = "kagerou-health"
PERMITTED = {
    "person": {"system": "024", "number": "000024761894409"},
    "provider": "0220199100701700",
    "task": "JM90000000000018",
    "information": "TM00000000000002",
}
HELD = {
    "person": {"system": "024", "number": "000024962839991"},
    "provider": "0220199100701700",
    "task": "JM90000000000016",
    "information": "TM90000000000051",
}
_keys = count(1)


@pytest.fixture(scope="module")
def program() -> Iterator[Program]:
    with data_folder() as data, serving(data, "--workers", str(WORKERS)) as running:
        running.wait_until_ready()
        yield running
        assert running.end(signal.SIGINT) == 0
        assert not (data / "postgres" / "postmaster.pid").exists()


@dataclass
class Door:
    """One kept connection, so one worker."""

    session: ClientSession
    worker: str

    async def call(self, method: str, path: str, token: str = "", body: object = None, **headers: str) -> Any:
        sent = {"Authorization": f"Bearer {token}"} if token else {}
        async with self.session.request(method, path, json=body, headers={**sent, **headers}) as response:
            raw = await response.read()
            return response.status, json.loads(raw) if raw and "json" in response.content_type else raw.decode()

    async def ask(self, token: str, body: object, key: str = "", wait: int = 10) -> Any:
        more = {"Idempotency-Key": key or f"workers-{next(_keys)}", "Prefer": f"wait={wait}"}
        return await self.call("POST", "/inquiries", token, body, **more)


def workers(program: Program) -> dict[str, int]:
    """The process of each worker, as the log tells."""
    lines = re.findall(r'"worker":(\d+),"pid":(\d+),"event":"worker-ready"', program.log.read_text())
    return {number: int(pid) for number, pid in lines}


@asynccontextmanager
async def doors(program: Program) -> AsyncIterator[list[Door]]:
    """A connection to each of the workers."""
    opened: dict[str, Door] = {}
    sessions: list[ClientSession] = []
    try:
        while len(opened) < WORKERS:
            session = ClientSession(program.url, connector=TCPConnector(limit=1))
            sessions.append(session)
            async with session.get("/auth/me") as response:
                request = response.headers["X-Request-Id"]
            line = next(one for one in program.log.read_text().splitlines() if request in one)
            worker = json.loads(line)["worker"]
            opened.setdefault(worker, Door(session, worker))
            assert len(sessions) < 60
        yield [opened[number] for number in sorted(opened)]
    finally:
        for session in sessions:
            await session.close()


async def token(door: Door, program: Program, login: str) -> str:
    file = read(program.data)
    assert file is not None
    [account] = [one for one in file.accounts if one.login == login]
    body = {"agency": account.agency, "login": login, "password": account.password, "terminal": "desk-1"}
    status, answer = await door.call("POST", "/auth/login", body=body)
    assert status == 200, answer
    return str(answer["token"])


async def soon(check: Any, seconds: float = SECOND) -> None:
    """``check`` comes true within that time."""
    until = time.monotonic() + seconds
    while not await check():
        assert time.monotonic() < until


async def test_a_token_of_one_worker_is_good_at_the_other_and_an_inquiry_is_one_at_both(program: Program) -> None:
    async with doors(program) as (one, other):
        mine = await token(one, program, INQUIRER)
        first = await one.ask(mine, PERMITTED, "the-same")
        again = await other.ask(mine, PERMITTED, "the-same")
        assert first[1]["outcome"] == again[1]["outcome"] == "provided"
        assert first[1]["exchange"] == again[1]["exchange"]


async def test_a_session_that_ended_at_one_worker_is_over_at_the_other_within_a_second(program: Program) -> None:
    async with doors(program) as (one, other):
        mine = await token(one, program, INQUIRER)
        assert (await other.call("GET", "/auth/me", mine))[0] == 200
        assert (await one.call("POST", "/auth/logout", mine))[0] in {200, 204}

        async def over() -> bool:
            return bool((await other.call("GET", "/auth/me", mine))[0] == 401)

        await soon(over)


async def test_the_clock_that_one_worker_sets_is_everybodys_within_a_second(program: Program) -> None:
    async with doors(program) as (one, other):
        operator = await token(one, program, "network-operator")
        moved = {"at": "2026-12-24T12:00:00+09:00", "frozen": True}
        assert (await one.call("PUT", "/clock", operator, moved))[0] == 200

        async def followed() -> bool:
            return bool((await other.call("GET", "/clock"))[1]["world"].startswith("2026-12-24T12:00:00"))

        await soon(followed)
        assert (await other.call("POST", "/clock/resume", operator))[0] == 200

        async def resumed() -> bool:
            return not (await one.call("GET", "/clock"))[1]["world"].startswith("2026-12-24")

        await soon(resumed)


async def test_who_waits_at_one_worker_is_woken_by_a_release_at_the_other(program: Program) -> None:
    async with doors(program) as (one, other):
        inquirer = await token(one, program, "nijinohashi-health")
        first, second = [await token(other, program, f"shinkirou-reviewer-{n}") for n in (1, 2)]
        _, registered = await one.ask(inquirer, HELD, "to-be-released", wait=1)
        place = f"/provisions/{registered['exchange']}"
        waiting = asyncio.create_task(one.ask(inquirer, HELD, "to-be-released", wait=20))
        assert (await other.call("POST", f"{place}/preparation", first, {"choice": "confirm"}))[0] == 200
        assert (await other.call("POST", f"{place}/release", second))[0] == 200
        async with asyncio.timeout(5):
            _, ended = await waiting
        assert ended["exchange"] == registered["exchange"]
        assert ended["state"] != registered["state"]


async def test_the_metrics_of_any_worker_are_those_of_all(program: Program) -> None:
    async with doors(program) as (one, other):
        operator = await token(one, program, "network-operator")

        async def logins(door: Door) -> float:
            text = (await door.call("GET", "/metrics", operator))[1]
            found = re.search(r'sympho_request_seconds_count\{operation="log-in",status="200"\} (\S+)', text)
            return float(found[1]) if found else 0.0

        await asyncio.sleep(2.5)  # what was counted before is told
        before = await logins(other)
        for door in (one, other):
            await token(door, program, INQUIRER)

        async def counted() -> bool:
            return await logins(one) == await logins(other) == before + 2

        await soon(counted, 5)


async def test_a_worker_that_is_killed_is_replaced_and_what_it_had_begun_is_ended_once(program: Program) -> None:
    before = workers(program)
    async with doors(program) as (one, other):
        mine = await token(one, program, INQUIRER)
        keys = [f"killed-{n}" for n in range(150)]
        asked = [asyncio.create_task(one.ask(mine, PERMITTED, key)) for key in keys[:1]]
        more = ClientSession(program.url, connector=TCPConnector(limit=40))
        asked += [asyncio.create_task(Door(more, "").ask(mine, PERMITTED, key)) for key in keys[1:]]
        await asyncio.sleep(0.1)
        os.kill(before[one.worker], signal.SIGKILL)
        ended = await asyncio.gather(*asked, return_exceptions=True)
        await more.close()
        assert any(isinstance(how, ClientError) for how in ended)
        for key, how in zip(keys, ended, strict=True):
            _, again = await other.ask(mine, PERMITTED, key, wait=20)
            assert again["outcome"] == "provided"
            if isinstance(how, BaseException):
                assert isinstance(how, ClientError)
            else:
                assert how[1]["exchange"] == again["exchange"]
    program.wait_for_line('"event":"worker-ended"')
    for _ in range(200):
        if workers(program) != before:
            break
        await asyncio.sleep(0.1)
    assert workers(program).keys() == before.keys()
    async with doors(program):
        pass


def test_after_all_that_the_judge_finds_nothing(program: Program) -> None:
    said = sympho("judge", "--data", str(program.data), "--canaries")
    assert said.code == 0, said.out + said.err


def test_when_the_owner_is_killed_the_workers_end_and_the_next_start_serves() -> None:
    with data_folder() as data:
        with serving(data, "--workers", str(WORKERS)) as killed:
            killed.wait_until_ready()
            left = workers(killed)
            killed.end(signal.SIGKILL)
        with serving(data, "--workers", str(WORKERS)) as again:
            again.wait_until_ready()
            assert not any(_lives(pid) for pid in left.values())


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_workers_are_for_all_parties_in_one_only() -> None:
    with data_folder() as data:
        said = sympho("serve", "--data", str(data), "--role", "network", "--workers", "2")
    assert said.code == 2
    assert "workers" in said.err
