"""The doors between the parties: what each may ask of the other. Two transports open them, ``local`` and ``remote``.

A door is bound to whoever holds it: the transport, never the message, says who is speaking, and the party behind the
door compares the two. Every call may raise ``Problem``; ``network-unavailable`` means that nobody can be reached there
now, and that the same call may be repeated.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from gateway.clock import ClockSetting
from gateway.exchange.jws import Jwk
from gateway.exchange.messages import (
    Answer,
    AnswerOrPending,
    CodeIssue,
    CodeNotice,
    CodeReply,
    CodeRequest,
    Inquiry,
    Notice,
    PermitOrRefusal,
    ResidentCodeChange,
    Withdrawal,
)
from sympho.codes import AgencyCode

__all__ = [
    "Enrolment",
    "Enrolments",
    "IntermediaryDoor",
    "IssuingDoor",
    "NetworkBoard",
    "NetworkDoor",
    "Pulse",
    "ResidentsDoor",
]


class Pulse(Struct, frozen=True):
    """What every party asks the network for, twice a second: the world's clock and the serials now in force."""

    clock: ClockSetting
    directory: int
    list: int


class Enrolment(Struct, frozen=True):
    """An agency's public keys as its intermediary server made them, and where that server listens."""

    agency: AgencyCode
    endpoint: str
    signing: Jwk
    sealing: str


class Enrolments(Struct, frozen=True):
    """A server's agencies, made known at once: one edition of the directory for all of them."""

    v: int
    agencies: tuple[Enrolment, ...]


class NetworkDoor(Protocol):
    """情報提供ネットワークシステム as one agency's server sees it."""

    async def permit(self, request: bytes) -> PermitOrRefusal: ...
    async def inquire(self, inquiry: Inquiry) -> AnswerOrPending: ...
    async def withdraw(self, withdrawal: Withdrawal) -> AnswerOrPending: ...
    async def answer(self, answer: Answer) -> None: ...


class NetworkBoard(Protocol):
    """The network as any party sees it: what it publishes, and where a server makes its agencies' keys known."""

    async def pulse(self) -> Pulse: ...
    async def directory(self) -> str: ...
    async def manifest(self, serial: int) -> str: ...
    async def list_part(self, digest: str) -> bytes: ...
    async def enrol(self, enrolments: tuple[Enrolment, ...]) -> None: ...


class IssuingDoor(Protocol):
    """The network as the residents' party sees it (FGU)."""

    async def issue(self, issue: CodeIssue) -> CodeReply: ...
    async def change_resident_code(self, change: ResidentCodeChange) -> None: ...


class IntermediaryDoor(Protocol):
    """中間サーバー as the network sees it; the agency is named in each call because one server serves many."""

    async def notice(self, agency: AgencyCode, notice: Notice) -> AnswerOrPending: ...
    async def withdraw(self, agency: AgencyCode, withdrawal: Withdrawal) -> AnswerOrPending: ...
    async def answer(self, agency: AgencyCode, answer: Answer) -> None: ...
    async def bind_codes(self, agency: AgencyCode, notice: CodeNotice) -> CodeReply: ...


class ResidentsDoor(Protocol):
    """住基ネット's stand-in as an agency sees it."""

    async def request_codes(self, request: CodeRequest) -> CodeReply: ...
