"""The way back: a process whose certificates ran out while it was stopped, and a server that is to serve more agencies.

Certificates run out for real here: the network renews them by a clock that is a quarter behind, and TLS refuses them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from msgspec.structs import replace as replace_struct
from structlog.testing import capture_logs

from gateway import joining as membership
from gateway import pki
from gateway.apart import ApartIntermediary, apart_intermediary, apart_residents, build_apart_network
from gateway.clock import Clock
from gateway.config import Role
from gateway.exchange.directory import DirectoryEntry, ValidWindow
from gateway.exchange.messages import encode
from gateway.exchange.wallet import ROLE
from gateway.interfaces.listening import listen
from gateway.interfaces.party import network_doors
from gateway.intermediary.store import inquiries
from gateway.joining import CertificatesExpired, NotJoined
from gateway.network import joining, publishing
from gateway.problems import Problem
from gateway.running.trouble import StartTrouble
from gateway.running.wording import worded
from sympho.codes import AgencyCode
from tests.conftest import Clones
from tests.countries import APPROVERS, config_of, country
from tests.judging import assert_judged
from tests.server.joining_place import Later, Place, outdated, placed


@pytest.fixture
async def place(clones: Clones, data_folder: Path) -> AsyncIterator[Place]:
    async with placed(clones, data_folder) as made:
        yield made


async def started(place: Place, file: Path | None) -> ApartIntermediary:
    return await apart_intermediary(place.joining(Role.INTERMEDIARY, file), Clock())


async def reopened(place: Place) -> None:
    """The network's listener is closed, so that kept connections end, and opened where it was."""
    network, port = place.network, urlsplit(place.network.url).port
    await network.listener.close()
    assert port is not None
    doors = network_doors(network.network, network.authority)
    network.listener = await listen(doors, network.wallet.server(), Clock(), "127.0.0.1", port)


def certified(server: ApartIntermediary) -> set[AgencyCode]:
    """The agencies of which the directory says that this server serves them."""
    directory = server.server.held.directory
    return {entry.code for entry in directory.entries if entry.keys and entry.endpoint == server.url}


async def state_of(server: ApartIntermediary, agency: AgencyCode, txn: UUID) -> str:
    async with server.server.db.connection() as conn:
        row = await inquiries.find_inquiry(conn, agency, txn)
    assert row is not None
    return row.state


# --- certificates that have run out -------------------------------------------------------------------------------


async def test_a_server_whose_certificates_ran_out_says_so_comes_in_again_and_carries_on(
    clones: Clones, data_folder: Path
) -> None:
    async with country("remote", clones, data_folder) as parties:
        assert parties.apart is not None
        network, server = parties.apart.network, parties.apart.intermediary
        config = replace(parties.apart.configs[1], residents_url=parties.apart.residents.url)
        keys = {one: server.member.wallet.identity(one).key for one in server.member.wallet.holders}
        machine = Later()
        with patch.object(network.network.clock, "_machine", machine):
            await outdated(machine, server.member, server.board)
        place = Place(parties.world, network, machine, {})
        await reopened(place)

        registered = await parties.register(parties.world.cast.vaccination)
        await parties.settle()
        assert await state_of(server, parties.world.cast.vaccination.inquirer, registered.txn) == "asking"
        with capture_logs() as logs, pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await membership.keep_renewing(server.member, server.board, Clock())
        [said] = [line for line in logs if line["event"] == "certificates-expired"]
        assert said["log_level"] == "error"
        assert "sympho joining offer" in said["note"]
        with pytest.raises(Problem, match="network-unavailable"):
            await server.board.pulse()
        served = set(server.server.agencies)
        await server.close()

        for file in (None, data_folder / "network" / "joining" / "intermediary.json"):
            with pytest.raises(StartTrouble) as told, worded():
                await apart_intermediary(replace(config, join=file), Clock())
            assert "期限が切れています" in told.value.ja
            assert "ran out at" in told.value.en
            assert "sympho joining offer --role intermediary" in told.value.advice_ja
            assert "--join FILE" in told.value.advice_en

        file = await place.offer("intermediary")
        again = await apart_intermediary(replace(config, join=file), Clock())
        try:
            assert again.server.agencies == again.member.named == served == certified(again)
            assert {one: again.member.wallet.identity(one).key for one in again.member.wallet.holders} == keys
            back = replace(parties, intermediary=again.server)
            await back.sweep()
            assert await state_of(again, parties.world.cast.vaccination.inquirer, registered.txn) == "ended"
            assert (await back.ask(parties.world.cast.tax)).kind == "provided"
            await assert_judged(back)
        finally:
            await again.close()


