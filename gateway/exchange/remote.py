"""The transport between processes: HTTPS with mutual TLS 1.3. The doors of ``doors.py`` as their holders see them.

A ``Line`` holds the connections of one identity: what is sent on it is sent as the holder of its certificate, and
nobody else. A ``Peer`` says where the other party is and by which name its certificate must know it. Every message but
the publications says the sender's world time; whoever is told that the clocks differ asks for the time once and tries
again.

Whatever keeps a message from being answered (nobody there, TLS, time, a bug of the other side) is
``network-unavailable``; a problem of the closed table that the other party names is raised here as it was there.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec
import structlog
from msgspec import Struct

from gateway import problems
from gateway.clock import Clock
from gateway.exchange.certificates import CertificateReply, JoinRequest, RenewalRequest
from gateway.exchange.directory import LIMIT as DIRECTORY_LIMIT
from gateway.exchange.doors import Enrolment, Enrolments, Pulse
from gateway.exchange.listing import LIMIT as MANIFEST_LIMIT
from gateway.exchange.messages import (
    CODES_LIMIT,
    MESSAGE_LIMIT,
    VERSION,
    WORLD_TIME,
    Answer,
    AnswerOrPending,
    CodeIssue,
    CodeNotice,
    CodeReply,
    CodeRequest,
    Inquiry,
    Notice,
    PermitOrRefusal,
    ResidentCodeChange,
    Withdrawal,
    encode,
)
from gateway.exchange.places import PartyPath, Peer, agency_host
from gateway.exchange.wallet import ROLE, Wallet
from gateway.problems import Problem
from sympho.codes import AgencyCode, decode_hook

__all__ = [
    "CONNECTIONS",
    "Follow",
    "Line",
    "Lines",
    "RemoteBoard",
    "RemoteIntermediary",
    "RemoteIssuing",
    "RemoteNetwork",
    "RemoteResidents",
    "join",
]

CONNECTIONS = 32
"""Connections that one line keeps to all its peers together, unless it is told otherwise."""

LIST_LIMIT = 64 * 1024 * 1024
KEPT_SECONDS = 60.0
CONNECT_SECONDS = 3.0
NOTICE_SECONDS = 8.0
"""What a provider may take. Whoever waits for somebody who waits in turn has more patience, so that the inner call is
the one that gives up."""
EXCHANGE_SECONDS = 25.0
BIND_SECONDS = 120.0
ISSUE_SECONDS = 180.0
REQUEST_CODES_SECONDS = 240.0

Follow = Callable[[], Awaitable[None]]
"""Asks the network for the world's time and follows it."""

log = structlog.get_logger()


def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind, dec_hook=decode_hook)


_PERMIT = _decoder(PermitOrRefusal)
_ANSWER = _decoder(AnswerOrPending)
_CODES = _decoder(CodeReply)
_PULSE = _decoder(Pulse)
_CERTIFICATES = _decoder(CertificateReply)
_NO_ANSWER = frozenset({"internal", "unauthenticated", "token-expired", "token-invalid", "session-revoked"})
"""Problems of the connection or of the other side: whoever sent the message can do nothing but send it again."""
_BROKEN_ON_THE_WAY = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)
_UNREACHABLE = (aiohttp.ClientError, OSError, TimeoutError, ssl.SSLError)


@dataclass(frozen=True, slots=True)
class Sending:
    """One message on its way. ``timed``: it says the sender's world time."""

    path: str
    body: bytes | None = None
    limit: int = MESSAGE_LIMIT
    seconds: float = EXCHANGE_SECONDS
    timed: bool = True


