"""Accounts on a real PostgreSQL: an intermediary's database, two invented agencies, and times that a test chooses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from authz import sessions, staff
from authz.duties import Duty
from authz.operations import Actor, Logged, Moment, Search, at_the_machine
from authz.operations.store import search
from authz.principals import StaffPrincipal
from authz.sessions import DoorKeys, LoggedIn, LoginRefused
from authz.staff import Credential, NewAccount
from authz.terminals import Place
from gateway.database import Database
from gateway.interfaces.house import KeyBox
from sympho.codes import AgencyCode

CITY = AgencyCode("0200399999100000")
TOWN = AgencyCode("0200399999200000")
WORLD = datetime(2024, 4, 1, 0, 0, tzinfo=UTC)
MACHINE = datetime(2026, 7, 1, 0, 0, tzinfo=UTC)
DESK = "192.0.2.7"
WRONG = "a-wrong-password"
KEYS = DoorKeys(KeyBox(b"b" * 32), b"d" * 32)

INQUIRER = frozenset({Duty.INQUIRE})
MANAGER = frozenset({Duty.MANAGE_STAFF})


def at(seconds: float = 0) -> Moment:
    """So many seconds of machine time after the tests begin; world time stands."""
    return Moment(WORLD, MACHINE + timedelta(seconds=seconds))


def clerk(login: str = "suzuki", duties: frozenset[Duty] = INQUIRER, *, must_change: bool = False) -> NewAccount:
    return NewAccount(login, "鈴木 見本", "健康推進課", duties, must_change=must_change)


async def entered(db: Database, new: NewAccount, agency: AgencyCode = CITY) -> Credential:
    async with db.transaction() as conn:
        return await staff.create_account(conn, at_the_machine(agency), new, at())


async def attempted(
    db: Database,
    login: str,
    password: str,
    now: Moment,
    place: Place | None = None,
    *,
    agency: AgencyCode = CITY,
    code: str = "",
) -> LoggedIn | LoginRefused:
    """A login with all that can be shown at the door."""
    return await sessions.login(db, KEYS, agency, login, password, place or Place(DESK, DESK), now, code)


async def tried(
    db: Database, login: str, password: str, now: Moment, terminal: str = DESK, agency: AgencyCode = CITY
) -> StaffPrincipal | LoginRefused:
    """A login from a terminal of that name and address, where nothing else is shown."""
    opened = await attempted(db, login, password, now, Place(terminal, terminal), agency=agency)
    return opened if isinstance(opened, LoginRefused) else opened.principal


async def logged_in(db: Database, who: Credential, seconds: float = 0, terminal: str = DESK) -> StaffPrincipal:
    principal = await tried(db, who.login, who.password, at(seconds), terminal, who.agency)
    assert isinstance(principal, StaffPrincipal)
    return principal


async def manager(db: Database, agency: AgencyCode = CITY) -> Actor:
    return (await logged_in(db, await entered(db, clerk("manager", MANAGER), agency))).actor


async def the_log(db: Database, agency: AgencyCode = CITY, wanted: Search | None = None) -> tuple[Logged, ...]:
    async with db.transaction() as conn:
        return await search(conn, agency, wanted or Search())


async def words(db: Database, name: str) -> list[tuple[str, str]]:
    """Outcome and reason of each entry of this name, oldest first."""
    entries = await the_log(db, wanted=Search(name=name, limit=500))
    return [(one.operation.outcome.value, one.operation.reason) for one in reversed(entries)]
