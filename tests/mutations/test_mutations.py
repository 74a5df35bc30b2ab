"""The list's checks are worth something: a list with one wrong fact does not get past them."""

from __future__ import annotations

import pytest

from tests.mutations.checks import CHECKS, STANDARD, mutant_of
from tests.mutations.mutants import OPERATORS, Operator
from tests.mutations.scoring import scored

SEED = 2_026


def test_the_checks_have_nothing_to_say_of_the_list_as_it_is() -> None:
    assert [name for name, check in CHECKS.items() if not check(mutant_of(STANDARD))] == []


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.__name__)
def test_a_list_with_one_wrong_fact_is_noticed(operator: Operator) -> None:
    assert scored(operator, number=0, seed=SEED).noticed_by
