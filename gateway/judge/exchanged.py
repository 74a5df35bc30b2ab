"""Invariants of the exchange: what was permitted, by which list, how it ended, who decided, what was forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from authz.matchlist import digest
from gateway.exchange.messages import Outcome
from gateway.judge.export import Exchange, Export, Inquiry, Provision
from gateway.judge.violation import Violation
from gateway.records import record

PROVIDED = Outcome.PROVIDED.value
LIST = "list"
"""``held_for`` of a notice that waits for nothing but a newer list: no person decides that."""


# --- 1 nothing is provided without an earlier permitted asking ------------------------------------------------------


def provided_as_permitted(export: Export) -> Iterator[Violation]:
    """Every provision rests on an asking and on the network's permit for this exchange, these parties, this time."""
    for provision in export.provisions:
        for what in _unpermitted(export, provision):
            yield Violation("provided-as-permitted", what, provision.txn, provision.agency)
    for exchange in export.exchanges:
        for what in _unasked(export, exchange):
            yield Violation("provided-as-permitted", what, exchange.txn, exchange.inquirer)
    for row in export.records:
        if row.kind is Outcome.PROVIDED and not export.exchanges_of.get(row.txn):
            yield Violation("provided-as-permitted", "recorded-and-never-accepted", row.txn, row.holder)
    for inquiry in export.inquiries:
        if inquiry.content_d is not None and not export.exchanges_of.get(inquiry.txn):
            yield Violation("provided-as-permitted", "received-and-never-accepted", inquiry.txn, inquiry.agency)


def _unpermitted(export: Export, provision: Provision) -> Iterator[str]:
    claims = export.claims(provision.permit)
    if claims is None:
        yield "permit-does-not-verify"
        return
    if claims.txn != str(provision.txn):
        yield "permit-of-another-exchange"
    if (claims.prv.agency, claims.inq.agency) != (provision.agency, provision.inquirer):
        yield "permit-of-other-parties"
    if (claims.task, claims.inf) != (provision.task, provision.information):
        yield "permit-of-another-question"
    if not claims.valid_from <= provision.notified_at < claims.valid_until:
        yield "permit-not-valid-at-notice"
    if provision.valid_until != claims.valid_until:
        yield "validity-differs"
    if all(exchange.permit != provision.permit for exchange in export.exchanges_of.get(provision.txn, ())):
        yield "notified-and-never-accepted"


def _unasked(export: Export, exchange: Exchange) -> Iterator[str]:
    claims = export.claims(exchange.permit)
    if exchange.permit is not None and claims is None:
        yield "permit-does-not-verify"
    if claims is not None and (claims.txn, claims.inq.agency, claims.prv.agency, claims.req_d) != (
        str(exchange.txn),
        exchange.inquirer,
        exchange.provider,
        exchange.request_d,
    ):
        yield "permit-of-another-exchange"
    if exchange.inquirer in export.served:
        asked = [
            inquiry for inquiry in export.inquiries_of.get(exchange.txn, ()) if inquiry.agency == exchange.inquirer
        ]
        if not asked:
            yield "accepted-and-never-asked"


def permit_used_once(export: Export) -> Iterator[Violation]:
    """A permit stands in one exchange, and all sides of that exchange have the same one."""
    ids: dict[str, UUID] = {}
    for exchange in export.exchanges:
        claims = export.claims(exchange.permit)
        if claims is None:
            continue
        if ids.setdefault(claims.permit, exchange.txn) != exchange.txn:
            yield Violation("permit-used-once", "used-in-two-exchanges", exchange.txn, exchange.inquirer)
        for inquiry in export.inquiries_of.get(exchange.txn, ()):
            if inquiry.permit is not None and inquiry.permit != exchange.permit:
                yield Violation("permit-used-once", "inquirer-has-another-permit", exchange.txn, inquiry.agency)
    for txn, provisions in export.provisions_of.items():
        if len(provisions) > 1:
            yield Violation("permit-used-once", "notified-to-two", txn)


# --- 2 the list -----------------------------------------------------------------------------------------------------


def list_published(export: Export) -> Iterator[Violation]:
    """Every list is what its digest says, every copy is one that was published, every record names one of them."""
    for one in export.lists:
        if one.document is not None and digest(one.document) != one.digest:
            yield Violation("list-published", "digest-differs", None, f"{one.holder or 'network'} {one.serial}")
        published = export.published.get(one.serial)
        if published is None or published.digest != one.digest:
            yield Violation("list-published", "never-published", None, f"{one.holder or 'network'} {one.serial}")
    for row in export.records:
        payload = export.payload(row.jws)
        if payload is None:
            continue
        published = export.published.get(payload.list)
        if published is None or published.digest != payload.list_d:
            yield Violation("list-published", "record-of-no-published-list", row.txn, row.holder)


def permitted_by_the_list(export: Export) -> Iterator[Violation]:
    """The row that a permit names lets these kinds ask for this, on the day of the permit."""
    for exchange in export.exchanges:
        claims = export.claims(exchange.permit)
        if claims is None:
            continue
        compiled = export.compiled(claims.list)
        if compiled is None or compiled.digest != claims.list_d:
            yield Violation("permitted-by-the-list", "list-unknown", exchange.txn, exchange.inquirer)
            continue
        tasks = sorted(export.mirrored(claims.inq.agency, claims.task))
        asking, asked = frozenset({claims.inq.kind}), frozenset({claims.prv.kind})
        answers = [compiled.look_up(asking, task, asked, claims.inf, claims.as_of) for task in tasks]
        rows = [answer.text for answer in answers if answer.miss is None]
        if not rows:
            miss = next(answer.miss for answer in answers if answer.miss is not None)
            yield Violation("permitted-by-the-list", f"no-row-{miss.value}", exchange.txn, exchange.inquirer)
        elif claims.item not in rows:
            yield Violation("permitted-by-the-list", "another-row", exchange.txn, exchange.inquirer)


