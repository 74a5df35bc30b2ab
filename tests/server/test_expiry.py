"""期限の過ぎたものの削除: by world time, in small batches, each body its own; what is evidence stays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.duties import Duty
from gateway.clock import TOKYO
from gateway.intermediary import expiring
from gateway.records.record import retained_since, retained_until
from sympho.codes import AgencyCode
from tests.countries import NOON
from tests.server.api import Api

OLD = "TM77777777777"
"""The beginning of codes that no list has: what is deposited here is nobody's business elsewhere."""
LAST_KEPT = NOON.astimezone(TOKYO).date() - timedelta(days=365)

INSERT_DUPLICATE = (
    "INSERT INTO duplicate (agency, unified, information, layout, published_from, published_until, content, "
    "deposited_at) SELECT $1, unified, $2, '0001', '2016-01-01', $3, 'sealed', now() FROM unified_person "
    "WHERE agency = $1 ORDER BY unified LIMIT 1"
)
COUNT_DUPLICATES = "SELECT COUNT(*) FROM duplicate WHERE agency = $1 AND information LIKE 'TM77777777777%'"
COUNT_ALL = (
    "SELECT (SELECT COUNT(*) FROM record), (SELECT COUNT(*) FROM inquiry), (SELECT COUNT(*) FROM provision), "
    "(SELECT COUNT(*) FROM operation WHERE name NOT LIKE '%expire%'), (SELECT COUNT(*) FROM held_code), "
    "(SELECT COUNT(*) FROM duplicate WHERE published_until IS NULL)"
)


@pytest.fixture
async def body(api: Api) -> AsyncIterator[AgencyCode]:
    """A body without anything of ours when the test begins and after it."""
    agency = api.parties.world.cast.tax.provider
    yield agency
    async with api.desk(agency).db.transaction() as conn:
        await conn.execute("DELETE FROM duplicate WHERE information LIKE 'TM77777777777%'")
        await conn.execute("DELETE FROM code_acquisition WHERE number_blind LIKE 'expiry%'::bytea")


async def deposit(api: Api, agency: AgencyCode, *ends: date | None) -> None:
    async with api.desk(agency).db.transaction() as conn:
        for number, until in enumerate(ends):
            await conn.execute(INSERT_DUPLICATE, agency, f"{OLD}{number:03}", until)


async def held(api: Api, agency: AgencyCode) -> int:
    async with api.desk(agency).db.connection() as conn:
        return int(await conn.fetchval(COUNT_DUPLICATES, agency))


async def everything(api: Api, agency: AgencyCode) -> tuple[Any, ...]:
    async with api.desk(agency).db.connection() as conn:
        return tuple(await conn.fetchrow(COUNT_ALL))


async def expired(api: Api, agency: AgencyCode) -> dict[str, tuple[int, str | None, bool]]:
    shown = await api.call("show-expired", by=api.login_with(Duty.OPERATE_SYSTEM, agency))
    return {one["what"]: (one["expired"], one["oldest"], one["goes"]) for one in shown.body["rows"]}


async def test_a_duplicate_goes_a_year_after_its_publication_and_not_a_day_before(api: Api, body: AgencyCode) -> None:
    assert (await expired(api, body))["duplicate"] == (0, None, True)
    await deposit(api, body, LAST_KEPT, LAST_KEPT - timedelta(days=1), date(2019, 3, 31), None, date(2027, 3, 31))
    before = await everything(api, body)
    assert (await expired(api, body))["duplicate"] == (2, "2019-03-31", True)
    gone = await api.call("delete-expired", by=api.login_with(Duty.OPERATE_SYSTEM, body))
    assert gone.body == {"duplicates": 2, "acquisitions": 0}
    assert await held(api, body) == 3
    assert (await everything(api, body)) == before
    assert (await expired(api, body))["duplicate"] == (0, None, True)


