"""The residents' party's statements."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.database import Connection

UPSERT_RESIDENTS = """
INSERT INTO resident AS r (individual_blind, resident_sealed, resident_blind)
SELECT n.individual_blind, n.resident_sealed, n.resident_blind
FROM UNNEST($1::bytea[], $2::bytea[], $3::bytea[]) AS n (individual_blind, resident_sealed, resident_blind)
ON CONFLICT ON CONSTRAINT resident_pk DO UPDATE
SET resident_sealed = EXCLUDED.resident_sealed, resident_blind = EXCLUDED.resident_blind
WHERE r.resident_blind <> EXCLUDED.resident_blind
"""


async def upsert_residents(conn: Connection, rows: Sequence[tuple[bytes, bytes, bytes]]) -> None:
    await conn.execute(UPSERT_RESIDENTS, *zip(*rows, strict=True))


KEEP_FORMER = """
INSERT INTO former_resident_code (resident_blind, individual_blind)
SELECT resident_blind, individual_blind FROM resident WHERE individual_blind = $1
ON CONFLICT ON CONSTRAINT former_resident_code_pk DO NOTHING
"""


async def keep_former(conn: Connection, individual_blind: bytes) -> None:
    """Notes the 住民票コード that a person has had until now."""
    await conn.execute(KEEP_FORMER, individual_blind)


FIND_HOLDERS = """
SELECT resident_blind, individual_blind FROM resident WHERE resident_blind = ANY($1::bytea[])
UNION ALL
SELECT resident_blind, individual_blind FROM former_resident_code WHERE resident_blind = ANY($1::bytea[])
"""


async def find_holders(conn: Connection, blinds: Sequence[bytes]) -> dict[bytes, bytes]:
    """Whose each 住民票コード is, or was, that is known."""
    rows = await conn.fetch(FIND_HOLDERS, list(blinds))
    return {row["resident_blind"]: row["individual_blind"] for row in rows}


FIND_RESIDENTS = """
SELECT individual_blind, resident_sealed FROM resident WHERE individual_blind = ANY($1::bytea[])
"""


async def find_residents(conn: Connection, blinds: Sequence[bytes]) -> dict[bytes, bytes]:
    """The sealed 住民票コード of each 個人番号 that is known."""
    rows = await conn.fetch(FIND_RESIDENTS, list(blinds))
    return {row["individual_blind"]: row["resident_sealed"] for row in rows}
