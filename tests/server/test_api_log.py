"""The operations log over HTTP: searched, taken out in two forms, read by whoever audits; and alarms."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime

import pytest

from authz.duties import Duty
from gateway.interfaces import operationslog
from gateway.intermediary.store import held
from tests.server.api import Api
from tests.server.test_api_staff import agency_of, keeper_of, logged, newcomer, working


async def test_the_log_is_taken_out_whole_and_says_in_both_forms_what_the_pages_say(api: Api) -> None:
    made, token = await working(api)
    for _ in range(3):
        await api.call("show-me", token=token)
    entries = await logged(api, person=made["id"], limit="500")
    auditor = api.login_with(Duty.AUDIT, agency_of(api))
    query = {"person": made["id"]}
    lines = await api.call("export-operations-lines", by=auditor, query=query)
    assert [json.loads(line) for line in lines.raw.splitlines()] == entries
    table = await api.call("export-operations-csv", by=auditor, query=query)
    rows = list(csv.DictReader(io.StringIO(table.raw.decode())))
    assert [row["name"] for row in rows] == [one["name"] for one in entries]
    assert [int(row["seq"]) for row in rows] == [one["seq"] for one in entries]
    assert "attachment" in table.headers["Content-Disposition"]


async def test_more_than_a_page_is_streamed_part_by_part(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    auditor = api.login_with(Duty.AUDIT, agency_of(api))
    made, token = await working(api)
    for _ in range(7):
        await api.call("show-me", token=token)
    monkeypatch.setattr(operationslog, "PAGE_LIMIT", 3)
    lines = await api.call("export-operations-lines", by=auditor, query={"person": made["id"], "name": "show-me"})
    assert lines.headers["Transfer-Encoding"] == "chunked"
    seqs = [json.loads(line)["seq"] for line in lines.raw.splitlines()]
    assert len(seqs) == 7
    assert seqs == sorted(seqs, reverse=True)


async def test_taking_the_log_out_is_itself_in_the_log_and_needs_the_audit(api: Api) -> None:
    for name in ("export-operations-csv", "export-operations-lines"):
        assert (await api.call(name, by=keeper_of(api))).slug == "wrong-duty"
        await api.call(name, by=api.login_with(Duty.AUDIT, agency_of(api)))
        [latest, *_] = await logged(api, name=name, outcome="done")
        assert datetime.fromisoformat(latest["at"]).tzinfo


async def test_the_log_is_searched_by_what_was_changed(api: Api) -> None:
    made = await newcomer(api)
    await api.call("reset-staff-password", by=keeper_of(api), path={"staff_id": made["id"]})
    names = [one["name"] for one in await logged(api, about=made["id"])]
    assert names == ["reset-staff-password", "staff.reset", "create-staff", "staff.create"]


async def test_an_alarm_of_the_whole_server_is_seen_by_the_auditor_of_each_agency_in_it(api: Api) -> None:
    server = api.parties.intermediary
    async with server.db.transaction() as conn:
        await held.insert_alarm(conn, server.clock.now(), "", "publication", "signature", None)
        await held.insert_alarm(conn, server.clock.now(), agency_of(api), "notice", "of-one-agency", None)
    cast = api.parties.world.cast
    for agency, seen in ((agency_of(api), {"signature", "of-one-agency"}), (cast.tax.inquirer, {"signature"})):
        auditor = await api.hire(agency, Duty.AUDIT)
        alarms = (await api.call("list-alarms", by=auditor)).body["alarms"]
        assert {one["fault"] for one in alarms} & {"signature", "of-one-agency"} == seen
