"""Who calls (利用主体): four kinds of principal, and how a connection's token or certificate becomes one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias

from authz.duties import PrincipalKind
from authz.operations import Actor, terminal_of
from authz.principals import StaffPrincipal, SystemPrincipal
from authz.tokens import TokenRefused, Verifier
from gateway.log import log
from gateway.pki import agencies_of, agency_urn, role_urn, roles_of
from gateway.problems import Problem
from sympho.codes import AgencyCode

__all__ = [
    "ANYONE",
    "Anyone",
    "Authenticate",
    "Credentials",
    "PartyPrincipal",
    "Principal",
    "actor_of",
    "by_token_or_certificate",
    "party_of",
    "pseudonym_of",
]


@dataclass(frozen=True, slots=True)
class Anyone:
    """Nobody in particular: the principal of what is for the public, where nobody is authenticated."""

    agency: None = None

    @property
    def kind(self) -> PrincipalKind:
        return PrincipalKind.PUBLIC


@dataclass(frozen=True, slots=True)
class PartyPrincipal:
    """機関・役割: another party, as its certificate names it: for which agencies it may speak, and what it is.

    One intermediary server speaks for many agencies, so ``agency`` names one only where there is exactly one.
    """

    agencies: frozenset[AgencyCode]
    roles: frozenset[str]

    @property
    def kind(self) -> PrincipalKind:
        return PrincipalKind.PARTY

    @property
    def agency(self) -> AgencyCode | None:
        return next(iter(self.agencies)) if len(self.agencies) == 1 else None

    @property
    def identity(self) -> str:
        """Its name in the log: what it is, or the one agency, or how many."""
        if self.roles:
            return " ".join(role_urn(role) for role in sorted(self.roles))
        return agency_urn(self.agency) if self.agency is not None else f"{len(self.agencies)} agencies"


Principal: TypeAlias = Anyone | StaffPrincipal | SystemPrincipal | PartyPrincipal

ANYONE = Anyone()


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """What a connection shows of its caller. ``identities`` are the URNs of the client certificate that TLS verified.

    ``renewing``: the caller only asks for the next token, and this one may have expired within the grace.
    """

    token: str
    identities: frozenset[str]
    address: str
    renewing: bool = False

    def __repr__(self) -> str:
        return "<Credentials>"


class Authenticate(Protocol):
    """Turns credentials into a principal, or raises ``token-expired``, ``session-revoked`` and the like."""

    def __call__(self, credentials: Credentials) -> Awaitable[Principal]: ...


def by_token_or_certificate(verifier: Verifier, now: Callable[[], datetime]) -> Authenticate:
    """The doorkeeper of a role: a token speaks for staff and systems, and without one the certificate for a party."""

    async def authenticate(credentials: Credentials) -> Principal:
        if not credentials.token:
            return party_of(credentials.identities)
        try:
            if credentials.renewing:
                return verifier.for_renewal(credentials.token, now())
            return verifier.principal(credentials.token, now())
        except TokenRefused as refused:
            slug = refused.fault.slug
            log.info("token-refused", fault=refused.fault.value)
        raise Problem(slug)

    return authenticate


def party_of(identities: frozenset[str]) -> PartyPrincipal:
    """The party that a certificate names; one that names none is nobody."""
    agencies, roles = agencies_of(identities), roles_of(identities)
    if not agencies and not roles:
        raise Problem("unauthenticated")
    return PartyPrincipal(agencies, roles)


def pseudonym_of(principal: Principal) -> str:
    """What the log calls a caller: an opaque id or a public code, never a name."""
    match principal:
        case Anyone():
            return "-"
        case StaffPrincipal():
            return principal.staff_id
        case SystemPrincipal():
            return principal.client_id
        case PartyPrincipal():
            return principal.identity


def actor_of(principal: Principal, address: str) -> Actor | None:
    """The actor of the operations log; None for the public and for parties, whose acts stand in signed records."""
    match principal:
        case StaffPrincipal():
            return principal.actor
        case SystemPrincipal():
            return principal.actor(terminal_of(address))
        case Anyone() | PartyPrincipal():
            return None
