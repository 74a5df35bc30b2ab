"""The interface of parties that run apart: each process serves its own staff, and together they do the same."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from aiohttp import ClientSession

from authz import staff
from authz.duties import Duty
from authz.staff import NewAccount
from fixtures.plugin import account_of
from gateway.app import desk_work, running
from gateway.interfaces.house import House, furnish
from sympho.codes import AgencyCode
from tests.conftest import Clones
from tests.countries import country
from tests.server.api import asking


async def logged_in(house: House, session: ClientSession, agency: AgencyCode, new: NewAccount) -> dict[str, str]:
    """A header with a token of a fresh account."""
    async with house.desk_of(agency).db.transaction() as conn:
        [made] = await staff.seed_accounts(conn, [(agency, new)], house.moment())
    body = {"agency": agency, "login": made.login, "password": made.password, "terminal": "desk-7"}
    async with session.post("/auth/login", json=body) as response:
        assert response.status == 200
        return {"Authorization": f"Bearer {(await response.json())['token']}"}


async def fetched(session: ClientSession, path: str, headers: dict[str, str]) -> Any:
    async with session.get(path, headers=headers) as response:
        return await response.json(content_type=None)


async def test_parties_apart_answer_the_same_and_each_keeps_its_own_staff_and_records(
    clones: Clones, data_folder: Path
) -> None:
    async with country("remote", clones, data_folder) as parties:
        ask, world = parties.world.cast.vaccination, parties.world
        network = await furnish(parties.network.clock, parties.network, None, None)
        server = await furnish(parties.intermediary.clock, None, parties.intermediary, None)
        async with (
            running(network, "127.0.0.1", 0, work=desk_work(network)) as network_port,
            running(server, "127.0.0.1", 0, work=desk_work(server)) as server_port,
            ClientSession(f"http://127.0.0.1:{network_port}") as at_network,
            ClientSession(f"http://127.0.0.1:{server_port}") as at_server,
        ):
            member = next(one for one in world.staff if one.login == ask.login)
            asker = await logged_in(server, at_server, ask.inquirer, account_of(world, member).account)
            keyed = asker | {"Idempotency-Key": "apart", "Prefer": "wait=10"}
            async with at_server.post("/inquiries", json=asking(ask), headers=keyed) as response:
                answered = await response.json()
                assert (response.status, answered["outcome"]) == (201, "provided")
            reading = NewAccount("reader", "朱印　はな", "x", frozenset({Duty.READ_RECORDS}), must_change=False)
            readers = [
                (at_server, await logged_in(server, at_server, ask.inquirer, reading)),
                (at_network, await logged_in(network, at_network, world.network.code, reading)),
            ]
            records = [await fetched(one, f"/records/{answered['exchange']}", by) for one, by in readers]
            assert records[0]["record"].split(".")[1] == records[1]["record"].split(".")[1]
            assert [one["role"] for one in records] == ["inquirer", "network"]
            foreign = await fetched(at_network, "/auth/me", asker)
            assert foreign["type"] == "urn:sympho:problem:token-invalid"
            for session in (at_network, at_server):
                assert (await fetched(session, "/health/ready", {}))["ready"] is True


async def test_a_session_that_is_ended_in_one_process_is_over_in_every_other_within_a_second(
    clones: Clones, data_folder: Path
) -> None:
    async with country("local", clones, data_folder, codes=False) as parties:
        ask = parties.world.cast.tax
        houses = [await furnish(parties.network.clock, None, parties.intermediary, None) for _ in range(2)]
        async with (
            running(houses[0], "127.0.0.1", 0, work=desk_work(houses[0])) as one,
            running(houses[1], "127.0.0.1", 0, work=desk_work(houses[1])) as other,
            ClientSession(f"http://127.0.0.1:{one}") as first,
            ClientSession(f"http://127.0.0.1:{other}") as second,
        ):
            new = NewAccount("both", "朱印　はな", "x", frozenset({Duty.AUDIT}), must_change=False)
            headers = await logged_in(houses[0], first, ask.inquirer, new)
            async with second.get("/auth/me", headers=headers) as response:
                assert response.status == 200
            async with first.post("/auth/logout", headers=headers) as response:
                assert response.status == 204
            await asyncio.sleep(1)
            assert (await fetched(second, "/auth/me", headers))["type"] == "urn:sympho:problem:session-revoked"
