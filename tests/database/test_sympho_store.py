"""Every statement of code management against the real schema, and the schema's own rules."""

from __future__ import annotations

import inspect
import re
from importlib.resources import files

import pytest

from gateway.database import Database
from gateway.problems import Conflict
from sympho.linkage import CodeState, HeldEvent, RetirementReason
from sympho.store import addressees, issuing, registry
from tests.database.sympho_room import CITY, NOW, TOWN, number, statements

pytest_plugins = ("tests.database.sympho_parties",)


async def test_every_statement_of_the_network_is_prepared_on_its_schema(network: Database) -> None:
    async with network.connection() as conn:
        for text in statements(issuing).values():
            assert (await conn.prepare(text)).get_query() == text


async def test_every_statement_of_the_agencies_is_prepared_on_their_schema(agencies: Database) -> None:
    async with agencies.connection() as conn:
        for text in statements(registry, addressees).values():
            assert (await conn.prepare(text)).get_query() == text


def test_every_statement_has_one_function_that_runs_it() -> None:
    for module in (issuing, registry, addressees):
        functions = [f for _, f in inspect.getmembers(module, inspect.iscoroutinefunction)]
        for name in statements(module):
            assert len([f for f in functions if name.rpartition(".")[2] in f.__code__.co_names]) == 1, name
        assert len(functions) == len(statements(module))


def test_the_closed_lists_of_the_schema_are_those_of_the_rules() -> None:
    for schema, events in (("issuing.sql", CodeState), ("registry.sql", HeldEvent)):
        text = files("sympho").joinpath(schema).read_text(encoding="utf-8")
        lists = {
            column: set(re.findall(r"'([a-z-]+)'", values))
            for column, values in re.findall(r"\b(event|reason|state) IN \(([^)]*)\)", text)
        }
        assert lists["event"] == set(events)
        assert lists["reason"] == set(RetirementReason)
        assert lists.get("state", set(CodeState)) == set(CodeState)


def test_every_history_is_marked_as_append_only() -> None:
    for schema in ("issuing.sql", "registry.sql"):
        text = files("sympho").joinpath(schema).read_text(encoding="utf-8")
        tables = re.findall(r"CREATE TABLE (\w+_event)", text)
        assert tables
        assert re.findall(r"^-- append-only: (\w+)$", text, re.MULTILINE) == tables


FOREIGN = [
    (
        "INSERT INTO addressee_link (agency, system, addressee, unified, linked_at) VALUES ($1, '020', 'x', $2, $3)",
        "addressee_link_of_a_person",
    ),
    (
        """
        INSERT INTO code_acquisition (agency, unified, number_blind, number_sealed, opened_at)
        VALUES ($1, $2, '\\x01', '\\x01', $3)
        """,
        "code_acquisition_of_a_person",
    ),
    (
        """
        INSERT INTO held_code (agency, unified, generation, code_blind, code_sealed, bound_at)
        VALUES ($1, $2, 1, '\\x01', '\\x01', $3)
        """,
        "held_code_of_a_person",
    ),
    (
        "INSERT INTO held_code_event (agency, unified, event, happened_at) VALUES ($1, $2, 'asked', $3)",
        "held_code_event_of_a_person",
    ),
]


async def test_no_row_of_one_agency_can_point_at_a_person_of_another(agencies: Database) -> None:
    (person,) = await number(agencies, CITY, [1])
    for insert, constraint in FOREIGN:
        with pytest.raises(Conflict) as refusal:
            async with agencies.transaction() as conn:
                await conn.execute(insert, TOWN, person.reveal(), NOW)
        assert refusal.value.constraint == constraint