async def test_the_residents_party_comes_in_again_with_a_new_file_and_with_no_other(place: Place) -> None:
    first = await apart_residents(place.joining(Role.RESIDENTS, await place.file(Role.RESIDENTS)), Clock())
    await place.run_out(first.member, first.board)
    await first.close()
    with pytest.raises(CertificatesExpired, match="ran out at"):
        await apart_residents(place.joining(Role.RESIDENTS, None), Clock())
    wrong = await place.offer("intermediary")
    with pytest.raises(NotJoined, match="for the role intermediary"):
        await apart_residents(place.joining(Role.RESIDENTS, wrong), Clock())
    used = await place.offer("residents")
    await place.send(membership.read_file(used).token)
    with pytest.raises(NotJoined, match="take a new one"):
        await apart_residents(place.joining(Role.RESIDENTS, used), Clock())
    assert await place.faults() == ["token-used-again"]
    again = await apart_residents(place.joining(Role.RESIDENTS, await place.offer("residents")), Clock())
    try:
        assert (await again.board.pulse()).directory > 0
        assert again.member.certified_until() > Clock().machine() + timedelta(days=pki.CERTIFICATE_DAYS - 1)
    finally:
        await again.close()


async def test_another_networks_file_is_refused_before_its_token_is_used(
    place: Place, clones: Clones, data_folder: Path
) -> None:
    first = await started(place, await place.file(Role.INTERMEDIARY))
    async with placed(clones, data_folder / "other") as other:
        foreign = await other.file(Role.INTERMEDIARY)
        with pytest.raises(NotJoined, match="another network's"):
            await started(place, foreign)
        await place.run_out(first.member, first.board)
        await first.close()
        with pytest.raises(NotJoined, match="another network's"):
            await started(place, foreign)
        assert len(await other.send(membership.read_file(foreign).token)) == 1


async def test_a_certificate_that_runs_out_is_told_louder_the_fewer_days_are_left(place: Place) -> None:
    first = await apart_residents(place.joining(Role.RESIDENTS, await place.file(Role.RESIDENTS)), Clock())
    await place.network.listener.close()
    said = []
    try:
        for days in (65, 80, 91):
            later = Clock(machine=Later(timedelta(days=days)))
            with capture_logs() as logs, pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await membership.keep_renewing(first.member, first.board, later)
            said += [(line["event"], line["log_level"]) for line in logs if line["event"].startswith("certificates-")]
    finally:
        await first.close()
    assert said == [
        ("certificates-not-renewed", "warning"),
        ("certificates-running-out", "error"),
        ("certificates-expired", "error"),
    ]


# --- more agencies ------------------------------------------------------------------------------------------------


async def test_a_server_that_is_in_joins_for_the_agencies_of_a_second_file_and_ignores_it_from_then_on(
    place: Place,
) -> None:
    one, two, *_ = sorted(agency.code for agency in place.world.agencies)
    first = await started(place, await place.offer("intermediary", one))
    assert certified(first) == first.server.agencies == {one}
    await first.close()
    file = await place.offer("intermediary", one, two)
    again = await started(place, file)
    assert certified(again) == again.server.agencies == again.member.named == {one, two}
    before = again.member.wallet.identity(ROLE).certificate
    await again.close()
    third = await started(place, file)
    await third.close()
    assert third.member.wallet.identity(ROLE).certificate == before
    assert await place.faults() == []
    file.unlink()
    await (await started(place, file)).close()


async def test_while_the_network_is_away_a_second_file_waits_and_stops_nobody(place: Place) -> None:
    one, two, *_ = sorted(agency.code for agency in place.world.agencies)
    await (await started(place, await place.offer("intermediary", one))).close()
    file = await place.offer("intermediary", two)
    await place.network.listener.close()
    with capture_logs() as logs:
        alone = await started(place, file)
    await alone.close()
    assert alone.server.agencies == {one}
    [said] = [line for line in logs if line["event"] == "agencies-not-joined"]
    assert (said["agencies"], said["trouble"]) == ([two], "network-unavailable")
    await reopened(place)
    again = await started(place, file)
    await again.close()
    assert again.server.agencies == {one, two}


async def test_a_second_file_that_was_used_elsewhere_stops_nobody_and_is_brought_once(place: Place) -> None:
    one, two, *_ = sorted(agency.code for agency in place.world.agencies)
    await (await started(place, await place.offer("intermediary", one))).close()
    file = await place.offer("intermediary", two)
    await place.send(membership.read_file(file).token)
    for _ in range(2):
        again = await started(place, file)
        await again.close()
        assert again.server.agencies == {one}
    assert await place.faults() == ["token-used-again"]


