"""The parties in processes of their own: each role's process wired, beside ``assembly.all_in_one`` for all in one.

    build_apart_network     the network, its listener for parties, and the one for roles that join
    apart_residents         the residents' party, once it has joined
    apart_intermediary      an intermediary server, once it has joined

``start`` begins what goes on in the background, ``close`` ends everything. Nothing here decides anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from gateway import joining as membership
from gateway.assembly import Opened, build_intermediary, build_network, build_residents, open_party
from gateway.clock import Clock
from gateway.config import Config, Role
from gateway.exchange.certificates import JoiningFile, JoiningRole
from gateway.exchange.places import Peer, role_host
from gateway.exchange.remote import (
    Line,
    Lines,
    RemoteBoard,
    RemoteIntermediary,
    RemoteIssuing,
    RemoteNetwork,
    RemoteResidents,
)
from gateway.exchange.wallet import ROLE, Wallet
from gateway.interfaces.listening import Listener, listen
from gateway.interfaces.party import follow_board, intermediary_doors, joining_doors, network_doors, residents_doors
from gateway.intermediary import lists as server_lists
from gateway.intermediary import publications
from gateway.intermediary import sweeping as intermediary_sweeping
from gateway.intermediary.party import Intermediary
from gateway.joining import Membership
from gateway.neighbours.residents import Residents
from gateway.network import joining
from gateway.network import lists as network_lists
from gateway.network import sweeping as network_sweeping
from gateway.network.joining import Offered
from gateway.network.party import Network
from gateway.pki import Authority
from gateway.problems import Problem
from sympho.codes import AgencyCode

__all__ = [
    "ApartIntermediary",
    "ApartNetwork",
    "ApartResidents",
    "apart_intermediary",
    "apart_residents",
    "build_apart_network",
]

AGENCY_CONNECTIONS = 64
"""Connections that one agency's line keeps; the network's line to all servers keeps ``NETWORK_CONNECTIONS``."""
NETWORK_CONNECTIONS = 256
WATCH_SECONDS = 1.0

log = structlog.get_logger()


@dataclass
class _Background:
    """What goes on beside the calls."""

    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def start(self, *work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        for one in work:
            self.tasks.add(asyncio.create_task(_kept(one)))

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.tasks.clear()


async def _kept(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """``work`` for as long as the process runs: what it does not handle is logged, and it begins again."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("background-failed")
        await asyncio.sleep(WATCH_SECONDS)


# --- the network --------------------------------------------------------------------------------------------------


