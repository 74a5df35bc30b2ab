"""期限の過ぎたものの削除 (SYM): what of the own body has expired by world time, and its deletion now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from msgspec import Struct

from authz.duties import Duty
from gateway.interfaces.house import House
from gateway.interfaces.operation import AnyOperation, Call, Operation, Reply
from gateway.interfaces.words import BY_STAFF
from gateway.intermediary import expiring
from gateway.intermediary.party import Intermediary
from gateway.records import record, store
from sympho.codes import AgencyCode

__all__ = ["operations"]


class What(StrEnum):
    """What can expire: duplicates, open acquisitions of codes, records."""

    DUPLICATE = "duplicate"
    ACQUISITION = "code-acquisition"
    RECORD = "record"


class ExpiryRow(Struct, frozen=True):
    """How much of it has expired, and its oldest day. ``goes`` is false for what stays all the same: a record may go
    after seven years, and is destroyed only once that can be proven."""

    what: What
    expired: int
    oldest: date | None
    goes: bool


class ExpiryView(Struct, frozen=True):
    """期限の過ぎたもの, by world time."""

    rows: tuple[ExpiryRow, ...]


class ExpiryDone(Struct, frozen=True):
    """How much was deleted."""

    duplicates: int
    acquisitions: int


@dataclass(frozen=True)
class Expiry:
    """Handlers of 期限の過ぎたものの削除."""

    house: House

    async def show(self, call: Call[None, None]) -> Reply:
        agency, server = call.agency, self.house.intermediary
        rows = [await self._records(agency)]
        if server is not None and agency in server.agencies:
            found = await expiring.expired(server, agency)
            rows[:0] = [
                ExpiryRow(What.DUPLICATE, *found.duplicates, goes=True),
                ExpiryRow(What.ACQUISITION, *found.acquisitions, goes=True),
            ]
        return Reply(body=ExpiryView(tuple(rows)))

    async def _records(self, agency: AgencyCode) -> ExpiryRow:
        before = record.retained_since(self.house.clock.now())
        async with self.house.desk_of(agency).db.connection() as conn:
            many, oldest = await store.count_before(conn, agency, before)
        return ExpiryRow(What.RECORD, many, oldest, goes=False)


def operations(house: House) -> list[AnyOperation]:
    """What whoever operates the system may look at; where there are duplicates, also delete."""
    made: list[AnyOperation] = [
        Operation(
            name="show-expired", method="GET", path="/expiry",
            summary_ja="期限の過ぎたものの確認", summary_en="What has expired by world time, and what of it would go",
            principals=BY_STAFF, duty=Duty.OPERATE_SYSTEM, responses={200: ExpiryView}, handler=Expiry(house).show,
            problems=frozenset({"wrong-agency"}),
        ),
    ]  # fmt: skip
    if house.intermediary is not None:
        made.append(_deletion(house.intermediary))
    return made


def _deletion(server: Intermediary) -> AnyOperation:
    async def delete(call: Call[None, None]) -> Reply:
        gone = await expiring.expire(server, server.serve(call.agency))
        return Reply(body=ExpiryDone(gone.duplicates, gone.acquisitions))

    return Operation(
        name="delete-expired", method="POST", path="/expiry",
        summary_ja="期限の過ぎたものの削除", summary_en="Delete now what has expired by world time",
        principals=BY_STAFF, duty=Duty.OPERATE_SYSTEM, responses={200: ExpiryDone}, handler=delete,
        problems=frozenset({"wrong-agency"}),
    )  # fmt: skip
