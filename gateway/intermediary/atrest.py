"""What an agency keeps at rest (副本 and its kin): sealed under the agency's own key, bound to its place."""

from __future__ import annotations

import os

from gateway.exchange.messages import Content, decode, encode
from gateway.keys.ring import KeyRing
from sympho.codes import AgencyCode, InformationCode, UnifiedNumber
from sympho.linkage import NONCE_BYTES, place, seal, unseal

PURPOSE = "duplicate"


def seal_duplicate(ring: KeyRing, agency: AgencyCode, unified: UnifiedNumber, content: Content) -> bytes:
    """A duplicate as it stands in its row; moved to another person's row it no longer opens."""
    where = place("duplicate", agency, unified.reveal(), content.information)
    return seal(ring.key(agency, PURPOSE), os.urandom(NONCE_BYTES), where, encode(content))


def open_duplicate(
    ring: KeyRing, agency: AgencyCode, unified: UnifiedNumber, information: InformationCode, sealed: bytes
) -> Content:
    """The duplicate of this person and information, or ``Unsealable``."""
    where = place("duplicate", agency, unified.reveal(), information)
    return decode(Content, unseal(ring.key(agency, PURPOSE), "duplicate", where, sealed))


def seal_for_exchange(ring: KeyRing, agency: AgencyCode, what: str, txn: str, plain: bytes) -> bytes:
    """Something of one exchange: the request that waits to be carried, the content that waits to be released."""
    return seal(ring.key(agency, PURPOSE), os.urandom(NONCE_BYTES), place(what, agency, txn), plain)


def open_for_exchange(ring: KeyRing, agency: AgencyCode, what: str, txn: str, sealed: bytes) -> bytes:
    """What ``seal_for_exchange`` sealed."""
    return unseal(ring.key(agency, PURPOSE), what, place(what, agency, txn), sealed)
