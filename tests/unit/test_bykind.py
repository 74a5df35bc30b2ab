"""The compiled answers by kind are those of the look-up, on every day and for every reason."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import islice
from random import Random

import pytest

from authz.bykind import compile_by_kind
from authz.matchlist import Ground, Miss, Revision, compile_list
from authz.questions import Effect
from authz.reasons import Reason
from fixtures.lists import load
from loadtest.listquestions import drawn

SOURCE = load()
LIST = compile_list(SOURCE, 3)
BY_KIND = compile_by_kind(LIST)
FIRST = SOURCE.revisions[0].in_force_from


@pytest.mark.parametrize("revision", SOURCE.revisions, ids=lambda revision: revision.revision)
def test_an_answer_by_kind_is_what_the_look_up_says_with_everything_it_rests_on(revision: Revision) -> None:
    rows = [row for row in SOURCE.rows if row.revision == revision.revision]
    drawing = Random(7)
    for asking, task, asked, information in islice(drawn(SOURCE, rows, 7), 20_000):
        day = FIRST + timedelta(days=drawing.randrange(-10, 4_000))
        found = LIST.look_up(LIST.close_kinds({asking}), task, LIST.close_kinds({asked}), information, day)
        decision = BY_KIND.decide(asking, task, asked, information, day)
        in_force = LIST.revision_on(day)
        assert (decision.serial, decision.digest) == (3, LIST.digest)
        assert decision.revision == (in_force.revision if in_force else "")
        assert decision.in_force == ((in_force.in_force_from, in_force.in_force_until) if in_force else None)
        if isinstance(found, Miss):
            assert (decision.effect, decision.reasons) == (Effect.DENY, (Reason(f"list-{found}"),))
            assert (decision.ground, decision.certainty) == ("", None)
            continue
        assert (decision.effect, decision.reasons) == (Effect.PERMIT, ())
        assert (decision.ground, decision.certainty) == (found.text, found.certainty)
        assert (decision.inquirer_kind, decision.provider_kind) == (found.inquirer_kind, found.provider_kind)


@pytest.mark.parametrize("day", [date.min, date(2016, 8, 1), date(2024, 5, 26), date(2024, 5, 27), date.max], ids=str)
def test_every_row_is_answered_by_the_revision_of_the_day_alone(day: date) -> None:
    for row in SOURCE.rows:
        asking, asked = row.inquirers[0], row.providers[0]
        found = LIST.look_up(LIST.close_kinds({asking}), row.task, LIST.close_kinds({asked}), row.information, day)
        decision = BY_KIND.decide(asking, row.task, asked, row.information, day)
        assert (decision.effect is Effect.PERMIT) == isinstance(found, Ground)
        assert decision.reasons == (() if isinstance(found, Ground) else (Reason(f"list-{found}"),))
