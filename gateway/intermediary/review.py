"""自動応答不可 -> 審査: what was held is prepared by one person and released or withheld by a second (TKY 203, 205).

1. The first person confirms what the duplicate would answer, corrects it, or wants to withhold it, for a reason of the
   closed list (22条 obliges to provide). Whoever entered the content counts as first.
2. The second person, another account of the same agency, releases: now it is sealed, recorded and sent; or returns it.
3. In the commit of a release the provision and both guards are locked. If a flag or the duplicate was changed since the
   preparation, nothing goes out: it is held again and the first person looks again.
4. Lapse and withdrawal take the same lock: whoever comes first ends the exchange, and only one does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import structlog

from gateway.database import Connection
from gateway.exchange.messages import (
    Answer,
    AnswerOrPending,
    Content,
    Outcome,
    Permit,
    Withdrawal,
    decode,
    encode,
)
from gateway.exchange.numbers import exchange_number
from gateway.exchange.permit import verify_permit
from gateway.intermediary import atrest, provide
from gateway.intermediary.endings import Circumstances, Ending, answered, end_as_provider
from gateway.intermediary.party import Intermediary
from gateway.intermediary.store import duplicates, provisions
from gateway.intermediary.store.duplicates import PERSON
from gateway.intermediary.store.provisions import ProvisionRow
from gateway.problems import FieldError, Problem
from gateway.records import store as record_store
from sympho.codes import AgencyCode, UnifiedNumber

log = structlog.get_logger()


class Choice(StrEnum):
    """What the first person wants to happen."""

    CONFIRM = "confirm"
    CORRECT = "correct"
    WITHHOLD = "withhold"


class WithholdReason(StrEnum):
    """Why something is withheld although 22条 obliges to provide it: the closed list."""

    WRONG_PERSON = "wrong-person"
    UNDER_CORRECTION = "duplicate-under-correction"
    ASSESSMENT = "assessment-not-published"
    ORDINANCE_LIMIT = "excluded-by-notified-ordinance-limit"


@dataclass(frozen=True, slots=True)
class Reviewer:
    """A member of the provider's staff, by pseudonymous id, and the accounts that count as the same pair of eyes."""

    agency: AgencyCode
    staff: str
    one_person_with: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Preparation:
    """The first person's decision: ``content`` is given for a correction, ``reason`` for a withholding."""

    choice: Choice
    content: Content | None
    reason: WithholdReason | None


async def found(server: Intermediary, agency: AgencyCode, txn: UUID) -> tuple[ProvisionRow, Permit]:
    """A provision of the agency, and what its permit says was asked."""
    async with server.db.connection() as conn:
        row = await provisions.find_provision(conn, server.serve(agency), txn)
    if row is None:
        raise Problem("not-found")
    return row, claims_of(server, row)


async def would_send(
    server: Intermediary, agency: AgencyCode, txn: UUID
) -> tuple[ProvisionRow, Permit, Content | None]:
    """What a reviewer sees: the provision, what was asked, and what would be sent (None: that nothing is held)."""
    row, claims = await found(server, agency, txn)
    if row.prepared is not None:
        return row, claims, open_prepared(server, row, row.prepared)
    if row.state == "ended" or row.unified is None:
        return row, claims, None
    return row, claims, await _from_duplicate(server, claims, UnifiedNumber(row.unified))


async def _from_duplicate(server: Intermediary, claims: Permit, person: UnifiedNumber) -> Content | None:
    guarded = await provide.read(server, claims, person)
    if not provide.is_published(guarded, server.clock.today()) or guarded.content is None:
        return None
    whole = atrest.open_duplicate(server.ring, claims.prv.agency, person, claims.inf, guarded.content)
    return answered(whole, claims.items)


def claims_of(server: Intermediary, row: ProvisionRow) -> Permit:
    """The claims of a permit that was verified when its notice was taken."""
    return verify_permit(row.permit, server.held.network_keys)


def open_prepared(server: Intermediary, row: ProvisionRow, sealed: bytes) -> Content:
    """The content that was prepared or provided, as this side keeps it."""
    return decode(
        Content,
        atrest.open_for_exchange(server.ring, AgencyCode(row.agency), provide.PROVIDED, str(row.txn), sealed),
    )


# --- the first person ---------------------------------------------------------------------------------------------


