"""An outside issuer (外部の認証基盤, OpenID Connect): its keys, kept for a while, and its word about who somebody is.

Keys come from a file or from one configured address; a token never says where its key lies. They are fetched anew when
they are old or a token names one that is not there, but not more often than ``AT_MOST_EVERY``, whatever callers send.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout

from authz.assertions import AssertionRefused, Issuer, PublicKeys, by_issuer, key_id, public_keys
from authz.sessions import Outside
from gateway.log import log
from gateway.problems import Problem

__all__ = ["OutsideDoor"]

KEPT = timedelta(minutes=10)
AT_MOST_EVERY = timedelta(seconds=10)
LONGEST = timedelta(days=1)
"""How long keys are believed that cannot be fetched anew."""
PATIENCE = 5.0
LARGEST = 262_144


class OutsideDoor:
    """The one outside issuer that a process believes. ``jwks`` is a file or an address."""

    def __init__(self, issuer: Issuer, jwks: str) -> None:
        self.issuer = issuer
        self._jwks = jwks
        self._keys: PublicKeys = {}
        self._looked_at: datetime | None = None
        self._read_at: datetime | None = None
        self._looking = asyncio.Lock()

    async def who(self, token: str, now: datetime) -> Outside:
        """Whom an ID token means, or ``credentials-refused``; the reason stays in our log."""
        try:
            await self._require_key(key_id(token), now)
            return by_issuer(token, self.issuer, self._keys, now)
        except AssertionRefused as refused:
            log.info("outside-refused", fault=refused.fault.value)
        raise Problem("credentials-refused")

    async def _require_key(self, kid: str, now: datetime) -> None:
        async with self._looking:
            age = None if self._looked_at is None else now - self._looked_at
            if age is not None and (age < AT_MOST_EVERY or (kid in self._keys and age < KEPT)):
                return
            self._looked_at = now
            found = public_keys(await self._read())
            if found is not None:
                self._keys, self._read_at = found, now
            elif self._read_at is None or now - self._read_at > LONGEST:
                self._keys = {}

    async def _read(self) -> bytes:
        """The JWK set; nothing where it cannot be had, so that the keys of before stay."""
        try:
            if "://" not in self._jwks:
                return await asyncio.to_thread(Path(self._jwks).read_bytes)
            async with (
                ClientSession(timeout=ClientTimeout(total=PATIENCE)) as session,
                session.get(self._jwks, allow_redirects=False) as response,
            ):
                return await _whole(response) if response.status == 200 else b""
        except (OSError, ClientError, TimeoutError) as error:
            log.warning("outside-keys-not-read", error=type(error).__name__)
            return b""


async def _whole(response: ClientResponse) -> bytes:
    """The body; nothing where it is no set of a few keys."""
    read = b""
    async for part in response.content.iter_any():
        read += part
        if len(read) > LARGEST:
            return b""
    return read
