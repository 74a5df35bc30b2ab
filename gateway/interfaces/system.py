"""システム管理 and セキュリティ管理 (SYM, SCM): health, the document, the register, keys, lists, clock, alarms."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from msgspec import Struct

from authz.duties import Duty
from gateway.exchange.jws import Jwk
from gateway.interfaces import openapi
from gateway.interfaces.house import House
from gateway.interfaces.operation import AnyOperation, Call, Operation, Reply
from gateway.interfaces.register import FAMILIES, Body, Mode, coverage
from gateway.interfaces.words import BY_STAFF, FOR_ANYONE, Aware, Limit, in_tokyo
from gateway.intermediary.party import Intermediary
from gateway.intermediary.store import held
from gateway.intermediary.store.standing import read_stages
from gateway.metrics import CONTENT_TYPE, MEDIA
from gateway.network import store as network_store
from gateway.network.party import Network
from gateway.network.standing import store as network_standing
from gateway.problems import Problem

__all__ = ["checks", "operations"]

PATIENCE = 2.0
"""Seconds that one check of readiness may take."""

HERE = frozenset({"wrong-agency"})
PUBLISHED = frozenset({"directory-stale", "not-ready"})


class Alive(Struct, frozen=True):
    """The process answers."""

    alive: bool


class Readiness(Struct, frozen=True):
    """Whether a real request could be served now, and by check which are not well."""

    ready: bool
    checks: dict[str, bool]


class InterfaceView(Struct, frozen=True):
    """One official interface: how certain its form is, and which operations of this process answer it."""

    id: str
    family: str
    family_ja: str
    name_ja: str
    mode: Mode
    body: Body
    answered_by: tuple[str, ...]


class InterfaceList(Struct, frozen=True):
    """All official interfaces, in the order of the official tables."""

    interfaces: tuple[InterfaceView, ...]


class KeySet(Struct, frozen=True):
    """JWK set (RFC 7517): what tokens and records are verified with."""

    keys: tuple[Jwk, ...]


class ClockView(Struct, frozen=True):
    """World time, and how it comes from machine time."""

    world: Aware
    machine: Aware
    offset_us: int
    frozen_at: Aware | None
    version: int


class NetworkStanding(Struct, frozen=True):
    """What is under way at the network."""

    exchanges_open: int
    deliveries_due: int
    alarms: int


class AgencyStanding(Struct, frozen=True):
    """What is under way for an agency at its intermediary server."""

    inquiries_open: int
    inquiries_overdue: int
    provisions_held: int
    provisions_prepared: int
    answers_due: int


class StatusView(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """稼動状態, as it concerns the caller's agency."""

    clock: ClockView
    directory: int
    list: int
    list_digest: str
    agency: AgencyStanding | None = None
    network: NetworkStanding | None = None


class AlarmQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """How many alarms, the latest first."""

    limit: Limit = 100


class AlarmView(Struct, frozen=True):
    """A wrong call that can be no honest mistake: from whom (empty: the network), in which message, what was wrong."""

    at: Aware
    caller: str
    message: str
    fault: str
    exchange: UUID | None


class AlarmList(Struct, frozen=True):
    """Alarms, the latest first."""

    alarms: tuple[AlarmView, ...]


