"""Invariants of the records: who has one, that they are the same and hold, and that all else says the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from gateway.exchange.messages import Outcome
from gateway.judge.export import Ended, Exchange, Export, Inquiry, Provision
from gateway.judge.violation import Violation
from gateway.records.checks import payload_faults, signature_fault
from gateway.records.record import NOTHING_D, RecordPayload, Role, fiscal_year, holders, stamp
from gateway.records.store import RecordRow
from gateway.records.verify import RecordRefused, verify_annex

SKEW = timedelta(seconds=60)
"""How far the clocks of two parties may differ, in world time."""


def _payload_of(export: Export, txn: UUID) -> RecordPayload | None:
    """What the records of an exchange say, by the first that says anything."""
    read = (export.payload(row.jws) for row in export.records_of.get(txn, ()))
    return next((payload for payload in read if payload is not None), None)


# --- 4 who has a record ---------------------------------------------------------------------------------------------


def records_where_due(export: Export) -> Iterator[Violation]:
    """The holders are those of the state table. One may be without its record while it has not heard of the end."""
    for txn in export.txns:
        payload = _payload_of(export, txn)
        if payload is None:
            if _ended_somewhere(export, txn):
                yield Violation("records-where-due", "ended-and-not-recorded", txn)
            continue
        agency_of = _agencies(export, payload)
        due = {(agency_of[role], role) for role in holders(payload)}
        there = {(row.holder, row.role) for row in export.records_of[txn]}
        for stranger, role in sorted(there - due):
            yield Violation("records-where-due", f"not-due-at-{role}", txn, stranger)
        for holder, role in sorted(due - there):
            if holder in export.served | {export.network} and not _may_be_missing(export, txn, role, payload):
                yield Violation("records-where-due", f"missing-at-{role}", txn, holder)
        for role, began in ((Role.NETWORK, txn in export.exchanges_of), (Role.PROVIDER, txn in export.provisions_of)):
            if began and role not in holders(payload):
                yield Violation("records-where-due", f"ended-without-{role}", txn, agency_of[role])


def _agencies(export: Export, payload: RecordPayload) -> dict[Role, str]:
    return {
        Role.INQUIRER: payload.inq.agency,
        Role.NETWORK: export.network,
        Role.PROVIDER: payload.prv.agency,
    }


def _ended_somewhere(export: Export, txn: UUID) -> bool:
    return any(row.state == "ended" for row in export.rows_of.get(txn, ()))


def _may_be_missing(export: Export, txn: UUID, role: Role, payload: RecordPayload) -> bool:
    """Provider, network, inquirer: in this order they record, so who comes later may be open still and nobody else."""
    have = {row.role for row in export.records_of[txn]}
    if role is Role.INQUIRER:
        return any(inquiry.state != "ended" for inquiry in export.inquiries_of.get(txn, ()))
    if role is Role.NETWORK:
        is_open = any(exchange.state != "ended" for exchange in export.exchanges_of.get(txn, ()))
        return is_open and Role.INQUIRER not in have
    return False


# --- 5 the records hold ---------------------------------------------------------------------------------------------


def records_hold(export: Export) -> Iterator[Violation]:
    """Every record verifies under its holder's key, and the records of an exchange are over the same bytes."""
    for txn, rows in export.records_of.items():
        for row in rows:
            verified = export.verified(row.jws)
            if isinstance(verified, RecordRefused):
                yield Violation("records-hold", verified.fault.code.value, txn, row.holder)
            elif (verified.holder, verified.role) != (row.holder, row.role):
                yield Violation("records-hold", "signed-by-another", txn, row.holder)
            elif verified.payload.txn != str(txn):
                yield Violation("records-hold", "of-another-exchange", txn, row.holder)
        if len({_middle(row.jws) for row in rows}) > 1:
            yield Violation("records-hold", "payload-differs", txn)


def _middle(jws: str) -> str:
    return jws.partition(".")[2].partition(".")[0]


