"""Clients of business systems (業務システム) in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from authz.store import Connection
from sympho.codes import AgencyCode, SystemCode, TaskCode


@dataclass(frozen=True, slots=True, repr=False)
class Client:
    """業務システム: one client of one agency. ``tasks`` None: every task. ``generation`` counts its secrets."""

    agency: AgencyCode
    client_id: str
    name: str
    system: SystemCode
    tasks: frozenset[TaskCode] | None
    operations: frozenset[str]
    secret_digest: bytes | None
    secret_sealed: bytes | None
    generation: int
    created_at: datetime
    disabled_at: datetime | None

    def __repr__(self) -> str:
        return f"<Client {self.client_id}>"


_INSERT_CLIENTS = """
INSERT INTO system_client (agency, client_id, name, system_code, tasks, operations, secret_digest, secret_sealed,
                           generation, created_at)
SELECT n.agency, n.client_id, n.name, n.system_code, string_to_array(n.tasks, ' '),
       string_to_array(n.operations, ' '), n.secret_digest, n.secret_sealed, n.generation, n.created_at
FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[], $8::bytea[],
            $9::integer[], $10::timestamptz[])
     AS n (agency, client_id, name, system_code, tasks, operations, secret_digest, secret_sealed, generation,
           created_at)
"""


async def insert_clients(conn: Connection, clients: Sequence[Client]) -> None:
    """A set travels joined, as UNNEST would flatten arrays of arrays."""
    await conn.execute(
        _INSERT_CLIENTS,
        [c.agency for c in clients],
        [c.client_id for c in clients],
        [c.name for c in clients],
        [c.system for c in clients],
        [None if c.tasks is None else " ".join(sorted(c.tasks)) for c in clients],
        [" ".join(sorted(c.operations)) for c in clients],
        [c.secret_digest for c in clients],
        [c.secret_sealed for c in clients],
        [c.generation for c in clients],
        [c.created_at for c in clients],
    )


_CLIENT = """
SELECT agency, client_id, name, system_code, tasks, operations, secret_digest, secret_sealed, generation, created_at,
       disabled_at
FROM system_client
WHERE client_id = $1
"""


async def client(conn: Connection, client_id: str) -> Client | None:
    """A client by its id, which is unique over all agencies: only its secret says that somebody is it."""
    row = await conn.fetchrow(_CLIENT, client_id)
    return None if row is None else _client(row)


_CLIENTS = """
SELECT agency, client_id, name, system_code, tasks, operations, secret_digest, secret_sealed, generation, created_at,
       disabled_at
FROM system_client
WHERE agency = $1
ORDER BY name, client_id
"""


async def clients(conn: Connection, agency: AgencyCode) -> tuple[Client, ...]:
    return tuple(_client(row) for row in await conn.fetch(_CLIENTS, agency))


def _client(row: asyncpg.Record) -> Client:
    return Client(
        AgencyCode(row["agency"]),
        row["client_id"],
        row["name"],
        SystemCode(row["system_code"]),
        None if row["tasks"] is None else frozenset(TaskCode(task) for task in row["tasks"]),
        frozenset(row["operations"]),
        row["secret_digest"],
        row["secret_sealed"],
        row["generation"],
        row["created_at"],
        row["disabled_at"],
    )


_DISABLE_CLIENT = """
UPDATE system_client
SET disabled_at = COALESCE(disabled_at, $3)
WHERE agency = $1 AND client_id = $2
RETURNING generation
"""


async def disable_client(conn: Connection, agency: AgencyCode, client_id: str, now: datetime) -> int | None:
    """The generation whose tokens are to be revoked; None where the agency has no such client."""
    generation: int | None = await conn.fetchval(_DISABLE_CLIENT, agency, client_id, now)
    return generation


_NEXT_GENERATION = """
UPDATE system_client
SET secret_digest = $3, secret_sealed = $4, generation = generation + 1, disabled_at = NULL
WHERE agency = $1 AND client_id = $2
RETURNING generation
"""


async def replace_secret(
    conn: Connection, agency: AgencyCode, client_id: str, digest: bytes | None, sealed: bytes | None
) -> int:
    """The new generation of a client that is there."""
    generation: int = await conn.fetchval(_NEXT_GENERATION, agency, client_id, digest, sealed)
    return generation
