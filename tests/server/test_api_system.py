"""What a process says of itself, and the world's clock: health that means something, keys, lists, status, alarms."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from msgspec import convert

from authz.duties import Duty
from gateway.exchange.directory import verify_directory
from gateway.exchange.jws import Jwk, key_set
from gateway.problems import Problem
from tests.countries import NOON
from tests.server.api import Api


async def readiness(api: Api) -> tuple[int, Mapping[str, bool]]:
    answered = await api.call("show-readiness")
    assert (answered.status == 200) == answered.body["ready"]
    return answered.status, answered.body["checks"]


async def test_a_server_that_could_serve_a_real_request_is_ready(api: Api) -> None:
    assert (await api.call("show-liveness")).body == {"alive": True}
    status, checks = await readiness(api)
    assert status == 200
    assert checks == dict.fromkeys(
        [
            "network-revocations", "intermediary-revocations", "network-publications", "intermediary-publications",
            "network-database", "intermediary-database", "residents-database",
        ],
        True,
    )  # fmt: skip


async def test_a_server_without_publications_a_database_or_the_feed_of_revocations_is_not_ready(api: Api) -> None:
    with patch.object(api.parties.intermediary, "publications", None):
        status, checks = await readiness(api)
    assert (status, [name for name, well in checks.items() if not well]) == (503, ["intermediary-publications"])

    async def away() -> None:
        raise Problem("database-unavailable")

    with patch.object(api.parties.residents.db, "ping", away):
        status, checks = await readiness(api)
    assert (status, [name for name, well in checks.items() if not well]) == (503, ["residents-database"])
    with patch.object(api.house.desks[1].revocations, "fresh", lambda _: False):
        status, checks = await readiness(api)
    assert (status, [name for name, well in checks.items() if not well]) == (503, ["intermediary-revocations"])
    assert (await readiness(api))[0] == 200


async def test_the_directory_is_handed_out_as_it_was_signed(api: Api) -> None:
    answered = await api.call("show-directory")
    keys = key_set(convert((await api.call("show-keys")).body["keys"], tuple[Jwk, ...]))
    directory = verify_directory(answered.raw.decode(), keys)
    assert directory.network == api.parties.world.network.code


async def test_masters_tell_every_code_with_its_designation_and_which_table_is_in_force(api: Api) -> None:
    cast = api.parties.world.cast
    masters = (await api.call("show-masters", by=cast.tax.login)).body
    assert masters["in_force"] == masters["revisions"][-1]["revision"]
    assert cast.tax.task in {one["code"] for one in masters["tasks"]}
    assert cast.tax.provider in {one["code"] for one in masters["agencies"]}
    [vaccination] = [one for one in masters["information"] if one["code"] == cast.vaccination.information]
    assert len(vaccination["items"]) == 30
    operator = api.login_with(Duty.OPERATE_SYSTEM, api.parties.world.network.code)
    assert (await api.call("show-masters", by=operator)).body == masters


async def test_status_counts_what_is_under_way_for_the_own_body(api: Api) -> None:
    ask = api.parties.world.cast.protected

    async def status(agency: Any) -> Any:
        return (await api.call("show-status", by=api.login_with(Duty.OPERATE_SYSTEM, agency))).body

    before = await status(ask.provider), await status(ask.inquirer), await status(api.parties.world.network.code)
    await api.held(ask)
    after = await status(ask.provider), await status(ask.inquirer), await status(api.parties.world.network.code)
    assert after[0]["agency"]["provisions_held"] == before[0]["agency"]["provisions_held"] + 1
    assert after[1]["agency"]["inquiries_open"] == before[1]["agency"]["inquiries_open"] + 1
    assert after[2]["network"]["exchanges_open"] == before[2]["network"]["exchanges_open"] + 1
    assert ("network" in after[0], "agency" in after[2]) == (False, False)
    assert after[0]["list"] == (await api.call("show-masters", by=ask.login)).body["list"]


async def test_alarms_are_for_auditors_of_whom_they_concern(api: Api) -> None:
    for agency in (api.parties.world.cast.tax.provider, api.parties.world.network.code):
        auditor = api.login_with(Duty.AUDIT, agency)
        assert (await api.call("list-alarms", by=auditor, query={"limit": "5"})).status == 200


async def test_the_networks_operator_sets_world_time_and_with_it_the_law(api: Api) -> None:
    cast = api.parties.world.cast
    operator = api.login_of(api.parties.world.network.code, "operator")
    reader = await api.hire(cast.vaccination.inquirer, Duty.READ_RECORDS)
    try:
        told = await api.call("set-clock", by=operator, body={"at": "2024-04-22T10:00:00+09:00", "frozen": True})
        assert told.body["world"] == told.body["frozen_at"] == "2024-04-22T10:00:00+09:00"
        old = (await api.ask(cast.vaccination)).body
        went_on = await api.call("resume-clock", by=operator)
        assert went_on.body["frozen_at"] is None
        world, machine = (datetime.fromisoformat(went_on.body[name]) for name in ("world", "machine"))
        assert abs(world - machine) < timedelta(seconds=1)
    finally:
        await api.call("set-clock", by=operator, body={"at": NOON.isoformat(), "frozen": True})
    new = (await api.ask(cast.vaccination)).body
    grounds = []
    for one in (old, new):
        record = await api.call("show-record", by=reader, path={"exchange": one["exchange"]})
        grounds.append((record.body["payload"]["as_of"], record.body["payload"]["item"].partition(":")[0]))
    assert grounds == [("2024-04-22", "16-2"), ("2026-07-01", "25")]


async def test_world_time_stays_within_the_laws_days(api: Api) -> None:
    operator = api.login_of(api.parties.world.network.code, "operator")
    for wrong in ("2015-10-04T00:00:00+09:00", "9999-12-31T23:59:59+09:00", "2026-07-01T00:00:00"):
        assert (await api.call("set-clock", by=operator, body={"at": wrong})).slug == "invalid-field"
    clock = (await api.call("show-clock")).body
    assert clock["world"] == NOON.isoformat()
