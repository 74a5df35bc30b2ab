"""What an operator lends to the probe (攻撃への貸出し): certificates of parties that are its own, and permits they hold.

No door gives a private key or a permit out. Whoever has the data folders and may read their root keys takes them from
there, for attacks on parties of one's own: an agency's certificate from the intermediary server's folder, one that says
it is the network from the network's, whose authority can make any.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from gateway import joining as membership
from gateway import pki
from gateway.assembly import open_party
from gateway.clock import Clock
from gateway.config import Config, ConfigError, Role
from gateway.database import Connection
from gateway.exchange.directory import Directory
from gateway.exchange.jws import unverified_payload
from gateway.exchange.messages import Permit, decode
from gateway.exchange.places import role_host
from gateway.intermediary.store import held
from gateway.intermediary.store.inquiries import latest_permits
from gateway.keys.ring import KeyMissing
from gateway.network import joining
from gateway.network import store as published
from gateway.pki import Identity
from gateway.running.ondata import located
from gateway.running.wording import worded
from sympho.codes import AgencyCode

__all__ = ["Lent", "lent"]

DIRECTORY_LIMIT = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True, repr=False)
class Lent:
    """Where the doors are, as whom one may call there, and a genuine permit; what there is none of is None or empty."""

    network_url: str
    provider_url: str
    agency: Identity
    network: Identity | None = None
    permit: str = ""


async def lent(server: Config, network: Config | None) -> Lent:
    """From the data folder of an intermediary server apart, and from the network's, if that is lent, too."""
    async with located(server) as place:
        with worded():
            opened = await open_party(place, Role.INTERMEDIARY)
        try:
            with worded():
                member = await membership.enter(replace(place, join=None), opened.ring, joining.INTERMEDIARY, Clock())
            async with opened.db.connection() as conn:
                permit = next(iter(await latest_permits(conn, 1)), "")
                provider_url = await _provider_of(conn, permit)
        finally:
            await opened.db.close()
    asking = decode(Permit, unverified_payload(permit)).inq.agency if permit else min(member.agencies)
    return Lent(
        network_url=member.network_url,
        provider_url=provider_url,
        agency=member.wallet.identity(asking),
        network=None if network is None else await _as_network(network),
        permit=permit,
    )


async def _provider_of(conn: Connection, permit: str) -> str:
    """Where the provider that the permit names is reached, as the directory says that is held here."""
    signed = await held.read_directory(conn)
    if not permit or signed is None:
        return ""
    entry = decode(Directory, unverified_payload(signed, DIRECTORY_LIMIT)).find(
        decode(Permit, unverified_payload(permit)).prv.agency
    )
    return entry.endpoint if entry else ""


async def _as_network(config: Config) -> Identity:
    """A certificate that says what the network's own says."""
    async with located(config) as place:
        with worded():
            opened = await open_party(place, Role.NETWORK)
        try:
            async with opened.db.connection() as conn:
                state = await published.read_state(conn)
            if state is None:
                raise ConfigError(f"{config.data}: ネットワークのデータがありません / holds no network's data")
            authority = joining.kept_authority(opened.ring, AgencyCode(state[0]))
        except KeyMissing:
            raise ConfigError(
                f"{config.data}: 認証局がありません / has no authority: the parties are not apart"
            ) from None
        finally:
            await opened.db.close()
    key = pki.private_bytes(pki.new_key())
    urns, hosts = [pki.role_urn(joining.NETWORK)], [role_host(joining.NETWORK)]
    request = pki.request_for(key, joining.NETWORK)
    certificate = pki.identify(authority, request, joining.NETWORK, urns, hosts, datetime.now(UTC))
    return Identity(certificate, key, authority.certificate_pem())
