"""The network's side on a real database: issuing, confirming, translating, re-issuing, and the changed 住民票コード."""

from __future__ import annotations

import asyncio

from gateway.database import Database
from sympho import issuer
from sympho.codes import AcquisitionNumber, AgencyCode, LinkageCode
from sympho.issuer import ResidentChange
from sympho.linkage import CodeState, RetirementReason
from tests.database.sympho_room import CITY, FUND, ISSUER, NOW, TOWN, confirm, counted, dump, issue, resident

pytest_plugins = ("tests.database.sympho_parties",)


def numbers(count: int, first: int = 0) -> list[AcquisitionNumber]:
    return [AcquisitionNumber(f"{n:020d}") for n in range(first, first + count)]


async def issued(network: Database, agency: AgencyCode, people: list[int]) -> list[LinkageCode]:
    notices = await issue(network, agency, numbers(len(people)), people)
    return [code for _, code, _ in notices if code is not None]


async def test_codes_differ_per_agency_for_one_person_and_are_unique_inside_an_agency(network: Database) -> None:
    people = list(range(200))
    codes = {agency: await issued(network, agency, people) for agency in (CITY, TOWN, FUND)}
    assert all(len(set(of_agency)) == 200 for of_agency in codes.values())
    assert len({code for of_agency in codes.values() for code in of_agency}) == 600


async def test_each_answer_carries_the_acquisition_number_it_was_asked_with(network: Database) -> None:
    asked = numbers(3, first=40)
    assert [number for number, _, _ in await issue(network, CITY, asked, [3, 1, 2])] == asked


async def test_a_code_that_was_not_confirmed_is_sent_again_and_a_confirmed_one_is_already_held(
    network: Database,
) -> None:
    first = await issue(network, CITY, numbers(2), [1, 2])
    again = await issue(network, CITY, numbers(2, first=10), [1, 2])
    assert [code for _, code, _ in again] == [code for _, code, _ in first]
    code = first[0][1]
    assert code is not None
    assert await confirm(network, CITY, [code]) == 1
    assert await confirm(network, CITY, [code]) == 0
    last = await issue(network, CITY, numbers(2, first=20), [1, 2])
    assert [(code, generation) for _, code, generation in last] == [(None, 1), (first[1][1], 1)]


async def test_one_person_twice_in_a_batch_gets_one_code(network: Database) -> None:
    codes = await issued(network, CITY, [1, 2, 1])
    assert codes[0] == codes[2] != codes[1]


async def test_nothing_is_issued_for_nobody(network: Database) -> None:
    assert await issue(network, CITY, [], []) == []
    assert await confirm(network, CITY, []) == 0


async def test_the_network_keeps_neither_codes_nor_acquisition_numbers_nor_resident_codes(network: Database) -> None:
    people = [1, 2, 3]
    asked = numbers(3, first=7_000)
    notices = await issue(network, CITY, asked, people)
    kept = await dump(network, "issuing")
    assert "issued" in kept
    for (number, code, _), person in zip(notices, people, strict=True):
        assert code is not None
        assert code.reveal() not in kept
        assert number.reveal() not in kept
        assert resident(person).reveal() not in kept


async def test_a_code_is_translated_only_for_its_own_agency_and_only_while_it_is_known(network: Database) -> None:
    (city,) = await issued(network, CITY, [1])
    (town,) = await issued(network, TOWN, [1])
    async with network.transaction() as conn:
        right, wrong_agency, unknown, no_code_there = await issuer.translate(
            conn,
            ISSUER,
            [(CITY, city, TOWN), (TOWN, city, CITY), (CITY, LinkageCode("0" * 32), TOWN), (CITY, city, FUND)],
        )
    assert (right.known, right.provider_code, right.delivered) == (True, town, False)
    assert (wrong_agency.known, wrong_agency.person, wrong_agency.provider_code) == (False, None, None)
    assert (unknown.known, unknown.provider_code) == (False, None)
    assert (no_code_there.known, no_code_there.person, no_code_there.provider_code) == (True, right.person, None)


