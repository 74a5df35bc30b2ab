"""The agency's side on a real database: acquire, bind, forget, resolve, reverse, retire."""

from __future__ import annotations

import asyncio

import pytest

from gateway.database import Database
from sympho import issuer, registry
from sympho.codes import AcquisitionNumber, LinkageCode, UnifiedNumber
from sympho.linkage import BindOutcome, HeldEvent, PersonStatus, RetirementReason, Unsealable
from tests.database.sympho_room import (
    CITY,
    ISSUER,
    KEYS,
    NOW,
    TOWN,
    acquire,
    bind,
    codes_of,
    confirm,
    counted,
    dump,
    held_codes,
    issue,
    number,
    open_for,
)

pytest_plugins = ("tests.database.sympho_parties",)

NOBODY = UnifiedNumber("0" * 15)


async def statuses(agencies: Database, unified: list[UnifiedNumber]) -> list[PersonStatus]:
    async with agencies.transaction() as conn:
        return await registry.statuses(conn, CITY, unified)


async def events(agencies: Database, unified: UnifiedNumber) -> list[tuple[HeldEvent, int | None]]:
    async with agencies.transaction() as conn:
        (history,) = await registry.history(conn, CITY, [unified])
    return [(event.event, event.generation) for event in history]


async def test_an_acquisition_ends_in_a_code_that_resolves_both_ways(network: Database, agencies: Database) -> None:
    people = [1, 2, 3]
    unified = await number(agencies, CITY, people)
    assert await acquire(network, agencies, CITY, people, unified) == [BindOutcome.BOUND] * 3
    codes = await held_codes(agencies, CITY, unified)
    async with agencies.transaction() as conn:
        assert await registry.reverse(conn, KEYS, [(CITY, code) for code in codes]) == unified
    assert len(set(codes)) == 3


async def test_no_agency_resolves_or_reverses_what_is_anothers(network: Database, agencies: Database) -> None:
    unified = await number(agencies, CITY, [1])
    await acquire(network, agencies, CITY, [1], unified)
    (code,) = await held_codes(agencies, CITY, unified)
    assert await codes_of(agencies, TOWN, unified) == [None]
    async with agencies.transaction() as conn:
        assert await registry.reverse(conn, KEYS, [(TOWN, code), (CITY, code)]) == [None, unified[0]]
        assert await registry.statuses(conn, TOWN, unified) == [PersonStatus.UNKNOWN]
        assert await registry.history(conn, TOWN, unified) == [()]
        assert await registry.retire(conn, TOWN, unified, RetirementReason.LEAKED, NOW) == [False]


async def test_a_status_tells_how_far_a_person_is(network: Database, agencies: Database) -> None:
    unified = await number(agencies, CITY, [1, 2, 3, 4])
    await acquire(network, agencies, CITY, [1, 2], unified[:2])
    await open_for(agencies, CITY, unified[2:3])
    async with agencies.transaction() as conn:
        await registry.retire(conn, CITY, unified[1:2], RetirementReason.LEAKED, NOW)
    assert await statuses(agencies, [*unified, NOBODY]) == [
        PersonStatus.HELD,
        PersonStatus.RETIRED,
        PersonStatus.ASKED,
        PersonStatus.NONE,
        PersonStatus.UNKNOWN,
    ]


async def test_an_acquisition_that_is_open_keeps_its_number_and_nobody_unknown_gets_one(agencies: Database) -> None:
    unified = await number(agencies, CITY, [1, 2])
    first = await open_for(agencies, CITY, unified)
    async with agencies.transaction() as conn:
        opened = await registry.open_acquisitions(conn, KEYS, CITY, [*unified, unified[0], NOBODY], NOW)
    assert [row.number for row in opened] == [first[0], first[1], first[0], None]


async def test_who_holds_a_code_and_asks_again_is_told_already_held_and_keeps_it(
    network: Database, agencies: Database
) -> None:
    unified = await number(agencies, CITY, [1])
    await acquire(network, agencies, CITY, [1], unified)
    codes = await held_codes(agencies, CITY, unified)
    assert await acquire(network, agencies, CITY, [1], unified) == [BindOutcome.ALREADY_HELD]
    assert await held_codes(agencies, CITY, unified) == codes
    assert await statuses(agencies, unified) == [PersonStatus.HELD]


async def test_a_lost_confirmation_is_mended_by_asking_again(network: Database, agencies: Database) -> None:
    unified = await number(agencies, CITY, [1])
    await bind(agencies, CITY, await issue(network, CITY, await open_for(agencies, CITY, unified), [1]))
    assert await acquire(network, agencies, CITY, [1], unified) == [BindOutcome.HELD]
    (code,) = await held_codes(agencies, CITY, unified)
    async with network.transaction() as conn:
        (translation,) = await issuer.translate(conn, ISSUER, [(CITY, code, CITY)])
    assert translation.delivered


