"""The manifest of a match list (照合リストの目録): what it says, of which parts a list is made, which list may follow which.

A list travels as a manifest and parts. A *candidate* says everything about one list; two people approve exactly its
bytes; candidate and approvals together are the *manifest*, which the network signs. Parts are known by their digest, so
what two lists have in common travels and is kept once. The rules, each with the attack that it stops:

 1. The form holds by itself: days in order, two or more approvers with keys of their own        (``broken_rule``)
 2. The serial rises by one, and the manifest names the one before it by its digest     (rollback, fork; ``follows``)
 3. The signing key is that of the list before, or the one that this list announced           (stolen key; ``follows``)
 4. Two different people, with two different keys, approved it; the list *before* says who may
                                                                                  (one person; ``enough_approvals``)
 5. It has not expired, by machine time                                              (freeze; ``Candidate.fresh``)
 6. Every part is there and is what the manifest says                         (half delivered, altered; ``assembled``)
 7. The content is a list, and is the one that the manifest describes                                     (``content``)

Nothing here knows the time, a signature or where a part comes from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from authz.listdocument import BadList, digest, parse
from authz.listfaults import ListFault, ListRefused, named
from authz.listrules import Fault
from authz.listsource import ListSource

__all__ = [
    "APPROVALS",
    "Approver",
    "Candidate",
    "Delivered",
    "Head",
    "Link",
    "ListFault",
    "ListRefused",
    "Manifest",
    "Part",
    "PublicKey",
    "assembled",
    "broken_rule",
    "canonical_bytes",
    "content",
    "drawn_up",
    "enough_approvals",
    "follows",
    "kept_since",
    "named",
    "parts_of",
]

APPROVALS = 2
"""People who must approve a list."""

KEPT_YEARS = 7
"""How long a list is kept after another one took its place, as records are (令30条)."""

_BY_REVISION = "/"


Hex = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
Aware = Annotated[datetime, Meta(tz=True)]
Count = Annotated[int, Meta(ge=1)]


class PublicKey(Struct, frozen=True, forbid_unknown_fields=True):
    """公開鍵 on P-256, by its key id ``<holder>/<key>`` and its two coordinates in base64url."""

    kid: Annotated[str, Meta(min_length=3, max_length=128)]
    x: Annotated[str, Meta(max_length=64)]
    y: Annotated[str, Meta(max_length=64)]

    @property
    def holder(self) -> str:
        return self.kid.rpartition("/")[0]

    @property
    def point(self) -> tuple[str, str]:
        """What makes two keys the same key, whatever they are called."""
        return self.x, self.y


class Approver(Struct, frozen=True, forbid_unknown_fields=True):
    """承認者: an account of the network's operator (pseudonymous) and the key with which this person approves."""

    account: Annotated[str, Meta(pattern=r"^stf_[a-z2-7]{26}$")]
    key: PublicKey


class Part(Struct, frozen=True, forbid_unknown_fields=True):
    """部分: consecutive lines of the canonical document that begin with the same record name (and revision)."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    digest: Hex
    lines: Count


class Candidate(Struct, frozen=True, forbid_unknown_fields=True):
    """案: all that a manifest says, without the approvals; its bytes are what people approve.

    ``in_force_from`` and ``in_force_until`` (days of world time, both inclusive) are the days that this list can judge.
    ``drawn_up_at`` and ``expires_at`` are machine time. ``approvers`` are those who may approve the *next* list; the
    first list is approved by its own.
    """

    v: Literal[1]
    network: Annotated[str, Meta(pattern=r"^[0-9]{16}$")]
    serial: Count
    previous: Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?$")]
    drawn_up_at: Aware
    expires_at: Aware
    in_force_from: date
    in_force_until: date | None
    rows: Count
    list_d: Hex
    parts: tuple[Part, ...]
    key: PublicKey
    next_key: PublicKey | None
    approvers: tuple[Approver, ...]

    def fresh(self, machine_now: datetime) -> bool:
        """Whether the list may still be judged by, and taken."""
        return machine_now < self.expires_at

    def digest(self) -> str:
        """SHA-256 of the bytes that people approve."""
        return hashlib.sha256(canonical_bytes(self)).hexdigest()


class Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    """目録: a candidate with its approvals, each a JWS over the candidate's digest; the network signs it as a whole."""

    v: Literal[1]
    candidate: Candidate
    approvals: tuple[Annotated[str, Meta(max_length=2000)], ...]


