"""What the parties ask of each other (データ送受信), as operations: the server's side of ``gateway.exchange.remote``.

Who calls is what the certificate says, never what the message says; the flows compare the two. A call by somebody whose
message this cannot be is alarmed. A message that was sent at another world time is looked at again once the clock has
been asked for: a clock that was just set reaches the parties one after the other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from authz.duties import PrincipalKind
from gateway.clock import Clock
from gateway.exchange.certificates import CertificateReply, JoinRequest, RenewalRequest
from gateway.exchange.directory import LIMIT as DIRECTORY_LIMIT
from gateway.exchange.doors import Enrolments, NetworkBoard, Pulse
from gateway.exchange.messages import (
    CODES_LIMIT,
    MESSAGE_LIMIT,
    SKEW,
    VERSION,
    Answer,
    AnswerOrPending,
    CodeIssue,
    CodeNotice,
    CodeReply,
    CodeRequest,
    Hex,
    Inquiry,
    Notice,
    PermitOrRefusal,
    ResidentCodeChange,
    Withdrawal,
)
from gateway.exchange.numbers import exchange_number
from gateway.exchange.places import PartyPath
from gateway.exchange.remote import Follow
from gateway.interfaces.operation import AnyOperation, Call, Operation, Reply
from gateway.intermediary import codes, inquire, provide, review
from gateway.intermediary.party import Intermediary
from gateway.intermediary.store import held
from gateway.neighbours import residents as residents_flow
from gateway.neighbours.residents import Residents
from gateway.network import alarms, issuing, joining, lists, permits, publishing, relaying
from gateway.network.party import Network
from gateway.pki import Authority
from gateway.problems import FieldError, Problem
from sympho.codes import AgencyCode

__all__ = ["follow_board", "intermediary_doors", "joining_doors", "network_doors", "residents_doors"]

PARTY = frozenset({PrincipalKind.PARTY})
ENDPOINT_LENGTH = 200


class ManifestQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which published list."""

    serial: Annotated[int, Meta(ge=1, le=2**31)]


class PartQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of a list."""

    digest: Hex


class _Head(Struct, frozen=True):
    """What a message is told by before it is read as a whole: its bytes are evidence and stay as they are."""

    v: int
    txn: str


_head = msgspec.json.Decoder(_Head)


def follow_board(clock: Clock, board: NetworkBoard) -> Follow:
    """Asks the network for world time. While the network cannot be reached, the clock stays as it is."""

    async def follow() -> None:
        try:
            clock.follow((await board.pulse()).clock)
        except Problem:
            return

    return follow


def door(
    name: str,
    path: PartyPath,
    summary: tuple[str, str],
    handler: Callable[[Call[Any, Any]], Awaitable[Reply]],
    reply: Any,
    **more: Any,
) -> AnyOperation:
    """An operation between parties: POST unless ``more`` says otherwise."""
    declared: dict[str, Any] = {
        "method": "POST",
        "principals": PARTY,
        "duty": None,
        "responses": {204: None} if reply is None else {200: reply},
    }
    return Operation(
        name=f"party.{name}",
        path=path.value,
        summary_ja=summary[0],
        summary_en=summary[1],
        handler=handler,
        **(declared | more),
    )


async def _in_time(call: Call[Any, Any], clock: Clock, follow: Follow | None = None) -> None:
    """``clock-skew`` unless the message was sent at our world time, give or take ``SKEW``."""
    if call.sent_at is not None and abs(clock.now() - call.sent_at) <= SKEW:
        return
    if follow is not None and call.sent_at is not None:
        await follow()
        if abs(clock.now() - call.sent_at) <= SKEW:
            return
    raise Problem("clock-skew")


def _of_version(version: int) -> None:
    if version != VERSION:
        raise Problem("invalid-field", errors=(FieldError("$.v", f"version {VERSION} is spoken here"),))


def _about(call: Call[Any, Any], version: int, txn: str) -> None:
    _of_version(version)
    call.concerns(exchange_number(txn))


# --- the network --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _AtNetwork:
    network: Network
    authority: Authority

    async def permit(self, call: Call[bytes, None]) -> Reply:
        caller = await self._agency(call, "permit-request")
        try:
            head = _head.decode(call.raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            head = None
        if head is None:
            raise Problem("malformed-body")
        _about(call, head.v, head.txn)
        return Reply(body=await permits.permit(self.network, caller, call.raw))

    async def inquire(self, call: Call[Inquiry, None]) -> Reply:
        caller = await self._agency(call, "inquiry")
        _about(call, call.body.v, call.body.txn)
        return Reply(body=await relaying.inquire(self.network, caller, call.body))

    async def withdraw(self, call: Call[Withdrawal, None]) -> Reply:
        caller = await self._agency(call, "withdrawal")
        _about(call, call.body.v, call.body.txn)
        return Reply(body=await relaying.withdraw(self.network, caller, call.body))

    async def answer(self, call: Call[Answer, None]) -> Reply:
        caller = await self._agency(call, "answer")
        _about(call, call.body.v, call.body.txn)
        await relaying.answer(self.network, caller, call.body)
        return Reply(204)

    async def pulse(self, call: Call[None, None]) -> Reply:
        self._published()
        return Reply(body=publishing.pulse(self.network))

    async def directory(self, call: Call[None, None]) -> Reply:
        self._published()
        return Reply(body=self.network.published.signed.encode())

    async def manifest(self, call: Call[None, ManifestQuery]) -> Reply:
        return Reply(body=(await lists.manifest(self.network, call.query.serial)).encode())

    async def list_part(self, call: Call[None, PartQuery]) -> Reply:
        return Reply(body=await lists.part(self.network, call.query.digest))

    async def enrol(self, call: Call[Enrolments, None]) -> Reply:
        await self._role(call, joining.INTERMEDIARY, "enrolment")
        _of_version(call.body.v)
        for one in call.body.agencies:
            if one.agency not in call.party.agencies:
                await alarms.wrong_party(self.network, call.party.identity, "enrolment", "wrong-agency")
                raise Problem("wrong-agency")
            if not _is_endpoint(one.endpoint):
                raise Problem("invalid-field", errors=(FieldError("$.agencies.endpoint", "https://host:port"),))
        await publishing.enrol(self.network, call.body.agencies)
        return Reply(204)

    async def renew(self, call: Call[RenewalRequest, None]) -> Reply:
        _of_version(call.body.v)
        [role, *others] = sorted(call.party.roles) or [""]
        if others or role not in {joining.INTERMEDIARY, joining.RESIDENTS}:
            raise await self._wrong(call, "certificate-request")
        return Reply(body=await joining.renew(self.network, self.authority, role, call.party.agencies, call.body))

    async def issue(self, call: Call[CodeIssue, None]) -> Reply:
        await self._role(call, joining.RESIDENTS, "code-issue")
        await _in_time(call, self.network.clock)
        _of_version(call.body.v)
        if self.network.published.directory.find(call.body.agency) is None:
            raise Problem("unknown-code", f"agency {call.body.agency} is not in the directory")
        return Reply(body=await issuing.issue(self.network, call.body))

    async def change_resident_code(self, call: Call[ResidentCodeChange, None]) -> Reply:
        await self._role(call, joining.RESIDENTS, "resident-code-change")
        await _in_time(call, self.network.clock)
        _of_version(call.body.v)
        await issuing.change_resident_code(self.network, call.body)
        return Reply(204)

    def _published(self) -> None:
        """``not-ready`` while nothing was published yet."""
        if self.network.publication is None:
            raise Problem("not-ready")

    async def _agency(self, call: Call[Any, Any], message: str) -> AgencyCode:
        """The one agency of the certificate: an agency speaks for itself, a role never does."""
        self._published()
        if call.party.roles or call.party.agency is None:
            raise await self._wrong(call, message)
        await _in_time(call, self.network.clock)
        return call.party.agency

    async def _role(self, call: Call[Any, Any], role: str, message: str) -> None:
        self._published()
        if call.party.roles != {role}:
            raise await self._wrong(call, message)

    async def _wrong(self, call: Call[Any, Any], message: str) -> Problem:
        await alarms.wrong_party(self.network, call.party.identity, message, "wrong-principal")
        return Problem("wrong-principal")


def _is_endpoint(text: str) -> bool:
    if len(text) > ENDPOINT_LENGTH or not text.isascii() or not text.isprintable():
        return False
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    plain = f"https://{parts.netloc}" == text and "@" not in parts.netloc
    return plain and bool(parts.hostname) and port is not None


def network_doors(network: Network, authority: Authority) -> tuple[AnyOperation, ...]:
    """情報提供ネットワークシステム: what agencies, intermediary servers and the residents' party may ask of it."""
    at = _AtNetwork(network, authority)
    permit = ("情報提供許可証の求め", "Ask for a permit")
    codes_at_once = {"request": CodeIssue, "limit": CODES_LIMIT}
    return (
        door("permit", PartyPath.PERMIT, permit, at.permit, PermitOrRefusal, request=bytes, limit=MESSAGE_LIMIT),
        door(
            "inquire", PartyPath.INQUIRE, ("情報照会", "Inquire with a permit"), at.inquire, AnswerOrPending,
            request=Inquiry,
        ),
        door("withdraw", PartyPath.WITHDRAW, ("照会の取りやめ", "Withdraw"), at.withdraw, AnswerOrPending, request=Withdrawal),
        door("answer", PartyPath.ANSWER, ("情報提供", "Answer"), at.answer, None, request=Answer),
        door("pulse", PartyPath.PULSE, ("世界時刻と版", "World time and serials"), at.pulse, Pulse, method="GET"),
        door(
            "directory", PartyPath.DIRECTORY, ("機関の名簿", "The directory"), at.directory, bytes,
            method="GET", media="application/jose",
        ),
        door(
            "list-manifest", PartyPath.LIST_MANIFEST, ("照会許可用照合リストの目録", "A list's signed manifest"),
            at.manifest, bytes, method="GET", query=ManifestQuery, media="application/jose",
        ),
        door(
            "list-part", PartyPath.LIST_PART, ("照会許可用照合リストの部分", "A part of a list"), at.list_part, bytes,
            method="GET", query=PartQuery,
        ),
        door(
            "enrol", PartyPath.ENROL, ("機関の鍵の登録", "Make agencies' keys known"), at.enrol, None,
            request=Enrolments, limit=DIRECTORY_LIMIT,
        ),
        door(
            "renew", PartyPath.RENEW, ("証明書の更新", "Renew certificates"), at.renew, CertificateReply,
            request=RenewalRequest, limit=DIRECTORY_LIMIT,
        ),
        door("issue-codes", PartyPath.ISSUE, ("符号の生成", "Issue codes"), at.issue, CodeReply, **codes_at_once),
        door(
            "change-resident-code", PartyPath.CHANGE_RESIDENT_CODE, ("住民票コードの変更", "A resident code has changed"),
            at.change_resident_code, None, request=ResidentCodeChange,
        ),
    )  # fmt: skip


