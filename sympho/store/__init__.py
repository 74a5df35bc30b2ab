"""The statements of code management, one room a schema side: ``issuing`` (network), ``registry``, ``addressees``
(agency).

Every function holds one statement and takes sequences of rows. Table names are unqualified: the connection's search
path decides the schema. The functions expect READ COMMITTED, PostgreSQL's default: an ``ON CONFLICT DO NOTHING`` that
waited for another transaction is followed by a statement that must see what the other one has written. Rows are locked
in one order (person, unified number or blind index, ascending), so that two batches wait for each other instead of
killing each other.
"""

from __future__ import annotations

from typing import TypeAlias

import asyncpg

Connection: TypeAlias = asyncpg.Connection