async def test_a_token_of_another_role_adds_nothing_and_is_alarmed(place: Place) -> None:
    one, two, *_ = sorted(agency.code for agency in place.world.agencies)
    party = await apart_residents(place.joining(Role.RESIDENTS, await place.offer("residents")), Clock())
    file = membership.read_file(await place.offer("intermediary", one, two))
    try:
        await party.member.join_for_more(file, Clock())
        assert party.member.agencies == set()
    finally:
        await party.close()
    assert await place.faults() == ["token-of-another-role"]
    assert len(await place.send(file.token, one)) == 2


async def test_an_agency_that_the_new_file_does_not_name_stays_with_its_server_and_reaches_nobody(
    place: Place,
) -> None:
    one, two, *_ = sorted(agency.code for agency in place.world.agencies)
    first = await started(place, await place.offer("intermediary", one, two))
    await place.run_out(first.member, first.board)
    await first.close()
    with capture_logs() as logs:
        again = await started(place, await place.offer("intermediary", one))
    assert [line["agencies"] for line in logs if line["event"] == "agencies-not-named"] == [[two]]
    assert again.server.agencies == {one, two}
    assert again.member.named == certified(again) == {one}
    later = Clock(machine=Later(timedelta(days=pki.CERTIFICATE_DAYS - pki.RENEW_DAYS + 1)))
    assert await again.member.renew(again.board, later) == 2
    await again.close()
    whole = await started(place, await place.offer("intermediary", two))
    await whole.close()
    assert whole.member.named == {one, two}


# --- what may be offered ------------------------------------------------------------------------------------------


async def test_agencies_that_are_unknown_or_not_in_force_are_refused_by_name(place: Place) -> None:
    network, known = place.network.network, place.world.agencies[0].code
    unknown, ended = AgencyCode("0" * 16), place.world.ended.code
    with pytest.raises(Problem) as refused:
        joining.to_offer(network, "intermediary", [known, unknown, ended])
    assert refused.value.slug == "unknown-code"
    assert [(error.pointer, error.rule) for error in refused.value.errors] == [
        ("$.agencies[1]", f"{unknown} is not in the directory"),
        ("$.agencies[2]", f"{ended} is not in force any more"),
    ]
    with pytest.raises(Problem, match="invalid-field"):
        joining.to_offer(network, "residents", [known])
    assert set(joining.to_offer(network, "intermediary", [])) == {agency.code for agency in place.world.agencies}


async def test_where_several_servers_serve_the_operator_names_whose_place_it_is(
    place: Place, clones: Clones, data_folder: Path
) -> None:
    one, two, *_ = sorted(agency.code for agency in place.world.agencies)
    first = await started(place, await place.offer("intermediary", one))
    config = config_of(data_folder / "second", await clones.take(), Role.INTERMEDIARY)
    file = await place.offer("intermediary", two)
    second = await apart_intermediary(replace(config, join=file), Clock())
    try:
        with pytest.raises(Problem) as refused:
            joining.to_offer(place.network.network, "intermediary", [])
        [error] = refused.value.errors
        assert error.pointer == "$.agencies"
        assert joining.to_offer(place.network.network, "intermediary", [two]) == (two,)
        assert (first.server.agencies, second.server.agencies) == ({one}, {two})
    finally:
        await first.close()
        await second.close()


async def test_a_place_that_was_offered_is_offered_anew_when_the_network_starts_again(place: Place) -> None:
    await (await started(place, await place.offer("intermediary"))).close()
    await place.offer("residents")
    one, two, *_ = sorted(agency.code for agency in place.world.agencies)
    before = membership.read_file(await place.offer("intermediary", one, two))
    gone = next(entry for entry in place.network.network.published.directory.entries if entry.code == two)
    await publishing.register_agencies(place.network.network, [ended_now(gone)])
    await place.network.close()
    network = await build_apart_network(place.configs[Role.NETWORK], Clock(), place.world.network.code)
    network.network.at_hand = APPROVERS
    try:
        files = {path.stem: membership.read_file(path) for path in await network.offer_joining()}
        assert set(files) == {"intermediary", "residents"}
        assert files["intermediary"].agencies == (one,)
        assert files["intermediary"].token != before.token
        file = network.config.data / "joining" / "intermediary.json"
        assert encode(files["intermediary"]) == encode(membership.read_file(file))
    finally:
        await network.close()


def ended_now(entry: DirectoryEntry) -> DirectoryEntry:
    windows = tuple(ValidWindow(window.since, window.since) for window in entry.valid)
    return replace_struct(entry, valid=windows)
