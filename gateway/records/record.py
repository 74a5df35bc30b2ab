"""情報提供等記録: what the holders of an exchange keep of it (番号法23条), built once and never spelled a second time.

Whoever ends the exchange makes the shared payload; every holder signs those same bytes (``typ`` ``kiroku+jws``). What
one side alone may know stands in its annex, whose SHA-256 the payload always names. A side without a record has no
annex, and its place holds the digest of nothing (``NOTHING_D``): so the payload itself tells who ended the exchange.

Nothing here holds a content, a 個人番号 or a 符号. Salts and openings are given: this module knows no chance and no clock.
"""

from __future__ import annotations

import hashlib
import re
from datetime import date, datetime, timedelta, timezone
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from gateway.exchange.jws import SigningKey
from gateway.exchange.messages import CoarseReason, Hex, Inquirer, Outcome, Provider, decode, encode
from sympho.codes import AgencyCode, InformationCode, ItemCode, PersonalNumber, ProcedureCode, TaskCode

TYP = "kiroku+jws"
JWS_LIMIT = 65_535
"""Bytes of a signed record: an entry of the later log can be no longer."""

RETENTION_YEARS = 7
"""令30条: how long a record is kept."""

TOKYO = timezone(timedelta(hours=9), "JST")
NOTHING_D = hashlib.sha256(b"").hexdigest()
"""Digest of no bytes: no sealed answer, no permit request, no annex because that side has no record."""

_SUBJECT_DOMAIN = b"sympho record subject v1\x00"
_STAMP = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}\+09:00\Z"
_TXN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")

Stamp = Annotated[str, Meta(pattern=_STAMP)]
"""World time, RFC 3339 with milliseconds at +09:00."""

Salt = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
"""16 random bytes in hexadecimal."""


class BadRecord(ValueError):
    """Facts or bytes that are no record. ``code`` names the rule; the text never quotes them."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Role(StrEnum):
    """In which role a holder (保有者) keeps its record."""

    INQUIRER = "inquirer"
    NETWORK = "network"
    PROVIDER = "provider"


class AnnexDigests(Struct, frozen=True, forbid_unknown_fields=True):
    """SHA-256 of each holder's annex, ``NOTHING_D`` for a side that keeps no record."""

    inq: Hex
    net: Hex
    prv: Hex


class RecordPayload(Struct, frozen=True, forbid_unknown_fields=True):
    """The shared payload: the order of the members is the order of the bytes."""

    v: Literal[1]
    txn: str
    salt: Salt
    kind: Outcome
    inq: Inquirer
    prv: Provider
    task: TaskCode
    prc: ProcedureCode | None
    inf: InformationCode
    items: tuple[ItemCode, ...]
    asked_at: Stamp
    ended_at: Stamp
    as_of: date
    list: Annotated[int, Meta(ge=0)]
    list_d: Hex
    item: Annotated[str, Meta(max_length=40)]
    rsn: CoarseReason
    req_d: Hex
    res_d: Hex
    annex_d: AnnexDigests

    @property
    def ended(self) -> datetime:
        """``ended_at`` as an aware time."""
        return datetime.fromisoformat(self.ended_at)

    @property
    def asked(self) -> datetime:
        """``asked_at`` as an aware time."""
        return datetime.fromisoformat(self.asked_at)


class RecordFacts(Struct, frozen=True, kw_only=True):
    """All that the shared payload says, as values. ``prc`` is None where no procedure was named."""

    txn: str
    salt: bytes
    kind: Outcome
    inq: Inquirer
    prv: Provider
    task: TaskCode
    prc: ProcedureCode | None
    inf: InformationCode
    items: tuple[ItemCode, ...]
    asked_at: datetime
    ended_at: datetime
    as_of: date
    list_serial: int
    list_d: str
    item: str
    rsn: CoarseReason
    req_d: str
    res_d: str
    annex_inq: str
    annex_net: str
    annex_prv: str


def stamp(at: datetime) -> str:
    """RFC 3339 at +09:00 with milliseconds, cut and not rounded: a record never lies in the future."""
    if at.tzinfo is None:
        raise BadRecord("time-naive")
    return at.astimezone(TOKYO).isoformat(timespec="milliseconds")


