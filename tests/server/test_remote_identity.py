"""Nothing can be sent as someone else: the certificate of the connection decides who speaks, no message does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from gateway import pki
from gateway.clock import Clock
from gateway.exchange.certificates import CertificateRequest, RenewalRequest
from gateway.exchange.doors import Enrolment
from gateway.exchange.messages import (
    CodeIssue,
    CodeRequest,
    Inquiry,
    Notice,
    PermitReply,
    PermitRequest,
    Withdrawal,
    encode,
)
from gateway.exchange.numbers import new_number
from gateway.exchange.places import Peer, agency_host, role_host
from gateway.exchange.remote import (
    Line,
    RemoteBoard,
    RemoteIntermediary,
    RemoteIssuing,
    RemoteNetwork,
    RemoteResidents,
    Sending,
)
from gateway.exchange.wallet import ROLE, stranger_context
from gateway.intermediary.store import held
from gateway.network import store
from gateway.pki import Authority, Identity
from gateway.problems import Problem
from sympho import registry
from sympho.codes import AgencyCode, LinkageCode
from tests.conftest import Clones
from tests.countries import Apart, Parties, country

DIGEST = "0" * 64


@dataclass
class Wires:
    """A running country apart, with lines of any identity into it."""

    parties: Parties
    apart: Apart
    lines: list[Line]

    @property
    def mine(self) -> AgencyCode:
        return self.parties.world.cast.vaccination.inquirer

    @property
    def theirs(self) -> AgencyCode:
        return self.parties.world.cast.vaccination.provider

    @property
    def to_network(self) -> Peer:
        return self.apart.intermediary.member.network_peer

    def line(self, *urns: str, authority: Authority | None = None) -> Line:
        """A line of an identity that this authority (the network's own) has certified."""
        by = authority or self.apart.network.authority
        key = pki.private_bytes(pki.new_key())
        now = self.parties.network.clock.machine()
        certificate = pki.identify(by, pki.request_for(key, "someone"), "someone", urns, ["someone"], now)
        trusted = self.apart.network.authority.certificate_pem()
        return self.keep(Line(Identity(certificate, key, trusted).client_context(), self.parties.intermediary.clock))

    def keep(self, line: Line) -> Line:
        self.lines.append(line)
        return line

    def network(self, *urns: str) -> RemoteNetwork:
        return RemoteNetwork(self.line(*urns), self.to_network)

    async def request(self, inquirer: AgencyCode) -> PermitRequest:
        """What the inquirer of the vaccination inquiry would ask, under this agency's name."""
        parties, ask = self.parties, self.parties.world.cast.vaccination
        server = parties.intermediary
        async with server.db.connection() as conn:
            [code] = await registry.resolve(conn, server.ring, [(ask.inquirer, parties.person_of(ask))])
        assert code is not None
        return PermitRequest(
            v=1,
            txn=str(new_number()),
            inquirer=inquirer,
            office=ask.office,
            provider=self.theirs,
            task=ask.task,
            procedure=None,
            information=ask.information,
            items=(),
            code=code,
            asked_at=parties.network.clock.now(),
            consent=False,
            annex_d=DIGEST,
        )

    async def alarms(self) -> list[tuple[str, str, str]]:
        """Caller, message and fault of the network's alarms, the latest first."""
        async with self.parties.network.db.connection() as conn:
            return [(caller, message, fault) for _, caller, message, fault, _ in await store.latest_alarms(conn, 20)]


@asynccontextmanager
async def wired(clones: Clones, folder: Path) -> AsyncIterator[Wires]:
    async with country("remote", clones, folder) as parties:
        assert parties.apart is not None
        wires = Wires(parties, parties.apart, [])
        yield wires
        for line in wires.lines:
            await line.close()


@pytest.fixture(scope="module")
async def wires(clones: Clones, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Wires]:
    """One country for all of them: nothing that they try changes it."""
    async with wired(clones, tmp_path_factory.mktemp("wires")) as made:
        yield made


async def test_one_agency_cannot_ask_in_the_name_of_another(wires: Wires) -> None:
    request = await wires.request(wires.theirs)
    with pytest.raises(Problem) as refused:
        await wires.network(pki.agency_urn(wires.mine)).permit(encode(request))
    assert refused.value.slug == "wrong-agency"
    assert (wires.mine, "permit-request", "wrong-agency") in await wires.alarms()
    own = await wires.request(wires.mine)
    assert isinstance(await wires.network(pki.agency_urn(wires.mine)).permit(encode(own)), PermitReply)


async def test_a_permit_is_good_for_nobody_but_its_inquirer(wires: Wires) -> None:
    reply = await wires.network(pki.agency_urn(wires.mine)).permit(encode(request := await wires.request(wires.mine)))
    assert isinstance(reply, PermitReply)
    with pytest.raises(Problem) as refused:
        await wires.network(pki.agency_urn(wires.theirs)).inquire(Inquiry(1, request.txn, reply.permit))
    assert refused.value.slug == "wrong-agency"
    assert (wires.theirs, "inquiry", "wrong-agency") in await wires.alarms()


async def test_nobody_withdraws_the_inquiry_of_another(wires: Wires) -> None:
    registered = await wires.parties.register(wires.parties.world.cast.protected)
    await wires.parties.settle()
    async with wires.parties.network.db.connection() as conn:
        row = await store.find_exchange(conn, registered.txn)
    assert row is not None
    with pytest.raises(Problem) as refused:
        await wires.network(pki.agency_urn(wires.theirs)).withdraw(Withdrawal(1, str(row.txn), row.permit or ""))
    assert refused.value.slug == "not-found"


@pytest.mark.parametrize("role", ["intermediary", "residents", "network"])
async def test_a_role_is_no_agency(wires: Wires, role: str) -> None:
    request = encode(await wires.request(wires.mine))
    with pytest.raises(Problem) as refused:
        await wires.network(pki.role_urn(role), pki.agency_urn(wires.mine)).permit(request)
    assert refused.value.slug == "wrong-principal"
    assert (pki.role_urn(role), "permit-request", "wrong-principal") in await wires.alarms()


async def test_an_agency_issues_no_codes(wires: Wires) -> None:
    issuing = RemoteIssuing(wires.line(pki.agency_urn(wires.mine)), wires.to_network)
    with pytest.raises(Problem) as refused:
        await issuing.issue(CodeIssue(1, wires.mine, ()))
    assert refused.value.slug == "wrong-principal"
    assert (pki.agency_urn(wires.mine), "code-issue", "wrong-principal") in await wires.alarms()


async def test_a_server_makes_no_keys_known_for_an_agency_that_its_certificate_does_not_name(wires: Wires) -> None:
    board = RemoteBoard(wires.line(pki.role_urn("intermediary"), pki.agency_urn(wires.mine)), wires.to_network)
    ring = wires.parties.intermediary.ring
    stolen = Enrolment(
        wires.theirs,
        "https://127.0.0.1:1",
        ring.signing(wires.theirs).jwk(),
        ring.sealing(wires.theirs).public().to_text(),
    )
    with pytest.raises(Problem) as refused:
        await board.enrol((stolen,))
    assert refused.value.slug == "wrong-agency"
    assert wires.parties.network.published.directory.entry(wires.theirs).endpoint == wires.apart.intermediary.url


async def test_a_server_gets_no_certificate_for_an_agency_that_its_own_does_not_name(wires: Wires) -> None:
    board = RemoteBoard(wires.line(pki.role_urn("intermediary"), pki.agency_urn(wires.mine)), wires.to_network)
    key = pki.private_bytes(pki.new_key())
    with pytest.raises(Problem) as refused:
        await board.renew(RenewalRequest(1, (CertificateRequest(wires.theirs, pki.request_for(key, "x")),)))
    assert refused.value.slug == "wrong-agency"


async def test_only_the_network_brings_notices(wires: Wires) -> None:
    agency = wires.theirs
    door = RemoteIntermediary(wires.line(pki.agency_urn(wires.mine)), lambda _: wires.apart.intermediary.url)
    notice = Notice(1, str(new_number()), "x.y.z", LinkageCode("0" * 32), wires.parties.network.clock.now())
    with pytest.raises(Problem) as refused:
        await door.notice(agency, notice)
    assert refused.value.slug == "wrong-principal"
    async with wires.parties.intermediary.db.connection() as conn:
        [alarm] = await held.latest_alarms(conn, agency, 5)
    assert alarm[1:4] == (agency, "notice", "wrong-principal")


async def test_codes_are_requested_by_the_agency_itself(wires: Wires) -> None:
    door = RemoteResidents(
        wires.line(pki.agency_urn(wires.mine)), Peer(wires.apart.residents.url, role_host("residents"))
    )
    with pytest.raises(Problem) as refused:
        await door.request_codes(CodeRequest(1, wires.theirs, ()))
    assert refused.value.slug == "wrong-agency"


async def test_a_certificate_of_another_authority_opens_nothing(wires: Wires) -> None:
    foreign = pki.make_authority("network", wires.parties.network.clock.machine())
    line = wires.line(pki.agency_urn(wires.mine), authority=foreign)
    with pytest.raises(Problem) as refused:
        await RemoteNetwork(line, wires.to_network).permit(encode(await wires.request(wires.mine)))
    assert refused.value.slug == "network-unavailable"


async def test_without_a_certificate_nothing_opens_not_even_what_is_published(wires: Wires) -> None:
    context = stranger_context(wires.apart.network.authority.certificate_pem())
    board = RemoteBoard(wires.keep(Line(context, Clock())), wires.to_network)
    with pytest.raises(Problem) as refused:
        await board.pulse()
    assert refused.value.slug == "network-unavailable"


@pytest.mark.parametrize("host", [role_host("residents"), agency_host(AgencyCode("0" * 16))])
async def test_nothing_is_told_to_a_server_that_is_not_whom_the_message_is_for(wires: Wires, host: str) -> None:
    line = wires.line(pki.agency_urn(wires.mine))
    with pytest.raises(Problem) as refused:
        await RemoteNetwork(line, Peer(wires.to_network.url, host)).permit(encode(await wires.request(wires.mine)))
    assert refused.value.slug == "network-unavailable"


async def test_a_server_shows_the_certificate_of_the_agency_that_is_meant(wires: Wires) -> None:
    line = wires.apart.network.lines.of(ROLE)
    url = wires.apart.intermediary.url
    for agency in (wires.mine, wires.theirs):
        with pytest.raises(Problem) as refused:
            await line.send(Peer(url, agency_host(agency)), Sending("/nowhere"))
        assert refused.value.slug == "not-found"


@pytest.mark.parametrize("minutes", [-2, 2])
async def test_a_message_of_another_world_time_is_refused(wires: Wires, minutes: int) -> None:
    clock = Clock()
    clock.set(wires.parties.network.clock.now() + timedelta(minutes=minutes), frozen=True)
    member = wires.apart.intermediary.member
    line = wires.keep(Line(member.wallet.client(wires.mine), clock))
    with pytest.raises(Problem) as refused:
        await RemoteNetwork(line, wires.to_network).permit(encode(await wires.request(wires.mine)))
    assert refused.value.slug == "clock-skew"
    clock.set(wires.parties.network.clock.now(), frozen=True)
    healed = await RemoteNetwork(line, wires.to_network).permit(encode(await wires.request(wires.mine)))
    assert isinstance(healed, PermitReply)


async def test_a_message_of_another_version_is_refused(wires: Wires) -> None:
    request = await wires.request(wires.mine)
    network = wires.network(pki.agency_urn(wires.mine))
    with pytest.raises(Problem) as raw:
        await network.permit(encode(request).replace(b'{"v":1,', b'{"v":2,'))
    with pytest.raises(Problem) as decoded:
        await network.inquire(Inquiry(2, request.txn, "x.y.z"))
    assert (raw.value.slug, decoded.value.slug) == ("invalid-field", "invalid-field")