@dataclass(frozen=True)
class System:
    """Handlers of what a process says of itself."""

    house: House
    table: Callable[[], Sequence[AnyOperation]]
    version: str

    async def live(self, call: Call[None, None]) -> Reply:
        return Reply(body=Alive(alive=True))

    async def ready(self, call: Call[None, None]) -> Reply:
        found = await checks(self.house)
        well = all(found.values())
        return Reply(200 if well else 503, Readiness(well, found))

    async def document(self, call: Call[None, None]) -> Reply:
        return Reply(body=openapi.render(self.table(), title="sympho", version=self.version))

    async def interfaces(self, call: Call[None, None]) -> Reply:
        return Reply(body=InterfaceList(tuple(_interfaces(self.table()))))

    async def key_set(self, call: Call[None, None]) -> Reply:
        records: dict[str, Jwk] = {}
        for desk in self.house.desks:
            records |= {kid: key.jwk() for kid, key in desk.directory().verifying.items()}
        return Reply(body=KeySet((*(desk.public for desk in self.house.desks), *records.values())))

    async def directory(self, call: Call[None, None]) -> Reply:
        return Reply(body=(await _signed_directory(self.house)).encode())

    async def clock(self, call: Call[None, None]) -> Reply:
        return Reply(body=clock_view(self.house))

    async def metrics(self, call: Call[None, None]) -> Reply:
        return Reply(body=self.house.meter.text(), headers={"Content-Type": CONTENT_TYPE})

    async def status(self, call: Call[None, None]) -> Reply:
        directory = self.house.desk_of(call.agency).directory()
        of_network = self.house.network is not None and call.agency == self.house.network.agency
        return Reply(
            body=StatusView(
                clock=clock_view(self.house),
                directory=directory.serial,
                list=directory.list,
                list_digest=directory.list_d,
                agency=None
                if of_network or self.house.intermediary is None
                else await _agency(self.house.intermediary, call),
                network=await _network(self.house.network) if of_network and self.house.network is not None else None,
            )
        )

    async def alarms(self, call: Call[None, AlarmQuery]) -> Reply:
        desk = self.house.desk_of(call.agency)
        async with desk.db.connection() as conn:
            if self.house.network is not None and call.agency == self.house.network.agency:
                rows = await network_store.latest_alarms(conn, call.query.limit)
            else:
                rows = await held.latest_alarms(conn, call.agency, call.query.limit)
        own = call.agency
        views = (
            AlarmView(in_tokyo(at), "" if caller == own else caller, message, fault, txn and UUID(str(txn)))
            for at, caller, message, fault, txn in rows
        )
        return Reply(body=AlarmList(tuple(views)))


def operations(house: House, table: Callable[[], Sequence[AnyOperation]], version: str) -> list[AnyOperation]:
    """What a process says of itself. ``table`` is the whole table, these operations among it."""
    here = System(house, table, version)
    made: list[AnyOperation] = [
        _public("show-liveness", "/health/live", here.live, {200: Alive}, "生存確認", "Whether the process answers"),
        _public("show-readiness", "/health/ready", here.ready, {200: Readiness, 503: Readiness}, "受付可否の確認",
                "Whether a real request could be served now"),
        _public("show-openapi", "/openapi.json", here.document, {200: bytes}, "仕様書", "This interface as OpenAPI 3.1"),
        _public("list-interfaces", "/interfaces", here.interfaces, {200: InterfaceList}, "公式インタフェースの台帳",
                "The official interfaces and what answers each"),
        _public("show-clock", "/clock", here.clock, {200: ClockView}, "時計", "World time and machine time"),
    ]  # fmt: skip
    if house.desks:
        made += [
            _public("show-keys", "/.well-known/jwks.json", here.key_set, {200: KeySet}, "公開鍵",
                    "Keys that tokens and records are verified with", PUBLISHED),
            Operation(
                name="show-directory", method="GET", path="/directory",
                summary_ja="機関の名簿（署名付き）", summary_en="The signed here.directory, as a JWS",
                principals=FOR_ANYONE, duty=None, responses={200: bytes}, handler=here.directory,
                media="application/jose",
                problems=PUBLISHED,
            ),
            Operation(
                name="show-status", method="GET", path="/status", interface="IF_SYM_20212",
                summary_ja="稼動状態の取得", summary_en="What is under way",
                principals=BY_STAFF, duty=Duty.OPERATE_SYSTEM, responses={200: StatusView}, handler=here.status,
                problems=PUBLISHED | HERE,
            ),
            Operation(
                name="show-metrics", method="GET", path="/metrics",
                summary_ja="計測値（Prometheus 形式）", summary_en="Metrics of this process, for Prometheus",
                principals=BY_STAFF, duty=Duty.OPERATE_SYSTEM, responses={200: bytes}, handler=here.metrics,
                media=MEDIA,
            ),
            Operation(
                name="list-alarms", method="GET", path="/alarms",
                summary_ja="警報の一覧", summary_en="Signs of an attack",
                principals=BY_STAFF, duty=Duty.AUDIT, query=AlarmQuery, responses={200: AlarmList}, handler=here.alarms,
                problems=HERE,
            ),
        ]  # fmt: skip
    return made


