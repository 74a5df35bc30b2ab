"""情報提供 (TKY): what an agency was asked, what would be sent, the first person's preparation, the second's release."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from authz import delegations
from authz.duties import Duty
from gateway.exchange.messages import Content, ItemValue, Outcome, Permit, ReasonOfNull
from gateway.interfaces.operation import AnyOperation, Call, Operation, Reply
from gateway.interfaces.words import (
    BY_STAFF,
    OF_SERVED,
    Aware,
    Cursor,
    ExchangeNumber,
    Limit,
    cursor,
    in_tokyo,
    position,
)
from gateway.intermediary import review
from gateway.intermediary.party import Intermediary
from gateway.intermediary.review import Choice, Preparation, Reviewer, WithholdReason
from gateway.intermediary.store import provisions as store
from gateway.intermediary.store.provisions import ProvisionRow
from gateway.problems import FieldError, Problem
from sympho.codes import AgencyCode, InformationCode, ItemCode, ProcedureCode, TaskCode, UnifiedNumber

EITHER = frozenset({Duty.RELEASE})
"""Beside 提供審査: whoever releases must see what is released."""


class ProvisionState(StrEnum):
    """How a provision stands at the provider: for its own staff alone."""

    HELD = "held"
    PREPARED = "prepared"
    ENDED = "ended"


class ProvisionQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which provisions, and from where."""

    state: ProvisionState | None = None
    after: Cursor = ""
    limit: Limit = 100


class ProvisionLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A provision in the list. ``held_for`` says why no automatic answer went out."""

    exchange: str
    state: ProvisionState
    inquirer: AgencyCode
    task: TaskCode
    information: InformationCode
    notified_at: Aware
    valid_until: Aware
    held_for: tuple[str, ...]
    prepared_by: str | None = None
    outcome: Outcome | None = None
    ended_at: Aware | None = None


class ProvisionList(Struct, frozen=True):
    """A page of provisions in the order of notice; ``next`` is empty on the last one."""

    provisions: tuple[ProvisionLine, ...]
    next: str


class ProvisionView(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was asked, under which ground, and how far it has come. ``person`` is missing where nobody is meant."""

    exchange: str
    state: ProvisionState
    inquirer: AgencyCode
    office: str
    task: TaskCode
    information: InformationCode
    items: tuple[ItemCode, ...]
    ground: str
    list: int
    notified_at: Aware
    valid_until: Aware
    held_for: tuple[str, ...]
    person: UnifiedNumber | None = None
    procedure: ProcedureCode | None = None
    choice: Choice | None = None
    withheld_for: WithholdReason | None = None
    prepared_by: str | None = None
    prepared_at: Aware | None = None
    released_by: str | None = None
    outcome: Outcome | None = None
    ended_at: Aware | None = None


class ProvisionContent(Struct, frozen=True):
    """What would be sent, or was provided; null: nothing is held, or nothing was provided."""

    exchange: str
    state: ProvisionState
    content: Content | None


class ItemBody(Struct, frozen=True, forbid_unknown_fields=True):
    """One item: a value, or the reason why there is none."""

    value: Annotated[str, Meta(max_length=4000)] | None = None
    reason_of_null: ReasonOfNull | None = None

    def __post_init__(self) -> None:
        if (self.value is None) == (self.reason_of_null is None):
            raise ValueError("either value or reason_of_null")

    def __repr__(self) -> str:
        return "<ItemBody>"


class ContentBody(Struct, frozen=True, forbid_unknown_fields=True):
    """特定個人情報 as it is sent in."""

    information: InformationCode
    layout: Annotated[str, Meta(pattern="^[0-9]{4}$")]
    items: dict[ItemCode, ItemBody]

    def __repr__(self) -> str:
        return "<ContentBody>"


class PreparationBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The first person's decision: ``content`` with a correction, ``reason`` with a withholding."""

    choice: Choice
    content: ContentBody | None = None
    reason: WithholdReason | None = None


@dataclass(frozen=True)
class Provisions:
    """Handlers of 情報提供."""

    server: Intermediary

    async def list_provisions(self, call: Call[None, ProvisionQuery]) -> Reply:
        query, agency = call.query, self.server.serve(call.agency)
        async with self.server.db.connection() as conn:
            rows = await store.list_provisions(conn, agency, query.state, position(query.after), query.limit)
        more = cursor(rows[-1].notified_at, rows[-1].txn) if len(rows) == query.limit else ""
        return Reply(body=ProvisionList(tuple(_line(row) for row in rows), more))

    async def viewed(self, call: Call[None, None] | Call[PreparationBody, None]) -> Reply:
        row, claims = await review.found(self.server, call.agency, UUID(call.path["exchange"]))
        return Reply(body=_view(row, claims))

    async def show(self, call: Call[None, None]) -> Reply:
        call.concerns(UUID(call.path["exchange"]))
        return await self.viewed(call)

    async def show_content(self, call: Call[None, None]) -> Reply:
        call.concerns(UUID(call.path["exchange"]))
        row, _, content = await review.would_send(self.server, call.agency, UUID(call.path["exchange"]))
        return Reply(body=ProvisionContent(str(row.txn), ProvisionState(row.state), content))

    async def prepare(self, call: Call[PreparationBody, None]) -> Reply:
        call.concerns(UUID(call.path["exchange"]))
        reviewer = Reviewer(call.agency, call.staff.staff_id)
        await review.prepare(self.server, reviewer, UUID(call.path["exchange"]), _preparation(call.body))
        return await self.viewed(call)

    async def release(self, call: Call[None, None]) -> Reply:
        call.concerns(UUID(call.path["exchange"]))
        await review.release(self.server, await self._second(call), UUID(call.path["exchange"]))
        return await self.viewed(call)

    async def send_back(self, call: Call[None, None]) -> Reply:
        call.concerns(UUID(call.path["exchange"]))
        await review.send_back(self.server, await self._second(call), UUID(call.path["exchange"]))
        return await self.viewed(call)

    async def _second(self, call: Call[None, None]) -> Reviewer:
        """The caller as a second person: whoever stands for another one is no other person."""
        me = call.staff.staff_id
        async with self.server.db.connection() as conn:
            same = await delegations.one_person_with(conn, call.agency, me, call.at.machine)
        return Reviewer(call.agency, me, same)