class Line:
    """線: the connections of one identity, made when they are needed and kept."""

    def __init__(
        self, context: ssl.SSLContext, clock: Clock, follow: Follow | None = None, connections: int = CONNECTIONS
    ) -> None:
        self._context = context
        self._clock = clock
        self._follow = follow
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def send(self, peer: Peer, sending: Sending) -> bytes:
        """The reply's bytes, or a ``Problem``."""
        try:
            return await self._send(peer, sending)
        except Problem as problem:
            if problem.slug != "clock-skew" or self._follow is None:
                raise
        await self._follow()
        return await self._send(peer, sending)

    async def _send(self, peer: Peer, sending: Sending) -> bytes:
        """Once more where a kept connection turns out to have been closed: every message may come twice."""
        try:
            return await self._exchange(peer, sending)
        except aiohttp.ClientConnectorError as trouble:
            failed: Exception = trouble
        except _BROKEN_ON_THE_WAY:
            try:
                return await self._exchange(peer, sending)
            except _UNREACHABLE as trouble:
                failed = trouble
        except _UNREACHABLE as trouble:
            failed = trouble
        log.info("unreachable", peer=peer.host, path=sending.path, trouble=type(failed).__name__)
        raise Problem("network-unavailable")

    async def _exchange(self, peer: Peer, sending: Sending) -> bytes:
        if not peer.url or self._closed:
            raise Problem("network-unavailable")
        headers = {"Content-Type": "application/json"} if sending.body is not None else {}
        if sending.timed:
            headers[WORLD_TIME] = self._clock.now().isoformat()
        async with self._kept().request(
            "GET" if sending.body is None else "POST",
            peer.url + sending.path,
            data=sending.body,
            headers=headers,
            server_hostname=peer.host,
            timeout=aiohttp.ClientTimeout(total=sending.seconds, sock_connect=CONNECT_SECONDS),
            allow_redirects=False,
        ) as response:
            wire = await _read(response, sending.limit)
        if response.status in {200, 204}:
            return wire
        raise _problem(response, wire)

    def _kept(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                ssl=self._context, limit=self._connections, keepalive_timeout=KEPT_SECONDS, ttl_dns_cache=60
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "sympho", "Accept-Encoding": "identity"},
                auto_decompress=False,
            )
        return self._session

    async def close(self) -> None:
        """Nothing more is sent on this line."""
        self._closed = True
        if self._session is not None:
            await self._session.close()


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    parts: list[bytes] = []
    total = 0
    async for part in response.content.iter_any():
        total += len(part)
        if total > limit:
            response.close()
            raise Problem("network-unavailable", "the reply is longer than a reply may be")
        parts.append(part)
    return b"".join(parts)


def _problem(response: aiohttp.ClientResponse, wire: bytes) -> Problem:
    """What the other party says, where it is a problem of the table and speaks of the message."""
    if response.content_type != problems.MEDIA_TYPE:
        return Problem("network-unavailable")
    said = problems.received(wire)
    if said.status != response.status or said.slug in _NO_ANSWER:
        return Problem("network-unavailable")
    return said


def _read_as(decoder: msgspec.json.Decoder[Any], wire: bytes) -> Any:
    try:
        return decoder.decode(wire)
    except (msgspec.DecodeError, ValueError):
        log.warning("reply-malformed")
    raise Problem("network-unavailable", "the reply does not have the form of its version")


class Lines:
    """A process's lines by holder: one for its role, one for each agency that it serves, made when they are needed."""

    def __init__(
        self, wallet: Wallet, clock: Clock, follow: Follow | None = None, connections: int = CONNECTIONS
    ) -> None:
        self._wallet = wallet
        self._clock = clock
        self._follow = follow
        self._connections = connections
        self._lines: dict[str, Line] = {}

    def of(self, holder: str = ROLE) -> Line:
        """The holder's line; ``wrong-agency`` for an agency whose certificate is not here."""
        made = self._lines.get(holder)
        if made is None:
            if holder not in self._wallet.holders:
                raise Problem("wrong-agency")
            made = Line(self._wallet.client(holder), self._clock, self._follow, self._connections)
            self._lines[holder] = made
        return made

    async def close(self) -> None:
        await asyncio.gather(*(line.close() for line in self._lines.values()))


# --- the doors ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RemoteNetwork:
    """The network's door, held by the agency of the line."""

    line: Line
    peer: Peer

    async def permit(self, request: bytes) -> PermitOrRefusal:
        reply: PermitOrRefusal = _read_as(_PERMIT, await self.line.send(self.peer, Sending(PartyPath.PERMIT, request)))
        return reply

    async def inquire(self, inquiry: Inquiry) -> AnswerOrPending:
        return await _ending(self.line, self.peer, PartyPath.INQUIRE, inquiry)

    async def withdraw(self, withdrawal: Withdrawal) -> AnswerOrPending:
        return await _ending(self.line, self.peer, PartyPath.WITHDRAW, withdrawal)

    async def answer(self, answer: Answer) -> None:
        await self.line.send(self.peer, Sending(PartyPath.ANSWER, encode(answer)))


