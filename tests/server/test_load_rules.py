"""What the load test decides without a server: shapes, schedules, measures, budgets, answers, questions."""

from __future__ import annotations

import stat
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.invented.cast import Expected
from fixtures.world import invented_country
from loadtest import answers
from loadtest.budgets import BadBudgets, kept, read_budgets
from loadtest.measures import Ended, Histogram, Measures, total
from loadtest.mix import KINDS, BadMix, read_mix, users_of
from loadtest.plan import Plan, Question, fingerprint, read_plan, write_plan
from loadtest.questions import Candidates, questions_of
from loadtest.schedule import Schedule
from loadtest.shapes import SHAPES, arrivals, scaled
from loadtest.soundness import soundness

SECONDS = st.floats(0.0001, 100.0)


# --- shapes and schedules -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_arrivals_of_every_shape_come_in_order_within_it_and_about_as_many_as_it_intends(name: str) -> None:
    shape = SHAPES[name](50, 60)
    drawn = list(arrivals(shape, "seed"))
    assert drawn == sorted(drawn)
    assert 0 <= drawn[0] <= drawn[-1] <= 60
    assert abs(len(drawn) - shape.expected) < 5 * shape.expected**0.5


def test_the_same_seed_draws_the_same_arrivals_and_another_one_others() -> None:
    shape = SHAPES["constant"](20, 5)
    assert list(arrivals(shape, "1")) == list(arrivals(shape, "1")) != list(arrivals(shape, "2"))


def test_a_spike_reaches_three_times_the_rate_in_the_middle_and_only_there() -> None:
    drawn = list(arrivals(SHAPES["spike"](100, 100), "seed"))
    inside = sum(45 <= at < 55 for at in drawn) / 10
    outside = sum(at < 45 or at >= 55 for at in drawn) / 90
    assert inside / outside == pytest.approx(3, rel=0.15)


def test_a_ramp_begins_at_a_tenth_and_ends_at_the_rate() -> None:
    shape = SHAPES["ramp"](100, 60)
    assert [shape.rate_at(0), shape.rate_at(60)] == pytest.approx([10, 100])


@given(st.sampled_from(sorted(SHAPES)), st.floats(0.01, 1.0), st.floats(0.0, 1.0))
def test_the_moment_of_a_count_is_where_so_many_are_intended(name: str, share: float, part: float) -> None:
    shape = scaled(SHAPES[name](30, 20), share)
    moment = shape.moment_of(shape.expected * part)
    if moment is None:
        assert part == pytest.approx(1)
        return
    steps = [moment * n / 2000 for n in range(2001)]
    area = sum((shape.rate_at(a) + shape.rate_at(b)) / 2 * (b - a) for a, b in pairwise(steps))
    assert area == pytest.approx(shape.expected * part, rel=0.02, abs=0.1)


def test_an_arrival_keeps_its_time_however_late_somebody_is_free_for_it() -> None:
    schedule = Schedule([0.1, 0.2, 0.3], began=100.0)
    late = schedule.take(105.0)
    assert late is not None
    assert [late.intended, late.waited, late.due] == pytest.approx([100.1, 4.9, 105.0])
    early = schedule.take(100.0)
    assert early is not None
    assert [early.waited, early.due] == pytest.approx([0.0, 100.2])


def test_what_nobody_took_before_the_end_is_still_known_as_intended() -> None:
    schedule = Schedule([0.1, 0.2, 0.3, 9.0], began=0.0)
    schedule.take(0.0)
    assert schedule.left_until(5.0) == [pytest.approx(0.2), pytest.approx(0.3)]
    assert schedule.take(5.0) is None


# --- measures -----------------------------------------------------------------------------------------------------


