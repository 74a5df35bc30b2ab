"""機関の名簿: who the agencies are, which keys they have, and what they published. The network signs and distributes it.

Whoever decides or verifies does it by a directory that it holds, verified with the network's key that it already
trusts. A serial only grows; a directory that takes back, forks or changes the network is refused by name. Nothing here
fetches or stores.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from authz.questions import AgencyFacts, OrdinanceTask, Window
from gateway.exchange.jws import BadKey, Jwk, SigningKey, VerifyingKey, holder_of, key_set, verify
from gateway.exchange.messages import Hex, decode, encode
from gateway.exchange.sealing import BadSealingKey, SealingPublicKey
from sympho.codes import AgencyCode, BadCode, InformationCode, TaskCode

TYP = "directory+jws"
LIMIT = 32 * 1024 * 1024
"""Bytes of a signed directory: about 4 kB for an agency, so several thousands of them."""


class BadDirectory(Exception):
    """Well signed and still no directory of ours. ``code`` names the rule."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class ValidWindow(Struct, frozen=True, forbid_unknown_fields=True):
    """有効期間 of an agency's code: days, both inclusive; an open end is None. Windows may have gaps between them."""

    since: date
    until: date | None


class OrdinanceEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """条例事務 of one agency: the statutory task that it mirrors, a subset of its information, and two dates."""

    task: TaskCode
    mirrors: TaskCode
    information: tuple[InformationCode, ...]
    notified_on: date | None
    published_on: date | None


class DirectoryEntry(Struct, frozen=True, dict=True, forbid_unknown_fields=True):
    """One agency (機関). ``kinds`` are declared, not read off the code; codes and dates are public.

    ``endpoint`` is empty where all parties run in one process. ``keys`` and ``sealing`` are empty until the agency's
    server has made them known. ``assessments`` says on which day the assessment (28条) of a file was published, a file
    being a task or an information. ``excluded`` is what its notified ordinance keeps from others' 条例事務.
    ``certificates`` are SHA-256 thumbprints of the certificates that may speak for it.
    """

    code: AgencyCode
    name: str
    kinds: tuple[str, ...]
    valid: tuple[ValidWindow, ...]
    endpoint: str = ""
    keys: tuple[Jwk, ...] = ()
    sealing: str = ""
    assessments: dict[str, date] = {}
    delegated_tasks: tuple[TaskCode, ...] = ()
    delegated_information: tuple[InformationCode, ...] = ()
    ordinances: tuple[OrdinanceEntry, ...] = ()
    excluded: tuple[InformationCode, ...] = ()
    certificates: tuple[Hex, ...] = ()

    @cached_property
    def sealing_key(self) -> SealingPublicKey:
        """What answers to this agency are sealed with; ``BadSealingKey`` where it has made none known."""
        return SealingPublicKey.from_text(self.sealing)

    @cached_property
    def sealing_thumbprint(self) -> str:
        """``sealing_d`` of a permit for this agency."""
        return self.sealing_key.thumbprint()


class Directory(Struct, frozen=True, dict=True, forbid_unknown_fields=True):
    """One edition of the directory. ``list`` and ``list_d`` say which match list is in force with it."""

    v: Literal[1]
    serial: Annotated[int, Meta(ge=1)]
    issued_at: datetime
    list: Annotated[int, Meta(ge=0)]
    list_d: Hex
    network: AgencyCode
    network_keys: tuple[Jwk, ...]
    entries: tuple[DirectoryEntry, ...]

    @cached_property
    def by_code(self) -> Mapping[AgencyCode, DirectoryEntry]:
        return {entry.code: entry for entry in self.entries}

    @cached_property
    def verifying(self) -> Mapping[str, VerifyingKey]:
        """Every party's verifying keys by key id: for records."""
        agencies = key_set(jwk for entry in self.entries for jwk in entry.keys)
        return {**agencies, **self.network_verifying}

    @cached_property
    def network_verifying(self) -> Mapping[str, VerifyingKey]:
        """The network's own: for permits, refusals and the next directory, where nobody else's may do."""
        return key_set(self.network_keys)

    def keys_of(self, agency: AgencyCode) -> Mapping[str, VerifyingKey]:
        """One agency's keys: for a message that only this agency may have signed."""
        entry = self.find(agency)
        return {} if entry is None else {jwk.kid: self.verifying[jwk.kid] for jwk in entry.keys}

    def find(self, agency: AgencyCode) -> DirectoryEntry | None:
        return self.by_code.get(agency)

    def entry(self, agency: AgencyCode) -> DirectoryEntry:
        """The agency's entry; ``KeyError`` for a stranger, so ask ``find`` where one may come."""
        return self.by_code[agency]


class Edition(NamedTuple):
    """An edition as it is kept: signed, and in force where it is kept from a world time on."""

    serial: int
    signed: str
    since: datetime


def sign_directory(directory: Directory, key: SigningKey) -> str:
    """The directory as it is distributed; refuses to sign what a receiver would refuse."""
    broken = broken_rule(directory)
    if broken:
        raise BadDirectory(broken)
    return key.sign(TYP, encode(directory))


