"""At the party doors with a certificate (機関間の窓口): what a party might try that is not content with its own part.

An agency that lends its certificate tries the network's door and a provider's, where only the network may call. With a
certificate of the network's, permits come to the provider altered, for another exchange, another agency or another
person: the network itself may not do that. A permit that is repeated under its own exchange number is no attack: every
message may come twice, and begins nothing a second time.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPException, HTTPSConnection
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from gateway.commands.declared import NOWHERE
from gateway.commands.probing.findings import Family, Finding, held_if, not_tried
from gateway.commands.probing.forging import claims_of, encoded, joined, text_of
from gateway.commands.probing.wire import Seen
from gateway.exchange.doors import Pulse
from gateway.exchange.jws import SigningKey
from gateway.exchange.messages import WORLD_TIME
from gateway.exchange.numbers import new_number
from gateway.exchange.places import PartyPath
from sympho.codes import AgencyCode

__all__ = ["NO_DOORS", "Doors", "anywhere", "attacks", "forged", "sent", "stranger"]

TYP: Final = "permit+jws"
PATIENCE: Final = 10.0
NOBODY: Final = "f" * 32
"""A linkage code that nobody has."""
NO_CERTIFICATE: Final = "機関の証明書がありません（--party-data） / no certificate of a party was lent (--party-data)"
NO_NETWORK: Final = (
    "ネットワークの証明書がありません（--network-data） / none of the network's was lent (--network-data)"
)
NO_PERMIT: Final = "許可証がありません / there is no permit: nothing was asked yet"
NO_PROVIDER: Final = "提供者の窓口がわかりません / the provider's door is not known"
NOT_LOOKED_AT: Final = frozenset({"clock-skew", "not-ready", "internal"})
"""Problems after which nobody has looked at the message."""


@dataclass(frozen=True, slots=True, repr=False)
class Doors:
    """The doors, and the contexts with which one calls there: as nobody, as an agency, as the network."""

    network_url: str = ""
    provider_url: str = ""
    nobody: ssl.SSLContext | None = None
    agency: ssl.SSLContext | None = None
    network: ssl.SSLContext | None = None
    permit: str = ""


NO_DOORS: Final = Doors()


def stranger() -> ssl.SSLContext:
    """An attacker does not care whom it speaks to: the server's certificate is not looked at."""
    context = anywhere(ssl.create_default_context())
    context.verify_mode = ssl.CERT_NONE
    return context


def anywhere(context: ssl.SSLContext) -> ssl.SSLContext:
    """The context for doors of whatever name."""
    context.check_hostname = False
    return context


def sent(
    context: ssl.SSLContext, url: str, path: str, body: Mapping[str, Any] | None, at: datetime | None = None
) -> Seen:
    """One message to a party door; a GET without a body. Closed where TLS ends it."""
    parts = urlsplit(url)
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if at is not None:
        headers[WORLD_TIME] = at.isoformat()
    with suppress(OSError, HTTPException):
        connection = HTTPSConnection(parts.hostname or "", parts.port, timeout=PATIENCE, context=context)
        try:
            wire = None if body is None else json.dumps(body)
            connection.request("GET" if body is None else "POST", path, wire, headers)
            response = connection.getresponse()
            return Seen(
                response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
            )
        finally:
            connection.close()
    return Seen(0)


def world_time(doors: Doors) -> datetime | None:
    """What the network says the world's time is; None where it does not answer whoever we are."""
    if doors.agency is None:
        return None
    seen = sent(doors.agency, doors.network_url, PartyPath.PULSE.value, None)
    try:
        clock = msgspec.json.decode(seen.raw, type=Pulse).clock
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return clock.frozen_at or datetime.now(UTC) + timedelta(microseconds=clock.offset_us)