@dataclass(frozen=True, slots=True)
class Link:
    """A manifest that was verified, as a link of the history: its bytes' SHA-256, and the JWS that it came as."""

    manifest: Manifest
    digest: str
    signed: str

    @property
    def candidate(self) -> Candidate:
        return self.manifest.candidate

    @property
    def serial(self) -> int:
        return self.manifest.candidate.serial


class Head(Struct, frozen=True, forbid_unknown_fields=True):
    """What the next list has to follow: the network's word on where its history stands."""

    network: str
    serial: int
    digest: str
    key: PublicKey
    announced: PublicKey | None
    approvers: tuple[Approver, ...]
    """Those who are registered now: the next list names them for the one after it."""


def canonical_bytes(said: Candidate | Manifest) -> bytes:
    """The one spelling: whoever reads it and writes it again gets the same bytes."""
    return msgspec.json.encode(said)


# --- parts --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Delivered:
    """A part with its content."""

    part: Part
    content: bytes


def parts_of(document: bytes) -> tuple[Delivered, ...]:
    """The document in parts, in its order: one for each record name, and for each revision where a record names one."""
    lines = document.splitlines(keepends=True)
    fields = [_head_of(line) for line in lines]
    revisions = {second for name, second in fields if name == "revision"}
    names = [f"{name}{_BY_REVISION}{second}" if name != "revision" and second in revisions else name
             for name, second in fields]  # fmt: skip
    made: list[Delivered] = []
    times: dict[str, int] = {}
    for name, group in groupby(zip(names, lines, strict=True), key=lambda pair: pair[0]):
        content = b"".join(line for _, line in group)
        times[name] = times.get(name, 0) + 1
        told = name if times[name] == 1 else f"{name}#{times[name]}"
        made.append(Delivered(Part(told, digest(content), content.count(b"\n")), content))
    return tuple(made)


def _head_of(line: bytes) -> tuple[str, str]:
    fields = json.loads(line)
    second = fields[1] if len(fields) > 1 else ""
    return str(fields[0]), second if isinstance(second, str) else ""


def assembled(candidate: Candidate, contents: Mapping[str, bytes]) -> bytes:
    """The document of the parts, by digest; ``HALF_DELIVERED`` or ``PART_ALTERED`` where it is not all there."""
    missing = [part for part in candidate.parts if part.digest not in contents]
    if missing:
        raise ListRefused(ListFault.HALF_DELIVERED, [Fault(0, part.name, "not delivered") for part in missing])
    altered = [part for part in candidate.parts if not _is(part, contents[part.digest])]
    if altered:
        raise ListRefused(ListFault.PART_ALTERED, [Fault(0, part.name, "not what was signed") for part in altered])
    document = b"".join(contents[part.digest] for part in candidate.parts)
    if digest(document) != candidate.list_d:
        raise ListRefused(ListFault.PART_ALTERED)
    return document


def _is(part: Part, content: bytes) -> bool:
    return digest(content) == part.digest and content.count(b"\n") == part.lines


# --- content ------------------------------------------------------------------------------------------------------


def content(candidate: Candidate, document: bytes) -> ListSource:
    """The list in a document, once it is the one that the candidate describes."""
    if digest(document) != candidate.list_d:
        raise ListRefused(ListFault.PART_ALTERED)
    try:
        source = parse(document)
    except BadList as bad:
        raise ListRefused(named(document, bad.faults), bad.faults) from None
    if len(source.rows) != candidate.rows:
        raise ListRefused(ListFault.ROWS_MISCOUNTED)
    if _span(source) != (candidate.in_force_from, candidate.in_force_until):
        raise ListRefused(ListFault.DAYS_OUT_OF_ORDER)
    if tuple(one.part for one in parts_of(document)) != candidate.parts:
        raise ListRefused(ListFault.PART_ALTERED)
    return source


