"""業務システムの認証: clients of an agency that call without a person (OAuth 2 client credentials, RFC 6749 4.4).

A client's secret is 256 random bits, made here and handed over once, so its plain SHA-256 is kept: guessing is
hopeless and no lockout is needed. What ``authenticate`` returns is a principal to issue a token for; asking again is
the renewal. Tokens of a client carry ``cli_....<generation>`` as their session: disabling a client, or a new secret,
revokes it.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest

from authz.clients import store
from authz.operations import Actor, Moment, Operation, OperationOutcome, terminal_of
from authz.operations.store import record
from authz.principals import SystemPrincipal
from authz.staff import StaffFault, StaffRefused, done, opaque_id
from authz.store import Connection, revoke
from authz.tokens import LIFE
from sympho.codes import AgencyCode, SystemCode, TaskCode

_CLIENT_ID = re.compile(r"cli_[a-z2-7]{26}")


@dataclass(frozen=True, slots=True)
class NewClient:
    """What a client is made from. ``tasks`` None: every task."""

    name: str
    system: SystemCode
    operations: frozenset[str]
    tasks: frozenset[TaskCode] | None = None


@dataclass(frozen=True, slots=True, repr=False)
class ClientCredential:
    """A client's id with its secret, to be handed over once."""

    agency: AgencyCode
    client_id: str
    secret: str

    def __repr__(self) -> str:
        return f"<ClientCredential {self.client_id}>"


async def create_client(conn: Connection, by: Actor, new: NewClient, now: Moment) -> ClientCredential:
    """A client of the actor's own agency."""
    if not 1 <= len(new.name) <= 40 or any(not name or " " in name for name in new.operations):
        raise StaffRefused(StaffFault.FIELD_MALFORMED, "name or operations")
    secret = secrets.token_urlsafe(32)
    client_id = opaque_id("cli")
    client = store.Client(
        by.agency, client_id, new.name, new.system, new.tasks, new.operations, _digest(secret), 1, now.machine, None
    )
    await store.insert_clients(conn, [client])
    await record(conn, [done("client.create", by, now, client_id)])
    return ClientCredential(by.agency, client_id, secret)


async def authenticate(
    conn: Connection, client_id: str, secret: str, terminal: str, now: Moment
) -> SystemPrincipal | None:
    """The principal of a client that knows its secret, for 15 minutes; None for all others, whatever is wrong."""
    client = await store.client(conn, client_id) if _CLIENT_ID.fullmatch(client_id) else None
    if client is None:
        return None
    known = compare_digest(client.secret_digest, _digest(secret))
    session = f"{client_id}.{client.generation}"
    actor = Actor(client.agency, client_id, session, terminal_of(terminal))
    if not known or client.disabled_at is not None:
        reason = "client-disabled" if known else "wrong-secret"
        await record(conn, [Operation(actor, now, "client.login", OperationOutcome.REFUSED, reason=reason)])
        return None
    await record(conn, [done("client.login", actor, now)])
    expires = now.machine + LIFE
    return SystemPrincipal(client.agency, client_id, client.system, client.tasks, client.operations, session, expires)


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
    conn: Connection, by: Actor, client_id: str, now: Moment
) -> tuple[ClientCredential, tuple[str, ...]]:
    """A new secret for a client of the own agency, which opens a closed one; the former tokens are revoked."""
    secret = secrets.token_urlsafe(32)
    generation = await store.replace_secret(conn, by.agency, client_id, _digest(secret))
    if generation is None:
        raise StaffRefused(StaffFault.UNKNOWN_ACCOUNT)
    session = f"{client_id}.{generation - 1}"
    await revoke(conn, by.agency, [session], "password", now.machine)
    await record(conn, [done("client.reset", by, now, client_id)])
    return ClientCredential(by.agency, client_id, secret), (session,)


def _digest(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "replace")).digest()