@given(st.lists(SECONDS, min_size=1, max_size=200), st.floats(0.01, 1.0))
def test_a_quantile_is_right_to_within_two_per_cent(values: list[float], share: float) -> None:
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    exact = sorted(values)[max(0, -(-len(values) * share // 1).__int__() - 1)]
    assert histogram.quantile(share) == pytest.approx(exact, rel=0.021)


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(sorted(Ended)), SECONDS), max_size=40))
def test_measures_add_and_survive_the_wire(events: list[tuple[str, Ended, float]]) -> None:
    whole, parts = Measures(), [Measures(), Measures()]
    for n, (kind, ended, latency) in enumerate(events):
        for one in (whole, parts[n % 2]):
            one.record(kind, ended, n / 7, latency, service=latency / 2, waited=latency / 4)
    added = total([Measures.from_json(one.to_json()) for one in parts], 1.0, 60.0)
    assert added.whole.ended == whole.whole.ended
    assert added.whole.latency.buckets == whole.whole.latency.buckets
    assert {at: one.right for at, one in added.moments.items()} == {at: one.right for at, one in whole.moments.items()}


def test_a_backlog_that_is_answered_after_the_end_is_no_throughput() -> None:
    measures = Measures(1.0, 10.0)
    measures.record("session", Ended.RIGHT, 9.0, 0.5)
    measures.record("session", Ended.RIGHT, 9.0, 1.5)
    assert (measures.whole.right, measures.whole.in_time) == (2, 1)
    assert [measures.moments[at].done for at in (9, 10)] == [1, 1]


def test_a_free_user_that_wakes_late_is_the_generators_own_slowness_and_said() -> None:
    measures = Measures()
    for n in range(100):
        measures.generator.lateness.add(0.5 if n % 10 == 0 else 0.001)
    sound = soundness(measures)
    assert sound.saturated
    assert "generator saturated" in sound.words[0]


def test_a_generator_without_time_left_is_saturated_and_a_quiet_one_is_not() -> None:
    measures = Measures()
    measures.generator.cpu = [0.95, 0.97, 0.3]
    assert soundness(measures).saturated
    measures.generator.cpu = [0.3, 0.4, 0.3]
    assert not soundness(measures).saturated


# --- budgets and mix ----------------------------------------------------------------------------------------------


def measured(latency: float, *, faults: int = 0) -> Measures:
    measures = Measures()
    for n in range(100):
        ended = Ended.FAULT if n < faults else Ended.RIGHT
        measures.record("query-online", ended, n / 10, latency, service=latency)
    return measures


def test_a_budget_is_kept_or_not_by_what_was_measured(tmp_path: Path) -> None:
    file = tmp_path / "budgets.toml"
    file.write_text(
        "[run]\nachieved = 0.99\n[latency]\np99 = 100\n[kinds.query-online]\nmax = 50\n[kinds.session]\np50 = 1\n"
    )
    budgets = read_budgets(file)
    judged = {(one.where, one.name): one.kept for one in kept(budgets, measured(0.08, faults=2), saturated=False)}
    assert judged == {("run", "achieved"): False, ("all", "p99"): True, ("query-online", "max"): False}


@pytest.mark.parametrize(
    "text", ["[latency]\np98 = 1\n", "[kinds.tea]\np99 = 1\n", "[speed]\n", "[latency]\np99 = -1\n"]
)
def test_a_budget_that_means_nothing_is_refused_and_not_passed_over(text: str, tmp_path: Path) -> None:
    (tmp_path / "b.toml").write_text(text)
    with pytest.raises(BadBudgets):
        read_budgets(tmp_path / "b.toml")


@pytest.mark.parametrize("text", ["[kinds]\ntea = 1\n", "[kinds]\nquery-online = -1\n", "[kinds]\n", "[other]\n"])
def test_a_mix_that_means_nothing_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text(text)
    with pytest.raises(BadMix):
        read_mix(tmp_path / "m.toml")


@given(st.integers(len(KINDS), 400))
def test_every_kind_has_a_user_and_all_users_have_a_kind(users: int) -> None:
    counts = users_of(read_mix(), users)
    assert sum(counts.values()) == users
    assert min(counts.values()) >= 1
    assert set(counts) == set(KINDS)


