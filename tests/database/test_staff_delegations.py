"""Delegations on a real database: who may exercise what until when, and who is whose second person."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from authz import delegations, sessions, staff
from authz.delegations import NewDelegation
from authz.duties import Duty
from authz.operations import Actor
from authz.staff import Charge, Conditions, Credential, StaffFault, StaffRefused
from gateway.config import Role
from gateway.database import Database
from sympho.codes import TaskCode
from tests.conftest import DatabaseFor
from tests.database.staff_room import CITY, MACHINE, TOWN, at, clerk, entered, logged_in, manager, the_log

HOUR = timedelta(hours=1)
BOTH = frozenset({Duty.REVIEW, Duty.RELEASE})
NONE: frozenset[Duty] = frozenset()


@pytest.fixture
async def db(database_for: DatabaseFor) -> Database:
    return await database_for(Role.INTERMEDIARY)


async def lent(
    db: Database, by: Actor, one: Credential, other: Credential, duty: Duty, *, hours: float = 1, begins: float = 0
) -> str:
    new = NewDelegation(one.staff_id, other.staff_id, duty, MACHINE + hours * HOUR, MACHINE + begins * HOUR)
    async with db.transaction() as conn:
        made, _ = await delegations.make(conn, by, new, at())
    return made.delegation_id


async def refused(db: Database, by: Actor, new: NewDelegation) -> StaffFault:
    with pytest.raises(StaffRefused) as why:
        async with db.transaction() as conn:
            await delegations.make(conn, by, new, at())
    return why.value.fault


async def one_person_with(db: Database, who: Credential, seconds: float = 0) -> frozenset[str]:
    async with db.transaction() as conn:
        return await delegations.one_person_with(conn, CITY, who.staff_id, at(seconds).machine)


async def test_a_deputy_has_the_duty_from_the_next_login_until_its_end_and_no_token_outlives_it(db: Database) -> None:
    by = await manager(db)
    one, other = await entered(db, clerk(duties=BOTH)), await entered(db, clerk("tanaka", frozenset({Duty.REVIEW})))
    before = await logged_in(db, other)
    new = NewDelegation(one.staff_id, other.staff_id, Duty.RELEASE, MACHINE + HOUR)
    async with db.transaction() as conn:
        _, ended = await delegations.make(conn, by, new, at())
    assert ended == (before.session,)
    holder = await logged_in(db, other, 1)
    assert (holder.duties, holder.expires) == (BOTH, MACHINE + HOUR)
    later = await logged_in(db, other, 3600)
    assert (later.duties, later.expires) == (frozenset({Duty.REVIEW}), at(3600).machine + 8 * HOUR)


async def test_a_delegation_that_is_to_come_is_nothing_yet_and_one_that_was_ended_nothing_more(db: Database) -> None:
    by = await manager(db)
    one, other = await entered(db, clerk(duties=BOTH)), await entered(db, clerk("tanaka", frozenset()))
    made = await lent(db, by, one, other, Duty.RELEASE, begins=1, hours=2)
    assert (await logged_in(db, other)).duties == frozenset()
    holder = await logged_in(db, other, 3600)
    assert holder.duties == {Duty.RELEASE}
    async with db.transaction() as conn:
        assert holder.session in await delegations.end(conn, by, made, at(3601))
        with pytest.raises(StaffRefused):
            await sessions.renew(conn, holder, at(3602))
    assert (await logged_in(db, other, 3603)).duties == frozenset()


async def test_a_deputy_asks_for_no_task_that_the_delegators_may_not_ask_for(db: Database) -> None:
    by = await manager(db)
    first, second, third = (TaskCode(f"JM9000000000000{n}") for n in (1, 2, 3))
    inquire = frozenset({Duty.INQUIRE})
    one = await entered(db, replace(clerk(duties=inquire), tasks=frozenset({first})))
    two = await entered(db, replace(clerk("sato", inquire), tasks=frozenset({first, second})))
    other = await entered(db, clerk("tanaka", NONE))
    bound = await entered(db, replace(clerk("kato", NONE), tasks=frozenset({second, third})))
    asking = await entered(db, replace(clerk("ito", inquire), tasks=frozenset({third})))
    for deputy in (other, asking):
        await lent(db, by, one, deputy, Duty.INQUIRE)
    for deputy in (other, bound):
        await lent(db, by, two, deputy, Duty.INQUIRE, hours=0.5)
    assert (await logged_in(db, other)).tasks == frozenset({first, second})
    assert (await logged_in(db, other, 1800)).tasks == frozenset({first})
    assert (await logged_in(db, bound)).tasks == frozenset({second})
    assert (await logged_in(db, asking)).tasks == frozenset({third})


async def test_a_delegation_is_void_while_the_delegator_lacks_the_duty_or_the_account_is_closed(db: Database) -> None:
    by = await manager(db)
    one, other = await entered(db, clerk(duties=BOTH)), await entered(db, clerk("tanaka", frozenset()))
    await lent(db, by, one, other, Duty.RELEASE)
    holder = await logged_in(db, other)
    async with db.transaction() as conn:
        assert holder.session in await staff.disable(conn, by, one.staff_id, at(1))
    assert (await logged_in(db, other, 2)).duties == frozenset()
    async with db.transaction() as conn:
        await staff.enable(conn, by, one.staff_id, at(3))
    holder = await logged_in(db, other, 4)
    assert holder.duties == {Duty.RELEASE}
    async with db.transaction() as conn:
        assert holder.session in await staff.assign(conn, by, one.staff_id, Charge("x", frozenset()), at(5))
    assert (await logged_in(db, other, 6)).duties == frozenset()


async def test_no_duty_is_delegated_that_is_not_ones_own_to_oneself_or_across_agencies(db: Database) -> None:
    by, abroad = await manager(db), await entered(db, clerk(duties=BOTH), TOWN)
    one, other, third = [await entered(db, clerk(name, BOTH if name == "a1" else NONE)) for name in ("a1", "b1", "c1")]
    await lent(db, by, one, other, Duty.RELEASE)
    until = MACHINE + HOUR
    for new, fault in (
        (NewDelegation(other.staff_id, third.staff_id, Duty.RELEASE, until), StaffFault.FIELD_MALFORMED),
        (NewDelegation(one.staff_id, one.staff_id, Duty.RELEASE, until), StaffFault.FIELD_MALFORMED),
        (NewDelegation(one.staff_id, abroad.staff_id, Duty.RELEASE, until), StaffFault.UNKNOWN_ACCOUNT),
        (NewDelegation(abroad.staff_id, one.staff_id, Duty.RELEASE, until), StaffFault.UNKNOWN_ACCOUNT),
        (NewDelegation(one.staff_id, by.person, Duty.RELEASE, until), StaffFault.OWN_ACCOUNT),
        (NewDelegation(by.person, one.staff_id, Duty.MANAGE_STAFF, until), StaffFault.OWN_ACCOUNT),
        (NewDelegation(one.staff_id, other.staff_id, Duty.RELEASE, MACHINE), StaffFault.FIELD_MALFORMED),
        (NewDelegation(one.staff_id, other.staff_id, Duty.RELEASE, MACHINE + 9000 * HOUR), StaffFault.FIELD_MALFORMED),
    ):
        assert await refused(db, by, new) is fault


async def test_forbidden_pairs_hold_over_own_and_delegated_duties_together_on_every_way(db: Database) -> None:
    by = await manager(db)
    auditor = await entered(db, clerk("auditor", frozenset({Duty.AUDIT})))
    reviewer = await entered(db, clerk(duties=BOTH))
    nobody = await entered(db, clerk("tanaka", frozenset()))
    until = MACHINE + HOUR
    new = NewDelegation(reviewer.staff_id, auditor.staff_id, Duty.REVIEW, until)
    assert await refused(db, by, new) is StaffFault.DUTIES_CONFLICT
    await lent(db, by, auditor, nobody, Duty.AUDIT, begins=0.5)
    new = NewDelegation(reviewer.staff_id, nobody.staff_id, Duty.REVIEW, until)
    assert await refused(db, by, new) is StaffFault.DUTIES_CONFLICT
    with pytest.raises(StaffRefused) as why:
        async with db.transaction() as conn:
            await staff.assign(conn, by, nobody.staff_id, Charge("x", BOTH), at())
    assert why.value.fault is StaffFault.DUTIES_CONFLICT


async def test_a_deputy_is_no_second_person_for_whom_it_stands_and_the_other_way_round(db: Database) -> None:
    by = await manager(db)
    one, other = await entered(db, clerk(duties=BOTH)), await entered(db, clerk("tanaka", frozenset()))
    await lent(db, by, one, other, Duty.RELEASE)
    assert await one_person_with(db, other) == {one.staff_id}
    assert await one_person_with(db, other, 3600) == frozenset()
    assert await one_person_with(db, one) == frozenset()
    await lent(db, by, one, other, Duty.REVIEW)
    assert await one_person_with(db, one, 3600) == {other.staff_id}


async def test_two_deputies_of_one_person_are_not_the_first_and_the_second_person(db: Database) -> None:
    by = await manager(db)
    one = await entered(db, clerk(duties=BOTH))
    first, second = [await entered(db, clerk(name, NONE)) for name in ("tanaka", "sato")]
    await lent(db, by, one, first, Duty.REVIEW, hours=0.5)
    await lent(db, by, one, second, Duty.RELEASE)
    assert await one_person_with(db, second, 1801) == {one.staff_id, first.staff_id}


async def test_two_who_hold_the_duty_themselves_stay_two_people_whatever_is_delegated(db: Database) -> None:
    by = await manager(db)
    one, other = await entered(db, clerk(duties=BOTH)), await entered(db, clerk("tanaka", BOTH))
    for duty in BOTH:
        await lent(db, by, one, other, duty)
    assert await one_person_with(db, one) == await one_person_with(db, other) == frozenset()


async def test_a_delegation_ends_with_the_delegators_account(db: Database) -> None:
    by = await manager(db)
    one, other = await entered(db, clerk(duties=BOTH)), await entered(db, clerk("tanaka", frozenset()))
    await lent(db, by, one, other, Duty.RELEASE, hours=5)
    async with db.transaction() as conn:
        await staff.set_conditions(conn, by, one.staff_id, Conditions(valid_until=MACHINE + 2 * HOUR), at())
    assert (await logged_in(db, other)).expires == MACHINE + 2 * HOUR


async def test_making_and_ending_a_delegation_is_in_the_log_of_all_whom_it_is_about(db: Database) -> None:
    by = await manager(db)
    one, other = await entered(db, clerk(duties=BOTH)), await entered(db, clerk("tanaka", frozenset()))
    made = await lent(db, by, one, other, Duty.RELEASE)
    async with db.transaction() as conn:
        await delegations.end(conn, by, made, at(1))
    entries = [one.operation for one in await the_log(db) if one.operation.name.startswith("delegation.")]
    assert [(entry.name, entry.about) for entry in reversed(entries)] == [
        ("delegation.make", made),
        ("delegation.make", one.staff_id),
        ("delegation.make", other.staff_id),
        ("delegation.end", made),
    ]
    assert {entry.actor for entry in entries} == {by}
