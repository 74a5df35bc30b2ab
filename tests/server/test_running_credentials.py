"""First passwords: durable before the accounts are, the same after a start that was broken off."""

from __future__ import annotations

from pathlib import Path

import pytest

from authz import staff
from authz.operations import Moment
from fixtures.plugin import InventedCountry
from gateway.clock import Clock
from gateway.config import Role
from gateway.running import credentials, passwords, seeding
from gateway.worlds import WorldAccount
from tests.conftest import DatabaseFor


@pytest.fixture(scope="module")
def accounts() -> list[WorldAccount]:
    return list(InventedCountry().accounts())[:3]


def test_passwords_chosen_by_a_start_that_was_broken_off_are_taken_again(
    tmp_path: Path, accounts: list[WorldAccount]
) -> None:
    first = passwords.chosen(tmp_path, accounts)
    second = passwords.chosen(tmp_path, accounts)
    assert [new.password for _, new in first] == [new.password for _, new in second]


def test_parties_apart_that_share_a_folder_share_its_file(tmp_path: Path, accounts: list[WorldAccount]) -> None:
    passwords.chosen(tmp_path, accounts[:1])
    passwords.chosen(tmp_path, accounts[1:])
    file = credentials.read(tmp_path)
    assert file is not None
    assert {one.login for one in file.accounts} == {one.account.login for one in accounts}


def test_a_credential_does_not_print_its_password(tmp_path: Path, accounts: list[WorldAccount]) -> None:
    [(_, new), *_] = passwords.chosen(tmp_path, accounts)
    file = credentials.read(tmp_path)
    assert file is not None
    assert new.password is not None
    assert new.password not in repr(file)


async def test_a_party_counts_as_filled_only_once_its_accounts_are_there(
    tmp_path: Path, database_for: DatabaseFor, accounts: list[WorldAccount]
) -> None:
    db = await database_for(Role.NETWORK)
    agencies = {one.agency for one in accounts}
    clock = Clock()
    assert not await seeding.is_filled(db, agencies)
    made = passwords.chosen(tmp_path, accounts)
    async with db.transaction() as conn:
        await staff.seed_accounts(conn, made, Moment(clock.now(), clock.machine()))
    assert await seeding.is_filled(db, agencies)
