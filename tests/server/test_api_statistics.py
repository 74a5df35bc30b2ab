"""業務統計 and 進捗: counted from what there is, each body its own, the network's operator the network's."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from itertools import combinations
from typing import Any
from uuid import UUID

import pytest

from authz.duties import Duty
from gateway.clock import TOKYO
from gateway.exchange.jws import unverified_payload
from gateway.exchange.messages import CoarseReason
from gateway.records import record, store
from sympho.codes import AgencyCode
from tests.countries import NOON
from tests.server.api import Api

KINDS = ("provided", "not_provided", "refused", "lapsed", "withdrawn")
DAY = NOON.date().isoformat()


async def statistics(api: Api, agency: AgencyCode, duty: Duty = Duty.OPERATE_SYSTEM, **query: str) -> Any:
    answered = await api.call("show-statistics", by=api.login_with(duty, agency), query=query)
    assert answered.status == 200
    return answered.body


async def counted(api: Api, agency: AgencyCode, by: tuple[str, ...]) -> Counter[tuple[Any, ...]]:
    """The same of the year, counted here, record by record."""
    found: Counter[tuple[Any, ...]] = Counter()
    async with api.desk(agency).db.connection() as conn:
        rows = [row for row in await store.all_records(conn, ("", UUID(int=0)), 100_000) if row.holder == agency]
    for row in rows:
        if row.ended_at.astimezone(TOKYO).year != NOON.year:
            continue  # of others, who have moved the clock of this country
        payload = record.parse(unverified_payload(row.jws, record.JWS_LIMIT))
        place = (
            row.role,
            row.ended_at.astimezone(TOKYO).date().isoformat() if "day" in by else None,
            row.counterpart if "agency" in by else None,
            row.task if "task" in by else None,
        )
        found[(*place, row.kind.replace("-", "_"))] += 1
        if row.kind == "refused":
            found[(*place, f"for {payload.rsn}")] += 1
    return found


def flat(rows: list[Mapping[str, Any]]) -> Counter[tuple[Any, ...]]:
    found: Counter[tuple[Any, ...]] = Counter()
    for row in rows:
        place = (row["side"], row["day"], row["agency"], row["task"])
        found.update({(*place, kind): row[kind] for kind in KINDS if row[kind]})
        found.update({(*place, f"for {reason}"): many for reason, many in row["refused_for"].items()})
        assert row["ended"] == sum(row[kind] for kind in KINDS)
        assert row["refused"] == sum(row["refused_for"].values())
        assert row["held"] <= row["ended"]
    return found


GROUPINGS = [by for many in (1, 2, 3) for by in combinations(("day", "agency", "task"), many)]


@pytest.mark.parametrize("by", GROUPINGS)
async def test_every_grouping_adds_up_to_the_records_of_each_holder(api: Api, by: tuple[str, ...]) -> None:
    cast = api.parties.world.cast
    for ask in (cast.vaccination, cast.tax):
        await api.ask(ask)
    network = api.parties.world.network.code
    for agency in (cast.vaccination.inquirer, cast.vaccination.provider, network):
        told = await statistics(api, agency, by=",".join(by), since="2026-01-01", until="2026-12-31")
        assert told["by"] == list(by)
        assert flat(told["rows"]) == await counted(api, agency, by)
        assert told["rows"], agency


async def test_what_was_held_for_people_is_counted_once_it_has_ended_and_until_then_it_waits(api: Api) -> None:
    ask = api.parties.world.cast.protected
    provider = api.login_with(Duty.OPERATE_SYSTEM, ask.provider)

    async def held() -> int:
        return sum(row["held"] for row in (await statistics(api, ask.provider))["rows"])

    async def waiting(agency: AgencyCode) -> dict[str, int]:
        shown = await api.call("show-progress", by=api.login_with(Duty.OPERATE_SYSTEM, agency))
        return {one["stage"]: one["waiting"] for one in shown.body["stages"]}

    network = api.parties.world.network.code
    before, stages, at_network = await held(), await waiting(ask.provider), await waiting(network)
    exchange = await api.held(ask)
    assert await held() == before
    assert (await waiting(ask.provider))["review"] == stages["review"] + 1
    assert (await waiting(ask.inquirer))["answer-awaited"] >= 1
    assert (await waiting(network))["end-awaited"] == at_network["end-awaited"] + 1
    first, second = api.login_of(ask.provider, "reviewer-1"), api.login_of(ask.provider, "reviewer-2")
    prepared = await api.call("prepare-provision", by=first, path={"exchange": exchange}, body={"choice": "confirm"})
    assert prepared.status == 200, prepared.body
    assert (await waiting(ask.provider))["release"] == stages["release"] + 1
    assert (await waiting(ask.provider))["review"] == stages["review"]
    shown = await api.call("show-progress", by=provider)
    [stage] = [one for one in shown.body["stages"] if one["stage"] == "release"]
    assert stage["seconds"] >= 0
    assert stage["oldest"].startswith(DAY)
    assert {one["queue"] for one in shown.body["queues"]} >= {"intermediary.register", "network.operations"}
    await api.call("release-provision", by=second, path={"exchange": exchange})
    await api.ended(ask, exchange)
    assert await held() == before + 1
    assert (await waiting(ask.provider))["release"] == stages["release"]


async def test_a_code_that_was_asked_for_and_not_brought_waits(api: Api) -> None:
    agency = api.parties.world.cast.vaccination.inquirer
    operator = api.login_with(Duty.OPERATE_SYSTEM, agency)
    async with api.desk(agency).db.transaction() as conn:
        unified = await conn.fetchval("SELECT unified FROM held_code WHERE agency = $1 LIMIT 1", agency)
        await conn.execute(
            "INSERT INTO code_acquisition (agency, unified, number_blind, number_sealed, opened_at) "
            "VALUES ($1, $2, 'x', 'x', $3)", agency, unified, NOON - timedelta(hours=2),
        )  # fmt: skip
    try:
        stages = (await api.call("show-progress", by=operator)).body["stages"]
    finally:
        async with api.desk(agency).db.transaction() as conn:
            await conn.execute("DELETE FROM code_acquisition WHERE number_blind = 'x'")
    [stage] = [one for one in stages if one["stage"] == "code-acquisition"]
    assert (stage["waiting"], stage["seconds"]) == (1, 7200)


async def test_a_day_is_a_day_in_tokyo_and_both_ends_are_in_it(api: Api) -> None:
    cast = api.parties.world.cast
    await api.ask(cast.vaccination)
    usual = await statistics(api, cast.vaccination.inquirer)
    assert (usual["since"], usual["until"]) == ("2026-06-02", DAY)
    only = await statistics(api, cast.vaccination.inquirer, since=DAY, until=DAY)
    assert {row["day"] for row in only["rows"]} == {DAY}
    before = await statistics(api, cast.vaccination.inquirer, since="2026-06-01", until="2026-06-30")
    assert before["rows"] == []


@pytest.mark.parametrize(
    "query",
    [
        {"since": "2026-07-02", "until": "2026-07-01"},
        {"since": "2025-01-01", "until": "2026-07-01"},
        {"since": "0001-01-01", "until": "0001-01-02"},
        {"since": "9999-12-31", "until": "9999-12-31"},
        {"until": "1899-12-31"},
        {"by": "person"},
        {"by": "day,"},
    ],
)
async def test_days_that_make_no_sense_are_said_so(api: Api, query: dict[str, str]) -> None:
    operator = api.login_with(Duty.OPERATE_SYSTEM, api.parties.world.cast.vaccination.inquirer)
    for operation in ("show-statistics", "export-statistics"):
        answered = await api.call(operation, by=operator, query=query)
        assert (answered.status, answered.slug) == (422, "invalid-field")


async def test_statistics_as_csv_have_a_column_for_every_coarse_reason(api: Api) -> None:
    ask = api.parties.world.cast.vaccination
    await api.ask(ask)
    answered = await api.call(
        "export-statistics", by=api.login_with(Duty.AUDIT, ask.inquirer), query={"by": "day,agency,task"}
    )
    assert answered.headers["Content-Type"].startswith("text/csv")
    [head, *rows] = csv.reader(io.StringIO(answered.raw.decode()))
    assert head[-len(CoarseReason) :] == [f"refused: {reason}" for reason in CoarseReason]
    assert all(len(row) == len(head) for row in rows)
    told = await statistics(api, ask.inquirer, by="day,agency,task")
    assert [row[:4] for row in rows] == [[r["side"], r["day"], r["agency"], r["task"]] for r in told["rows"]]


async def test_whoever_inquires_or_reviews_counts_nothing(api: Api) -> None:
    ask = api.parties.world.cast.vaccination
    for operation in ("show-statistics", "export-statistics", "show-progress"):
        assert (await api.call(operation, by=ask.login)).slug == "wrong-duty"