def payload(facts: RecordFacts) -> bytes:
    """The shared payload's bytes: made once, by whoever ends the exchange. ``BadRecord`` where the facts disagree."""
    made = RecordPayload(
        v=1,
        txn=facts.txn,
        salt=_salt(facts.salt),
        kind=facts.kind,
        inq=facts.inq,
        prv=facts.prv,
        task=facts.task,
        prc=facts.prc,
        inf=facts.inf,
        items=facts.items,
        asked_at=stamp(facts.asked_at),
        ended_at=stamp(facts.ended_at),
        as_of=facts.as_of,
        list=facts.list_serial,
        list_d=facts.list_d,
        item=facts.item,
        rsn=facts.rsn,
        req_d=facts.req_d,
        res_d=facts.res_d,
        annex_d=AnnexDigests(facts.annex_inq, facts.annex_net, facts.annex_prv),
    )
    wire = encode(made)
    parse(wire)
    return wire


@lru_cache(maxsize=8_192)
def parse(wire: bytes) -> RecordPayload:
    """A payload from its bytes, strictly: every member, none other, none twice, in our order and spelling."""
    try:
        read = decode(RecordPayload, wire)
    except (msgspec.DecodeError, ValueError):
        raise BadRecord("payload-malformed") from None
    if encode(read) != wire:
        raise BadRecord("payload-spelling")
    broken = broken_rule(read)
    if broken:
        raise BadRecord(broken)
    return read


ENDED_WITH: dict[Outcome, frozenset[CoarseReason]] = {
    Outcome.PROVIDED: frozenset({CoarseReason.NONE}),
    Outcome.NOT_PROVIDED: frozenset({CoarseReason.NOT_PROVIDED}),
    Outcome.LAPSED: frozenset({CoarseReason.LAPSED}),
    Outcome.WITHDRAWN: frozenset({CoarseReason.WITHDRAWN}),
    Outcome.REFUSED: frozenset(
        {
            CoarseReason.NOT_PERMITTED,
            CoarseReason.NO_CODE_AT_PROVIDER,
            CoarseReason.NO_CODE_AT_INQUIRER,
            CoarseReason.ASSESSMENT,
            CoarseReason.AGENCY,
        }
    ),
}
"""Which coarse code goes with which end. ``busy`` is in none: whoever is told to come back has no end yet."""


def broken_rule(read: RecordPayload) -> str:
    """The rule that a well-formed payload breaks, or an empty string.

    1. The exchange number is a UUIDv7; both times exist and the end is not before the asking.
    2. The coarse code is one that goes with this end.
    3. Annexes: the inquirer's always; the provider's only with the network's; without the provider only a refusal.
    4. A sealed answer where something was provided, and nowhere else.
    5. Items are named once.
    """
    try:
        in_order = read.asked <= read.ended
    except ValueError:
        return "time-impossible"
    digests = read.annex_d
    checks = (
        (_TXN.fullmatch(read.txn) is not None, "txn-not-uuid7"),
        (in_order, "time-order"),
        (read.rsn in ENDED_WITH[read.kind], "reason-differs"),
        (digests.inq != NOTHING_D, "annex-inquirer"),
        (digests.prv == NOTHING_D or digests.net != NOTHING_D, "annex-network"),
        (digests.prv != NOTHING_D or read.kind is Outcome.REFUSED, "annex-provider"),
        ((read.res_d != NOTHING_D) == (read.kind is Outcome.PROVIDED), "answer-digest"),
        (len(set(read.items)) == len(read.items), "items-twice"),
    )
    return next((rule for holds, rule in checks if not holds), "")


def ended_by(read: RecordPayload) -> Role:
    """Who ended the exchange: the last side that has an annex."""
    if read.annex_d.prv != NOTHING_D:
        return Role.PROVIDER
    return Role.NETWORK if read.annex_d.net != NOTHING_D else Role.INQUIRER


def holders(read: RecordPayload) -> tuple[Role, ...]:
    """Who must have a record, as the protocol's state table says."""
    return {
        Role.INQUIRER: (Role.INQUIRER,),
        Role.NETWORK: (Role.INQUIRER, Role.NETWORK),
        Role.PROVIDER: (Role.INQUIRER, Role.NETWORK, Role.PROVIDER),
    }[ended_by(read)]


def annex_digest_of(read: RecordPayload, role: Role) -> str:
    """What the payload says of this holder's annex."""
    digests = read.annex_d
    return {Role.INQUIRER: digests.inq, Role.NETWORK: digests.net, Role.PROVIDER: digests.prv}[role]


