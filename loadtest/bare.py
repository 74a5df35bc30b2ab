"""The embedded PostgreSQL of a measured server, seen from outside (データベースの観察): what it wrote, what it holds.

For measurements only: the superuser on the socket in the data folder. The one module here that speaks to a database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg

from loadtest.processes import pid_file

__all__ = ["Connection", "Written", "connect", "databases", "written"]

Connection: TypeAlias = asyncpg.Connection

HOW_MUCH = """
SELECT
    pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint AS wal,
    (SELECT sum(xact_commit) FROM pg_stat_database)::bigint AS transactions,
    (SELECT fsyncs FROM pg_stat_io WHERE object = 'wal' AND context = 'normal' AND backend_type = 'client backend')
        AS fsyncs
"""


@dataclass(frozen=True, slots=True)
class Written:
    """Bytes of the write-ahead log, transactions that were committed (reading ones too), and flushes of that log."""

    wal: int
    transactions: int
    fsyncs: int


async def connect(data: Path, database: str = "postgres") -> Connection:
    """A connection as the superuser."""
    folder = pid_file(data).read_text(encoding="utf-8").splitlines()[4]
    return await asyncpg.connect(user="postgres", database=database, host=folder)


async def databases(conn: Connection) -> list[str]:
    """Those that the server made."""
    rows = await conn.fetch("SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'")
    return [str(row["datname"]) for row in rows]


async def written(conn: Connection) -> Written:
    """How much was written so far. Counts of transactions come a second late; ask when it has become quiet."""
    row = await conn.fetchrow(HOW_MUCH)
    return Written(int(row["wal"]), int(row["transactions"]), int(row["fsyncs"] or 0))


async def copied(conn: Connection, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Rows into a table, by COPY."""
    await conn.copy_records_to_table(table, columns=columns, records=rows)
