"""A long day, and then the search: everything was called and documented, and no person's number or content got out."""

from __future__ import annotations

import base64
import io
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import pytest
import structlog

from gateway import log as logs
from gateway.database import sibling
from gateway.interfaces.house import Desk
from gateway.records import store as records
from sympho import registry
from tests.conftest import Clones
from tests.judging import assert_judged
from tests.server.api import Api, served
from tests.server.api_scenario import everything

BEGINNING = ("", UUID(int=0))


@dataclass(frozen=True)
class Day:
    """What is left of the day: all that was logged, and all that was answered."""

    api: Api
    logged: str
    url: str

    @property
    def problems(self) -> str:
        return "\n".join(one.raw.decode() for one in self.api.seen if one.slug)


@pytest.fixture(scope="module")
async def day(clones: Clones, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Day]:
    written = io.StringIO()
    async with served(clones, tmp_path_factory.mktemp("day")) as api:
        handlers, level = list(logging.getLogger().handlers), logging.getLogger().level
        logs.configure("debug", written, console=False)
        try:
            await everything(api)
        finally:
            structlog.reset_defaults()
            logging.getLogger().handlers[:] = handlers
            logging.getLogger().setLevel(level)
        yield Day(api, written.getvalue(), clones.url)


@pytest.fixture(scope="module")
async def numbers(day: Day) -> frozenset[str]:
    """Every number and name of every person, and every linkage code that any body holds."""
    parties = day.api.parties
    held = list(parties.persons.items())
    async with parties.intermediary.db.connection() as conn:
        asked = [(agency, unified) for (agency, _), unified in held]
        codes = await registry.resolve(conn, parties.intermediary.ring, asked)
    linkage = {code.reveal() for code in codes if code is not None}
    assert len(linkage) > 20
    return frozenset(linkage | {unified.reveal() for _, unified in held} | set(parties.world.canaries()))


def found(text: str, canaries: frozenset[str]) -> list[str]:
    return sorted(one for one in canaries if one in text)


def test_every_operation_was_called_and_has_succeeded_as_the_document_says(day: Day) -> None:
    succeeded = {one.operation for one in day.api.seen if one.status < 300}
    assert succeeded == set(day.api.table)


def test_the_search_would_find_a_person_in_what_was_answered_to_the_persons_own_body(
    day: Day, numbers: frozenset[str]
) -> None:
    shown = "\n".join(one.raw.decode() for one in day.api.seen if not one.slug)
    assert found(shown, numbers)


def test_no_log_line_of_the_day_carries_a_person(day: Day, numbers: frozenset[str]) -> None:
    lines = day.logged.splitlines()
    assert len(lines) > 200
    assert all(json.loads(line) for line in lines)
    assert found(day.logged, numbers) == []
    assert "bug" not in {json.loads(line)["event"] for line in lines}


def test_no_problem_of_the_day_carries_a_person(day: Day, numbers: frozenset[str]) -> None:
    slugs = {one.slug for one in day.api.seen if one.slug}
    assert {"invalid-field", "malformed-body", "token-invalid", "credentials-refused", "idempotency-conflict"} <= slugs
    assert "internal" not in slugs
    assert found(day.problems, numbers) == []


def test_no_header_of_an_answer_carries_a_person(day: Day, numbers: frozenset[str]) -> None:
    assert found(repr([dict(one.headers) for one in day.api.seen]), numbers) == []


async def test_no_entry_of_the_operations_log_carries_a_person(day: Day, numbers: frozenset[str]) -> None:
    pages = [one.raw.decode() for one in day.api.seen if one.operation == "read-operations"]
    assert sum(len(json.loads(page)["operations"]) for page in pages) > 50
    assert found("\n".join(pages), numbers) == []


async def test_no_token_carries_a_person(day: Day, numbers: frozenset[str]) -> None:
    issued = [one.body["token"] for one in day.api.seen if one.status == 200 and one.operation.startswith("log-in")]
    claims = [base64.urlsafe_b64decode(token.split(".")[1] + "==").decode() for token in issued]
    assert len(claims) > 10
    assert found("\n".join(claims), numbers) == []


async def test_no_record_and_no_annex_carries_a_person(day: Day, numbers: frozenset[str]) -> None:
    told: list[str] = []
    for desk in day.api.house.desks:
        told += [text async for text in record_texts(desk)]
    assert len(told) > 30
    assert found("\n".join(told), numbers) == []


async def record_texts(desk: Desk) -> AsyncIterator[str]:
    async with desk.db.connection() as conn:
        for row in await records.all_records(conn, BEGINNING, 1_000):
            payload = base64.urlsafe_b64decode(row.jws.split(".")[1] + "==").decode()
            yield f"{row.txn} {payload} {row.annex.decode()} {row.subject_sealed!r} {row.subject_blind!r}"


async def test_no_table_of_any_party_holds_a_person_a_code_or_a_content_in_clear(
    day: Day, numbers: frozenset[str]
) -> None:
    """Unified and addressee numbers are what an agency's rows are about; all else is sealed, also as bytes."""
    world = day.api.parties.world
    rows_are_about = {one.reveal() for one in day.api.parties.persons.values()}
    rows_are_about |= {numbering.number.reveal() for numbering in world.numberings()}
    secret = numbers - rows_are_about
    dump = "\n".join([text async for text in rows_of_every_table(day)])
    assert len(dump) > 100_000
    assert found(dump, secret) == []
    assert [one for one in sorted(secret) if one.encode().hex() in dump] == []
    assert len(found(dump, frozenset(rows_are_about))) > 20


async def test_all_that_was_written_on_the_day_holds_before_the_judge(day: Day, numbers: frozenset[str]) -> None:
    await assert_judged(day.api.parties, numbers)


async def rows_of_every_table(day: Day) -> AsyncIterator[str]:
    async with day.api.parties.network.db.connection() as own:
        database = await own.fetchval("SELECT current_database()")
    conn = await asyncpg.connect(sibling(day.url, database))
    try:
        tables = await conn.fetch(
            "SELECT format('SELECT t::text AS row FROM %I.%I AS t', table_schema, table_name) AS statement "
            "FROM information_schema.tables "
            "WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
        )
        assert len(tables) > 25
        for table in tables:
            for row in await conn.fetch(table["statement"]):
                yield row["row"]
    finally:
        await conn.close()
