"""Whom failed logins close out, and whom they cannot: strangers, known devices, registered terminals."""

from __future__ import annotations

import pytest

from authz import sessions, terminals
from authz.sessions import LoggedIn, LoginFault, LoginRefused
from authz.staff import Credential, StaffFault, StaffRefused
from authz.store import Account, lock_account
from authz.terminals import Place
from gateway.config import Role
from gateway.database import Database
from tests.conftest import DatabaseFor
from tests.database.staff_room import CITY, DESK, KEYS, WRONG, at, attempted, clerk, entered, logged_in, manager

CREDENTIALS = LoginRefused(LoginFault.CREDENTIALS)


@pytest.fixture
async def db(database_for: DatabaseFor) -> Database:
    return await database_for(Role.INTERMEDIARY)


async def besieged(db: Database, login: str, seconds: float, many: int = 21) -> None:
    """Strangers from many addresses, each with one wrong password."""
    for n in range(many):
        await attempted(db, login, WRONG, at(seconds), Place("desk", f"198.51.100.{n}"))


async def device_of(db: Database, who: Credential) -> str:
    opened = await attempted(db, who.login, who.password, at())
    assert isinstance(opened, LoggedIn)
    return opened.device


async def test_a_stranger_at_one_address_closes_that_address_and_no_other(db: Database) -> None:
    who = await entered(db, clerk())
    stranger = Place("desk", "198.51.100.1")
    answers = [await attempted(db, "suzuki", WRONG, at(), stranger) for _ in range(30)]
    faults = [one.fault for one in answers if isinstance(one, LoginRefused)]
    assert (faults.count(LoginFault.CREDENTIALS), faults.count(LoginFault.LOCKED)) == (5, 25)
    assert isinstance(await attempted(db, "suzuki", who.password, at()), LoggedIn)


async def test_a_crowd_closes_the_account_to_strangers_for_a_minute_at_most(db: Database) -> None:
    who = await entered(db, clerk())
    await besieged(db, "suzuki", 0)
    seconds, delays = 0, []
    for _ in range(8):
        refused = await attempted(db, "suzuki", who.password, at(seconds))
        assert isinstance(refused, LoginRefused)
        delays.append(refused.retry_after)
        seconds += refused.retry_after
        await besieged(db, "suzuki", seconds, 1)
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60]
    assert isinstance(await attempted(db, "suzuki", who.password, at(seconds + 60)), LoggedIn)


async def test_whoever_has_been_let_in_from_a_device_is_let_in_there_through_any_siege(db: Database) -> None:
    who = await entered(db, clerk())
    device = await device_of(db, who)
    await besieged(db, "suzuki", 1)
    assert isinstance(await attempted(db, "suzuki", who.password, at(1), Place("desk", DESK)), LoginRefused)
    known = Place("desk", "198.51.100.1", device=device)
    assert isinstance(await attempted(db, "suzuki", who.password, at(1), known), LoggedIn)


async def test_a_registered_terminal_is_let_in_through_any_siege(db: Database) -> None:
    by = await manager(db)
    who = await entered(db, clerk())
    async with db.transaction() as conn:
        made = await terminals.register(conn, by, "窓口 1", at())
    await besieged(db, "suzuki", 1)
    place = Place("x", "198.51.100.1", made.key)
    assert isinstance(await attempted(db, "suzuki", who.password, at(1), place), LoggedIn)


async def test_a_stolen_device_token_guesses_no_faster_than_anybody(db: Database) -> None:
    who = await entered(db, clerk())
    stolen = Place("desk", DESK, device=await device_of(db, who))
    for n in range(5):
        assert await attempted(db, "suzuki", f"{WRONG}-{n}", at(1), stolen) == CREDENTIALS
    assert await attempted(db, "suzuki", who.password, at(1), stolen) == LoginRefused(LoginFault.LOCKED, 1)
    assert isinstance(await attempted(db, "suzuki", who.password, at(1)), LoggedIn)


@pytest.mark.parametrize("forgery", ["another account", "another agency", "altered", "long", "a former password"])
async def test_a_device_token_is_worth_something_for_its_account_and_password_alone(db: Database, forgery: str) -> None:
    who = await entered(db, clerk())
    device = await device_of(db, who)
    login, password = "suzuki", who.password
    if forgery == "another account":
        login, password = "tanaka", (await entered(db, clerk("tanaka"))).password
    if forgery == "altered":
        device = device[:-1] + ("0" if device[-1] != "0" else "1")
    if forgery == "long":
        device = device * 40
    if forgery == "a former password":
        holder = await logged_in(db, who)
        password = "a-longer-password"
        await sessions.change_password(db, holder, who.password, password, at(1))
    if forgery == "another agency":
        device = terminals.new_device(b"x" * 32, await _account(db, who))
    await besieged(db, login, 1)
    shown = await attempted(db, login, password, at(1), Place("desk", DESK, device=device))
    assert isinstance(shown, LoginRefused)
    assert shown.fault is LoginFault.LOCKED


async def _account(db: Database, who: Credential) -> Account:
    async with db.transaction() as conn:
        account = await lock_account(conn, CITY, who.staff_id)
    assert account is not None
    return account


async def test_a_stolen_session_guesses_passwords_no_faster_and_closes_nobody_out(db: Database) -> None:
    who = await entered(db, clerk())
    holder = await logged_in(db, who)
    faults = []
    for _ in range(7):
        with pytest.raises(StaffRefused) as refused:
            await sessions.reauthenticate(db, KEYS, holder, WRONG, "", at(1))
        faults.append(refused.value.fault)
    assert faults == [StaffFault.OLD_ONE_WRONG] * 5 + [StaffFault.LOCKED] * 2
    assert isinstance(await attempted(db, "suzuki", who.password, at(1)), LoggedIn)


async def test_showing_the_password_again_makes_the_next_tokens_recent_and_nothing_else_does(db: Database) -> None:
    who = await entered(db, clerk())
    holder = await logged_in(db, who)
    async with db.transaction() as conn:
        renewed = await sessions.renew(conn, holder, at(900))
    assert renewed.authenticated_at == holder.authenticated_at == at().machine
    again = await sessions.reauthenticate(db, KEYS, renewed, who.password, "", at(901))
    assert (again.authenticated_at, again.session) == (at(901).machine, holder.session)
    async with db.transaction() as conn:
        assert (await sessions.renew(conn, again, at(950))).authenticated_at == at(901).machine
