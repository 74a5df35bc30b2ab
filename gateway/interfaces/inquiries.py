"""情報照会 (SKI): registering an inquiry, its progress, what was asked, its result, taking it back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from authz.duties import Duty
from authz.principals import StaffPrincipal
from gateway.exchange.messages import MOST_ITEMS, CoarseReason, Content, Outcome
from gateway.interfaces.operation import AnyOperation, Call, Operation, Reply
from gateway.interfaces.words import (
    BY_STAFF_OR_SYSTEM,
    OF_SERVED,
    Aware,
    Cursor,
    ExchangeNumber,
    Limit,
    Person,
    cursor,
    in_tokyo,
    nobody,
    position,
    unified,
)
from gateway.intermediary import inquire, receiving, withdrawal
from gateway.intermediary.inquire import Asker, Asking, Registered
from gateway.intermediary.party import Finished, Intermediary
from gateway.intermediary.store.inquiries import InquiryRow
from gateway.problems import FieldError, Problem
from gateway.stages import mark
from sympho.codes import AgencyCode, InformationCode, ItemCode, LinkageCode, ProcedureCode, TaskCode, UnifiedNumber


class InquiryState(StrEnum):
    """How an inquiry stands. Held, slow and unreachable look alike; overdue is no end."""

    IN_PROGRESS = "in-progress"
    OVERDUE = "overdue"
    ENDED = "ended"


Items = Annotated[tuple[ItemCode, ...], Meta(max_length=MOST_ITEMS, extra_json_schema={"uniqueItems": True})]


class InquiryBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked, of whom, about whom, for which task. No items: all of the information; each is named once."""

    person: Person
    provider: AgencyCode
    task: TaskCode
    information: InformationCode
    items: Items = ()
    procedure: ProcedureCode | None = None
    consent: bool = False
    non_disclosure: bool = False