def joining_doors(network: Network, authority: Authority) -> tuple[AnyOperation, ...]:
    """The one operation of the listener for those who have no certificate yet."""

    async def join(call: Call[JoinRequest, None]) -> Reply:
        _of_version(call.body.v)
        return Reply(body=await joining.join(network, authority, call.body))

    return (
        door(
            "join", PartyPath.JOIN, ("参加", "Join with a one-time token"), join, CertificateReply,
            principals=frozenset({PrincipalKind.PUBLIC}), request=JoinRequest, limit=DIRECTORY_LIMIT,
        ),
    )  # fmt: skip


# --- an intermediary server ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _AtIntermediary:
    server: Intermediary
    follow: Follow

    async def notice(self, call: Call[Notice, None]) -> Reply:
        agency = await self._named(call, "notice")
        _about(call, call.body.v, call.body.txn)
        return Reply(body=await provide.notice(self.server, agency, call.body))

    async def withdraw(self, call: Call[Withdrawal, None]) -> Reply:
        agency = await self._named(call, "withdrawal")
        _about(call, call.body.v, call.body.txn)
        return Reply(body=await review.withdraw(self.server, agency, call.body))

    async def answer(self, call: Call[Answer, None]) -> Reply:
        agency = await self._named(call, "answer")
        _about(call, call.body.v, call.body.txn)
        await inquire.answered_later(self.server, agency, call.body)
        return Reply(204)

    async def bind_codes(self, call: Call[CodeNotice, None]) -> Reply:
        agency = await self._named(call, "code-notice")
        _of_version(call.body.v)
        return Reply(body=await codes.bind_codes(self.server, agency, call.body))

    async def _named(self, call: Call[Any, Any], message: str) -> AgencyCode:
        """The agency of the path, for a call of the network; anybody else's is alarmed."""
        agency = AgencyCode(call.path["agency"])
        if call.party.roles != {joining.NETWORK}:
            async with self.server.db.transaction() as conn:
                await held.insert_alarm(conn, self.server.clock.now(), agency, message, "wrong-principal", None)
            raise Problem("wrong-principal")
        await _in_time(call, self.server.clock, self.follow)
        return agency


def intermediary_doors(server: Intermediary) -> tuple[AnyOperation, ...]:
    """中間サーバー: what the network may bring to the agencies that it serves."""
    at = _AtIntermediary(server, follow_board(server.clock, server.board))
    named = {"path_types": {"agency": AgencyCode}}
    return (
        door("notice", PartyPath.NOTICE, ("通知", "Notify"), at.notice, AnswerOrPending, request=Notice, **named),
        door(
            "agency-withdraw", PartyPath.AGENCY_WITHDRAW, ("取りやめの通知", "Pass on a withdrawal"), at.withdraw,
            AnswerOrPending, request=Withdrawal, **named,
        ),
        door(
            "agency-answer", PartyPath.AGENCY_ANSWER, ("照会結果の配信", "Deliver an answer"), at.answer, None,
            request=Answer, **named,
        ),
        door(
            "bind-codes", PartyPath.BIND_CODES, ("符号の通知", "Bring codes"), at.bind_codes, CodeReply,
            request=CodeNotice, limit=CODES_LIMIT, **named,
        ),
    )  # fmt: skip


# --- the residents' party -----------------------------------------------------------------------------------------


def residents_doors(party: Residents, clock: Clock, follow: Follow) -> tuple[AnyOperation, ...]:
    """住基ネット's stand-in: what agencies may ask of it."""

    async def request_codes(call: Call[CodeRequest, None]) -> Reply:
        if call.party.roles or call.party.agency is None:
            raise Problem("wrong-principal")
        await _in_time(call, clock, follow)
        _of_version(call.body.v)
        return Reply(body=await residents_flow.request_codes(party, call.party.agency, call.body))

    return (
        door(
            "request-codes", PartyPath.REQUEST_CODES, ("符号の取得の求め", "Request codes"), request_codes, CodeReply,
            request=CodeRequest, limit=CODES_LIMIT,
        ),
    )  # fmt: skip
