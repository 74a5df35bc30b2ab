"""The transport inside one process: handles that carry their holder's identity, so that nothing is sent as someone
else.

The parties meet here and nowhere else; what a handle passes on is what would go over the wire.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.exchange.doors import Enrolment, Pulse
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
from gateway.intermediary import codes, inquire, provide, review
from gateway.intermediary.party import Intermediary
from gateway.neighbours import residents
from gateway.neighbours.residents import Residents
from gateway.network import issuing, lists, permits, publishing, relaying
from gateway.network.party import Network
from sympho.codes import AgencyCode


@dataclass(frozen=True)
class LocalNetwork:
    """The network's door, held by one agency."""

    network: Network
    holder: AgencyCode

    async def permit(self, request: bytes) -> PermitOrRefusal:
        return await permits.permit(self.network, self.holder, request)

    async def inquire(self, inquiry: Inquiry) -> AnswerOrPending:
        return await relaying.inquire(self.network, self.holder, inquiry)

    async def withdraw(self, withdrawal: Withdrawal) -> AnswerOrPending:
        return await relaying.withdraw(self.network, self.holder, withdrawal)

    async def answer(self, answer: Answer) -> None:
        await relaying.answer(self.network, self.holder, answer)


@dataclass(frozen=True)
class LocalBoard:
    """What the network publishes."""

    network: Network

    async def pulse(self) -> Pulse:
        return publishing.pulse(self.network)

    async def directory(self) -> str:
        return self.network.published.signed

    async def manifest(self, serial: int) -> str:
        return await lists.manifest(self.network, serial)

    async def list_part(self, digest: str) -> bytes:
        return await lists.part(self.network, digest)

    async def enrol(self, enrolments: tuple[Enrolment, ...]) -> None:
        await publishing.enrol(self.network, enrolments)


@dataclass(frozen=True)
class LocalIssuing:
    """The network's issuing door, held by the residents' party."""

    network: Network

    async def issue(self, issue: CodeIssue) -> CodeReply:
        return await issuing.issue(self.network, issue)

    async def change_resident_code(self, change: ResidentCodeChange) -> None:
        await issuing.change_resident_code(self.network, change)


@dataclass(frozen=True)
class LocalIntermediary:
    """An intermediary server's door, held by the network."""

    server: Intermediary

    async def notice(self, agency: AgencyCode, notice: Notice) -> AnswerOrPending:
        return await provide.notice(self.server, agency, notice)

    async def withdraw(self, agency: AgencyCode, withdrawal: Withdrawal) -> AnswerOrPending:
        return await review.withdraw(self.server, agency, withdrawal)

    async def answer(self, agency: AgencyCode, answer: Answer) -> None:
        await inquire.answered_later(self.server, agency, answer)

    async def bind_codes(self, agency: AgencyCode, notice: CodeNotice) -> CodeReply:
        return await codes.bind_codes(self.server, agency, notice)


@dataclass(frozen=True)
class LocalResidents:
    """The residents' party's door, held by one agency."""

    party: Residents
    holder: AgencyCode

    async def request_codes(self, request: CodeRequest) -> CodeReply:
        return await residents.request_codes(self.party, self.holder, request)