async def prepare(server: Intermediary, reviewer: Reviewer, txn: UUID, preparation: Preparation) -> None:
    """The first person's decision, replacing an earlier one; whoever decided last is the first person."""
    row = await _open_row(server, reviewer.agency, txn)
    claims = claims_of(server, row)
    if row.unified is None:
        raise RuntimeError("a notice for nobody is never held")
    person = UnifiedNumber(row.unified)
    guarded = await provide.read(server, claims, person)
    versions = [version or 0 for _, version in provide.guard_versions(claims, person, guarded)]
    content = await _content(server, claims, person, preparation)
    sealed = None
    if content is not None:
        sealed = atrest.seal_for_exchange(server.ring, reviewer.agency, provide.PROVIDED, str(txn), encode(content))
    async with server.db.transaction() as conn:
        await _locked(conn, server, reviewer.agency, txn)
        await provisions.prepare_provision(
            conn,
            reviewer.agency,
            txn,
            reviewer.staff,
            server.clock.now(),
            preparation.choice.value,
            preparation.reason.value if preparation.reason else None,
            sealed,
            versions,
        )


async def _content(
    server: Intermediary, claims: Permit, person: UnifiedNumber, preparation: Preparation
) -> Content | None:
    match preparation.choice:
        case Choice.WITHHOLD:
            if preparation.reason is None:
                raise Problem("invalid-field", errors=(FieldError("$.reason", "a reason of the closed list"),))
            return None
        case Choice.CONFIRM:
            return await _from_duplicate(server, claims, person)
        case Choice.CORRECT:
            return _corrected(server, claims, preparation.content)


def _corrected(server: Intermediary, claims: Permit, content: Content | None) -> Content:
    if content is None:
        raise Problem("invalid-field", errors=(FieldError("$.content", "the corrected content"),))
    allowed = server.held.snapshot.items.get(claims.inf, frozenset())
    asked = set(claims.items) or set(allowed)
    wrong = content.information != claims.inf or not set(content.items) <= asked
    if wrong or (claims.items and set(content.items) != asked):
        raise Problem("invalid-field", errors=(FieldError("$.content.items", "exactly the items asked"),))
    return content


async def _open_row(server: Intermediary, agency: AgencyCode, txn: UUID) -> ProvisionRow:
    async with server.db.connection() as conn:
        row = await provisions.find_provision(conn, server.serve(agency), txn)
    if row is None:
        raise Problem("not-found")
    if row.state == "ended" or row.held_for == [provide.LIST]:
        raise Problem("wrong-state")
    return row


async def _locked(
    conn: Connection, server: Intermediary, agency: AgencyCode, txn: UUID
) -> tuple[ProvisionRow, datetime]:
    """The provision, locked and open, and the moment at which it was: whoever ends it now ends it then, in time."""
    row = await provisions.lock_provision(conn, agency, txn)
    if row is None:
        raise Problem("not-found")
    if row.state == "ended":
        raise Problem("wrong-state", "the exchange has ended")
    now = server.clock.now()
    if now >= row.valid_until:
        raise Problem("wrong-state", "the validity of the notice has passed")
    return row, now


# --- the second person --------------------------------------------------------------------------------------------


async def release(server: Intermediary, reviewer: Reviewer, txn: UUID) -> Outcome:
    """The second person releases what the first prepared, or agrees to withhold it; the exchange ends."""
    server.serve(reviewer.agency)
    changed = False
    answer: Answer | None = None
    async with server.db.transaction() as conn:
        row, now = await _locked(conn, server, reviewer.agency, txn)
        _second_person(row, reviewer)
        changed = not await _unchanged(conn, row)
        if changed:
            await provisions.return_provision(conn, row.agency, txn, [])
        else:
            ending = _ending(server, row, reviewer, now)
            await write_end(conn, row, ending, reviewer.staff)
            answer = ending.answer
    if changed or answer is None:
        raise Problem("changed-since-prepared")
    server.start(push(server, reviewer.agency, txn, answer))
    return Outcome.PROVIDED if answer.sealed else Outcome.NOT_PROVIDED


def _second_person(row: ProvisionRow, reviewer: Reviewer) -> None:
    if row.state != "prepared":
        raise Problem("wrong-state", "nobody has prepared it")
    if row.prepared_by == reviewer.staff or row.prepared_by in reviewer.one_person_with:
        raise Problem("four-eyes")


