"""The key ring of a party (鍵束): keys per agency and purpose, in memory once opened, wrapped in the database.

The root key wraps the role's key; the role's key wraps all others. A key is made once, in a transaction of its own that
has been committed before anybody can use the key, so that nothing is ever sealed under a key that was rolled back.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial

from gateway import pki
from gateway.exchange.jws import SigningKey
from gateway.exchange.sealing import SealingKey
from gateway.keys import store
from gateway.keys.root import KEY_BYTES, RootKey, unwrap, wrap

__all__ = ["HOLDER_KEYS", "SEALING", "SIGNING", "InUse", "KeyMissing", "KeyRing", "Opener"]

Opener = Callable[[], AbstractAsyncContextManager[store.Connection]]
"""Opens a transaction: ``Database.transaction``."""

ROLE_KEY = "role"
SIGNING = "signing"
SEALING = "sealing"
TLS = "tls"
"""The purpose of a certificate's private key."""
HOLDER_KEYS = (SIGNING, SEALING)
"""The purposes whose keys are an agency's private keys and not 32 random bytes."""

_NAME = re.compile(r"[0-9A-Za-z._-]{1,64}:[a-z][a-z0-9-]{0,40}")


class KeyMissing(Exception):
    """A key that was never made; the message names it. ``ensure`` was not called for this agency and purpose."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no key {name}")
        self.log_text = f"no key {name}"


def _random() -> bytes:
    return os.urandom(KEY_BYTES)


_MAKERS: Mapping[str, Callable[[], bytes]] = {
    SIGNING: lambda: SigningKey.generate("new/1").to_bytes(),
    SEALING: lambda: SealingKey.generate().to_bytes(),
    TLS: lambda: pki.private_bytes(pki.new_key()),
}


class InUse(Exception):
    """Another process has this party's database open, so its keys may not be wrapped anew."""


def _opened(root: RootKey, wrapped: Mapping[str, bytes]) -> dict[str, bytes]:
    """Every key but the role's own, opened; ``WrongKey`` with another root key."""
    role_key = root.unwrap(ROLE_KEY, wrapped[ROLE_KEY])
    return {name: unwrap(role_key, name, text) for name, text in wrapped.items() if name != ROLE_KEY}


class KeyRing:
    """One party's keys."""

    def __init__(self, transaction: Opener, role_key: bytes, secrets: dict[str, bytes]) -> None:
        self._transaction = transaction
        self._role_key = role_key
        self._secrets = secrets
        self._signing: dict[str, SigningKey] = {}
        self._sealing: dict[str, SealingKey] = {}

    @classmethod
    async def open(cls, transaction: Opener, root: RootKey) -> KeyRing:
        """Every key of the party, opened; the role's key is made when it is not there yet."""
        async with transaction() as conn:
            await store.insert(conn, {ROLE_KEY: root.wrap(ROLE_KEY, _random())})
            wrapped = await store.read_all(conn)
        return cls(transaction, root.unwrap(ROLE_KEY, wrapped[ROLE_KEY]), _opened(root, wrapped))

    def key(self, agency: str, purpose: str) -> bytes:
        """The 32 bytes of an agency for one purpose."""
        return self.secret(f"{agency}:{purpose}")

    def secret(self, name: str) -> bytes:
        """A secret by its whole name, from memory."""
        found = self._secrets.get(name)
        if found is None:
            raise KeyMissing(name)
        return found

    def signing(self, holder: str) -> SigningKey:
        """The holder's key for ES256; its key id is ``<holder>/1``."""
        made = self._signing.get(holder)
        if made is None:
            made = self._signing[holder] = SigningKey.from_bytes(f"{holder}/1", self.key(holder, SIGNING))
        return made

    def sealing(self, agency: str) -> SealingKey:
        """The agency's private key for answers that are sealed to it."""
        made = self._sealing.get(agency)
        if made is None:
            made = self._sealing[agency] = SealingKey.from_bytes(self.key(agency, SEALING))
        return made

    async def ensure(self, agencies: Iterable[str], purposes: Iterable[str]) -> None:
        """Makes what is missing, for every agency and purpose, in one transaction.

        Two processes that do so at once end with the same keys.
        """
        wanted = tuple(purposes)
        makers = {f"{agency}:{purpose}": _MAKERS.get(purpose, _random) for agency in agencies for purpose in wanted}
        await self._ensure(makers)

    async def make(self, name: str, maker: Callable[[], bytes]) -> bytes:
        """A secret by its whole name (``holder:purpose``), made by ``maker`` if nobody has made it yet."""
        await self._ensure({name: maker})
        return self.secret(name)

    async def read_again(self) -> None:
        """Takes over the keys that another process of the party has made since."""
        async with self._transaction() as conn:
            wrapped = await store.read_all(conn)
        unknown = {name: text for name, text in wrapped.items() if name != ROLE_KEY and name not in self._secrets}
        self._secrets.update((name, unwrap(self._role_key, name, text)) for name, text in unknown.items())

    async def _ensure(self, makers: Mapping[str, Callable[[], bytes]]) -> None:
        missing = [name for name in makers if name not in self._secrets]
        if not missing:
            return
        if not all(_NAME.fullmatch(name) for name in missing):
            raise ValueError("a key's name is <holder>:<purpose>")
        seal = partial(wrap, self._role_key)
        async with self._transaction() as conn:
            held = await store.read(conn, missing)
            fresh = {name: seal(name, makers[name]()) for name in missing if name not in held}
            if fresh:
                await store.insert(conn, fresh)
                held |= await store.read(conn, list(fresh))
        self._secrets.update((name, unwrap(self._role_key, name, text)) for name, text in held.items())

    async def rewrap(self, old: RootKey, new: RootKey) -> None:
        """A new role's key, wrapped by the new root key, wraps every key of the party; what they have sealed stays as
        it is. One transaction, committed only after all of it has been opened with the new root key; ``InUse`` while
        another process has this party's database open: it would go on wrapping with the role's old key."""
        async with self._transaction() as conn:
            await store.lock(conn)
            if await store.others_connected(conn):
                raise InUse
            before = await store.read_all(conn)
            secrets = _opened(old, before)
            role_key = _random()
            after = {name: wrap(role_key, name, secret) for name, secret in secrets.items()}
            after[ROLE_KEY] = new.wrap(ROLE_KEY, role_key)
            if _opened(new, after) != secrets:
                raise KeyMissing(ROLE_KEY)
            await store.replace(conn, after)
        self._role_key = role_key

    def __len__(self) -> int:
        return len(self._secrets)

    def __repr__(self) -> str:
        return f"<key ring of {len(self._secrets)} keys>"
