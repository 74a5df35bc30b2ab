"""The mutation score (変異の検出率): of mutants made by lot, how many each check notices, and how many none does."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from authz.listdocument import BadList
from tests.mutations.checks import CHECKS, STANDARD, mutant_of
from tests.mutations.mutants import OPERATORS, Operator

REFUSED = "refused"
"""The list's own rules refuse the mutant: it would never decide anything."""


class Scored(NamedTuple):
    """One mutant: how it was made, and who notices it."""

    operator: str
    number: int
    noticed_by: tuple[str, ...]


def scored(operator: Operator, number: int, seed: int) -> Scored:
    """Makes one mutant and lets every check look at it."""
    try:
        mutant = mutant_of(operator(STANDARD, Random(f"{operator.__name__} {number} {seed}")))
    except BadList:
        return Scored(operator.__name__, number, (REFUSED,))
    return Scored(operator.__name__, number, tuple(name for name, check in CHECKS.items() if not check(mutant)))


def every(each: int, seed: int) -> Iterator[Scored]:
    """So many mutants of each operator."""
    for operator in OPERATORS:
        for number in range(each):
            yield scored(operator, number, seed)
