"""業務システムの認証: clients of an agency that call without a person (OAuth 2 client credentials, RFC 6749 4.4).

A client's secret is 256 random bits, made here and handed over once, so guessing is hopeless and no lockout is needed.
It is shown (``client_secret``: its plain SHA-256 is kept) or it signs an assertion (``client_secret_jwt``, RFC 7523:
the secret itself is kept, sealed). What ``authenticate`` returns is a principal to issue a token for; asking again is
the renewal. Tokens of a client carry ``cli_....<generation>`` as their session: disabling a client, or a new secret,
revokes it.

A scope may narrow what the client is admitted to: names of operations, and codes of tasks.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest

from authz.assertions import AssertionRefused, by_client, claimed_client
from authz.boxes import Box
from authz.clients import store
from authz.clients.store import Client
from authz.operations import Actor, Moment, Operation, OperationOutcome, terminal_of
from authz.operations.store import record
from authz.principals import SystemPrincipal
from authz.staff import StaffFault, StaffRefused, done, opaque_id
from authz.store import Connection
from authz.store.sessions import revoke, use_assertion
from authz.tokens import LIFE
from sympho.codes import AgencyCode, BadCode, SystemCode, TaskCode

_CLIENT_ID = re.compile(r"cli_[a-z2-7]{26}")
_MOST_SCOPES = 500


class Method(StrEnum):
    """How a client shows who it is."""

    SHOWN = "client_secret"
    SIGNED = "client_secret_jwt"


@dataclass(frozen=True, slots=True)
class NewClient:
    """What a client is made from. ``tasks`` None: every task."""

    name: str
    system: SystemCode
    operations: frozenset[str]
    tasks: frozenset[TaskCode] | None = None
    method: Method = Method.SHOWN


@dataclass(frozen=True, slots=True, repr=False)
class ClientCredential:
    """A client's id with its secret, to be handed over once."""

    agency: AgencyCode
    client_id: str
    secret: str

    def __repr__(self) -> str:
        return f"<ClientCredential {self.client_id}>"


@dataclass(frozen=True, slots=True, repr=False)
class Presented:
    """What a caller presents: an id and a secret, or an assertion that was made for one of ``audiences``."""

    client_id: str
    secret: str = ""
    assertion: str = ""
    audiences: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return "<Presented>"


class ClientFault(StrEnum):
    """Why a client gets no token, in the words of RFC 6749 5.2."""

    CLIENT = "invalid_client"
    SCOPE = "invalid_scope"


def method_of(client: Client) -> Method:
    return Method.SHOWN if client.secret_sealed is None else Method.SIGNED


# --- at the door --------------------------------------------------------------------------------------------------


def named(presented: Presented) -> str:
    """The client that is claimed; empty where none can be meant."""
    claimed = presented.client_id
    if presented.assertion:
        try:
            claimed = claimed_client(presented.assertion)
        except AssertionRefused:
            return ""
        if presented.client_id not in ("", claimed):
            return ""
    return claimed if _CLIENT_ID.fullmatch(claimed) else ""


async def authenticate(
    conn: Connection, box: Box, presented: Presented, scope: str, terminal: str, now: Moment
) -> SystemPrincipal | ClientFault | None:
    """The principal of a client that shows its secret, for 15 minutes; None where there is no such client here."""
    client = await store.client(conn, name) if (name := named(presented)) else None
    if client is None:
        return None
    actor = Actor(client.agency, client.client_id, _session(client, client.generation), terminal_of(terminal))
    reason = await _fault(conn, box, client, presented, now)
    narrowed = None if reason else _narrowed(client, scope)
    if narrowed is None:
        outcome = Operation(actor, now, "client.login", OperationOutcome.REFUSED, reason=reason or "wrong-scope")
        await record(conn, [outcome])
        return ClientFault.CLIENT if reason else ClientFault.SCOPE
    await record(conn, [done("client.login", actor, now)])
    operations, tasks = narrowed
    return SystemPrincipal(
        client.agency, client.client_id, client.system, tasks, operations, actor.session, now.machine + LIFE
    )


