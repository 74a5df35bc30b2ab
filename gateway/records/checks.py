"""What network and inquirer check of an answer before they sign it: it fits the permit, the bytes and the signature.

1. The provider's JWS holds under a key of the provider that the permit names, over these very bytes.
2. The payload says what the permit says: exchange, parties, task, what was asked, list, digests of request and annexes.
3. ``res_d`` is the digest of the sealed bytes that came with it.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.exchange.jws import JwsRefused, VerifyingKey, holder_of, unverified_kid, verify
from gateway.exchange.messages import Answer, Permit
from gateway.records.record import JWS_LIMIT, TYP, BadRecord, RecordPayload, digest, parse, stamp


def signature_fault(token: str, payload: bytes, holder: str, keys: Mapping[str, VerifyingKey]) -> str:
    """Why this is not the holder's record of these bytes, or an empty string."""
    try:
        if holder_of(unverified_kid(token)) != holder:
            return "signed-by-another"
        signed = verify(token, TYP, keys, JWS_LIMIT)
    except JwsRefused as refused:
        return refused.code
    return "" if signed == payload else "signed-other-bytes"


def answer_faults(claims: Permit, answer: Answer, keys: Mapping[str, VerifyingKey]) -> tuple[str, ...]:
    """What is wrong with an answer to this permit, the worst first; empty where nothing is."""
    fault = signature_fault(answer.provider, answer.payload, claims.prv.agency, keys)
    if fault:
        return (fault,)
    try:
        payload = parse(answer.payload)
    except BadRecord as bad:
        return (bad.code,)
    faults = payload_faults(claims, payload)
    if payload.res_d != digest(answer.sealed):
        faults += ("answer-digest",)
    return faults


def payload_faults(claims: Permit, payload: RecordPayload) -> tuple[str, ...]:
    """Where a provider's payload differs from the permit that it answers."""
    same = {
        "txn": payload.txn == claims.txn,
        "inq": (payload.inq.agency, payload.inq.kind, payload.inq.office)
        == (claims.inq.agency, claims.inq.kind, claims.inq.office),
        "prv": (payload.prv.agency, payload.prv.kind) == (claims.prv.agency, claims.prv.kind),
        "task": (payload.task, payload.prc) == (claims.task, claims.prc),
        "inf": (payload.inf, payload.items) == (claims.inf, claims.items),
        "asked-at": payload.asked_at == stamp(claims.asked_at),
        "list": (payload.list, payload.list_d, payload.item) == (claims.list, claims.list_d, claims.item),
        "as-of": payload.as_of == claims.as_of,
        "request": payload.req_d == claims.req_d,
        "annex": (payload.annex_d.inq, payload.annex_d.net) == (claims.annex_inq, claims.annex_net),
    }
    return tuple(f"payload-{member}-differs" for member, holds in same.items() if not holds)
