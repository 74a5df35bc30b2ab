"""Keys: made once, wrapped at rest, bound to their names, and worth nothing without the root key."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from gateway.config import Role
from gateway.keys import store
from gateway.keys.ring import HOLDER_KEYS, KeyMissing, KeyRing
from gateway.keys.root import RootKey, RootKeyTrouble, WrongKey
from tests.conftest import DatabaseFor

AGENCY, OTHER = "0220001000020000", "0220001000030000"
PURPOSES = ("duplicate", "subject", *HOLDER_KEYS)


def root() -> RootKey:
    return RootKey(os.urandom(32))


async def test_a_key_is_the_same_after_the_ring_was_opened_again(database_for: DatabaseFor) -> None:
    db, key = await database_for(Role.INTERMEDIARY), root()
    first = await KeyRing.open(db.transaction, key)
    await first.ensure([AGENCY, OTHER], PURPOSES)
    again = await KeyRing.open(db.transaction, key)
    assert again.key(AGENCY, "duplicate") == first.key(AGENCY, "duplicate")
    assert again.signing(AGENCY).jwk() == first.signing(AGENCY).jwk()
    assert again.sealing(AGENCY).to_bytes() == first.sealing(AGENCY).to_bytes()


async def test_no_two_agencies_and_no_two_purposes_share_a_key(key_ring: KeyRing) -> None:
    await key_ring.ensure([AGENCY, OTHER], PURPOSES)
    keys = {key_ring.key(agency, purpose) for agency in (AGENCY, OTHER) for purpose in PURPOSES}
    assert len(keys) == 8


async def test_two_processes_that_make_the_same_keys_at_once_end_with_the_same_keys(database_for: DatabaseFor) -> None:
    db, key = await database_for(Role.INTERMEDIARY), root()
    rings = await asyncio.gather(*(KeyRing.open(db.transaction, key) for _ in range(3)))
    agencies = [f"{n:016}" for n in range(40)]
    await asyncio.gather(*(ring.ensure(agencies, PURPOSES) for ring in rings))
    for agency in agencies:
        for purpose in PURPOSES:
            assert len({ring.key(agency, purpose) for ring in rings}) == 1


async def test_a_key_that_was_never_made_is_missing_and_is_named(key_ring: KeyRing) -> None:
    with pytest.raises(KeyMissing, match=f"{AGENCY}:code"):
        key_ring.key(AGENCY, "code")


async def test_another_root_key_opens_nothing(database_for: DatabaseFor) -> None:
    db = await database_for(Role.INTERMEDIARY)
    await KeyRing.open(db.transaction, root())
    with pytest.raises(WrongKey):
        await KeyRing.open(db.transaction, root())


async def test_a_wrapped_key_that_was_moved_to_another_name_does_not_open(database_for: DatabaseFor) -> None:
    db, key = await database_for(Role.INTERMEDIARY), root()
    ring = await KeyRing.open(db.transaction, key)
    await ring.ensure([AGENCY], ["duplicate", "subject"])
    async with db.transaction() as conn:
        stolen = (await store.read(conn, [f"{AGENCY}:duplicate"]))[f"{AGENCY}:duplicate"]
        await conn.execute("UPDATE wrapped_key SET wrapped = $1 WHERE name = $2", stolen, f"{AGENCY}:subject")
    with pytest.raises(WrongKey, match="subject"):
        await KeyRing.open(db.transaction, key)


async def test_a_key_whose_transaction_failed_cannot_be_used(database_for: DatabaseFor) -> None:
    db = await database_for(Role.INTERMEDIARY)
    ring = await KeyRing.open(db.transaction, root())

    def broken() -> bytes:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await ring.make(f"{AGENCY}:tls", broken)
    with pytest.raises(KeyMissing):
        ring.secret(f"{AGENCY}:tls")


async def test_a_named_secret_is_made_once_and_then_kept(key_ring: KeyRing) -> None:
    first = await key_ring.make("network:tls", lambda: b"one")
    assert await key_ring.make("network:tls", lambda: b"two") == first == b"one"


async def test_what_stands_in_the_database_contains_no_key(database_for: DatabaseFor) -> None:
    db = await database_for(Role.INTERMEDIARY)
    ring = await KeyRing.open(db.transaction, root())
    await ring.ensure([AGENCY], PURPOSES)
    async with db.connection() as conn:
        rows = await store.read_all(conn)
    assert len(rows) == 1 + len(PURPOSES)
    assert not [name for name, row in rows.items() for purpose in PURPOSES if ring.key(AGENCY, purpose) in row]


def test_a_missing_root_key_file_is_made_for_its_owner_alone_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "root.key"
    made = RootKey.open(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert RootKey.open(path).unwrap("name", made.wrap("name", b"plain")) == b"plain"
    assert [entry.name for entry in path.parent.iterdir()] == ["root.key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_root_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "root.key"
    RootKey.open(path)
    path.chmod(mode)
    with pytest.raises(RootKeyTrouble, match="0600"):
        RootKey.open(path)


def test_a_root_key_of_another_length_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "root.key"
    path.write_bytes(bytes(31))
    path.chmod(0o600)
    with pytest.raises(RootKeyTrouble, match="32 bytes"):
        RootKey.open(path)


def test_keys_never_print_themselves() -> None:
    data = os.urandom(32)
    assert repr(RootKey(data)) == "<root key>"
    assert data.hex() not in str(RootKey(data))