def annexes_fit(export: Export) -> Iterator[Violation]:
    """Every annex is the one whose digest the shared payload names, and says whose it is."""
    for row in export.records:
        verified = export.verified(row.jws)
        if isinstance(verified, RecordRefused):
            continue  # named by records_hold
        try:
            verify_annex(row.annex, verified)
        except RecordRefused as refused:
            yield Violation("annexes-fit", refused.fault.code.value, row.txn, row.holder)
    for inquiry in export.inquiries:
        payload = _payload_of(export, inquiry.txn)
        if payload is not None and payload.annex_d.inq != inquiry.annex_d:
            yield Violation("annexes-fit", "fixed-when-asked-differs", inquiry.txn, inquiry.agency)


def answers_fit(export: Export) -> Iterator[Violation]:
    """An end fits the permit and names the sealed bytes, and its signatures hold, wherever it is kept."""
    for exchange in export.exchanges:
        if exchange.ended is not None:
            for what in _end_faults(export, exchange, exchange.ended):
                yield Violation("answers-fit", what, exchange.txn, "network")
            if signature_fault(exchange.ended.network, exchange.ended.payload, export.network, export.keys):
                yield Violation("answers-fit", "network-signature", exchange.txn, "network")
    for provision in export.provisions:
        if provision.ended is not None:
            for what in _end_faults(export, provision, provision.ended):
                yield Violation("answers-fit", what, provision.txn, provision.agency)
    for inquiry in export.inquiries:
        payload = _payload_of(export, inquiry.txn)
        kept = inquiry.content_d or NOTHING_D
        if payload is not None and inquiry.state == "ended" and payload.res_d != kept:
            yield Violation("answers-fit", "answer-digest", inquiry.txn, inquiry.agency)


def _end_faults(export: Export, row: Exchange | Provision, ended: Ended) -> Iterator[str]:
    payload = export.parsed(ended.payload)
    if payload is None:
        yield "payload-malformed"
        return
    if payload.res_d != ended.sealed_d:
        yield "answer-digest"
    recorded = [one for one in export.records_of.get(row.txn, ()) if export.payload(one.jws) != payload]
    if recorded:
        yield "recorded-otherwise"
    if row.permit is None:
        return
    claims = export.claims(row.permit)
    if claims is None:
        yield "permit-does-not-verify"
        return
    yield from payload_faults(claims, payload)
    if signature_fault(ended.provider, ended.payload, claims.prv.agency, export.keys):
        yield "provider-signature"


# --- 6 all else says the same ---------------------------------------------------------------------------------------


def outcomes_agree(export: Export) -> Iterator[Violation]:
    """Outcome, reason and time of an end beside the records are those of the shared payload."""
    for row in export.records:
        payload = export.payload(row.jws)
        if payload is not None and _columns(row) != _columns_due(row, payload):
            yield Violation("outcomes-agree", "record-columns", row.txn, row.holder)
    for inquiry in export.inquiries:
        payload = _payload_of(export, inquiry.txn)
        if payload is None or inquiry.state != "ended":
            continue
        if (inquiry.kind, inquiry.reason, _stamp(inquiry.ended_at)) != (payload.kind, payload.rsn, payload.ended_at):
            yield Violation("outcomes-agree", "inquiry", inquiry.txn, inquiry.agency)
    ends: list[Exchange | Provision] = [*export.exchanges, *export.provisions]
    for end in ends:
        payload = _payload_of(export, end.txn)
        if payload is None or end.state != "ended":
            continue
        if (end.kind, _stamp(end.ended_at)) != (payload.kind, payload.ended_at):
            where = "network" if isinstance(end, Exchange) else end.agency
            yield Violation("outcomes-agree", "exchange" if isinstance(end, Exchange) else "provision", end.txn, where)


def _stamp(at: datetime | None) -> str:
    return "" if at is None else stamp(at)


def _columns(row: RecordRow) -> tuple[object, ...]:
    return (row.txn, row.kind, stamp(row.ended_at), row.fiscal_year, row.counterpart, row.task, row.information)


