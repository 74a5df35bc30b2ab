"""One run of the probe (実行): the server's own document, the accounts, the attacks in their order, and putting back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from gateway.commands.client import Unreachable
from gateway.commands.probing import (
    accounts,
    bodies,
    eyes,
    lockout,
    numbers,
    objects,
    paths,
    permits,
    repeats,
    rollback,
    tokens,
)
from gateway.commands.probing.findings import Family, Finding
from gateway.commands.probing.matrix import Matrix, called
from gateway.commands.probing.reporting import Report
from gateway.commands.probing.target import Options, Target
from gateway.commands.probing.wire import Wire
from gateway.running.credentials import StaffCredential

__all__ = ["ATTACKS", "open_target", "probe"]

ATTACKS: Final[Mapping[Family, Callable[[Target], Iterator[Finding]]]] = {
    Family.TOKENS: tokens.attacks,
    Family.OBJECTS: objects.attacks,
    Family.NUMBERS: numbers.attacks,
    Family.EYES: eyes.attacks,
    Family.ACCOUNTS: accounts.attacks,
    Family.LISTS: rollback.attacks,
    Family.PERMITS: permits.attacks,
    Family.REPEATS: repeats.attacks,
    Family.BODIES: bodies.attacks,
    Family.PATHS: paths.attacks,
    Family.LOCKOUT: lockout.attacks,
}
"""Every kind of attack beside the matrix, in the order in which they are made."""


def open_target(wire: Wire, credentials: Sequence[StaffCredential], options: Options) -> Target:
    """The target with its document; ``Unreachable`` where there is none of ours."""
    seen = wire.call("GET", "/openapi.json")
    document: Any = seen.data
    if not seen.let_in or not isinstance(document, dict) or "paths" not in document:
        raise Unreachable(wire.url, f"/openapi.json: {seen.short}")
    return Target(wire, document, credentials, options)


def probe(target: Target, families: frozenset[Family], watch: Callable[[str], None] = lambda _: None) -> Report:
    """Makes the attacks of those kinds. What was made for them is put back whatever happens."""
    began = datetime.now(UTC)
    findings: list[Finding] = []
    matrix: Matrix | None = None
    try:
        if Family.MATRIX in families:
            watch(Family.MATRIX)
            matrix, found = called(target)
            findings += found
        for family, attacks in ATTACKS.items():
            if family in families:
                watch(family)
                findings += attacks(target)
    finally:
        target.put_back()
    return Report(
        url=target.wire.url,
        version=str(target.document.get("info", {}).get("version", "")),
        began=began.isoformat(timespec="seconds"),
        ended=datetime.now(UTC).isoformat(timespec="seconds"),
        calls=target.wire.calls,
        findings=tuple(findings),
        matrix=matrix,
    )
