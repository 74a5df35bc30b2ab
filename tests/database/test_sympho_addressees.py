"""Unified addressee numbers on a real database: numbering, linking, conversion both ways, and what is sealed."""

from __future__ import annotations

import asyncio
from datetime import date

from gateway.database import Database
from sympho import addressees
from sympho.addressees import BasicItems, NumberingOutcome, Sex
from sympho.codes import AddresseeNumber, UnifiedNumber
from tests.database.sympho_room import (
    CITY,
    HEALTH,
    KEYS,
    NOW,
    TAX,
    TOWN,
    addressee,
    dump,
    individual,
    number,
)

pytest_plugins = ("tests.database.sympho_parties",)

NOBODY = UnifiedNumber("0" * 15)
ITEMS = BasicItems(name="海山 凪", born_on=date(2019, 4, 2), sex=Sex.FEMALE, address="架空県汐見市波止場一丁目")


async def test_the_same_individual_has_one_number_whichever_system_asks(agencies: Database) -> None:
    async with agencies.transaction() as conn:
        health, tax = await addressees.number(
            conn, KEYS, CITY, [(individual(1), HEALTH, addressee(1)), (individual(1), TAX, addressee(7))], NOW
        )
        again = await addressees.number(conn, KEYS, CITY, [(individual(1), HEALTH, addressee(1))], NOW)
    assert health.unified is not None
    assert health.unified == tax.unified == again[0].unified
    assert again[0].outcome is NumberingOutcome.KNOWN


async def test_two_individuals_and_two_agencies_have_different_numbers(agencies: Database) -> None:
    city, town = await number(agencies, CITY, [1, 2, 3]), await number(agencies, TOWN, [1, 2, 3])
    assert len({*city, *town}) == 6


async def test_an_addressee_number_that_is_somebody_elses_is_reported_and_the_good_rows_go_through(
    agencies: Database,
) -> None:
    (first,) = await number(agencies, CITY, [1])
    async with agencies.transaction() as conn:
        taken, good, twice = await addressees.number(
            conn,
            KEYS,
            CITY,
            [
                (individual(2), HEALTH, addressee(1)),
                (individual(3), HEALTH, addressee(3)),
                (individual(4), HEALTH, addressee(3)),
            ],
            NOW,
        )
        assert await addressees.to_unified(conn, CITY, [(HEALTH, addressee(1))]) == [first]
        assert await conn.fetchval("SELECT COUNT(*) FROM unified_person") == 2
    assert (taken.unified, taken.outcome) == (None, NumberingOutcome.ADDRESSEE_TAKEN)
    assert good.outcome is NumberingOutcome.NUMBERED
    assert (twice.unified, twice.outcome) == (None, NumberingOutcome.ADDRESSEE_TAKEN)


async def test_numbers_convert_both_ways_inside_their_agency_only(agencies: Database) -> None:
    unified = await number(agencies, CITY, [1, 2])
    asked = [(HEALTH, addressee(2)), (HEALTH, addressee(9)), (TAX, addressee(2)), (HEALTH, addressee(1))]
    async with agencies.transaction() as conn:
        assert await addressees.to_unified(conn, CITY, asked) == [unified[1], None, None, unified[0]]
        assert await addressees.to_unified(conn, TOWN, asked) == [None] * 4
        assert await addressees.to_addressees(
            conn, CITY, [(unified[0], HEALTH), (unified[1], HEALTH), (unified[0], TAX), (NOBODY, HEALTH)]
        ) == [addressee(1), addressee(2), None, None]
        assert await addressees.to_addressees(conn, TOWN, [(unified[0], HEALTH)]) == [None]


async def test_a_link_is_made_once_and_never_taken_away_from_somebody(agencies: Database) -> None:
    first, second = await number(agencies, CITY, [1, 2])
    async with agencies.transaction() as conn:
        made = await addressees.link(
            conn,
            CITY,
            [(first, TAX, AddresseeNumber("A1")), (second, TAX, AddresseeNumber("A1")), (NOBODY, TAX, addressee(5))],
            NOW,
        )
        foreign = await addressees.link(conn, TOWN, [(first, TAX, AddresseeNumber("A1"))], NOW)
        assert await addressees.links_of(conn, CITY, [second, first]) == [
            ((HEALTH, addressee(2)),),
            ((TAX, AddresseeNumber("A1")), (HEALTH, addressee(1))),
        ]
    assert made == [True, False, False]
    assert foreign == [False]


async def test_individual_numbers_come_back_for_the_code_request_of_their_own_agency_only(agencies: Database) -> None:
    unified = await number(agencies, CITY, [1, 2])
    async with agencies.transaction() as conn:
        assert await addressees.individual_numbers(conn, KEYS, CITY, [unified[1], NOBODY, unified[0]]) == [
            individual(2),
            None,
            individual(1),
        ]
        assert await addressees.individual_numbers(conn, KEYS, TOWN, unified) == [None, None]


async def test_the_basic_items_come_back_and_do_not_print_themselves(agencies: Database) -> None:
    unified = await number(agencies, CITY, [1, 2])
    async with agencies.transaction() as conn:
        kept = await addressees.keep_basic_items(conn, KEYS, CITY, [(unified[0], ITEMS), (NOBODY, ITEMS)])
        assert await addressees.keep_basic_items(conn, KEYS, TOWN, [(unified[1], ITEMS)]) == [False]
        assert await addressees.basic_items(conn, KEYS, CITY, [unified[1], unified[0]]) == [None, ITEMS]
    assert kept == [True, False]
    assert ITEMS.name not in f"{ITEMS} {ITEMS!r} {[ITEMS]}"


async def test_neither_individual_numbers_nor_basic_items_lie_open_in_the_database(agencies: Database) -> None:
    unified = await number(agencies, CITY, [1])
    async with agencies.transaction() as conn:
        await addressees.keep_basic_items(conn, KEYS, CITY, [(unified[0], ITEMS)])
    kept = await dump(agencies, "registry")
    assert unified[0].reveal() in kept
    assert individual(1).reveal() not in kept
    assert ITEMS.name not in kept
    assert ITEMS.name.encode().decode("latin-1") not in kept


async def test_two_systems_that_ask_at_the_same_moment_get_one_number_for_each_individual(agencies: Database) -> None:
    people = list(range(200))

    async def ask(order: list[int], base: int) -> dict[int, UnifiedNumber | None]:
        system = TAX if base else HEALTH
        async with agencies.transaction() as conn:
            rows = await addressees.number(
                conn, KEYS, CITY, [(individual(n), system, addressee(base + n)) for n in order], NOW
            )
        return {n: row.unified for n, row in zip(order, rows, strict=True)}

    first, second, third = await asyncio.gather(ask(people, 0), ask(people[::-1], 1_000), ask(people[::-1], 0))
    assert first == second == third
    assert None not in first.values()
    async with agencies.transaction() as conn:
        assert await conn.fetchval("SELECT COUNT(*) FROM unified_person") == 200
        assert await conn.fetchval("SELECT COUNT(*) FROM addressee_link") == 400
