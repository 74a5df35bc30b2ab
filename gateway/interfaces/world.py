"""時計とマスター (SCM): the world's clock, which only the network's operator sets; codes and designations of the list."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from msgspec import Struct

from authz.duties import Duty
from authz.matchlist import Certainty, MatchList, Revision
from gateway.clock import TOKYO
from gateway.exchange.directory import DirectoryEntry
from gateway.interfaces.house import House
from gateway.interfaces.operation import AnyOperation, Call, Operation, Reply
from gateway.interfaces.system import ClockView, clock_view
from gateway.interfaces.words import BY_STAFF, BY_STAFF_OR_SYSTEM, Aware
from gateway.network import publishing
from gateway.network.party import Network
from gateway.problems import FieldError, Problem
from sympho.codes import AgencyCode, InformationCode, ItemCode, ProcedureCode, TaskCode

EARLIEST = datetime(2015, 10, 5, tzinfo=TOKYO)
LATEST = datetime(2100, 1, 1, tzinfo=TOKYO)
"""World time stays within these: the law's first day, and what calendars of offices reach."""


class ClockBody(Struct, frozen=True, forbid_unknown_fields=True):
    """World time from now on; frozen, it stands there."""

    at: Aware
    frozen: bool = False


class RevisionView(Struct, frozen=True):
    """One state of the table and its days in force; ``floor``: rows or first day are known from then on only."""

    revision: str
    law: str
    in_force_from: date
    in_force_until: date | None
    floor: bool


class AgencyMaster(Struct, frozen=True):
    """機関: code, name and declared kinds."""

    code: AgencyCode
    name: str
    kinds: tuple[str, ...]


class KindMaster(Struct, frozen=True):
    """機関の種別: its name in the list's own words, how its bodies' codes begin, and the wider kind that it counts as."""

    code: str
    name: str
    name_en: str
    prefixes: tuple[str, ...]
    counts_as: str


class TaskMaster(Struct, frozen=True):
    """事務 with its designation."""

    code: TaskCode
    designation: str


class ItemMaster(Struct, frozen=True):
    """項目 of an information."""

    code: ItemCode
    label: str


class InformationMaster(Struct, frozen=True):
    """特定個人情報 with its items, as far as any are known."""

    code: InformationCode
    label: str
    items: tuple[ItemMaster, ...]


class ProcedureMaster(Struct, frozen=True):
    """事務手続: where it stands, its tasks, and what its lines name. ``narrows``: on this day they alone decide."""

    code: ProcedureCode
    label: str
    item: str
    article: str
    ordinal: int
    tasks: tuple[TaskCode, ...]
    information: tuple[InformationCode, ...]
    certainty: Certainty
    narrows: bool


class Masters(Struct, frozen=True):
    """マスター: the list in force by its serial and digest, and every code with its designation."""

    list: int
    list_digest: str
    directory: int
    in_force: str | None
    revisions: tuple[RevisionView, ...]
    kinds: tuple[KindMaster, ...]
    agencies: tuple[AgencyMaster, ...]
    tasks: tuple[TaskMaster, ...]
    information: tuple[InformationMaster, ...]
    procedures: tuple[ProcedureMaster, ...]


def masters_operations(house: House) -> list[AnyOperation]:
    """What everybody needs to know to ask."""

    async def masters(call: Call[None, None]) -> Reply:
        directory = house.desk_of(call.agency).directory()
        return Reply(body=masters_of(_list_of(house), directory.serial, directory.entries, house.clock.today()))

    return [
        Operation(
            name="show-masters", method="GET", path="/masters", interface="IF_SCM_30112",
            summary_ja="マスター更新情報の取得", summary_en="The list in force, and codes with their designations",
            principals=BY_STAFF_OR_SYSTEM, duty=Duty.INQUIRE, or_duty=frozenset(Duty) - {Duty.INQUIRE},
            responses={200: Masters}, handler=masters,
            problems=frozenset({"wrong-agency", "directory-stale"}),
        )
    ]  # fmt: skip


def clock_operations(house: House, network: Network) -> list[AnyOperation]:
    """The world's clock, for the operator of the network."""

    async def set_clock(call: Call[ClockBody, None]) -> Reply:
        call.own(network.agency)
        if not EARLIEST <= call.body.at < LATEST:
            raise Problem("invalid-field", errors=(FieldError("$.at", "between 2015-10-05 and the year 2100"),))
        await publishing.set_clock(network, call.body.at, frozen=call.body.frozen)
        return Reply(body=clock_view(house))

    async def resume_clock(call: Call[None, None]) -> Reply:
        call.own(network.agency)
        await publishing.resume_clock(network)
        return Reply(body=clock_view(house))

    return [
        Operation(
            name="set-clock", method="PUT", path="/clock",
            summary_ja="時計の設定", summary_en="Set world time; every party follows within a second",
            principals=BY_STAFF, duty=Duty.OPERATE_SYSTEM, request=ClockBody, responses={200: ClockView},
            handler=set_clock, problems=frozenset({"wrong-agency"}),
        ),
        Operation(
            name="resume-clock", method="POST", path="/clock/resume",
            summary_ja="時計を機械時刻に戻す", summary_en="Let world time go with the machine's again",
            principals=BY_STAFF, duty=Duty.OPERATE_SYSTEM, responses={200: ClockView}, handler=resume_clock,
            problems=frozenset({"wrong-agency"}),
        ),
    ]  # fmt: skip


def _list_of(house: House) -> MatchList:
    if house.intermediary is not None:
        return house.intermediary.held.snapshot.list
    if house.network is not None and house.network.publication is not None:
        return house.network.publication.snapshot.list
    raise Problem("directory-stale")


def masters_of(matchlist: MatchList, directory: int, entries: Sequence[DirectoryEntry], today: date) -> Masters:
    """All codes of a list and a directory, the latter known by its serial."""
    source = matchlist.source
    items: dict[InformationCode, list[ItemMaster]] = {}
    for item in source.items:
        items.setdefault(item.information, []).append(ItemMaster(item.item, item.label))
    current = matchlist.revision_on(today)
    return Masters(
        list=matchlist.serial,
        list_digest=matchlist.digest,
        directory=directory,
        in_force=None if current is None else current.revision,
        revisions=tuple(
            RevisionView(one.revision, one.law, one.in_force_from, one.in_force_until, one.floor)
            for one in source.revisions
        ),
        kinds=tuple(KindMaster(one.kind, one.ja, one.en, one.prefixes, one.counts_as) for one in source.kinds),
        agencies=tuple(AgencyMaster(entry.code, entry.name, entry.kinds) for entry in entries),
        tasks=tuple(TaskMaster(one.task, one.designation) for one in source.tasks),
        information=tuple(
            InformationMaster(one.information, one.label, tuple(items.get(one.information, ())))
            for one in source.information
        ),
        procedures=_procedures(matchlist, current),
    )


def _procedures(matchlist: MatchList, current: Revision | None) -> tuple[ProcedureMaster, ...]:
    procedures = matchlist.procedures
    carried = procedures.carried(current.revision) if current else {}
    return tuple(
        ProcedureMaster(
            one.procedure, one.label, one.item, one.article, one.ordinal,
            tuple(sorted({row.task for row in procedures.rows_of(one.revision, one.item)})),
            one.information, one.certainty, one.procedure in carried and one.certainty is not Certainty.C,
        )
        for one in matchlist.source.procedures
    )  # fmt: skip
