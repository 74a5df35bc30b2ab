"""The files of those who approve lists (承認者の鍵): one person's own key, behind a passphrase, of mode 0600.

The network never sees such a key. The invented approvers of a world have their files in the data folder, and their
passphrase is their first password; a person of one's own makes a file anywhere (``sympho lists key``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from authz.duties import Duty
from authz.staff import normal_login, opaque_id
from gateway.exchange.jws import SigningKey
from gateway.keys.passphrase import Locked, WrongPassphrase, lock, unlock
from gateway.network.party import Network, OwnKey
from gateway.running import passwords
from gateway.running.folder import write_whole
from gateway.worlds import World

__all__ = ["FOLDER", "KeyFile", "NoKeyFile", "account_of", "approving", "file_of", "make", "open_file", "read_file"]

FOLDER = "approvers"


class NoKeyFile(Exception):
    """No file there that is an approver's key; the message names it."""


class KeyFile(Struct, frozen=True, forbid_unknown_fields=True):
    """The file. ``account`` is whose it is, pseudonymous; ``kid`` the key's name in manifests."""

    v: Literal[1]
    login: str
    account: str
    kid: str
    locked: Locked


def file_of(data: Path, login: str) -> Path:
    """Where the key of a world's approver lies."""
    return data / FOLDER / f"{normal_login(login)}.json"


def make(path: Path, login: str, account: str, passphrase: str, number: int = 1) -> SigningKey:
    """A new key in a new file, durable when this returns; a file that is there is never written over."""
    if path.exists():
        raise NoKeyFile(f"{path} はすでにあります / is there already")
    kid = f"{account}/{number}"
    key = SigningKey.generate(kid)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = KeyFile(1, login, account, kid, lock(passphrase, kid, key.to_bytes()))
    write_whole(path, msgspec.json.format(msgspec.json.encode(file), indent=1))
    return key


def read_file(path: Path) -> KeyFile:
    try:
        return msgspec.json.decode(path.read_bytes(), type=KeyFile)
    except OSError:
        raise NoKeyFile(f"{path} を読めません / cannot be read") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise NoKeyFile(f"{path} は承認者の鍵ではありません / is no approver's key") from None


def open_file(path: Path, passphrase: str) -> OwnKey:
    """The key, by the words of the person whose it is; ``WrongPassphrase`` otherwise."""
    file = read_file(path)
    return OwnKey(file.account, SigningKey.from_bytes(file.kid, unlock(passphrase, file.kid, file.locked)))


def account_of(data: Path, login: str) -> str | None:
    """The account for which a key was made before the account itself; None where there is no such key."""
    path = file_of(data, login)
    return read_file(path).account if path.exists() else None


@contextmanager
def approving(network: Network, world: World, data: Path) -> Iterator[None]:
    """While a world is being filled in, its own approvers are at hand; who has changed the passphrase is not."""
    accounts = passwords.chosen(data, [one for one in world.accounts() if one.agency == world.network])
    approvers = [new for _, new in accounts if Duty.APPROVE_LISTS in new.duties]
    network.at_hand = tuple(_own_keys(data, [(new.login, new.password or "") for new in approvers]))
    try:
        yield
    finally:
        network.at_hand = ()


def _own_keys(data: Path, approvers: list[tuple[str, str]]) -> Iterator[OwnKey]:
    for login, word in approvers:
        path = file_of(data, login)
        if not path.exists():
            make(path, normal_login(login), opaque_id("stf"), word)
        try:
            yield open_file(path, word)
        except WrongPassphrase:
            continue
