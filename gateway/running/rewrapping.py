"""The root key (根鍵) replaced, looked at, and its former one removed, on data that nobody serves meanwhile.

1. The new key is durable beside the old one (``root.next``) before anything is wrapped with it. From here on neither
   opens the data: whoever tries is told to end the change.
2. Party by party, in one transaction each, every key is wrapped anew under a new role's key under the new root key.
   A party that the new root key opens is done already.
3. The old key is kept under another name (``root.former``), then the new one takes its place.
4. ``confirm`` opens every key once more and removes the former root key; until then there is no next change.

Broken off anywhere, it is carried on by running it again. What the keys have sealed is not touched.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.config import Config, ConfigError, Role
from gateway.database import Database, open_database
from gateway.keys.ring import InUse, KeyRing
from gateway.keys.root import KEY_BYTES, RootKey, WrongKey, former_of, next_of
from gateway.running.folder import claimed, parties_of, write_whole
from gateway.running.ondata import located
from gateway.running.trouble import StartTrouble, second_server
from gateway.running.wording import worded

__all__ = ["KeysStanding", "confirm_root_key", "keys_standing", "replace_root_key"]

PATIENCE = 20
"""How often, in tenths of a second, a connection that is just being closed is waited for."""


@dataclass(frozen=True, slots=True)
class KeysStanding:
    """How the keys of an installation stand: the root key's mark, and how many keys of each party it opens."""

    file: Path
    mark: str
    broken_off: bool
    """Whether a change was begun and not ended; the parties are not looked at then."""
    former: Path | None
    """The former root key, where it was kept and nobody has confirmed the new one."""
    parties: dict[str, int]


async def replace_root_key(config: Config) -> Path:
    """Wraps every key of every party under a new root key; where the former one is kept."""
    file, fresh, former = config.root_key_file, next_of(config.root_key_file), former_of(config.root_key_file)
    _needed(file)
    parties = parties_of(config.data)
    with worded(), _claimed(config, parties):
        if former.exists() and not fresh.exists():
            raise _not_confirmed(former)
        if not fresh.exists():
            write_whole(fresh, os.urandom(KEY_BYTES))
        old, new = RootKey.read(file), RootKey.read(fresh)
        async with located(config) as placed:
            for role in parties:
                await _rewrap_party(placed, role, old, new)
        write_whole(former, file.read_bytes())
        fresh.replace(file)
        return former


@contextmanager
def _claimed(config: Config, parties: tuple[Role, ...]) -> Iterator[None]:
    """Nobody serves any of these parties from the folder while inside."""
    with ExitStack() as held:
        for role in parties:
            held.enter_context(claimed(replace(config, role=role)))
        yield


async def _rewrap_party(config: Config, role: Role, old: RootKey, new: RootKey) -> None:
    """With one connection, so that every other one is somebody else's; it logs in as the new root key has it."""
    db = await open_database(replace(config, role=role, root_key_file=next_of(config.root_key_file), pool_size=1), role)
    try:
        try:
            await KeyRing.open(db.transaction, new)
        except WrongKey:
            ring = await KeyRing.open(db.transaction, old)
            await _rewrap(ring, role, old, new)
    finally:
        await db.close()


async def _rewrap(ring: KeyRing, role: Role, old: RootKey, new: RootKey) -> None:
    for last in (*(False for _ in range(PATIENCE)), True):
        try:
            return await ring.rewrap(old, new)
        except InUse:
            if last:
                raise second_server(f"another process has the database of the party {role} open") from None
        await asyncio.sleep(0.1)
    return None


async def keys_standing(config: Config) -> KeysStanding:
    """Looks, and changes nothing; also beside a running server."""
    file, former = config.root_key_file, former_of(config.root_key_file)
    _needed(file)
    broken_off = next_of(file).exists()
    with worded():
        root = RootKey.read(file)
        parties = {} if broken_off else await _opened(config, root)
    return KeysStanding(file, root.mark, broken_off, former if former.exists() else None, parties)


async def confirm_root_key(config: Config) -> Path | None:
    """Opens every key with the present root key, then removes the former one; None where there is none."""
    former = former_of(config.root_key_file)
    _needed(config.root_key_file)
    with worded():
        await _opened(config, RootKey.open(config.root_key_file))
    if not former.exists():
        return None
    former.unlink()
    return former


async def _opened(config: Config, root: RootKey) -> dict[str, int]:
    async with located(config) as placed:
        return {str(role): await _count(placed, role, root) for role in parties_of(config.data)}


async def _count(config: Config, role: Role, root: RootKey) -> int:
    db: Database = await open_database(replace(config, role=role), role)
    try:
        return len(await KeyRing.open(db.transaction, root))
    finally:
        await db.close()


def _needed(file: Path) -> None:
    if not file.exists():
        raise ConfigError(f"{file}: 根鍵がありません / there is no root key")


def _not_confirmed(former: Path) -> StartTrouble:
    return StartTrouble(
        "前の根鍵がまだ残っています。",
        f"the former root key is still kept in {former}",
        "新しい根鍵の控えを取り、sympho keys confirm を実行してから、もう一度取り替えてください。",
        "Back up the new root key, run sympho keys confirm, and then replace it again.",
    )