def sign_record(wire: bytes, key: SigningKey) -> str:
    """A holder's record: its JWS over the shared bytes. ES256 is randomized, so it is made once and stored."""
    token = key.sign(TYP, wire)
    if len(token) > JWS_LIMIT:
        raise BadRecord("record-too-long")
    return token


# --- time ---------------------------------------------------------------------------------------------------------


def fiscal_year(ended_at: datetime) -> int:
    """年度, April to March in Asia/Tokyo, of the end of the exchange."""
    if ended_at.tzinfo is None:
        raise BadRecord("time-naive")
    day = ended_at.astimezone(TOKYO).date()
    return day.year if day.month >= 4 else day.year - 1


def retained_until(ended_at: datetime) -> date:
    """The first day on which the record may go: its whole fiscal year is seven years old then (令30条)."""
    return date(fiscal_year(ended_at) + 1 + RETENTION_YEARS, 4, 1)


def retained_since(now: datetime) -> datetime:
    """Records that ended before this moment may go; ``retained_until`` says the same of one record."""
    return datetime(fiscal_year(now) - RETENTION_YEARS, 4, 1, tzinfo=TOKYO)


# --- the annexes --------------------------------------------------------------------------------------------------


class Annex(Struct, frozen=True, forbid_unknown_fields=True):
    """One holder's own part of the record (別紙). Exchange, role and holder stand in it, so it fits no other record.

    ``mark`` is the holder's non-disclosure mark (不開示該当フラグ), ``persons`` are its staff as (act, pseudonymous id),
    ``withheld`` a reason of the closed list of 22条 or empty, ``subject_c`` the commitment to its
    own subject.
    """

    v: Literal[1]
    txn: str
    salt: Salt
    role: Role
    holder: AgencyCode
    mark: bool
    reasons: tuple[str, ...]
    persons: tuple[tuple[str, str], ...]
    withheld: str
    subject_c: str


def inquirer_annex(
    *,
    txn: str,
    salt: bytes,
    holder: AgencyCode,
    mark: bool,
    reasons: tuple[str, ...],
    persons: tuple[tuple[str, str], ...],
    subject_c: str,
) -> bytes:
    """Fixed when the inquirer asks: who asked, the reasons of its own decision, its mark, its subject."""
    return _annex(Annex(1, txn, _salt(salt), Role.INQUIRER, holder, mark, reasons, persons, "", subject_c))


def network_annex(*, txn: str, salt: bytes, holder: AgencyCode, reasons: tuple[str, ...], subject_c: str) -> bytes:
    """Fixed with the permit or its refusal: the reasons of the network's decision and its subject."""
    return _annex(Annex(1, txn, _salt(salt), Role.NETWORK, holder, False, reasons, (), "", subject_c))


def provider_annex(
    *,
    txn: str,
    salt: bytes,
    holder: AgencyCode,
    mark: bool,
    reasons: tuple[str, ...],
    persons: tuple[tuple[str, str], ...],
    withheld: str,
    subject_c: str,
) -> bytes:
    """Fixed at the end: how it was decided, who confirmed and released or withheld, and why."""
    return _annex(Annex(1, txn, _salt(salt), Role.PROVIDER, holder, mark, reasons, persons, withheld, subject_c))


def _annex(annex: Annex) -> bytes:
    wire = encode(annex)
    parse_annex(wire)
    return wire


def parse_annex(wire: bytes) -> Annex:
    """An annex from its bytes, as strictly as the payload."""
    try:
        read = decode(Annex, wire)
    except (msgspec.DecodeError, ValueError):
        raise BadRecord("annex-malformed") from None
    if encode(read) != wire:
        raise BadRecord("annex-spelling")
    return read


def digest(wire: bytes) -> str:
    """SHA-256 in lower-case hexadecimal digits: of an annex, a permit request, sealed bytes."""
    return hashlib.sha256(wire).hexdigest()


NO_SUBJECT = ""
"""``subject_c`` of a holder that knew nobody: no code at the provider, or an agency unknown to it."""


def subject_commitment(opening: bytes, subject: PersonalNumber) -> str:
    """``subject_c``: binds the annex to a person without naming the person.

    ``opening`` is 16 random bytes that are kept sealed beside the subject: who reads the annex alone cannot try
    numbers.
    """
    _salt(opening)
    text = f"{subject.kind}\x00{subject.reveal()}".encode()
    return hashlib.sha256(_SUBJECT_DOMAIN + opening + text).hexdigest()


def _salt(salt: bytes) -> str:
    if len(salt) != 16:
        raise BadRecord("salt-length")
    return salt.hex()