@dataclass
class ApartNetwork:
    """The network's process."""

    config: Config
    network: Network
    authority: Authority
    wallet: Wallet
    lines: Lines
    listener: Listener
    joining_listener: Listener | None = None
    door: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by whoever opens or shuts the door for those who join."""
    background: _Background = field(default_factory=_Background)

    @property
    def url(self) -> str:
        """Where the parties reach it."""
        return self.listener.url

    async def offer_joining(self) -> tuple[Path, ...]:
        """Writes a joining file for each role that has somebody to let in, and opens the door for them.

        An intermediary server is offered the agencies that nobody serves yet; without any there is no file for it. The
        residents' party is offered a place once. Whoever was offered one and has not come is offered it anew.
        """
        network = self.network
        still = await joining.open_offers(network)
        offers: dict[JoiningRole, tuple[AgencyCode, ...]] = {}
        if agencies := still.get(joining.INTERMEDIARY, set()) | {*joining.not_served(network)}:
            offers[joining.INTERMEDIARY] = tuple(sorted(agencies))
        if joining.RESIDENTS in still or not await joining.is_joined(network, joining.RESIDENTS):
            offers[joining.RESIDENTS] = ()
        return tuple([(await self.let_in(role, agencies)).file for role, agencies in offers.items()])

    async def let_in(self, role: JoiningRole, agencies: tuple[AgencyCode, ...]) -> Offered:
        """Offers a role a place; the offer before it is worth nothing any more."""
        async with self.door:
            join_url = (await self._open_joining()).url
            until = self.network.clock.machine() + joining.OFFER_HOLDS
            file = JoiningFile(
                v=1,
                role=role,
                network=self.network.agency,
                network_url=self.url,
                join_url=join_url,
                authority=self.authority.certificate_pem().decode(),
                keys=(self.network.signing.jwk(),),
                token=await joining.offer(self.network, role, agencies),
                agencies=agencies,
            )
            path = membership.write_file(self.config.data, file)
        log.info("joining-offered", role=role, agencies=len(agencies), file=str(path))
        return Offered(role, agencies, path, join_url, until)

    async def _open_joining(self) -> Listener:
        if self.joining_listener is None:
            doors, context = joining_doors(self.network, self.authority), self.wallet.identity(ROLE).open_context()
            clock, config = self.network.clock, self.config
            self.joining_listener = await listen(doors, context, clock, config.host, config.join_port)
        return self.joining_listener

    def start(self) -> None:
        """Begins to carry on what was left behind, to renew, and to shut the door when nobody is to join any more."""
        sweeping = partial(network_sweeping.keep_sweeping, self.network)
        forgetting = partial(network_lists.keep_forgetting, self.network)
        self.background.start(sweeping, forgetting, self._keep_renewing, self._watch_door)

    async def _keep_renewing(self) -> None:
        while True:
            await asyncio.sleep(membership.RENEWAL_SECONDS)
            if self.wallet.identity(ROLE).needs_renewal(self.network.clock.machine()):
                self.wallet.replace({ROLE: joining.own_identity(self.network, self.authority)})

    async def _watch_door(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            try:
                await self.shut_joining()
            except Problem as problem:
                log.warning("joining-not-shut", problem=problem.slug)

    async def shut_joining(self) -> None:
        """Closes the door for those without a certificate as soon as nobody may come through it."""
        async with self.door:
            if self.joining_listener is None or await joining.open_offers(self.network):
                return
            listener, self.joining_listener = self.joining_listener, None
            await listener.close()
            membership.remove_files(self.config.data)

    async def close(self) -> None:
        await self.background.close()
        for listener in (self.joining_listener, self.listener):
            if listener is not None:
                await listener.close()
        await self.network.close()
        await self.lines.close()
        await self.network.db.close()


async def build_apart_network(config: Config, clock: Clock, founder: AgencyCode) -> ApartNetwork:
    """The network's process: parties can reach it when this returns. What it publishes is for the caller to seed."""
    networks: list[Network] = []
    doors: list[RemoteIntermediary] = []

    def endpoint(agency: AgencyCode) -> str:
        entry = networks[0].published.directory.find(agency)
        return "" if entry is None else entry.endpoint

    network = await build_network(await open_party(config, Role.NETWORK), clock, founder, lambda _: doors[0])
    networks.append(network)
    authority = await joining.open_authority(network)
    wallet = Wallet({ROLE: joining.own_identity(network, authority)})
    lines = Lines(wallet, clock, connections=NETWORK_CONNECTIONS)
    doors.append(RemoteIntermediary(lines.of(), endpoint))
    listener = await listen(network_doors(network, authority), wallet.server(), clock, config.host, config.party_port)
    return ApartNetwork(config, network, authority, wallet, lines, listener)


async def _member(config: Config, opened: Opened, role: JoiningRole, clock: Clock) -> Membership:
    try:
        return await membership.enter(config, opened.ring, role, clock)
    except BaseException:
        await opened.db.close()
        raise


# --- the residents' party -----------------------------------------------------------------------------------------


@dataclass
class ApartResidents:
    """The residents' party's process."""

    residents: Residents
    clock: Clock
    member: Membership
    board: RemoteBoard
    lines: Lines
    listener: Listener
    background: _Background = field(default_factory=_Background)

    @property
    def url(self) -> str:
        """Where agencies reach it."""
        return self.listener.url

    def start(self) -> None:
        """Begins to follow the world's clock and to renew."""
        renewing = partial(membership.keep_renewing, self.member, self.board, self.clock)
        self.background.start(partial(_keep_following, self.clock, self.board), renewing)

    async def close(self) -> None:
        await self.background.close()
        await self.listener.close()
        await self.lines.close()
        await self.board.line.close()
        await self.residents.db.close()