class InquiryView(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An inquiry as its own office sees it. ``reasons`` are those of our own side where it has refused itself."""

    exchange: str
    state: InquiryState
    asked_at: Aware
    reasons: tuple[str, ...]
    withdrawal_asked: bool
    outcome: Outcome | None = None
    reason: CoarseReason | None = None
    valid_until: Aware | None = None
    ended_at: Aware | None = None
    content: Content | None = None


class InquiryRequestView(Struct, frozen=True, kw_only=True):
    """What an inquiry asked, and who asked."""

    exchange: str
    person: UnifiedNumber
    provider: AgencyCode
    task: TaskCode
    procedure: ProcedureCode | None
    information: InformationCode
    items: tuple[ItemCode, ...]
    consent: bool
    non_disclosure: bool
    office: str
    asked_by: str
    asked_at: Aware


class WithdrawalView(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """取りやめ: whether it was asked for, and how the inquiry stands. It took effect where the outcome is withdrawn."""

    exchange: str
    state: InquiryState
    withdrawal_asked: bool
    withdrawal_asked_at: Aware | None = None
    outcome: Outcome | None = None


class InquiryQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which inquiries of the own office, and from where."""

    state: InquiryState | None = None
    after: Cursor = ""
    limit: Limit = 100


class InquiryList(Struct, frozen=True):
    """A page of inquiries in the order of asking; ``next`` is empty on the last one."""

    inquiries: tuple[InquiryView, ...]
    next: str


@dataclass(frozen=True)
class Inquiries:
    """Handlers of 情報照会."""

    server: Intermediary

    async def register(self, call: Call[InquiryBody, None]) -> Reply:
        mark("turn")
        body, asker = call.body, asker_of(call)
        if len(set(body.items)) < len(body.items):
            raise Problem("invalid-field", errors=(FieldError("$.items", "each item once expected"),))
        with call.turn or await self.server.turns.take(asker.agency) as turn:
            mark("code")
            person, code = await self._subject(asker.agency, body.person)
            asking = Asking(
                person, body.provider, body.task, body.information, body.items, body.procedure, body.consent,
                body.non_disclosure,
            )  # fmt: skip
            registered = await inquire.register(
                self.server, asker, asking, call.idempotency_key,
                wait=call.wait > 0, code=code, entry=call.entry, turn=turn,
            )  # fmt: skip
        call.concerns(registered.txn, logged=registered.row is None)
        ended = await _awaited(self.server, asker.agency, registered, call.wait)
        view = _finished_view(registered, ended) if ended is not None else await _stored(self.server, asker, registered)
        status = 201 if view.state is InquiryState.ENDED else 202
        return Reply(status, view, {"Location": f"/inquiries/{registered.txn}"})

    async def _subject(self, agency: AgencyCode, person: Person) -> tuple[UnifiedNumber, LinkageCode | None]:
        if person.system is None or person.number is None:
            [number] = await unified(self.server, agency, [person])
            return number, None
        found = await inquire.linked(self.server, agency, person.system, person.number)
        if found is None:
            raise nobody("$.person")
        return found

    async def list_inquiries(self, call: Call[None, InquiryQuery]) -> Reply:
        query, asker = call.query, asker_of(call)
        rows = await inquire.listed(self.server, asker, query.state, position(query.after), query.limit)
        more = cursor(rows[-1].asked_at, rows[-1].txn) if len(rows) == query.limit else ""
        return Reply(body=InquiryList(tuple(_view(self.server, row) for row in rows), more))

    async def find(self, call: Call[None, None]) -> InquiryRow:
        call.concerns(UUID(call.path["exchange"]))
        return await inquire.find(self.server, asker_of(call), UUID(call.path["exchange"]))

    async def show(self, call: Call[None, None]) -> Reply:
        return Reply(body=_view(self.server, await self.find(call)))

    async def show_request(self, call: Call[None, None]) -> Reply:
        return Reply(body=_request_view(await self.find(call)))

    async def show_result(self, call: Call[None, None]) -> Reply:
        return Reply(body=_view(self.server, await self.find(call), content=True))

    async def withdraw(self, call: Call[None, None]) -> Reply:
        call.concerns(UUID(call.path["exchange"]))
        await withdrawal.withdraw(self.server, asker_of(call), UUID(call.path["exchange"]))
        return Reply(202, _withdrawal_view(self.server, await self.find(call)))

    async def show_withdrawal(self, call: Call[None, None]) -> Reply:
        return Reply(body=_withdrawal_view(self.server, await self.find(call)))


def operations(server: Intermediary) -> list[AnyOperation]:
    """What whoever inquires may do, for the own office alone."""
    here = Inquiries(server)
    path = {"exchange": ExchangeNumber}
    who = BY_STAFF_OR_SYSTEM
    return [
        Operation(
            name="register-inquiry", method="POST", path="/inquiries", interface="IF_SKI_10111",
            summary_ja="情報照会の登録", summary_en="Register an inquiry",
            principals=who, duty=Duty.INQUIRE, request=InquiryBody, responses={201: InquiryView, 202: InquiryView},
            handler=here.register, idempotent=True, waits=True, in_turn=True,
            problems=OF_SERVED | {"not-found", "conflict", "list-stale"},
        ),
        Operation(
            name="list-inquiries", method="GET", path="/inquiries",
            summary_ja="情報照会の一覧", summary_en="The own office's inquiries",
            principals=who, duty=Duty.INQUIRE, query=InquiryQuery, responses={200: InquiryList},
            handler=here.list_inquiries, problems=OF_SERVED,
        ),
        Operation(
            name="show-inquiry", method="GET", path="/inquiries/{exchange}", interface="IF_SKI_10712",
            summary_ja="情報照会状況の取得", summary_en="How an inquiry stands",
            principals=who, duty=Duty.INQUIRE, path_types=path, responses={200: InquiryView}, handler=here.show,
            problems=OF_SERVED,
        ),
        Operation(
            name="show-inquiry-request", method="GET", path="/inquiries/{exchange}/request", interface="IF_SKI_10912",
            summary_ja="情報照会内容の取得", summary_en="What an inquiry asked",
            principals=who, duty=Duty.INQUIRE, path_types=path, responses={200: InquiryRequestView},
            handler=here.show_request, problems=OF_SERVED,
        ),
        Operation(
            name="show-inquiry-result", method="GET", path="/inquiries/{exchange}/result", interface="IF_SKI_11112",
            summary_ja="情報照会結果の取得", summary_en="The result of an inquiry, with what was provided",
            principals=who, duty=Duty.INQUIRE, path_types=path, responses={200: InquiryView}, handler=here.show_result,
            problems=OF_SERVED,
        ),
        Operation(
            name="withdraw-inquiry", method="POST", path="/inquiries/{exchange}/withdrawal", interface="IF_SKI_50111",
            summary_ja="情報照会の取りやめ", summary_en="Take an inquiry back",
            principals=who, duty=Duty.INQUIRE, path_types=path, responses={202: WithdrawalView}, handler=here.withdraw,
            problems=OF_SERVED | {"wrong-state", "permit-invalid", "answer-invalid", "network-unavailable"},
        ),
        Operation(
            name="show-withdrawal", method="GET", path="/inquiries/{exchange}/withdrawal", interface="IF_SKI_50412",
            summary_ja="情報照会取りやめ結果の取得", summary_en="What became of taking an inquiry back",
            principals=who, duty=Duty.INQUIRE, path_types=path, responses={200: WithdrawalView},
            handler=here.show_withdrawal, problems=OF_SERVED,
        ),
    ]  # fmt: skip


def asker_of(call: Call[InquiryBody, None] | Call[None, InquiryQuery] | Call[None, None]) -> Asker:
    """Who asks. A business system asks as an office of its own, which is named by its 業務ID."""
    asker = call.asker
    if isinstance(asker, StaffPrincipal):
        return Asker(asker.agency, asker.office, asker.staff_id, asker.tasks)
    return Asker(asker.agency, asker.system, asker.client_id, asker.tasks)


async def _awaited(server: Intermediary, agency: AgencyCode, registered: Registered, wait: int) -> Finished | None:
    """The end, if it comes within so many seconds."""
    future = registered.finished
    if future is None:
        return None
    mark("wait")
    try:
        await asyncio.wait([future], timeout=wait)
    finally:
        server.no_longer_waited(agency, registered.txn, future)
    return future.result() if future.done() else None


def _finished_view(registered: Registered, ended: Finished) -> InquiryView:
    reason = CoarseReason(ended.reason)
    return InquiryView(
        exchange=str(registered.txn),
        state=InquiryState.ENDED,
        asked_at=in_tokyo(registered.asked_at),
        reasons=ended.reasons,
        withdrawal_asked=ended.kind == Outcome.WITHDRAWN,
        outcome=Outcome(ended.kind),
        reason=None if reason is CoarseReason.NONE else reason,
        ended_at=in_tokyo(ended.ended_at),
        content=ended.content,
    )


async def _stored(server: Intermediary, asker: Asker, registered: Registered) -> InquiryView:
    """What a repeated call finds, or one that waited in vain."""
    row = registered.row
    if row is None or row.state != "ended":
        row = await inquire.find(server, asker, registered.txn)
    return _view(server, row, content=True)


def _view(server: Intermediary, row: InquiryRow, *, content: bool = False) -> InquiryView:
    opened = None
    if content and row.content is not None and row.permit is not None:
        opened = receiving.open_answer(server, AgencyCode(row.agency), row.permit, row.content)
    reason = CoarseReason(row.reason) if row.reason else CoarseReason.NONE
    ended = row.state == "ended"
    return InquiryView(
        exchange=str(row.txn),
        state=_state(server, row),
        asked_at=in_tokyo(row.asked_at),
        reasons=tuple(row.reasons),
        withdrawal_asked=row.withdrawal_asked_at is not None,
        outcome=Outcome(row.kind) if row.kind else None,
        reason=None if reason is CoarseReason.NONE else reason,
        valid_until=None if ended or row.valid_until is None else in_tokyo(row.valid_until),
        ended_at=in_tokyo(row.ended_at) if row.ended_at else None,
        content=opened,
    )


def _state(server: Intermediary, row: InquiryRow) -> InquiryState:
    if row.state == "ended":
        return InquiryState.ENDED
    overdue = row.valid_until is not None and server.clock.now() >= row.valid_until
    return InquiryState.OVERDUE if overdue else InquiryState.IN_PROGRESS


def _request_view(row: InquiryRow) -> InquiryRequestView:
    return InquiryRequestView(
        exchange=str(row.txn),
        person=UnifiedNumber(row.unified),
        provider=AgencyCode(row.provider),
        task=TaskCode(row.task),
        procedure=ProcedureCode(row.procedure) if row.procedure else None,
        information=InformationCode(row.information),
        items=tuple(ItemCode(item) for item in row.items),
        consent=row.consent,
        non_disclosure=row.non_disclosure,
        office=row.office,
        asked_by=row.asked_by,
        asked_at=in_tokyo(row.asked_at),
    )


def _withdrawal_view(server: Intermediary, row: InquiryRow) -> WithdrawalView:
    asked_at = row.withdrawal_asked_at
    return WithdrawalView(
        exchange=str(row.txn),
        state=_state(server, row),
        withdrawal_asked=asked_at is not None,
        withdrawal_asked_at=in_tokyo(asked_at) if asked_at else None,
        outcome=Outcome(row.kind) if row.kind else None,
    )
