"""Makes the tables of a measured server large (行の水増し), where only their size matters.

Rows are made by SQL from real rows of the same shape: another exchange number, another person, another blind index, and
all else as it was. They have the size and the indexes of real ones and are found by nobody. Signatures and seals of
theirs do not hold, so a server that was enlarged is not judged afterwards: it is judged before.
"""

from __future__ import annotations

from pathlib import Path

from loadtest import bare

__all__ = ["add_codes", "add_records", "counted"]

CHUNK = 50_000

RECORDS = (
    """
WITH pattern AS (SELECT row_number() OVER () - 1 AS k, t FROM intermediary.inquiry AS t LIMIT 300)
INSERT INTO intermediary.inquiry
SELECT made.* FROM generate_series($1::bigint, $2::bigint) AS n
JOIN pattern AS p ON p.k = n % (SELECT count(*) FROM pattern)
CROSS JOIN LATERAL jsonb_populate_record(p.t, jsonb_build_object(
    'txn', uuidv7(n * '0 s'::interval), 'idempotency_key', 'bench-' || n)) AS made
""",
    """
WITH pattern AS (SELECT row_number() OVER () - 1 AS k, t FROM network.exchange AS t LIMIT 300)
INSERT INTO network.exchange
SELECT made.* FROM generate_series($1::bigint, $2::bigint) AS n
JOIN pattern AS p ON p.k = n % (SELECT count(*) FROM pattern)
CROSS JOIN LATERAL jsonb_populate_record(p.t, jsonb_build_object('txn', uuidv7(n * '0 s'::interval))) AS made
""",
    """
WITH pattern AS (SELECT row_number() OVER () - 1 AS k, t FROM intermediary.provision AS t LIMIT 300)
INSERT INTO intermediary.provision
SELECT made.* FROM generate_series($1::bigint, $2::bigint) AS n
JOIN pattern AS p ON p.k = n % (SELECT count(*) FROM pattern)
CROSS JOIN LATERAL jsonb_populate_record(p.t, jsonb_build_object('txn', uuidv7(n * '0 s'::interval))) AS made
""",
    """
WITH pattern AS (SELECT row_number() OVER () - 1 AS k, t FROM network.record AS t LIMIT 300)
INSERT INTO network.record
SELECT made.* FROM generate_series($1::bigint, $2::bigint) AS n
JOIN pattern AS p ON p.k = n % (SELECT count(*) FROM pattern)
CROSS JOIN LATERAL jsonb_populate_record(p.t, jsonb_build_object('txn', uuidv7(n * '0 s'::interval))) AS made
""",
    """
WITH pattern AS (SELECT row_number() OVER () - 1 AS k, t FROM intermediary.record AS t LIMIT 300)
INSERT INTO intermediary.record
SELECT made.* FROM generate_series(2 * $1::bigint, 2 * $2::bigint + 1) AS n
JOIN pattern AS p ON p.k = n % (SELECT count(*) FROM pattern)
CROSS JOIN LATERAL jsonb_populate_record(p.t, jsonb_build_object('txn', uuidv7(n * '0 s'::interval))) AS made
""",
)
"""For each exchange: inquiry, exchange, provision, the network's record, and the records of inquirer and provider."""