def _public(
    name: str, path: str, handler: Callable[[Call[None, None]], Awaitable[Reply]], responses: Mapping[int, type],
    summary_ja: str, summary_en: str, problems: frozenset[str] = frozenset(),
) -> AnyOperation:  # fmt: skip
    return Operation(
        name=name, method="GET", path=path, summary_ja=summary_ja, summary_en=summary_en, principals=FOR_ANYONE,
        duty=None, responses=responses, handler=handler, problems=problems,
    )  # fmt: skip


# --- readiness ----------------------------------------------------------------------------------------------------


async def checks(house: House) -> dict[str, bool]:
    """Every check by name: databases, publications, the feed of revocations."""
    now = house.clock.machine()
    found: dict[str, bool] = {}
    for desk in house.desks:
        found[f"{desk.role}-revocations"] = desk.revocations.fresh(now)
    if house.network is not None:
        found["network-publications"] = house.network.publication is not None
    if house.intermediary is not None:
        found["intermediary-publications"] = house.intermediary.publications is not None
    parties = (house.network, house.intermediary, house.residents)
    databases = {party.db.role: party.db for party in parties if party is not None}
    answers = await asyncio.gather(*(_answers(db.ping) for db in databases.values()))
    return found | {f"{role}-database": well for role, well in zip(databases, answers, strict=True)}


async def _answers(ping: Callable[[], Awaitable[None]]) -> bool:
    try:
        async with asyncio.timeout(PATIENCE):
            await ping()
    except (TimeoutError, Problem):
        return False
    return True


# --- views --------------------------------------------------------------------------------------------------------


def _interfaces(table: Sequence[AnyOperation]) -> list[InterfaceView]:
    return [
        InterfaceView(
            row.interface.id,
            row.interface.family,
            FAMILIES[row.interface.family],
            row.interface.name_ja,
            row.interface.mode,
            row.interface.body,
            row.answered_by,
        )
        for row in coverage(table)
    ]


async def _signed_directory(house: House) -> str:
    if house.network is not None and house.network.publication is not None:
        return house.network.publication.signed
    signed = None
    if house.intermediary is not None:
        async with house.intermediary.db.connection() as conn:
            signed = await held.read_directory(conn)
    if signed is None:
        raise Problem("directory-stale")
    return signed


def clock_view(house: House) -> ClockView:
    """Both clocks now."""
    setting = house.clock.setting
    frozen = None if setting.frozen_at is None else in_tokyo(setting.frozen_at)
    return ClockView(house.clock.now(), house.clock.machine(), setting.offset_us, frozen, setting.version)


async def _agency(server: Intermediary, call: Call[None, None]) -> AgencyStanding:
    async with server.db.connection() as conn:
        stages = await read_stages(conn, call.agency, server.clock.now())
    waiting = {one.stage: one.waiting for one in stages}
    return AgencyStanding(
        waiting["asking"] + waiting["answer-awaited"],
        waiting["overdue"],
        waiting["review"],
        waiting["release"],
        waiting["answer-delivery"],
    )


async def _network(network: Network) -> NetworkStanding:
    async with network.db.connection() as conn:
        stages = await network_standing.read_stages(conn)
        alarms = await network_standing.count_alarms(conn)
    waiting = {one.stage: one.waiting for one in stages}
    return NetworkStanding(waiting["notice"] + waiting["end-awaited"], waiting["answer-delivery"], alarms)
