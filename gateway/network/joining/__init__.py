"""Joining the network (参加) and staying in it, as the network sees it: its authority, one-time tokens, certificates.

1. The authority is made at the network's first start and kept wrapped.
2. A token is offered to a role, for the agencies that an intermediary server may serve; only its digest is kept.
3. Whoever brings it first gets certificates for just that role and those agencies. Brought again, it is alarmed.
4. A certificate is renewed by whoever calls with the one in use, for nobody else than it names; a token that comes with
   the call adds its agencies.
5. The operator may offer a place again: to a process whose certificates have run out, or for more agencies.

What a certificate says is the network's word; a request only proves that its sender holds the key.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import structlog
from msgspec import Struct

from gateway import pki
from gateway.exchange.certificates import CertificateReply, CertificateRequest, JoiningRole, JoinRequest, RenewalRequest
from gateway.exchange.directory import DirectoryEntry
from gateway.exchange.places import agency_host, role_host
from gateway.keys.ring import KeyRing
from gateway.network import alarms
from gateway.network.joining import store
from gateway.network.party import Network
from gateway.pki import Authority, BadCertificate, Identity
from gateway.problems import FieldError, Problem
from sympho.codes import AgencyCode

OFFER_HOLDS = timedelta(days=7)
"""How long a token can be used, in machine time."""

MOST_FAULTS = 20
NETWORK = "network"
INTERMEDIARY: JoiningRole = "intermediary"
RESIDENTS: JoiningRole = "residents"

log = structlog.get_logger()


class _Kept(Struct, frozen=True):
    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        return "<authority, kept>"


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who is to be named in certificates: a role, and the agencies that it may serve."""

    role: str
    agencies: frozenset[AgencyCode]


@dataclass(frozen=True, slots=True)
class Offered:
    """A place that a role may take: where its joining file lies, where it is to join, and until when (machine time)."""

    role: JoiningRole
    agencies: tuple[AgencyCode, ...]
    file: Path
    join_url: str
    until: datetime


LetIn = Callable[[JoiningRole, tuple[AgencyCode, ...]], Awaitable[Offered]]
"""Offers a role a place, an intermediary server for these agencies: writes its joining file and opens the door."""


async def open_authority(network: Network) -> Authority:
    """The network's certification authority (認証局), made at its first start."""

    def make() -> bytes:
        authority = pki.make_authority(f"network {network.agency}", network.clock.machine())
        return msgspec.json.encode(_Kept(authority.certificate_pem(), authority.key_bytes()))

    await network.ring.make(_authority_name(network.agency), make)
    return kept_authority(network.ring, network.agency)


def kept_authority(ring: KeyRing, agency: AgencyCode) -> Authority:
    """The authority as it was made; ``KeyMissing`` where it never was."""
    kept = msgspec.json.decode(ring.secret(_authority_name(agency)), type=_Kept)
    return Authority.from_bytes(kept.certificate, kept.key)


def _authority_name(agency: AgencyCode) -> str:
    return f"{agency}:authority"


def own_identity(network: Network, authority: Authority) -> Identity:
    """A certificate for the network itself, with a new key: nobody else needs to know it beforehand."""
    key = pki.private_bytes(pki.new_key())
    certificate = _certify(network, authority, Bearer(NETWORK, frozenset()), None, pki.request_for(key, NETWORK))
    return Identity(certificate, key, authority.certificate_pem())


def not_served(network: Network) -> tuple[AgencyCode, ...]:
    """The agencies in force, or to come, whose keys no server has made known yet."""
    return tuple(entry.code for entry in _in_force(network) if not entry.keys)


def _in_force(network: Network) -> list[DirectoryEntry]:
    """Agencies in force or to come, by world time."""
    today = network.clock.today()
    return [
        entry
        for entry in network.published.directory.entries
        if any(window.until is None or window.until >= today for window in entry.valid)
    ]


def to_offer(network: Network, role: JoiningRole, named: Sequence[AgencyCode]) -> tuple[AgencyCode, ...]:
    """The agencies that the role may be offered: those named, or all in force while one server at most serves any.

    Problems name an agency that is not in the directory, or not in force any more.
    """
    if role != INTERMEDIARY:
        if named:
            raise Problem("invalid-field", errors=(FieldError("$.agencies", f"{role} serves no agencies"),))
        return ()
    entries = _in_force(network)
    if named:
        _refuse_strangers(network, named, {entry.code for entry in entries})
        return tuple(sorted(set(named)))
    if len({entry.endpoint for entry in entries if entry.keys}) > 1:
        rule = "several servers serve agencies: name those of the server that is to join"
        raise Problem("invalid-field", errors=(FieldError("$.agencies", rule),))
    return tuple(entry.code for entry in entries)


