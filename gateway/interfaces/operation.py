"""Operations (業務操作) as declarations: who may call what, what is sent, what comes back, and which function answers.

A handler is one coroutine from ``Call`` to ``Reply``. It sees a caller who is known and allowed, and values instead of
text; it returns a struct, or raises ``Problem``. All the rest is done once, in ``gateway.interfaces.surface``.

    async def register(call: Call[InquiryBody, None]) -> Reply: ...

    REGISTER = Operation(
        name="register-inquiry", method="POST", path="/inquiries", interface="IF_SKI_10111",
        summary_ja="情報照会の登録", summary_en="Register an inquiry",
        principals=frozenset({PrincipalKind.STAFF, PrincipalKind.SYSTEM}), duty=Duty.INQUIRE,
        request=InquiryBody, responses={201: InquiryView, 202: InquiryView}, handler=register, idempotent=True)
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from string import ascii_lowercase, digits
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Generic, TypeVar, Union, get_args, get_origin
from uuid import UUID

from msgspec import Struct

from authz.duties import Duty, PrincipalKind
from authz.operations import Actor, Moment, OperationOutcome
from authz.operations import Operation as Entry
from authz.principals import StaffPrincipal, SystemPrincipal
from gateway.interfaces.decoding import custom_types, weaknesses
from gateway.interfaces.principals import PartyPrincipal, Principal
from gateway.intermediary.turns import Turn
from gateway.problems import PROBLEMS, Problem
from gateway.stages import Stages
from sympho.codes import AcquisitionNumber, AgencyCode, LinkageCode, PersonKey, SubstituteCode

__all__ = [
    "BODY_LIMIT",
    "FORM",
    "JSON",
    "LONGEST_WAIT",
    "AnyOperation",
    "Call",
    "Operation",
    "Reply",
    "body_types",
]

BODY_LIMIT = 1_048_576
"""Bytes of a body, after decompression, unless an operation says otherwise."""

LONGEST_WAIT = 30
"""Seconds that ``Prefer: wait`` can hold a call open."""

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
LETTERS = frozenset(ascii_lowercase)
NAME_CHARACTERS = LETTERS | frozenset(digits + "-.")

NETWORK_ONLY: frozenset[type] = frozenset({PersonKey, SubstituteCode})
PARTIES_ONLY: frozenset[type] = frozenset({LinkageCode, AcquisitionNumber})

B = TypeVar("B")
Q = TypeVar("Q")


@dataclass(slots=True)
class Call(Generic[B, Q]):
    """One call of an operation: the caller is known and allowed, body and query are of the declared types."""

    operation: str
    principal: Principal
    body: B
    query: Q
    path: Mapping[str, str]
    raw: bytes
    """The body's bytes as they came: what a digest or a signature is over."""
    idempotency_key: str
    """The header's value where the operation is idempotent, otherwise empty."""
    wait: int
    """Seconds that the caller would wait for the outcome (``Prefer: wait``), 0 to ``LONGEST_WAIT``."""
    request_id: str
    at: Moment
    """When the call came in, by both clocks. A flow that decides asks the clock again: a call may have waited."""
    address: str
    stages: Stages
    exchange: UUID | None = None
    """処理通番 that the call turned out to be about; see ``concerns``."""
    about: str = ""
    """The account or client that the call changes, for the operations log: ``stf_...``, ``cli_...``."""
    interface: str = ""
    actor: Actor | None = None
    """Who acts, for the operations log; None where no account and no client does."""
    logged: bool = False
    """Whether the operations log already tells that this call was done; see ``concerns``."""
    sent_at: datetime | None = None
    """World time at which another party says it has sent this; None where it does not say, and for everybody else."""
    turn: Turn | None = None
    """The turn that the call has waited for at the door, where it takes one and the caller was known there."""
    authorization: str = field(default="", repr=False)
    """The header Authorization, where the operation takes a form: a client may show its secret there (RFC 6749)."""

    def concerns(self, exchange: UUID, *, logged: bool = False) -> None:
        """Ties the call to an exchange in the log and in the operations log, also if it ends in a problem. ``logged``:
        what was done has written ``entry`` in its own transaction."""
        self.exchange = exchange
        self.logged = logged and self.actor is not None

    @property
    def entry(self) -> Callable[[UUID], Entry] | None:
        """Makes the entry of the operations log that this was done, for a flow that writes it with the effect."""
        if self.actor is None:
            return None
        return partial(Entry, self.actor, self.at, self.operation, OperationOutcome.DONE, self.interface, "")

    @property
    def asker(self) -> StaffPrincipal | SystemPrincipal:
        """The caller as one who asks and answers for an agency: staff or a business system."""
        if not isinstance(self.principal, StaffPrincipal | SystemPrincipal):
            raise Problem("wrong-principal")
        return self.principal

    @property
    def staff(self) -> StaffPrincipal:
        """The caller as a member of staff: a person, where two people are needed."""
        if not isinstance(self.principal, StaffPrincipal):
            raise Problem("wrong-principal")
        return self.principal

    @property
    def party(self) -> PartyPrincipal:
        """The caller as another party of the network."""
        if not isinstance(self.principal, PartyPrincipal):
            raise Problem("wrong-principal")
        return self.principal

    @property
    def agency(self) -> AgencyCode:
        """The body for which the principal acts; a principal without one is not for this operation."""
        if self.principal.agency is None:
            raise Problem("wrong-principal")
        return self.principal.agency

    def own(self, agency: AgencyCode) -> AgencyCode:
        """``agency`` if the caller acts for it, otherwise the problem ``wrong-agency``."""
        if isinstance(self.principal, PartyPrincipal):
            allowed = agency in self.principal.agencies
        else:
            allowed = agency == self.agency
        if not allowed:
            raise Problem("wrong-agency")
        return agency

    def fingerprint(self) -> bytes:
        """SHA-256 over operation, path and body: what must be equal when an idempotency key comes again."""
        digest = hashlib.sha256()
        for part in (self.operation.encode(), *(value.encode() for value in self.path.values()), self.raw):
            digest.update(len(part).to_bytes(8))
            digest.update(part)
        return digest.digest()


