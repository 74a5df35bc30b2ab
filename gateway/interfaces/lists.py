"""照合リストの公布と履歴 (SCM): lists are signed, published and looked back on; who approves registers a key.

Approving itself is no operation: a person approves a file with a key that no server has. Staff of the network's
operator see what the network has published, everybody else what their own server holds.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, TypeVar

from msgspec import Meta, Struct

from authz.duties import Duty
from authz.listmanifest import Head, ListRefused, Manifest, PublicKey
from gateway.exchange.jws import holder_of, unverified_kid, unverified_payload
from gateway.exchange.listing import LIMIT, read_candidate
from gateway.exchange.messages import decode
from gateway.interfaces.house import House
from gateway.interfaces.operation import AnyOperation, Call, Operation, Reply
from gateway.interfaces.words import BY_STAFF, Aware, in_tokyo
from gateway.intermediary.store import lists as held_lists
from gateway.intermediary.store.lists import TakenRow
from gateway.network import lists, publishing
from gateway.network.lists.store import PublishedRow
from gateway.network.party import Network
from gateway.problems import Conflict, FieldError, Problem

__all__ = ["network_operations", "operations"]

BODY = 32 * 1024 * 1024
MOST_ERRORS = 20
DOCUMENT = "application/jsonl"
R = TypeVar("R")

Document = Annotated[str, Meta(max_length=16 * 1024 * 1024)]
Approval = Annotated[str, Meta(max_length=2000)]


class SignBody(Struct, frozen=True, forbid_unknown_fields=True):
    """An approved candidate (its JSON, as it was approved), the approvals (JWS) and the list's document."""

    candidate: Annotated[str, Meta(max_length=LIMIT)]
    approvals: Annotated[tuple[Approval, ...], Meta(max_length=10)]
    document: Document


class PublishBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A signed manifest and the list's document."""

    manifest: Annotated[str, Meta(max_length=LIMIT)]
    document: Document


class KeyBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The public half of the key with which the caller will approve; its key id begins with the caller's account."""

    key: PublicKey


class DocumentQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which list."""

    serial: Annotated[int, Meta(ge=1, le=2**31)]


class SignedList(Struct, frozen=True):
    """A manifest, signed by the network."""

    manifest: str


class KeyView(Struct, frozen=True):
    """A public key."""

    key: PublicKey


class ListView(Struct, frozen=True):
    """One list of the history. ``since`` and ``until``: world time in which it was in force here, or held.

    ``kept``: its rows are here; the manifest, which proves the history, always is.
    """

    serial: int
    digest: str
    in_force_from: date
    in_force_until: date | None
    rows: int
    expires_at: Aware
    since: Aware | None
    until: Aware | None
    kept: bool
    signed_with: str
    announces: str | None
    approved_by: tuple[str, ...]
    manifest: str


class ListsView(Struct, frozen=True, omit_defaults=True):
    """The history from the first list on. ``head``: what the next list has to follow, at the network alone."""

    lists: tuple[ListView, ...]
    head: Head | None = None


def operations(house: House) -> list[AnyOperation]:
    """What everybody may look back on, at the own party."""
    anybody = frozenset(Duty) - {Duty.PUBLISH_LISTS}

    async def history(call: Call[None, None]) -> Reply:
        network = _network_of(house, call)
        if network is not None:
            views = tuple(_view(row, row.published_at) for row in await lists.history(network))
            return Reply(body=ListsView(views, await lists.head(network)))
        desk = house.desk_of(call.agency)
        async with desk.db.connection() as conn:
            rows = await held_lists.taken(conn)
        return Reply(body=ListsView(tuple(_view(row, row.taken_at) for row in rows)))

    async def document(call: Call[None, DocumentQuery]) -> Reply:
        network = _network_of(house, call)
        if network is not None:
            return Reply(body=await lists.document(network, call.query.serial))
        async with house.desk_of(call.agency).db.connection() as conn:
            found = await held_lists.document(conn, call.query.serial)
        if found is None:
            raise Problem("not-found", "no list of that serial is kept here")
        return Reply(body=found)

    return [
        Operation(
            name="list-lists", method="GET", path="/lists",
            summary_ja="照合リストの履歴", summary_en="The history of match lists, as this party has it",
            principals=BY_STAFF, duty=Duty.PUBLISH_LISTS, or_duty=anybody,
            responses={200: ListsView}, handler=history, problems=frozenset({"wrong-agency"}),
        ),
        Operation(
            name="show-list", method="GET", path="/lists/document",
            summary_ja="照合リストの本文", summary_en="A match list's canonical document",
            principals=BY_STAFF, duty=Duty.PUBLISH_LISTS, or_duty=anybody, query=DocumentQuery,
            responses={200: bytes}, media=DOCUMENT, handler=document,
            problems=frozenset({"wrong-agency", "not-found"}),
        ),
    ]  # fmt: skip


def network_operations(network: Network) -> list[AnyOperation]:
    """What the operator of the network does about lists."""
    at = _AtNetwork(network)
    refusing = frozenset({"wrong-agency", "list-refused"})
    return [
        Operation(
            name="sign-list", method="POST", path="/lists/signatures",
            summary_ja="承認された照合リストへの署名", summary_en="Have a list signed that two people approved",
            principals=BY_STAFF, duty=Duty.PUBLISH_LISTS, request=SignBody, responses={200: SignedList},
            handler=at.sign, limit=BODY, problems=refusing,
        ),
        Operation(
            name="publish-list", method="POST", path="/lists",
            summary_ja="照合リストの公布", summary_en="Put a signed list in force",
            principals=BY_STAFF, duty=Duty.PUBLISH_LISTS, request=PublishBody, responses={201: ListView},
            handler=at.publish, limit=BODY, problems=refusing,
        ),
        Operation(
            name="prepare-next-key", method="POST", path="/lists/next-key",
            summary_ja="次の署名鍵の用意", summary_en="The network's next key, made if it is not there yet",
            principals=BY_STAFF, duty=Duty.PUBLISH_LISTS, responses={200: KeyView}, handler=at.next_key,
            problems=frozenset({"wrong-agency"}),
        ),
        Operation(
            name="register-approver", method="POST", path="/lists/approvers",
            summary_ja="承認者の鍵の登録", summary_en="Register the key with which the caller approves lists",
            principals=BY_STAFF, duty=Duty.APPROVE_LISTS, request=KeyBody, responses={201: KeyView},
            handler=at.register, problems=refusing | {"conflict"},
        ),
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class _AtNetwork:
    network: Network

    async def sign(self, call: Call[SignBody, None]) -> Reply:
        call.own(self.network.agency)
        body = call.body

        async def signing() -> str:
            document = body.document.encode()
            return await lists.sign(self.network, read_candidate(body.candidate), body.approvals, document)

        return Reply(body=SignedList(await _or_refused(signing)))

    async def publish(self, call: Call[PublishBody, None]) -> Reply:
        call.own(self.network.agency)
        body = call.body
        link = await _or_refused(lambda: publishing.publish_signed(self.network, body.manifest, body.document.encode()))
        row = next(one for one in await lists.history(self.network) if one.serial == link.serial)
        return Reply(201, _view(row, row.published_at))

    async def next_key(self, call: Call[None, None]) -> Reply:
        call.own(self.network.agency)
        return Reply(body=KeyView(await lists.next_key(self.network)))

    async def register(self, call: Call[KeyBody, None]) -> Reply:
        call.own(self.network.agency)
        key, account = call.body.key, call.staff.staff_id
        try:
            await _or_refused(lambda: lists.register_approver(self.network, account, key))
        except Conflict:
            raise Problem("conflict", "this key is registered already") from None
        return Reply(201, KeyView(key))


async def _or_refused(act: Callable[[], Awaitable[R]]) -> R:
    """What the act answers, or the problem that names why a list is refused and what exactly is wrong with it."""
    try:
        return await act()
    except ListRefused as refused:
        errors = tuple(
            FieldError(f"$.document line {one.line}" if one.line else "$.document", f"{one.field}: {one.rule}")
            for one in refused.faults[:MOST_ERRORS]
        )
        raise Problem("list-refused", f"{refused.fault}: {refused.fault.ja}", errors=errors) from None


def _network_of(house: House, call: Call[None, R]) -> Network | None:
    """The network, where its operator's staff call and it runs in this process."""
    network = house.network
    return network if network is not None and network.agency == call.agency else None


def _view(row: PublishedRow | TakenRow, since: Aware | None) -> ListView:
    manifest = decode(Manifest, unverified_payload(row.signed, LIMIT))
    candidate = manifest.candidate
    return ListView(
        serial=row.serial,
        digest=candidate.list_d,
        in_force_from=candidate.in_force_from,
        in_force_until=candidate.in_force_until,
        rows=candidate.rows,
        expires_at=candidate.expires_at,
        since=None if since is None else in_tokyo(since),
        until=None if row.superseded_at is None else in_tokyo(row.superseded_at),
        kept=row.kept,
        signed_with=candidate.key.kid,
        announces=None if candidate.next_key is None else candidate.next_key.kid,
        approved_by=tuple(holder_of(unverified_kid(token)) for token in manifest.approvals),
        manifest=row.signed,
    )
