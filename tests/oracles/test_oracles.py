"""Ours against Cedar, Casbin and Rego, on questions one or two steps beside what is permitted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from authz.matchlist import compile_list
from fixtures.lists import load
from loadtest.engines import ENGINES, Cedar, Engine
from tests.oracles.differential import Ours, compare

SOURCE = load()
OURS = Ours(compile_list(SOURCE, 1))
QUESTIONS = 3_000


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_another_engine_that_holds_the_rows_answers_every_question_as_ours_does(engine: type[Engine]) -> None:
    for revision in SOURCE.revisions:
        found = compare(engine, SOURCE, revision, OURS, QUESTIONS, seed=QUESTIONS)
        assert found.differences == []
        assert QUESTIONS // 10 < found.permitted < found.asked == QUESTIONS


def test_an_engine_tells_a_list_that_permits_one_row_too_many() -> None:
    last = SOURCE.revisions[-1]
    rows = [row for row in SOURCE.rows if row.revision == last.revision]
    narrower = replace(SOURCE, rows=tuple(row for row in SOURCE.rows if row != rows[0]))
    found = compare(Cedar, narrower, last, OURS, asked=20_000, seed=1)
    wrong = {(one.question.task, one.question.information) for one in found.differences}
    assert wrong == {(rows[0].task, rows[0].information)}
    assert not any(one.engine for one in found.differences)
    assert all(one.looked_up and one.decided and one.checked for one in found.differences)