async def test_a_code_that_only_the_network_has_reissued_is_superseded_when_the_agency_asks_again(
    network: Database, agencies: Database
) -> None:
    unified = await number(agencies, CITY, [1])
    await acquire(network, agencies, CITY, [1], unified)
    (old,) = await held_codes(agencies, CITY, unified)
    async with network.transaction() as conn:
        await issuer.reissue(conn, ISSUER, CITY, [old], RetirementReason.LEAKED, NOW)
    assert await acquire(network, agencies, CITY, [1], unified) == [BindOutcome.BOUND]
    (new,) = await held_codes(agencies, CITY, unified)
    async with agencies.transaction() as conn:
        assert await registry.reverse(conn, KEYS, [(CITY, old), (CITY, new)]) == [None, unified[0]]
        (history,) = await registry.history(conn, CITY, unified)
    assert [(event.event, event.generation, event.reason) for event in history[-2:]] == [
        (HeldEvent.RETIRED, 1, RetirementReason.SUPERSEDED),
        (HeldEvent.BOUND, 2, None),
    ]


async def test_the_acquisition_number_is_forgotten_when_the_code_is_bound(
    network: Database, agencies: Database
) -> None:
    unified = await number(agencies, CITY, [1])
    numbers = await open_for(agencies, CITY, unified)
    await bind(agencies, CITY, await issue(network, CITY, numbers, [1]))
    async with agencies.transaction() as conn:
        assert await conn.fetchval("SELECT COUNT(*) FROM code_acquisition") == 0
    assert numbers[0].reveal() not in await dump(agencies, "registry")


async def test_neither_codes_nor_acquisition_numbers_lie_open_in_the_database(
    network: Database, agencies: Database
) -> None:
    unified = await number(agencies, CITY, [1, 2])
    numbers = await open_for(agencies, CITY, unified)
    await bind(agencies, CITY, await issue(network, CITY, numbers[:1], [1]))
    (code,) = await held_codes(agencies, CITY, unified[:1])
    kept = await dump(agencies, "registry")
    assert unified[0].reveal() in kept
    assert code.reveal() not in kept
    assert bytes.fromhex(code.reveal()).decode("latin-1") not in kept
    assert numbers[1].reveal() not in kept


async def test_a_crash_between_issue_and_bind_is_mended_by_running_again(network: Database, agencies: Database) -> None:
    unified = await number(agencies, CITY, [1, 2])
    numbers = await open_for(agencies, CITY, unified)
    lost = await issue(network, CITY, numbers, [1, 2])
    assert await acquire(network, agencies, CITY, [1, 2], unified) == [BindOutcome.BOUND] * 2
    assert await codes_of(agencies, CITY, unified) == [code for _, code, _ in lost]


async def test_a_crash_between_bind_and_confirm_is_mended_by_sending_the_notice_again(
    network: Database, agencies: Database
) -> None:
    unified = await number(agencies, CITY, [1])
    numbers = await open_for(agencies, CITY, unified)
    await bind(agencies, CITY, await issue(network, CITY, numbers, [1]))
    again = await issue(network, CITY, numbers, [1])
    assert await bind(agencies, CITY, again) == [BindOutcome.HELD]
    (code,) = await held_codes(agencies, CITY, unified)
    assert await confirm(network, CITY, [code]) == 1


async def test_a_person_under_two_numbers_of_one_agency_is_bound_once_and_told_already_held(
    network: Database, agencies: Database
) -> None:
    first, second, third = await number(agencies, CITY, [1, 2, 3])
    numbers = await open_for(agencies, CITY, [first, second])
    outcomes = await bind(agencies, CITY, await issue(network, CITY, numbers, [1, 1]))
    assert sorted(outcomes) == [BindOutcome.BOUND, BindOutcome.HELD]
    (code,) = [code for code in await codes_of(agencies, CITY, [first, second]) if code is not None]
    await confirm(network, CITY, [code])
    assert await acquire(network, agencies, CITY, [1], [third]) == [BindOutcome.ALREADY_HELD]
    found = await statuses(agencies, [first, second, third])
    assert sorted(found[:2]) == [PersonStatus.ALREADY_HELD, PersonStatus.HELD]
    assert found[2] is PersonStatus.ALREADY_HELD
    assert await events(agencies, third) == [(HeldEvent.ASKED, None), (HeldEvent.ALREADY_HELD, None)]


async def test_a_notice_for_no_open_acquisition_binds_nothing_and_leaves_the_others_alone(
    network: Database, agencies: Database
) -> None:
    (person,) = await number(agencies, CITY, [1])
    (notice,) = await issue(network, CITY, await open_for(agencies, CITY, [person]), [1])
    stranger = AcquisitionNumber("9" * 20)
    notices = [(stranger, LinkageCode("0" * 32), 1), notice, (stranger, None, 1)]
    assert await bind(agencies, CITY, notices) == [BindOutcome.UNKNOWN, BindOutcome.BOUND, BindOutcome.UNKNOWN]


async def test_an_acquisition_of_one_agency_cannot_be_answered_to_another(
    network: Database, agencies: Database
) -> None:
    unified = await number(agencies, CITY, [1])
    notices = await issue(network, CITY, await open_for(agencies, CITY, unified), [1])
    assert await bind(agencies, TOWN, notices) == [BindOutcome.UNKNOWN]
    assert await bind(agencies, CITY, notices) == [BindOutcome.BOUND]


