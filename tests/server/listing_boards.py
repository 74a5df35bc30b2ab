"""Lists as somebody would send them who may not: forged by hand, with every key that a traitor could have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache

import msgspec

from authz.listmanifest import Candidate, Head, Link, ListFault, Manifest, PublicKey, drawn_up, parts_of
from authz.matchlist import canonical, digest
from fixtures import lists
from gateway.exchange import listing
from gateway.exchange.directory import Directory, sign_directory
from gateway.exchange.doors import Enrolment, NetworkBoard, Pulse
from gateway.exchange.jws import SigningKey
from gateway.exchange.listing import approve, public
from gateway.network.party import Network
from tests.countries import APPROVERS

FOREIGN = bytes([9]) * 32


@dataclass
class Board:
    """What the network publishes, as the holder of its line would have it."""

    board: NetworkBoard
    pulse_of: Pulse
    signed: str
    manifests: Mapping[int, str]
    parts: Mapping[str, bytes]
    fetched: list[str] = field(default_factory=list)

    async def pulse(self) -> Pulse:
        return self.pulse_of

    async def directory(self) -> str:
        return self.signed

    async def manifest(self, serial: int) -> str:
        return self.manifests[serial] if serial in self.manifests else await self.board.manifest(serial)

    async def list_part(self, digest: str) -> bytes:
        self.fetched.append(digest)
        return self.parts[digest] if digest in self.parts else await self.board.list_part(digest)

    async def enrol(self, enrolments: tuple[Enrolment, ...]) -> None:
        await self.board.enrol(enrolments)


@dataclass(frozen=True)
class Forger:
    """Has the network's key and both approvers' keys; what it makes breaks one rule at a time."""

    network: Network

    @property
    def link(self) -> Link:
        assert self.network.link is not None
        return self.network.link

    def candidate(self, document: bytes, **changed: object) -> Candidate:
        held, now = self.link.candidate, self.link.candidate.drawn_up_at
        head = Head(held.network, held.serial, self.link.digest, held.key, None, held.approvers)
        # What a document that is no list would be described as, if the rules did not stop it.
        made = msgspec.structs.replace(
            _proper(head, now),
            rows=sum(line.startswith(b'["row"') for line in document.splitlines()),
            list_d=parts_digest(document),
            parts=tuple(one.part for one in parts_of(document) if one.part.lines),
        )
        return msgspec.structs.replace(made, **changed)

    def sign(
        self, candidate: Candidate, approvals: tuple[str, ...] | None = None, key: SigningKey | None = None
    ) -> str:
        manifest = Manifest(1, candidate, self.approvals(candidate) if approvals is None else approvals)
        return (key or self.network.signing).sign(listing.TYP, msgspec.json.encode(manifest))

    def approvals(self, candidate: Candidate, *who: int) -> tuple[str, ...]:
        return tuple(approve(candidate, APPROVERS[n].account, APPROVERS[n].key) for n in who or (0, 1))

    def directory(self, serial: int, list_d: str) -> Directory:
        held = self.network.published.directory
        return msgspec.structs.replace(held, serial=held.serial + 1, list=serial, list_d=list_d)

    def board(self, real: NetworkBoard, candidate: Candidate, signed: str, parts: Mapping[str, bytes]) -> Board:
        directory = self.directory(candidate.serial, candidate.list_d)
        pulse = Pulse(self.network.clock.setting, directory.serial, candidate.serial)
        return Board(real, pulse, sign_directory(directory, self.network.signing), {candidate.serial: signed}, parts)


@dataclass(frozen=True)
class Sent:
    """A forged list: what it would say, the manifest as signed, the document and the parts that come of it."""

    candidate: Candidate
    signed: str
    document: bytes
    parts: Mapping[str, bytes]


def parts_digest(document: bytes) -> str:
    return digest(document)


@cache
def _proper(head: Head, now: datetime) -> Candidate:
    return drawn_up(head, another_list(), now, now + timedelta(days=400), key=head.key, next_key=None)


@cache
def another_list() -> bytes:
    """The project's list without the last row of the revisions that have no procedures: two parts are others."""
    source = lists.load()
    last = {row.revision: row for row in source.rows} | {one.revision: None for one in source.procedures}
    return canonical(replace(source, rows=tuple(row for row in source.rows if row is not last[row.revision])))