def _columns_due(row: RecordRow, payload: RecordPayload) -> tuple[object, ...]:
    counterpart = payload.prv.agency if row.role is Role.INQUIRER else payload.inq.agency
    return (
        UUID(payload.txn),
        payload.kind,
        payload.ended_at,
        fiscal_year(payload.ended),
        counterpart,
        payload.task,
        payload.inf,
    )


def times_in_order(export: Export) -> Iterator[Violation]:
    """Asked, permitted, accepted, notified, ended; nobody answers after the validity, and nothing lapses before it."""
    for exchange in export.exchanges:
        for what in _disorder(export, exchange):
            yield Violation("times-in-order", what, exchange.txn, exchange.provider)
    for inquiry in export.inquiries:
        payload = _payload_of(export, inquiry.txn)
        if payload is not None and payload.asked_at != stamp(inquiry.asked_at):
            yield Violation("times-in-order", "asked-at-differs", inquiry.txn, inquiry.agency)


def _disorder(export: Export, exchange: Exchange) -> Iterator[str]:
    claims = export.claims(exchange.permit)
    if claims is None:
        return
    if claims.asked_at > claims.valid_from + SKEW:
        yield "permitted-before-asked"
    if not claims.valid_from <= exchange.accepted_at < claims.valid_until:
        yield "accepted-outside-validity"
    for provision in export.provisions_of.get(exchange.txn, ()):
        if provision.notified_at != exchange.accepted_at:
            yield "notified-at-differs"
    payload = _payload_of(export, exchange.txn)
    if payload is None:
        return
    if payload.ended_at < stamp(claims.valid_from):
        yield "ended-before-permitted"
    if payload.kind is Outcome.LAPSED and payload.ended < claims.valid_until:
        yield "lapsed-too-early"
    if payload.kind is not Outcome.LAPSED and payload.ended >= claims.valid_until:
        yield "answered-too-late"


# --- 8 agencies -----------------------------------------------------------------------------------------------------


def within_agencies(export: Export) -> Iterator[Violation]:
    """An exchange belongs to its two agencies and the network everywhere; a duplicate to its own agency's person."""
    for stray in export.strays:
        yield Violation("within-agencies", "duplicate-of-nobody", None, f"{stray.agency} {stray.information}")
    for txn in export.txns:
        payload = _payload_of(export, txn)
        if payload is not None:
            for what, where in _strangers(export, txn, payload):
                yield Violation("within-agencies", what, txn, where)
    sides: list[Inquiry | Provision] = [*export.inquiries, *export.provisions]
    for row in sides:
        if row.agency not in export.served:
            yield Violation("within-agencies", "agency-not-served", row.txn, row.agency)


def _strangers(export: Export, txn: UUID, payload: RecordPayload) -> Iterator[tuple[str, str]]:
    inquirer, provider = payload.inq.agency, payload.prv.agency
    for inquiry in export.inquiries_of.get(txn, ()):
        if _asked(inquiry) != _asked_by(payload):
            yield "inquiry-of-another", inquiry.agency
    for exchange in export.exchanges_of.get(txn, ()):
        if (exchange.inquirer, exchange.provider) != (inquirer, provider):
            yield "exchange-of-others", exchange.inquirer
    for provision in export.provisions_of.get(txn, ()):
        if (provision.inquirer, provision.agency) != (inquirer, provider):
            yield "provision-of-another", provision.agency
    agency_of = _agencies(export, payload)
    for row in export.records_of.get(txn, ()):
        if agency_of[row.role] != row.holder:
            yield "record-at-a-stranger", row.holder


def _asked(inquiry: Inquiry) -> tuple[object, ...]:
    asked = (inquiry.agency, inquiry.office, inquiry.provider, inquiry.task, inquiry.procedure, inquiry.information)
    return (*asked, inquiry.items)


def _asked_by(payload: RecordPayload) -> tuple[object, ...]:
    asked = (payload.inq.agency, payload.inq.office, payload.prv.agency, payload.task, payload.prc, payload.inf)
    return (*asked, payload.items)
