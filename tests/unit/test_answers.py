"""A list's answers: whichever way they are found they are the same, and each says all that it rests on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import islice
from random import Random

import pytest

from authz.listsource import ListSource
from authz.matchlist import Miss, Revision, compile_list
from authz.reasons import Reason
from fixtures.lists import load
from loadtest.listquestions import ListQuestion, drawn

SOURCE: ListSource = load()
LIST = compile_list(SOURCE, 3)
FIRST = SOURCE.revisions[0].in_force_from
NOBODY = frozenset({"NO_SUCH_KIND"})


def asked_of(revision: Revision) -> Iterator[tuple[ListQuestion, date]]:
    rows = [row for row in SOURCE.rows if row.revision == revision.revision]
    drawing = Random(7)
    for question in islice(drawn(SOURCE, rows, 7), 15_000):
        yield question, FIRST + timedelta(days=drawing.randrange(-10, 4_000))


@pytest.mark.parametrize("revision", SOURCE.revisions, ids=lambda revision: revision.revision)
def test_what_is_written_out_for_one_kind_is_what_its_kinds_one_by_one_come_to(revision: Revision) -> None:
    for (asking, task, asked, information), day in asked_of(revision):
        one, other = LIST.close_kinds({asking}), LIST.close_kinds({asked})
        written_out = LIST.look_up(one, task, other, information, day)
        assert LIST.look_up(one | NOBODY, task, other, information, day) is written_out
        assert LIST.look_up(one, task, other | NOBODY, information, day) is written_out


@pytest.mark.parametrize("revision", SOURCE.revisions, ids=lambda revision: revision.revision)
def test_an_answer_says_its_reasons_its_row_and_the_list_and_days_that_it_is_of(revision: Revision) -> None:
    rows = {(row.revision, f"{row.item}:{row.row}"): row for row in SOURCE.rows}
    for (asking, task, asked, information), day in asked_of(revision):
        one, other = LIST.close_kinds({asking}), LIST.close_kinds({asked})
        answer, in_force = LIST.look_up(one, task, other, information, day), LIST.revision_on(day)
        assert (answer.serial, answer.digest) == (3, LIST.digest)
        assert answer.revision == (in_force.revision if in_force else "")
        assert answer.in_force == ((in_force.in_force_from, in_force.in_force_until) if in_force else None)
        assert answer.permitted == (answer.reasons == ())
        if answer.miss is not None:
            assert answer.reasons == (Reason(f"list-{answer.miss}"),)
            assert (answer.text, answer.certainty, answer.inquirer_kind, answer.provider_kind) == ("", None, "", "")
            continue
        row = rows[answer.revision, answer.text]
        assert (row.task, row.information, row.certainty) == (task, information, answer.certainty)
        assert answer.inquirer_kind in one.intersection(row.inquirers)
        assert answer.provider_kind in other.intersection(row.providers)


def test_bodies_of_no_kind_or_of_an_unknown_one_may_ask_for_nothing_and_be_asked_for_nothing() -> None:
    row = next(row for row in SOURCE.rows if row.revision == SOURCE.revisions[-1].revision)
    day, asking, asked = SOURCE.revisions[-1].in_force_from, frozenset(row.inquirers), frozenset(row.providers)
    assert LIST.look_up(asking, row.task, asked, row.information, day).permitted
    for nobody in (NOBODY, frozenset[str]()):
        assert LIST.look_up(nobody, row.task, asked, row.information, day).miss is Miss.INQUIRER_KIND
        assert LIST.look_up(asking, row.task, nobody, row.information, day).miss is Miss.PROVIDER_KIND


def test_the_kinds_of_two_bodies_of_one_kind_are_one_object() -> None:
    for kind in LIST.kinds:
        assert LIST.close_kinds({kind}) is LIST.close_kinds([kind])