async def test_a_translation_tells_whether_the_provider_has_confirmed_its_code(network: Database) -> None:
    (city,) = await issued(network, CITY, [1])
    await confirm(network, TOWN, await issued(network, TOWN, [1]))
    async with network.transaction() as conn:
        (translation,) = await issuer.translate(conn, ISSUER, [(CITY, city, TOWN)])
    assert translation.delivered


async def test_a_translation_does_not_print_a_person(network: Database) -> None:
    (city,) = await issued(network, CITY, [1])
    (town,) = await issued(network, TOWN, [1])
    async with network.transaction() as conn:
        (translation,) = await issuer.translate(conn, ISSUER, [(CITY, city, TOWN)])
    assert translation.person is not None
    assert translation.person.reveal() not in repr(translation)
    assert town.reveal() not in repr(translation)


async def test_a_thousand_translations_take_one_query(network: Database) -> None:
    people = list(range(1_000))
    city, town = await issued(network, CITY, people), await issued(network, TOWN, people)
    async with network.transaction() as conn:
        with counted(conn) as queries:
            translations = await issuer.translate(conn, ISSUER, [(CITY, code, TOWN) for code in city])
    assert [translation.provider_code for translation in translations] == town
    assert len(queries) == 1


async def test_the_number_of_queries_does_not_grow_with_the_persons(network: Database) -> None:
    counts = []
    for people in ([1], list(range(10, 200)), list(range(200, 600))):
        async with network.transaction() as conn:
            with counted(conn) as queries:
                asked = [(number, resident(n)) for number, n in zip(numbers(len(people)), people, strict=True)]
                await issuer.issue(conn, ISSUER, CITY, asked, NOW)
        counts.append(len(queries))
    assert counts[2] <= counts[1] == counts[0] <= 4


async def test_the_networks_own_record_code_is_the_persons_and_no_agencys(network: Database) -> None:
    (city,) = await issued(network, CITY, [1])
    (town,) = await issued(network, TOWN, [1])
    async with network.transaction() as conn:
        translations = await issuer.translate(conn, ISSUER, [(CITY, city, TOWN), (TOWN, town, CITY)])
    persons = [translation.person for translation in translations if translation.person is not None]
    substitutes = {issuer.substitute(ISSUER, person).reveal() for person in persons}
    assert len(persons) == 2
    assert len(substitutes) == 1
    assert substitutes.isdisjoint({city.reveal(), town.reveal(), persons[0].reveal()})


async def test_a_retired_code_resolves_to_nothing_and_the_next_request_gets_the_next_generation(
    network: Database,
) -> None:
    reason = RetirementReason.WRONG_PERSON
    (old,) = await issued(network, CITY, [1])
    await issued(network, TOWN, [1])
    async with network.transaction() as conn:
        assert await issuer.retire(conn, ISSUER, CITY, [old, LinkageCode("0" * 32)], reason, NOW) == [True, False]
        assert await issuer.retire(conn, ISSUER, CITY, [old], reason, NOW) == [False]
        as_inquirer, as_provider = await issuer.translate(
            conn, ISSUER, [(CITY, old, TOWN), (TOWN, (await issued(network, TOWN, [1]))[0], CITY)]
        )
    assert not as_inquirer.known
    assert as_provider.known
    assert as_provider.provider_code is None
    ((_, new, generation),) = await issue(network, CITY, numbers(1), [1])
    assert generation == 2
    assert new not in (None, old)


async def test_a_reissued_code_is_another_one_and_its_history_tells_why(network: Database) -> None:
    (old,) = await issued(network, CITY, [1])
    await confirm(network, CITY, [old])
    async with network.transaction() as conn:
        assert await issuer.reissue(conn, ISSUER, CITY, [old, LinkageCode("0" * 32)], RetirementReason.LEAKED, NOW) == [
            2,
            None,
        ]
    ((_, new, generation),) = await issue(network, CITY, numbers(1), [1])
    assert generation == 2
    assert new is not None
    async with network.transaction() as conn:
        by_old, by_new, by_none = await issuer.history(conn, ISSUER, CITY, [old, new, LinkageCode("0" * 32)])
        (translation,) = await issuer.translate(conn, ISSUER, [(CITY, new, CITY)])
    assert translation.provider_code == new
    assert by_old == by_new
    assert by_none == ()
    assert [(event.generation, event.state, event.reason) for event in by_old] == [
        (1, CodeState.ISSUED, None),
        (1, CodeState.CONFIRMED, None),
        (1, CodeState.RETIRED, RetirementReason.LEAKED),
        (2, CodeState.ISSUED, None),
    ]


