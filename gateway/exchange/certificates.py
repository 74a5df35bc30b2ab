"""How a process joins the network and stays in it (参加, 証明書の更新): the messages about certificates.

The network's process writes a joining file for each role that may join; whoever has the file may join once. A
certificate names a role or one agency; which, is the network's word: a request shows only that its sender holds the
key.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from gateway.exchange.jws import Jwk
from sympho.codes import AgencyCode

TOKEN_LENGTH = 43
"""Characters of a one-time token: 32 random bytes in base64url."""

JoiningRole = Literal["intermediary", "residents"]


class CertificateRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A certificate request (DER, PKCS #10) for an agency, or for the role itself where ``agency`` is None."""

    agency: AgencyCode | None
    request: Annotated[bytes, Meta(max_length=4096)]


class JoinRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Role -> network: the one-time token and what certificates are asked for."""

    v: int
    token: Annotated[str, Meta(min_length=TOKEN_LENGTH, max_length=TOKEN_LENGTH)]
    requests: tuple[CertificateRequest, ...]

    def __repr__(self) -> str:
        return "<JoinRequest>"


class RenewalRequest(Struct, frozen=True):
    """Role -> network, over its certificate in use: the next ones. With a one-time token, also for agencies that it has
    joined for with it."""

    v: int
    requests: tuple[CertificateRequest, ...]
    token: Annotated[str, Meta(max_length=TOKEN_LENGTH)] = ""

    def __repr__(self) -> str:
        return "<RenewalRequest>"


class CertificateReply(Struct, frozen=True):
    """The certificates (DER), in the order of the requests."""

    certificates: tuple[bytes, ...]


class JoiningFile(Struct, frozen=True, forbid_unknown_fields=True):
    """参加ファイル: all that a role needs to join, in a file of mode 0600. Who reads it first is in; then it is worthless.

    ``join_url`` is the listener for those without a certificate, ``network_url`` the one of the parties. ``keys``
    are the network's, for its directory. ``agencies`` are those that an intermediary server may serve.
    """

    v: Literal[1]
    role: JoiningRole
    network: AgencyCode
    network_url: str
    join_url: str
    authority: str
    keys: tuple[Jwk, ...]
    token: str
    agencies: tuple[AgencyCode, ...] = ()

    def __repr__(self) -> str:
        return f"<JoiningFile of {self.role}>"
