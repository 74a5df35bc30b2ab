"""A listener between parties: a table of operations behind TLS, where parties are known and nobody logs in."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from authz.operations import Moment
from authz.operations import Operation as Entry
from gateway.clock import Clock
from gateway.interfaces.operation import AnyOperation
from gateway.interfaces.principals import Credentials, Principal, party_of
from gateway.interfaces.surface import build
from gateway.interfaces.wire import Runner
from gateway.problems import Problem

__all__ = ["Listener", "by_certificate", "listen"]

CLOSING_SECONDS = 2.0
_EVERYWHERE = frozenset({"", "0.0.0.0", "::"})


async def by_certificate(credentials: Credentials) -> Principal:
    """Between parties the certificate of the connection is all that counts."""
    if credentials.token:
        raise Problem("wrong-principal")
    return party_of(credentials.identities)


async def _nothing_to_write(entry: Entry) -> None:
    """Only accounts and clients have a place in the operations log; what parties do stands in signed records."""
    raise TypeError(f"{entry.name}: no party is an actor of the operations log")


@dataclass(frozen=True, slots=True)
class Listener:
    """A listener that is open. ``url`` is where others reach it."""

    url: str
    runner: web.AppRunner

    async def close(self) -> None:
        """Takes nothing new and lets what was begun end, for a moment."""
        await self.runner.cleanup()


async def listen(
    operations: Sequence[AnyOperation], context: ssl.SSLContext, clock: Clock, host: str, port: int
) -> Listener:
    """Opens a listener for these operations; port 0 lets the machine choose."""
    app = web.Application()
    build(app, operations, by_certificate, _nothing_to_write, moment=lambda: Moment(clock.now(), clock.machine()))
    runner = Runner(app, access_log=None, shutdown_timeout=CLOSING_SECONDS, auto_decompress=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, ssl_context=context).start()
    except OSError:
        await runner.cleanup()
        raise
    name = socket.gethostname() if host in _EVERYWHERE else host
    shown = f"[{name}]" if ":" in name else name
    return Listener(f"https://{shown}:{runner.addresses[0][1]}", runner)