# --- 3 one end, or open for a reason --------------------------------------------------------------------------------


def one_end(export: Export) -> Iterator[Violation]:
    """Whoever says that an exchange has ended says it with one and the same state, once."""
    for txn in export.txns:
        kinds = {row.kind.value for row in export.records_of.get(txn, ())}
        kinds |= {row.kind for row in export.rows_of.get(txn, ()) if row.kind is not None}
        if len(kinds) > 1:
            yield Violation("one-end", "two-ends", txn, " ".join(sorted(kinds)))
        if len(export.exchanges_of.get(txn, ())) > 1 or len(export.inquiries_of.get(txn, ())) > 1:
            yield Violation("one-end", "two-exchanges-of-one-number", txn)
    for row in export.rows:
        if (row.state == "ended") != (row.kind is not None and row.ended_at is not None):
            yield Violation("one-end", "ended-without-an-end", row.txn)


def open_for_a_reason(export: Export) -> Iterator[Violation]:
    """What is open is being carried: it is held, has still to be brought somewhere, or will be asked for again."""
    for inquiry in export.inquiries:
        if inquiry.state != "ended" and not _inquiry_goes_on(export, inquiry):
            yield Violation("open-for-a-reason", "nobody-ends-the-inquiry", inquiry.txn, inquiry.agency)
    for exchange in export.exchanges:
        if exchange.state != "ended" and not _exchange_goes_on(export, exchange):
            yield Violation("open-for-a-reason", "nobody-ends-the-exchange", exchange.txn, exchange.provider)
    for provision in export.provisions:
        if provision.state != "ended" and not provision.held_for:
            yield Violation("open-for-a-reason", "held-for-nothing", provision.txn, provision.agency)


def _inquiry_goes_on(export: Export, inquiry: Inquiry) -> bool:
    """Asking and withdrawing are repeated by the inquirer; else the network must have it open or to deliver."""
    if inquiry.state == "asking" or inquiry.withdrawal_asked_at is not None:
        return True
    return any(row.state != "ended" or row.deliver_due for row in export.exchanges_of.get(inquiry.txn, ()))


def _exchange_goes_on(export: Export, exchange: Exchange) -> bool:
    """Accepted is notified until it is acknowledged; then the provider has it open, or its answer to bring."""
    if exchange.state == "accepted":
        return exchange.code_kept
    if exchange.provider not in export.served or exchange.withdrawal_asked:
        return True
    return any(row.state != "ended" or row.push_due for row in export.provisions_of.get(exchange.txn, ()))


def withdrawn_by_the_inquirer(export: Export) -> Iterator[Violation]:
    """An exchange that ended as withdrawn is one that its inquirer wanted back."""
    for exchange in export.exchanges:
        if exchange.kind != Outcome.WITHDRAWN.value:
            continue
        asked = [inquiry.withdrawal_asked_at for inquiry in export.inquiries_of.get(exchange.txn, ())]
        if not exchange.withdrawal_asked or None in asked:
            yield Violation("withdrawn-by-the-inquirer", "nobody-wanted-it-back", exchange.txn, exchange.inquirer)


# --- 7 a held person ------------------------------------------------------------------------------------------------


def held_by_two(export: Export) -> Iterator[Violation]:
    """What was held for a person to decide is provided or withheld by two different persons of the agency."""
    for provision in export.provisions:
        held = set(provision.held_for) - {LIST}
        if not held or provision.kind not in (PROVIDED, Outcome.NOT_PROVIDED.value):
            continue
        for what in _not_two(export, provision):
            yield Violation("held-by-two", what, provision.txn, provision.agency)


def _not_two(export: Export, provision: Provision) -> Iterator[str]:
    first, second = provision.prepared_by, provision.released_by
    if not first or not second:
        yield "nobody-decided"
        return
    if first == second:
        yield "one-person-decided"
    staff = export.staff or {}
    employed = provision.agency in staff.values()
    for person in (first, second):
        if staff.get(person, "" if employed else provision.agency) != provision.agency:
            yield "decided-by-another-agency's-person"
    if provision.kind != PROVIDED and provision.decision == "withhold" and not provision.withheld_for:
        yield "withheld-for-no-reason"
    for row in export.records_of.get(provision.txn, ()):
        if row.role is record.Role.PROVIDER and _persons(row.annex) != {("prepare", first), ("release", second)}:
            yield "annex-names-others"


def _persons(annex: bytes) -> set[tuple[str, str]] | None:
    try:
        return set(record.parse_annex(annex).persons)
    except record.BadRecord:
        return None


# --- 9 forgotten ----------------------------------------------------------------------------------------------------


def forgotten(export: Export) -> Iterator[Violation]:
    """Once an exchange has ended, the code and the request that it took are kept no longer."""
    for exchange in export.exchanges:
        if exchange.state == "ended" and exchange.code_kept:
            yield Violation("forgotten", "code-kept", exchange.txn)
    for inquiry in export.inquiries:
        if inquiry.state == "ended" and inquiry.request_kept:
            yield Violation("forgotten", "request-kept", inquiry.txn, inquiry.agency)
