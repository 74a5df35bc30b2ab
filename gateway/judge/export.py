"""The export (判定の材料): everything that the parties of a network wrote of its exchanges, as values.

What points at a person is left behind when it is collected (``collecting``): an export may be printed. Exchanges are
joined by their number; who asks whom is in the views below, so that an invariant reads like its sentence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Protocol, TypeVar
from uuid import UUID

from authz.matchlist import BadList, MatchList, compile_list, parse
from gateway.exchange.jws import JwsRefused, VerifyingKey, unverified_payload
from gateway.exchange.messages import Permit
from gateway.exchange.permit import BadPermit, verify_permit
from gateway.records import record
from gateway.records.record import BadRecord, RecordPayload
from gateway.records.store import RecordRow
from gateway.records.verify import RecordRefused, VerifiedRecord, verify_record
from sympho.codes import AgencyCode, TaskCode

__all__ = [
    "Alarm",
    "Exchange",
    "Export",
    "Inquiry",
    "Provision",
    "PublishedList",
    "Stray",
]


class _Numbered(Protocol):
    @property
    def txn(self) -> UUID: ...


N = TypeVar("N", bound=_Numbered)


@dataclass(frozen=True, slots=True)
class Ended:
    """The ending message as one party keeps it: shared payload, signatures on it, SHA-256 of the sealed answer."""

    payload: bytes
    provider: str
    network: str
    sealed_d: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """An exchange at the network."""

    txn: UUID
    inquirer: str
    provider: str
    request_d: str
    permit: str | None
    valid_until: datetime | None
    state: str
    accepted_at: datetime
    withdrawal_asked: bool
    kind: str | None
    ended_at: datetime | None
    ended: Ended | None
    deliver_due: bool
    code_kept: bool
    """Whether the provider's code, sealed, is still kept for the notice."""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """An inquiry at the inquirer."""

    agency: str
    txn: UUID
    office: str
    provider: str
    task: str
    procedure: str | None
    information: str
    items: tuple[str, ...]
    annex_d: str
    asked_at: datetime
    state: str
    permit: str | None
    valid_until: datetime | None
    withdrawal_asked_at: datetime | None
    kind: str | None
    reason: str | None
    ended_at: datetime | None
    content_d: str | None
    """SHA-256 of the sealed answer as it is kept."""
    request_kept: bool
    """Whether the permit request, sealed, is still kept."""


@dataclass(frozen=True, slots=True)
class Provision:
    """A provision at the provider."""

    agency: str
    txn: UUID
    inquirer: str
    permit: str
    task: str
    information: str
    notified_at: datetime
    valid_until: datetime
    state: str
    held_for: tuple[str, ...]
    prepared_by: str | None
    decision: str | None
    withheld_for: str | None
    released_by: str | None
    kind: str | None
    ended_at: datetime | None
    ended: Ended | None
    push_due: bool


@dataclass(frozen=True, slots=True)
class PublishedList:
    """A match list: by the network as it was published (``holder`` empty), by a server as it keeps its copy.

    ``document`` None: the rows are kept no more, because nothing that is kept names the list.
    """

    holder: str
    serial: int
    digest: str
    document: bytes | None

    def __repr__(self) -> str:
        return f"PublishedList({self.holder!r}, {self.serial}, {self.digest[:16]})"


@dataclass(frozen=True, slots=True)
class Alarm:
    """A wrong call, at the party that refused it."""

    party: str
    at: datetime
    caller: str
    message: str
    fault: str
    txn: UUID | None


@dataclass(frozen=True, slots=True)
class Stray:
    """Duplicates that belong to nobody of the agency under which they lie."""

    agency: str
    information: str
    many: int


