"""The two schemas of code management on a real PostgreSQL, with invented agencies, keys and people."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.resources import files
from types import ModuleType
from typing import Any

from gateway.database import Database
from sympho import addressees, issuer, registry, store
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


def statements(*modules: ModuleType) -> dict[str, str]:
    """The SQL constants of store modules by name."""
    return {
        f"{module.__name__}.{name}": text
        for module in modules
        for name, text in vars(module).items()
        if name.isupper() and isinstance(text, str)
    }


OURS = frozenset(statements(store.issuing, store.registry, store.addressees).values())


@contextmanager
def counted(conn: Connection) -> Iterator[list[str]]:
    """Our own statements that run on a connection; asyncpg's questions about types are not counted."""
    ran: list[str] = []

    def note(query: Any) -> None:
        if query.query in OURS:
            ran.append(query.query)

    with conn.query_logger(note):
        yield ran


def tables(schema: str) -> list[str]:
    """The tables of ``issuing`` or ``registry``."""
    return re.findall(r"CREATE TABLE (\w+)", files("sympho").joinpath(f"{schema}.sql").read_text(encoding="utf-8"))


async def dump(db: Database, schema: str) -> str:
    """Everything that is kept, as text: bytes as hexadecimal digits and as characters."""
    async with db.connection() as conn:
        rows = [row for table in tables(schema) for row in await conn.fetch(f"TABLE {table}")]
    values = [value for row in rows for value in row.values()]
    return "\n".join(f"{v.hex()} {v.decode('latin-1')}" if isinstance(v, bytes) else str(v) for v in values)


# --- what happens between the parties -------------------------------------------------------------------------------


async def number(agencies: Database, agency: AgencyCode, people: Sequence[int]) -> list[UnifiedNumber]:
    """Numbers invented people at an agency, as its health system would."""
    async with agencies.transaction() as conn:
        asked = [(individual(n), HEALTH, addressee(n)) for n in people]
        numbered = await addressees.number(conn, KEYS, agency, asked, NOW)
    return [row.unified for row in numbered if row.unified is not None]


async def open_for(agencies: Database, agency: AgencyCode, unified: Sequence[UnifiedNumber]) -> list[AcquisitionNumber]:
    """Opens acquisitions; the numbers of those that are open now."""
    async with agencies.transaction() as conn:
        opened = await registry.open_acquisitions(conn, KEYS, agency, unified, NOW)
    return [row.number for row in opened if row.number is not None]


async def issue(
    network: Database, agency: AgencyCode, numbers: Sequence[AcquisitionNumber], people: Sequence[int]
) -> list[tuple[AcquisitionNumber, LinkageCode | None, int]]:
    async with network.transaction() as conn:
        asked = [(number, resident(n)) for number, n in zip(numbers, people, strict=True)]
        return await issuer.issue(conn, ISSUER, agency, asked, NOW)


async def bind(
    agencies: Database, agency: AgencyCode, notices: Sequence[tuple[AcquisitionNumber, LinkageCode | None, int]]
) -> list[BindOutcome]:
    async with agencies.transaction() as conn:
        return await registry.bind(conn, KEYS, agency, notices, NOW)


async def confirm(network: Database, agency: AgencyCode, codes: Sequence[LinkageCode]) -> int:
    async with network.transaction() as conn:
        return await issuer.confirm(conn, ISSUER, agency, codes, NOW)


async def acquire(
    network: Database, agencies: Database, agency: AgencyCode, people: Sequence[int], unified: Sequence[UnifiedNumber]
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


async def codes_of(
    agencies: Database, agency: AgencyCode, unified: Sequence[UnifiedNumber]
) -> list[LinkageCode | None]:
    async with agencies.transaction() as conn:
        return await registry.resolve(conn, KEYS, [(agency, person) for person in unified])


async def held_codes(agencies: Database, agency: AgencyCode, unified: Sequence[UnifiedNumber]) -> list[LinkageCode]:
    """The codes of people who must have one."""
    codes = await codes_of(agencies, agency, unified)
    held = [code for code in codes if code is not None]
    assert len(held) == len(unified)
    return held
