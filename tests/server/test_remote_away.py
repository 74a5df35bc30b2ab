"""A party that cannot be reached: nothing is lost, nothing is refused, and what was begun is carried on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gateway.exchange.messages import CODES_LIMIT, CodeNotice, CodeReply, encode
from gateway.exchange.wallet import Wallet
from gateway.interfaces.listening import Listener, listen
from gateway.interfaces.operation import AnyOperation
from gateway.interfaces.party import intermediary_doors, network_doors
from gateway.intermediary import codes, publications, withdrawal
from gateway.intermediary.inquire import Asker
from gateway.intermediary.store import inquiries
from gateway.neighbours.residents import PERSONS_LIMIT
from gateway.network import publishing
from gateway.problems import Problem
from sympho import addressees
from sympho.codes import AcquisitionNumber, AddresseeNumber, AgencyCode, LinkageCode, SystemCode
from sympho.linkage import PersonStatus
from tests.conftest import Clones
from tests.countries import NOON, Apart, Parties, country, until
from tests.judging import assert_judged


@pytest.fixture
async def parties(clones: Clones, data_folder: Path) -> AsyncIterator[Parties]:
    async with country("remote", clones, data_folder) as made:
        yield made


def apart(parties: Parties) -> Apart:
    assert parties.apart is not None
    return parties.apart


async def back(parties: Parties, away: Listener, doors: tuple[AnyOperation, ...], wallet: Wallet) -> Listener:
    """Opens a listener again where it stood."""
    port = urlsplit(away.url).port
    assert port is not None
    return await listen(doors, wallet.server(), parties.network.clock, "127.0.0.1", port)


async def test_while_the_network_is_away_an_inquiry_is_kept_and_then_carried_on(parties: Parties) -> None:
    network = apart(parties).network
    await network.listener.close()
    ask = parties.world.cast.vaccination
    registered = await parties.register(ask)
    await parties.settle()
    async with parties.intermediary.db.connection() as conn:
        row = await inquiries.find_inquiry(conn, ask.inquirer, registered.txn)
    assert row is not None
    assert row.state == "asking"
    doors = network_doors(network.network, network.authority)
    network.listener = await back(parties, network.listener, doors, network.wallet)
    await parties.sweep()
    assert registered.finished is not None
    assert (await registered.finished).kind == "provided"
    await assert_judged(parties)


async def test_while_the_network_is_away_what_cannot_wait_says_so_and_is_done_when_it_is_back(parties: Parties) -> None:
    network, server, agency = apart(parties).network, parties.intermediary, parties.world.cast.vaccination.inquirer
    newcomer = next(
        resident
        for resident in (parties.world.resident(ask.person.resident) for ask in parties.world.cast.asks)
        if agency not in {one.agency for one in parties.world.numberings_of(resident)}
    )
    async with server.db.transaction() as conn:
        asked = [(newcomer.individual, SystemCode("024"), AddresseeNumber("NEWCOMER"))]
        [numbered] = await addressees.number(conn, server.ring, agency, asked, server.clock.now())
    assert numbered.unified is not None
    new = [numbered.unified]
    await network.listener.close()
    with pytest.raises(Problem, match="network-unavailable"):
        await codes.acquire(server, agency, new)
    doors = network_doors(network.network, network.authority)
    network.listener = await back(parties, network.listener, doors, network.wallet)
    assert await codes.acquire(server, agency, new) == [PersonStatus.HELD]
    await assert_judged(parties)


async def test_while_the_provider_is_away_an_inquiry_is_pending_and_then_answered(parties: Parties) -> None:
    server = apart(parties).intermediary
    await server.listener.close()
    ask = parties.world.cast.vaccination
    registered = await parties.register(ask)
    await parties.settle()
    async with parties.intermediary.db.connection() as conn:
        row = await inquiries.find_inquiry(conn, ask.inquirer, registered.txn)
    assert row is not None
    assert row.state == "notified"
    server.listener = await back(parties, server.listener, intermediary_doors(server.server), server.member.wallet)
    await parties.set_clock(NOON + timedelta(seconds=10))
    await parties.sweep()
    assert registered.finished is not None
    assert (await registered.finished).kind == "provided"
    await assert_judged(parties)


async def test_codes_are_not_acquired_while_the_residents_party_is_away(clones: Clones, data_folder: Path) -> None:
    async with country("remote", clones, data_folder, codes=False) as parties:
        await apart(parties).residents.listener.close()
        ask = parties.world.cast.vaccination
        with pytest.raises(Problem) as away:
            await parties.acquire(ask)
        assert away.value.slug == "network-unavailable"


async def test_a_clock_that_was_just_set_on_disturbs_nobody(parties: Parties) -> None:
    await publishing.set_clock(parties.network, NOON + timedelta(days=1), frozen=True)
    finished = await parties.ask(parties.world.cast.vaccination)
    assert finished.kind == "provided"
    assert parties.intermediary.clock.now() == parties.network.clock.now()


async def test_a_clock_that_was_just_set_back_disturbs_nobody(parties: Parties) -> None:
    ask = parties.world.cast.protected
    registered = await parties.register(ask)
    await parties.settle()
    await publishing.set_clock(parties.network, NOON - timedelta(days=1), frozen=True)
    await withdrawal.withdraw(parties.intermediary, Asker(ask.inquirer, ask.office, "stf_x", None), registered.txn)
    assert registered.finished is not None
    assert (await registered.finished).kind == "withdrawn"
    assert parties.intermediary.clock.now() == parties.network.clock.now()


async def test_the_publications_of_a_network_that_has_gone_away_stay_in_force(parties: Parties) -> None:
    before = parties.intermediary.held
    await apart(parties).network.listener.close()
    with pytest.raises(Problem) as away:
        await publications.refresh(parties.intermediary)
    assert away.value.slug == "network-unavailable"
    assert parties.intermediary.held is before


async def test_every_party_that_runs_learns_a_new_world_time_within_a_second(parties: Parties) -> None:
    running = apart(parties)
    for process in (running.network, running.intermediary, running.residents):
        process.start()
    later = NOON + timedelta(days=3)
    await publishing.set_clock(parties.network, later, frozen=True)
    clocks = (running.residents.clock, running.intermediary.server.clock)
    await until(lambda: {clock.now() for clock in clocks} == {later}, 1)


async def test_no_person_stands_in_a_log_a_url_or_a_header(
    clones: Clones, data_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with country("remote", clones, data_folder) as parties:
        for ask in (parties.world.cast.vaccination, parties.world.cast.no_code):
            await parties.ask(ask)
        await apart(parties).network.listener.close()
        await parties.register(parties.world.cast.tax)
        await parties.settle()
        canaries = [*parties.world.canaries(), *(number.reveal() for number in parties.persons.values())]
    said = capsys.readouterr()
    text = said.out + said.err
    assert "party.permit" in text
    assert "unreachable" in text
    assert [canary for canary in canaries if canary in text] == []


def test_a_message_about_ten_thousand_persons_is_not_too_long() -> None:
    number, code = AcquisitionNumber("9" * 20), LinkageCode("f" * 32)
    agency = AgencyCode("0" * 16)
    assert len(encode(CodeNotice(1, agency, ((number, code, 1_000_000),) * PERSONS_LIMIT))) < CODES_LIMIT
    assert len(encode(CodeReply(0, 0, (number,) * PERSONS_LIMIT))) < CODES_LIMIT