async def test_somebody_whom_the_residents_party_does_not_know_is_given_up(agencies: Database) -> None:
    unified = await number(agencies, CITY, [1])
    numbers = await open_for(agencies, CITY, unified)
    async with agencies.transaction() as conn:
        assert await registry.give_up(conn, KEYS, CITY, [*numbers, AcquisitionNumber("9" * 20)], NOW) == 1
        assert await registry.give_up(conn, KEYS, CITY, numbers, NOW) == 0
    assert await statuses(agencies, unified) == [PersonStatus.NONE]
    assert await events(agencies, unified[0]) == [(HeldEvent.ASKED, None), (HeldEvent.NOT_FOUND, None)]


async def test_a_retired_code_is_gone_and_the_next_generation_takes_its_place(
    network: Database, agencies: Database
) -> None:
    unified = await number(agencies, CITY, [1])
    await acquire(network, agencies, CITY, [1], unified)
    (old,) = await held_codes(agencies, CITY, unified)
    async with network.transaction() as conn:
        await issuer.reissue(conn, ISSUER, CITY, [old], RetirementReason.LEAKED, NOW)
    async with agencies.transaction() as conn:
        assert await registry.retire(conn, CITY, unified, RetirementReason.LEAKED, NOW) == [True]
        assert await registry.reverse(conn, KEYS, [(CITY, old)]) == [None]
    assert await codes_of(agencies, CITY, unified) == [None]
    assert await acquire(network, agencies, CITY, [1], unified) == [BindOutcome.BOUND]
    (new,) = await held_codes(agencies, CITY, unified)
    assert new != old
    assert await events(agencies, unified[0]) == [
        (HeldEvent.ASKED, None),
        (HeldEvent.BOUND, 1),
        (HeldEvent.RETIRED, 1),
        (HeldEvent.ASKED, None),
        (HeldEvent.BOUND, 2),
    ]


async def test_a_generation_that_the_agency_has_retired_is_not_bound_again(
    network: Database, agencies: Database
) -> None:
    unified = await number(agencies, CITY, [1])
    await bind(agencies, CITY, await issue(network, CITY, await open_for(agencies, CITY, unified), [1]))
    async with agencies.transaction() as conn:
        await registry.retire(conn, CITY, unified, RetirementReason.LEAKED, NOW)
    late = await issue(network, CITY, await open_for(agencies, CITY, unified), [1])
    assert await bind(agencies, CITY, late) == [BindOutcome.STALE]
    assert await codes_of(agencies, CITY, unified) == [None]
    assert await statuses(agencies, unified) == [PersonStatus.RETIRED]


async def test_a_sealed_code_that_was_moved_to_another_person_does_not_open(
    network: Database, agencies: Database
) -> None:
    unified = await number(agencies, CITY, [1, 2])
    await acquire(network, agencies, CITY, [1, 2], unified)
    async with agencies.transaction() as conn:
        await conn.execute("UPDATE held_code SET code_sealed = (SELECT MIN(code_sealed) FROM held_code)")
    with pytest.raises(Unsealable, match="符号"):
        await codes_of(agencies, CITY, unified)


async def test_binding_the_same_notices_at_the_same_moment_binds_each_person_once(
    network: Database, agencies: Database
) -> None:
    people = list(range(200))
    unified = await number(agencies, CITY, people)
    notices = await issue(network, CITY, await open_for(agencies, CITY, unified), people)
    answers = await asyncio.gather(*(bind(agencies, CITY, order) for order in (notices, notices[::-1], notices)))
    found = [answers[0], answers[1][::-1], answers[2]]
    for of_person in zip(*found, strict=True):
        assert sorted(of_person) == [BindOutcome.BOUND, BindOutcome.HELD, BindOutcome.HELD]
    assert await codes_of(agencies, CITY, unified) == [code for _, code, _ in notices]


async def test_opening_at_the_same_moment_opens_one_acquisition_for_each_person(agencies: Database) -> None:
    unified = await number(agencies, CITY, list(range(100)))
    orders = (unified, unified[::-1], unified[50:] + unified[:50])
    answers = await asyncio.gather(*(open_for(agencies, CITY, order) for order in orders))
    assert set(answers[0]) == set(answers[1]) == set(answers[2])
    assert answers[0] == answers[1][::-1]


async def test_the_number_of_queries_does_not_grow_with_the_persons(network: Database, agencies: Database) -> None:
    counts = []
    for people in ([0], list(range(10, 300))):
        unified = await number(agencies, CITY, people)
        async with agencies.transaction() as conn:
            with counted(conn) as queries:
                opened = await registry.open_acquisitions(conn, KEYS, CITY, unified, NOW)
                numbers = [row.number for row in opened if row.number is not None]
                notices = await issue(network, CITY, numbers, people)
                await registry.bind(conn, KEYS, CITY, notices, NOW)
                await registry.resolve(conn, KEYS, [(CITY, person) for person in unified])
        counts.append(len(queries))
    assert counts[0] == counts[1] == 5