def forged(agency: str) -> tuple[str, ...]:
    """Permits that the network never signed."""
    header: Mapping[str, Any] = {"alg": "ES256", "kid": f"{agency}/1", "typ": TYP}
    claims: dict[str, Any] = {"v": 1, "txn": NOWHERE, "pid": NOWHERE}
    payload = json.dumps(claims, separators=(",", ":")).encode()
    return (
        joined({**header, "alg": "none"}, claims),
        SigningKey.generate(f"{agency}/1").sign(TYP, payload),
        joined(header, claims),
        f"{encoded(header)}.{text_of(payload)}.{text_of(bytes(64))}",
    )


def attacks(doors: Doors, network: str) -> Iterator[Finding]:
    """As an agency at the network's door and at a provider's; as the network at the provider's."""
    at = world_time(doors)
    for ja, en, place, lacks, messages in _every(doors, network):
        if lacks or at is None or messages is None:
            why = lacks or "証明書で接続できません / no connection with that certificate"
            yield not_tried(Family.PERMITS, ja, en, place, why)
            continue
        yield _judged(ja, en, place, [message(at) for message in messages()])


Message = Callable[[datetime], Seen]
Attack = tuple[str, str, str, str, Callable[[], list[Message]] | None]
"""Its names, where it goes, what it lacks, and how its messages are made."""


def _judged(ja: str, en: str, place: str, seen: list[Seen]) -> Finding:
    for one in seen:
        if one.slug in NOT_LOOKED_AT or one.status == 0:
            return not_tried(
                Family.PERMITS, ja, en, place, f"内容の検査まで届きませんでした / not looked at: {one.short}"
            )
    return held_if(Family.PERMITS, ja, en, f"{place}, {len(seen)} messages", seen, lambda one: 400 <= one.status < 500)


def _every(doors: Doors, network: str) -> Iterator[Attack]:
    agency, at_network = doors.agency, PartyPath.INQUIRE.value
    no_party = "" if agency else NO_CERTIFICATE
    no_permit = no_party or ("" if doors.permit else NO_PERMIT)
    inquiries = _Inquiries(doors, network)
    yield (
        "偽造した許可証で照会する", "an inquiry with a forged permit", at_network, no_party, inquiries.forged,
    )  # fmt: skip
    yield (
        "書き換えた許可証で照会する", "a genuine permit altered", at_network, no_permit, inquiries.altered,
    )  # fmt: skip
    yield (
        "許可証を別の照会に使う", "a genuine permit for another exchange", at_network, no_permit, inquiries.elsewhere,
    )  # fmt: skip
    yield (
        "他機関の名で許可証を求める", "a permit asked for in another agency's name",
        PartyPath.PERMIT.value, no_permit, inquiries.of_another,
    )  # fmt: skip
    notices, place = _Notices(doors, network), PartyPath.NOTICE.value
    no_provider = no_permit or ("" if doors.provider_url else NO_PROVIDER)
    yield (
        "機関の証明書で提供者へ通知する", "a notice brought by an agency", place, no_provider, notices.by_an_agency,
    )  # fmt: skip
    no_network = no_provider or ("" if doors.network else NO_NETWORK)
    for ja, en, make in (
        ("書き換えた許可証を提供者へ", "at the provider: a genuine permit altered", notices.altered),
        ("許可証を提供者で別の照会に使う", "at the provider: a permit for another exchange", notices.elsewhere),
        ("許可証を別の提供者へ", "at the provider: a permit for another agency", notices.to_another),
        ("許可証を別の人に使う", "at the provider: a permit for another person", notices.of_another_person),
        ("期間外の通知", "at the provider: a notice outside the permit's days", notices.out_of_time),
        ("偽造した許可証を提供者へ", "at the provider: a forged permit", notices.forged),
    ):
        yield ja, en, place, no_network, make


# --- messages -----------------------------------------------------------------------------------------------------


def _alterations(permit: str) -> list[str]:
    """The permit with one claim changed under its genuine signature, and with its signature changed."""
    head, _, signature = permit.split(".")
    claims = claims_of(permit)
    changes: tuple[dict[str, Any], ...] = (
        {"consent": not claims["consent"]},
        {"inf": "TM00000000000001"},
        {"items": []} if claims["items"] else {"items": ["TK00000100000001"]},
        {"valid_until": "2999-12-31T00:00:00+09:00"},
        {"inq": {**claims["inq"], "agency": claims["prv"]["agency"]}},
        {"prv": {**claims["prv"], "agency": claims["inq"]["agency"]}},
        {"list": claims["list"] + 1},
    )
    altered = [f"{head}.{_payload({**claims, **change})}.{signature}" for change in changes]
    return [*altered, f"{permit[:-4]}AAAA", f"{permit.rpartition('.')[0]}."]


