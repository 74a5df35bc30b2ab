"""Accounts follow their world (職員の追従): who was added gets an account and a password, who was removed is closed."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from authz import staff, store
from authz.operations import Moment, at_the_machine
from authz.staff import Charge, normal_login
from gateway.clock import Clock
from gateway.database import Connection, Database
from gateway.running import passwords
from gateway.worlds import Update, WorldAccount
from sympho.codes import AgencyCode

__all__ = ["follow"]


async def follow(db: Database, update: Update, agencies: Collection[AgencyCode], data: Path, clock: Clock) -> None:
    """Makes, changes and closes accounts of these agencies, all in one transaction.

    A person who comes back gets the old account, opened again, with the password that it had.
    """
    now = Moment(clock.now(), clock.machine())
    added = [one for one in update.added if one.agency in agencies]
    async with db.connection() as conn:
        known = [
            one for one in added if await store.account_by_login(conn, one.agency, normal_login(one.account.login))
        ]
    made = passwords.chosen(data, [one for one in added if one not in known])
    async with db.transaction() as conn:
        await staff.seed_accounts(conn, made, now)
        for one in known:
            await _reopened(conn, one, now)
        for one in update.changed:
            if one.agency in agencies:
                await _charged(conn, one, now)
        for agency, login in update.removed:
            account = await store.account_by_login(conn, agency, normal_login(login))
            if agency in agencies and account is not None:
                await staff.disable(conn, at_the_machine(agency), account.staff_id, now)


async def _reopened(conn: Connection, one: WorldAccount, now: Moment) -> None:
    account = await store.account_by_login(conn, one.agency, normal_login(one.account.login))
    if account is None:
        return
    if account.disabled_at is not None:
        await staff.enable(conn, at_the_machine(one.agency), account.staff_id, now)
    await _charged(conn, one, now)


async def _charged(conn: Connection, one: WorldAccount, now: Moment) -> None:
    account = await store.account_by_login(conn, one.agency, normal_login(one.account.login))
    if account is not None:
        charge = Charge(one.account.office, one.account.duties, one.account.tasks, one.account.name)
        await staff.assign(conn, at_the_machine(one.agency), account.staff_id, charge, now)
