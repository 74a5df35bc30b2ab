"""The invariants (守るべき条件) of the product, each a function of an export that names what breaks it.

 1. Nothing is provided without an earlier permitted asking           ``provided_as_permitted``, ``permit_used_once``
 2. The row that a permit names is a row of a published list          ``list_published``, ``permitted_by_the_list``
 3. Every exchange ends in one state, or is open for a stated reason  ``one_end``, ``open_for_a_reason``,
                                                                      ``withdrawn_by_the_inquirer``
 4. Who must have a record has one, and nobody else                   ``records_where_due``
 5. The holders' records are the same bytes, and all of them hold     ``records_hold``, ``annexes_fit``, ``answers_fit``
 6. What is kept beside the records says the same                     ``outcomes_agree``, ``times_in_order``
 7. A held person's data leaves by two people's decision              ``held_by_two``
 8. Nothing crosses from one agency to another                        ``within_agencies``
 9. What has served its purpose is forgotten                          ``forgotten``
10. No person's number and no content in any record or log            ``canaries.no_canary``, told what to look for
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gateway.judge import exchanged, recorded
from gateway.judge.export import Export
from gateway.judge.violation import Violation

__all__ = ["INVARIANTS", "Invariant"]

Invariant = Callable[[Export], Iterator[Violation]]

INVARIANTS: tuple[Invariant, ...] = (
    exchanged.provided_as_permitted,
    exchanged.permit_used_once,
    exchanged.list_published,
    exchanged.permitted_by_the_list,
    exchanged.one_end,
    exchanged.open_for_a_reason,
    exchanged.withdrawn_by_the_inquirer,
    recorded.records_where_due,
    recorded.records_hold,
    recorded.annexes_fit,
    recorded.answers_fit,
    recorded.outcomes_agree,
    recorded.times_in_order,
    exchanged.held_by_two,
    recorded.within_agencies,
    exchanged.forgotten,
)
