"""What waits and what ended is found by an index, however much has ended before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.config import Config, Role
from gateway.database import as_administrator
from gateway.intermediary.store import standing
from gateway.layout import layout_of
from gateway.network.standing import store as network_standing
from gateway.records import store as records
from tests.conftest import DatabaseFor

AGENCY = "0220199100701700"
FROM, UNTIL = datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 8, 1, tzinfo=UTC)
COUNTING = (AGENCY, FROM, UNTIL, True, True, True, 100)

CASES: list[tuple[Role, str, tuple[Any, ...], set[str]]] = [
    (Role.NETWORK, records.COUNT_ENDED, COUNTING, {"record_list"}),
    (Role.INTERMEDIARY, records.COUNT_ENDED, COUNTING, {"record_list"}),
    (Role.INTERMEDIARY, standing.COUNT_HELD, COUNTING, {"record_list", "provision_pk"}),
    (Role.NETWORK, network_standing.READ_STAGES, (), {"exchange_due", "exchange_waiting"}),
    (Role.INTERMEDIARY, standing.READ_STAGES, (AGENCY, FROM), {"inquiry_due", "inquiry_waiting", "provision_due"}),
]

ENDED: dict[Role, tuple[tuple[str, str], ...]] = {
    Role.NETWORK: (
        (
            "exchange",
            (
                "INSERT INTO exchange (txn, inquirer, provider, request_d, permit, subject_sealed, subject_blind, "
                "annex, state, accepted_at, kind, ended_at, reply) "
                "SELECT gen_random_uuid(), 'a', 'b', '', 'permit', '', '', '', 'ended', now(), 'provided', now(), '' "
                "FROM generate_series(1, 3000)"
            ),
        ),
    ),
    Role.INTERMEDIARY: (
        (
            "provision",
            (
                "INSERT INTO provision (agency, txn, inquirer, permit, notice_d, task, information, notified_at, "
                "valid_until, state, kind, ended_at, answer) "
                "SELECT '0220199100701700', gen_random_uuid(), 'a', 'permit', '', 't', 'i', now(), now(), "
                "'ended', 'provided', now(), '' FROM generate_series(1, 3000)"
            ),
        ),
        (
            "inquiry",
            (
                "WITH person AS (INSERT INTO unified_person (agency, unified, registered_at) "
                "VALUES ('0220199100701700', '000000000000001', now())) "
                "INSERT INTO inquiry (agency, txn, idempotency_key, body_d, unified, office, asked_by, provider, task, "
                "information, items, consent, non_disclosure, annex, subject_sealed, asked_at, state, kind, ended_at) "
                "SELECT '0220199100701700', gen_random_uuid(), n::text, '', '000000000000001', 'o', 's', 'p', 't', "
                "'i', '{}', false, false, '', '', now(), 'ended', 'refused', now() FROM generate_series(1, 3000) AS n"
            ),
        ),
    ),
}
"""Much that has ended, as far as the planner cares."""


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


@pytest.fixture
async def full(config: Config, database_for: DatabaseFor) -> None:
    assert config.database_url is not None
    for role, statements in ENDED.items():
        layout = layout_of(role, config.database_prefix)
        await database_for(role)
        async with as_administrator(config.database_url.reveal()) as conn:
            await conn.execute(f"SET search_path = {layout.search_path}")
            for table, statement in statements:
                await conn.execute(statement)
                await conn.execute(f"ANALYZE {table}")


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize(("role", "statement", "values", "indexes"), CASES)
async def test_nothing_is_read_but_what_is_counted(
    database_for: DatabaseFor, role: Role, statement: str, values: tuple[Any, ...], indexes: set[str]
) -> None:
    db = await database_for(role)
    async with db.connection() as conn:
        told = await conn.fetchval(f"EXPLAIN (FORMAT JSON) {statement}", *values)
    found = list(nodes(json.loads(told)[0]["Plan"]))
    used = {node["Index Name"] for node in found if "Index Name" in node}
    assert {name for name in used if not name.startswith("code_acquisition_")} == indexes
    assert [node for node in found if node["Node Type"] == "Seq Scan"] == []
