"""The person of a record, sealed beside it: a holder can list a person's records, and nobody reads the person off one.

The holder's code for the person is its subject: the unified addressee number at an agency, the network's own substitute
code at the network (命令47条3項). The commitment in the annex is opened only with what is sealed here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from gateway.keys.ring import KeyRing
from gateway.records.record import NO_SUBJECT, subject_commitment
from sympho.codes import AgencyCode, PersonalNumber
from sympho.linkage import NONCE_BYTES, blind, place, seal, unseal

NOBODY = b""


@dataclass(frozen=True, slots=True)
class Kept:
    """A subject as it is kept: sealed (opening and number), blind (to look up), and the commitment for the annex."""

    sealed: bytes
    blind: bytes
    commitment: str


def keep(ring: KeyRing, holder: AgencyCode, txn: str, subject: PersonalNumber | None) -> Kept:
    """Seals a subject to its holder and exchange; nobody known leaves both columns empty."""
    if subject is None:
        return Kept(NOBODY, NOBODY, NO_SUBJECT)
    opening = os.urandom(16)
    plain = opening + subject.reveal().encode()
    sealed = seal(ring.key(holder, "subject"), os.urandom(NONCE_BYTES), place("record", holder, txn), plain)
    return Kept(sealed, blinded(ring, holder, subject), subject_commitment(opening, subject))


def blinded(ring: KeyRing, holder: AgencyCode, subject: PersonalNumber) -> bytes:
    """What a person's records are looked up by."""
    return blind(ring.key(holder, "subject-blind"), holder, subject)


def reopen(ring: KeyRing, holder: AgencyCode, txn: str, sealed: bytes) -> tuple[bytes, str]:
    """The opening and the number that ``keep`` sealed, for the holder's own proof of its annex."""
    plain = unseal(ring.key(holder, "subject"), "record subject", place("record", holder, txn), sealed)
    return plain[:16], plain[16:].decode()
