"""Login on a real database: sessions, the lockout that parallel guesses cannot slip through, and what is recorded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from authz import sessions, staff
from authz.operations import Actor, Moment
from authz.principals import StaffPrincipal
from authz.sessions import LoginFault, LoginRefused
from authz.staff import StaffFault, StaffRefused
from authz.store import Connection
from authz.terminals import Place
from gateway.config import Role
from gateway.database import Database
from tests.conftest import DatabaseFor
from tests.database.staff_room import (
    CITY,
    DESK,
    INQUIRER,
    KEYS,
    MACHINE,
    TOWN,
    WORLD,
    WRONG,
    at,
    clerk,
    entered,
    logged_in,
    manager,
    the_log,
    tried,
    words,
)

CREDENTIALS = LoginRefused(LoginFault.CREDENTIALS)


@pytest.fixture
async def db(database_for: DatabaseFor) -> Database:
    return await database_for(Role.INTERMEDIARY)


async def test_the_right_password_begins_a_session_of_eight_hours(db: Database) -> None:
    who = await entered(db, clerk())
    principal = await logged_in(db, who)
    assert (principal.agency, principal.staff_id, principal.office) == (CITY, who.staff_id, "健康推進課")
    assert (principal.duties, principal.tasks, principal.terminal) == (INQUIRER, None, DESK)
    assert principal.expires == MACHINE + timedelta(hours=8)


async def test_a_login_name_is_the_same_from_every_keyboard(db: Database) -> None:
    who = await entered(db, clerk("suzuki"))
    assert isinstance(await tried(db, " ＳＵＺＵＫＩ ", who.password, at()), StaffPrincipal)


async def test_wrong_password_unknown_name_and_disabled_account_look_alike_outside(db: Database) -> None:
    by = await manager(db)
    who = await entered(db, clerk())
    assert await tried(db, "suzuki", WRONG, at()) == CREDENTIALS
    assert await tried(db, "nobody", WRONG, at()) == CREDENTIALS
    async with db.transaction() as conn:
        await staff.disable(conn, by, who.staff_id, at())
    assert await tried(db, "suzuki", who.password, at()) == CREDENTIALS
    reasons = [reason for _, reason in await words(db, "login")]
    assert reasons == ["", "wrong-password", "unknown-account", "account-disabled"]


async def test_an_account_opens_nothing_at_another_agency(db: Database) -> None:
    who = await entered(db, clerk())
    assert await tried(db, who.login, who.password, at(), agency=TOWN) == CREDENTIALS


async def test_every_login_failure_and_logout_is_recorded_with_person_terminal_and_time(db: Database) -> None:
    who = await entered(db, clerk())
    await tried(db, "suzuki", WRONG, at())
    principal = await logged_in(db, who, 1)
    async with db.transaction() as conn:
        await sessions.logout(conn, principal, at(2))
    logout, login, failure, _ = [one.operation for one in await the_log(db)]
    assert [one.name for one in (failure, login, logout)] == ["login", "login", "logout"]
    assert {one.actor.person for one in (failure, login, logout)} == {who.staff_id}
    assert {one.actor.terminal for one in (failure, login, logout)} == {DESK}
    assert [one.actor.session for one in (failure, login, logout)] == ["", principal.session, principal.session]
    assert [one.at for one in (failure, login, logout)] == [at(), at(1), at(2)]


async def test_what_was_typed_stands_nowhere_in_the_log(db: Database) -> None:
    who = await entered(db, clerk())
    for name, password in (("123456789018", "secret-of-somebody"), ("suzuki", "123456789018"), ("suzuki", WRONG)):
        await tried(db, name, password, at(), terminal="123456789018")
    await tried(db, "suzuki", who.password, at())
    text = repr(await the_log(db))
    for typed in ("123456789018", "secret-of-somebody", WRONG, who.password, "suzuki", "鈴木"):
        assert typed not in text


async def test_the_fifth_failure_closes_the_account_even_for_the_right_password(db: Database) -> None:
    who = await entered(db, clerk())
    for _ in range(5):
        assert await tried(db, "suzuki", WRONG, at()) == CREDENTIALS
    assert await tried(db, "suzuki", who.password, at(0.9)) == LoginRefused(LoginFault.LOCKED, 1)
    assert isinstance(await tried(db, "suzuki", who.password, at(1)), StaffPrincipal)


async def test_a_name_that_nobody_has_is_closed_in_the_same_way(db: Database) -> None:
    for _ in range(5):
        assert await tried(db, "nobody", WRONG, at()) == CREDENTIALS
    assert await tried(db, "nobody", WRONG, at()) == LoginRefused(LoginFault.LOCKED, 1)


async def test_each_further_failure_doubles_the_delay_and_asking_while_closed_does_not(db: Database) -> None:
    await entered(db, clerk())
    now, delays = 0.0, []
    for failure in range(1, 17):
        assert await tried(db, "suzuki", WRONG, at(now)) == CREDENTIALS
        if failure >= 5:
            refused, _ = [await tried(db, "suzuki", WRONG, at(now)) for _ in range(2)]
            assert isinstance(refused, LoginRefused)
            delays.append(refused.retry_after)
            now += refused.retry_after
    assert delays == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]


async def test_failures_are_forgiven_after_a_day(db: Database) -> None:
    await entered(db, clerk())
    for _ in range(5):
        await tried(db, "suzuki", WRONG, at())
    tomorrow = 24 * 3600 + 1
    for _ in range(5):
        assert await tried(db, "suzuki", WRONG, at(tomorrow)) == CREDENTIALS


async def test_the_owners_login_does_not_speed_up_a_guesser_at_another_terminal(db: Database) -> None:
    who = await entered(db, clerk())
    for _ in range(5):
        await tried(db, "suzuki", WRONG, at(), terminal="attic")
    await logged_in(db, who, 2)
    assert await tried(db, "suzuki", WRONG, at(2), terminal="attic") == CREDENTIALS
    assert await tried(db, "suzuki", WRONG, at(2), terminal="attic") == LoginRefused(LoginFault.LOCKED, 2)
    assert isinstance(await tried(db, "suzuki", who.password, at(2)), StaffPrincipal)


async def test_of_many_guesses_at_the_same_time_only_five_are_looked_at(db: Database) -> None:
    await entered(db, clerk())
    answers = await asyncio.gather(*(tried(db, "suzuki", f"{WRONG}-{n}", at()) for n in range(24)))
    faults = [one.fault for one in answers if isinstance(one, LoginRefused)]
    assert (faults.count(LoginFault.CREDENTIALS), faults.count(LoginFault.LOCKED)) == (5, 19)
    assert len(await words(db, "login")) == 24


async def test_the_right_password_among_parallel_guesses_clears_only_what_is_its_own(db: Database) -> None:
    who = await entered(db, clerk())
    guesses = (tried(db, "suzuki", WRONG, at(), "attic") for _ in range(3))
    *refused, principal = await asyncio.gather(*guesses, tried(db, "suzuki", who.password, at()))
    assert refused == [CREDENTIALS] * 3
    assert isinstance(principal, StaffPrincipal)


async def test_a_first_password_opens_no_duty_until_it_is_changed(db: Database) -> None:
    who = await entered(db, clerk(must_change=True))
    principal = await logged_in(db, who)
    assert (principal.duties, principal.must_change) == (frozenset(), True)
    await sessions.change_password(db, principal, who.password, "a-longer-password", at(1))
    async with db.transaction() as conn:
        renewed = await sessions.renew(conn, principal, at(2))
    assert (renewed.duties, renewed.must_change, renewed.session) == (INQUIRER, False, principal.session)


@pytest.mark.parametrize(
    ("new", "detail"),
    [("short", "password-too-short"), ("", "password-too-short"), (None, "password-used-before")],
)
async def test_a_new_password_that_breaks_a_rule_changes_nothing(db: Database, new: str | None, detail: str) -> None:
    who = await entered(db, clerk())
    principal = await logged_in(db, who)
    with pytest.raises(StaffRefused) as refused:
        await sessions.change_password(db, principal, who.password, who.password if new is None else new, at())
    assert (refused.value.fault, refused.value.detail) == (StaffFault.RULE_BROKEN, detail)
    await logged_in(db, who, 1)


async def test_a_new_password_takes_over_and_ends_the_other_sessions_alone(db: Database) -> None:
    who = await entered(db, clerk())
    here, there = await logged_in(db, who), await logged_in(db, who, terminal="elsewhere")
    assert await sessions.change_password(db, here, who.password, "a-longer-password", at(1)) == (there.session,)
    assert await tried(db, "suzuki", who.password, at(1)) == CREDENTIALS
    assert isinstance(await tried(db, "suzuki", "a-longer-password", at(1)), StaffPrincipal)
    async with db.transaction() as conn:
        await sessions.renew(conn, here, at(2))
        with pytest.raises(StaffRefused):
            await sessions.renew(conn, there, at(2))


async def test_a_stolen_session_cannot_guess_the_old_password_without_end(db: Database) -> None:
    principal = await logged_in(db, await entered(db, clerk()))
    faults = []
    for _ in range(7):
        with pytest.raises(StaffRefused) as refused:
            await sessions.change_password(db, principal, WRONG, "a-longer-password", at(1))
        faults.append(refused.value.fault)
    assert faults == [StaffFault.OLD_ONE_WRONG] * 5 + [StaffFault.LOCKED] * 2


async def test_a_session_lives_while_it_is_renewed_and_at_most_eight_hours(db: Database) -> None:
    principal = await logged_in(db, await entered(db, clerk()))
    async with db.transaction() as conn:
        for minutes in range(29, 480, 29):
            principal = await sessions.renew(conn, principal, at(minutes * 60))
        assert principal.expires == MACHINE + timedelta(hours=8)
        with pytest.raises(StaffRefused) as refused:
            await sessions.renew(conn, principal, at(8 * 3600))
    assert refused.value.fault is StaffFault.SESSION_OVER


async def test_a_session_that_idles_for_half_an_hour_is_over(db: Database) -> None:
    principal = await logged_in(db, await entered(db, clerk()))
    async with db.transaction() as conn:
        with pytest.raises(StaffRefused):
            await sessions.renew(conn, principal, at(30 * 60))


async def test_a_session_is_renewed_for_its_own_person_and_agency_only(db: Database) -> None:
    one, other = await entered(db, clerk()), await entered(db, clerk("tanaka"))
    mine, theirs = await logged_in(db, one), await logged_in(db, other)
    stolen = StaffPrincipal(CITY, mine.staff_id, mine.office, mine.duties, None, theirs.session, DESK, theirs.expires)
    async with db.transaction() as conn:
        with pytest.raises(StaffRefused):
            await sessions.renew(conn, stolen, at(1))


async def test_after_logout_nothing_is_renewed_and_logging_out_twice_is_no_error(db: Database) -> None:
    principal = await logged_in(db, await entered(db, clerk()))
    async with db.transaction() as conn:
        assert await sessions.logout(conn, principal, at(1)) == (principal.session,)
        await sessions.logout(conn, principal, at(1))
        with pytest.raises(StaffRefused):
            await sessions.renew(conn, principal, at(2))


class Interrupted:
    """The database, with something else happening between a login's two transactions."""

    def __init__(self, db: Database, between: Callable[[], Awaitable[object]]) -> None:
        self._db = db
        self._between = between
        self._opened = 0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        self._opened += 1
        if self._opened == 2:
            await self._between()
        async with self._db.transaction() as conn:
            yield conn


