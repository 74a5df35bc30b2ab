"""判定の説明: any question explained, and what a body may ask, at any day and by any list that was held.

A duty of its own; every use stands in the operations log, as every call does. Nothing here is about a person: a
question names bodies, a task and information. The counterpart of an exchange never comes here: it is told the coarse
reason alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated

from msgspec import Meta, Struct

from authz import naming
from authz.duties import Duty
from authz.enumeration import Enumeration, Narrowed, enumeration
from authz.explain import Asked, Assumption
from authz.explained import Explanation, explanation
from authz.naming import Unclear
from authz.questions import Snapshot
from gateway.exchange.messages import MOST_ITEMS
from gateway.interfaces.heldlists import HeldLists
from gateway.interfaces.house import House
from gateway.interfaces.operation import AnyOperation, Call, Operation, Reply
from gateway.interfaces.words import BY_STAFF, Aware, in_tokyo
from gateway.problems import FieldError, Problem
from sympho.codes import AgencyCode

__all__ = ["operations"]

Said = Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]{1,400}$")]
"""A code, a kind, a name or words of one."""


class ExplanationBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A question to be explained; each part by code, by name, or by kind where it is a body.

    ``as_of`` is the day to judge by, world time's if it is left out; ``known_at`` the time at which list and
    directory were held, now if it is left out. No items means all.
    """

    inquirer: Said
    task: Said
    provider: Said
    information: Said
    procedure: Said | None = None
    items: Annotated[tuple[Said, ...], Meta(max_length=MOST_ITEMS)] = ()
    consent: bool = False
    as_of: date | None = None
    known_at: Aware | None = None


class EnumerationBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose rights to tell, and which of them only."""

    inquirer: Said
    task: Said | None = None
    provider: Said | None = None
    information: Said | None = None
    as_of: date | None = None
    known_at: Aware | None = None


@dataclass(frozen=True)
class Explaining:
    """Handlers of 判定説明."""

    house: House
    lists: HeldLists

    async def explain(self, call: Call[ExplanationBody, None]) -> Reply:
        body = call.body
        snapshot, was_held = await self._snapshot(call.agency, body.known_at)
        with named():
            asked = _asked(snapshot, body)
        assumed = () if was_held else (Assumption.EARLIEST,)
        return Reply(body=explanation(snapshot, asked, self._day(body.as_of), _time(body.known_at), assumed))

    async def enumerate(self, call: Call[EnumerationBody, None]) -> Reply:
        body = call.body
        snapshot, _ = await self._snapshot(call.agency, body.known_at)
        with named():
            inquirer = naming.party(body.inquirer, snapshot.list, snapshot.agencies)
            narrowed = _narrowed(snapshot, body)
        return Reply(body=enumeration(snapshot, inquirer, self._day(body.as_of), narrowed, _time(body.known_at)))

    async def _snapshot(self, agency: AgencyCode, known_at: datetime | None) -> tuple[Snapshot, bool]:
        if known_at is None:
            return self.lists.now(agency), True
        if known_at > self.house.clock.now():
            raise Problem("invalid-field", errors=(FieldError("$.known_at", "not after world time expected"),))
        return await self.lists.known_at(agency, known_at)

    def _day(self, as_of: date | None) -> date:
        return as_of or self.house.clock.today()


@contextmanager
def named() -> Iterator[None]:
    """A name that fits nothing, or several things, is the caller's to mend."""
    try:
        yield
    except Unclear as unclear:
        raise Problem("invalid-field", errors=(FieldError(f"$.{unclear.field}", unclear.rule),)) from None


def _asked(snapshot: Snapshot, body: ExplanationBody) -> Asked:
    information = naming.information(body.information, snapshot.list)
    return Asked(
        inquirer=naming.party(body.inquirer, snapshot.list, snapshot.agencies, "inquirer"),
        task=naming.task(body.task, snapshot.list),
        provider=naming.party(body.provider, snapshot.list, snapshot.agencies, "provider"),
        information=information,
        procedure=None if body.procedure is None else naming.procedure(body.procedure, snapshot.list),
        items=naming.items(body.items, snapshot.list, information),
        consent=body.consent,
    )


def _narrowed(snapshot: Snapshot, body: EnumerationBody) -> Narrowed:
    match_list, agencies = snapshot.list, snapshot.agencies
    return Narrowed(
        task=None if body.task is None else naming.task(body.task, match_list),
        provider=None if body.provider is None else naming.party(body.provider, match_list, agencies, "provider"),
        information=None if body.information is None else naming.information(body.information, match_list),
    )


def _time(known_at: datetime | None) -> datetime | None:
    return None if known_at is None else in_tokyo(known_at)


def operations(house: House) -> list[AnyOperation]:
    """What whoever has 判定説明 may do."""
    here = Explaining(house, HeldLists(house))
    problems = frozenset({"wrong-agency", "directory-stale", "not-found"})
    return [
        Operation(
            name="explain-decision", method="POST", path="/authz/explanations",
            summary_ja="判定の説明", summary_en="Explain a question: every check, its ground, what near it is permitted",
            principals=BY_STAFF, duty=Duty.EXPLAIN, request=ExplanationBody, responses={200: Explanation},
            handler=here.explain, problems=problems,
        ),
        Operation(
            name="enumerate-permitted", method="POST", path="/authz/enumerations",
            summary_ja="照会できるものの一覧", summary_en="What a body may ask, by the list and its own facts",
            principals=BY_STAFF, duty=Duty.EXPLAIN, request=EnumerationBody, responses={200: Enumeration},
            handler=here.enumerate, problems=problems,
        ),
    ]  # fmt: skip
