"""What passes between two parties (データ送受信): every message of an exchange, in one place.

A message is a frozen msgspec struct; its wire form is UTF-8 JSON. Where the bytes are evidence (the permit request, the
annexes, the record's payload) they are made once and travel as bytes. ``v`` is the message's version. The rule of
idempotency is the same for all: the same exchange number with the same bytes gets the same reply, other bytes get the
problem ``exchange-conflict``.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct

from sympho.codes import (
    AcquisitionNumber,
    AgencyCode,
    IndividualNumber,
    InformationCode,
    ItemCode,
    LinkageCode,
    ProcedureCode,
    ResidentCode,
    TaskCode,
    decode_hook,
    encode_hook,
)

MESSAGE_LIMIT = 1_048_576
"""Bytes a message may have on the wire; a longer one is refused before it is read."""

CODES_LIMIT = 4_194_304
"""The same for a message about codes, which may have 10,000 persons: ``CodeRequest`` to ``CodeReply``."""

VERSION = 1
"""The version of every message there is."""

MOST_ITEMS = 500
"""Items that one question may name, each once: so many stand in a record and in a permit."""

WORLD_TIME = "Sympho-World-Time"
"""The header in which a party says the world time at which it sends a message (RFC 3339)."""

SKEW = timedelta(seconds=60)
"""How far a sender's world time may be from the receiver's."""

Hex = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 in lower-case hexadecimal digits."""


Aware = Annotated[datetime, Meta(tz=True)]
"""A moment with its offset from UTC; a naive one is refused."""


class Outcome(StrEnum):
    """How an exchange ended; ``kind`` of the record."""

    PROVIDED = "provided"
    NOT_PROVIDED = "not-provided"
    REFUSED = "refused"
    LAPSED = "lapsed"
    WITHDRAWN = "withdrawn"


class CoarseReason(StrEnum):
    """All that a counterpart may learn of a reason: the closed table of the protocol."""

    NONE = "none"
    NOT_PERMITTED = "not-permitted"
    NO_CODE_AT_PROVIDER = "no-code-at-provider"
    NO_CODE_AT_INQUIRER = "no-code-at-inquirer"
    ASSESSMENT = "assessment"
    AGENCY = "agency-unknown-or-not-in-force"
    BUSY = "busy"
    LAPSED = "lapsed"
    NOT_PROVIDED = "not-provided"
    WITHDRAWN = "withdrawn"


class ReasonOfNull(StrEnum):
    """Why an asked item has no value; the spelling is the official one."""

    NOT_ACCEPTABLE = "NotAcceptable"
    NOT_CONVERTED = "NotConvered"


class ItemValue(Struct, frozen=True, omit_defaults=True):
    """One item (TK) of an answer or a duplicate: a value, or the reason why there is none."""

    value: Annotated[str, Meta(max_length=4000)] | None = None
    reason_of_null: ReasonOfNull | None = None

    def __post_init__(self) -> None:
        if (self.value is None) == (self.reason_of_null is None):
            raise ValueError("an item has either a value or a reason of null")

    def __repr__(self) -> str:
        return "<ItemValue>"


class Content(Struct, frozen=True):
    """特定個人情報 as it is deposited (副本) and, cut to the items asked, as it is answered. Never logged or recorded."""

    information: InformationCode
    layout: Annotated[str, Meta(pattern=r"^[0-9]{4}$")]
    items: dict[ItemCode, ItemValue]

    def __repr__(self) -> str:
        return f"<Content of {self.information}>"


class Inquirer(Struct, frozen=True):
    """情報照会者: the body that asks, its kind for this task, and the office in charge (部署)."""

    agency: AgencyCode
    kind: str
    office: Annotated[str, Meta(max_length=20)]


class Provider(Struct, frozen=True):
    """情報提供者: the body that is asked, and the kind under which the list names it."""

    agency: AgencyCode
    kind: str


class PermitRequest(Struct, frozen=True):
    """Inquirer -> network (令20条, 命令40条): may this go out? The inquirer's code is in it, so it is sealed at rest."""

    v: int
    txn: str
    inquirer: AgencyCode
    office: Annotated[str, Meta(max_length=20)]
    provider: AgencyCode
    task: TaskCode
    procedure: ProcedureCode | None
    information: InformationCode
    items: Annotated[tuple[ItemCode, ...], Meta(max_length=MOST_ITEMS)]
    code: LinkageCode
    asked_at: Aware
    consent: bool
    annex_d: Hex


