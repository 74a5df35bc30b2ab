"""Statements on one-time tokens for joining."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from gateway.database import Connection

WITHDRAW_OFFERS = """
DELETE FROM joining_token WHERE role = $1 AND spent_at IS NULL
"""


async def withdraw_offers(conn: Connection, role: str) -> None:
    """Takes back what was offered to the role and not used."""
    await conn.execute(WITHDRAW_OFFERS, role)


INSERT_OFFER = """
INSERT INTO joining_token (digest, role, agencies, offered_at) VALUES ($1, $2, $3, $4)
"""


async def insert_offer(
    conn: Connection, digest: bytes, role: str, agencies: Sequence[str], offered_at: datetime
) -> None:
    await conn.execute(INSERT_OFFER, digest, role, list(agencies), offered_at)


SPEND = """
UPDATE joining_token SET spent_at = $2
WHERE digest = $1 AND spent_at IS NULL AND offered_at > $3
RETURNING role, agencies
"""


async def spend_token(
    conn: Connection, digest: bytes, spent_at: datetime, offered_after: datetime
) -> tuple[str, list[str]] | None:
    """Uses the token up: whom it lets in and for which agencies, or None where it lets in nobody."""
    row = await conn.fetchrow(SPEND, digest, spent_at, offered_after)
    return (row["role"], row["agencies"]) if row else None


KNOWN_ROLE = """
SELECT role FROM joining_token WHERE digest = $1
"""


async def known_role(conn: Connection, digest: bytes) -> str | None:
    """The role to which this token was offered, used up or not; None for a token that never was."""
    role: str | None = await conn.fetchval(KNOWN_ROLE, digest)
    return role


IS_JOINED = """
SELECT EXISTS (SELECT FROM joining_token WHERE role = $1 AND spent_at IS NOT NULL)
"""


async def is_joined(conn: Connection, role: str) -> bool:
    """Whether somebody has joined in this role."""
    return bool(await conn.fetchval(IS_JOINED, role))


OPEN_OFFERS = """
SELECT role, agencies FROM joining_token WHERE spent_at IS NULL AND offered_at > $1
"""


async def open_offers(conn: Connection, offered_after: datetime) -> list[tuple[str, list[str]]]:
    """Roles that may still join, with the agencies that they may join for."""
    return [(row["role"], row["agencies"]) for row in await conn.fetch(OPEN_OFFERS, offered_after)]
