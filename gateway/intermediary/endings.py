"""How the provider ends an exchange (情報提供の終わり), and how the inquirer does when its own side forbids asking.

Values in, values out: the payload is made here once, the annex beside it, both signed by the side that ends.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from authz.decide import Decision
from gateway.exchange.messages import (
    Answer,
    CoarseReason,
    Content,
    ItemValue,
    Outcome,
    Permit,
    ReasonOfNull,
)
from gateway.exchange.sealing import SealingPublicKey, seal
from gateway.keys.ring import KeyRing
from gateway.records import record, subjects
from gateway.records.refusal import Refused, refusal_payload
from gateway.records.store import RecordRow
from gateway.stages import mark
from sympho.codes import AgencyCode, ItemCode, UnifiedNumber

COARSE = {
    Outcome.PROVIDED: CoarseReason.NONE,
    Outcome.NOT_PROVIDED: CoarseReason.NOT_PROVIDED,
    Outcome.LAPSED: CoarseReason.LAPSED,
    Outcome.WITHDRAWN: CoarseReason.WITHDRAWN,
    Outcome.REFUSED: CoarseReason.NOT_PERMITTED,
}


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the provider alone knows of an end, and tells nobody: it goes into its annex."""

    reasons: tuple[str, ...]
    mark: bool = False
    persons: tuple[tuple[str, str], ...] = ()
    withheld: str = ""


@dataclass(frozen=True, slots=True)
class Ending:
    """A provider's end, ready to be written: the answer to carry and the record to keep."""

    kind: Outcome
    ended_at: datetime
    answer: Answer
    record: RecordRow


def answered(content: Content, items: Sequence[ItemCode]) -> Content:
    """Exactly the items asked, each with its value or a reason of null; no items asked means all of the duplicate."""
    asked = items or tuple(content.items)
    missing = ItemValue(reason_of_null=ReasonOfNull.NOT_CONVERTED)
    return Content(content.information, content.layout, {item: content.items.get(item, missing) for item in asked})


def end_as_provider(
    ring: KeyRing,
    claims: Permit,
    token: str,
    subject: UnifiedNumber | None,
    kind: Outcome,
    content: bytes,
    inquirer_key: SealingPublicKey,
    circumstances: Circumstances,
    now: datetime,
    rsn: CoarseReason | None = None,
) -> Ending:
    """The end of a notified exchange: content sealed to the inquirer alone, payload, annex and the provider's record.

    ``content`` is empty unless something is provided. World time may have been set back meanwhile: an end is
    never recorded before the asking and the permit.
    """
    agency = claims.prv.agency
    ended_at = max(now, claims.asked_at, claims.valid_from)
    sealed = seal(content, inquirer_key, token) if kind is Outcome.PROVIDED else b""
    mark("record")
    kept = subjects.keep(ring, agency, claims.txn, subject)
    annex = record.provider_annex(
        txn=claims.txn,
        salt=os.urandom(16),
        holder=agency,
        mark=circumstances.mark,
        reasons=circumstances.reasons,
        persons=circumstances.persons,
        withheld=circumstances.withheld,
        subject_c=kept.commitment,
    )
    payload = record.payload(
        record.RecordFacts(
            txn=claims.txn,
            salt=os.urandom(16),
            kind=kind,
            inq=claims.inq,
            prv=claims.prv,
            task=claims.task,
            prc=claims.prc,
            inf=claims.inf,
            items=claims.items,
            asked_at=claims.asked_at,
            ended_at=ended_at,
            as_of=claims.as_of,
            list_serial=claims.list,
            list_d=claims.list_d,
            item=claims.item,
            rsn=COARSE[kind] if rsn is None else rsn,
            req_d=claims.req_d,
            res_d=record.digest(sealed),
            annex_inq=claims.annex_inq,
            annex_net=claims.annex_net,
            annex_prv=record.digest(annex),
        )
    )
    jws = record.sign_record(payload, ring.signing(agency))
    row = record_row(agency, record.Role.PROVIDER, payload, jws, annex, kept)
    return Ending(kind, ended_at, Answer(1, claims.txn, payload, jws, sealed), row)


def refuse_as_inquirer(
    ring: KeyRing, refused: Refused, decision: Decision, annex: bytes, kept: subjects.Kept
) -> RecordRow:
    """The inquirer's own side forbids asking: nothing goes out, and the refusal is recorded by the inquirer alone."""
    payload = refusal_payload(refused, decision, refused.asked_at, record.digest(annex), record.NOTHING_D)
    jws = record.sign_record(payload, ring.signing(refused.inquirer))
    return record_row(refused.inquirer, record.Role.INQUIRER, payload, jws, annex, kept)


def record_row(
    holder: AgencyCode, role: record.Role, payload: bytes, jws: str, annex: bytes, kept: subjects.Kept
) -> RecordRow:
    """One holder's record as it is stored, with its sealed subject beside it."""
    return RecordRow.of(
        holder=holder,
        role=role,
        payload=record.parse(payload),
        jws=jws,
        annex=annex,
        subject_sealed=kept.sealed,
        subject_blind=kept.blind,
    )