def _span(source: ListSource) -> tuple[date, date | None]:
    """The days that a list can judge: from the first of its revisions to the last."""
    if not source.revisions or not source.rows:
        raise ListRefused(ListFault.ROW_EMPTY)
    return source.revisions[0].in_force_from, source.revisions[-1].in_force_until


# --- drawing up ---------------------------------------------------------------------------------------------------


def drawn_up(
    head: Head, document: bytes, now: datetime, expires_at: datetime, *, key: PublicKey, next_key: PublicKey | None
) -> Candidate:
    """The candidate that follows ``head`` with this document; ``ListRefused`` where it could be none."""
    try:
        source = parse(document)
    except BadList as bad:
        raise ListRefused(named(document, bad.faults), bad.faults) from None
    first, last = _span(source)
    candidate = Candidate(
        v=1,
        network=head.network,
        serial=head.serial + 1,
        previous=head.digest,
        drawn_up_at=now,
        expires_at=expires_at,
        in_force_from=first,
        in_force_until=last,
        rows=len(source.rows),
        list_d=digest(document),
        parts=tuple(one.part for one in parts_of(document)),
        key=key,
        next_key=next_key,
        approvers=head.approvers,
    )
    broken = broken_rule(candidate)
    if broken is not None:
        raise ListRefused(broken)
    return candidate


# --- the rules ----------------------------------------------------------------------------------------------------


def broken_rule(candidate: Candidate) -> ListFault | None:
    """What is wrong with a candidate by itself."""
    until = candidate.in_force_until
    if (until is not None and until < candidate.in_force_from) or candidate.expires_at <= candidate.drawn_up_at:
        return ListFault.DAYS_OUT_OF_ORDER
    keys = [candidate.key] if candidate.next_key is None else [candidate.key, candidate.next_key]
    if any(key.holder != candidate.network for key in keys) or not _distinct(keys):
        return ListFault.MALFORMED
    if len({part.name for part in candidate.parts}) != len(candidate.parts) or not candidate.parts:
        return ListFault.MALFORMED
    if len(candidate.approvers) < APPROVALS:
        return ListFault.ONE_APPROVAL
    accounts = {one.account for one in candidate.approvers}
    own = all(one.key.holder == one.account for one in candidate.approvers)
    if not own or len(accounts) != len(candidate.approvers) or not _distinct([one.key for one in candidate.approvers]):
        return ListFault.SAME_APPROVER
    return None


def _distinct(keys: Sequence[PublicKey]) -> bool:
    return len({key.point for key in keys}) == len({key.kid for key in keys}) == len(keys)


def follows(previous: Link | None, candidate: Candidate) -> ListFault | None:
    """Why a list may not follow the one before it (None: there is none); None where it may."""
    if previous is None:
        first = candidate.serial == 1 and not candidate.previous
        return None if first else ListFault.HISTORY_FORKED
    held = previous.candidate
    if candidate.network != held.network:
        return ListFault.OTHER_NETWORK
    if candidate.serial < held.serial:
        return ListFault.SERIAL_LOWER
    if candidate.serial > held.serial + 1:
        return ListFault.SERIAL_SKIPPED
    if candidate.serial == held.serial or candidate.previous != previous.digest:
        return ListFault.HISTORY_FORKED
    if candidate.key not in (held.key, held.next_key):
        return ListFault.KEY_NOT_ANNOUNCED
    return None


def enough_approvals(approved: Sequence[Approver]) -> ListFault | None:
    """Two different people with two different keys; what is wrong with those who approved."""
    if len(approved) < APPROVALS:
        return ListFault.ONE_APPROVAL
    if len({one.account for one in approved}) < APPROVALS or len({one.key.point for one in approved}) < APPROVALS:
        return ListFault.SAME_APPROVER
    return None


def kept_since(now: datetime) -> datetime:
    """A list that was superseded before this moment of world time need not be kept any longer."""
    try:
        return now.replace(year=now.year - KEPT_YEARS)
    except ValueError:  # the 29th of February
        return now.replace(year=now.year - KEPT_YEARS, day=28)
