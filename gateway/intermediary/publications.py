"""What the network publishes, fetched (SCM マスター更新): verified, remembered, then swapped as a whole.

1. A pulse twice a second tells the clock and the serials; the clock is followed at once.
2. A newer directory is verified under the network's key that is held already, and may only go forward.
3. A newer list is taken only if it is the one, by digest, that the directory names; old ones are kept.
4. Both are durable before a decision reads them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog

from authz.decide import Snapshot
from authz.matchlist import MatchList, compile_list, digest, parse
from gateway.exchange.directory import BadDirectory, Directory, accept, facts_of, verify_directory
from gateway.exchange.doors import Enrolment
from gateway.exchange.jws import JwsRefused, VerifyingKey
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
        latest = await store.latest_list(conn)
    if signed is None or latest is None:
        return False
    directory = verify_directory(signed, trusted)
    if latest[0] != directory.list:
        return False
    _hold(server, directory, compile_list(parse(latest[2]), latest[0]))
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
    return server.held.snapshot.list.serial >= serial


async def refresh(server: Intermediary, trusted: Mapping[str, VerifyingKey] | None = None) -> None:
    """One pulse: follows the clock and fetches a directory or list that is newer than the one held."""
    pulse = await server.board.pulse()
    server.clock.follow(pulse.clock)
    current = server.publications
    if current is not None and current.directory.serial >= pulse.directory:
        return
    keys = trusted if current is None else current.network_keys
    directory, signed = await _directory(server, keys or {})
    compiled = await _list(server, directory)
    async with server.db.transaction() as conn:
        await store.replace_directory(conn, directory.serial, signed)
    _hold(server, directory, compiled)


async def _directory(server: Intermediary, keys: Mapping[str, VerifyingKey]) -> tuple[Directory, str]:
    signed = await server.board.directory()
    try:
        directory = verify_directory(signed, keys)
    except (JwsRefused, BadDirectory) as bad:
        raise await _refused(server, bad.code) from None
    accepted = accept(server.publications.directory if server.publications else None, directory)
    if not accepted.taken:
        raise await _refused(server, f"directory-{accepted.value}")
    return directory, signed


async def _list(server: Intermediary, directory: Directory) -> MatchList:
    held = server.publications
    if held is not None and held.snapshot.list.serial == directory.list:
        return held.snapshot.list
    document = await server.board.match_list(directory.list)
    if digest(document) != directory.list_d:
        raise await _refused(server, "list-digest")
    compiled = compile_list(parse(document), directory.list)
    async with server.db.transaction() as conn:
        await store.insert_list(conn, directory.list, directory.list_d, document, server.clock.now())
    return compiled


async def _refused(server: Intermediary, fault: str) -> Problem:
    async with server.db.transaction() as conn:
        await store.insert_alarm(conn, server.clock.now(), "", "publication", fault, None)
    log.error("publication-refused", fault=fault)
    return Problem("list-stale", fault)


def _hold(server: Intermediary, directory: Directory, compiled: MatchList) -> None:
    snapshot = Snapshot(compiled, facts_of(directory, compiled.close_kinds), compiled.items)
    server.publications = Held(directory, snapshot, directory.verifying, directory.network_verifying)


async def keep_fetching(server: Intermediary) -> None:
    """Runs until it is cancelled. Without the network the last publications stay in force until it is back."""
    while True:
        try:
            await refresh(server)
        except (OSError, Problem) as trouble:
            log.warning("pulse-failed", trouble=getattr(trouble, "slug", type(trouble).__name__))
        await asyncio.sleep(PULSE_SECONDS)