def contents(document: bytes) -> dict[str, bytes]:
    return {one.part.digest: one.content for one in parts_of(document)}


def lines(change: Callable[[list[bytes]], list[bytes]]) -> bytes:
    return b"".join(change(another_list().splitlines(keepends=True)))


def sent(forger: Forger, document: bytes, **changed: object) -> Sent:
    """A list that is signed and approved, whatever it says."""
    candidate = forger.candidate(document, **changed)
    return Sent(candidate, forger.sign(candidate), document, contents(document))


def foreign_key(network: Network) -> SigningKey:
    return SigningKey.from_bytes(network.signing.kid, FOREIGN)


def next_public(network: Network) -> PublicKey:
    return public(SigningKey.from_bytes(f"{network.agency}/2", FOREIGN))


def forgeries(forger: Forger) -> dict[ListFault, Sent]:
    """A list for every reason for which one is refused, with everything else about it as it should be."""
    document = another_list()
    good = sent(forger, document)
    one, network = good.candidate, forger.network
    expired = network.clock.machine() - timedelta(seconds=1)
    new = next(part.digest for part in one.parts if part not in forger.link.candidate.parts)
    altered = {**good.parts, new: good.parts[new].replace(b"TM", b"TK")}
    absent = {part: content for part, content in good.parts.items() if part != new}
    rolled = msgspec.structs.replace(one, key=next_public(network))
    row = next(n for n, line in enumerate(document.splitlines()) if line.startswith(b'["row"'))

    def at_row(change: Callable[[bytes], bytes]) -> bytes:
        return lines(lambda of: [*of[:row], change(of[row]), *of[row + 1 :]])

    def but(signed: str, candidate: Candidate = one, parts: Mapping[str, bytes] = good.parts) -> Sent:
        return Sent(candidate, signed, document, parts)

    return {
        ListFault.UNSIGNED: but(good.signed.rpartition(".")[0] + "."),
        ListFault.WRONG_KEY: but(forger.sign(one, key=foreign_key(network))),
        ListFault.KEY_NOT_ANNOUNCED: but(forger.sign(rolled, key=SigningKey.from_bytes(rolled.key.kid, FOREIGN))),
        ListFault.ONE_APPROVAL: but(forger.sign(one, forger.approvals(one, 0))),
        ListFault.SAME_APPROVER: but(forger.sign(one, forger.approvals(one, 1, 1))),
        ListFault.HISTORY_FORKED: but(forger.sign(msgspec.structs.replace(one, previous="0" * 64))),
        ListFault.EXPIRED: sent(forger, document, drawn_up_at=expired - timedelta(days=1), expires_at=expired),
        ListFault.HALF_DELIVERED: but(good.signed, parts=absent),
        ListFault.PART_ALTERED: but(good.signed, parts=altered),
        ListFault.ROWS_MISCOUNTED: sent(forger, document, rows=one.rows + 1),
        ListFault.UNKNOWN_KIND: sent(forger, at_row(lambda line: line.replace(b'"MUNICIPALITY"', b'"NOBODY"'))),
        ListFault.DAYS_OUT_OF_ORDER: sent(
            forger, lines(lambda of: [line.replace(b'"2024-05-26"', b'"2024-05-28"') for line in of])
        ),
        ListFault.ROW_TWICE: sent(forger, lines(lambda of: [*of[: row + 1], *of[row:]])),
        ListFault.ROW_EMPTY: sent(
            forger, at_row(lambda line: line.replace(b'["MINISTER_HEALTH"]', b"[]")), rows=one.rows
        ),
    }
