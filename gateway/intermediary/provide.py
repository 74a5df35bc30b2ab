"""情報提供 (TKY): a notice taken, and answered at once where nothing stands against it (番号法22条, 命令46条).

1. The permit is the network's, for this agency, for this person, valid at the time of notice. Otherwise it is a wrong
   call: alarmed, and it ends nothing.
2. Our own copy of the list is at least as new as the permit's; else it is fetched; else the notice waits (held: list).
3. The decision of the recipe ``provide``: our own copy of the list, our assessment, the flags.
4. Permitted: the duplicate is read, cut to the items asked, sealed to the inquirer, recorded. In the commit the guards
   of person and information are locked and compared: a flag that was acknowledged before wins, and all is read again.
5. Held: it waits for ``review``. To the network and the inquirer that looks like any answer that takes its time.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

import structlog

from authz.decide import Decision, Effect, ProvideFacts, Question, decide_provide
from gateway.exchange.jws import JwsRefused
from gateway.exchange.messages import (
    Answer,
    AnswerOrPending,
    CoarseReason,
    Notice,
    Outcome,
    Pending,
    Permit,
    decode,
    encode,
)
from gateway.exchange.numbers import exchange_number
from gateway.exchange.permit import BadPermit, PermitFault, check_permit, verify_permit
from gateway.intermediary import atrest, publications
from gateway.intermediary.endings import Circumstances, Ending, answered, end_as_provider
from gateway.intermediary.party import GuardKey, Intermediary, Taken, Taking
from gateway.intermediary.store import held, provisions
from gateway.intermediary.store.duplicates import PERSON, Guarded
from gateway.problems import Problem
from gateway.stages import mark
from sympho.codes import AgencyCode, UnifiedNumber

LIST = "list"
"""``held_for`` of a notice that waits for nothing but a newer list."""

PROVIDED = "provided content"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Noticed:
    """A verified notice: the permit's claims, and the person here (None where the code is nobody's).

    ``guarded`` is what was read in finding the person; None where it has to be read (again).
    """

    claims: Permit
    token: str
    person: UnifiedNumber | None
    guarded: Guarded | None = None


@dataclass(frozen=True, slots=True)
class Weighed:
    """What a notice comes to: an end, or what it is held for; and the guards as they were read for it.

    ``kept`` is the provided content as this side keeps it, sealed at rest.
    """

    ending: Ending | None
    held_for: list[str]
    guards: tuple[tuple[GuardKey, int | None], ...]
    kept: bytes | None = None


async def notice(server: Intermediary, agency: AgencyCode, message: Notice) -> AnswerOrPending:
    """Takes a notice. The same notice again gets the same reply; another permit under its number is a conflict."""
    noticed = await _verified(server, server.serve(agency), message)
    pending = Pending(noticed.claims.txn, noticed.claims.valid_until)
    while True:
        weighed = await weigh(server, noticed)
        mark("commit")
        match await server.take.submit(_taking(noticed, message, weighed)):
            case Taken.FRESH:
                return weighed.ending.answer if weighed.ending else pending
            case Taken.KNOWN:
                return await _known(server, noticed)
            case Taken.STALE:
                noticed = replace(noticed, guarded=None)


async def _verified(server: Intermediary, agency: AgencyCode, message: Notice) -> Noticed:
    mark("provider-check")
    txn = exchange_number(message.txn)
    try:
        claims = verify_permit(message.permit, server.held.network_keys)
    except (JwsRefused, BadPermit) as bad:
        raise await wrong_notice(server, agency, bad.code, txn) from None
    faults = check_permit(claims, audience=agency, txn=message.txn, notified_at=message.notified_at, code=message.code)
    if faults:
        raise await wrong_notice(server, agency, faults[0].value, txn)
    if not await _sealed_for(server, claims):
        raise await wrong_notice(server, agency, PermitFault.SEALING_KEY.value, txn)
    mark("read")
    person, guarded = await server.reads.noticed.submit((agency, message.code, claims.inf))
    return Noticed(claims, message.permit, person, guarded)


async def _sealed_for(server: Intermediary, claims: Permit) -> bool:
    """Whether the permit names the sealing key that our directory has for the inquirer; a newer directory is
    fetched."""
    entry = server.held.directory.find(claims.inq.agency)
    if entry is not None and entry.sealing_thumbprint == claims.sealing_d:
        return True
    await publications.catch_up(server, claims.list)
    entry = server.held.directory.find(claims.inq.agency)
    return entry is not None and entry.sealing_thumbprint == claims.sealing_d


async def wrong_notice(server: Intermediary, agency: AgencyCode, fault: str, txn: UUID) -> Problem:
    """Alarms a notice that does not verify and makes the problem that the network gets."""
    async with server.db.transaction() as conn:
        await held.insert_alarm(conn, server.clock.now(), agency, "notice", fault, txn)
    log.warning("alarm", agency=agency, message="notice", fault=fault, txn=str(txn))
    return Problem("notice-invalid", fault)


async def _known(server: Intermediary, noticed: Noticed) -> AnswerOrPending:
    async with server.db.connection() as conn:
        row = await provisions.find_provision(conn, noticed.claims.prv.agency, UUID(noticed.claims.txn))
    if row is None:
        raise RuntimeError("a notice that was taken is gone")
    if row.permit != noticed.token:
        raise Problem("exchange-conflict")
    return decode(Answer, row.answer) if row.answer else Pending(noticed.claims.txn, noticed.claims.valid_until)


# --- weighing -----------------------------------------------------------------------------------------------------


async def weigh(server: Intermediary, noticed: Noticed) -> Weighed:
    """What becomes of a notice as things stand at one moment, which is also its end. Nothing is written here."""
    claims = noticed.claims
    caught_up = server.holds_list(claims.list) or await publications.catch_up(server, claims.list)
    now = server.clock.now()
    if now >= claims.valid_until:
        return Weighed(_end(server, noticed, Outcome.LAPSED, Circumstances(("lapsed",)), now), [], ())
    if not caught_up:
        return Weighed(None, [LIST], ())
    if noticed.person is None:
        ending = _end(server, noticed, Outcome.NOT_PROVIDED, Circumstances(("code-held-by-nobody",)), now)
        return Weighed(ending, [], ())
    guarded = noticed.guarded or await read(server, claims, noticed.person)
    mark("decide")
    guards = guard_versions(claims, noticed.person, guarded)
    decision = decide(server, claims, guarded, now.date())
    match decision.effect:
        case Effect.REVIEW:
            return Weighed(None, [reason.value for reason in decision.reasons], guards)
        case Effect.DENY:
            return Weighed(_refusal(server, noticed, decision, guarded, now), [], guards)
        case Effect.PERMIT:
            mark("seal")
            ending, kept = automatic(server, noticed, noticed.person, guarded, now)
            return Weighed(ending, [], guards, kept)


async def read(server: Intermediary, claims: Permit, person: UnifiedNumber) -> Guarded:
    """The person's duplicate of what is asked, with the guards as they stand."""
    mark("read")
    return await server.reads.guarded.submit((claims.prv.agency, person.reveal(), claims.inf))


