"""Many at once are copied; what is kept and answered is what one by one would have kept and answered."""

from __future__ import annotations

import asyncio

import pytest

from gateway.database import Database
from sympho import addressees, registry, store
from sympho.addressees import NumberingOutcome
from sympho.linkage import BindOutcome, PersonStatus
from sympho.store import copying
from tests.database.sympho_room import (
    CITY,
    HEALTH,
    KEYS,
    NOW,
    TAX,
    TOWN,
    acquire,
    addressee,
    counted,
    held_codes,
    individual,
    issue,
    number,
    open_for,
)

pytest_plugins = ("tests.database.sympho_parties",)

MANY = range(60)


@pytest.fixture(autouse=True)
def copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few are many here."""
    monkeypatch.setattr(copying, "COPY_FROM", 3)


async def counts(db: Database, *tables: str) -> list[int]:
    async with db.connection() as conn:
        return [len(await conn.fetch(f"TABLE {table}")) for table in tables]


async def test_newcomers_are_numbered_once_with_every_number_of_theirs(agencies: Database) -> None:
    asked = [(individual(n), system, addressee(n)) for n in MANY for system in (HEALTH, TAX)]
    async with agencies.transaction() as conn:
        with counted(conn) as ran:
            numbered = await addressees.number(conn, KEYS, CITY, asked, NOW)
    assert ran == [store.addressees.FIND]
    assert {row.outcome for row in numbered} == {NumberingOutcome.NUMBERED}
    assert [row.unified for row in numbered[::2]] == [row.unified for row in numbered[1::2]]
    assert len({row.unified for row in numbered}) == len(MANY)
    async with agencies.transaction() as conn:
        again = await addressees.number(conn, KEYS, CITY, asked, NOW)
    assert [row.unified for row in again] == [row.unified for row in numbered]
    assert {row.outcome for row in again} == {NumberingOutcome.KNOWN}
    assert await counts(agencies, "unified_person", "addressee_link") == [60, 120]


async def test_one_who_is_known_among_newcomers_keeps_the_number(agencies: Database) -> None:
    [known] = await number(agencies, CITY, [7])
    async with agencies.transaction() as conn:
        asked = [(individual(n), HEALTH, addressee(n)) for n in MANY]
        numbered = await addressees.number(conn, KEYS, CITY, asked, NOW)
    assert numbered[7].unified == known
    assert [row.outcome for row in numbered].count(NumberingOutcome.KNOWN) == 1
    assert await counts(agencies, "unified_person", "addressee_link") == [60, 60]


async def test_newcomers_of_whom_two_claim_one_number_are_looked_at_one_by_one(agencies: Database) -> None:
    async with agencies.transaction() as conn:
        asked = [(individual(n), HEALTH, addressee(0 if n == 1 else n)) for n in MANY]
        numbered = await addressees.number(conn, KEYS, CITY, asked, NOW)
    assert [n for n, row in enumerate(numbered) if row.unified is None] == [1]
    assert await counts(agencies, "unified_person") == [59]


async def test_two_who_number_the_same_newcomers_at_the_same_moment_give_the_same_numbers(agencies: Database) -> None:
    one, two = await asyncio.gather(number(agencies, CITY, MANY), number(agencies, CITY, MANY[::-1]))
    assert one == two[::-1]
    assert await counts(agencies, "unified_person", "addressee_link") == [60, 60]


async def test_people_who_enter_get_one_number_at_each_of_their_agencies_and_keep_it(agencies: Database) -> None:
    people = [
        (
            individual(n),
            [(agency, system, addressee(n)) for agency in (CITY, TOWN)[: 1 + n % 2] for system in (HEALTH, TAX)],
        )
        for n in MANY
    ]
    async with agencies.transaction() as conn:
        entered = await addressees.enter(conn, KEYS, people, NOW)
    assert entered is not None
    assert await counts(agencies, "unified_person", "addressee_link") == [90, 180]
    for agency, numbered in ((CITY, MANY), (TOWN, MANY[1::2])):
        asked = [(individual(n), system, addressee(n)) for n in numbered for system in (HEALTH, TAX)]
        async with agencies.transaction() as conn:
            again = await addressees.number(conn, KEYS, agency, asked, NOW)
        assert [row.unified for row in again[::2]] == [entered[n][agency] for n in numbered]
        assert [row.unified for row in again[1::2]] == [entered[n][agency] for n in numbered]
        assert {row.outcome for row in again} == {NumberingOutcome.KNOWN}
        async with agencies.transaction() as conn:
            known = await addressees.individual_numbers(conn, KEYS, agency, [entered[n][agency] for n in numbered])
        assert [one.reveal() for one in known if one] == [individual(n).reveal() for n in numbered]


@pytest.mark.parametrize("known", [(7, 7), (7, 99)], ids=["the-individual", "the-addressee-number"])
async def test_where_one_of_those_who_enter_is_known_nobody_enters(agencies: Database, known: tuple[int, int]) -> None:
    who, as_whom = known
    async with agencies.transaction() as conn:
        await addressees.number(conn, KEYS, TOWN, [(individual(as_whom), HEALTH, addressee(who))], NOW)
    people = [(individual(n), [(agency, HEALTH, addressee(n)) for agency in (CITY, TOWN)]) for n in MANY]
    async with agencies.transaction() as conn:
        assert await addressees.enter(conn, KEYS, people, NOW) is None
    assert await counts(agencies, "unified_person", "addressee_link") == [1, 1]


async def test_a_whole_acquisition_of_many_leaves_codes_history_and_nothing_open(
    network: Database, agencies: Database
) -> None:
    for agency in (CITY, TOWN):
        unified = await number(agencies, agency, MANY)
        assert set(await acquire(network, agencies, agency, MANY, unified)) == {BindOutcome.BOUND}
        assert len(set(await held_codes(agencies, agency, unified))) == len(MANY)
        async with agencies.transaction() as conn:
            assert set(await registry.statuses(conn, agency, unified)) == {PersonStatus.HELD}
            [history] = {tuple(one.event for one in of) for of in await registry.history(conn, agency, unified)}
        assert history == ("asked", "bound")
    assert await counts(agencies, "code_acquisition", "held_code", "held_code_event") == [0, 120, 240]
    assert await counts(network, "resident_person", "issued_code", "issued_code_event") == [60, 120, 240]
    async with network.connection() as conn:
        assert await conn.fetchval("SELECT COUNT(*) FROM issued_code WHERE state = 'confirmed'") == 120


async def test_many_of_whom_some_hold_a_code_or_have_asked_already_are_told_so(
    network: Database, agencies: Database
) -> None:
    unified = await number(agencies, CITY, MANY)
    await acquire(network, agencies, CITY, [5], unified[5:6])
    [asked] = await open_for(agencies, CITY, unified[6:7])
    numbers = await open_for(agencies, CITY, unified)
    assert numbers[6] == asked
    notices = await issue(network, CITY, numbers, MANY)
    assert [code is None for _, code, _ in notices].index(True) == 5
    async with agencies.transaction() as conn:
        outcomes = await registry.bind(conn, KEYS, CITY, notices, NOW)
    assert outcomes[5] is BindOutcome.ALREADY_HELD
    assert outcomes.count(BindOutcome.BOUND) == len(MANY) - 1
    assert len(await held_codes(agencies, CITY, unified)) == len(MANY)


async def test_two_agencies_that_ask_at_the_same_moment_for_the_same_residents_get_one_person_each(
    network: Database, agencies: Database
) -> None:
    persons = [await number(agencies, agency, MANY) for agency in (CITY, TOWN)]
    await asyncio.gather(
        acquire(network, agencies, CITY, MANY, persons[0]),
        acquire(network, agencies, TOWN, MANY[::-1], persons[1][::-1]),
    )
    assert await counts(network, "resident_person", "issued_code") == [60, 120]
