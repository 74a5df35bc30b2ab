"""Metrics: what a scrape tells of requests, stages and shared commits, and of whom it says nothing."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from tests.server.api import Api

OPERATOR = "shinkirou-operator"


async def samples(api: Api) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    answered = await api.call("show-metrics", by=OPERATOR)
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answered.raw.decode())
        for sample in family.samples
    }


async def test_the_stages_of_requests_add_up_to_their_time(api: Api) -> None:
    await api.call("list-inquiries", by="kagerou-health")
    seen = await samples(api)
    total = sum(
        value
        for (name, labels), value in seen.items()
        if name == "sympho_request_seconds_sum" and ("operation", "list-inquiries") in labels
    )
    stages = sum(
        value
        for (name, labels), value in seen.items()
        if name == "sympho_stage_seconds_total" and ("operation", "list-inquiries") in labels
    )
    assert 0 < stages <= total < stages * 1.5


async def test_every_shared_commit_is_counted_with_its_rows(api: Api) -> None:
    before = await samples(api)
    await api.call("list-inquiries", by="kagerou-health")
    after = await samples(api)
    rows = ("sympho_batch_rows_sum", (("batch", "intermediary.operations"),))
    assert after[rows] >= before.get(rows, 0.0) + 1


async def test_metrics_name_neither_a_person_nor_an_agency(api: Api) -> None:
    text = (await api.call("show-metrics", by=OPERATOR)).raw.decode()
    assert not any(agency.code in text for agency in api.parties.world.directory)
    assert "stf_" not in text
