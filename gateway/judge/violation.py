"""What an invariant says when it is broken."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken invariant (違反): which, how, of which exchange (None: of none in particular), and where.

    It names exchange numbers and public codes, never a person.
    """

    invariant: str
    what: str
    txn: UUID | None
    where: str = ""
