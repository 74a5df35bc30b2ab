"""情報提供データベース管理 (DBM): duplicates deposited, flags set, publication ended.

Everything that changes what would be answered raises the version of the guards it touches, in the same commit, so that
no answer in the making goes out with what was there before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date
from operator import attrgetter
from typing import Final

from gateway.exchange.messages import Content
from gateway.intermediary import atrest
from gateway.intermediary.party import Intermediary
from gateway.intermediary.store import duplicates
from gateway.intermediary.store.duplicates import PERSON, DuplicateRow, GuardRow
from gateway.problems import Conflict, FieldError, Problem
from sympho import registry
from sympho.codes import AgencyCode, InformationCode, ItemCode, UnifiedNumber
from sympho.linkage import PersonStatus

COPY_FROM: Final = 200
"""From so many duplicates on, a deposit tries COPY."""
SAMPLE: Final = 16
"""Of so many places one is looked at first: what is deposited again is seldom so in part."""


@dataclass(frozen=True, slots=True)
class Deposit:
    """One person's duplicate of one information (副本), with its days of publication."""

    person: UnifiedNumber
    content: Content
    published_from: date
    published_until: date | None


async def deposit(server: Intermediary, agency: AgencyCode, deposits: Sequence[Deposit]) -> None:
    """Registers or replaces duplicates, all or none. What is wrong is named by its place in the sequence."""
    server.serve(agency)
    wrong = [*_faults(server, deposits), *_twice(deposits)]
    if wrong:
        raise Problem("invalid-field", errors=tuple(wrong))
    now = server.clock.now()
    rows = [
        DuplicateRow(
            agency=agency,
            unified=d.person.reveal(),
            information=d.content.information,
            layout=d.content.layout,
            published_from=d.published_from,
            published_until=d.published_until,
            content=atrest.seal_duplicate(server.ring, agency, d.person, d.content),
            deposited_at=now,
        )
        for d in deposits
    ]
    rows.sort(key=attrgetter("unified", "information"))
    try:
        if len(rows) < COPY_FROM or not await _copied(server, rows):
            await _upserted(server, rows)
    except Conflict as conflict:
        if conflict.constraint in ("duplicate_person", "guard_person"):
            raise Problem("not-found", "an addressee that this agency has not numbered") from None
        raise


async def _upserted(server: Intermediary, rows: Sequence[DuplicateRow]) -> None:
    async with server.db.transaction() as conn:
        await duplicates.upsert_duplicates(conn, rows)
        await duplicates.touch_guards(conn, [(row.agency, row.unified, row.information) for row in rows])


async def _copied(server: Intermediary, rows: Sequence[DuplicateRow]) -> bool:
    """Many duplicates where none were before (一括登録): by COPY. False where something was, or came in between: nothing
    is written then."""
    some = [(row.agency, row.unified, row.information) for row in rows[::SAMPLE]]
    try:
        async with server.db.transaction() as conn:
            if await duplicates.any_place_known(conn, some):
                return False
            await duplicates.copy_duplicates(conn, rows)
    except Conflict as conflict:
        if conflict.constraint in ("duplicate_pk", "guard_pk"):
            return False
        raise
    return True


def faults(
    known: Mapping[InformationCode, Set[ItemCode]], n: int, content: Content, since: date, until: date | None
) -> Iterator[FieldError]:
    """What is wrong with the n-th duplicate, by the items that the list in force knows."""
    items = known.get(content.information)
    if items is None:
        yield FieldError(f"$.duplicates[{n}].information", "an information of the list")
    elif not content.items.keys() <= items:
        yield FieldError(f"$.duplicates[{n}].items", "only items of this information")
    if until is not None and until < since:
        yield FieldError(f"$.duplicates[{n}].published_until", "not before published_from")


def _faults(server: Intermediary, deposits: Sequence[Deposit]) -> Iterator[FieldError]:
    known = server.held.snapshot.items
    for n, one in enumerate(deposits):
        yield from faults(known, n, one.content, one.published_from, one.published_until)


def _twice(deposits: Sequence[Deposit]) -> list[FieldError]:
    seen: set[tuple[UnifiedNumber, InformationCode]] = set()
    faults = []
    for n, one in enumerate(deposits):
        key = (one.person, one.content.information)
        if key in seen:
            faults.append(FieldError(f"$.duplicates[{n}]", "the same person and information only once"))
        seen.add(key)
    return faults


async def all_held(server: Intermediary, places: Sequence[tuple[AgencyCode, UnifiedNumber, InformationCode]]) -> bool:
    """Whether there is a duplicate at every one of these places."""
    keys = {(server.serve(agency), person.reveal(), information) for agency, person, information in places}
    async with server.db.connection() as conn:
        return not keys or await duplicates.count_held(conn, sorted(keys)) == len(keys)


async def remove(
    server: Intermediary, agency: AgencyCode, keys: Sequence[tuple[UnifiedNumber, InformationCode]]
) -> None:
    """Deletes duplicates; those that are not there are no fault."""
    places = sorted({(server.serve(agency), person.reveal(), information) for person, information in keys})
    try:
        async with server.db.transaction() as conn:
            await duplicates.delete_duplicates(conn, places)
            await duplicates.touch_guards(conn, places)
    except Conflict as conflict:
        if conflict.constraint == "guard_person":
            raise Problem("not-found", "an addressee that this agency has not numbered") from None
        raise


async def listed(server: Intermediary, agency: AgencyCode, person: UnifiedNumber) -> list[tuple[DuplicateRow, Content]]:
    """A person's duplicates, opened for their own agency."""
    async with server.db.connection() as conn:
        rows = await duplicates.list_duplicates(conn, server.serve(agency), person.reveal())
    return [
        (row, atrest.open_duplicate(server.ring, agency, person, InformationCode(row.information), row.content))
        for row in rows
    ]


async def hold(
    server: Intermediary, agency: AgencyCode, person: UnifiedNumber, information: InformationCode | None, *, value: bool
) -> None:
    """自動応答不可フラグ of a person (information None) or of a person's information. When this returns, nothing more of it
    goes out unreviewed."""
    await _known(server, agency, person)
    async with server.db.transaction() as conn:
        await duplicates.set_no_automatic_answer(conn, agency, person.reveal(), information or PERSON, value)


async def undisclose(
    server: Intermediary, agency: AgencyCode, person: UnifiedNumber, information: InformationCode | None, *, value: bool
) -> None:
    """不開示該当フラグ: marks this side's records of the person (23条2項)."""
    await _known(server, agency, person)
    async with server.db.transaction() as conn:
        await duplicates.set_non_disclosure(conn, agency, person.reveal(), information or PERSON, value)


async def flags(server: Intermediary, agency: AgencyCode, person: UnifiedNumber) -> list[GuardRow]:
    """All flags of a person."""
    await _known(server, agency, person)
    async with server.db.connection() as conn:
        return await duplicates.list_guards(conn, agency, person.reveal())


async def end_publication(server: Intermediary, agency: AgencyCode, information: InformationCode, until: date) -> int:
    """公開終了日一括設定: how many duplicates of this information now end on that day."""
    async with server.db.transaction() as conn:
        persons = await duplicates.set_publication_end(conn, server.serve(agency), information, until)
        if persons:
            await duplicates.touch_guards(conn, sorted((agency, person, information) for person in persons))
    return len(persons)


async def _known(server: Intermediary, agency: AgencyCode, person: UnifiedNumber) -> None:
    async with server.db.connection() as conn:
        [status] = await registry.statuses(conn, server.serve(agency), [person])
    if status is PersonStatus.UNKNOWN:
        raise Problem("not-found", "no such addressee in this agency")