# --- questions and answers ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def candidates() -> Candidates:
    return questions_of(invented_country(), date(2026, 11, 23), partial=0.3)


def test_the_questions_agree_with_what_the_story_says_of_its_own(candidates: Candidates) -> None:
    asked = [*candidates.answered, *candidates.held, *candidates.not_permitted]
    ends = {(one.login, one.provider, one.body["information"], one.body["person"]["number"]): one for one in asked}
    expected = {
        Expected.PROVIDED: ("provided", ""),
        Expected.HELD: ("held", ""),
        Expected.NOTHING_HELD: ("not-provided", "not-provided"),
        Expected.NO_CODE_AT_PROVIDER: ("refused", "no-code-at-provider"),
        Expected.NOT_ASSESSED: ("refused", "assessment"),
    }
    seen = 0
    for ask in invented_country().cast.asks:
        found = ends.get((ask.login, str(ask.provider), str(ask.information), ask.person.number.reveal()))
        if found is None or ask.expected not in expected:
            continue
        seen += 1
        assert (found.outcome, found.reason) == expected[ask.expected], ask.title_en
    assert seen >= 8


def test_no_question_is_about_somebody_of_the_asking_agency_itself_and_all_are_checkable(
    candidates: Candidates,
) -> None:
    for one in candidates.answered:
        assert one.agency != one.provider
        assert one.outcome != "provided" or (one.items and one.answers)
        assert set(one.body.get("items", ())) <= set(one.items)


EXCHANGE = "01a2073f-2b8e-7f76-951c-fd169f904dd8"
ITEMS = {"TK00000200000010": {"value": "2025"}}
QUESTION = Question(
    "tax", "x", "a", "b", {"information": "TM00000000000002"}, "provided", "", tuple(ITEMS), (fingerprint(ITEMS),)
)
RIGHT = {
    "exchange": EXCHANGE,
    "state": "ended",
    "outcome": "provided",
    "content": {"information": "TM00000000000002", "layout": "0001", "items": ITEMS},
}


def test_a_right_answer_has_no_fault() -> None:
    assert answers.registered(QUESTION, 201, f"/inquiries/{EXCHANGE}", RIGHT) == ""


@pytest.mark.parametrize(
    ("status", "view"),
    [
        (200, RIGHT),
        (202, RIGHT),
        (201, RIGHT | {"exchange": "x"}),
        (201, RIGHT | {"outcome": "not-provided"}),
        (201, RIGHT | {"reason": "lapsed"}),
        (201, RIGHT | {"content": {"information": "TM00000000000003", "items": ITEMS}}),
        (202, {"exchange": EXCHANGE, "state": "in-progress", "content": {}}),
    ],
)
def test_each_way_to_be_wrong_is_a_fault(status: int, view: dict[str, object]) -> None:
    assert answers.registered(QUESTION, status, f"/inquiries/{EXCHANGE}", view)


def test_somebody_held_must_not_be_answered_at_once() -> None:
    assert answers.registered(replace(QUESTION, outcome="held"), 201, f"/inquiries/{EXCHANGE}", RIGHT)


def test_a_fault_quotes_no_content() -> None:
    view = RIGHT | {"content": {"information": "TM00000000000002", "items": {"TK00000200000010": {"value": "秘密"}}}}
    fault = answers.registered(QUESTION, 201, f"/inquiries/{EXCHANGE}", view)
    assert fault
    assert "秘密" not in fault


def test_the_plan_is_its_owners_alone_and_comes_back_as_it_was(tmp_path: Path) -> None:
    plan = Plan([QUESTION], [], [], [("a", "b")], {}, {}, ["s"], [("c", EXCHANGE)], [], {"a": "r"})
    write_plan(plan, tmp_path / "plan.json")
    assert stat.S_IMODE((tmp_path / "plan.json").stat().st_mode) == 0o600
    assert read_plan(tmp_path / "plan.json") == plan
