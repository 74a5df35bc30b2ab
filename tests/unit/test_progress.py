"""What is filled in is seen: without a terminal, a line now and then, and at the end how many there are."""

from __future__ import annotations

import pytest

from gateway.commands.progress import LINE_SECONDS, Showing


class Watch:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_line_comes_when_something_begins_and_now_and_then_with_the_part_that_is_done(
    capsys: pytest.CaptureFixture[str],
) -> None:
    watch = Watch()
    with Showing(1_000_000, watch) as told:
        told("agencies", 14)
        told("people", 2_000)
        assert ["agencies" in line for line in capsys.readouterr().out.splitlines()] == [True, False]
        told("people", 4_000)
        assert capsys.readouterr().out == ""
        watch.now += LINE_SECONDS
        told("people", 250_000)
        line = capsys.readouterr().out
        assert "250,000 / 1,000,000 (25 %)" in line
        assert "agencies" not in line
        assert line.count("\n") == 1
        told("codes", 900_000)
        assert "linkage codes 900,000" in capsys.readouterr().out
        watch.now += LINE_SECONDS
        told("codes", 910_000)
        line = capsys.readouterr().out
        assert "linkage codes 910,000" in line
        assert "people" not in line
    assert [line.rpartition(": ")[2] for line in capsys.readouterr().out.splitlines()] == ["14", "250,000", "910,000"]


def test_what_was_said_at_the_end_is_not_said_again(capsys: pytest.CaptureFixture[str]) -> None:
    told = Showing()
    told("residents", 501)
    told.end()
    assert "501" in capsys.readouterr().out
    told.end()
    assert capsys.readouterr().out == ""