@dataclass(frozen=True)
class Export:
    """Everything, at one moment. ``served`` are the agencies whose servers were read: of others nothing is expected."""

    network: AgencyCode
    mirrors: Mapping[tuple[AgencyCode, TaskCode], frozenset[TaskCode]]
    """The statutory tasks that an agency's 条例事務 has mirrored in any directory that was published."""
    keys: Mapping[str, VerifyingKey]
    """Every party's verifying keys by key id."""
    network_keys: Mapping[str, VerifyingKey]
    served: frozenset[str]
    lists: tuple[PublishedList, ...]
    exchanges: tuple[Exchange, ...]
    inquiries: tuple[Inquiry, ...]
    provisions: tuple[Provision, ...]
    records: tuple[RecordRow, ...]
    alarms: tuple[Alarm, ...] = ()
    strays: tuple[Stray, ...] = ()
    staff: Mapping[str, str] | None = None
    """Whose staff an account is."""
    operations: tuple[str, ...] = ()

    # --- views ----------------------------------------------------------------------------------------------------

    @cached_property
    def exchanges_of(self) -> Mapping[UUID, list[Exchange]]:
        return _by_txn(self.exchanges)

    @cached_property
    def inquiries_of(self) -> Mapping[UUID, list[Inquiry]]:
        return _by_txn(self.inquiries)

    @cached_property
    def provisions_of(self) -> Mapping[UUID, list[Provision]]:
        return _by_txn(self.provisions)

    @cached_property
    def records_of(self) -> Mapping[UUID, list[RecordRow]]:
        return _by_txn(self.records)

    @cached_property
    def rows(self) -> tuple[Inquiry | Exchange | Provision, ...]:
        """All that is kept of exchanges beside the records."""
        return (*self.inquiries, *self.exchanges, *self.provisions)

    @cached_property
    def rows_of(self) -> Mapping[UUID, list[Inquiry | Exchange | Provision]]:
        return _by_txn(self.rows)

    @cached_property
    def txns(self) -> tuple[UUID, ...]:
        """Every exchange number that any party wrote."""
        return tuple(sorted({*self.rows_of, *self.records_of}))

    @cached_property
    def published(self) -> Mapping[int, PublishedList]:
        """The network's own lists by serial."""
        return {one.serial: one for one in self.lists if not one.holder}

    @cached_property
    def _claims(self) -> dict[str, Permit | None]:
        return {}

    @cached_property
    def _payloads(self) -> dict[bytes, RecordPayload | None]:
        return {}

    @cached_property
    def _verified(self) -> dict[str, VerifiedRecord | RecordRefused]:
        return {}

    def claims(self, token: str | None) -> Permit | None:
        """The claims of a permit that the network signed; None where it is none."""
        if token is None:
            return None
        if token not in self._claims:
            try:
                self._claims[token] = verify_permit(token, self.network_keys)
            except (JwsRefused, BadPermit):
                self._claims[token] = None
        return self._claims[token]

    def parsed(self, wire: bytes) -> RecordPayload | None:
        """A shared payload; None where the bytes are none."""
        if wire not in self._payloads:
            try:
                self._payloads[wire] = record.parse(wire)
            except BadRecord:
                self._payloads[wire] = None
        return self._payloads[wire]

    def payload(self, jws: str) -> RecordPayload | None:
        """The payload of a record, whether or not its signature holds."""
        try:
            return self.parsed(unverified_payload(jws, record.JWS_LIMIT))
        except JwsRefused:
            return None

    def verified(self, jws: str) -> VerifiedRecord | RecordRefused:
        """A record, verified once; or why it is refused."""
        if jws not in self._verified:
            try:
                self._verified[jws] = verify_record(jws, self.keys, self.network)
            except RecordRefused as refused:
                self._verified[jws] = refused
        return self._verified[jws]

    def compiled(self, serial: int) -> MatchList | None:
        """The list of that serial, as it can be looked up; None where the network has published none that can."""
        published = self.published.get(serial)
        if published is None or published.document is None:
            return None
        return _compiled(published.document, serial)

    def mirrored(self, agency: AgencyCode, task: TaskCode) -> frozenset[TaskCode]:
        """The statutory tasks for which an agency may have asked under a task: what its 条例事務 has mirrored, or the
        task itself."""
        return self.mirrors.get((agency, task)) or frozenset({task})


@lru_cache(maxsize=16)
def _compiled(document: bytes, serial: int) -> MatchList | None:
    try:
        return compile_list(parse(document), serial)
    except (BadList, ValueError):
        return None


def _by_txn(rows: Iterable[N]) -> dict[UUID, list[N]]:
    grouped: defaultdict[UUID, list[N]] = defaultdict(list)
    for row in rows:
        grouped[row.txn].append(row)
    return grouped
