"""参加の許可 at the interface: the network's operator lets roles in, known a moment ago, and no answer tells the token."""

from __future__ import annotations

import json
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
from aiohttp import ClientSession
from structlog.testing import capture_logs

from authz.duties import Duty
from gateway import apart, joining
from gateway.apart import ApartNetwork, apart_intermediary
from gateway.app import desk_work, running
from gateway.clock import Clock
from gateway.config import Config
from gateway.interfaces.house import furnish
from gateway.interfaces.table import operations
from gateway.network.joining import OFFER_HOLDS
from sympho.codes import AgencyCode
from tests.conftest import Clones
from tests.countries import country
from tests.server.api import Answered, Api
from tests.server.documented import Documented
from tests.server.issuing import OutsideIssuer


@dataclass
class Desk:
    """The network's process, and its interface."""

    api: Api
    apart: ApartNetwork
    server: Config
    operator: str

    @property
    def agencies(self) -> list[AgencyCode]:
        return sorted(agency.code for agency in self.api.parties.world.agencies)

    async def offer(self, role: str, *agencies: str, by: str = "", token: str = "") -> Answered:
        body = {"role": role, "agencies": agencies}
        return await self.api.call("offer-joining", by="" if token else by or self.operator, token=token, body=body)


@pytest.fixture(scope="module")
async def desk(clones: Clones, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with country("remote", clones, tmp_path_factory.mktemp("joining"), codes=False) as parties:
        assert parties.apart is not None
        network = parties.apart.network
        house = await furnish(network.network.clock, network.network, None, None)
        house.let_in = network.let_in
        table = {one.name: one for one in operations(house)}
        async with (
            running(house, "127.0.0.1", 0, work=desk_work(house)) as port,
            ClientSession(f"http://127.0.0.1:{port}") as session,
            session.get("/openapi.json") as response,
        ):
            documented = Documented(await response.json(), table)
            made = Api(parties, house, table, session, documented, {}, OutsideIssuer())
            operator = await made.hire(network.network.agency, Duty.OPERATE_SYSTEM)
            await parties.apart.intermediary.close()
            yield Desk(made, network, parties.apart.configs[1], operator)


async def test_an_offer_says_where_the_file_is_and_nothing_says_the_token(desk: Desk) -> None:
    with capture_logs() as logs:
        offered = await desk.offer("intermediary")
    assert offered.status == 201
    path = Path(offered.body["file"])
    assert path == desk.apart.config.data / "joining" / "intermediary.json"
    assert rights(path) == 0o600
    file = joining.read_file(path)
    assert [*file.agencies] == offered.body["agencies"] == desk.agencies
    assert (offered.body["role"], offered.body["join_url"]) == ("intermediary", file.join_url)
    left = datetime.fromisoformat(offered.body["until"]) - Clock().machine()
    assert OFFER_HOLDS - timedelta(minutes=5) < left <= OFFER_HOLDS
    told = offered.raw.decode() + repr(offered.headers) + repr(logs)
    assert "joining-offered" in told
    assert file.token not in told


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_what_was_offered_lets_a_server_in_for_just_these_agencies(desk: Desk) -> None:
    [one, two, *_] = desk.agencies
    offered = await desk.offer("intermediary", two, one, two)
    assert offered.body["agencies"] == [one, two]
    forget_certificates(desk.server)
    again = await apart_intermediary(replace(desk.server, join=Path(offered.body["file"])), Clock())
    await again.close()
    assert again.member.named == {one, two}


def forget_certificates(config: Config) -> None:
    (config.data / "certificates.json").unlink()


async def test_it_takes_the_duty_and_the_network_operators_own_body_and_is_in_the_operations_log(desk: Desk) -> None:
    network = desk.apart.network.agency
    others = await desk.api.hire(network, Duty.PUBLISH_LISTS)
    refused = await desk.offer("residents", by=others)
    assert (refused.status, refused.slug) == (403, "wrong-duty")
    assert (await desk.offer("residents")).status == 201
    auditor = await desk.api.hire(network, Duty.AUDIT)
    log = (await desk.api.call("read-operations", by=auditor, query={"limit": "500"})).body["operations"]
    told = [(entry["outcome"], entry["reason"]) for entry in log if entry["name"] == "offer-joining"]
    assert {("refused", "wrong-duty"), ("done", "")} <= set(told)


async def test_whoever_showed_the_password_long_ago_shows_it_again_first(desk: Desk) -> None:
    first = await desk.api.token(desk.operator)
    async with desk.api.desk(desk.apart.network.agency).db.transaction() as conn:
        await conn.execute("UPDATE session SET authenticated_at = authenticated_at - INTERVAL '11 minutes'")
    token = (await desk.api.call("renew-token", token=first)).body["token"]
    refused = await desk.offer("residents", token=token)
    assert (refused.status, refused.slug) == (401, "reauthentication-required")
    body = {"password": desk.api.passwords[desk.operator][1]}
    again = (await desk.api.call("reauthenticate", token=token, body=body)).body["token"]
    assert (await desk.offer("residents", token=again)).status == 201


async def test_agencies_that_cannot_be_served_are_named_and_nothing_is_offered(desk: Desk) -> None:
    ended, unknown = desk.api.parties.world.ended.code, "0" * 16
    before = joining.read_file(Path((await desk.offer("intermediary", *desk.agencies)).body["file"])).token
    refused = await desk.offer("intermediary", desk.agencies[0], unknown, ended)
    assert (refused.status, refused.slug) == (422, "unknown-code")
    assert [error["pointer"] for error in refused.body["errors"]] == ["$.agencies[1]", "$.agencies[2]"]
    assert unknown in json.dumps(refused.body)
    assert ended in json.dumps(refused.body)
    assert (await desk.offer("residents", desk.agencies[0])).slug == "invalid-field"
    assert (await desk.offer("network")).slug == "invalid-field"
    assert (await desk.offer("intermediary", "12")).slug == "invalid-field"
    assert joining.read_file(desk.apart.config.data / "joining" / "intermediary.json").token == before


async def test_a_port_or_a_disk_that_cannot_be_had_is_named_and_the_next_offer_is_made(desk: Desk) -> None:
    async def taken(*_: object) -> None:
        raise OSError(98, "taken")

    def full(*_: object) -> None:
        raise OSError(28, "full")

    if desk.apart.joining_listener is not None:
        await desk.apart.joining_listener.close()
        desk.apart.joining_listener = None
    with patch.object(apart, "listen", taken):
        assert (await desk.offer("residents")).slug == "conflict"
    with patch.object(joining, "write_file", full):
        assert (await desk.offer("residents")).slug == "disk-full"
    assert (await desk.offer("residents")).status == 201


async def test_where_all_roles_are_in_one_process_there_is_nobody_to_let_in(api: Api) -> None:
    operator = await api.hire(api.parties.network.agency, Duty.OPERATE_SYSTEM)
    refused = await api.call("offer-joining", by=operator, body={"role": "intermediary"})
    assert (refused.status, refused.slug) == (409, "nobody-to-join")
    elsewhere = await api.hire(api.parties.world.cast.tax.inquirer, Duty.OPERATE_SYSTEM)
    refused = await api.call("offer-joining", by=elsewhere, body={"role": "intermediary"})
    assert (refused.status, refused.slug) == (403, "wrong-agency")
