"""Permits and messages between parties (許可証・機関間の通信): without a certificate, then with what was lent.

A permit passes between the parties' servers alone. Without the address of a party door nothing is sent to one; what a
party with a certificate might try stands in ``parties``.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from gateway.commands.declared import NOWHERE
from gateway.commands.probing import parties
from gateway.commands.probing.findings import Family, Finding, held_if, not_tried
from gateway.commands.probing.target import Target
from gateway.exchange.places import PartyPath

__all__ = ["attacks"]

PATIENCE: Final = 5.0
AGENCY: Final = "0" * 16
NO_DOOR: Final = "機関間の窓口が示されていません（--party-url） / no party door was given (--party-url)"


def attacks(at: Target) -> Iterator[Finding]:
    """From the public door; then at the party doors, without a certificate and with those that were lent."""
    yield _at_the_public_door(at)
    yield _without_certificate(at)
    yield from parties.attacks(at.options.doors, at.network or AGENCY)


def _places() -> list[str]:
    return [place.value.replace("{agency}", AGENCY) for place in PartyPath]


def _at_the_public_door(at: Target) -> Finding:
    account = at.anybody()
    token = account.token if account else ""
    body = {"v": 1, "txn": NOWHERE, "permit": parties.forged(AGENCY)[0]}
    seen = [at.wire.call("POST", place, body, token=token) for place in _places()]
    ja, en = "機関間の通信を公開の窓口へ", "parties' messages at the public door"
    return held_if(
        Family.PERMITS, ja, en, f"{len(seen)} paths, with a staff token", seen, lambda one: 400 <= one.status < 500
    )


def _without_certificate(at: Target) -> Finding:
    ja, en = "証明書なしで機関間の窓口へ", "at the party door without a certificate"
    doors = at.options.doors
    urls = [url for url in dict.fromkeys((doors.network_url, doors.provider_url)) if url]
    if not urls:
        return not_tried(Family.PERMITS, ja, en, "POST", NO_DOOR)
    if not all(_listens(url) for url in urls):
        return not_tried(Family.PERMITS, ja, en, " ".join(urls), "窓口に届きません / nobody listens there")
    nobody = doors.nobody or parties.stranger()
    messages: tuple[tuple[PartyPath, dict[str, str] | None], ...] = (
        (PartyPath.INQUIRE, {}),
        (PartyPath.NOTICE, {}),
        (PartyPath.PULSE, None),
    )
    seen = [
        parties.sent(nobody, url, path.value.replace("{agency}", AGENCY), body)
        for url in urls
        for path, body in messages
    ]
    return held_if(Family.PERMITS, ja, en, " ".join(urls), seen, lambda one: one.status in {0, 401, 403})


def _listens(url: str) -> bool:
    """Whether a connection is taken: a door that is closed before TLS says nothing of its lock."""
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 443), PATIENCE):
            return True
    except (OSError, ValueError):
        return False