@pytest.mark.parametrize("act", [staff.disable, staff.reset_password])
async def test_a_disabling_or_a_reset_during_a_login_stops_it(
    db: Database, act: Callable[[Connection, Actor, str, Moment], Awaitable[object]]
) -> None:
    by = await manager(db)
    who = await entered(db, clerk())

    async def between() -> None:
        async with db.transaction() as conn:
            await act(conn, by, who.staff_id, at())

    interrupted = Interrupted(db, between)
    assert await sessions.login(interrupted, KEYS, CITY, "suzuki", who.password, Place(DESK, DESK), at()) == CREDENTIALS


async def test_text_that_no_column_takes_is_just_wrong(db: Database) -> None:
    await entered(db, clerk())
    for odd in ("\0", "suzuki\0", "\ud800", "x" * 100_000, "' OR 1=1 --"):
        assert await tried(db, odd, odd, Moment(WORLD, MACHINE), terminal=odd) == CREDENTIALS


async def test_what_has_ended_is_forgotten_and_what_lives_is_not(db: Database) -> None:
    who = await entered(db, clerk())
    old = await logged_in(db, who)
    async with db.transaction() as conn:
        await sessions.logout(conn, old, at(1))
    await tried(db, "nobody", WRONG, at())
    two_days = 2 * 86_400
    principal = await logged_in(db, who, two_days)
    async with db.transaction() as conn:
        await sessions.forget(conn, at(two_days).machine)
        await sessions.renew(conn, principal, at(two_days + 1))
        left = await conn.fetchrow(
            "SELECT (SELECT count(*) FROM session), (SELECT count(*) FROM revocation),"
            " (SELECT count(*) FROM login_guard)"
        )
    assert tuple(left) == (1, 0, 0)
