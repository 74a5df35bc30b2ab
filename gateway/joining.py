"""参加: how a role's process becomes known to the network and stays so. Its private keys never leave it.

1. The network's process writes ``joining/<role>.json`` (0600) into its data folder.
2. The role's process, started with that file, makes its keys, sends requests for certificates with the one-time token
   over TLS that trusts the file's authority alone, and keeps what it gets. The token is not kept.
3. Whom to trust is kept wrapped in the key ring, like the keys; certificates lie in the data folder: they are public.
4. From then on the file is not needed. Certificates are renewed in time over the ones in use.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import structlog
from msgspec import Struct

from gateway import pki
from gateway.clock import Clock
from gateway.config import Config
from gateway.exchange import remote
from gateway.exchange.certificates import (
    CertificateReply,
    CertificateRequest,
    JoiningFile,
    JoiningRole,
    JoinRequest,
    RenewalRequest,
)
from gateway.exchange.jws import Jwk, VerifyingKey, key_set
from gateway.exchange.messages import VERSION, decode, encode
from gateway.exchange.places import Peer, role_host
from gateway.exchange.remote import Line, RemoteBoard
from gateway.exchange.wallet import ROLE, Wallet, stranger_context
from gateway.keys.ring import TLS, KeyMissing, KeyRing
from gateway.pki import BadCertificate, Identity
from gateway.problems import Problem
from sympho.codes import AgencyCode

__all__ = ["Membership", "NotJoined", "enter", "keep_renewing", "read_file", "remove_files", "write_file"]

RENEWAL_SECONDS = 3600.0

log = structlog.get_logger()


class NotJoined(Exception):
    """The process cannot take part. The message says what to do; it is for whoever starts the program."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.log_text = message


class _Anchor(Struct, frozen=True):
    """Whom this process trusts, from joining on."""

    v: Literal[1]
    role: JoiningRole
    network: AgencyCode
    network_url: str
    authority: str
    keys: tuple[Jwk, ...]


class _Certificates(Struct, frozen=True):
    certificates: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Membership:
    """A process that has joined: its certificates, where the network is, whose directory it believes."""

    role: JoiningRole
    network: AgencyCode
    network_url: str
    keys: Mapping[str, VerifyingKey]
    wallet: Wallet
    ring: KeyRing
    folder: Path

    @property
    def agencies(self) -> set[AgencyCode]:
        """The agencies for which it has certificates."""
        return {AgencyCode(holder) for holder in self.wallet.holders - {ROLE}}

    @property
    def network_peer(self) -> Peer:
        return Peer(self.network_url, role_host("network"))

    async def renew(self, board: RemoteBoard, clock: Clock) -> int:
        """Renews the certificates that are to be renewed; how many they were."""
        holders = [
            one for one in sorted(self.wallet.holders) if self.wallet.identity(one).needs_renewal(clock.machine())
        ]
        if not holders:
            return 0
        reply = await board.renew(RenewalRequest(VERSION, _requests(self.ring, self.role, holders)))
        old = self.wallet.identity(ROLE)
        fresh = _identities(self.ring, self.role, holders, reply.certificates, old.authority)
        self.wallet.replace(fresh)
        _write(self.folder, {one: self.wallet.identity(one).certificate for one in self.wallet.holders})
        return len(fresh)


async def enter(config: Config, ring: KeyRing, role: JoiningRole, clock: Clock) -> Membership:
    """The membership of this process: as it is kept, or won now with the joining file."""
    kept = _kept(ring, role)
    certificates = _read(config.data)
    if kept is None or not certificates:
        kept, certificates = await _join(config, ring, role, clock)
    holders = list(certificates)
    identities = _identities(ring, role, holders, tuple(certificates.values()), kept.authority.encode())
    return Membership(
        role=role,
        network=kept.network,
        network_url=config.network_url or kept.network_url,
        keys=key_set(kept.keys),
        wallet=Wallet(identities),
        ring=ring,
        folder=config.data,
    )


