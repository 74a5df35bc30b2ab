"""Second factors (二要素) in PostgreSQL: the sealed secret, the last step that was used, digests of recovery codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from authz.store import Connection
from sympho.codes import AgencyCode


@dataclass(frozen=True, slots=True, repr=False)
class Factor:
    """二要素 of one account; unconfirmed it counts for nothing."""

    sealed: bytes
    last_step: int
    confirmed_at: datetime | None

    def __repr__(self) -> str:
        return "<Factor>"


_FACTOR = """
SELECT sealed, last_step, confirmed_at
FROM second_factor
WHERE agency = $1 AND staff_id = $2
"""


async def factor(conn: Connection, agency: AgencyCode, staff_id: str) -> Factor | None:
    row = await conn.fetchrow(_FACTOR, agency, staff_id)
    return None if row is None else Factor(row["sealed"], row["last_step"], row["confirmed_at"])


_PUT_FACTOR = """
INSERT INTO second_factor (agency, staff_id, sealed, last_step)
VALUES ($1, $2, $3, 0)
ON CONFLICT (agency, staff_id) DO UPDATE SET sealed = EXCLUDED.sealed, last_step = 0
WHERE second_factor.confirmed_at IS NULL
"""


async def put_factor(conn: Connection, agency: AgencyCode, staff_id: str, sealed: bytes) -> None:
    """A secret to be confirmed, instead of an earlier one that never was."""
    await conn.execute(_PUT_FACTOR, agency, staff_id, sealed)


_CONFIRM_FACTOR = """
UPDATE second_factor
SET confirmed_at = $4, last_step = $3
WHERE agency = $1 AND staff_id = $2
"""


async def confirm_factor(conn: Connection, agency: AgencyCode, staff_id: str, step: int, now: datetime) -> None:
    await conn.execute(_CONFIRM_FACTOR, agency, staff_id, step, now)


_USE_STEP = """
UPDATE second_factor
SET last_step = GREATEST(last_step, $3)
WHERE agency = $1 AND staff_id = $2
"""


async def use_step(conn: Connection, agency: AgencyCode, staff_id: str, step: int) -> None:
    """No code of this step or an earlier one is good any more."""
    await conn.execute(_USE_STEP, agency, staff_id, step)


_PUT_RECOVERY_CODES = """
INSERT INTO recovery_code (agency, staff_id, digest)
SELECT $1::text, $2::text, n.digest
FROM UNNEST($3::bytea[]) AS n (digest)
"""


async def put_recovery_codes(conn: Connection, agency: AgencyCode, staff_id: str, digests: Sequence[bytes]) -> None:
    await conn.execute(_PUT_RECOVERY_CODES, agency, staff_id, digests)


_USE_RECOVERY_CODE = """
DELETE FROM recovery_code
WHERE agency = $1 AND staff_id = $2 AND digest = $3
RETURNING true
"""


async def use_recovery_code(conn: Connection, agency: AgencyCode, staff_id: str, digest: bytes) -> bool:
    """Whether the account has this code; it has it no more."""
    return bool(await conn.fetchval(_USE_RECOVERY_CODE, agency, staff_id, digest))


_REMOVE_FACTOR = """
WITH codes AS (DELETE FROM recovery_code WHERE agency = $1 AND staff_id = $2)
DELETE FROM second_factor WHERE agency = $1 AND staff_id = $2
"""


async def remove_factor(conn: Connection, agency: AgencyCode, staff_id: str) -> None:
    await conn.execute(_REMOVE_FACTOR, agency, staff_id)