async def apart_residents(config: Config, clock: Clock) -> ApartResidents:
    """The residents' party's process; it joins with ``config.join`` where it has not yet."""
    opened = await open_party(config, Role.RESIDENTS)
    member = await _member(config, opened, joining.RESIDENTS, clock)
    board = RemoteBoard(Line(member.wallet.client(ROLE), clock), member.network_peer)
    follow = follow_board(clock, board)
    lines = Lines(member.wallet, clock, follow)
    residents = await build_residents(opened, lambda: RemoteIssuing(lines.of(), member.network_peer))
    doors = residents_doors(residents, clock, follow)
    listener = await listen(doors, member.wallet.server(), clock, config.host, config.party_port)
    await follow()
    return ApartResidents(residents, clock, member, board, lines, listener)


async def _keep_following(clock: Clock, board: RemoteBoard) -> None:
    follow = follow_board(clock, board)
    while True:
        await follow()
        await asyncio.sleep(publications.PULSE_SECONDS)


# --- an intermediary server ---------------------------------------------------------------------------------------


@dataclass
class ApartIntermediary:
    """An intermediary server's process."""

    server: Intermediary
    member: Membership
    board: RemoteBoard
    lines: Lines
    listener: Listener
    background: _Background = field(default_factory=_Background)

    @property
    def url(self) -> str:
        """Where the network reaches it."""
        return self.listener.url

    async def take_up(self) -> bool:
        """Serves its agencies, makes their keys and this endpoint known, fetches what is published.

        False where the network could not be reached: then it serves by what it held last, if anything. An agency that
        the last joining file did not name is served here, and reaches nobody.
        """
        self.server.agencies |= self.member.agencies
        try:
            await publications.serve_agencies(self.server, self.member.named)
            await publications.refresh(self.server, self.member.keys)
        except Problem as problem:
            log.warning("network-not-reached", problem=problem.slug)
            return False
        return True

    def start(self) -> None:
        """Begins to fetch publications, to carry on what was left behind, and to renew."""
        renewing = partial(membership.keep_renewing, self.member, self.board, self.server.clock)
        sweeping = partial(intermediary_sweeping.keep_sweeping, self.server)
        forgetting = partial(server_lists.keep_forgetting, self.server)
        self.background.start(self._keep_fetching, sweeping, forgetting, renewing)

    async def _keep_fetching(self) -> None:
        while True:
            if await self.take_up():
                await publications.keep_fetching(self.server)
            await asyncio.sleep(publications.PULSE_SECONDS)

    async def close(self) -> None:
        await self.background.close()
        await self.listener.close()
        await self.server.close()
        await self.lines.close()
        await self.board.line.close()
        await self.server.db.close()


async def apart_intermediary(config: Config, clock: Clock, connections: int = AGENCY_CONNECTIONS) -> ApartIntermediary:
    """An intermediary server's process; it joins with ``config.join`` where it has not yet."""
    opened = await open_party(config, Role.INTERMEDIARY)
    member = await _member(config, opened, joining.INTERMEDIARY, clock)
    board = RemoteBoard(Line(member.wallet.client(ROLE), clock), member.network_peer)
    lines = Lines(member.wallet, clock, follow_board(clock, board), connections)
    residents = Peer(config.residents_url, role_host(joining.RESIDENTS))
    server = build_intermediary(
        opened,
        clock,
        board,
        lambda agency: RemoteNetwork(lines.of(agency), member.network_peer),
        lambda agency: RemoteResidents(lines.of(agency), residents),
        endpoint="",
    )
    listener = await listen(intermediary_doors(server), member.wallet.server(), clock, config.host, config.party_port)
    server.endpoint = listener.url
    await publications.restore(server, member.keys)
    apart = ApartIntermediary(server, member, board, lines, listener)
    await apart.take_up()
    return apart
