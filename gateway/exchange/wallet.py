"""証明書入れ: the certificates by which one process is known, and the TLS contexts made of them when they are needed.

One process has a certificate for its role and, where it serves agencies, one for each of them: as a client it calls as
the agency that the message is from, as a server it shows the certificate of the agency that the caller asked for by
name, so that the identity of a connection is the agency of the message on both sides.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping

from gateway.exchange.places import agency_at
from gateway.pki import Identity

ROLE = ""
"""The holder of the role's own certificate; agencies' certificates are held under their codes."""


class Wallet:
    """Identities by holder; ``replace`` renews them under the contexts that are in use."""

    def __init__(self, identities: Mapping[str, Identity]) -> None:
        self._identities = dict(identities)
        self._clients: dict[str, ssl.SSLContext] = {}
        self._servers: dict[str, ssl.SSLContext] = {}

    @property
    def holders(self) -> frozenset[str]:
        return frozenset(self._identities)

    def identity(self, holder: str) -> Identity:
        """The holder's certificate and key; ``KeyError`` for somebody whom this process is not."""
        return self._identities[holder]

    def client(self, holder: str) -> ssl.SSLContext:
        """The context with which this process calls as ``holder``."""
        made = self._clients.get(holder)
        if made is None:
            made = self._clients[holder] = self.identity(holder).client_context()
        return made

    def server(self) -> ssl.SSLContext:
        """The context of the listener: the role's certificate, or that of the agency the caller asks for by name."""
        made = self._server(ROLE)
        made.sni_callback = self._choose
        return made

    def replace(self, identities: Mapping[str, Identity]) -> None:
        """New certificates; connections that stand go on, the next ones show these."""
        self._identities.update(identities)
        for holder, identity in identities.items():
            for made in (self._clients.get(holder), self._servers.get(holder)):
                if made is not None:
                    identity.load_into(made)

    def _server(self, holder: str) -> ssl.SSLContext:
        made = self._servers.get(holder)
        if made is None:
            made = self._servers[holder] = self.identity(holder).server_context()
        return made

    def _choose(self, connection: ssl.SSLObject, host: str | None, context: ssl.SSLContext) -> None:
        """Called by TLS before the handshake goes on. An agency that is not served here sees the role's certificate."""
        agency = agency_at(host)
        if agency in self._identities:
            connection.context = self._server(agency)

    def __repr__(self) -> str:
        return f"<wallet of {len(self._identities)} certificates>"


def stranger_context(authority: bytes) -> ssl.SSLContext:
    """TLS 1.3 for a client that has no certificate yet and trusts this authority (PEM) alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.load_verify_locations(cadata=authority.decode())
    return context
