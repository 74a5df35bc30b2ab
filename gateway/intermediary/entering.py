"""Newcomers with everything that is held of them (一括登録): numbered, and their duplicates deposited, in one commit.

For many people of whom nothing is known yet. What stands already, of whoever it is, lets nothing of them in, and the
caller takes the ways that deal with every row by itself: numbering (``sympho.addressees``) and ``deposit``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple

from gateway.exchange.messages import Content
from gateway.intermediary import atrest, deposit
from gateway.intermediary.party import Intermediary
from gateway.intermediary.store import duplicates
from gateway.intermediary.store.duplicates import DuplicateRow
from gateway.problems import Conflict, Problem
from sympho import addressees
from sympho.addressees import Person
from sympho.codes import AgencyCode, UnifiedNumber


class Held(NamedTuple):
    """副本 of a newcomer at an agency that numbers the person, with its days of publication."""

    agency: AgencyCode
    content: Content
    published_from: date
    published_until: date | None


class Newcomer(NamedTuple):
    """Somebody of whom nothing is known yet."""

    person: Person
    duplicates: Sequence[Held]


Numbers = dict[AgencyCode, UnifiedNumber]
"""A person's 団体内統合宛名番号 by agency."""


async def enter(server: Intermediary, newcomers: Sequence[Newcomer]) -> list[Numbers] | None:
    """Each one's numbers, in order; None where something was known already, and nothing is written then."""
    known = server.held.snapshot.items
    wrong = [
        fault
        for n, one in enumerate(newcomers)
        for held in one.duplicates
        for fault in deposit.faults(known, n, held.content, held.published_from, held.published_until)
    ]
    if wrong:
        raise Problem("invalid-field", errors=tuple(wrong))
    now = server.clock.now()
    try:
        async with server.db.transaction() as conn:
            numbers = await addressees.enter(conn, server.ring, [one.person for one in newcomers], now)
            if numbers is None:
                return None
            rows = [
                DuplicateRow(
                    held.agency,
                    unified.reveal(),
                    held.content.information,
                    held.content.layout,
                    held.published_from,
                    held.published_until,
                    atrest.seal_duplicate(server.ring, held.agency, unified, held.content),
                    now,
                )
                for held, unified in _placed(newcomers, numbers)
            ]
            await duplicates.copy_duplicates(conn, rows)
    except Conflict as conflict:
        if conflict.constraint in ("duplicate_pk", "guard_pk"):
            return None
        raise
    return numbers


def _placed(newcomers: Sequence[Newcomer], numbers: Sequence[Numbers]) -> Iterator[tuple[Held, UnifiedNumber]]:
    for one, of_person in zip(newcomers, numbers, strict=True):
        for held in one.duplicates:
            yield held, of_person[held.agency]