CODES = (
    """
WITH pattern AS (SELECT row_number() OVER () - 1 AS k, t FROM registry.unified_person AS t LIMIT 300)
INSERT INTO registry.unified_person
SELECT made.* FROM generate_series($1::bigint, $2::bigint) AS n
JOIN pattern AS p ON p.k = n % (SELECT count(*) FROM pattern)
CROSS JOIN LATERAL jsonb_populate_record(p.t, jsonb_build_object(
    'unified', 900000000000000 + n, 'individual_blind', '\\x' || encode(sha256(('i' || n)::bytea), 'hex'))) AS made
""",
    """
WITH pattern AS (SELECT row_number() OVER () - 1 AS k, t FROM registry.unified_person AS t LIMIT 300),
    link AS (SELECT t FROM registry.addressee_link AS t LIMIT 1)
INSERT INTO registry.addressee_link
SELECT made.* FROM generate_series($1::bigint, $2::bigint) AS n
JOIN pattern AS p ON p.k = n % (SELECT count(*) FROM pattern)
CROSS JOIN link
CROSS JOIN LATERAL jsonb_populate_record(link.t, jsonb_build_object(
    'agency', (p.t).agency, 'unified', 900000000000000 + n, 'addressee', 'X' || n)) AS made
""",
    """
WITH pattern AS (SELECT row_number() OVER () - 1 AS k, t FROM registry.unified_person AS t LIMIT 300),
    held AS (SELECT t FROM registry.held_code AS t LIMIT 1)
INSERT INTO registry.held_code
SELECT made.* FROM generate_series($1::bigint, $2::bigint) AS n
JOIN pattern AS p ON p.k = n % (SELECT count(*) FROM pattern)
CROSS JOIN held
CROSS JOIN LATERAL jsonb_populate_record(held.t, jsonb_build_object(
    'agency', (p.t).agency, 'unified', 900000000000000 + n,
    'code_blind', '\\x' || encode(sha256(('c' || n)::bytea), 'hex'))) AS made
""",
    """
WITH pattern AS (SELECT row_number() OVER () - 1 AS k, t FROM issuing.issued_code AS t LIMIT 300)
INSERT INTO issuing.issued_code
SELECT made.* FROM generate_series($1::bigint, $2::bigint) AS n
JOIN pattern AS p ON p.k = n % (SELECT count(*) FROM pattern)
CROSS JOIN LATERAL jsonb_populate_record(p.t, jsonb_build_object(
    'person_key', '\\x' || md5('p' || n), 'code_blind', '\\x' || encode(sha256(('c' || n)::bytea), 'hex'))) AS made
""",
    """
WITH pattern AS (SELECT t FROM intermediary.duplicate AS t LIMIT 1),
    person AS (SELECT row_number() OVER () - 1 AS k, t FROM registry.unified_person AS t LIMIT 300)
INSERT INTO intermediary.duplicate
SELECT made.* FROM generate_series($1::bigint, $2::bigint) AS n
JOIN person AS p ON p.k = n % (SELECT count(*) FROM person)
CROSS JOIN pattern AS d
CROSS JOIN LATERAL jsonb_populate_record(d.t, jsonb_build_object(
    'agency', (p.t).agency, 'unified', 900000000000000 + n)) AS made
""",
)
"""For each code: the person with a link, the code held and issued, and a duplicate."""

SETTLE = ("ANALYZE", "CHECKPOINT")


async def add_records(data: Path, first: int, last: int) -> None:
    """Exchanges from the first number to the last one, with everything that is written of them."""
    await _add(data, RECORDS, first, last)


async def add_codes(data: Path, first: int, last: int) -> None:
    """Persons with codes and a duplicate each, from the first number to the last one."""
    await _add(data, CODES, first, last)


async def _add(data: Path, statements: tuple[str, ...], first: int, last: int) -> None:
    [database] = await _databases(data)
    conn = await bare.connect(data, database)
    try:
        for start in range(first, last + 1, CHUNK):
            for statement in statements:
                await conn.execute(statement, start, min(last, start + CHUNK - 1))
        for statement in SETTLE:
            await conn.execute(statement)
    finally:
        await conn.close()


async def _databases(data: Path) -> list[str]:
    conn = await bare.connect(data)
    try:
        return await bare.databases(conn)
    finally:
        await conn.close()


async def counted(data: Path) -> tuple[int, int]:
    """How many codes are held, and how many records are kept at the intermediary server and at the network."""
    [database] = await _databases(data)
    conn = await bare.connect(data, database)
    try:
        row = await conn.fetchrow(COUNT)
        return int(row["codes"]), int(row["records"])
    finally:
        await conn.close()


COUNT = """
SELECT (SELECT count(*) FROM registry.held_code) AS codes,
    (SELECT count(*) FROM intermediary.record) + (SELECT count(*) FROM network.record) AS records
"""