def guard_versions(claims: Permit, person: UnifiedNumber, guarded: Guarded) -> tuple[tuple[GuardKey, int | None], ...]:
    """Which guards were read, and in which version."""
    agency, unified = claims.prv.agency, person.reveal()
    return (
        ((agency, unified, PERSON), guarded.person_version),
        ((agency, unified, claims.inf), guarded.information_version),
    )


def decide(server: Intermediary, claims: Permit, guarded: Guarded, today: date) -> Decision:
    """The recipe ``provide`` on this server's own copy of the list."""
    question = Question(
        inquirer=claims.inq.agency,
        provider=claims.prv.agency,
        task=claims.task,
        procedure=claims.prc,
        information=claims.inf,
        items=claims.items,
        consent=claims.consent,
    )
    facts = ProvideFacts(
        permit_valid=True,
        permit_reason=None,
        permit_serial=claims.list,
        in_validity=True,
        no_automatic_answer_person=guarded.person_held,
        no_automatic_answer_information=guarded.information_held,
    )
    return decide_provide(server.held.snapshot, question, facts, today)


def automatic(
    server: Intermediary, noticed: Noticed, person: UnifiedNumber, guarded: Guarded, now: datetime
) -> tuple[Ending, bytes | None]:
    """The automatic answer: the duplicate cut to the items asked, or that nothing is held. Also what we keep of it."""
    claims = noticed.claims
    marked = guarded.person_undisclosed or guarded.information_undisclosed
    if not is_published(guarded, now.date()) or guarded.content is None:
        circumstances = Circumstances(("nothing-held",), marked)
        return _end(server, noticed, Outcome.NOT_PROVIDED, circumstances, now), None
    content = answered(
        atrest.open_duplicate(server.ring, claims.prv.agency, person, claims.inf, guarded.content), claims.items
    )
    plain = encode(content)
    kept = atrest.seal_for_exchange(server.ring, claims.prv.agency, PROVIDED, claims.txn, plain)
    return _end(server, noticed, Outcome.PROVIDED, Circumstances(("automatic",), marked), now, plain), kept


def is_published(guarded: Guarded, today: date) -> bool:
    """Whether the duplicate is there and in its days of publication (公開開始日, 公開終了日), both included."""
    if guarded.published_from is None or today < guarded.published_from:
        return False
    return guarded.published_until is None or today <= guarded.published_until


def _refusal(server: Intermediary, noticed: Noticed, decision: Decision, guarded: Guarded, now: datetime) -> Ending:
    circumstances = Circumstances(
        tuple(reason.value for reason in decision.reasons),
        guarded.person_undisclosed or guarded.information_undisclosed,
    )
    return _end(server, noticed, Outcome.REFUSED, circumstances, now, rsn=CoarseReason(decision.coarse.value))


def _end(
    server: Intermediary,
    noticed: Noticed,
    kind: Outcome,
    circumstances: Circumstances,
    now: datetime,
    content: bytes = b"",
    rsn: CoarseReason | None = None,
) -> Ending:
    claims = noticed.claims
    return end_as_provider(
        server.ring,
        claims,
        noticed.token,
        noticed.person,
        kind,
        content,
        server.held.directory.entry(claims.inq.agency).sealing_key,
        circumstances,
        now,
        rsn,
    )


def _taking(noticed: Noticed, message: Notice, weighed: Weighed) -> Taking:
    claims, ending = noticed.claims, weighed.ending
    row = provisions.NewProvision(
        agency=claims.prv.agency,
        txn=UUID(claims.txn),
        inquirer=claims.inq.agency,
        permit=noticed.token,
        notice_d=hashlib.sha256(encode(message)).digest(),
        unified=noticed.person.reveal() if noticed.person else None,
        task=claims.task,
        information=claims.inf,
        notified_at=message.notified_at,
        valid_until=claims.valid_until,
        state="ended" if ending else "held",
        held_for=" ".join(weighed.held_for),
        content=weighed.kept,
        kind=ending.kind.value if ending else None,
        ended_at=ending.ended_at if ending else None,
        answer=encode(ending.answer) if ending else None,
    )
    return Taking(row, ending.record if ending else None, weighed.guards)
