"""情報提供等記録管理 (TKM): a holder's own records listed, found by person, read and verified; the same at the network."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from msgspec import Struct

from authz.duties import Duty
from gateway.exchange.jws import unverified_payload
from gateway.exchange.messages import Outcome
from gateway.interfaces.house import Desk, House
from gateway.interfaces.operation import AnyOperation, Call, Operation, Reply
from gateway.interfaces.words import (
    BY_STAFF,
    OF_SERVED,
    Aware,
    Cursor,
    ExchangeNumber,
    Limit,
    Person,
    cursor,
    in_tokyo,
    position,
    unified,
)
from gateway.intermediary.party import Intermediary
from gateway.problems import Problem
from gateway.records import record, store, subjects
from gateway.records.record import Annex, RecordPayload, Role
from gateway.records.store import Position, RecordRow
from gateway.records.verify import Fault, FaultCode, RecordRefused, verify_annex, verify_record
from sympho.codes import AgencyCode, InformationCode, TaskCode

HELD_HERE = frozenset({"wrong-agency", "directory-stale", "not-ready"})


class RecordQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Records that ended within these times, the end exclusive, and from where."""

    since: Aware | None = None
    until: Aware | None = None
    after: Cursor = ""
    limit: Limit = 100


class RecordSearchBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A person's records: for disclosure to that person (開示)."""

    person: Person
    after: Cursor = ""
    limit: Limit = 100


class RecordLine(Struct, frozen=True):
    """A record in a list. ``retained_until``: the first day on which it may go."""

    exchange: str
    role: Role
    outcome: Outcome
    ended_at: Aware
    counterpart: AgencyCode
    task: TaskCode
    information: InformationCode
    retained_until: date


class RecordList(Struct, frozen=True):
    """A page of records in the order of their ends; ``next`` is empty on the last one."""

    records: tuple[RecordLine, ...]
    next: str


class RecordView(Struct, frozen=True):
    """A holder's record: signed as ``record``, readable as ``payload``; its annex beside it, also as bytes' text."""

    exchange: str
    holder: AgencyCode
    role: Role
    payload: RecordPayload
    record: str
    annex: Annex
    annex_text: str
    retained_until: date


class FaultView(Struct, frozen=True):
    """One finding of a verification."""

    code: FaultCode
    holder: str
    reason: str


class VerificationView(Struct, frozen=True):
    """What is wrong with a record and its annex, by the keys of the signed directory; nothing: it holds."""

    exchange: str
    holder: AgencyCode
    verified: bool
    faults: tuple[FaultView, ...]


@dataclass(frozen=True)
class Records:
    """Handlers of 記録閲覧."""

    house: House

    async def list_records(self, call: Call[None, RecordQuery]) -> Reply:
        query, agency = call.query, call.agency
        begin = Position(*position(query.after))
        if query.since is not None and query.since > begin.ended_at:
            begin = Position(query.since, UUID(int=0))
        async with self.house.desk_of(agency).db.connection() as conn:
            rows = await store.list_records(conn, agency, begin, query.limit)
        full = len(rows) == query.limit
        kept = [row for row in rows if query.until is None or row.ended_at < query.until]
        return Reply(body=_page(kept, more=full and len(kept) == len(rows)))

    async def found(self, call: Call[None, None]) -> tuple[Desk, RecordRow]:
        call.concerns(UUID(call.path["exchange"]))
        desk = self.house.desk_of(call.agency)
        async with desk.db.connection() as conn:
            rows = await store.get(conn, [(call.agency, UUID(call.path["exchange"]))])
        if not rows:
            raise Problem("not-found")
        return desk, rows[0]

    async def show(self, call: Call[None, None]) -> Reply:
        _, row = await self.found(call)
        return Reply(body=_view(row))

    async def verification(self, call: Call[None, None]) -> Reply:
        desk, row = await self.found(call)
        faults = tuple(FaultView(fault.code, fault.holder, fault.reason) for fault in _faults(desk, row))
        return Reply(body=VerificationView(str(row.txn), row.holder, not faults, faults))