async def _unchanged(conn: Connection, row: ProvisionRow) -> bool:
    keys = [(row.agency, row.unified or "", PERSON), (row.agency, row.unified or "", row.information)]
    await duplicates.create_guards(conn, sorted(keys))
    versions = await duplicates.share_guards(conn, keys)
    # A guard that had no row when it was read is version 0 in the preparation and 1 once it is made to be locked.
    return all(versions[key] == max(read, 1) for key, read in zip(keys, row.guard_versions, strict=True))


def _ending(server: Intermediary, row: ProvisionRow, reviewer: Reviewer, now: datetime) -> Ending:
    persons = (("prepare", row.prepared_by or ""), ("release", reviewer.staff))
    reasons = (*row.held_for, f"review-{row.decision}")
    circumstances = Circumstances(reasons, persons=persons, withheld=row.withheld_for or "")
    content = encode(open_prepared(server, row, row.prepared)) if row.prepared is not None else b""
    return end_row(server, row, Outcome.PROVIDED if content else Outcome.NOT_PROVIDED, circumstances, now, content)


async def send_back(server: Intermediary, reviewer: Reviewer, txn: UUID) -> None:
    """The second person does not agree: back to held, and somebody prepares it anew."""
    async with server.db.transaction() as conn:
        row, _ = await _locked(conn, server, server.serve(reviewer.agency), txn)
        _second_person(row, reviewer)
        await provisions.return_provision(conn, row.agency, txn, [])


# --- ends that nobody reviews -------------------------------------------------------------------------------------


def end_row(
    server: Intermediary,
    row: ProvisionRow,
    kind: Outcome,
    circumstances: Circumstances,
    now: datetime,
    content: bytes = b"",
) -> Ending:
    """The end of a provision that is open until ``now``."""
    claims = claims_of(server, row)
    return end_as_provider(
        server.ring,
        claims,
        row.permit,
        UnifiedNumber(row.unified) if row.unified else None,
        kind,
        content,
        server.held.directory.entry(claims.inq.agency).sealing_key,
        circumstances,
        now,
    )


async def write_end(
    conn: Connection, row: ProvisionRow, ending: Ending, released_by: str | None, content: bytes | None = None
) -> None:
    """Ends a locked provision with its record, in the caller's transaction; ``content`` is our copy of what was
    given."""
    await provisions.end_provision(
        conn, row.agency, row.txn, released_by, ending.kind.value, ending.ended_at, encode(ending.answer), content
    )
    await record_store.insert(conn, [ending.record])


async def withdraw(server: Intermediary, agency: AgencyCode, message: Withdrawal) -> AnswerOrPending:
    """The inquirer takes its inquiry back: ended here as withdrawn, unless it has ended or its validity has passed."""
    txn = exchange_number(message.txn)
    async with server.db.transaction() as conn:
        row = await provisions.lock_provision(conn, server.serve(agency), txn)
        if row is None or row.permit != message.permit:
            raise Problem("not-found")
        if row.answer is not None:
            return decode(Answer, row.answer)
        now = server.clock.now()
        kind = Outcome.WITHDRAWN if now < row.valid_until else Outcome.LAPSED
        ending = end_row(server, row, kind, Circumstances((kind.value,)), now)
        await write_end(conn, row, ending, None)
    return ending.answer


async def lapse(server: Intermediary, row: ProvisionRow) -> None:
    """The validity has passed by world time: the provider ends the exchange (命令41条)."""
    async with server.db.transaction() as conn:
        locked = await provisions.lock_provision(conn, row.agency, row.txn)
        now = server.clock.now()
        if locked is None or locked.state == "ended" or now < locked.valid_until:
            return
        ending = end_row(server, locked, Outcome.LAPSED, Circumstances(("lapsed",)), now)
        await write_end(conn, locked, ending, None)
    await push(server, AgencyCode(row.agency), row.txn, ending.answer)


async def push(server: Intermediary, agency: AgencyCode, txn: UUID, answer: Answer) -> None:
    """Brings an end to the network; what is not acknowledged is brought again by ``sweeping``."""
    try:
        await server.network(agency).answer(answer)
    except Problem as problem:
        log.warning("answer-not-taken", txn=str(txn), problem=problem.slug)
        return
    async with server.db.transaction() as conn:
        await provisions.mark_pushed(conn, agency, txn)
