"""照合リストの公布: a list is signed only when two people have approved it, and published only behind the one in force.

1. ``head`` says what the next list has to follow; a candidate is drawn up outside (``authz.listmanifest``).
2. Two people approve its bytes with their own keys, which the network has never seen.
3. ``sign`` looks at everything that a receiver will look at, and signs.
4. ``publish`` does so again, makes manifest and parts durable in one transaction and swaps what is in force.

The network's key is rolled over by lists: one announces the next key, a later one is signed by it. Parts of a list that
was superseded seven years ago, by world time, go, unless a record or a permit names the list.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import msgspec
import structlog

from authz.listmanifest import (
    Approver,
    Candidate,
    Delivered,
    Head,
    Link,
    ListFault,
    ListRefused,
    Manifest,
    PublicKey,
    content,
    drawn_up,
    kept_since,
    parts_of,
)
from authz.matchlist import MatchList, compile_list, digest
from gateway.database import Connection
from gateway.exchange import listing
from gateway.exchange.jws import Jwk, SigningKey, unverified_kid
from gateway.exchange.listing import extended, jwk_of, key_of, public
from gateway.keys.ring import KeyMissing
from gateway.network.lists import store
from gateway.network.lists.store import PublishedRow
from gateway.network.party import Network
from gateway.network.store import delete_editions
from gateway.problems import Conflict, Problem

FORGET_SECONDS = 86_400.0
WORLDS_OWN = timedelta(days=3650)
"""How long the list is good, by machine time, with which a world begins: data left alone for years still start."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Read:
    """A list that was looked at whole: its compiled form and its parts."""

    compiled: MatchList
    parts: tuple[Delivered, ...]


# --- signing and publishing ---------------------------------------------------------------------------------------


async def head(network: Network) -> Head:
    """Where the history stands, and who may approve from the next list on."""
    link = await _followed(network)
    async with network.db.connection() as conn:
        approvers = await _approvers(conn, network)
    return Head(
        network=str(network.agency),
        serial=link.serial if link else 0,
        digest=link.digest if link else "",
        key=link.candidate.key if link else public(network.signing),
        announced=link.candidate.next_key if link else None,
        approvers=approvers,
    )


async def sign(network: Network, candidate: Candidate, approvals: Sequence[str], document: bytes) -> str:
    """The signed manifest of an approved candidate; it is in force only once it is published."""
    await _followed(network)
    key = _own_key(network, candidate.key.kid)
    signed = listing.sign(Manifest(1, candidate, tuple(approvals)), network.link, key)
    await _looked_at(network, extended(network.link, signed), document)
    return signed


async def publish(network: Network, signed: str, document: bytes) -> Link:
    """Puts a signed list in force; the one that is in force already stays. ``ListRefused`` changes nothing."""
    held = await _followed(network)
    if held is not None and held.signed == signed:
        return held
    link = extended(held, signed)
    read = await _looked_at(network, link, document)
    key = _own_key(network, link.candidate.key.kid)
    try:
        async with network.db.transaction() as conn:
            now = network.clock.now()
            await store.insert_manifest(conn, link.serial, link.digest, link.candidate.list_d, signed, now)
            await store.insert_parts(conn, [(one.part.digest, one.content) for one in read.parts])
            await store.insert_content(conn, link.serial, [(one.part.name, one.part.digest) for one in read.parts])
    except Conflict:
        raise ListRefused(ListFault.HISTORY_FORKED) from None
    _put_in_force(network, link, key, read.compiled)
    log.info("list-published", serial=link.serial, rows=link.candidate.rows, key=link.candidate.key.kid)
    return link


async def issue(network: Network, document: bytes) -> str:
    """Draws up, has approved and signs a world's own list; what is in force already stays as it is.

    Those who approve are at hand only while a world is being filled in: it brings its list and its approvers' keys.
    """
    if network.link is not None and network.link.candidate.list_d == digest(document):
        return network.link.signed
    known = {one.account for one in (await head(network)).approvers}
    for one in network.at_hand:
        if one.account not in known:
            await register_approver(network, one.account, public(one.key))
    now = network.clock.machine()
    follows = await head(network)
    candidate = drawn_up(follows, document, now, now + WORLDS_OWN, key=follows.key, next_key=None)
    may = {one.key.kid for one in (network.link.candidate if network.link else candidate).approvers}
    approvals = [listing.approve(candidate, one.account, one.key) for one in network.at_hand if one.key.kid in may]
    return await sign(network, candidate, approvals, document)


async def _looked_at(network: Network, link: Link, document: bytes) -> Read:
    """Everything beyond signatures and history: freshness, the approvers as they stand now, the content."""
    candidate = link.candidate
    if not candidate.fresh(network.clock.machine()):
        raise ListRefused(ListFault.EXPIRED)
    async with network.db.connection() as conn:
        standing = await _approvers(conn, network)
    accounts = {one.account for one in standing}
    approving = (network.link or link).candidate.approvers
    by_kid = {one.key.kid: one.account for one in approving}
    if candidate.approvers != standing or not accounts >= _accounts(link, by_kid):
        raise ListRefused(ListFault.UNKNOWN_APPROVER)
    return await asyncio.to_thread(_read, candidate, document)


def _accounts(link: Link, by_kid: dict[str, str]) -> set[str]:
    return {by_kid[unverified_kid(token)] for token in link.manifest.approvals}


def _read(candidate: Candidate, document: bytes) -> Read:
    return Read(compile_list(content(candidate, document), candidate.serial), parts_of(document))


