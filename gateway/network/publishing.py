"""What the network publishes beside the lists: the directory (機関, keys, assessments) and the world's clock.

Every change is a new serial, signed as a whole; what is in force in memory is swapped by one reference. Whatever is
published is durable first. The directory names the list in force (``gateway.network.lists``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

import msgspec
import structlog

from authz.decide import Snapshot
from authz.listmanifest import Link
from gateway.clock import ClockSetting
from gateway.database import Connection
from gateway.exchange.directory import Directory, DirectoryEntry, facts_of, sign_directory, verify_directory
from gateway.exchange.doors import Enrolment, Pulse
from gateway.exchange.jws import key_set
from gateway.exchange.messages import decode, encode
from gateway.network import lists, store
from gateway.network.party import Network, Publication
from gateway.problems import Problem

FOLLOW_SECONDS = 0.4

log = structlog.get_logger()


def pulse(network: Network) -> Pulse:
    """The clock and the serials now in force."""
    directory = network.published.directory
    return Pulse(network.clock.setting, directory.serial, directory.list)


async def publish_list(network: Network, document: bytes) -> int:
    """A world's own list, approved by its approvers who are at hand (``lists.issue``); the serial of the list then in
    force."""
    signed = await lists.issue(network, document)
    return (await publish_signed(network, signed, document)).serial


async def publish_signed(network: Network, signed: str, document: bytes) -> Link:
    """Puts a signed list in force, and a directory that names it. ``ListRefused`` changes nothing."""
    link = await lists.publish(network, signed, document)
    if network.publication is None or network.publication.directory.list != link.serial:
        await republish(network)
    return link


async def register_agencies(network: Network, entries: Sequence[DirectoryEntry]) -> None:
    """Takes agencies into the directory or changes what it says of them; keys and endpoints made known before stay."""
    async with network.db.transaction() as conn:
        held = {entry.code: entry for entry in await _entries(conn)}
        rows = [(entry.code, encode(_with_keys(entry, held.get(entry.code)))) for entry in entries]
        await store.upsert_entries(conn, rows)
    await republish(network)


def _with_keys(entry: DirectoryEntry, held: DirectoryEntry | None) -> DirectoryEntry:
    if held is None:
        return entry
    return msgspec.structs.replace(
        entry, endpoint=held.endpoint, keys=held.keys, sealing=held.sealing, certificates=held.certificates
    )


async def enrol(network: Network, enrolments: Sequence[Enrolment]) -> None:
    """An intermediary server makes its agencies' public keys known; an agency outside the directory is refused."""
    async with network.db.transaction() as conn:
        held = {entry.code: entry for entry in await _entries(conn)}
        changed = []
        for one in enrolments:
            entry = held.get(one.agency)
            if entry is None:
                raise Problem("unknown-code", f"agency {one.agency} is not in the directory")
            enrolled = msgspec.structs.replace(entry, endpoint=one.endpoint, keys=(one.signing,), sealing=one.sealing)
            if enrolled != entry:
                changed.append((entry.code, encode(enrolled)))
        if not changed:
            return
        await store.upsert_entries(conn, changed)
    await republish(network)


async def republish(network: Network) -> None:
    """Signs what the database holds and puts it in force under the next serial; durable first, one at a time."""
    async with network.db.transaction() as conn:
        serial = await store.raise_directory_serial(conn)
        await lists.follow(network, conn)
        entries = await _entries(conn)
        link = network.link
        if link is None:
            return
        directory = Directory(
            v=1,
            serial=serial,
            issued_at=network.clock.now(),
            list=link.serial,
            list_d=link.candidate.list_d,
            network=network.agency,
            network_keys=lists.keys_of(network),
            entries=tuple(sorted(entries, key=lambda entry: entry.code)),
        )
        signed = sign_directory(directory, network.signing)
        await store.insert_edition(conn, serial, signed, directory.issued_at)
    _hold(network, directory, signed)


def _hold(network: Network, directory: Directory, signed: str) -> None:
    """In force from now on, unless a later edition is, or the list that it names is not the one in force."""
    compiled, held = network.compiled, network.publication
    if compiled is None or compiled.serial != directory.list:
        return
    if held is not None and held.directory.serial >= directory.serial:
        return
    snapshot = Snapshot(compiled, facts_of(directory, compiled.close_kinds), compiled.items)
    network.publish(Publication(directory, signed, snapshot, directory.verifying))


async def _entries(conn: Connection) -> list[DirectoryEntry]:
    return [decode(DirectoryEntry, raw) for raw in await store.all_entries(conn)]


async def restore(network: Network) -> bool:
    """At start: the publications as they were left. False where nothing was published yet."""
    async with network.db.connection() as conn:
        await lists.follow(network, conn)
        entries = await store.all_entries(conn)
    if network.link is None or not entries:
        return False
    await follow(network)
    if network.publication is None:  # broken off between a list and the directory that names it
        await republish(network)
    return True


async def follow(network: Network) -> None:
    """Takes over what another process of this network has published, and how it has set the clock."""
    held = network.publication.directory.serial if network.publication else 0
    async with network.db.connection() as conn:
        state = await store.read_state(conn)
        signed = await store.latest_edition(conn, held)
        if signed is not None:
            await lists.follow(network, conn)
    if state is not None:
        network.clock.follow(state[1])
    if signed is not None:
        _hold(network, verify_directory(signed, key_set(lists.keys_of(network))), signed)


async def keep_following(network: Network) -> None:
    """Runs until it is cancelled; a database that is away is waited for."""
    while True:
        try:
            await follow(network)
        except (OSError, Problem) as trouble:
            log.warning("network-not-followed", trouble=getattr(trouble, "slug", type(trouble).__name__))
        await asyncio.sleep(FOLLOW_SECONDS)


async def set_clock(network: Network, at: datetime, *, frozen: bool) -> ClockSetting:
    """Sets the world's clock; durable before any party sees it. Every party follows within a second."""
    return await _keep(network, network.clock.set(at, frozen))


async def resume_clock(network: Network) -> ClockSetting:
    """World time goes with the machine's again: no offset, not frozen."""
    return await _keep(network, network.clock.set(network.clock.machine(), frozen=False))


async def _keep(network: Network, setting: ClockSetting) -> ClockSetting:
    async with network.db.transaction() as conn:
        version = await store.set_clock(conn, setting.offset_us, setting.frozen_at)
    kept = ClockSetting(setting.offset_us, setting.frozen_at, version)
    network.clock.follow(kept)
    return kept
