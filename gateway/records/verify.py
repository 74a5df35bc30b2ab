"""記録の検証: one record, one annex, and the records of one exchange side by side. Pure: strings and keys, no store.

Reconciliation is string equality of the middle segment; who must have a record follows from the payload itself
(``record.holders``). Every finding is a ``Fault`` with a closed code; no text quotes a record.
"""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.exchange.jws import JwsRefused, VerifyingKey, holder_of, split, unverified_kid, verify
from gateway.records.record import (
    JWS_LIMIT,
    TYP,
    Annex,
    BadRecord,
    RecordPayload,
    Role,
    annex_digest_of,
    digest,
    holders,
    parse,
    parse_annex,
)
from sympho.codes import AgencyCode


class FaultCode(StrEnum):
    """What can be found wrong with records."""

    SIGNATURE_INVALID = "signature-invalid"
    PAYLOAD_MALFORMED = "payload-malformed"
    PAYLOAD_DIFFERS = "payload-differs"
    HOLDER_MISSING = "holder-missing"
    HOLDER_TWICE = "holder-twice"
    HOLDER_UNEXPECTED = "holder-unexpected"
    NOTHING_TO_COMPARE = "nothing-to-compare"
    ANNEX_MALFORMED = "annex-malformed"
    ANNEX_DIFFERS = "annex-differs"


@dataclass(frozen=True, slots=True)
class Fault:
    """One finding: its code, whom it concerns (a holder's agency code, a role, or nobody) and the finer reason."""

    code: FaultCode
    holder: str = ""
    reason: str = ""


class RecordRefused(Exception):
    """A record that does not verify; ``fault`` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"{fault.code}: {fault.reason}" if fault.reason else fault.code)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class VerifiedRecord:
    """A record whose signature, spelling and holder hold. Only ``verify_record`` makes one."""

    holder: AgencyCode
    role: Role
    kid: str
    wire: bytes
    payload: RecordPayload


def role_of(holder: str, payload: RecordPayload, network: AgencyCode) -> Role | None:
    """In which role this holder has the record; None when it is no party of the exchange."""
    parties = {payload.prv.agency: Role.PROVIDER, payload.inq.agency: Role.INQUIRER, network: Role.NETWORK}
    return next((role for agency, role in parties.items() if agency == holder), None)


def verify_record(jws: str, keys: Mapping[str, VerifyingKey], network: AgencyCode) -> VerifiedRecord:
    """A holder's record, verified; ``RecordRefused`` otherwise.

    1. The signature holds under a key that the caller trusts, with the one algorithm and type.
    2. The payload is spelled as records are.
    3. The key belongs to a party of this exchange, and to one that has a record of it.
    """
    try:
        wire = verify(jws, TYP, keys, JWS_LIMIT)
    except JwsRefused as refused:
        raise RecordRefused(Fault(FaultCode.SIGNATURE_INVALID, _claimed_holder(jws), refused.code)) from None
    kid = unverified_kid(jws)
    holder = holder_of(kid)
    try:
        payload = parse(wire)
    except BadRecord as bad:
        raise RecordRefused(Fault(FaultCode.PAYLOAD_MALFORMED, holder, bad.code)) from None
    role = role_of(holder, payload, network)
    if role is None or role not in holders(payload):
        raise RecordRefused(Fault(FaultCode.HOLDER_UNEXPECTED, holder, "no-party-of-this-exchange"))
    return VerifiedRecord(AgencyCode(holder), role, kid, wire, payload)


def compare_holders(records: Sequence[str], keys: Mapping[str, VerifyingKey], network: AgencyCode) -> tuple[Fault, ...]:
    """突合: the records of one exchange, as many as were handed over; nothing returned means matched.

    1. Each record verifies on its own.
    2. All middle segments are the same text, also those of records that did not verify.
    3. Every holder of the state table has one record, and one only. A record that did not verify is not a record.
    """
    if not records:
        return (Fault(FaultCode.NOTHING_TO_COMPARE),)
    faults: list[Fault] = []
    verified: list[VerifiedRecord] = []
    for jws in records:
        try:
            verified.append(verify_record(jws, keys, network))
        except RecordRefused as refused:
            faults.append(refused.fault)
    if len({_middle(jws) for jws in records}) > 1:
        faults.append(Fault(FaultCode.PAYLOAD_DIFFERS))
    if verified:
        faults.extend(_completeness(verified))
    return tuple(faults)


def _completeness(verified: Sequence[VerifiedRecord]) -> list[Fault]:
    """Missing and doubled holders, by the most demanding of the payloads at hand."""
    needed = max((holders(record.payload) for record in verified), key=len)
    seen = Counter(record.role for record in verified)
    missing = [Fault(FaultCode.HOLDER_MISSING, role.value) for role in needed if role not in seen]
    return missing + [Fault(FaultCode.HOLDER_TWICE, role.value) for role, times in seen.items() if times > 1]


def verify_annex(annex: bytes, record: VerifiedRecord) -> Annex:
    """The holder's annex, once it is the very one that the record names; ``RecordRefused`` otherwise.

    The digest alone would do against a changed annex; exchange, role and holder inside it are compared as well, so that
    nobody can have signed another's.
    """
    holder = record.holder
    if not hmac.compare_digest(digest(annex), annex_digest_of(record.payload, record.role)):
        raise RecordRefused(Fault(FaultCode.ANNEX_DIFFERS, holder, "digest"))
    try:
        read = parse_annex(annex)
    except BadRecord as bad:
        raise RecordRefused(Fault(FaultCode.ANNEX_MALFORMED, holder, bad.code)) from None
    if (read.txn, read.role, read.holder) != (record.payload.txn, record.role, holder):
        raise RecordRefused(Fault(FaultCode.ANNEX_DIFFERS, holder, "attribution"))
    return read


def _middle(jws: str) -> str:
    """The payload segment; a text that is no token at all stands for itself and equals no other."""
    try:
        return split(jws, JWS_LIMIT).payload
    except JwsRefused:
        return f"?{digest(jws.encode())}"


def _claimed_holder(jws: str) -> str:
    """The holder that the key id claims, where it is an agency code at all: a stranger's text is not repeated."""
    try:
        return AgencyCode(holder_of(unverified_kid(jws, JWS_LIMIT)))
    except (JwsRefused, ValueError):
        return ""
