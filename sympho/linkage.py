"""Pure rules of the linkage code (符号管理): how a code comes to be, how it is kept, and how it lives.

Derivation (番号法21条の2, 令27条, 命令44条): a code comes from the 住民票コード, cannot be turned back, is unique inside an
agency and differs between agencies.

1. IDコード: the first half of HMAC-SHA256 over the 住民票コード as the network first saw it. The network keeps which
   住民票コード (blind) belongs to which IDコード, so that the code survives when the 住民票コード is changed.
2. 符号: HMAC-SHA256 over agency, IDコード and generation, cut to 128 bits. Without the network's key nobody can tell that
   two codes are one person's, and the generation gives a person a new code after a leak.
3. Blind index: HMAC-SHA256 over agency and code, under yet another key: a database finds a code that it does not hold.

Every derivation has a key of its own and fields with their lengths, so that no two inputs can spell the same bytes.
Nothing here knows the time, chance or a database: keys, nonces and facts are given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from sympho.codes import AgencyCode, LinkageCode, PersonalNumber, PersonKey, ResidentCode, SubstituteCode

KEY_BYTES = 32
NONCE_BYTES = 12
PERSON_KEY_BYTES = 16
FIRST_GENERATION = 1
KEYS_AT_HAND = 4096
"""How many keys are kept ready for use; a key's own schedule costs more than what is sealed under it."""
_SEALED_FORM = b"\x01"
"""The first byte of everything sealed: AES-256-GCM, then the nonce, then the ciphertext with its tag."""
_LENGTHS = tuple(length.to_bytes(4) for length in range(256))


class Purpose(StrEnum):
    """What an agency's key is for; no key serves two purposes."""

    CODE = "code"
    CODE_BLIND = "code-blind"
    ACQUISITION = "acquisition"
    ACQUISITION_BLIND = "acquisition-blind"
    INDIVIDUAL = "individual"
    INDIVIDUAL_BLIND = "individual-blind"
    BASIC = "basic"


class Keys(Protocol):
    """A key ring as code management needs it: 32 bytes for every holder and purpose, the same ones every time.

    The holder is an agency's code; for the network's own keys it is the name that the ring keeps them under.
    """

    def key(self, holder: str, purpose: str, /) -> bytes: ...


class Unsealable(Exception):
    """Sealed bytes that do not open at their place: damaged, moved to another row, or sealed under another key."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"{kind}: what is kept does not open at its place")
        self.kind = kind


# --- derivation ---------------------------------------------------------------------------------------------------


def place(*parts: str) -> bytes:
    """Parts with their lengths before them: ``("ab", "c")`` and ``("a", "bc")`` are different bytes."""
    whole = b""
    for part in parts:
        raw = part.encode()
        length = len(raw)
        whole += (_LENGTHS[length] if length < len(_LENGTHS) else length.to_bytes(4)) + raw
    return whole


@lru_cache(maxsize=KEYS_AT_HAND)
def _keyed(key: bytes) -> HMAC:
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes")
    return HMAC(key, SHA256())


def _ended(begun: HMAC, rest: bytes) -> bytes:
    copied = begun.copy()
    copied.update(rest)
    return copied.finalize()


def _digest(key: bytes, message: bytes) -> bytes:
    return _ended(_keyed(key), message)


def person_key(key: bytes, resident: ResidentCode) -> PersonKey:
    """IDコード of a person whose 住民票コード the network sees for the first time."""
    return PersonKey(_digest(key, place(resident.reveal()))[:PERSON_KEY_BYTES].hex())


def linkage_code(key: bytes, agency: AgencyCode, person: PersonKey, generation: int) -> LinkageCode:
    """符号 of a person at an agency; a higher generation is a different code."""
    if generation < FIRST_GENERATION:
        raise ValueError(f"generations start with {FIRST_GENERATION}")
    return LinkageCode(_digest(key, place(agency, person.reveal(), str(generation)))[:PERSON_KEY_BYTES].hex())


def substitute_code(key: bytes, person: PersonKey) -> SubstituteCode:
    """代替符号 of a person in the network's own records (命令47条3項); no agency ever sees it."""
    return SubstituteCode(_digest(key, place(person.reveal()))[:PERSON_KEY_BYTES].hex())


def blind_resident(key: bytes, resident: ResidentCode) -> bytes:
    """The blind index of a 住民票コード at the network."""
    return _digest(key, place(resident.reveal()))


def blind(key: bytes, agency: AgencyCode, number: PersonalNumber) -> bytes:
    """The blind index of a number inside one agency: 32 bytes that find the row and tell nothing."""
    return _digest(key, place(agency, number.reveal()))


def blinds(key: bytes, agency: AgencyCode, numbers: Iterable[PersonalNumber]) -> list[bytes]:
    """``blind`` for many numbers of one agency, which is begun with once."""
    begun = _keyed(key).copy()
    begun.update(place(agency))
    return [_ended(begun, place(number.reveal())) for number in numbers]


# --- sealing at rest ----------------------------------------------------------------------------------------------


