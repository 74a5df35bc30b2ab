"""Health notices by webhook (稼動通知): a file says where to, the secret stands in a file of its own, nothing is sent
without both.

    Sympho-Notice: <id>                          the same at every attempt: a receiver keeps what it has seen
    Sympho-Signature: t=<seconds>,v1=<hex>       HMAC-SHA256 under the secret over "<seconds>." and the body

A notice that nobody takes is tried again, ever more slowly, for a day. A hundred wait at most; of more, the oldest go,
and the next one says how many. They wait in memory: the database may be what is away.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import stat
import tomllib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from time import monotonic, time
from typing import Annotated, Literal
from urllib.parse import urlsplit
from uuid import uuid4

import aiohttp
import msgspec
import structlog
from msgspec import Meta, Struct

from gateway.config import ConfigError, Secret

__all__ = ["Notice", "Outbox", "Target", "read_target", "signature"]

SHORTEST_SECRET = 32
MOST_WAITING = 100
TIMEOUT = 10.0
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
GIVEN_UP_AFTER = 86_400.0
LOCAL = frozenset({"127.0.0.1", "::1", "localhost"})

log = structlog.get_logger()


class Target(Struct, frozen=True, forbid_unknown_fields=True):
    """The file's content (TOML). ``installation`` is what the receiver knows this one by; numbers are limits of
    health."""

    url: str
    secret_file: str
    installation: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    every_seconds: Annotated[float, Meta(ge=0.1, le=3600)] = 15.0
    disk_free_mb: Annotated[int, Meta(ge=0)] = 1024
    queue_seconds: Annotated[int, Meta(ge=1)] = 300
    list_hours: Annotated[int, Meta(ge=0)] = 24


class Notice(Struct, frozen=True):
    """What is sent. ``check`` is a name of the closed list of checks; no person, body or content is ever in it."""

    v: Literal[1]
    id: str
    installation: str
    event: Literal["trouble", "healed"]
    check: str
    since: datetime
    """Machine time at which it was first seen so."""
    world: datetime
    dropped: int = 0
    """How many earlier notices were never delivered."""


def read_target(path: Path) -> tuple[Target, Secret]:
    """Where to, and the secret; ``ConfigError`` names the file and what is wrong with it."""
    try:
        target = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Target)
    except OSError as error:
        raise ConfigError(f"health_notices: {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"health_notices: {path}: {error}") from None
    if not _reachable(target.url):
        raise ConfigError(f"health_notices: {path}: url: https://..., or http:// on this machine alone")
    return target, _secret(path.parent / target.secret_file)


def _reachable(url: str) -> bool:
    """An address that may be called, and that can be one: whoever sends later has nobody to tell."""
    try:
        parts = urlsplit(url)
        host, _ = (parts.hostname or "").encode("idna"), parts.port
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOCAL))


def _secret(path: Path) -> Secret:
    try:
        found = path.stat()
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"health_notices: the secret's file {path} cannot be read") from None
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise ConfigError(f"health_notices: others may read the secret {path}; make it mode 0600")
    if len(text) < SHORTEST_SECRET:
        raise ConfigError(f"health_notices: the secret in {path} has less than {SHORTEST_SECRET} characters")
    return Secret(text)


def signature(secret: Secret, seconds: int, body: bytes) -> str:
    told = hmac.digest(secret.reveal().encode(), f"{seconds}.".encode() + body, hashlib.sha256).hex()
    return f"t={seconds},v1={told}"


@dataclass
class Outbox:
    """What is to be told, in its order. ``add`` never waits; ``keep_sending`` runs until it is cancelled."""

    target: Target
    secret: Secret
    world: Callable[[], datetime]
    waiting: deque[tuple[float, Notice]] = field(default_factory=deque)
    dropped: int = 0
    first_pause: float = FIRST_PAUSE
    _some: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, check: str, since: datetime, *, well: bool) -> None:
        event: Literal["trouble", "healed"] = "healed" if well else "trouble"
        notice = Notice(1, str(uuid4()), self.target.installation, event, check, since, self.world())
        if len(self.waiting) >= MOST_WAITING:
            self._drop()
        self.waiting.append((monotonic(), notice))
        self._some.set()

    async def keep_sending(self) -> None:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            pause = self.first_pause
            while True:
                await self._some.wait()
                if not self.waiting:
                    self._some.clear()
                    continue
                (added, notice), told = self.waiting[0], self.dropped
                if await self._sent(session, notice):
                    self._done(notice, told)
                    pause = self.first_pause
                elif monotonic() - added > GIVEN_UP_AFTER:
                    self._drop()
                else:
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, LONGEST_PAUSE)

    def _done(self, notice: Notice, told: int) -> None:
        """It said that ``told`` were dropped. It may have been dropped itself meanwhile, to make room."""
        self.dropped -= told
        if self.waiting and self.waiting[0][1] is notice:
            self.waiting.popleft()
        else:
            self.dropped -= 1

    def _drop(self) -> None:
        self.waiting.popleft()
        self.dropped += 1

    async def _sent(self, session: aiohttp.ClientSession, notice: Notice) -> bool:
        body = msgspec.json.encode(msgspec.structs.replace(notice, dropped=self.dropped))
        headers = {
            "Content-Type": "application/json",
            "Sympho-Notice": notice.id,
            "Sympho-Signature": signature(self.secret, int(time()), body),
        }
        try:
            async with session.post(self.target.url, data=body, headers=headers, allow_redirects=False) as response:
                taken = 200 <= response.status < 300
                trouble = str(response.status)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            taken, trouble = False, type(error).__name__
        if not taken:
            log.warning("health-notice-not-taken", check=notice.check, trouble=trouble)
        return taken