def _refuse_strangers(network: Network, named: Sequence[AgencyCode], in_force: Collection[AgencyCode]) -> None:
    directory = network.published.directory
    faults = tuple(
        FieldError(f"$.agencies[{at}]", f"{code} is not in {'the directory' if unknown else 'force any more'}")
        for at, code in enumerate(named)
        if (unknown := directory.find(code) is None) or code not in in_force
    )
    if faults:
        raise Problem("unknown-code", errors=faults[:MOST_FAULTS])


async def is_joined(network: Network, role: JoiningRole) -> bool:
    """Whether somebody has joined in this role."""
    async with network.db.connection() as conn:
        return await store.is_joined(conn, role)


async def open_offers(network: Network) -> dict[str, set[AgencyCode]]:
    """Which roles may still join, and for which agencies in force: while nobody may, there need be no door."""
    async with network.db.connection() as conn:
        rows = await store.open_offers(conn, network.clock.machine() - OFFER_HOLDS)
    in_force = {entry.code for entry in _in_force(network)} if rows else set()
    return {role: in_force & {AgencyCode(code) for code in agencies} for role, agencies in rows}


async def offer(network: Network, role: JoiningRole, agencies: Iterable[AgencyCode] = ()) -> str:
    """A new one-time token for a role; what was offered to it before is worth nothing any more."""
    token = secrets.token_urlsafe(32)
    async with network.db.transaction() as conn:
        await store.withdraw_offers(conn, role)
        await store.insert_offer(conn, _digest(token), role, sorted(agencies), network.clock.machine())
    return token


async def join(network: Network, authority: Authority, request: JoinRequest) -> CertificateReply:
    """Lets in whoever brings a token for the first time."""
    bearer = await _spend(network, request.token)
    return await _certificates(network, authority, bearer, request.requests)


async def _spend(network: Network, token: str) -> Bearer:
    """Uses the token up: who is let in by it."""
    now = network.clock.machine()
    async with network.db.transaction() as conn:
        spent = await store.spend_token(conn, _digest(token), now, now - OFFER_HOLDS)
    if spent is None:
        raise await _not_let_in(network, token)
    bearer = Bearer(spent[0], frozenset(AgencyCode(code) for code in spent[1]))
    log.info("joined", role=bearer.role, agencies=len(bearer.agencies))
    return bearer


async def _not_let_in(network: Network, token: str, fault: str = "token-used-again") -> Problem:
    async with network.db.connection() as conn:
        role = await store.known_role(conn, _digest(token))
    if role is None:
        log.warning("joining-refused", fault="token-unknown")
    else:
        await alarms.wrong_party(network, f"joining {role}", "join", fault)
    return Problem("credentials-refused")


async def renew(
    network: Network, authority: Authority, role: str, agencies: Collection[AgencyCode], request: RenewalRequest
) -> CertificateReply:
    """The next certificates for whom the connection's certificate names, and for whom a token of its role adds."""
    named = frozenset(agencies)
    if request.token:
        async with network.db.connection() as conn:
            offered_to = await store.known_role(conn, _digest(request.token))
        if offered_to != role:
            raise await _not_let_in(network, request.token, "token-of-another-role")
        named |= (await _spend(network, request.token)).agencies
    return await _certificates(network, authority, Bearer(role, named), request.requests)


async def _certificates(
    network: Network, authority: Authority, bearer: Bearer, requests: Iterable[CertificateRequest]
) -> CertificateReply:
    made = []
    for one in requests:
        if one.agency is not None and one.agency not in bearer.agencies:
            await alarms.wrong_party(network, f"{bearer.role} for {one.agency}", "certificate-request", "wrong-agency")
            raise Problem("wrong-agency")
        made.append(_certify(network, authority, bearer, one.agency, one.request))
    return CertificateReply(tuple(made))


def _certify(
    network: Network, authority: Authority, bearer: Bearer, agency: AgencyCode | None, request: bytes
) -> bytes:
    """One agency's certificate names the agency alone. The role's names the role, and all whom it may make known."""
    now = network.clock.machine()
    try:
        if agency is not None:
            urns, host = [pki.agency_urn(agency)], agency_host(agency)
            return pki.identify(authority, request, agency, urns, [host], now)
        urns = [pki.role_urn(bearer.role), *(pki.agency_urn(code) for code in sorted(bearer.agencies))]
        return pki.identify(authority, request, bearer.role, urns, [role_host(bearer.role)], now)
    except BadCertificate as bad:
        fault = str(bad)
    raise Problem("malformed-body", fault)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


__all__ = [
    "INTERMEDIARY",
    "NETWORK",
    "OFFER_HOLDS",
    "RESIDENTS",
    "LetIn",
    "Offered",
    "is_joined",
    "join",
    "kept_authority",
    "not_served",
    "offer",
    "open_authority",
    "open_offers",
    "own_identity",
    "renew",
    "to_offer",
]
