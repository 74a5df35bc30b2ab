"""What 権限管理 does on a real database: accounts, duties, resets, business systems, and the limits of all that."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from time import perf_counter

import pytest

from authz import sessions, staff
from authz.duties import Duty, conflicts
from authz.operations import Actor, at_the_machine
from authz.principals import StaffPrincipal
from authz.staff import Charge, Credential, NewAccount, StaffFault, StaffRefused
from gateway.config import Role
from gateway.database import Database
from sympho.codes import TaskCode
from tests.conftest import DatabaseFor
from tests.database.staff_room import (
    CITY,
    INQUIRER,
    TOWN,
    WRONG,
    at,
    clerk,
    entered,
    logged_in,
    manager,
    the_log,
    tried,
)

TASKS = frozenset(TaskCode("JM" + n.zfill(TaskCode.digits)) for n in ("16", "17"))


@pytest.fixture
async def db(database_for: DatabaseFor) -> Database:
    return await database_for(Role.INTERMEDIARY)


async def refusal(db: Database, by: Actor, new: NewAccount) -> StaffFault:
    with pytest.raises(StaffRefused) as refused:
        async with db.transaction() as conn:
            await staff.create_account(conn, by, new, at())
    return refused.value.fault


async def assigned(db: Database, by: Actor, staff_id: str, duties: frozenset[Duty]) -> tuple[str, ...]:
    async with db.transaction() as conn:
        return await staff.assign(conn, by, staff_id, Charge("収納課", duties, TASKS), at(1))


async def test_an_account_is_made_with_a_generated_password_that_is_kept_as_a_hash_only(db: Database) -> None:
    who = await entered(db, clerk())
    async with db.transaction() as conn:
        [account] = await staff.list_accounts(conn, CITY)
    assert (account.login, account.name, account.duties) == ("suzuki", "鈴木 見本", INQUIRER)
    assert account.password.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert who.password not in repr(who) + repr(account)
    await logged_in(db, who)


async def test_a_given_password_is_taken_and_must_keep_the_rules(db: Database) -> None:
    given = replace(clerk(), password="a-given-password")
    assert (await entered(db, given)).password == "a-given-password"
    assert await refusal(db, at_the_machine(TOWN), replace(given, password="short")) is StaffFault.RULE_BROKEN


async def test_a_login_name_belongs_to_one_account_of_an_agency_and_to_any_other_agency_too(db: Database) -> None:
    await entered(db, clerk())
    assert await refusal(db, at_the_machine(CITY), clerk("Ｓuzuki")) is StaffFault.LOGIN_TAKEN
    assert (await entered(db, clerk(), TOWN)).agency == TOWN


@pytest.mark.parametrize(
    "new",
    [
        clerk("s"),
        clerk("鈴木"),
        clerk("a b"),
        clerk("123456789018"),
        replace(clerk(), name=""),
        replace(clerk(), name="あ" * 41),
        replace(clerk(), office="課" * 21),
        replace(clerk(), office="\0"),
    ],
)
async def test_fields_that_break_their_form_make_no_account(db: Database, new: NewAccount) -> None:
    assert await refusal(db, at_the_machine(CITY), new) is StaffFault.FIELD_MALFORMED


async def test_no_forbidden_pair_of_duties_can_be_given_on_any_way(db: Database) -> None:
    by = await manager(db)
    who = await entered(db, clerk())
    for pair in combinations(Duty, 2):
        if not conflicts(pair):
            continue
        assert await refusal(db, by, clerk("tanaka", frozenset(pair))) is StaffFault.DUTIES_CONFLICT
        with pytest.raises(StaffRefused) as refused:
            await assigned(db, by, who.staff_id, frozenset(pair))
        assert refused.value.fault is StaffFault.DUTIES_CONFLICT


async def test_the_table_takes_every_duty_that_the_code_knows(db: Database) -> None:
    for n, duty in enumerate(Duty):
        await entered(db, clerk(f"clerk-{n}", frozenset({duty})))
    async with db.transaction() as conn:
        assert {duty for one in await staff.list_accounts(conn, CITY) for duty in one.duties} == set(Duty)


async def test_changed_duties_end_the_sessions_and_hold_from_the_next_login(db: Database) -> None:
    by = await manager(db)
    who = await entered(db, clerk())
    before, both = await logged_in(db, who), frozenset({Duty.REVIEW, Duty.RELEASE})
    assert await assigned(db, by, who.staff_id, both) == (before.session,)
    after = await logged_in(db, who, 2)
    assert (after.duties, after.office, after.tasks) == (both, "収納課", TASKS)
    assert after.may_ask_for(min(TASKS))
    assert not after.may_ask_for(TaskCode("JM" + "9" * TaskCode.digits))


async def test_nobody_changes_closes_or_resets_the_own_account(db: Database) -> None:
    by = await manager(db)
    async with db.transaction() as conn:
        for act in (
            staff.assign(conn, by, by.person, Charge("x", INQUIRER), at()),
            staff.disable(conn, by, by.person, at()),
            staff.enable(conn, by, by.person, at()),
            staff.reset_password(conn, by, by.person, at()),
        ):
            with pytest.raises(StaffRefused) as refused:
                await act
            assert refused.value.fault is StaffFault.OWN_ACCOUNT


async def test_another_agencys_account_does_not_exist_for_a_manager(db: Database) -> None:
    by = await manager(db, TOWN)
    who = await entered(db, clerk())
    async with db.transaction() as conn:
        for act in (
            staff.assign(conn, by, who.staff_id, Charge("x", INQUIRER), at()),
            staff.disable(conn, by, who.staff_id, at()),
            staff.enable(conn, by, who.staff_id, at()),
            staff.reset_password(conn, by, who.staff_id, at()),
            staff.revoke_sessions(conn, by, who.staff_id, at()),
        ):
            with pytest.raises(StaffRefused) as refused:
                await act
            assert refused.value.fault is StaffFault.UNKNOWN_ACCOUNT
        assert [one.login for one in await staff.list_accounts(conn, TOWN)] == ["manager"]


async def test_a_closed_account_has_no_session_and_opens_again(db: Database) -> None:
    by = await manager(db)
    who = await entered(db, clerk())
    principal = await logged_in(db, who)
    async with db.transaction() as conn:
        assert await staff.disable(conn, by, who.staff_id, at(1)) == (principal.session,)
        with pytest.raises(StaffRefused):
            await sessions.renew(conn, principal, at(2))
        await staff.enable(conn, by, who.staff_id, at(3))
        with pytest.raises(StaffRefused):
            await sessions.renew(conn, principal, at(4))
    await logged_in(db, who, 5)


async def test_a_reset_gives_a_first_password_lifts_the_lockout_and_ends_the_sessions(db: Database) -> None:
    by = await manager(db)
    who = await entered(db, clerk())
    principal = await logged_in(db, who)
    for n in range(7):
        await tried(db, "suzuki", WRONG, at(), terminal=f"desk-{n % 2}")
    async with db.transaction() as conn:
        fresh, revoked = await staff.reset_password(conn, by, who.staff_id, at())
    assert revoked == (principal.session,)
    assert (await logged_in(db, fresh)).must_change
    assert not isinstance(await tried(db, "suzuki", who.password, at()), StaffPrincipal)


async def test_revoking_a_persons_sessions_ends_all_of_them_once(db: Database) -> None:
    by = await manager(db)
    who = await entered(db, clerk())
    both = {(await logged_in(db, who)).session, (await logged_in(db, who)).session}
    async with db.transaction() as conn:
        assert set(await staff.revoke_sessions(conn, by, who.staff_id, at(1))) == both
        assert await staff.revoke_sessions(conn, by, who.staff_id, at(2)) == ()


async def test_every_act_on_an_account_is_recorded_with_who_did_it_to_whom(db: Database) -> None:
    by = await manager(db)
    who = await entered(db, clerk())
    async with db.transaction() as conn:
        await staff.assign(conn, by, who.staff_id, Charge("x", INQUIRER), at())
        await staff.reset_password(conn, by, who.staff_id, at())
        await staff.disable(conn, by, who.staff_id, at())
        await staff.enable(conn, by, who.staff_id, at())
        await staff.revoke_sessions(conn, by, who.staff_id, at())
    entries = [one.operation for one in reversed(await the_log(db)) if one.operation.actor.person == by.person][1:]
    assert [one.name for one in entries] == [
        "staff.assign",
        "staff.reset",
        "staff.disable",
        "staff.enable",
        "staff.revoke",
    ]
    assert {(one.about, one.actor) for one in entries} == {(who.staff_id, by)}


async def test_an_act_that_is_undone_is_not_in_the_log(db: Database) -> None:
    by = await manager(db)
    who = await entered(db, clerk())
    before = await the_log(db)
    with pytest.raises(StaffRefused):
        async with db.transaction() as conn:
            await staff.disable(conn, by, who.staff_id, at())
            await staff.disable(conn, by, by.person, at())
    assert await the_log(db) == before
    await logged_in(db, who)


async def test_forty_first_accounts_are_made_within_seconds_and_making_them_again_makes_none(db: Database) -> None:
    specs = [(agency, clerk(f"clerk-{n}")) for agency in (CITY, TOWN) for n in range(20)]
    began = perf_counter()
    async with db.transaction() as conn:
        made = await staff.seed_accounts(conn, specs, at())
    assert perf_counter() - began < 6
    assert [(one.agency, one.login) for one in made] == [(agency, new.login) for agency, new in specs]
    assert len({one.password for one in made}) == 40
    async with db.transaction() as conn:
        assert await staff.seed_accounts(conn, specs, at()) == ()
    await logged_in(db, made[-1])


async def test_a_credential_does_not_print_its_password() -> None:
    assert repr(Credential(CITY, "stf_x", "suzuki", "the-password")) == "<Credential stf_x>"
