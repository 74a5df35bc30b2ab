"""The probe at the doors between parties apart: nothing gets in, with whatever certificate, and what would is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import msgspec
import pytest

from gateway.app import desk_work, running
from gateway.commands.probing.findings import Family, Finding, Verdict
from gateway.commands.probing.parties import Doors, anywhere, attacks
from gateway.commands.probing.running import open_target, probe
from gateway.commands.probing.target import Options
from gateway.commands.probing.wire import Wire
from gateway.exchange.doors import Pulse
from gateway.exchange.places import PartyPath
from gateway.interfaces.house import furnish
from gateway.pki import Identity
from gateway.running.lending import Lent, lent
from tests.conftest import Clones
from tests.countries import Parties, country

AT_THE_PARTIES = 12
"""Attacks that take a party door."""


@dataclass
class Place:
    """A country apart in which somebody has asked, and what its operator lends."""

    parties: Parties
    url: str
    lent: Lent
    doors: Doors


@pytest.fixture(scope="module")
async def place(clones: Clones, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    async with country("remote", clones, tmp_path_factory.mktemp("probed")) as parties:
        assert parties.apart is not None
        assert (await parties.ask(parties.world.cast.vaccination)).kind == "provided"
        network, server, _ = parties.apart.configs
        had = await lent(server, network)
        house = await furnish(parties.intermediary.clock, None, parties.intermediary, None)
        async with running(house, "127.0.0.1", 0, work=desk_work(house)) as port:
            yield Place(parties, f"http://127.0.0.1:{port}", had, doors_of(had))


def doors_of(had: Lent) -> Doors:
    as_network = None if had.network is None else anywhere(had.network.client_context())
    agency = anywhere(had.agency.client_context())
    return Doors(had.network_url, had.provider_url, None, agency, as_network, had.permit)


async def probed(place: Place, doors: Doors) -> list[Finding]:
    def run() -> list[Finding]:
        wire = Wire(place.url, None)
        try:
            return list(probe(open_target(wire, [], Options(doors=doors)), frozenset({Family.PERMITS})).findings)
        finally:
            wire.close()

    return [one for one in await asyncio.to_thread(run) if "public door" not in one.en]


async def test_whatever_is_sent_to_the_party_doors_is_refused_for_what_it_is(place: Place) -> None:
    found = await probed(place, place.doors)
    assert [(one.en, one.verdict, one.came) for one in found if one.verdict is not Verdict.HELD] == []
    assert len(found) == AT_THE_PARTIES
    came = {one.en: one.came for one in found}
    assert came["a notice brought by an agency"] == "403 wrong-principal"
    assert came["a permit asked for in another agency's name"] == "403 wrong-agency"
    assert "notice-invalid" in came["at the provider: a genuine permit altered"]
    assert came["a genuine permit for another exchange"] == "2 x 403 wrong-agency"
    assert came["a genuine permit altered"] == "9 x 403 permit-invalid"


async def test_nothing_that_was_sent_has_ended_or_begun_an_exchange(place: Place) -> None:
    async def counted() -> list[Any]:
        async with place.parties.network.db.connection() as conn:
            exchanges = await conn.fetchval("SELECT count(*) FROM exchange")
        async with place.parties.intermediary.db.connection() as conn:
            return [exchanges, *await conn.fetch("SELECT state, count(*) FROM provision GROUP BY state")]

    before = await counted()
    await probed(place, place.doors)
    assert await counted() == before
    assert (await place.parties.ask(place.parties.world.cast.tax)).kind == "provided"


async def test_what_was_not_lent_is_not_tried_and_never_held(place: Place) -> None:
    nothing = await probed(place, Doors())
    assert {one.verdict for one in nothing} == {Verdict.NOT_TRIED}
    assert len(nothing) == AT_THE_PARTIES
    agency = {one.en: one for one in await probed(place, replace(place.doors, network=None, permit=""))}
    assert agency["an inquiry with a forged permit"].verdict is Verdict.HELD
    assert "no permit" in agency["a genuine permit altered"].why
    assert agency["at the provider: a genuine permit altered"].verdict is Verdict.NOT_TRIED
    nowhere = await probed(place, Doors("https://127.0.0.1:1"))
    assert {one.verdict for one in nowhere} == {Verdict.NOT_TRIED}


async def test_a_permit_is_not_lent_where_nothing_was_asked_and_no_authority_where_none_is(place: Place) -> None:
    assert place.lent.permit.count(".") == 2
    assert place.lent.provider_url == place.lent.provider_url.strip("/") != ""
    assert place.parties.apart is not None
    alone = await lent(place.parties.apart.configs[1], None)
    assert (alone.network, alone.network_url) == (None, place.lent.network_url)
    assert repr(alone) == object.__repr__(alone)


# --- doors that let everything in ----------------------------------------------------------------------------------


@contextmanager
def open_door(identity: Identity, pulse: bytes) -> Iterator[str]:
    """A party door that takes whatever comes from whomever, with the identity of a true one."""

    class Welcoming(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._say(200, pulse if self.path == PartyPath.PULSE.value else b"{}")

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._say(200, b"{}")

        def _say(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Welcoming)
    server.socket = identity.open_context().wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def test_doors_that_let_everything_in_are_broken_in_each_attack(place: Place) -> None:
    setting = place.parties.network.clock.setting
    with open_door(place.lent.agency, msgspec.json.encode(Pulse(setting, 1, 1))) as url:
        doors = replace(place.doors, network_url=url, provider_url=url)
        found = await asyncio.to_thread(lambda: list(attacks(doors, place.parties.world.network.code)))
    assert len(found) == AT_THE_PARTIES - 1
    assert {one.verdict for one in found} == {Verdict.BROKEN}
