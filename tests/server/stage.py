"""A country with its edges laid open: tests act, cut and kill between any two steps, and nothing inside knows of it.

Every door between parties and every shared commit tells ``Stage.at`` its moment: ``"notice>"`` before a call goes
through the door, ``"notice<"`` once it has come back, ``"network.accept<"`` once it is committed. A test hooks a moment
with something to do there (``on``): what it raises is raised at that point.

The country is seeded once for a run; a stage is a clone of its database, so that each test has its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from authz.matchlist import Certainty, canonical
from fixtures import lists
from fixtures.invented.cast import Ask
from gateway.committer import Committer
from gateway.exchange.doors import Enrolment, IntermediaryDoor, NetworkBoard, NetworkDoor, Pulse
from gateway.exchange.jws import unverified_payload
from gateway.exchange.messages import (
    Answer,
    AnswerOrPending,
    CodeNotice,
    CodeReply,
    Inquiry,
    Notice,
    Permit,
    PermitOrRefusal,
    PermitRequest,
    Withdrawal,
    decode,
)
from gateway.exchange.permit import sign_permit
from gateway.intermediary import deposit, inquire, publications, review, withdrawal
from gateway.intermediary.inquire import Asker, Asking
from gateway.intermediary.review import Reviewer
from gateway.intermediary.store import inquiries, provisions
from gateway.intermediary.store.inquiries import InquiryRow
from gateway.intermediary.store.provisions import ProvisionRow
from gateway.judge.export import Export
from gateway.judge.verdict import Verdict
from gateway.network import publishing
from gateway.network import store as network_store
from gateway.network.store import ExchangeRow
from gateway.problems import Problem
from gateway.records import store as record_store
from gateway.records.record import Role as Holder
from gateway.records.store import RecordRow
from sympho.codes import AgencyCode, InformationCode, ProcedureCode, UnifiedNumber
from tests.countries import Parties, Transport
from tests.judging import assert_judged, exported

R = TypeVar("R")
Hook = Callable[[object], Awaitable[None]]

TRANSPORTS: tuple[Transport, ...] = ("local", "remote")

FIRST, SECOND, THIRD = "stf_first", "stf_second", "stf_third"
"""Pseudonymous ids of the provider's staff."""


@dataclass(frozen=True)
class _NetworkDoor:
    stage: Stage
    door: NetworkDoor

    async def permit(self, request: bytes) -> PermitOrRefusal:
        with suppress(msgspec.DecodeError):
            self.stage.codes.add(decode(PermitRequest, request).code.reveal())
        return await self.stage.through("permit", request, lambda: self.door.permit(request))

    async def inquire(self, inquiry: Inquiry) -> AnswerOrPending:
        return await self.stage.through("inquire", inquiry, lambda: self.door.inquire(inquiry))

    async def withdraw(self, withdrawal: Withdrawal) -> AnswerOrPending:
        return await self.stage.through("withdraw", withdrawal, lambda: self.door.withdraw(withdrawal))

    async def answer(self, answer: Answer) -> None:
        await self.stage.through("answer", answer, lambda: self.door.answer(answer))


@dataclass(frozen=True)
class _IntermediaryDoor:
    stage: Stage
    door: IntermediaryDoor

    async def notice(self, agency: AgencyCode, notice: Notice) -> AnswerOrPending:
        self.stage.codes.add(notice.code.reveal())
        return await self.stage.through("notice", notice, lambda: self.door.notice(agency, notice))

    async def withdraw(self, agency: AgencyCode, withdrawal: Withdrawal) -> AnswerOrPending:
        return await self.stage.through("stop", withdrawal, lambda: self.door.withdraw(agency, withdrawal))

    async def answer(self, agency: AgencyCode, answer: Answer) -> None:
        await self.stage.through("deliver", answer, lambda: self.door.answer(agency, answer))

    async def bind_codes(self, agency: AgencyCode, notice: CodeNotice) -> CodeReply:
        self.stage.codes |= {code.reveal() for _, code, _ in notice.codes if code is not None}
        return await self.door.bind_codes(agency, notice)


@dataclass(frozen=True)
class _Board:
    stage: Stage
    board: NetworkBoard

    async def pulse(self) -> Pulse:
        return await self.stage.through("pulse", None, self.board.pulse)

    async def directory(self) -> str:
        return await self.stage.through("directory", None, self.board.directory)

    async def manifest(self, serial: int) -> str:
        return await self.stage.through("manifest", serial, lambda: self.board.manifest(serial))

    async def list_part(self, digest: str) -> bytes:
        return await self.stage.through("list", digest, lambda: self.board.list_part(digest))

    async def enrol(self, enrolments: tuple[Enrolment, ...]) -> None:
        await self.board.enrol(enrolments)


