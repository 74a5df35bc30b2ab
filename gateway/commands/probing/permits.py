"""Permits and messages between parties (許可証・機関間の通信): what can be tried without being a party, or as the one given.

A permit passes between the parties' servers alone. Without the address of a party door nothing is sent to one. Whoever
lends a certificate has permits forged under it; replaying a genuine permit needs one, which no door gives out.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import suppress
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from gateway.commands.declared import NOWHERE
from gateway.commands.probing.findings import Family, Finding, held_if, not_tried
from gateway.commands.probing.forging import encoded, joined, text_of
from gateway.commands.probing.target import Target
from gateway.commands.probing.wire import Seen
from gateway.exchange.jws import SigningKey
from gateway.exchange.places import PartyPath

__all__ = ["attacks"]

TYP: Final = "permit+jws"
PATIENCE: Final = 10.0
AGENCY: Final = "0" * 16
NO_DOOR: Final = "機関間の窓口が示されていません（--party-url） / no party door was given (--party-url)"
NO_CERTIFICATE: Final = "機関の証明書がありません（--party-cert, --party-key） / no certificate of a party was lent"


def attacks(at: Target) -> Iterator[Finding]:
    """From the public door; then from the party door, without a certificate and with the one that was lent."""
    yield _at_the_public_door(at)
    yield _without_certificate(at)
    yield _forged(at)
    ja, en = "本物の許可証の再使用と書換え", "a genuine permit used again or altered"
    why = "本物の許可証は機関のサーバー同士にしか渡らず、外からは手に入りません / a genuine permit never leaves the servers"
    yield not_tried(Family.PERMITS, ja, en, PartyPath.INQUIRE.value, why)


def _places() -> list[str]:
    return [place.value.replace("{agency}", AGENCY) for place in PartyPath]


def _at_the_public_door(at: Target) -> Finding:
    account = at.anybody()
    token = account.token if account else ""
    body = {"v": 1, "txn": NOWHERE, "permit": _permits(None)[0]}
    seen = [at.wire.call("POST", place, body, token=token) for place in _places()]
    ja, en = "機関間の通信を公開の窓口へ", "parties' messages at the public door"
    return held_if(
        Family.PERMITS, ja, en, f"{len(seen)} paths, with a staff token", seen, lambda one: 400 <= one.status < 500
    )


def _without_certificate(at: Target) -> Finding:
    ja, en = "証明書なしで機関間の窓口へ", "at the party door without a certificate"
    if not at.options.party_url:
        return not_tried(Family.PERMITS, ja, en, "POST", NO_DOOR)
    seen = [_sent(at, place, {}, certificate=False) for place in (PartyPath.INQUIRE.value, PartyPath.PULSE.value)]
    return held_if(Family.PERMITS, ja, en, at.options.party_url, seen, lambda one: one.status in {0, 401, 403})


def _forged(at: Target) -> Finding:
    ja, en = "偽造した許可証で照会する", "an inquiry with a forged permit"
    if not at.options.party_url:
        return not_tried(Family.PERMITS, ja, en, PartyPath.INQUIRE.value, NO_DOOR)
    if at.options.party_certificate is None or at.options.party_key is None:
        return not_tried(Family.PERMITS, ja, en, PartyPath.INQUIRE.value, NO_CERTIFICATE)
    permits = _permits(at)
    seen = [_sent(at, PartyPath.INQUIRE.value, {"v": 1, "txn": NOWHERE, "permit": permit}) for permit in permits]
    if all(one.status == 0 for one in seen):
        why = "証明書で接続できません / no connection with that certificate"
        return not_tried(Family.PERMITS, ja, en, PartyPath.INQUIRE.value, why)
    tried = "alg none, a key of the forger, no signature, zeros"
    return held_if(Family.PERMITS, ja, en, tried, seen, lambda one: 400 <= one.status < 500)


def _permits(at: Target | None) -> tuple[str, ...]:
    agency = at.network if at is not None else AGENCY
    header: Mapping[str, Any] = {"alg": "ES256", "kid": f"{agency}/1", "typ": TYP}
    claims: dict[str, Any] = {"v": 1, "txn": NOWHERE, "pid": NOWHERE}
    payload = json.dumps(claims, separators=(",", ":")).encode()
    return (
        joined({**header, "alg": "none"}, claims),
        SigningKey.generate(f"{agency}/1").sign(TYP, payload),
        joined(header, claims),
        f"{encoded(header)}.{text_of(payload)}.{text_of(bytes(64))}",
    )


def _sent(at: Target, path: str, body: Mapping[str, Any], *, certificate: bool = True) -> Seen:
    """One message to the party door, with the certificate that was lent or none. Closed where TLS ends it."""
    options = at.options
    parts = urlsplit(options.party_url)
    context = _context(options.party_authority)
    if certificate and options.party_certificate is not None and options.party_key is not None:
        context.load_cert_chain(options.party_certificate, options.party_key)
    with suppress(OSError, HTTPException):
        connection = HTTPSConnection(parts.hostname or "", parts.port, timeout=PATIENCE, context=context)
        try:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Seen(response.status, headers, response.read())
        finally:
            connection.close()
    return Seen(0)


def _context(authority: Path | None) -> ssl.SSLContext:
    """An attacker does not care whom it speaks to: without an authority the server's certificate is not looked at."""
    context = ssl.create_default_context(cafile=str(authority) if authority else None)
    context.check_hostname = False
    if authority is None:
        context.verify_mode = ssl.CERT_NONE
    return context