async def _fault(conn: Connection, box: Box, client: Client, presented: Presented, now: Moment) -> str:
    """Why what was presented does not show that this is the client; empty where it does."""
    signed = bool(presented.assertion)
    if signed is not (client.secret_sealed is not None):
        return "wrong-method"
    if client.secret_digest is not None and not compare_digest(client.secret_digest, _digest(presented.secret)):
        return "wrong-secret"
    if client.secret_sealed is not None:
        secret = box.open(_sealed_as(client.client_id), client.secret_sealed).decode()
        try:
            used = by_client(presented.assertion, client.client_id, secret, presented.audiences, now.machine)
        except AssertionRefused as refused:
            return f"assertion-{refused.fault.value}"
        if not await use_assertion(conn, client.client_id, used.digest, used.until):
            return "assertion-replayed"
    return "client-disabled" if client.disabled_at is not None else ""


def _narrowed(client: Client, scope: str) -> tuple[frozenset[str], frozenset[TaskCode] | None] | None:
    """Operations and tasks of a scope, which may name fewer than the client has and no others."""
    words = scope.split(" ")[:_MOST_SCOPES] if scope else []
    try:
        tasks = frozenset(TaskCode(word) for word in words if word.startswith("JM"))
    except BadCode:
        return None
    operations = frozenset(word for word in words if not word.startswith("JM"))
    if not operations <= client.operations or (client.tasks is not None and not tasks <= client.tasks):
        return None
    return operations or client.operations, tasks or client.tasks


# --- 権限管理 -------------------------------------------------------------------------------------------------------


async def create_client(conn: Connection, box: Box, by: Actor, new: NewClient, now: Moment) -> ClientCredential:
    """A client of the actor's own agency."""
    if not 1 <= len(new.name) <= 40 or any(not name or " " in name for name in new.operations):
        raise StaffRefused(StaffFault.FIELD_MALFORMED, "name or operations")
    client_id, secret = opaque_id("cli"), secrets.token_urlsafe(32)
    digest, sealed = _kept(box, client_id, secret, new.method)
    made = Client(
        by.agency,
        client_id,
        new.name,
        new.system,
        new.tasks,
        new.operations,
        digest,
        sealed,
        1,
        now.machine,
        None,
    )
    await store.insert_clients(conn, [made])
    await record(conn, [done("client.create", by, now, client_id)])
    return ClientCredential(by.agency, client_id, secret)


async def disable_client(conn: Connection, by: Actor, client_id: str, now: Moment) -> tuple[str, ...]:
    """Closes a client of the own agency and revokes its tokens; the ids that are revoked now."""
    generation = await store.disable_client(conn, by.agency, client_id, now.machine)
    if generation is None:
        raise StaffRefused(StaffFault.UNKNOWN_ACCOUNT)
    session = f"{client_id}.{generation}"
    await revoke(conn, by.agency, [session], "disabled", now.machine)
    await record(conn, [done("client.disable", by, now, client_id)])
    return (session,)


async def replace_secret(
    conn: Connection, box: Box, by: Actor, client_id: str, now: Moment
) -> tuple[ClientCredential, tuple[str, ...]]:
    """A new secret for a client of the own agency, which opens a closed one; the former tokens are revoked."""
    client = await store.client(conn, client_id)
    if client is None or client.agency != by.agency:
        raise StaffRefused(StaffFault.UNKNOWN_ACCOUNT)
    secret = secrets.token_urlsafe(32)
    digest, sealed = _kept(box, client_id, secret, method_of(client))
    generation = await store.replace_secret(conn, by.agency, client_id, digest, sealed)
    session = f"{client_id}.{generation - 1}"
    await revoke(conn, by.agency, [session], "password", now.machine)
    await record(conn, [done("client.reset", by, now, client_id)])
    return ClientCredential(by.agency, client_id, secret), (session,)


# --- parts --------------------------------------------------------------------------------------------------------


def _kept(box: Box, client_id: str, secret: str, method: Method) -> tuple[bytes | None, bytes | None]:
    """What is kept of a secret: its digest, or itself, sealed."""
    if method is Method.SHOWN:
        return _digest(secret), None
    return None, box.seal(_sealed_as(client_id), secret.encode())


def scope_of(operations: Collection[str], tasks: Collection[TaskCode] | None) -> str:
    """Operations and tasks as a scope says them; no task where every one is allowed."""
    return " ".join([*sorted(operations), *sorted(tasks or ())])


def _session(client: Client, generation: int) -> str:
    return f"{client.client_id}.{generation}"


def _sealed_as(client_id: str) -> str:
    return f"client/{client_id}"


def _digest(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "replace")).digest()
