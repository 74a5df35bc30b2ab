"""符号管理 (FGU): codes acquired for persons, and how each person's code stands. No code is ever shown."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Struct

from authz.duties import Duty
from gateway.interfaces.operation import AnyOperation, Call, Operation, Reply
from gateway.interfaces.words import BY_STAFF_OR_SYSTEM, OF_SERVED, Aware, Persons, in_tokyo, unified
from gateway.intermediary import codes
from gateway.intermediary.party import Intermediary
from sympho import registry
from sympho.linkage import HeldEvent, PersonStatus, RetirementReason
from sympho.registry import RegistryEvent


class CodePersonsBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Persons of the own agency."""

    persons: Persons


class CodeStatus(Struct, frozen=True):
    """How one person's code stands."""

    status: PersonStatus


class AcquisitionView(Struct, frozen=True):
    """In the order asked."""

    persons: tuple[CodeStatus, ...]


class CodeEvent(Struct, frozen=True):
    """One event in the life of a person's code at the agency."""

    event: HeldEvent
    generation: int | None
    reason: RetirementReason | None
    at: Aware


class CodeHistory(Struct, frozen=True):
    """How one person's code stands, and all that happened to it, oldest first."""

    status: PersonStatus
    history: tuple[CodeEvent, ...]


class CodeHistories(Struct, frozen=True):
    """In the order asked."""

    persons: tuple[CodeHistory, ...]


@dataclass(frozen=True)
class Codes:
    """Handlers of 符号管理."""

    server: Intermediary

    async def acquire(self, call: Call[CodePersonsBody, None]) -> Reply:
        persons = await unified(self.server, call.agency, call.body.persons, "$.persons[{}]")
        statuses = await codes.acquire(self.server, call.agency, persons)
        return Reply(body=AcquisitionView(tuple(CodeStatus(status) for status in statuses)))

    async def search(self, call: Call[CodePersonsBody, None]) -> Reply:
        agency = call.agency
        persons = await unified(self.server, agency, call.body.persons, "$.persons[{}]")
        async with self.server.db.connection() as conn:
            statuses = await registry.statuses(conn, agency, persons)
            histories = await registry.history(conn, agency, persons)
        views = (
            CodeHistory(status, tuple(_event(one) for one in history))
            for status, history in zip(statuses, histories, strict=True)
        )
        return Reply(body=CodeHistories(tuple(views)))


def operations(server: Intermediary) -> list[AnyOperation]:
    """What whoever cares for codes may do, for the own agency alone."""
    here = Codes(server)
    return [
        Operation(
            name="acquire-codes", method="POST", path="/codes/acquisition", interface="IF_FGU_20221",
            summary_ja="符号の取得依頼", summary_en="Acquire linkage codes",
            principals=BY_STAFF_OR_SYSTEM, duty=Duty.MANAGE_DUPLICATES, request=CodePersonsBody,
            responses={200: AcquisitionView}, handler=here.acquire,
            problems=OF_SERVED | {"not-found", "network-unavailable"},
        ),
        Operation(
            name="search-codes", method="POST", path="/codes/search",
            summary_ja="符号の取得状況", summary_en="How persons' linkage codes stand",
            principals=BY_STAFF_OR_SYSTEM, duty=Duty.MANAGE_DUPLICATES, request=CodePersonsBody,
            responses={200: CodeHistories}, handler=here.search, problems=OF_SERVED | {"not-found"},
        ),
    ]  # fmt: skip


def _event(event: RegistryEvent) -> CodeEvent:
    return CodeEvent(event.event, event.generation, event.reason, in_tokyo(event.happened_at))
