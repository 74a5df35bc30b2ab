"""Second factors, password history, conditions and rules on a real database."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pyotp
import pytest

from authz import factors, sessions, staff, store, terminals
from authz.duties import Duty
from authz.operations import Actor
from authz.passwords import REMEMBERED
from authz.principals import StaffPrincipal
from authz.sessions import LoggedIn, LoginFault, LoginRefused
from authz.staff import Conditions, Credential, StaffFault, StaffRefused
from authz.store import Rules
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
    at,
    attempted,
    clerk,
    entered,
    logged_in,
    manager,
    the_log,
    tried,
    words,
)

CREDENTIALS = LoginRefused(LoginFault.CREDENTIALS)
SECOND_FACTOR = LoginRefused(LoginFault.SECOND_FACTOR)
BOTH = frozenset({Duty.REVIEW, Duty.RELEASE})


@pytest.fixture
async def db(database_for: DatabaseFor) -> Database:
    return await database_for(Role.INTERMEDIARY)


def code_at(secret: str, seconds: float) -> str:
    return pyotp.TOTP(secret).at(at(seconds).machine)


async def enrolled(db: Database, holder: StaffPrincipal) -> tuple[str, tuple[str, ...]]:
    """The secret and the recovery codes of a second factor, confirmed by the code of the step before."""
    async with db.transaction() as conn:
        made = await factors.enrol(conn, KEYS.box, holder.actor, at())
    async with db.transaction() as conn:
        codes = await sessions.confirm_second_factor(conn, KEYS, holder, code_at(made.secret, -30), at())
    return made.secret, codes


async def with_code(db: Database, who: Credential, code: str, seconds: float) -> LoggedIn | LoginRefused:
    return await attempted(db, who.login, who.password, at(seconds), code=code)


async def test_once_confirmed_the_password_alone_opens_nothing_and_a_code_with_it_does(db: Database) -> None:
    who = await entered(db, clerk())
    secret, _ = await enrolled(db, await logged_in(db, who))
    assert await tried(db, who.login, who.password, at(31)) == SECOND_FACTOR
    assert await with_code(db, who, "000000", 31) == CREDENTIALS
    opened = await with_code(db, who, code_at(secret, 31), 31)
    assert isinstance(opened, LoggedIn)
    reasons = [reason for _, reason in await words(db, "login")]
    assert reasons == ["", "second-factor-required", "wrong-code", ""]


async def test_an_unconfirmed_secret_counts_for_nothing_and_a_wrong_code_confirms_none(db: Database) -> None:
    who = await entered(db, clerk())
    holder = await logged_in(db, who)
    async with db.transaction() as conn:
        await factors.enrol(conn, KEYS.box, holder.actor, at())
    with pytest.raises(StaffRefused) as refused:
        async with db.transaction() as conn:
            await sessions.confirm_second_factor(conn, KEYS, holder, "000000", at())
    assert refused.value.fault is StaffFault.CODE_WRONG
    await logged_in(db, who, 1)


async def test_a_code_is_good_once_and_none_of_an_earlier_step_after_it(db: Database) -> None:
    who = await entered(db, clerk())
    secret, _ = await enrolled(db, await logged_in(db, who))
    code = code_at(secret, 60)
    assert isinstance(await with_code(db, who, code, 60), LoggedIn)
    assert await with_code(db, who, code, 61) == CREDENTIALS
    assert await with_code(db, who, code_at(secret, 30), 61) == CREDENTIALS


async def test_of_many_who_show_one_code_at_the_same_time_one_is_let_in(db: Database) -> None:
    who = await entered(db, clerk())
    secret, _ = await enrolled(db, await logged_in(db, who))
    code = code_at(secret, 60)
    answers = await asyncio.gather(*(with_code(db, who, code, 60) for _ in range(4)))
    assert sum(isinstance(one, LoggedIn) for one in answers) == 1


@pytest.mark.parametrize(("away", "let_in"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
async def test_a_clock_may_be_one_step_off_and_no_more(db: Database, away: int, let_in: bool) -> None:
    who = await entered(db, clerk())
    secret, _ = await enrolled(db, await logged_in(db, who))
    assert isinstance(await with_code(db, who, code_at(secret, 300 + away), 300), LoggedIn) is let_in


async def test_a_recovery_code_stands_in_once_and_is_kept_as_a_digest(db: Database) -> None:
    who = await entered(db, clerk())
    _, codes = await enrolled(db, await logged_in(db, who))
    assert len(set(codes)) == factors.RECOVERY_CODES
    assert all(re.fullmatch(r"[a-z2-7]{4}(-[a-z2-7]{4}){3}", one) for one in codes)
    assert isinstance(await with_code(db, who, codes[3].upper().replace("-", " "), 31), LoggedIn)
    assert await with_code(db, who, codes[3], 32) == CREDENTIALS
    other = await entered(db, clerk("tanaka"))
    await enrolled(db, await logged_in(db, other))
    assert await with_code(db, other, codes[4], 33) == CREDENTIALS


async def test_the_secret_lies_sealed_under_its_owner_and_neither_it_nor_a_code_is_in_the_log(db: Database) -> None:
    who, other = await entered(db, clerk()), await entered(db, clerk("tanaka"))
    secret, codes = await enrolled(db, await logged_in(db, who))
    await enrolled(db, await logged_in(db, other))
    async with db.transaction() as conn:
        kept = bytes(await conn.fetchval("SELECT sealed FROM second_factor WHERE staff_id = $1", who.staff_id))
        assert secret.encode() not in kept
        await conn.execute("UPDATE second_factor SET sealed = $2 WHERE staff_id = $1", other.staff_id, kept)
    with pytest.raises(Exception, match="does not open"):
        await with_code(db, other, code_at(secret, 60), 60)
    assert not [text for text in (secret, *codes) if text in repr(await the_log(db))]


async def test_a_lost_second_factor_is_removed_by_somebody_else_and_ends_the_sessions(db: Database) -> None:
    by = await manager(db)
    who = await entered(db, clerk())
    holder = await logged_in(db, who)
    await enrolled(db, holder)
    async with db.transaction() as conn:
        with pytest.raises(StaffRefused):
            await factors.enrol(conn, KEYS.box, holder.actor, at())
        assert await factors.remove(conn, by, who.staff_id, at()) == (holder.session,)
        with pytest.raises(StaffRefused):
            await factors.remove(conn, by, by.person, at())
    await logged_in(db, who, 31)


async def test_guessed_codes_close_the_place_like_guessed_passwords(db: Database) -> None:
    who = await entered(db, clerk())
    secret, _ = await enrolled(db, await logged_in(db, who))
    for n in range(5):
        assert await with_code(db, who, f"00000{n}", 60) == CREDENTIALS
    assert await with_code(db, who, code_at(secret, 60), 60) == LoginRefused(LoginFault.LOCKED, 1)


async def test_a_new_password_alone_is_no_new_authentication_of_whoever_has_a_second_factor(db: Database) -> None:
    who = await entered(db, clerk())
    holder = await logged_in(db, who)
    await enrolled(db, holder)
    await sessions.change_password(db, holder, who.password, "a-longer-password", at(900))
    async with db.transaction() as conn:
        assert (await sessions.renew(conn, holder, at(901))).authenticated_at == holder.authenticated_at


# --- what an agency demands ---------------------------------------------------------------------------------------


async def demanded(db: Database, by: Actor, rules: Rules) -> None:
    async with db.transaction() as conn:
        await staff.set_rules(conn, by, rules, at())


async def test_a_duty_that_needs_a_second_factor_is_withheld_until_one_is_shown(db: Database) -> None:
    by = await manager(db)
    who = await entered(db, clerk(duties=BOTH))
    await demanded(db, by, Rules(frozenset({Duty.RELEASE})))
    holder = await logged_in(db, who)
    assert (holder.duties, holder.must_enrol) == (frozenset({Duty.REVIEW}), True)
    secret, _ = await enrolled(db, holder)
    async with db.transaction() as conn:
        after = await sessions.renew(conn, holder, at(1))
    assert (after.duties, after.must_enrol) == (BOTH, False)
    opened = await with_code(db, who, code_at(secret, 60), 60)
    assert isinstance(opened, LoggedIn)
    assert opened.principal.duties == BOTH


async def test_a_rule_binds_its_own_agency_alone(db: Database) -> None:
    by = await manager(db)
    await demanded(db, by, Rules(frozenset(Duty), 1))
    abroad = await logged_in(db, await entered(db, clerk(duties=BOTH), TOWN), 3 * 86_400)
    assert (abroad.duties, abroad.must_enrol, abroad.must_change) == (BOTH, False, False)


async def test_an_old_password_opens_nothing_but_its_change_where_the_agency_wants_it_so(db: Database) -> None:
    by = await manager(db)
    who = await entered(db, clerk())
    await demanded(db, by, Rules(password_days=30))
    month = 30 * 86_400
    assert not (await logged_in(db, who, month - 1)).must_change
    holder = await logged_in(db, who, month)
    assert (holder.must_change, holder.duties) == (True, frozenset())
    await sessions.change_password(db, holder, who.password, "a-longer-password", at(month + 1))
    async with db.transaction() as conn:
        assert (await sessions.renew(conn, holder, at(month + 2))).duties == INQUIRER


async def test_none_of_the_last_passwords_comes_back_and_older_ones_may(db: Database) -> None:
    who = await entered(db, clerk())
    holder = await logged_in(db, who)
    used = [who.password, *(f"the-{name}-longer-word" for name in "bcdefghi")]
    assert len(used) == REMEMBERED + 1
    for n, (old, new) in enumerate(pairwise(used)):
        await sessions.change_password(db, holder, old, new, at(n))
    with pytest.raises(StaffRefused) as refused:
        await sessions.change_password(db, holder, used[-1], used[1], at(20))
    assert (refused.value.fault, refused.value.detail) == (StaffFault.RULE_BROKEN, "password-used-before")
    await sessions.change_password(db, holder, used[-1], used[0], at(21))
    async with db.transaction() as conn:
        assert len(await store.former_passwords(conn, CITY, who.staff_id, 100)) == REMEMBERED - 1


# --- when and from where ------------------------------------------------------------------------------------------


async def conditioned(db: Database, by: Actor, who: Credential, wanted: Conditions) -> tuple[str, ...]:
    async with db.transaction() as conn:
        return await staff.set_conditions(conn, by, who.staff_id, wanted, at())


async def test_an_account_opens_at_its_time_and_every_session_ends_with_it(db: Database) -> None:
    by = await manager(db)
    who = await entered(db, clerk())
    hour = timedelta(hours=1)
    before = await logged_in(db, who)
    assert await conditioned(db, by, who, Conditions(MACHINE + hour, MACHINE + 2 * hour)) == (before.session,)
    assert await tried(db, who.login, who.password, at(3599)) == CREDENTIALS
    holder = await logged_in(db, who, 5400)
    assert holder.expires == MACHINE + 2 * hour
    assert await tried(db, who.login, who.password, at(7200)) == CREDENTIALS
    async with db.transaction() as conn:
        with pytest.raises(StaffRefused):
            await sessions.renew(conn, holder, at(7200))


async def test_an_account_can_be_made_with_its_end(db: Database) -> None:
    who = await entered(db, replace(clerk(), valid_until=MACHINE + timedelta(days=1)))
    await logged_in(db, who)
    assert await tried(db, who.login, who.password, at(86_400)) == CREDENTIALS


async def test_an_account_that_is_bound_to_a_terminal_needs_that_terminals_key(db: Database) -> None:
    by = await manager(db)
    who = await entered(db, clerk())
    async with db.transaction() as conn:
        mine, other = [await terminals.register(conn, by, name, at()) for name in ("窓口 1", "窓口 2")]
    await conditioned(db, by, who, Conditions(terminals=frozenset({mine.terminal_id})))
    said = mine.terminal_id
    for place in (Place(said, DESK), Place(said, DESK, other.key), Place(said, DESK, mine.key[:-1] + "x")):
        assert await attempted(db, who.login, who.password, at(), place) == CREDENTIALS
    opened = await attempted(db, who.login, who.password, at(), Place("front desk", DESK, mine.key))
    assert isinstance(opened, LoggedIn)
    assert opened.principal.terminal == mine.terminal_id
    async with db.transaction() as conn:
        assert await terminals.close(conn, by, mine.terminal_id, at(1)) == (opened.principal.session,)
    assert await attempted(db, who.login, who.password, at(2), Place("x", DESK, mine.key)) == CREDENTIALS


async def test_nobody_passes_for_a_registered_terminal_in_the_log_or_uses_another_agencys(db: Database) -> None:
    by, abroad = await manager(db), await manager(db, TOWN)
    who = await entered(db, clerk(), TOWN)
    async with db.transaction() as conn:
        made = await terminals.register(conn, by, "窓口 1", at())
        with pytest.raises(StaffRefused):
            await terminals.close(conn, abroad, made.terminal_id, at())
    place = Place(made.terminal_id, DESK, made.key)
    opened = await attempted(db, who.login, who.password, at(), place, agency=TOWN)
    assert isinstance(opened, LoggedIn)
    assert opened.principal.terminal == "unknown"