async def test_an_answer_in_the_making_from_what_has_just_gone_does_not_go_out(api: Api, body: AgencyCode) -> None:
    await deposit(api, body, date(2019, 3, 31))
    version = "SELECT version FROM guard WHERE agency = $1 AND information = $2"
    await expiring.expire(api.parties.intermediary, body)
    async with api.desk(body).db.connection() as conn:
        assert await conn.fetchval(version, body, f"{OLD}000") == 2


async def test_what_nobody_answered_for_a_month_is_forgotten(api: Api, body: AgencyCode) -> None:
    async with api.desk(body).db.transaction() as conn:
        persons = await conn.fetch("SELECT unified FROM unified_person WHERE agency = $1 ORDER BY unified", body)
        for number, days in enumerate((29, 31)):
            await conn.execute(
                "INSERT INTO code_acquisition (agency, unified, number_blind, number_sealed, opened_at) "
                "VALUES ($1, $2, $3, 'x', $4)",
                body, persons[number]["unified"], f"expiry{number}".encode(), NOON - timedelta(days=days),
            )  # fmt: skip
    assert (await expired(api, body))["code-acquisition"] == (1, "2026-05-31", True)
    assert (await expiring.expire(api.parties.intermediary, body)).acquisitions == 1
    assert (await expired(api, body))["code-acquisition"] == (0, None, True)


async def test_the_work_beside_the_calls_deletes_for_all_bodies_in_batches_that_end(api: Api, body: AgencyCode) -> None:
    other = api.parties.world.cast.vaccination.provider
    await deposit(api, body, *[date(2019, 3, 31)] * 7)
    await deposit(api, other, *[date(2019, 3, 31)] * 4)
    with patch.object(expiring, "BATCH", 3):
        assert (await expiring.expire(api.parties.intermediary, body)).duplicates == 7
        assert await held(api, other) == 4
        assert (await expiring.expire(api.parties.intermediary)).duplicates == 4
    assert await held(api, other) == 0


async def test_records_past_their_years_are_counted_and_stay(api: Api, body: AgencyCode) -> None:
    cast = api.parties.world.cast
    await api.ask(cast.tax)
    network = api.parties.world.network.code
    assert (await expired(api, network)).keys() == {"record"}
    assert (await expired(api, body))["record"] == (0, None, False)
    before = await everything(api, body)
    late = datetime(2034, 4, 1, tzinfo=TOKYO)
    counted: list[tuple[int, int]] = []
    for now in (late - timedelta(seconds=1), late):
        with patch.object(api.house.clock, "now", lambda now=now: now):
            rows = {agency: (await expired(api, agency))["record"] for agency in (body, network, cast.tax.inquirer)}
            assert all(goes is False for _, _, goes in rows.values())
            counted.append((rows[network][0], rows[body][0] + rows[cast.tax.inquirer][0]))
            with patch.object(expiring, "AFTER_PUBLICATION", timedelta(days=36500)):
                await expiring.expire(api.parties.intermediary)
    (early, early_at_bodies), (some, some_at_bodies) = counted
    assert some > early
    assert some_at_bodies > early_at_bodies
    assert (await everything(api, body))[:3] == before[:3]


@given(st.datetimes(datetime(2015, 10, 5), datetime(2099, 1, 1)), st.integers(min_value=0, max_value=4000))
def test_what_may_go_is_the_same_for_one_record_and_for_all(ended: datetime, days: int) -> None:
    ended = ended.replace(tzinfo=TOKYO)
    now = ended + timedelta(days=days)
    assert (ended < retained_since(now)) == (retained_until(ended) <= now.date())


async def test_only_whoever_operates_the_system_may_look_or_delete(api: Api) -> None:
    ask = api.parties.world.cast.tax
    network = api.login_with(Duty.OPERATE_SYSTEM, api.parties.world.network.code)
    for operation in ("show-expired", "delete-expired"):
        assert (await api.call(operation, by=ask.login)).slug == "wrong-duty"
    assert (await api.call("delete-expired", by=network)).slug == "wrong-agency"
