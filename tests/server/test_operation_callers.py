"""Who calls: certificates become parties, tokens staff and systems, and what is no good is nobody."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import ClientSession, TCPConnector, web

from authz.duties import PrincipalKind
from authz.revocations import Revocations
from authz.tokens import Verifier
from gateway import pki
from gateway.interfaces.operation import Call, Reply
from gateway.interfaces.principals import Credentials, PartyPrincipal, by_token_or_certificate, party_of
from gateway.interfaces.surface import build
from gateway.problems import Problem
from tests.server.operation_toys import AGENCY, OTHER, Book, View, moment, toy

AGENCY_URN = f"urn:agency:{AGENCY}"


def certificates(folder: Path, now: datetime) -> tuple[pki.CertificateFiles, pki.CertificateFiles]:
    """Files of a server, and of a client that speaks for one agency."""
    authority = pki.make_authority("test", now)
    made = []
    for name, urn in (("server", "urn:role:network"), ("client", AGENCY_URN)):
        key = pki.new_key()
        files = pki.CertificateFiles.in_folder(folder, name)
        certificate = pki.issue_certificate(authority, key.public_key(), name, [urn], now)
        files.write(certificate, key, authority.certificate_pem())
        made.append(files)
    return made[0], made[1]


async def test_a_party_is_known_by_the_certificate_of_its_connection(tmp_path: Path) -> None:
    async def who(call: Call[None, None]) -> Reply:
        return Reply(body=View(call.own(AGENCY) + " " + call.party.identity))

    def now() -> datetime:
        return datetime.now(UTC)

    party = toy("who", "GET", "/who", principals=frozenset({PrincipalKind.PARTY}), duty=None,
                responses={200: View}, handler=who)  # fmt: skip
    app = web.Application()
    verifier = Verifier({}, "here", Revocations())
    build(app, [party], by_token_or_certificate(verifier, now), Book().write, moment=moment)
    server, client = certificates(tmp_path, now())
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=pki.server_context(server))
    await site.start()
    try:
        port = runner.addresses[0][1]
        async with (
            ClientSession(connector=TCPConnector(ssl=pki.client_context(client))) as session,
            session.get(f"https://127.0.0.1:{port}/who") as response,
        ):
            assert (await response.json())["said"] == f"{AGENCY} {AGENCY_URN}"
    finally:
        await runner.cleanup()


def test_a_certificate_that_names_no_party_is_nobody() -> None:
    for names in (set[str](), {"urn:agency:12"}, {"https://example.invalid"}):
        with pytest.raises(Problem) as caught:
            party_of(frozenset(names))
        assert caught.value.slug == "unauthenticated"


def test_a_server_of_many_agencies_speaks_for_each_of_them_and_for_no_other() -> None:
    party = party_of(frozenset({AGENCY_URN, f"urn:agency:{OTHER}", "urn:role:intermediary"}))
    assert party == PartyPrincipal(frozenset({AGENCY, OTHER}), frozenset({"intermediary"}))
    assert (party.agency, party.identity) == (None, "urn:role:intermediary")
    assert PartyPrincipal(frozenset({AGENCY, OTHER}), frozenset()).identity == "2 agencies"


async def test_a_token_is_refused_by_the_slug_of_its_fault_even_beside_a_good_certificate() -> None:
    authenticate = by_token_or_certificate(Verifier({}, "here", Revocations()), lambda: datetime.now(UTC))
    with pytest.raises(Problem) as caught:
        await authenticate(Credentials("a.b.c", frozenset({AGENCY_URN}), "127.0.0.1"))
    assert caught.value.slug == "revocation-feed-lost"
    assert "a.b.c" not in repr(Credentials("a.b.c", frozenset(), ""))
