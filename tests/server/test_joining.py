"""Joining the network: once with a token, then by what was won with it; for nobody else than the network has named."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from gateway import joining as membership
from gateway import pki
from gateway.apart import apart_intermediary, apart_residents
from gateway.clock import Clock
from gateway.config import Role
from gateway.exchange.certificates import JoinRequest
from gateway.exchange.messages import encode
from gateway.exchange.wallet import ROLE
from gateway.interfaces.listening import listen
from gateway.interfaces.party import network_doors
from gateway.joining import NotJoined
from gateway.network import joining
from gateway.network.joining import OFFER_HOLDS
from gateway.problems import Problem
from sympho.codes import AgencyCode
from tests.conftest import Clones
from tests.countries import until
from tests.server.joining_place import Later, Place, placed

STRANGER = AgencyCode("0" * 16)


@pytest.fixture
async def place(clones: Clones, data_folder: Path) -> AsyncIterator[Place]:
    async with placed(clones, data_folder) as made:
        yield made


async def test_a_joining_file_is_for_its_owners_eyes_alone(place: Place) -> None:
    for path in await place.network.offer_joining():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_an_intermediary_server_is_offered_the_agencies_in_force_that_nobody_serves(place: Place) -> None:
    offered = membership.read_file(await place.file(Role.INTERMEDIARY)).agencies
    assert set(offered) == {agency.code for agency in place.world.agencies}
    server = await apart_intermediary(place.joining(Role.INTERMEDIARY, await place.file(Role.INTERMEDIARY)), Clock())
    try:
        assert joining.not_served(place.network.network) == ()
        assert [path.stem for path in await place.network.offer_joining()] == ["residents"]
    finally:
        await server.close()


async def test_a_token_lets_in_once_and_is_alarmed_the_second_time(place: Place) -> None:
    token = membership.read_file(await place.file(Role.INTERMEDIARY)).token
    await place.send(token)
    with pytest.raises(Problem) as refused:
        await place.send(token)
    assert refused.value.slug == "credentials-refused"
    assert await place.faults() == ["token-used-again"]


async def test_a_process_with_a_used_joining_file_is_told_what_to_do(place: Place) -> None:
    file = await place.file(Role.RESIDENTS)
    await place.send(membership.read_file(file).token)
    with pytest.raises(NotJoined, match="take a new one"):
        await apart_residents(place.joining(Role.RESIDENTS, file), Clock())


async def test_an_invented_token_lets_nobody_in(place: Place) -> None:
    await place.file(Role.INTERMEDIARY)
    with pytest.raises(Problem):
        await place.send("x" * 43)


async def test_a_new_offer_makes_the_older_one_worthless(place: Place) -> None:
    older = membership.read_file(await place.file(Role.INTERMEDIARY)).token
    newer = membership.read_file(await place.file(Role.INTERMEDIARY)).token
    with pytest.raises(Problem):
        await place.send(older)
    assert len(await place.send(newer)) == 1


async def test_an_offer_runs_out(place: Place) -> None:
    token = membership.read_file(await place.file(Role.INTERMEDIARY)).token
    place.machine.by = OFFER_HOLDS
    with pytest.raises(Problem):
        await place.send(token)


async def test_a_token_lets_in_for_no_agency_that_it_was_not_offered_for(place: Place) -> None:
    token = membership.read_file(await place.file(Role.INTERMEDIARY)).token
    with pytest.raises(Problem) as refused:
        await place.send(token, STRANGER)
    assert refused.value.slug == "wrong-agency"


async def test_the_residents_party_gets_no_agencys_certificate(place: Place) -> None:
    token = membership.read_file(await place.file(Role.RESIDENTS)).token
    with pytest.raises(Problem) as refused:
        await place.send(token, place.world.agencies[0].code)
    assert refused.value.slug == "wrong-agency"


async def test_a_role_whose_file_is_another_roles_does_not_join(place: Place) -> None:
    file = await place.file(Role.INTERMEDIARY)
    with pytest.raises(NotJoined, match="for the role intermediary"):
        await apart_residents(place.joining(Role.RESIDENTS, file), Clock())


async def test_a_process_that_has_not_joined_says_what_it_needs(place: Place) -> None:
    with pytest.raises(NotJoined, match="SYMPHO_JOIN"):
        await apart_intermediary(place.joining(Role.INTERMEDIARY, None), Clock())


async def test_a_process_that_has_joined_needs_the_file_no_more(place: Place) -> None:
    file = await place.file(Role.INTERMEDIARY)
    first = await apart_intermediary(place.joining(Role.INTERMEDIARY, file), Clock())
    served = set(first.server.agencies)
    await first.close()
    file.unlink()
    again = await apart_intermediary(place.joining(Role.INTERMEDIARY, file), Clock())
    try:
        assert again.server.agencies == served
        entries = place.network.network.published.directory.entries
        assert {entry.endpoint for entry in entries if entry.keys} == {again.url}
    finally:
        await again.close()


async def test_a_server_that_starts_while_the_network_is_away_takes_up_its_work_when_it_is_back(place: Place) -> None:
    file = await place.file(Role.INTERMEDIARY)
    first = await apart_intermediary(place.joining(Role.INTERMEDIARY, file), Clock())
    served = set(first.server.agencies)
    await first.close()
    network = place.network
    await network.listener.close()
    again = await apart_intermediary(place.joining(Role.INTERMEDIARY, None), Clock())
    try:
        assert again.server.agencies == served
        assert again.server.held.directory.serial <= network.network.published.directory.serial
        doors = network_doors(network.network, network.authority)
        port = urlsplit(network.url).port
        assert port is not None
        network.listener = await listen(doors, network.wallet.server(), Clock(), "127.0.0.1", port)
        again.start()
        await until(
            lambda: network.network.published.directory.entry(place.world.agencies[0].code).endpoint == again.url
        )
    finally:
        await again.close()


async def test_private_keys_lie_nowhere_unwrapped_and_the_token_is_forgotten(place: Place) -> None:
    file = await place.file(Role.INTERMEDIARY)
    server = await apart_intermediary(place.joining(Role.INTERMEDIARY, file), Clock())
    key = server.member.wallet.identity(ROLE).key
    await server.close()
    token = membership.read_file(file).token
    config = place.configs[Role.INTERMEDIARY]
    for path in config.data.rglob("*"):
        if path.is_file():
            wire = path.read_bytes()
            assert key not in wire
            assert b"PRIVATE KEY" not in wire
            assert token.encode() not in wire
    ring = await place.ring(Role.INTERMEDIARY)
    assert token.encode() not in ring.secret("intermediary:membership")


async def test_the_authority_stays_the_same_over_a_restart_of_the_network(place: Place) -> None:
    before = place.network.authority.certificate_pem()
    again = await joining.open_authority(place.network.network)
    ring = await place.ring(Role.NETWORK)
    assert again.certificate_pem() == before
    assert msgspec.json.decode(ring.secret(f"{place.world.network.code}:authority"))["certificate"]


async def test_certificates_are_renewed_before_they_run_out_and_nobody_is_disturbed(place: Place) -> None:
    file = await place.file(Role.INTERMEDIARY)
    server = await apart_intermediary(place.joining(Role.INTERMEDIARY, file), Clock())
    try:
        member = server.member
        before = {holder: member.wallet.identity(holder).certificate for holder in member.wallet.holders}
        assert await member.renew(server.board, server.server.clock) == 0
        later = Clock(machine=Later(timedelta(days=pki.CERTIFICATE_DAYS - pki.RENEW_DAYS + 1)))
        assert await member.renew(server.board, later) == len(before)
        assert all(member.wallet.identity(holder).certificate != old for holder, old in before.items())
        assert (await server.board.pulse()).directory > 0
    finally:
        await server.close()
    again = await apart_intermediary(place.joining(Role.INTERMEDIARY, None), Clock())
    await again.close()
    assert again.member.wallet.identity(ROLE).certificate != before[ROLE]


async def test_the_door_for_strangers_shuts_when_nobody_is_to_come_in_any_more(place: Place) -> None:
    for role in (Role.INTERMEDIARY, Role.RESIDENTS):
        await place.network.shut_joining()
        assert role is Role.INTERMEDIARY or place.network.joining_listener is not None
        paths = {path.stem: path for path in (place.configs[Role.NETWORK].data / "joining").glob("*.json")}
        path = paths.get(role) or await place.file(role)
        await place.send(membership.read_file(path).token)
    await place.network.shut_joining()
    assert place.network.joining_listener is None
    assert not list((place.configs[Role.NETWORK].data / "joining").iterdir())


async def test_a_joining_request_never_prints_its_token() -> None:
    request = JoinRequest(1, "s" * 43, ())
    assert "sss" not in repr(request)
    assert b"sss" in encode(request)
