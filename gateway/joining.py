"""参加: how a role's process becomes known to the network and stays so. Its private keys never leave it.

1. The network's process writes ``joining/<role>.json`` (0600) into its data folder.
2. The role's process, started with that file, makes its keys, sends requests for certificates with the one-time token
   over TLS that trusts the file's authority alone, and keeps what it gets. The token is not kept.
3. Whom to trust is kept wrapped in the key ring, like the keys; certificates lie in the data folder: they are public.
4. From then on the file is not needed. Certificates are renewed in time over the ones in use.
5. A process that was away for too long comes in again with a new file of the same authority: its keys, data and
   agencies are as they were. Beside certificates that stand, a new file adds the agencies that it names.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
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

__all__ = [
    "URGENT",
    "CertificatesExpired",
    "Membership",
    "NotJoined",
    "enter",
    "keep_renewing",
    "read_file",
    "remove_files",
    "write_file",
]

RENEWAL_SECONDS = 3600.0
URGENT = timedelta(days=14)
"""A certificate with less left should have been renewed for weeks: something is wrong, and it is said loudly."""

ASK_FOR_A_FILE = "ask the network's operator for a joining file (sympho joining offer) and start with --join FILE"
OF_ANOTHER_NETWORK = "the joining file is another network's: use a data folder and database of its own for that one"

log = structlog.get_logger()


class NotJoined(Exception):
    """The process cannot take part. The message says what to do; it is for whoever starts the program."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.log_text = message


class CertificatesExpired(NotJoined):
    """The process was away until its certificates had run out. ``since`` is machine time."""

    def __init__(self, role: str, since: datetime, used: Path | None) -> None:
        also = "" if used is None else f"; the joining file {used} is not there any more, or has been used"
        super().__init__(f"the certificates of this {role} process ran out at {since.isoformat(' ', 'minutes')}{also}")
        self.role = role
        self.since = since


class _Anchor(Struct, frozen=True):
    """Whom this process trusts, from joining on."""

    v: Literal[1]
    role: JoiningRole
    network: AgencyCode
    network_url: str
    authority: str
    keys: tuple[Jwk, ...]


class _Held(Struct, frozen=True):
    """What lies in the data folder: certificates by holder, digests of the tokens that won them, where the network said
    at the last joining that it is (empty: where the anchor says)."""

    certificates: dict[str, bytes] = {}
    used: tuple[bytes, ...] = ()
    network_url: str = ""

    @property
    def until(self) -> datetime | None:
        """When the role's own certificate runs out; None where there is none."""
        own = self.certificates.get(ROLE)
        return None if own is None else pki.valid_until(own)

    def joined(self, file: JoiningFile, made: Mapping[str, bytes]) -> _Held:
        """What is held once this file was used and has won these certificates."""
        used = (*self.used, _digest(file.token))
        return _Held(self.certificates | dict(made), used, file.network_url)


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
        """The agencies for which it has certificates, run out or not."""
        return {AgencyCode(holder) for holder in self.wallet.holders - {ROLE}}

    @property
    def named(self) -> set[AgencyCode]:
        """The agencies that the role's certificate names: for them it may renew, and make keys known."""
        return set(pki.agencies_of(pki.peer_urns(self.wallet.identity(ROLE).certificate)))

    def certified_until(self) -> datetime:
        """When the first of the certificates that it may renew runs out."""
        holders = self.wallet.holders & {ROLE, *self.named}
        return min(pki.valid_until(self.wallet.identity(one).certificate) for one in holders)

    @property
    def network_peer(self) -> Peer:
        return Peer(self.network_url, role_host("network"))

    async def renew(self, board: RemoteBoard, clock: Clock) -> int:
        """Renews the certificates that are to be renewed; how many they were."""
        mine = sorted(self.wallet.holders & {ROLE, *self.named})
        holders = [one for one in mine if self.wallet.identity(one).needs_renewal(clock.machine())]
        if not holders:
            return 0
        reply = await board.renew(RenewalRequest(VERSION, _requests(self.ring, self.role, holders)))
        self._take(_read(self.folder), holders, reply)
        return len(holders)

    async def join_for_more(self, file: JoiningFile, clock: Clock) -> None:
        """Joins for the agencies of the file that are new here. What stands goes on, whatever comes of it."""
        more = sorted(set(file.agencies) - self.named)
        if not more:
            return
        await self.ring.ensure(more, [TLS])
        holders, failed = [ROLE, *more], ""
        line = Line(self.wallet.client(ROLE), clock)
        try:
            requests = _requests(self.ring, self.role, holders)
            reply = await RemoteBoard(line, self.network_peer).renew(RenewalRequest(VERSION, requests, file.token))
            self._take(_read(self.folder).joined(file, {}), holders, reply)
        except (Problem, BadCertificate) as trouble:
            failed = getattr(trouble, "slug", type(trouble).__name__)
        finally:
            await line.close()
        if failed == "credentials-refused":  # it never will be good: the next start does not bring it again
            _write(self.folder, _read(self.folder).joined(file, {}))
        if failed:
            log.error("agencies-not-joined", agencies=more, trouble=failed, note=f"or else {ASK_FOR_A_FILE}")
        else:
            log.info("joined", role=self.role, network=self.network, agencies=len(more))

    def _take(self, held: _Held, holders: Sequence[str], reply: CertificateReply) -> None:
        authority = self.wallet.identity(ROLE).authority
        self.wallet.replace(_identities(self.ring, self.role, holders, reply.certificates, authority))
        certificates = {one: self.wallet.identity(one).certificate for one in self.wallet.holders}
        _write(self.folder, msgspec.structs.replace(held, certificates=certificates))


