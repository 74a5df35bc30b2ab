"""署名された照合リスト: manifests and approvals as JWS, the history as a chain, and a list in one file.

Every manifest names the one before it by its digest and is signed by that one's key or by the key that it announced, so
a history proves itself from its first link on. Whoever trusts the key of any one link trusts them all: those before it
by their digests, those after it by the announcements.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NoReturn

import msgspec
from msgspec import Struct

from authz.listmanifest import (
    Approver,
    Candidate,
    Link,
    ListFault,
    ListRefused,
    Manifest,
    PublicKey,
    broken_rule,
    canonical_bytes,
    enough_approvals,
    follows,
)
from gateway.exchange.jws import (
    BadKey,
    BadSignature,
    Jwk,
    JwsRefused,
    SigningKey,
    UnknownKey,
    VerifyingKey,
    holder_of,
    unverified_kid,
    unverified_payload,
    verify,
)
from gateway.exchange.messages import Hex

__all__ = [
    "LIMIT",
    "ListFile",
    "anchored",
    "approve",
    "approved_by",
    "extended",
    "jwk_of",
    "key_of",
    "pack",
    "public",
    "read_candidate",
    "sign",
    "unpack",
]

TYP = "list-manifest+jws"
APPROVAL_TYP = "list-approval+jws"
LIMIT = 1_048_576
"""Bytes of a signed manifest; it holds digests and no rows."""
_UNSIGNED = frozenset({"signature-missing", "alg-none", "not-three-parts"})


class Approval(Struct, frozen=True, forbid_unknown_fields=True):
    """承認: one person's word for exactly these bytes."""

    v: Literal[1]
    candidate: Hex
    approver: str


def public(key: SigningKey) -> PublicKey:
    """The public half of a key, as manifests carry it."""
    jwk = key.jwk()
    return PublicKey(jwk.kid, jwk.x, jwk.y)


def jwk_of(key: PublicKey) -> Jwk:
    return Jwk(key.kid, key.x, key.y)


def key_of(key: PublicKey) -> VerifyingKey:
    """The key; ``MALFORMED`` where it is no point of the curve."""
    try:
        return VerifyingKey.from_jwk(jwk_of(key))
    except BadKey:
        raise ListRefused(ListFault.MALFORMED) from None


# --- approving ----------------------------------------------------------------------------------------------------


def approve(candidate: Candidate, account: str, key: SigningKey) -> str:
    """One person's approval; the key is this person's own and nobody else's."""
    return key.sign(APPROVAL_TYP, msgspec.json.encode(Approval(1, candidate.digest(), account)))


def approved_by(candidate: Candidate, approvals: Iterable[str], approvers: Sequence[Approver]) -> list[Approver]:
    """Whose approvals these are, among those who may approve; ``ListRefused`` for one that is nobody's."""
    found = []
    for token in approvals:
        by_kid = {one.key.kid: one for one in approvers}
        try:
            approver = by_kid.get(unverified_kid(token))
        except JwsRefused:
            raise ListRefused(ListFault.APPROVAL_INVALID) from None
        if approver is None:
            raise ListRefused(ListFault.UNKNOWN_APPROVER)
        found.append(_approver_of(token, candidate, approver))
    return found


def _approver_of(token: str, candidate: Candidate, approver: Approver) -> Approver:
    try:
        payload = verify(token, APPROVAL_TYP, {approver.key.kid: key_of(approver.key)})
        said = msgspec.json.decode(payload, type=Approval)
    except (JwsRefused, msgspec.DecodeError, UnicodeDecodeError):
        raise ListRefused(ListFault.APPROVAL_INVALID) from None
    if (said.candidate, said.approver) != (candidate.digest(), approver.account):
        raise ListRefused(ListFault.APPROVAL_INVALID)
    return approver


# --- signing ------------------------------------------------------------------------------------------------------


def sign(manifest: Manifest, previous: Link | None, key: SigningKey) -> str:
    """The manifest as it is distributed; refuses to sign what a receiver would refuse."""
    if public(key) != manifest.candidate.key:
        raise ListRefused(ListFault.WRONG_KEY)
    return extended(previous, key.sign(TYP, canonical_bytes(manifest))).signed


