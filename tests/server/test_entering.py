"""Newcomers come in whole, with numbers and duplicates, or not at all; then they are held like all who came singly."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
from msgspec.structs import replace

from fixtures import filling, seed
from fixtures.filling import content_of
from fixtures.folders.book import Person
from fixtures.folders.invented import book_of
from fixtures.world import invented_country
from gateway.exchange.messages import Content, ItemValue
from gateway.intermediary import deposit
from gateway.intermediary.entering import Held, Newcomer, enter
from gateway.problems import Problem
from gateway.running.trouble import StartTrouble
from gateway.running.wording import worded
from sympho import issuer
from sympho.codes import InformationCode, ItemCode
from tests.conftest import Clones
from tests.countries import Parties, country

OTHER_SEED = 7
"""A world of other people than those whom the country knows."""


class Killed(Exception):
    """Between the agency's writing and the network's."""


def newcomer(one: Person) -> Newcomer:
    return Newcomer(
        (one.resident.individual, [(row.agency, row.system, row.number) for row in one.numbers]),
        [
            Held(row.head.agency, content_of(row), row.head.published_from, row.head.published_until)
            for row in one.duplicates
        ],
    )


async def rows(parties: Parties) -> list[int]:
    async with parties.intermediary.db.connection() as conn:
        tables = ("unified_person", "addressee_link", "duplicate", "guard")
        return [len(await conn.fetch(f"TABLE {table}")) for table in tables]


@pytest.fixture
def people() -> list[Newcomer]:
    return [newcomer(one) for one in book_of(invented_country(18, OTHER_SEED)).people()]


async def test_who_enters_is_held_whole_and_nobody_enters_twice(
    clones: Clones, data_folder: Path, people: list[Newcomer]
) -> None:
    async with country("local", clones, data_folder, people=18, codes=False) as parties:
        server = parties.intermediary
        before = await rows(parties)
        entered = await enter(server, people)
        assert entered is not None
        for one, numbers in zip(people, entered, strict=True):
            assert set(numbers) == {agency for agency, _, _ in one.person[1]}
            for agency, unified in numbers.items():
                listed = await deposit.listed(server, agency, unified)
                held = {content.information: (content, row) for row, content in listed}
                said = {held.content.information: held for held in one.duplicates if held.agency == agency}
                assert held.keys() == said.keys()
                for information, (content, row) in held.items():
                    assert content == said[information].content
                    assert (row.published_from, row.published_until) == said[information][2:]
        after = await rows(parties)
        duplicates = sum(len(one.duplicates) for one in people)
        assert [now - then for now, then in zip(after, before, strict=True)][2:] == [duplicates, duplicates]

        first, *others = people
        another = newcomer(next(iter(book_of(invented_country(18, OTHER_SEED + 1)).people())))
        assert await enter(server, [another, first]) is None
        assert await enter(server, [another, others[0]]) is None
        assert await rows(parties) == after


async def test_filled_in_again_an_unchanging_world_gets_what_is_missing_and_nothing_is_written_twice(
    clones: Clones, data_folder: Path
) -> None:
    async with country("local", clones, data_folder, people=18, codes=False) as parties:
        server = parties.intermediary
        book = book_of(parties.world)
        one = next(iter(book.people())).duplicates[0]
        person = parties.persons[one.head.agency, int(one.head.person)]
        before = await rows(parties)

        async def versions() -> list[int]:
            return [row.version for row in await deposit.flags(server, one.head.agency, person)]

        untouched = await versions()
        told: dict[str, int] = {}
        await filling.fill_people(server, book.people(), (), told.__setitem__, unchanging=True)
        assert told["people"] == parties.world.size
        assert await rows(parties) == before
        assert await versions() == untouched

        await deposit.remove(server, one.head.agency, [(person, one.information)])
        await filling.fill_people(server, book.people(), (), unchanging=True)
        held = {content.information: content for _, content in await deposit.listed(server, one.head.agency, person)}
        assert held[one.information] == filling.content_of(one)
        assert await rows(parties) == before


async def test_codes_of_whose_binding_the_network_never_heard_are_confirmed_by_acquiring_once_more(
    clones: Clones, data_folder: Path
) -> None:
    async with country("local", clones, data_folder, people=18, codes=False) as parties:

        async def unconfirmed() -> int:
            async with parties.network.db.connection() as conn:
                return len(await conn.fetch("SELECT 1 FROM issued_code WHERE state <> 'confirmed'"))

        with patch.object(issuer, "confirm", side_effect=Killed), pytest.raises(Killed):
            await seed.acquire_codes(parties.intermediary, parties.persons)
        assert await unconfirmed()
        await seed.acquire_codes(parties.intermediary, parties.persons)
        assert not await unconfirmed()


async def test_a_number_that_is_somebody_elses_by_now_stops_the_filling_at_that_person_and_is_worded(
    clones: Clones, data_folder: Path
) -> None:
    async with country("local", clones, data_folder, people=18, codes=False) as parties:
        taken = next(iter(book_of(parties.world).people())).numbers[0]
        stranger = next(iter(book_of(invented_country(18, OTHER_SEED)).people()))
        claiming = replace(stranger, numbers=(replace(taken, person=stranger.resident.person),))
        before = await rows(parties)
        with pytest.raises(StartTrouble) as stopped, worded():
            await filling.fill_people(parties.intermediary, [replace(claiming, duplicates=())], ())
        assert f"{taken.agency}: an addressee number of {stranger.resident.person} belongs" in stopped.value.en
        assert taken.number.reveal() not in stopped.value.en
        assert "途中で止めました" in stopped.value.ja
        assert (await rows(parties))[1:] == before[1:]


@pytest.mark.parametrize("fault", ["information", "items", "published_until"])
async def test_a_duplicate_that_cannot_be_lets_nobody_in_and_is_named_by_its_place(
    clones: Clones, data_folder: Path, people: list[Newcomer], fault: str
) -> None:
    async with country("local", clones, data_folder, people=18, codes=False) as parties:
        before = await rows(parties)
        wrong = people[3]
        held = wrong.duplicates[0]
        values = {
            "information": held._replace(
                content=Content(InformationCode("TM99999999999999"), "0001", dict(held.content.items))
            ),
            "items": held._replace(
                content=Content(held.content.information, "0001", {ItemCode("TK99999999999999"): ItemValue("1")})
            ),
            "published_until": held._replace(
                published_from=date(2026, 1, 1), published_until=date(2026, 1, 1) - timedelta(days=1)
            ),
        }
        people[3] = wrong._replace(duplicates=[values[fault], *wrong.duplicates[1:]])
        with pytest.raises(Problem) as refused:
            await enter(parties.intermediary, people)
        assert refused.value.slug == "invalid-field"
        assert [one.pointer for one in refused.value.errors] == [f"$.duplicates[3].{fault}"]
        assert await rows(parties) == before