@dataclass(frozen=True, slots=True)
class RemoteBoard:
    """What the network publishes, and where a role renews its certificates. None of it says world time."""

    line: Line
    peer: Peer

    async def pulse(self) -> Pulse:
        sending = Sending(PartyPath.PULSE, seconds=CONNECT_SECONDS, timed=False)
        pulse: Pulse = _read_as(_PULSE, await self.line.send(self.peer, sending))
        return pulse

    async def directory(self) -> str:
        wire = await self.line.send(self.peer, Sending(PartyPath.DIRECTORY, limit=DIRECTORY_LIMIT, timed=False))
        return wire.decode("ascii", "replace")

    async def manifest(self, serial: int) -> str:
        path = f"{PartyPath.LIST_MANIFEST}?serial={serial:d}"
        wire = await self.line.send(self.peer, Sending(path, limit=MANIFEST_LIMIT, timed=False))
        return wire.decode("ascii", "replace")

    async def list_part(self, digest: str) -> bytes:
        path = f"{PartyPath.LIST_PART}?digest={digest}"
        return await self.line.send(self.peer, Sending(path, limit=LIST_LIMIT, timed=False))

    async def enrol(self, enrolments: tuple[Enrolment, ...]) -> None:
        await self.line.send(self.peer, Sending(PartyPath.ENROL, encode(Enrolments(VERSION, enrolments)), timed=False))

    async def renew(self, request: RenewalRequest) -> CertificateReply:
        """New certificates for the role and those of its agencies that the request names."""
        sending = Sending(PartyPath.RENEW, encode(request), limit=DIRECTORY_LIMIT, timed=False)
        reply: CertificateReply = _read_as(_CERTIFICATES, await self.line.send(self.peer, sending))
        return reply


@dataclass(frozen=True, slots=True)
class RemoteIssuing:
    """The network's issuing door, held by the residents' party."""

    line: Line
    peer: Peer

    async def issue(self, issue: CodeIssue) -> CodeReply:
        return await _codes(self.line, self.peer, PartyPath.ISSUE, issue, ISSUE_SECONDS)

    async def change_resident_code(self, change: ResidentCodeChange) -> None:
        await self.line.send(self.peer, Sending(PartyPath.CHANGE_RESIDENT_CODE, encode(change)))


@dataclass(frozen=True, slots=True)
class RemoteIntermediary:
    """The door of the server that serves an agency, held by the network. ``endpoint`` is what the directory says."""

    line: Line
    endpoint: Callable[[AgencyCode], str]

    async def notice(self, agency: AgencyCode, notice: Notice) -> AnswerOrPending:
        return await _ending(self.line, self._peer(agency), PartyPath.NOTICE.of(agency), notice, NOTICE_SECONDS)

    async def withdraw(self, agency: AgencyCode, withdrawal: Withdrawal) -> AnswerOrPending:
        path = PartyPath.AGENCY_WITHDRAW.of(agency)
        return await _ending(self.line, self._peer(agency), path, withdrawal, NOTICE_SECONDS)

    async def answer(self, agency: AgencyCode, answer: Answer) -> None:
        sending = Sending(PartyPath.AGENCY_ANSWER.of(agency), encode(answer), seconds=NOTICE_SECONDS)
        await self.line.send(self._peer(agency), sending)

    async def bind_codes(self, agency: AgencyCode, notice: CodeNotice) -> CodeReply:
        return await _codes(self.line, self._peer(agency), PartyPath.BIND_CODES.of(agency), notice, BIND_SECONDS)

    def _peer(self, agency: AgencyCode) -> Peer:
        return Peer(self.endpoint(agency), agency_host(agency))


@dataclass(frozen=True, slots=True)
class RemoteResidents:
    """The residents' party's door, held by the agency of the line."""

    line: Line
    peer: Peer

    async def request_codes(self, request: CodeRequest) -> CodeReply:
        return await _codes(self.line, self.peer, PartyPath.REQUEST_CODES, request, REQUEST_CODES_SECONDS)


async def join(line: Line, peer: Peer, request: JoinRequest) -> CertificateReply:
    """The first certificates of a role, for its one-time token; the line has no certificate yet."""
    sending = Sending(PartyPath.JOIN, encode(request), limit=DIRECTORY_LIMIT, timed=False)
    reply: CertificateReply = _read_as(_CERTIFICATES, await line.send(peer, sending))
    return reply


async def _ending(
    line: Line, peer: Peer, path: str, message: Struct, seconds: float = EXCHANGE_SECONDS
) -> AnswerOrPending:
    wire = await line.send(peer, Sending(path, encode(message), seconds=seconds))
    reply: AnswerOrPending = _read_as(_ANSWER, wire)
    return reply


async def _codes(line: Line, peer: Peer, path: str, message: Struct, seconds: float) -> CodeReply:
    wire = await line.send(peer, Sending(path, encode(message), limit=CODES_LIMIT, seconds=seconds))
    reply: CodeReply = _read_as(_CODES, wire)
    return reply