def verify_directory(token: str, keys: Mapping[str, VerifyingKey]) -> Directory:
    """A directory under one of ``keys``: the network's, as the receiver already trusts them.

    Raises ``JwsRefused``, or ``BadDirectory`` where what the network signed breaks a rule of the form. Whether the
    edition may take the place of another is for ``accept`` to say.
    """
    payload = verify(token, TYP, keys, LIMIT)
    try:
        directory = decode(Directory, payload)
    except (msgspec.DecodeError, ValueError):
        raise BadDirectory("directory-malformed") from None
    if encode(directory) != payload:
        raise BadDirectory("directory-spelling")
    broken = broken_rule(directory)
    if broken:
        raise BadDirectory(broken)
    return directory


def broken_rule(directory: Directory) -> str:
    """The rule that an edition breaks, or an empty string.

    1. Every agency stands in it once, in the order of the codes.
    2. A key speaks for one holder: its key id begins with the code of the entry that carries it.
    3. Keys are keys, and every key id is there once.
    4. The network has a key, and is named by a code that no agency has.
    5. Assessments are of files: tasks or information.
    """
    codes = [entry.code for entry in directory.entries]
    if any(first >= second for first, second in pairwise(codes)):
        return "entries-order"
    if directory.network in directory.by_code or not directory.network_keys:
        return "network-unnamed"
    owned = [(entry.code, jwk) for entry in directory.entries for jwk in entry.keys]
    owned += [(directory.network, jwk) for jwk in directory.network_keys]
    if any(holder_of(jwk.kid) != code for code, jwk in owned):
        return "key-of-another"
    if any(times > 1 for times in Counter(jwk.kid for _, jwk in owned).values()):
        return "key-twice"
    return _broken_member(directory)


def _broken_member(directory: Directory) -> str:
    try:
        _ = directory.verifying
        for entry in directory.entries:
            if entry.sealing:
                _ = entry.sealing_key
            for name in entry.assessments:
                _file(name)
    except (BadKey, BadSealingKey):
        return "key-malformed"
    except BadCode:
        return "assessment-of-no-file"
    return ""


# --- which edition may follow -------------------------------------------------------------------------------------


class Acceptance(StrEnum):
    """What a holder of one edition does with another. The first three are taken, the others refused and alarmed."""

    FIRST = "first"
    SAME = "same"
    NEWER = "newer"
    ROLLBACK = "rollback"
    FORK = "fork"
    OTHER_NETWORK = "other-network"
    LIST_ROLLBACK = "list-rollback"
    LIST_FORK = "list-fork"

    @property
    def taken(self) -> bool:
        return self in (Acceptance.FIRST, Acceptance.SAME, Acceptance.NEWER)


def accept(current: Directory | None, candidate: Directory) -> Acceptance:
    """Whether a verified edition may take the place of the one that is held.

    ``issued_at`` decides nothing: it is world time, and the world's clock may be set back. The serial may not.
    """
    if current is None:
        return Acceptance.FIRST
    if candidate.network != current.network:
        return Acceptance.OTHER_NETWORK
    if candidate.serial < current.serial:
        return Acceptance.ROLLBACK
    if candidate.serial == current.serial:
        return Acceptance.SAME if candidate == current else Acceptance.FORK
    if candidate.list < current.list:
        return Acceptance.LIST_ROLLBACK
    if candidate.list == current.list and candidate.list_d != current.list_d:
        return Acceptance.LIST_FORK
    return Acceptance.NEWER


# --- what the decision reads --------------------------------------------------------------------------------------


def agency_facts(entry: DirectoryEntry, close_kinds: Callable[[Iterable[str]], frozenset[str]]) -> AgencyFacts:
    """An entry as the decision's recipes read it; ``close_kinds`` is the list's (``MatchList.close_kinds``)."""
    return AgencyFacts(
        code=entry.code,
        name=entry.name,
        kinds=close_kinds(entry.kinds),
        valid=tuple(Window(window.since, window.until) for window in entry.valid),
        assessments={_file(name): published for name, published in entry.assessments.items()},
        delegated_tasks=frozenset(entry.delegated_tasks),
        delegated_information=frozenset(entry.delegated_information),
        ordinance_tasks={given.task: _ordinance(given) for given in entry.ordinances},
        ordinance_limit=frozenset(entry.excluded),
    )


def facts_of(
    directory: Directory, close_kinds: Callable[[Iterable[str]], frozenset[str]]
) -> dict[AgencyCode, AgencyFacts]:
    """All agencies, as a snapshot takes them."""
    return {entry.code: agency_facts(entry, close_kinds) for entry in directory.entries}


def _file(name: str) -> TaskCode | InformationCode:
    return TaskCode(name) if name.startswith(TaskCode.prefix) else InformationCode(name)


def _ordinance(given: OrdinanceEntry) -> OrdinanceTask:
    return OrdinanceTask(given.task, given.mirrors, frozenset(given.information), given.notified_on, given.published_on)


# --- cross-check --------------------------------------------------------------------------------------------------


def odd_kinds(entry: DirectoryEntry, prefixes: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """Declared kinds that the structure of the agency's code does not bear out: for a warning, never for a denial.

    ``prefixes`` says which first five digits the codes of a kind have; a kind without any is not cross-checked.
    """
    return tuple(kind for kind in entry.kinds if prefixes.get(kind) and entry.code.kind_prefix not in prefixes[kind])