async def enter(config: Config, ring: KeyRing, role: JoiningRole, clock: Clock) -> Membership:
    """The membership of this process: as it is kept, or won now with the joining file."""
    anchor = _kept(ring, role)
    held = _Held() if anchor is None else _read(config.data)
    until = held.until
    stands = until is not None and until > clock.machine()
    file = _usable(config.join, role, anchor, held, stands=stands)
    if anchor is None or not stands:
        if file is None and until is not None:
            raise CertificatesExpired(role, until, config.join)
        if file is None:
            raise NotJoined(f"this {role} process has not joined a network: give it the joining file (SYMPHO_JOIN)")
        anchor, held = await _join(config.data, ring, held, file, clock)
    holders = list(held.certificates)
    identities = _identities(ring, role, holders, tuple(held.certificates.values()), anchor.authority.encode())
    member = Membership(
        role=role,
        network=anchor.network,
        network_url=config.network_url or (file or held).network_url or anchor.network_url,
        keys=key_set(anchor.keys),
        wallet=Wallet(identities),
        ring=ring,
        folder=config.data,
    )
    if stands and file is not None:
        await member.join_for_more(file, clock)
    return member


def _usable(
    path: Path | None, role: JoiningRole, anchor: _Anchor | None, held: _Held, *, stands: bool
) -> JoiningFile | None:
    """The joining file, unless there is none or it was used: start lines stay the same over restarts.

    A process that is in, or was, starts with a file that has gone since; one that is in, with whatever it has become.
    """
    if path is None or (held.certificates and not path.exists()):
        return None
    try:
        file = read_file(path)
    except NotJoined:
        if stands:
            return None
        raise
    if _digest(file.token) in held.used:
        return None
    if file.role != role:
        raise NotJoined(f"the joining file is for the role {file.role}")
    if anchor is not None and file.authority != anchor.authority:
        raise NotJoined(OF_ANOTHER_NETWORK)
    return file


async def _join(folder: Path, ring: KeyRing, held: _Held, file: JoiningFile, clock: Clock) -> tuple[_Anchor, _Held]:
    """Joins with the token. An agency that the file does not name keeps the certificate that it had."""
    role, holders = file.role, [ROLE, *file.agencies]
    await ring.ensure([role, *file.agencies], [TLS])
    reply = await _let_in(file, JoinRequest(VERSION, file.token, _requests(ring, role, holders)), clock)
    made = _identities(ring, role, holders, reply.certificates, file.authority.encode())
    anchor = _Anchor(1, role, file.network, file.network_url, file.authority, file.keys)
    kept = decode(_Anchor, await ring.make(_anchor_name(role), lambda: encode(anchor)))
    if kept.authority != file.authority:
        raise NotJoined(OF_ANOTHER_NETWORK)
    now_held = held.joined(file, {holder: identity.certificate for holder, identity in made.items()})
    _write(folder, now_held)
    left_out = sorted(set(now_held.certificates) - set(holders))
    if left_out:
        log.warning("agencies-not-named", agencies=left_out, note=ASK_FOR_A_FILE)
    log.info("joined", role=role, network=file.network, agencies=len(file.agencies))
    return kept, now_held


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
            _tell(member.certified_until(), clock.machine(), getattr(trouble, "slug", type(trouble).__name__))
        await asyncio.sleep(RENEWAL_SECONDS)


def _tell(until: datetime, now: datetime, trouble: str) -> None:
    """Certificates were not renewed: the fewer days are left, the louder it is said."""
    if until <= now:
        log.error("certificates-expired", since=until.isoformat(), trouble=trouble, note=ASK_FOR_A_FILE)
    elif until <= now + URGENT:
        log.error("certificates-running-out", until=until.isoformat(), days=(until - now).days, trouble=trouble)
    else:
        log.warning("certificates-not-renewed", trouble=trouble)


def _anchor_name(role: str) -> str:
    return f"{role}:membership"


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


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
    ring: KeyRing, role: str, holders: Sequence[str], certificates: tuple[bytes, ...], authority: bytes
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


def _read(folder: Path) -> _Held:
    try:
        return decode(_Held, _certificates_in(folder).read_bytes())
    except (OSError, msgspec.DecodeError):
        return _Held()


def _write(folder: Path, held: _Held) -> None:
    _put(_certificates_in(folder), encode(held))


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