@dataclass(frozen=True, slots=True)
class Reply:
    """What a handler answers. ``body`` is of the type that the operation declares for ``status``; parts for bytes."""

    status: int = 200
    body: Struct | bytes | AsyncIterator[bytes] | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, kw_only=True)
class Operation(Generic[B, Q]):
    """One operation. ``name`` is an English verb phrase in hyphens, unique; ``interface`` the official id, if any.

    A member of staff needs ``duty``; a business system must have been admitted to ``name``.

    ``duty`` may be None only for the public, for parties, and where ``self_service`` says that a person acts on nothing
    but their own session (logout, own password). ``request=bytes`` takes the body as it comes, undecoded.
    """

    name: str
    method: str
    path: str
    summary_ja: str
    summary_en: str
    principals: frozenset[PrincipalKind]
    duty: Duty | None
    handler: Callable[[Call[B, Q]], Awaitable[Reply]]
    responses: Mapping[int, Any]
    interface: str | None = None
    request: type[B] | None = None
    query: type[Q] | None = None
    path_types: Mapping[str, type[str]] = field(default_factory=dict)
    idempotent: bool = False
    self_service: bool = False
    or_duty: frozenset[Duty] = frozenset()
    """Other duties of which one will do as well: what two people look at has two."""
    expired_token: bool = False
    """Whether a token will do that has expired within the grace of a session: for its renewal alone."""
    recent: bool = False
    """Whether a member of staff must have been authenticated a short while ago (RFC 9470)."""
    form: tuple[str, ...] = ()
    """The fields of a form that is taken instead of JSON, undecoded; for ``request=bytes``."""
    waits: bool = False
    """Whether the handler heeds ``Prefer: wait``; the document says so."""
    in_turn: bool = False
    """Whether calls take turns (``gateway.intermediary.turns``) at the door, before anything else is done for them."""
    problems: frozenset[str] = frozenset()
    """Slugs that the handler itself may raise, for the document."""
    media: str = JSON
    """Media type of the body of a 2xx reply whose declared type is ``bytes``."""
    limit: int = BODY_LIMIT
    foreign: bool = False
    """Whether the messages are another standard's: members that we do not know are passed over, a broken rule is a
    ``malformed-body``, and the caller's X-Request-ID comes back."""

    def __post_init__(self) -> None:
        faults = [*self._faults()]
        if faults:
            raise ValueError(f"operation {self.name!r}: " + "; ".join(faults))

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names in braces in ``path``, in their order."""
        return tuple(part.partition("}")[0] for part in self.path.split("{")[1:])

    @property
    def is_public(self) -> bool:
        return PrincipalKind.PUBLIC in self.principals

    @property
    def duties(self) -> frozenset[Duty]:
        """The duties of which a member of staff needs one; none where no duty is needed."""
        return self.or_duty if self.duty is None else self.or_duty | {self.duty}

    def _faults(self) -> Iterator[str]:
        if not (0 < len(self.name) <= 64 and self.name[0] in LETTERS and set(self.name) <= NAME_CHARACTERS):
            yield "its name is not made of lower-case words, hyphens and dots"
        if self.method not in METHODS:
            yield "its method is none of " + ", ".join(sorted(METHODS))
        if not self.path.startswith("/") or set(self.path_types) - set(self.parameters):
            yield "its path does not begin with / or lacks a declared parameter"
        yield from self._faults_of_duty()
        yield from self._faults_of_form_and_time()
        yield from self._faults_of_secrets()
        if self.request is not None and self.method in {"GET", "DELETE"}:
            yield "a GET or DELETE has no body"
        if self.idempotent and self.method == "GET":
            yield "a GET needs no idempotency key"
        if self.problems - set(PROBLEMS):
            yield "it declares a problem outside the closed table"
        versioned = self.foreign or self.principals == {PrincipalKind.PARTY}
        if self.request not in {None, bytes}:
            yield from weaknesses(self.request, in_url=False, versioned=versioned)
        if self.query is not None:
            yield from weaknesses(self.query, in_url=True, versioned=False)
        if not self.responses or not all(_fits(kind) for kind in self.responses.values()):
            yield "a response is a Struct, a union of Structs, bytes or None"

    def _faults_of_form_and_time(self) -> Iterator[str]:
        if self.form and self.request is not bytes:
            yield "a form is taken as it comes"
        if self.recent and self.principals != {PrincipalKind.STAFF}:
            yield "only a person can have been authenticated a short while ago"

    def _faults_of_secrets(self) -> Iterator[str]:
        """A linkage code stays with an agency's server and the network; what the network knows us by stays there."""
        kept = NETWORK_ONLY if self.principals == {PrincipalKind.PARTY} else NETWORK_ONLY | PARTIES_ONLY
        for kind in (self.request, self.query, *self.responses.values()):
            if kind in {None, bytes}:
                continue
            for secret in sorted(kept & custom_types(kind), key=lambda one: one.__name__):
                yield f"{secret.__name__} may not pass this door"

    def _faults_of_duty(self) -> Iterator[str]:
        if not self.principals:
            yield "nobody may call it"
        if self.is_public and (len(self.principals) > 1 or self.duty is not None):
            yield "what is for anyone has no other principals and no duty"
        free = self.self_service or self.principals <= {PrincipalKind.PUBLIC, PrincipalKind.PARTY}
        if self.duty is None and not free:
            yield "it names no duty and is neither public, nor between parties, nor self-service"
        if self.duty is not None and self.self_service:
            yield "self-service needs no duty"
        if self.or_duty and self.duty is None:
            yield "it names another duty and no first one"
        if self.expired_token and not self.self_service:
            yield "an expired token is good for self-service only"


AnyOperation = Operation[Any, Any]


def body_types(kind: Any) -> tuple[Any, ...]:
    """The classes of which a reply's body must be one: those of the union, or the type itself."""
    if kind is None:
        return (NoneType,)
    members = get_args(kind) if get_origin(kind) in {Union, UnionType} else (kind,)
    return tuple(members)


def _fits(kind: Any) -> bool:
    if kind is None or kind is bytes:
        return True
    return all(isinstance(member, type) and issubclass(member, Struct) for member in body_types(kind))