@lru_cache(maxsize=KEYS_AT_HAND)
def _cipher(key: bytes) -> AESGCM:
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes")
    return AESGCM(key)


def seal(key: bytes, nonce: bytes, where: bytes, plain: bytes) -> bytes:
    """Seals under AES-256-GCM, bound to its place. The nonce is random and new (at most 2**32 under one key)."""
    if len(nonce) != NONCE_BYTES:
        raise ValueError(f"a nonce has {NONCE_BYTES} bytes")
    return _SEALED_FORM + nonce + _cipher(key).encrypt(nonce, plain, where)


def unseal(key: bytes, kind: str, where: bytes, sealed: bytes) -> bytes:
    """Opens what was sealed at this very place, or raises ``Unsealable``, which names the kind only."""
    cipher = _cipher(key)
    if sealed[:1] != _SEALED_FORM:
        raise Unsealable(kind)
    try:
        return cipher.decrypt(sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :], where)
    except (InvalidTag, ValueError):
        raise Unsealable(kind) from None


# --- the life of a code -------------------------------------------------------------------------------------------


class CodeState(StrEnum):
    """How a code stands at the network."""

    ISSUED = "issued"
    """Derived and sent; the agency has not confirmed that it holds it, so it is sent again when asked for."""
    CONFIRMED = "confirmed"
    """The agency holds it: asked for again, the answer is "already held" (命令44条)."""
    RETIRED = "retired"
    """Resolves to nothing, for ever. The person's next code has the next generation."""


_NEXT: Mapping[CodeState, frozenset[CodeState]] = {
    CodeState.ISSUED: frozenset({CodeState.CONFIRMED, CodeState.RETIRED}),
    CodeState.CONFIRMED: frozenset({CodeState.RETIRED}),
    CodeState.RETIRED: frozenset(),
}


def may_become(state: CodeState, then: CodeState) -> bool:
    """Whether one generation of a code may pass from one state to another; a retired one never comes back."""
    return then in _NEXT[state]


def is_live(state: CodeState) -> bool:
    """Whether a code in this state points at its person."""
    return may_become(state, CodeState.RETIRED)


class IssueAct(StrEnum):
    """What the network does when an agency asks for a person's code."""

    SEND = "send"
    SAY_HELD = "say-held"
    RAISE = "raise"
    """Issue the next generation: the last one was retired."""


def on_request(state: CodeState) -> IssueAct:
    """The network's answer to a request for a code that has been issued before."""
    match state:
        case CodeState.ISSUED:
            return IssueAct.SEND
        case CodeState.CONFIRMED:
            return IssueAct.SAY_HELD
        case CodeState.RETIRED:
            return IssueAct.RAISE


class RetirementReason(StrEnum):
    """Why a code was retired: a closed list, so that no free text about a person stands in a history."""

    LEAKED = "leaked"
    WRONG_PERSON = "wrong-person"
    LOST = "lost"
    """The network says "already held" and the agency cannot find it."""
    SUPERSEDED = "superseded"
    """The network has issued a higher generation, and the agency has received it."""
    PERSON_ENDED = "person-ended"
    """The agency no longer keeps the person (death, end of retention)."""
    AGENCY_ENDED = "agency-ended"


class PersonStatus(StrEnum):
    """How a person's code stands at the agency."""

    UNKNOWN = "unknown"
    """No such 団体内統合宛名番号 in this agency."""
    NONE = "none"
    ASKED = "asked"
    HELD = "held"
    ALREADY_HELD = "already-held"
    """The network says that this agency holds the code, and this 団体内統合宛名番号 does not: another one of the same
    agency has it, or it was lost."""
    RETIRED = "retired"


class HeldEvent(StrEnum):
    """What happened to a person's code at the agency."""

    ASKED = "asked"
    BOUND = "bound"
    ALREADY_HELD = "already-held"
    STALE = "stale"
    """The code that came has a generation which this agency has already retired."""
    NOT_FOUND = "not-found"
    """The residents' party knows nobody with this 個人番号: the acquisition was given up."""
    RETIRED = "retired"


def status_after(event: HeldEvent | None) -> PersonStatus:
    """The status of a known person who holds no code and has no open acquisition, from the last thing that happened."""
    match event:
        case HeldEvent.ALREADY_HELD:
            return PersonStatus.ALREADY_HELD
        case HeldEvent.RETIRED | HeldEvent.STALE:
            return PersonStatus.RETIRED
        case _:
            return PersonStatus.NONE


class BindOutcome(StrEnum):
    """What became of one notice from the network."""

    BOUND = "bound"
    HELD = "held"
    """The agency has this very code already: delivered a second time, or bound to another number of the same person."""
    ALREADY_HELD = "already-held"
    STALE = "stale"
    UNKNOWN = "unknown"
    """No such acquisition is open and the code is not held: the network must not take it for delivered."""


def is_delivered(outcome: BindOutcome) -> bool:
    """Whether the network may note the code of this notice as confirmed."""
    return outcome in (BindOutcome.BOUND, BindOutcome.HELD)