def _payload(claims: Mapping[str, Any]) -> str:
    return text_of(json.dumps(claims, separators=(",", ":"), ensure_ascii=False).encode())


def _another_number() -> str:
    return str(UUID(str(new_number())))


@dataclass(frozen=True, slots=True)
class _Inquiries:
    """As an agency, at the network's door."""

    doors: Doors
    network: str

    def forged(self) -> list[Message]:
        return [self._inquiry(NOWHERE, permit) for permit in forged(self.network)]

    def altered(self) -> list[Message]:
        return [self._inquiry(claims_of(self.doors.permit)["txn"], one) for one in _alterations(self.doors.permit)]

    def elsewhere(self) -> list[Message]:
        return [self._inquiry(number, self.doors.permit) for number in (_another_number(), NOWHERE)]

    def of_another(self) -> list[Message]:
        """The request that the permit was given for, now by the agency that was asked then."""
        claims = claims_of(self.doors.permit)
        request = {
            "v": 1, "txn": _another_number(), "inquirer": claims["prv"]["agency"], "office": "",
            "provider": claims["inq"]["agency"], "task": claims["task"], "procedure": None,
            "information": claims["inf"], "items": [], "code": NOBODY, "asked_at": claims["asked_at"],
            "consent": False, "annex_d": "0" * 64,
        }  # fmt: skip
        return [self._sending(PartyPath.PERMIT.value, request)]

    def _inquiry(self, txn: str, permit: str) -> Message:
        return self._sending(PartyPath.INQUIRE.value, {"v": 1, "txn": txn, "permit": permit})

    def _sending(self, path: str, body: Mapping[str, Any]) -> Message:
        context = self.doors.agency or stranger()
        return lambda at: sent(context, self.doors.network_url, path, body, at)


@dataclass(frozen=True, slots=True)
class _Notices:
    """At the provider's door: as an agency, and as the network."""

    doors: Doors
    network: str

    @property
    def _claims(self) -> dict[str, Any]:
        return claims_of(self.doors.permit)

    def by_an_agency(self) -> list[Message]:
        context = self.doors.agency or stranger()
        return [self._notice(self.doors.permit, context=context)]

    def altered(self) -> list[Message]:
        return [self._notice(one) for one in _alterations(self.doors.permit)]

    def elsewhere(self) -> list[Message]:
        return [self._notice(self.doors.permit, txn=_another_number())]

    def to_another(self) -> list[Message]:
        return [self._notice(self.doors.permit, agency=self._claims["inq"]["agency"])]

    def of_another_person(self) -> list[Message]:
        return [self._notice(self.doors.permit)]

    def out_of_time(self) -> list[Message]:
        return [self._notice(self.doors.permit, later=timedelta(days=days)) for days in (-400, 400)]

    def forged(self) -> list[Message]:
        return [self._notice(one, txn=NOWHERE) for one in forged(self.network)]

    def _notice(
        self,
        permit: str,
        *,
        txn: str = "",
        agency: str = "",
        later: timedelta = timedelta(),
        context: ssl.SSLContext | None = None,
    ) -> Message:
        """A notice as the network would bring it, but for what is said otherwise; its person's code is nobody's."""
        path = PartyPath.NOTICE.of(AgencyCode(agency or self._claims["prv"]["agency"]))
        by = context or self.doors.network or stranger()

        def bring(at: datetime) -> Seen:
            body = {
                "v": 1, "txn": txn or self._claims["txn"], "permit": permit, "code": NOBODY,
                "notified_at": (at + later).isoformat(),
            }  # fmt: skip
            return sent(by, self.doors.provider_url, path, body, at)

        return bring