@dataclass
class Stage(Parties):
    """A running country, its edges, and the few things that every scenario does."""

    hooks: dict[str, Hook] = field(default_factory=dict)
    codes: set[str] = field(default_factory=set)
    """Every linkage code that passed a door, revealed."""

    def __post_init__(self) -> None:
        self.open_edges()

    # --- edges ----------------------------------------------------------------------------------------------------

    def open_edges(self) -> None:
        """Lays the doors and commits of the present parties open."""
        to_network, to_server = self.intermediary.network, self.network.route
        self.intermediary.network = lambda agency: _NetworkDoor(self, to_network(agency))
        self.network.route = lambda agency: _IntermediaryDoor(self, to_server(agency))
        self.intermediary.board = _Board(self, self.intermediary.board)
        for committer in (self.intermediary.register, self.intermediary.take, self.intermediary.receive):
            self._open(committer)
        for of_network in (self.network.accept, self.network.end, self.network.refuse):
            self._open(of_network)

    def _open(self, committer: Committer[Any, Any]) -> None:
        submit = committer.submit

        async def watched(item: object) -> object:
            await self.at(f"{committer.name}>", item)
            result: object = await submit(item)
            await self.at(f"{committer.name}<", item)
            return result

        vars(committer)["submit"] = watched

    async def through(self, name: str, message: object, call: Callable[[], Awaitable[R]]) -> R:
        """One call through a door, with its two moments."""
        await self.at(f"{name}>", message)
        reply = await call()
        await self.at(f"{name}<", message)
        return reply

    async def at(self, moment: str, message: object) -> None:
        """A moment has come; whoever hooked it acts now."""
        hook = self.hooks.get(moment)
        if hook is not None:
            await hook(message)

    @contextmanager
    def on(self, moment: str, hook: Hook) -> Iterator[None]:
        """While this holds, the hook acts at that moment."""
        self.hooks[moment] = hook
        try:
            yield
        finally:
            del self.hooks[moment]

    @contextmanager
    def once(self, moment: str, hook: Hook) -> Iterator[None]:
        """Like ``on``, for the first time only; a moment that never came fails the test."""
        came: list[str] = []

        async def first(message: object) -> None:
            if not came:
                came.append(moment)
                await hook(message)

        with self.on(moment, first):
            yield
        assert came, f"{moment} never came"

    @contextmanager
    def cut(self, *moments: str) -> Iterator[None]:
        """Nobody can be reached at these moments: ``notice>`` loses the call, ``notice<`` the reply."""
        with ExitStack() as cuts:
            for moment in moments:
                cuts.enter_context(self.on(moment, unreachable))
            yield

    # --- asking ---------------------------------------------------------------------------------------------------

    async def begin(self, ask: Ask, key: str = "") -> UUID:
        """Registers an inquiry and lets it go as far as it goes now; its exchange number."""
        registered = await self.register(ask, key)
        await self.settle()
        return registered.txn

    async def begin_for(self, ask: Ask, procedure: ProcedureCode) -> UUID:
        """The same for a named procedure."""
        asking = msgspec.structs.replace(self.asking(ask), procedure=procedure)
        registered = await inquire.register(self.intermediary, self.asker(ask), asking, f"for {procedure}", wait=False)
        await self.settle()
        return registered.txn

    def asker(self, ask: Ask) -> Asker:
        return Asker(ask.inquirer, ask.office, "stf_x", None)

    def asking(self, ask: Ask) -> Asking:
        return Asking(self.person_of(ask), ask.provider, ask.task, ask.information, (), None, False, False)

    async def take_back(self, ask: Ask, txn: UUID) -> None:
        """取りやめ by the office that asked."""
        await withdrawal.withdraw(self.intermediary, self.asker(ask), txn)
        await self.settle()

    async def take_back_now(self, ask: Ask, txn: UUID) -> None:
        """取りやめ while other things are under way: waits for nothing else."""
        await withdrawal.withdraw(self.intermediary, self.asker(ask), txn)

    async def open_inquiries(self, ask: Ask) -> list[InquiryRow]:
        """What the inquirer has open."""
        async with self.intermediary.db.connection() as conn:
            rows = await inquiries.all_inquiries(conn)
        return [row for row in rows if row.agency == ask.inquirer and row.state != "ended"]

    # --- providing ------------------------------------------------------------------------------------------------

    def provided_person(self, ask: Ask) -> UnifiedNumber:
        """The person asked about, at the provider."""
        return self.persons[ask.provider, ask.person.resident]

    async def hold(self, ask: Ask, *, value: bool = True) -> None:
        """自動応答不可フラグ of the person asked about, at the provider."""
        await deposit.hold(self.intermediary, ask.provider, self.provided_person(ask), None, value=value)

    async def prepare(
        self, ask: Ask, txn: UUID, preparation: review.Preparation | None = None, staff: str = FIRST
    ) -> None:
        await review.prepare(self.intermediary, Reviewer(ask.provider, staff), txn, preparation or CONFIRM)

    async def release(self, ask: Ask, txn: UUID, staff: str = SECOND) -> str:
        outcome = await review.release(self.intermediary, Reviewer(ask.provider, staff), txn)
        await self.settle()
        return outcome.value

    # --- publishing -----------------------------------------------------------------------------------------------

    async def publish_without(self, ask: Ask) -> None:
        """A new list in which nobody may ask for this."""
        source = lists.load()
        rows = tuple(row for row in source.rows if (row.task, row.information) != (ask.task, ask.information))
        assert len(rows) < len(source.rows)
        items = {(row.revision, row.item) for row in rows}
        procedures = tuple(one for one in source.procedures if (one.revision, one.item) in items)
        await publishing.publish_list(self.network, canonical(replace(source, rows=rows, procedures=procedures)))

    async def publish_procedure(self, code: ProcedureCode, information: tuple[InformationCode, ...]) -> None:
        """A new list in which the lines of a procedure have this information alone."""
        source = lists.load()
        procedures = tuple(
            replace(one, information=information, certainty=Certainty.A) if one.procedure == code else one
            for one in source.procedures
        )
        await publishing.publish_list(self.network, canonical(replace(source, procedures=procedures)))

    async def publish_unassessed(self, agency: AgencyCode) -> None:
        """The agency has taken back all its assessments."""
        entry = self.network.published.directory.entry(agency)
        await publishing.register_agencies(self.network, [msgspec.structs.replace(entry, assessments={})])

    async def refresh(self, _: object = None) -> None:
        """The intermediary server fetches what is newer."""
        await publications.refresh(self.intermediary)

    def resigned(self, token: str, **claims: object) -> str:
        """A permit with other claims under the network's own key: what a network that errs would send."""
        read = decode(Permit, unverified_payload(token))
        return sign_permit(msgspec.structs.replace(read, **claims), self.network.signing)

    # --- time -----------------------------------------------------------------------------------------------------

    async def pass_time(self, by: timedelta) -> None:
        await self.set_clock(self.network.clock.now() + by)

    async def carry_on(self, rounds: int = 3) -> None:
        """What the servers do by themselves in a while: everything that can be carried on is."""
        for _ in range(rounds):
            await self.pass_time(timedelta(seconds=6))
            await self.sweep()
            await self.settle()

    async def carry_on_without_refresh(self) -> None:
        """One round while the network publishes nothing: time stands still."""
        await self.sweep()
        await self.settle()

    # --- what was written -----------------------------------------------------------------------------------------

    async def inquiry(self, ask: Ask, txn: UUID) -> InquiryRow:
        async with self.intermediary.db.connection() as conn:
            row = await inquiries.find_inquiry(conn, ask.inquirer, txn)
        assert row is not None
        return row

    async def exchange(self, txn: UUID) -> ExchangeRow | None:
        async with self.network.db.connection() as conn:
            return await network_store.find_exchange(conn, txn)

    async def provision(self, ask: Ask, txn: UUID) -> ProvisionRow:
        async with self.intermediary.db.connection() as conn:
            row = await provisions.find_provision(conn, ask.provider, txn)
        assert row is not None
        return row

    async def provisions(self, agency: AgencyCode) -> list[ProvisionRow]:
        """All that an agency was notified of."""
        async with self.intermediary.db.connection() as conn:
            return [row for row in await provisions.all_provisions(conn) if row.agency == agency]

    async def records(self, ask: Ask, txn: UUID) -> dict[Holder, RecordRow]:
        """The records of an exchange, by role."""
        holders = (ask.inquirer, ask.provider, self.network.agency)
        found: list[RecordRow] = []
        for db in (self.network.db, self.intermediary.db):
            async with db.connection() as conn:
                found += await record_store.get(conn, [(holder, txn) for holder in holders])
        assert len({row.role for row in found}) == len(found)
        return {row.role: row for row in found}

    async def assert_ended(
        self, ask: Ask, txn: UUID, kind: str, reason: str, holders: Iterable[Holder] = tuple(Holder)
    ) -> None:
        """It has ended as this, for this coarse reason, and these have a record of it."""
        row = await self.inquiry(ask, txn)
        assert (row.state, row.kind, row.reason) == ("ended", kind, reason)
        assert set(await self.records(ask, txn)) == set(holders)

    async def assert_alarmed(self, party: str, fault: str) -> None:
        """The last alarm at this party is of this fault."""
        alarms = [alarm for alarm in (await self.export()).alarms if alarm.party == party]
        assert alarms[-1].fault == fault

    async def judged(self) -> Verdict:
        return await assert_judged(self, self.world.canaries())

    async def judged_for(self, canaries: Iterable[str]) -> Verdict:
        return await assert_judged(self, canaries)

    async def export(self) -> Export:
        return await exported(self)


CONFIRM = review.Preparation(review.Choice.CONFIRM, None, None)


async def unreachable(message: object) -> None:
    """The other party does not answer."""
    raise Problem("network-unavailable")