def _put_in_force(network: Network, link: Link, key: SigningKey, compiled: MatchList | None) -> None:
    if network.link is not None and network.link.serial >= link.serial:
        return
    if network.link is not None and network.link.candidate.key != link.candidate.key:
        network.retired = (jwk_of(network.link.candidate.key), *network.retired)
    network.link, network.signing, network.compiled = link, key, compiled


async def follow(network: Network, conn: Connection) -> None:
    """Takes over what was published since the list that is held here: all of it at start, or by another process.

    The history is verified anew, link by link.
    """
    history = await store.signed_after(conn, network.link.serial if network.link else 0)
    if not history:
        return
    link = network.link
    links = [link := extended(link, signed) for signed in history]
    document = await store.document(conn, links[-1].serial)
    if document is None:
        raise RuntimeError("the list in force has no rows")
    await network.ring.read_again()
    compiled = (await asyncio.to_thread(_read, links[-1].candidate, document)).compiled
    for link in links:
        _put_in_force(network, link, _own_key(network, link.candidate.key.kid), compiled)


async def _followed(network: Network) -> Link | None:
    """The last link of the history, also where another process has published it."""
    async with network.db.connection() as conn:
        await follow(network, conn)
    return network.link


# --- keys ---------------------------------------------------------------------------------------------------------


def keys_of(network: Network) -> tuple[Jwk, ...]:
    """The network's keys for the directory: the one that signs, then those before it, then the one announced."""
    announced = network.link.candidate.next_key if network.link else None
    return (network.signing.jwk(), *network.retired, *([jwk_of(announced)] if announced else []))


async def next_key(network: Network) -> PublicKey:
    """The key after the one that signs now, made if nobody has made it yet. A list must announce it before it signs."""
    number = int(network.signing.kid.rpartition("/")[2]) + 1
    kid = f"{network.agency}/{number}"
    scalar = await network.ring.make(_key_name(network, number), lambda: SigningKey.generate(kid).to_bytes())
    return public(SigningKey.from_bytes(kid, scalar))


def _own_key(network: Network, kid: str) -> SigningKey:
    """A key of the network by its id; ``WRONG_KEY`` for one that it does not have."""
    holder, _, number = kid.rpartition("/")
    if holder != network.agency or not number.isdecimal():
        raise ListRefused(ListFault.WRONG_KEY)
    if number == "1":
        return network.ring.signing(network.agency)
    try:
        return SigningKey.from_bytes(kid, network.ring.secret(_key_name(network, int(number))))
    except KeyMissing:
        raise ListRefused(ListFault.WRONG_KEY) from None


def _key_name(network: Network, number: int) -> str:
    return f"{network.agency}:signing-{number}"


# --- approvers ----------------------------------------------------------------------------------------------------


async def register_approver(network: Network, account: str, key: PublicKey) -> None:
    """The key with which this person will approve; the next list names it for those after it.

    A key that anybody has registered is refused: two approvals with one key would be one person's.
    """
    if key.holder != account:
        raise ListRefused(ListFault.UNKNOWN_APPROVER)
    key_of(key)
    async with network.db.transaction() as conn:
        others = [one for one in await _approvers(conn, network) if one.account != account]
        if any(one.key.point == key.point for one in others):
            raise ListRefused(ListFault.SAME_APPROVER)
        await store.insert_approver(conn, account, msgspec.json.encode(key), network.clock.machine())


async def _approvers(conn: Connection, network: Network) -> tuple[Approver, ...]:
    rows = await store.approvers(conn, network.agency)
    return tuple(Approver(account, msgspec.json.decode(key, type=PublicKey)) for account, key in rows)


# --- reading ------------------------------------------------------------------------------------------------------


async def manifest(network: Network, serial: int) -> str:
    """The signed manifest of that serial; the history is never taken back."""
    async with network.db.connection() as conn:
        signed = await store.signed(conn, serial)
    if signed is None:
        raise Problem("not-found")
    return signed


async def part(network: Network, digest: str) -> bytes:
    """A part by its digest, as long as any list that is kept has it."""
    async with network.db.connection() as conn:
        found = await store.part(conn, digest)
    if found is None:
        raise Problem("not-found")
    return found


async def document(network: Network, serial: int) -> bytes:
    """A list's document; ``not-found`` for one whose rows are kept no more."""
    async with network.db.connection() as conn:
        found = await store.document(conn, serial)
    if found is None:
        raise Problem("not-found")
    return found


async def history(network: Network) -> list[PublishedRow]:
    """Every list that was ever published, from the first one on."""
    async with network.db.connection() as conn:
        return await store.published(conn)


# --- forgetting ---------------------------------------------------------------------------------------------------


async def forget_old(network: Network) -> list[int]:
    """Lets go the rows of lists that need not be kept any longer, and former directories; the serials of the lists.
    The history of the lists itself stays."""
    before = kept_since(network.clock.now())
    async with network.db.transaction() as conn:
        await delete_editions(conn, before)
        if not await store.any_superseded(conn, before):
            return []
        serials = await store.forgettable(conn, before)
        gone = await store.delete_parts(conn, serials)
    return serials if gone else []


async def keep_forgetting(network: Network) -> None:
    """Runs until it is cancelled."""
    while True:
        try:
            await forget_old(network)
        except (OSError, Problem) as trouble:
            log.warning("lists-not-forgotten", trouble=getattr(trouble, "slug", type(trouble).__name__))
        await asyncio.sleep(FORGET_SECONDS)