def operations(server: Intermediary) -> list[AnyOperation]:
    """What reviewers and releasers may do, for their own agency alone."""
    here = Provisions(server)
    path = {"exchange": ExchangeNumber}
    second = OF_SERVED | {"wrong-state", "four-eyes"}
    return [
        Operation(
            name="list-provisions", method="GET", path="/provisions", interface="IF_TKY_11312",
            summary_ja="情報提供状況の取得", summary_en="What the agency was asked",
            principals=BY_STAFF, duty=Duty.REVIEW, or_duty=EITHER, query=ProvisionQuery,
            responses={200: ProvisionList}, handler=here.list_provisions, problems=OF_SERVED,
        ),
        Operation(
            name="show-provision", method="GET", path="/provisions/{exchange}", interface="IF_TKY_11512",
            summary_ja="情報照会内容（提供側）の取得", summary_en="What was asked, and how far the answer has come",
            principals=BY_STAFF, duty=Duty.REVIEW, or_duty=EITHER, path_types=path,
            responses={200: ProvisionView}, handler=here.show, problems=OF_SERVED,
        ),
        Operation(
            name="show-provision-content", method="GET", path="/provisions/{exchange}/content",
            interface="IF_TKY_11912",
            summary_ja="情報提供内容の取得", summary_en="What would be sent, or was provided",
            principals=BY_STAFF, duty=Duty.REVIEW, or_duty=EITHER, path_types=path,
            responses={200: ProvisionContent}, handler=here.show_content, problems=OF_SERVED,
        ),
        Operation(
            name="prepare-provision", method="POST", path="/provisions/{exchange}/preparation",
            interface="IF_TKY_20311",
            summary_ja="情報提供内容の登録", summary_en="Confirm, correct or propose to withhold, as the first person",
            principals=BY_STAFF, duty=Duty.REVIEW, path_types=path, request=PreparationBody,
            responses={200: ProvisionView}, handler=here.prepare, problems=OF_SERVED | {"wrong-state"},
        ),
        Operation(
            name="release-provision", method="POST", path="/provisions/{exchange}/release", interface="IF_TKY_20511",
            summary_ja="情報提供送信の許可", summary_en="Release what was prepared, as the second person",
            principals=BY_STAFF, duty=Duty.RELEASE, path_types=path, responses={200: ProvisionView}, recent=True,
            handler=here.release, problems=second | {"changed-since-prepared"},
        ),
        Operation(
            name="return-provision", method="POST", path="/provisions/{exchange}/return",
            summary_ja="情報提供内容の差戻し", summary_en="Send what was prepared back to the first person",
            principals=BY_STAFF, duty=Duty.RELEASE, path_types=path, responses={200: ProvisionView},
            handler=here.send_back, problems=second,
        ),
    ]  # fmt: skip


def content_of(body: ContentBody) -> Content:
    """The content that was sent in, as a message carries it."""
    items = {code: ItemValue(item.value, item.reason_of_null) for code, item in body.items.items()}
    return Content(body.information, body.layout, items)


def _preparation(body: PreparationBody) -> Preparation:
    """A choice with what belongs to it and nothing else: a reason that would be passed over is a slip."""
    faults = []
    if body.content is not None and body.choice is not Choice.CORRECT:
        faults.append(FieldError("$.content", "only with a correction"))
    if body.reason is not None and body.choice is not Choice.WITHHOLD:
        faults.append(FieldError("$.reason", "only with a withholding"))
    if faults:
        raise Problem("invalid-field", errors=tuple(faults))
    return Preparation(body.choice, content_of(body.content) if body.content else None, body.reason)


def _line(row: ProvisionRow) -> ProvisionLine:
    return ProvisionLine(
        exchange=str(row.txn),
        state=ProvisionState(row.state),
        inquirer=AgencyCode(row.inquirer),
        task=TaskCode(row.task),
        information=InformationCode(row.information),
        notified_at=in_tokyo(row.notified_at),
        valid_until=in_tokyo(row.valid_until),
        held_for=tuple(row.held_for),
        prepared_by=row.prepared_by,
        outcome=Outcome(row.kind) if row.kind else None,
        ended_at=in_tokyo(row.ended_at) if row.ended_at else None,
    )


def _view(row: ProvisionRow, claims: Permit) -> ProvisionView:
    return ProvisionView(
        exchange=str(row.txn),
        state=ProvisionState(row.state),
        inquirer=claims.inq.agency,
        office=claims.inq.office,
        task=claims.task,
        information=claims.inf,
        items=claims.items,
        ground=claims.item,
        list=claims.list,
        notified_at=in_tokyo(row.notified_at),
        valid_until=in_tokyo(row.valid_until),
        held_for=tuple(row.held_for),
        person=UnifiedNumber(row.unified) if row.unified else None,
        procedure=claims.prc,
        choice=Choice(row.decision) if row.decision else None,
        withheld_for=WithholdReason(row.withheld_for) if row.withheld_for else None,
        prepared_by=row.prepared_by,
        prepared_at=in_tokyo(row.prepared_at) if row.prepared_at else None,
        released_by=row.released_by,
        outcome=Outcome(row.kind) if row.kind else None,
        ended_at=in_tokyo(row.ended_at) if row.ended_at else None,
    )
