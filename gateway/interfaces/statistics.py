"""業務統計 (SYM): how many exchanges ended so, by day, counterpart and task; counted from the records when it is asked.

Nothing is counted while exchanges go on. A body counts its own records; the network's operator those of the network,
which stand for everybody's. No person is in them: there is nothing to be recognised but how much business there was.
What has not ended is no statistic; it is in the progress.
"""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from authz.duties import Duty
from gateway.clock import TOKYO
from gateway.exchange.messages import CoarseReason, Outcome
from gateway.interfaces.house import House
from gateway.interfaces.operation import AnyOperation, Call, Operation, Reply
from gateway.interfaces.words import BY_STAFF
from gateway.intermediary.store.standing import HeldCount, count_held
from gateway.problems import FieldError, Problem
from gateway.records.record import Role
from gateway.records.store import EndedCount, count_ended
from sympho.codes import AgencyCode, TaskCode

__all__ = ["operations"]

USUAL_DAYS = 30
MOST_DAYS = 400
MOST_COUNTS = 20_000
"""Combinations that one answer may be made of."""
EARLIEST, LATEST = date(1900, 1, 1), date(9000, 1, 1)
DAY, AGENCY, TASK = "day", "agency", "task"

By = Annotated[str, Meta(pattern="^(day|agency|task)(,(day|agency|task)){0,2}$")]


class StatisticsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which days, the first and the last of them included (the last 30), and by what is counted, with commas."""

    since: date | None = None
    until: date | None = None
    by: By = DAY


class StatisticsRow(Struct, frozen=True):
    """One combination. ``side`` is the record's role; ``agency`` the counterpart, at the network the inquirer.
    ``held``: how many of those that ended at this provider had been held for people."""

    side: Role
    day: date | None
    agency: AgencyCode | None
    task: TaskCode | None
    ended: int
    provided: int
    not_provided: int
    refused: int
    lapsed: int
    withdrawn: int
    held: int
    refused_for: dict[str, int]


class Statistics(Struct, frozen=True):
    """業務統計 of these days by the day on which an exchange ended (Asia/Tokyo), from the records of ``holder``."""

    holder: AgencyCode
    since: date
    until: date
    by: tuple[str, ...]
    rows: tuple[StatisticsRow, ...]


Place = tuple[str, date | None, str | None, str | None]
"""Side, day, counterpart, task."""


@dataclass(slots=True)
class _Counts:
    kinds: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    held: int = 0


@dataclass(frozen=True)
class Counting:
    """Handlers of 統計."""

    house: House

    async def show(self, call: Call[None, StatisticsQuery]) -> Reply:
        return Reply(body=await self._counted(call))

    async def show_csv(self, call: Call[None, StatisticsQuery]) -> Reply:
        found = await self._counted(call)
        name = f"statistics-{found.holder}-{found.since}-{found.until}.csv"
        return Reply(body=_csv(found.rows), headers={"Content-Disposition": f'attachment; filename="{name}"'})

    async def _counted(self, call: Call[None, StatisticsQuery]) -> Statistics:
        holder, query = call.agency, call.query
        since, until = _days(query, self.house.clock.now())
        begin, end = _midnight(since), _midnight(until + timedelta(days=1))
        named = tuple(word for word in (DAY, AGENCY, TASK) if word in query.by.split(","))
        by = (DAY in named, AGENCY in named, TASK in named)
        of_network = self.house.network is not None and holder == self.house.network.agency
        async with self.house.desk_of(holder).db.connection() as conn:
            ended = await count_ended(conn, holder, begin, end, by, MOST_COUNTS)
            held = [] if of_network else await count_held(conn, holder, begin, end, by, MOST_COUNTS)
        if max(len(ended), len(held)) == MOST_COUNTS:
            raise Problem("invalid-field", errors=(FieldError("query.by", "fewer days or less to count by expected"),))
        return Statistics(holder, since, until, named, tuple(_rows(ended, held)))


def operations(house: House) -> list[AnyOperation]:
    """What whoever operates the system, or audits, may count."""
    here = Counting(house)
    return [
        Operation(
            name="show-statistics", method="GET", path="/statistics",
            summary_ja="業務統計", summary_en="How many exchanges ended how, by day, counterpart and task",
            principals=BY_STAFF, duty=Duty.OPERATE_SYSTEM, or_duty=frozenset({Duty.AUDIT}), query=StatisticsQuery,
            responses={200: Statistics}, handler=here.show, problems=frozenset({"wrong-agency"}),
        ),
        Operation(
            name="export-statistics", method="GET", path="/statistics.csv",
            summary_ja="業務統計（CSV）", summary_en="The same as CSV",
            principals=BY_STAFF, duty=Duty.OPERATE_SYSTEM, or_duty=frozenset({Duty.AUDIT}), query=StatisticsQuery,
            responses={200: bytes}, handler=here.show_csv, media="text/csv", problems=frozenset({"wrong-agency"}),
        ),
    ]  # fmt: skip


def _days(query: StatisticsQuery, now: datetime) -> tuple[date, date]:
    until = query.until or now.astimezone(TOKYO).date()
    usual = timedelta(days=USUAL_DAYS - 1)
    since = query.since or (until - usual if until >= EARLIEST + usual else EARLIEST)
    if not EARLIEST <= since <= until <= LATEST or (until - since).days >= MOST_DAYS:
        raise Problem("invalid-field", errors=(FieldError("query.since", f"at most {MOST_DAYS} days up to until"),))
    return since, until


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), TOKYO)


def _rows(ended: Iterable[EndedCount], held: Iterable[HeldCount]) -> list[StatisticsRow]:
    counts: dict[Place, _Counts] = defaultdict(_Counts)
    for one in ended:
        place = counts[one.role, one.day, one.counterpart, one.task]
        place.kinds[one.kind] += one.many
        if one.kind == Outcome.REFUSED:
            place.reasons[one.reason or CoarseReason.NONE] += one.many
    for other in held:
        counts[Role.PROVIDER, other.day, other.counterpart, other.task].held += other.many
    return [_row(place, counts[place]) for place in sorted(counts, key=_order)]


def _order(place: Place) -> tuple[str, ...]:
    side, day, agency, task = place
    return (day.isoformat() if day else "", side, agency or "", task or "")


def _row(place: Place, counts: _Counts) -> StatisticsRow:
    side, day, agency, task = place
    kinds = counts.kinds
    return StatisticsRow(
        side=Role(side),
        day=day,
        agency=None if agency is None else AgencyCode(agency),
        task=None if task is None else TaskCode(task),
        ended=kinds.total(),
        provided=kinds[Outcome.PROVIDED],
        not_provided=kinds[Outcome.NOT_PROVIDED],
        refused=kinds[Outcome.REFUSED],
        lapsed=kinds[Outcome.LAPSED],
        withdrawn=kinds[Outcome.WITHDRAWN],
        held=counts.held,
        refused_for=dict(sorted(counts.reasons.items())),
    )


def _csv(rows: Sequence[StatisticsRow]) -> bytes:
    """Every coarse reason has its own column, so that files of different days fit together."""
    plain = [name for name in StatisticsRow.__struct_fields__ if name != "refused_for"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([*plain, *(f"refused: {reason}" for reason in CoarseReason)])
    for row in rows:
        cells = msgspec.structs.asdict(row)
        reasons = [row.refused_for.get(reason, 0) for reason in CoarseReason]
        writer.writerow([*("" if cells[name] is None else cells[name] for name in plain), *reasons])
    return text.getvalue().encode()
