"""The judge's own rules: what is looked for is found and never told, and a verdict is told in two ways."""

from __future__ import annotations

import io
import json
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from gateway.judge.canaries import SHORTEST, Canaries
from gateway.judge.export import Export
from gateway.judge.verdict import Counts, Verdict, judge, render, to_json
from gateway.judge.violation import Violation
from sympho.codes import AgencyCode

NETWORK = AgencyCode("0" * 15 + "1")
TXN = UUID("01900000-0000-7000-8000-000000000000")
COUNTS = Counts(3, 1, {"provided": 2}, {"inquirer": 2, "network": 2, "provider": 2}, 1, {"kid-unknown": 4})
texts = st.text(alphabet="01ab山田", max_size=12)


@given(st.lists(texts), st.text(alphabet="01ab山田", max_size=60))
def test_a_canary_sings_exactly_where_one_of_them_stands(canaries: list[str], text: str) -> None:
    looked_for = [canary for canary in canaries if len(canary) >= SHORTEST]
    assert Canaries(canaries).sing(text) == any(canary in text for canary in looked_for)


@given(st.text(min_size=SHORTEST, max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_what_stands_in_a_text_is_found(canary: str, before: str, after: str) -> None:
    assert Canaries([canary]).sing(before + canary + after)


def test_too_short_a_text_is_not_looked_for() -> None:
    assert not Canaries(["1" * (SHORTEST - 1)])


def test_nothing_written_breaks_nothing() -> None:
    nothing = Export(NETWORK, {}, {}, {}, frozenset(), (), (), (), (), ())
    verdict = judge(nothing, ["canary"])
    assert verdict.holds
    assert verdict.counts.exchanges == 0


def told(verdict: Verdict) -> str:
    paper = io.StringIO()
    Console(width=160, file=paper).print(render(verdict))
    return paper.getvalue()


def test_a_verdict_is_told_to_people_in_two_languages() -> None:
    text = told(Verdict(COUNTS, ()))
    assert "判定" in text
    assert "every invariant holds" in text
    assert "kid-unknown" in text


def test_a_violation_is_told_with_its_exchange() -> None:
    verdict = Verdict(COUNTS, (Violation("one-end", "two-ends", TXN, "network"),))
    assert not verdict.holds
    text = told(verdict)
    assert str(TXN) in text
    assert "two-ends" in text


def test_people_are_shown_some_of_many_violations_and_programs_all() -> None:
    verdict = Verdict(COUNTS, tuple(Violation("one-end", f"n{n}", TXN) for n in range(70)))
    assert "20 more" in told(verdict)
    assert len(json.loads(to_json(verdict))["violations"]) == 70
