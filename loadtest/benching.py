"""One bench as a program (測定の実行): arguments, tables, and an exit status that tells.

0: measured and right. 1: a wrong answer, a violation, or a budget that was not kept. 3: something was not measured.
"""

from __future__ import annotations

import asyncio
import signal
from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

import uvloop
from rich.console import Console

from loadtest.showing import Finding, show, to_json

__all__ = ["alone", "run", "status_of"]

FAILED, SKIPPED, STOPPED = 1, 3, 143

T = TypeVar("T")


def status_of(findings: Sequence[Finding]) -> int:
    """The exit status of these."""
    if any(one.failures for one in findings):
        return FAILED
    return SKIPPED if any(one.skipped for one in findings) else 0


def run(measured: Coroutine[Any, Any, T]) -> T:
    """Runs it on uvloop. Whoever is asked to stop (SIGTERM) stops the servers that it has started, and then exits."""

    async def stoppable() -> T:
        task = asyncio.ensure_future(measured)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await task

    try:
        return uvloop.run(stoppable())
    except asyncio.CancelledError:
        raise SystemExit(STOPPED) from None


def alone(
    arguments: Callable[[ArgumentParser], None],
    findings: Callable[[Namespace], Awaitable[Sequence[Finding]]],
    about: str,
) -> None:
    """Runs one bench by itself, shows what it found, and exits."""
    parser = ArgumentParser(description=about.partition("\n")[0])
    arguments(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    given = parser.parse_args()

    async def measured() -> Sequence[Finding]:
        return await findings(given)

    found = run(measured())
    show(found, Console())
    if given.json is not None:
        given.json.write_text(to_json(found), encoding="utf-8")
    raise SystemExit(status_of(found))
