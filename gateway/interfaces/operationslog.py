"""操作記録 (SCM): who did what, where, when, with which outcome; searched page by page, or taken out as a whole."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from authz.duties import Duty
from authz.operations import PAGE_LIMIT, Logged, OperationOutcome, Search
from authz.operations.store import search
from gateway.interfaces.house import House
from gateway.interfaces.operation import AnyOperation, Call, Operation, Reply
from gateway.interfaces.words import BY_STAFF, Aware, Limit, in_tokyo
from sympho.codes import AgencyCode

OperationName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9.-]{0,63}$")]


class _Wanted(Struct, frozen=True, forbid_unknown_fields=True):
    since: Aware | None = None
    until: Aware | None = None
    person: Annotated[str, Meta(pattern="^(stf|cli)_[a-z2-7]{26}$")] | None = None
    name: OperationName | None = None
    outcome: OperationOutcome | None = None
    exchange: UUID | None = None
    about: Annotated[str, Meta(pattern="^(stf|cli|trm|dlg|ses)_[a-z2-7]{26}$")] | None = None
    terminal: Annotated[str, Meta(pattern="^[A-Za-z0-9.:%_-]{1,64}$")] | None = None


class OperationQuery(_Wanted, frozen=True, forbid_unknown_fields=True):
    """Which entries of the operations log; times are world time, ``before`` is ``next`` of the page before."""

    before: Annotated[int, Meta(ge=1, le=2**63 - 1)] | None = None
    limit: Limit = 100


class Form(StrEnum):
    """How the log is taken out: comma-separated values, or one JSON object a line."""

    CSV = "csv"
    JSON_LINES = "jsonl"


class ExportQuery(_Wanted, frozen=True, forbid_unknown_fields=True):
    """Which entries of the operations log are taken out, all of them."""


class OperationEntry(Struct, frozen=True):
    """操作記録: who did what, where, when, with which outcome. ``person`` is an account, a client, or empty."""

    seq: int
    at: Aware
    machine_at: Aware
    person: str
    session: str
    terminal: str
    name: str
    interface: str
    outcome: OperationOutcome
    reason: str
    exchange: UUID | None
    about: str


class OperationLog(Struct, frozen=True):
    """A page of the log, newest first; ``next`` is null on the last one."""

    operations: tuple[OperationEntry, ...]
    next: int | None


@dataclass(frozen=True)
class Log:
    """Handlers of 監査."""

    house: House

    async def read(self, call: Call[None, OperationQuery]) -> Reply:
        query = call.query
        wanted = replace(_search(query), before=query.before, limit=query.limit)
        entries = await self._page(call.agency, wanted)
        more = entries[-1].seq if len(entries) == query.limit else None
        return Reply(body=OperationLog(tuple(_entry(one) for one in entries), more))

    async def export_csv(self, call: Call[None, ExportQuery]) -> Reply:
        return await self._export(call, Form.CSV)

    async def export_lines(self, call: Call[None, ExportQuery]) -> Reply:
        return await self._export(call, Form.JSON_LINES)

    async def _export(self, call: Call[None, ExportQuery], form: Form) -> Reply:
        wanted = replace(_search(call.query), limit=PAGE_LIMIT)
        first = await self._page(call.agency, wanted)
        headers = {"Content-Disposition": f'attachment; filename="operations-{call.agency}.{form}"'}
        return Reply(body=self._parts(call.agency, wanted, first, form), headers=headers)

    async def _page(self, agency: AgencyCode, wanted: Search) -> tuple[Logged, ...]:
        async with self.house.desk_of(agency).db.connection() as conn:
            return await search(conn, agency, wanted)

    async def _parts(
        self, agency: AgencyCode, wanted: Search, first: tuple[Logged, ...], form: Form
    ) -> AsyncIterator[bytes]:
        """Page after page, newest first: no connection is held while the caller reads, and memory stays flat."""
        if form is Form.CSV:
            yield _csv([OperationEntry.__struct_fields__])
        page = first
        while page:
            yield _written(page, form)
            if len(page) < PAGE_LIMIT:
                return
            page = await self._page(agency, replace(wanted, before=page[-1].seq))


def operations(house: House) -> list[AnyOperation]:
    """What whoever audits may read and take out."""
    here = Log(house)
    return [
        Operation(
            name="read-operations", method="GET", path="/operations",
            summary_ja="操作記録の閲覧", summary_en="Read the operations log",
            principals=BY_STAFF, duty=Duty.AUDIT, query=OperationQuery, responses={200: OperationLog},
            handler=here.read, problems=frozenset({"wrong-agency"}),
        ),
        Operation(
            name="export-operations-csv", method="GET", path="/operations.csv",
            summary_ja="操作記録の書き出し（CSV）", summary_en="Take the operations log out as CSV",
            principals=BY_STAFF, duty=Duty.AUDIT, query=ExportQuery, responses={200: bytes}, handler=here.export_csv,
            media="text/csv", problems=frozenset({"wrong-agency"}),
        ),
        Operation(
            name="export-operations-lines", method="GET", path="/operations.jsonl",
            summary_ja="操作記録の書き出し（JSON Lines）", summary_en="Take the operations log out, one JSON object a line",
            principals=BY_STAFF, duty=Duty.AUDIT, query=ExportQuery, responses={200: bytes},
            handler=here.export_lines, media="application/jsonl", problems=frozenset({"wrong-agency"}),
        ),
    ]  # fmt: skip


def _search(query: _Wanted) -> Search:
    return Search(
        query.since, query.until, query.person, query.name, query.outcome, query.exchange, query.about, query.terminal
    )


def _entry(one: Logged) -> OperationEntry:
    operation = one.operation
    actor = operation.actor
    return OperationEntry(
        one.seq,
        in_tokyo(operation.at.world),
        operation.at.machine,
        actor.person,
        actor.session,
        actor.terminal,
        operation.name,
        operation.interface,
        operation.outcome,
        operation.reason,
        operation.exchange,
        operation.about,
    )


_encoder = msgspec.json.Encoder()


def _written(page: Sequence[Logged], form: Form) -> bytes:
    entries = [_entry(one) for one in page]
    if form is Form.JSON_LINES:
        return _encoder.encode_lines(entries)
    return _csv([_cells(one) for one in entries])


def _cells(entry: OperationEntry) -> Sequence[object]:
    plain = msgspec.to_builtins(entry)
    return ["" if plain[name] is None else plain[name] for name in OperationEntry.__struct_fields__]


def _csv(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()