class Permit(Struct, frozen=True):
    """情報提供許可証: the claims of a JWS (ES256, ``typ`` ``permit+jws``) that the network signs; single use.

    ``code_d`` is a salted digest of the provider's code, never the code. ``sealing_d`` is the thumbprint of the
    inquirer's sealing key. Times are world time; the permit holds from ``valid_from`` until before ``valid_until``.
    """

    v: int
    permit: str
    txn: str
    inq: Inquirer
    prv: Provider
    task: TaskCode
    prc: ProcedureCode | None
    inf: InformationCode
    items: tuple[ItemCode, ...]
    item: str
    list: int
    list_d: Hex
    as_of: date
    asked_at: Aware
    consent: bool
    valid_from: Aware
    valid_until: Aware
    routes: tuple[str, ...]
    sealing_d: Hex
    req_d: Hex
    annex_inq: Hex
    annex_net: Hex
    code_salt: str
    code_d: Hex


class PermitReply(Struct, frozen=True, tag="permit", tag_field="t"):
    """The permit as a compact JWS."""

    permit: str


class RefusalReply(Struct, frozen=True, tag="refusal", tag_field="t"):
    """The network forbids and so ends the exchange: the shared payload and the network's JWS over it."""

    payload: bytes
    network: str


class Inquiry(Struct, frozen=True):
    """Inquirer -> network: presents the permit. Only now does the inquiry go out."""

    v: int
    txn: str
    permit: str


class Notice(Struct, frozen=True):
    """Network -> provider (令26条, 命令41条): the permit, the provider's own code for the person, the time of notice."""

    v: int
    txn: str
    permit: str
    code: LinkageCode
    notified_at: Aware


class Answer(Struct, frozen=True, tag="answer", tag_field="t"):
    """Provider -> network -> inquirer: the end of a notified exchange.

    ``payload`` is the record's shared payload, ``provider`` the provider's JWS over it, ``sealed`` the content sealed
    to the inquirer (empty unless provided). ``network`` is the network's JWS, empty on the first leg.
    """

    v: int
    txn: str
    payload: bytes
    provider: str
    sealed: bytes
    network: str = ""


class Pending(Struct, frozen=True, tag="pending", tag_field="t"):
    """Accepted and durable, and no end yet. Held, slow and unreachable look alike."""

    txn: str
    valid_until: Aware


class Withdrawal(Struct, frozen=True):
    """Inquirer -> network -> provider (取りやめ): effective only if the provider has not ended the exchange."""

    v: int
    txn: str
    permit: str


class CodeRequest(Struct, frozen=True):
    """Agency -> residents' party (令27条): acquisition numbers with 個人番号, at most 10,000 persons."""

    v: int
    agency: AgencyCode
    persons: tuple[tuple[AcquisitionNumber, IndividualNumber], ...]


class CodeIssue(Struct, frozen=True):
    """Residents' party -> network: acquisition numbers with 住民票コード. 個人番号 stays behind."""

    v: int
    agency: AgencyCode
    persons: tuple[tuple[AcquisitionNumber, ResidentCode], ...]


class CodeNotice(Struct, frozen=True):
    """Network -> agency: acquisition number with the code, or None: already held (命令44条)."""

    v: int
    agency: AgencyCode
    codes: tuple[tuple[AcquisitionNumber, LinkageCode | None, int], ...]
    """(取得番号, 符号 or None, generation)"""


class CodeReply(Struct, frozen=True):
    """How many were bound, were already held, and are unknown to the residents' party."""

    bound: int
    held: int
    unknown: tuple[AcquisitionNumber, ...]


class ResidentCodeChange(Struct, frozen=True):
    """Residents' party -> network: a person's 住民票コード was changed; the linkage codes survive it."""

    v: int
    before: ResidentCode
    after: ResidentCode


AnswerOrPending = Answer | Pending
PermitOrRefusal = PermitReply | RefusalReply

T = TypeVar("T")

encoder = msgspec.json.Encoder(enc_hook=encode_hook)


def encode(message: Struct) -> bytes:
    """The wire form of a message."""
    return encoder.encode(message)


def decode(kind: type[T], wire: bytes) -> T:
    """A message from its wire form; ``msgspec.ValidationError`` names the field, never its content."""
    return msgspec.json.decode(wire, type=kind, dec_hook=decode_hook)