async def _join(config: Config, ring: KeyRing, role: JoiningRole, clock: Clock) -> tuple[_Anchor, dict[str, bytes]]:
    if config.join is None:
        raise NotJoined(f"this {role} process has not joined a network: give it the joining file (SYMPHO_JOIN)")
    file = read_file(config.join)
    if file.role != role:
        raise NotJoined(f"the joining file is for the role {file.role}")
    holders = [ROLE, *file.agencies]
    await ring.ensure([role, *file.agencies], [TLS])
    reply = await _let_in(file, JoinRequest(VERSION, file.token, _requests(ring, role, holders)), clock)
    made = _identities(ring, role, holders, reply.certificates, file.authority.encode())
    certificates = {holder: identity.certificate for holder, identity in made.items()}
    _write(config.data, certificates)
    anchor = _Anchor(1, role, file.network, file.network_url, file.authority, file.keys)
    wire = await ring.make(_anchor_name(role), lambda: encode(anchor))
    if decode(_Anchor, wire).authority != file.authority:
        raise NotJoined("this process belongs to another network already; use a data folder and database of its own")
    log.info("joined", role=role, network=file.network, agencies=len(file.agencies))
    return anchor, certificates


async def _let_in(file: JoiningFile, request: JoinRequest, clock: Clock) -> CertificateReply:
    line = Line(stranger_context(file.authority.encode()), clock)
    try:
        return await remote.join(line, Peer(file.join_url, role_host("network")), request)
    except Problem as problem:
        slug = problem.slug
    finally:
        await line.close()
    if slug == "credentials-refused":
        raise NotJoined("the joining file has been used or is too old: take a new one from the network's process")
    raise NotJoined(f"joining failed: {slug} at {file.join_url}")


async def keep_renewing(member: Membership, board: RemoteBoard, clock: Clock) -> None:
    """Runs until it is cancelled. There are weeks left when a certificate is first to be renewed."""
    while True:
        try:
            await member.renew(board, clock)
        except (OSError, Problem, BadCertificate) as trouble:
            log.warning("certificates-not-renewed", trouble=getattr(trouble, "slug", type(trouble).__name__))
        await asyncio.sleep(RENEWAL_SECONDS)


def _anchor_name(role: str) -> str:
    return f"{role}:membership"


def _kept(ring: KeyRing, role: JoiningRole) -> _Anchor | None:
    try:
        return decode(_Anchor, ring.secret(_anchor_name(role)))
    except KeyMissing:
        return None


def _key(ring: KeyRing, role: str, holder: str) -> bytes:
    return ring.secret(f"{holder or role}:{TLS}")


def _requests(ring: KeyRing, role: str, holders: Iterable[str]) -> tuple[CertificateRequest, ...]:
    return tuple(
        CertificateRequest(AgencyCode(one) if one else None, pki.request_for(_key(ring, role, one), one or role))
        for one in holders
    )


def _identities(
    ring: KeyRing, role: str, holders: list[str], certificates: tuple[bytes, ...], authority: bytes
) -> dict[str, Identity]:
    if len(holders) != len(certificates):
        raise BadCertificate("as many certificates as were asked for expected")
    return {
        holder: Identity(certificate, _key(ring, role, holder), authority)
        for holder, certificate in zip(holders, certificates, strict=True)
    }


# --- files --------------------------------------------------------------------------------------------------------


def write_file(folder: Path, file: JoiningFile) -> Path:
    """Writes ``joining/<role>.json`` for whoever starts the role's process; nobody else may read it."""
    path = folder / "joining" / f"{file.role}.json"
    _put(path, msgspec.json.format(encode(file), indent=2))
    return path


def remove_files(folder: Path) -> None:
    """Takes away joining files that are worth nothing any more."""
    for path in (folder / "joining").glob("*.json"):
        path.unlink(missing_ok=True)


def read_file(path: Path) -> JoiningFile:
    """A joining file, or ``NotJoined``."""
    try:
        return decode(JoiningFile, path.read_bytes())
    except OSError:
        fault = f"the joining file {path} cannot be read"
    except (msgspec.DecodeError, ValueError):
        fault = f"{path} is no joining file"
    raise NotJoined(fault)


def _certificates_in(folder: Path) -> Path:
    return folder / "certificates.json"


def _read(folder: Path) -> dict[str, bytes]:
    try:
        return decode(_Certificates, _certificates_in(folder).read_bytes()).certificates
    except (OSError, msgspec.DecodeError):
        return {}


def _write(folder: Path, certificates: dict[str, bytes]) -> None:
    _put(_certificates_in(folder), encode(_Certificates(certificates)))


def _put(path: Path, data: bytes) -> None:
    """Complete or not there, and never anybody else's to read."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.unlink(missing_ok=True)
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