def extended(previous: Link | None, signed: str) -> Link:
    """The next link of a history: everything about a manifest that can be known without its parts and the time."""
    payload = _verified(previous, signed)
    manifest = _manifest(payload)
    candidate = manifest.candidate
    broken = broken_rule(candidate) or follows(previous, candidate)
    if broken is not None:
        raise ListRefused(broken)
    if unverified_kid(signed, LIMIT) != candidate.key.kid:
        raise ListRefused(ListFault.WRONG_KEY)
    approvers = (previous or Link(manifest, "", "")).candidate.approvers
    lacking = enough_approvals(approved_by(candidate, manifest.approvals, approvers))
    if lacking is not None:
        raise ListRefused(lacking)
    return Link(manifest, hashlib.sha256(payload).hexdigest(), signed)


def _verified(previous: Link | None, signed: str) -> bytes:
    """The payload under the key of the list before or the one that it announced; a first list brings its own key, of
    which ``anchored`` is the judge."""
    try:
        if previous is None:
            own = _manifest(unverified_payload(signed, LIMIT)).candidate.key
            return verify(signed, TYP, {own.kid: key_of(own)}, LIMIT)
        held = previous.candidate
        keys = [held.key] if held.next_key is None else [held.key, held.next_key]
        return verify(signed, TYP, {key.kid: key_of(key) for key in keys}, LIMIT)
    except JwsRefused as refused:
        _refuse(refused, signed, previous)


def _refuse(refused: JwsRefused, signed: str, previous: Link | None) -> NoReturn:
    if refused.code in _UNSIGNED or not signed:
        raise ListRefused(ListFault.UNSIGNED) from None
    if not isinstance(refused, BadSignature | UnknownKey):
        raise ListRefused(ListFault.MALFORMED) from None
    if previous is not None and _claims_a_serial_below(previous, signed):
        raise ListRefused(ListFault.SERIAL_LOWER) from None  # under a key of its time, which later lists do not name
    if isinstance(refused, UnknownKey):
        ours = previous is not None and holder_of(unverified_kid(signed, LIMIT)) == previous.candidate.network
        raise ListRefused(ListFault.KEY_NOT_ANNOUNCED if ours else ListFault.WRONG_KEY) from None
    raise ListRefused(ListFault.WRONG_KEY) from None


def _claims_a_serial_below(previous: Link, signed: str) -> bool:
    """By a manifest that nobody has vouched for: it names a refusal and decides nothing."""
    try:
        return _manifest(unverified_payload(signed, LIMIT)).candidate.serial < previous.serial
    except (JwsRefused, ListRefused):
        return False


def _manifest(payload: bytes) -> Manifest:
    try:
        manifest = msgspec.json.decode(payload, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ListRefused(ListFault.MALFORMED) from None
    if canonical_bytes(manifest) != payload:
        raise ListRefused(ListFault.MALFORMED)
    return manifest


def anchored(history: Iterable[Link], trusted: Mapping[str, VerifyingKey]) -> bool:
    """Whether a key that is trusted for another reason signed any link of this history."""
    return any(_trusts(trusted, link.candidate.key) for link in history)


def _trusts(trusted: Mapping[str, VerifyingKey], key: PublicKey) -> bool:
    known = trusted.get(key.kid)
    return known is not None and known.jwk() == jwk_of(key)


# --- a list in one file -------------------------------------------------------------------------------------------


class ListFile(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """First line of a list's file; the canonical document follows.

    A candidate has ``candidate`` and the approvals so far; a signed list has ``history``: every manifest from the first
    to its own, so that the file proves itself to whoever trusts the network's key.
    """

    v: Literal[1]
    candidate: Candidate | None = None
    approvals: tuple[str, ...] = ()
    history: tuple[str, ...] = ()


def pack(file: ListFile, document: bytes) -> bytes:
    return msgspec.json.encode(file) + b"\n" + document


def unpack(raw: bytes) -> tuple[ListFile, bytes]:
    """A file's first line and its document; ``MALFORMED`` for any other file."""
    first, _, document = raw.partition(b"\n")
    try:
        return msgspec.json.decode(first, type=ListFile), document
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ListRefused(ListFault.MALFORMED) from None


def read_candidate(text: str) -> Candidate:
    """A candidate from its JSON, in its one spelling."""
    try:
        candidate = msgspec.json.decode(text, type=Candidate)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ListRefused(ListFault.MALFORMED) from None
    if canonical_bytes(candidate) != text.encode():
        raise ListRefused(ListFault.MALFORMED)
    return candidate