async def test_a_confirmation_that_comes_after_the_retirement_changes_nothing(network: Database) -> None:
    (old,) = await issued(network, CITY, [1])
    async with network.transaction() as conn:
        await issuer.retire(conn, ISSUER, CITY, [old], RetirementReason.LEAKED, NOW)
    assert await confirm(network, CITY, [old]) == 0


async def change(network: Database, before: int, after: int) -> ResidentChange:
    async with network.transaction() as conn:
        return await issuer.change_resident_code(conn, ISSUER, resident(before), resident(after), NOW)


async def test_a_code_survives_every_change_of_the_resident_code(network: Database) -> None:
    (code,) = await issued(network, CITY, [1])
    assert await change(network, 1, 2) is ResidentChange.CHANGED
    assert await change(network, 2, 3) is ResidentChange.CHANGED
    assert await change(network, 2, 3) is ResidentChange.UNCHANGED
    assert await issued(network, CITY, [3, 1, 2]) == [code] * 3


async def test_a_change_heard_of_before_the_first_code_still_makes_one_person(network: Database) -> None:
    assert await change(network, 1, 2) is ResidentChange.CHANGED
    assert len(set(await issued(network, CITY, [2, 1]))) == 1


async def test_a_change_heard_of_after_the_new_resident_code_was_used_still_makes_one_person(network: Database) -> None:
    (code,) = await issued(network, CITY, [2])
    assert await change(network, 1, 2) is ResidentChange.CHANGED
    assert await issued(network, CITY, [1]) == [code]


async def test_two_persons_are_never_merged(network: Database) -> None:
    codes = await issued(network, CITY, [1, 2])
    assert await change(network, 1, 2) is ResidentChange.TWO_PERSONS
    assert await issued(network, CITY, [1, 2]) == codes


async def test_many_requests_for_the_same_people_at_the_same_moment_make_one_code_each(network: Database) -> None:
    people = list(range(300))
    orders = [people, people[::-1], people[150:] + people[:150], people[::3] + people[1::3] + people[2::3]]
    answers = await asyncio.gather(*(issue(network, CITY, numbers(300), order) for order in orders))
    by_person = [
        {person: code for person, (_, code, _) in zip(order, answer, strict=True)}
        for order, answer in zip(orders, answers, strict=True)
    ]
    assert all(codes == by_person[0] for codes in by_person)
    async with network.transaction() as conn:
        assert await conn.fetchval("SELECT COUNT(*) FROM issued_code") == 300
        assert await conn.fetchval("SELECT COUNT(*) FROM issued_code_event") == 300


async def test_a_change_of_resident_code_at_the_same_moment_as_an_issue_leaves_one_person(network: Database) -> None:
    for base in range(0, 40, 2):
        changed, (first,) = await asyncio.gather(change(network, base, base + 1), issued(network, CITY, [base + 1]))
        assert changed is ResidentChange.CHANGED
        assert await issued(network, CITY, [base, base + 1]) == [first, first]


async def test_two_reissues_at_the_same_moment_raise_the_generation_once(network: Database) -> None:
    (old,) = await issued(network, CITY, [1])

    async def reissue() -> list[int | None]:
        async with network.transaction() as conn:
            return await issuer.reissue(conn, ISSUER, CITY, [old], RetirementReason.LEAKED, NOW)

    assert sorted(await asyncio.gather(reissue(), reissue()), key=str) == [[2], [None]]


async def test_a_new_request_after_retirement_at_the_same_moment_raises_the_generation_once(network: Database) -> None:
    (old,) = await issued(network, CITY, [1])
    async with network.transaction() as conn:
        await issuer.retire(conn, ISSUER, CITY, [old], RetirementReason.LOST, NOW)
    answers = await asyncio.gather(*(issue(network, CITY, numbers(1), [1]) for _ in range(4)))
    assert {(code, generation) for ((_, code, generation),) in answers} == {(answers[0][0][1], 2)}
