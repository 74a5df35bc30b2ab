"""The way back as an operator walks it: processes of their own, commands that are typed, certificates that have run
out."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway import joining as membership
from gateway import pki
from gateway.assembly import open_party
from gateway.config import Config, Role
from gateway.exchange.places import role_host
from gateway.exchange.wallet import ROLE
from gateway.network import joining, store
from gateway.pki import Authority
from gateway.running.ondata import located
from sympho.codes import AgencyCode
from tests.server.program import data_folder, serving, sympho


async def authority_of(data: Path) -> Authority:
    """The authority of a network that runs on these data."""
    async with located(Config(Role.NETWORK, data, data / "root.key")) as place:
        opened = await open_party(place, Role.NETWORK)
        try:
            async with opened.db.connection() as conn:
                state = await store.read_state(conn)
        finally:
            await opened.db.close()
    assert state is not None
    return joining.kept_authority(opened.ring, AgencyCode(state[0]))


def run_out(data: Path, authority: Authority) -> None:
    """The role's certificate is one of a quarter ago, for the same key, by the same authority."""
    held = membership._read(data)
    public = x509.load_der_x509_certificate(held.certificates[ROLE]).public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    then = datetime.now(UTC) - timedelta(days=pki.CERTIFICATE_DAYS, hours=1)
    urns, hosts = [pki.role_urn("residents")], [role_host("residents")]
    old = pki.issue_certificate(authority, public, "residents", urns, then, hosts)
    wire = old.public_bytes(serialization.Encoding.DER)
    membership._write(data, membership._Held({ROLE: wire}, held.used, held.network_url))


def test_a_party_that_was_stopped_for_a_quarter_is_told_and_comes_in_again_by_the_same_start_line() -> None:
    with data_folder() as folder:
        folder.mkdir()
        network, party = folder / "n", folder / "r"
        line = ["--role", "residents", "--party-port", "0", "--join", str(network / "joining" / "residents.json")]
        with serving(network, "--role", "network", "--party-port", "0", "--join-port", "0") as running:
            running.wait_until_ready()
            with serving(party, *line) as first:
                first.wait_until_ready()
            run_out(party, asyncio.run(authority_of(network)))

            told = sympho("serve", "--data", str(party), "--port", "0", *line)
            assert told.code == 3, told.err
            for words in ("起動できません / cannot start", "証明書の期限が切れています", "ran out at", "--join FILE"):
                assert words in told.err
            assert told.err.count("sympho joining offer --role residents") == 2

            who = ("--data", str(network), "--as", "network-operator")
            refused = sympho("joining", "offer", "--role", "intermediary", "--agencies", "0" * 16, *who)
            assert refused.code == 1
            assert "0" * 16 in refused.err
            offered = sympho("joining", "offer", "--role", "residents", *who)
            assert offered.code == 0, offered.err
            assert str(network / "joining" / "residents.json") in offered.out.replace("\n", "")
            token = membership.read_file(network / "joining" / "residents.json").token
            assert token not in offered.out + running.log.read_text()

            for _ in range(2):
                with serving(party, *line) as again:
                    again.wait_until_ready()
            said = party.with_suffix(".log").read_text()
            assert said.count('"event":"joined"') == 2