def operations(house: House) -> list[AnyOperation]:
    """What whoever reads records may do: those of the own agency alone."""
    here = Records(house)
    table: list[AnyOperation] = [
        Operation(
            name="list-records", method="GET", path="/records",
            summary_ja="情報提供等記録の一覧", summary_en="The own agency's records",
            principals=BY_STAFF, duty=Duty.READ_RECORDS, query=RecordQuery, responses={200: RecordList},
            handler=here.list_records, problems=HELD_HERE,
        ),
        Operation(
            name="show-record", method="GET", path="/records/{exchange}",
            summary_ja="情報提供等記録の取得", summary_en="A record with its annex",
            principals=BY_STAFF, duty=Duty.READ_RECORDS, path_types={"exchange": ExchangeNumber},
            responses={200: RecordView}, handler=here.show, problems=HELD_HERE,
        ),
        Operation(
            name="verify-record", method="GET", path="/records/{exchange}/verification",
            summary_ja="情報提供等記録の検証", summary_en="Verify a record and its annex",
            principals=BY_STAFF, duty=Duty.READ_RECORDS, or_duty=frozenset({Duty.AUDIT}),
            path_types={"exchange": ExchangeNumber}, responses={200: VerificationView}, handler=here.verification,
            problems=HELD_HERE,
        ),
    ]  # fmt: skip
    if house.intermediary is not None:
        table.append(_search(house.intermediary))
    return table


def _search(server: Intermediary) -> AnyOperation:
    """The network knows no addressees: a person's records are found at the agencies."""

    async def search(call: Call[RecordSearchBody, None]) -> Reply:
        body, agency = call.body, call.agency
        [person] = await unified(server, agency, [body.person])
        blind = subjects.blinded(server.ring, agency, person)
        async with server.db.connection() as conn:
            rows = await store.list_person(conn, agency, blind, Position(*position(body.after)), body.limit)
        return Reply(body=_page(rows, more=len(rows) == body.limit))

    return Operation(
        name="search-records", method="POST", path="/records/search",
        summary_ja="本人の情報提供等記録", summary_en="A person's records",
        principals=BY_STAFF, duty=Duty.READ_RECORDS, request=RecordSearchBody, responses={200: RecordList},
        handler=search, problems=OF_SERVED | {"not-found"},
    )  # fmt: skip


def _page(rows: list[RecordRow], *, more: bool) -> RecordList:
    behind = cursor(rows[-1].ended_at, rows[-1].txn) if more else ""
    return RecordList(tuple(_line(row) for row in rows), behind)


def _line(row: RecordRow) -> RecordLine:
    return RecordLine(
        str(row.txn),
        row.role,
        row.kind,
        in_tokyo(row.ended_at),
        row.counterpart,
        row.task,
        row.information,
        record.retained_until(row.ended_at),
    )


def _view(row: RecordRow) -> RecordView:
    """As it is kept; whether it holds is for ``verification`` to say."""
    return RecordView(
        exchange=str(row.txn),
        holder=row.holder,
        role=row.role,
        payload=record.parse(unverified_payload(row.jws, record.JWS_LIMIT)),
        record=row.jws,
        annex=record.parse_annex(row.annex),
        annex_text=row.annex.decode(),
        retained_until=record.retained_until(row.ended_at),
    )


def _faults(desk: Desk, row: RecordRow) -> list[Fault]:
    directory = desk.directory()
    try:
        verified = verify_record(row.jws, directory.verifying, directory.network)
        if (verified.holder, verified.payload.txn) != (row.holder, str(row.txn)):
            return [Fault(FaultCode.HOLDER_UNEXPECTED, row.holder, "kept-under-another-name")]
        verify_annex(row.annex, verified)
    except RecordRefused as refused:
        return [refused.fault]
    return []
