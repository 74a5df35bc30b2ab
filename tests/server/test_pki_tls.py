"""TLS between parties on real sockets: TLS 1.3, certificates of the one authority on both sides, or no connection."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway import pki
from gateway.pki import Authority, CertificateFiles
from sympho.codes import AgencyCode

NOW = datetime.now(UTC)
AUTHORITY = pki.make_authority("ours", NOW)
FOREIGN = pki.make_authority("ours", NOW)
CITY = AgencyCode("0220199900011700")
MANY = tuple(AgencyCode(f"02201999{n:04d}1700") for n in range(500))


def files(
    folder: Path, *urns: str, authority: Authority = AUTHORITY, trusts: Authority = AUTHORITY, now: datetime = NOW
) -> CertificateFiles:
    key = pki.new_key()
    written = CertificateFiles.in_folder(folder, "party")
    certificate = pki.issue_certificate(authority, key.public_key(), "party", urns, now)
    written.write(certificate, key, trusts.certificate_pem())
    return written


@asynccontextmanager
async def server(context: ssl.SSLContext) -> AsyncIterator[int]:
    """Says to every client which URNs it was seen with."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen = pki.peer_urns(writer.get_extra_info("peercert"))
        writer.write((",".join(sorted(seen)) + "\n").encode())
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


async def ask(port: int, context: ssl.SSLContext, host: str = "127.0.0.1") -> tuple[str, frozenset[str], str]:
    """What the server saw, what the client saw, and the version of TLS."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=host, limit=2**20)
    try:
        said = await reader.readline()
        if not said:
            raise ConnectionResetError("closed without a word")
        seen = pki.peer_urns(writer.get_extra_info("peercert"))
        return said.decode().strip(), seen, writer.get_extra_info("ssl_object").version()
    finally:
        writer.close()


def network(tmp_path: Path) -> ssl.SSLContext:
    return pki.server_context(files(tmp_path / "network", pki.role_urn("network")))


async def test_two_parties_of_the_authority_see_who_the_other_is(tmp_path: Path) -> None:
    client = pki.client_context(files(tmp_path / "city", pki.agency_urn(CITY)))
    async with server(network(tmp_path)) as port:
        said, seen, version = await ask(port, client, "localhost")
    assert said == pki.agency_urn(CITY)
    assert seen == {pki.role_urn("network")}
    assert version == "TLSv1.3"


async def test_one_server_speaks_for_hundreds_of_agencies(tmp_path: Path) -> None:
    client = pki.client_context(files(tmp_path / "many", *(pki.agency_urn(code) for code in MANY)))
    async with server(network(tmp_path)) as port:
        said, _, _ = await ask(port, client)
    assert pki.agencies_of(frozenset(said.split(","))) == set(MANY)


async def test_a_client_of_another_authority_gets_no_connection(tmp_path: Path) -> None:
    client = pki.client_context(files(tmp_path / "foreign", pki.agency_urn(CITY), authority=FOREIGN))
    async with server(network(tmp_path)) as port:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await ask(port, client)


async def test_a_client_without_a_certificate_gets_no_connection(tmp_path: Path) -> None:
    trusting = files(tmp_path / "trusting", pki.agency_urn(CITY))
    client = ssl.create_default_context(cafile=str(trusting.authority))
    async with server(network(tmp_path)) as port:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await ask(port, client)


async def test_a_client_whose_certificate_has_run_out_gets_no_connection(tmp_path: Path) -> None:
    long_ago = NOW - timedelta(days=pki.CERTIFICATE_DAYS + 1)
    client = pki.client_context(files(tmp_path / "old", pki.agency_urn(CITY), now=long_ago))
    async with server(network(tmp_path)) as port:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await ask(port, client)


async def test_a_client_refuses_a_server_of_another_authority(tmp_path: Path) -> None:
    impostor = pki.server_context(
        files(tmp_path / "impostor", pki.role_urn("network"), authority=FOREIGN, trusts=AUTHORITY)
    )
    client = pki.client_context(files(tmp_path / "city", pki.agency_urn(CITY)))
    async with server(impostor) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            await ask(port, client)


async def test_a_client_refuses_a_server_that_it_did_not_dial(tmp_path: Path) -> None:
    client = pki.client_context(files(tmp_path / "city", pki.agency_urn(CITY)))
    async with server(network(tmp_path)) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            await ask(port, client, "network.example")


async def test_a_client_that_knows_no_tls_1_3_gets_no_connection(tmp_path: Path) -> None:
    client = pki.client_context(files(tmp_path / "city", pki.agency_urn(CITY)))
    client.minimum_version = client.maximum_version = ssl.TLSVersion.TLSv1_2
    async with server(network(tmp_path)) as port:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await ask(port, client)
