"""What the network publishes, fetched (SCM マスター更新): verified, remembered, then swapped as a whole.

1. A pulse twice a second tells the clock and the serials; the clock is followed at once.
2. The history of lists is followed to the one in force (``gateway.intermediary.lists``): it says which key signs now.
3. A newer directory is verified under that key, and may only go forward; it names the list in force by its digest.
4. Both are durable, in one transaction, before a decision reads them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog

from authz.decide import Snapshot
from authz.listmanifest import Link, ListRefused
from authz.matchlist import MatchList
from gateway.exchange.directory import BadDirectory, Directory, accept, facts_of, verify_directory
from gateway.exchange.doors import Enrolment, Pulse
from gateway.exchange.jws import JwsRefused, VerifyingKey
from gateway.intermediary import lists
from gateway.intermediary.party import Held, Intermediary
from gateway.intermediary.store import held as store
from gateway.keys.ring import HOLDER_KEYS
from gateway.problems import Problem
from sympho.codes import AgencyCode
from sympho.linkage import Purpose

PULSE_SECONDS = 0.5
PURPOSES = (*HOLDER_KEYS, *(purpose.value for purpose in Purpose), "duplicate", "subject", "subject-blind")
"""Every key that an agency has at its server."""

log = structlog.get_logger()


async def restore(server: Intermediary, trusted: Mapping[str, VerifyingKey]) -> bool:
    """At start: the publications as they were last held. ``trusted`` are the network's keys from joining it."""
    async with server.db.connection() as conn:
        signed = await store.read_directory(conn)
        latest = await lists.kept(conn, trusted)
    if signed is None or latest is None:
        return False
    link, compiled = latest
    directory = verify_directory(signed, lists.signing_key(link))
    if link.serial != directory.list:
        return False
    _hold(server, directory, link, compiled)
    return True


async def served_before(server: Intermediary) -> set[AgencyCode]:
    """The agencies that this server has served until now."""
    async with server.db.connection() as conn:
        return {AgencyCode(code) for code in await store.served_agencies(conn)}


async def serve_agencies(server: Intermediary, agencies: set[AgencyCode]) -> None:
    """Makes the keys of the agencies that this server serves and makes the public ones known to the network."""
    await server.ring.ensure(agencies, PURPOSES)
    async with server.db.transaction() as conn:
        await store.serve_agencies(conn, sorted(agencies))
    server.agencies |= agencies
    await server.board.enrol(
        tuple(
            Enrolment(
                agency=agency,
                endpoint=server.endpoint,
                signing=server.ring.signing(agency).jwk(),
                sealing=server.ring.sealing(agency).public().to_text(),
            )
            for agency in sorted(agencies)
        )
    )


async def catch_up(server: Intermediary, serial: int) -> bool:
    """Fetches what is newer; whether a list of at least this serial is held now. Whoever cannot be reached is waited
    for."""
    try:
        await refresh(server)
    except Problem as problem:
        log.warning("publications-not-fetched", problem=problem.slug)
    return server.holds_list(serial)


async def refresh(server: Intermediary, trusted: Mapping[str, VerifyingKey] | None = None) -> None:
    """One pulse: follows the clock and fetches a directory or list that is newer than the one held."""
    pulse = await _pulse(server)
    if _is_held(server, pulse):
        return
    async with server.fetching:
        while not _is_held(server, pulse):
            await _taken(server, pulse, trusted or {})
            pulse = await _pulse(server)


async def _pulse(server: Intermediary) -> Pulse:
    pulse = await server.board.pulse()
    server.clock.follow(pulse.clock)
    return pulse


def _is_held(server: Intermediary, pulse: Pulse) -> bool:
    return server.publications is not None and server.publications.directory.serial >= pulse.directory


async def _taken(server: Intermediary, pulse: Pulse, trusted: Mapping[str, VerifyingKey]) -> None:
    try:
        await _take(server, pulse.list, trusted)
    except ListRefused as refused:
        fault = f"list-{refused.fault}"
    except (JwsRefused, BadDirectory) as bad:
        fault = bad.code
    else:
        server.refused = None
        return
    now = await _pulse(server)
    if now.list != pulse.list:
        return  # a list was published between two of the questions: their answers need not fit together
    await lists.drop_strays(server)
    raise await _refused(server, fault, pulse.directory)


async def _take(server: Intermediary, serial: int, trusted: Mapping[str, VerifyingKey]) -> None:
    held = server.publications
    fresh = await lists.follow(server, held.link if held else None, serial, trusted)
    link = fresh[-1] if fresh else held.link if held else None
    if link is None:
        raise Problem("directory-stale", "nothing is published yet")
    signed = await server.board.directory()
    directory = verify_directory(signed, lists.signing_key(link))
    accepted = accept(held.directory if held else None, directory)
    if not accepted.taken:
        raise BadDirectory(f"directory-{accepted.value}")
    if (directory.list, directory.list_d) != (link.serial, link.candidate.list_d):
        raise BadDirectory("directory-of-another-list")
    fetched = await lists.fetch(server, fresh) if fresh else None
    async with server.db.transaction() as conn:
        if fetched is not None:
            await lists.keep(conn, server, fetched)
        await store.insert_directory(conn, directory.serial, signed, server.clock.now())
    _hold(server, directory, link, fetched.compiled if fetched else server.held.snapshot.list)


async def _refused(server: Intermediary, fault: str, serial: int) -> Problem:
    """Alarms what was refused, once for each edition, and makes the problem of whoever waits for it."""
    if server.refused != (serial, fault):
        async with server.db.transaction() as conn:
            await store.insert_alarm(conn, server.clock.now(), "", "publication", fault, None)
        log.error("publication-refused", fault=fault)
        server.refused = (serial, fault)
    return Problem("list-stale", fault)


def _hold(server: Intermediary, directory: Directory, link: Link, compiled: MatchList) -> None:
    snapshot = Snapshot(compiled, facts_of(directory, compiled.close_kinds), compiled.items)
    server.publications = Held(directory, snapshot, directory.verifying, directory.network_verifying, link)


async def keep_fetching(server: Intermediary) -> None:
    """Runs until it is cancelled. Without the network the last publications stay in force until it is back."""
    while True:
        try:
            await refresh(server)
        except (OSError, Problem) as trouble:
            log.warning("pulse-failed", trouble=getattr(trouble, "slug", type(trouble).__name__))
        await asyncio.sleep(PULSE_SECONDS)
