"""情報提供許可証: signing it, reading it, and the checks that each side makes of one it was given.

The network signs (``typ`` ``permit+jws``), the inquirer checks that it got what it asked for, the provider checks that
the permit is for it, for this person and for now. Single use is not decided here: that takes the provider's store.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

import msgspec

from gateway.exchange.jws import SigningKey, VerifyingKey, verify
from gateway.exchange.messages import Permit, PermitRequest, decode, encode
from sympho.codes import AgencyCode, LinkageCode

TYP = "permit+jws"
VERSION = 1
_CODE_DOMAIN = b"sympho permit code v1\x00"


class BadPermit(Exception):
    """A payload under a good signature that is no permit of ours. Names the rule, never the content."""

    code = "permit-malformed"


class PermitFault(StrEnum):
    """What is wrong with a permit. Any of them: a wrong call, alarmed, and no exchange at all."""

    VERSION = "permit-version"
    AUDIENCE = "permit-audience"
    EXCHANGE = "permit-other-exchange"
    VALIDITY = "permit-validity-empty"
    EARLY = "permit-not-yet-valid"
    LATE = "permit-no-longer-valid"
    CODE = "permit-other-person"
    REQUEST = "permit-other-request"
    INQUIRER = "permit-other-inquirer"
    PROVIDER = "permit-other-provider"
    SCOPE = "permit-other-scope"
    SEALING_KEY = "permit-other-sealing-key"
    ANNEX = "permit-other-annex"


def sign_permit(permit: Permit, key: SigningKey) -> str:
    """The permit as the network gives it."""
    return key.sign(TYP, encode(permit))


def verify_permit(token: str, keys: Mapping[str, VerifyingKey]) -> Permit:
    """The claims, once the signature holds under one of ``keys``: the network's and nobody else's.

    Raises ``JwsRefused``, or ``BadPermit`` where the network signed something else than a permit in our spelling.
    """
    return _claims(verify(token, TYP, keys))


@lru_cache(maxsize=8_192)
def _claims(payload: bytes) -> Permit:
    try:
        permit = decode(Permit, payload)
    except (msgspec.DecodeError, ValueError):
        raise BadPermit("the payload is no permit") from None
    if encode(permit) != payload:
        raise BadPermit("the payload is spelled in another way")
    return permit


def code_digest(salt: str, code: LinkageCode) -> str:
    """``code_d``: binds the permit to the provider's code for the person without naming it; ``salt`` in hexadecimal."""
    return hashlib.sha256(_CODE_DOMAIN + bytes.fromhex(salt) + code.reveal().encode("ascii")).hexdigest()


def check_permit(
    permit: Permit, *, audience: AgencyCode, txn: str, notified_at: datetime, code: LinkageCode
) -> tuple[PermitFault, ...]:
    """The provider's checks of a verified permit that came with a notice; nothing returned means nothing found.

    ``notified_at`` is the notice's world time: validity is judged at the time of notice, not when a hand gets to it.
    """
    return _found(
        (permit.v != VERSION, PermitFault.VERSION),
        (permit.prv.agency != audience, PermitFault.AUDIENCE),
        (permit.txn != txn, PermitFault.EXCHANGE),
        (permit.valid_until <= permit.valid_from, PermitFault.VALIDITY),
        (notified_at < permit.valid_from, PermitFault.EARLY),
        (notified_at >= permit.valid_until, PermitFault.LATE),
        (not _same_person(permit, code), PermitFault.CODE),
    )


def check_grant(
    permit: Permit, request: PermitRequest, *, request_d: str, sealing_d: str, now: datetime
) -> tuple[PermitFault, ...]:
    """The inquirer's checks of a verified permit against what it asked; ``request_d`` is SHA-256 of its own bytes."""
    return _found(
        (permit.v != VERSION, PermitFault.VERSION),
        (permit.txn != request.txn, PermitFault.EXCHANGE),
        (permit.req_d != request_d, PermitFault.REQUEST),
        ((permit.inq.agency, permit.inq.office) != (request.inquirer, request.office), PermitFault.INQUIRER),
        (permit.prv.agency != request.provider, PermitFault.PROVIDER),
        (_scope_of_permit(permit) != _scope_of_request(request), PermitFault.SCOPE),
        (permit.sealing_d != sealing_d, PermitFault.SEALING_KEY),
        (permit.annex_inq != request.annex_d, PermitFault.ANNEX),
        (permit.valid_until <= permit.valid_from, PermitFault.VALIDITY),
        (now >= permit.valid_until, PermitFault.LATE),
    )


def _found(*checks: tuple[bool, PermitFault]) -> tuple[PermitFault, ...]:
    return tuple(fault for wrong, fault in checks if wrong)


def _same_person(permit: Permit, code: LinkageCode) -> bool:
    try:
        expected = code_digest(permit.code_salt, code)
    except ValueError:
        return False
    return hmac.compare_digest(expected, permit.code_d)


def _scope_of_permit(permit: Permit) -> tuple[object, ...]:
    return (permit.task, permit.prc, permit.inf, permit.items, permit.asked_at, permit.consent)


def _scope_of_request(request: PermitRequest) -> tuple[object, ...]:
    return (request.task, request.procedure, request.information, request.items, request.asked_at, request.consent)
