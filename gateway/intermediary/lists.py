"""照合リストの受領: the history is followed link by link, parts are fetched, the whole is verified, then taken at once.

1. Every manifest between the held one and the one in force is fetched and must extend the history
   (``gateway.exchange.listing``): a serial never goes back, a fork or a key that nobody announced ends it.
2. Only the newest must be fresh, by machine time.
3. Parts that are not here yet are fetched and kept one by one: a fetch that is broken off goes on where it was.
4. The document that they make must be the list that the manifest describes.

Whatever is refused is alarmed by its name once, and changes nothing; its parts go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import structlog

from authz.listmanifest import Candidate, Link, ListFault, ListRefused, assembled, content, kept_since
from authz.matchlist import MatchList, compile_list, digest
from gateway.database import Connection
from gateway.exchange.jws import VerifyingKey
from gateway.exchange.listing import anchored, extended, key_of
from gateway.intermediary.party import Intermediary
from gateway.intermediary.store import held
from gateway.intermediary.store import lists as store
from gateway.intermediary.store.lists import HeldRow
from gateway.problems import Problem

FORGET_SECONDS = 86_400.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Fetched:
    """A list with the links that lead to it from the one held before."""

    link: Link
    fresh: tuple[Link, ...]
    parts: Mapping[str, bytes]
    compiled: MatchList


async def follow(
    server: Intermediary, held: Link | None, serial: int, trusted: Mapping[str, VerifyingKey]
) -> tuple[Link, ...]:
    """The links after the held one, up to the serial that is in force; none where it is held already."""
    if held is not None and serial < held.serial:
        raise ListRefused(ListFault.SERIAL_LOWER)
    link, fresh = held, []
    for number in range(held.serial + 1 if held else 1, serial + 1):
        link = extended(link, await _manifest(server, number))
        if link.serial != number:
            raise ListRefused(ListFault.SERIAL_LOWER if link.serial < number else ListFault.SERIAL_SKIPPED)
        fresh.append(link)
    if held is None and not anchored(fresh, trusted):
        raise ListRefused(ListFault.WRONG_KEY)
    if fresh and not fresh[-1].candidate.fresh(server.clock.machine()):
        raise ListRefused(ListFault.EXPIRED)
    return tuple(fresh)


async def _manifest(server: Intermediary, serial: int) -> str:
    try:
        return await server.board.manifest(serial)
    except Problem as problem:
        if problem.slug != "not-found":
            raise
    raise ListRefused(ListFault.HALF_DELIVERED)


async def fetch(server: Intermediary, fresh: tuple[Link, ...]) -> Fetched:
    """The list that the last of these links describes: its missing parts are fetched, all are verified, nothing is in
    force yet."""
    candidate = fresh[-1].candidate
    async with server.db.connection() as conn:
        here = await store.parts(conn, [part.digest for part in candidate.parts])
    for part in candidate.parts:
        if part.digest in here:
            continue
        here[part.digest] = await _part(server, part.digest)
        async with server.db.transaction() as conn:
            await store.insert_parts(conn, [(part.digest, here[part.digest])])
    return Fetched(fresh[-1], fresh, here, await asyncio.to_thread(_compiled, candidate, here))


async def _part(server: Intermediary, wanted: str) -> bytes:
    """One part, before it is kept: it is what was signed, or the list is refused."""
    try:
        found = await server.board.list_part(wanted)
    except Problem as problem:
        if problem.slug != "not-found":
            raise
        raise ListRefused(ListFault.HALF_DELIVERED) from None
    if digest(found) != wanted:
        raise ListRefused(ListFault.PART_ALTERED)
    return found


def _compiled(candidate: Candidate, parts: Mapping[str, bytes]) -> MatchList:
    return compile_list(content(candidate, assembled(candidate, parts)), candidate.serial)


def signing_key(link: Link) -> Mapping[str, VerifyingKey]:
    """The one key under which a directory that names this list is signed."""
    return {link.candidate.key.kid: key_of(link.candidate.key)}


async def keep(conn: Connection, server: Intermediary, fetched: Fetched) -> None:
    """Makes the links that were not held durable; the last of them is the list that is taken now."""
    now = server.clock.now()
    last = fetched.link.serial
    rows = [
        HeldRow(one.serial, one.digest, one.candidate.list_d, one.signed, now if one.serial == last else None)
        for one in fetched.fresh
    ]
    await store.insert_manifests(conn, rows)
    await store.insert_parts(conn, list(fetched.parts.items()))
    await store.insert_content(conn, last, [(part.name, part.digest) for part in fetched.link.candidate.parts])


async def kept(conn: Connection, trusted: Mapping[str, VerifyingKey]) -> tuple[Link, MatchList] | None:
    """The history and the list as they were held last, verified anew; None where there is none."""
    history = _links(await store.all_signed(conn))
    if not history:
        return None
    if not anchored(history, trusted):
        raise ListRefused(ListFault.WRONG_KEY)
    last = history[-1]
    document = await store.document(conn, last.serial)
    if document is None:
        return None
    compiled = await asyncio.to_thread(_of_document, last.candidate, document)
    return last, compiled


def _links(signed: Iterable[str]) -> list[Link]:
    history: list[Link] = []
    for one in signed:
        history.append(extended(history[-1] if history else None, one))
    return history


def _of_document(candidate: Candidate, document: bytes) -> MatchList:
    return compile_list(content(candidate, document), candidate.serial)


async def drop_strays(server: Intermediary) -> None:
    """Nothing stays of a list that was refused after parts of it had come."""
    async with server.db.transaction() as conn:
        await store.delete_strays(conn)


# --- forgetting ---------------------------------------------------------------------------------------------------


async def forget_old(server: Intermediary) -> list[int]:
    """Lets go the rows of lists that need not be kept any longer, and former directories; the serials of the lists.
    The history of the lists itself stays."""
    before = kept_since(server.clock.now())
    async with server.db.transaction() as conn:
        await held.delete_directories(conn, before)
        if not await store.any_superseded(conn, before):
            return []
        serials = await store.forgettable(conn, before)
        gone = await store.delete_parts(conn, serials)
    return serials if gone else []


async def keep_forgetting(server: Intermediary) -> None:
    """Runs until it is cancelled."""
    while True:
        try:
            await forget_old(server)
        except (OSError, Problem) as trouble:
            log.warning("lists-not-forgotten", trouble=getattr(trouble, "slug", type(trouble).__name__))
        await asyncio.sleep(FORGET_SECONDS)
