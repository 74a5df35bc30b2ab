"""The benches' own rules: what is read from the wire, how rounds add up, what is shown, and what a budget refuses."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.matchlist import compile_list
from fixtures import lists
from loadtest.bench import BENCHES, settings
from loadtest.bench_bulk import chunks, newcomer
from loadtest.budgets import BadBudgets, read_budgets
from loadtest.deciding import decided, larger
from loadtest.driving import BUSY, RIGHT, Driven, quantile
from loadtest.guard import held
from loadtest.showing import Finding, markdown, put_into
from loadtest.wire import Address, Connection, address_of, header, request_head
from sympho.codes import IndividualNumber

PLACE = Address("127.0.0.1", 80)
BODY = b'{"a":1}'
PLAIN = b"HTTP/1.1 201 Created\r\nContent-Length: 7\r\nLocation: /x\r\n\r\n" + BODY
LOWER = b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n" + BODY
CHUNKED = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n4;x=y\r\n":1}\r\n0\r\n\r\n'
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"


def received(parts: list[bytes]) -> list[tuple[int, bytes]]:
    """What a connection gives its owner of bytes that come in these parts."""
    given_: list[tuple[int, bytes]] = []

    def answered(_: Connection, status: int, head: bytes, body: bytes) -> None:
        given_.append((status, body))

    connection = Connection(answered, lambda _: None)
    for part in parts:
        connection.data_received(part)
    return given_


@pytest.mark.parametrize("wire", [PLAIN, LOWER, CHUNKED, EMPTY])
@given(cuts=st.lists(st.integers(0, 120), max_size=6))
def test_an_answer_is_given_once_and_whole_however_its_bytes_arrive(wire: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(min(cut, len(wire)) for cut in cuts), len(wire)]
    parts = [wire[a:b] for a, b in pairwise(places)]
    [(status, body)] = received([part for part in parts if part])
    assert status == int(wire[9:12])
    assert body == (b"" if wire is EMPTY else BODY)


def test_what_is_no_http_answer_is_given_as_one_that_is_broken() -> None:
    assert received([b"SSH-2.0-something\r\n\r\n"]) == [(0, b"")]


def test_headers_are_found_whatever_their_case_and_only_whole_names() -> None:
    head = b"HTTP/1.1 503 Busy\r\nX-Retry-After: 9\r\nRETRY-AFTER:  2 \r\nServer: x"
    assert header(head, b"retry-after") == b"2"
    assert header(head, b"server") == b"x"
    assert header(head, b"after") == b""


def test_a_request_names_its_host_and_needs_an_http_url() -> None:
    assert request_head("GET", "/a", PLACE, {"A": "b"}) == b"GET /a HTTP/1.1\r\nHost: 127.0.0.1:80\r\nA: b\r\n"
    assert address_of("http://127.0.0.1:8443") == Address("127.0.0.1", 8443)
    with pytest.raises(ValueError, match="http"):
        address_of("https://127.0.0.1")


@given(st.lists(st.floats(0, 100), min_size=1))
def test_a_quantile_is_one_of_the_values_and_at_least_its_share_stays_within_it(values: list[float]) -> None:
    for share in (0.0, 0.5, 0.99, 1.0):
        found = quantile(values, share)
        assert found in values
        assert sum(one <= found for one in values) >= share * len(values)
        assert sum(one < found for one in values) <= share * len(values)


def test_rounds_of_the_same_add_up_and_only_what_came_in_time_makes_the_rate() -> None:
    one, other = Driven(2.0), Driven(3.0)
    one.verdicts.update([RIGHT, RIGHT, BUSY])
    one.in_time = 1
    other.verdicts.update([RIGHT, "500 internal"])
    other.in_time = 1
    one.add(other)
    assert (one.seconds, one.right, one.rate) == (5.0, 3, 0.4)
    assert one.faults == ["1 × 500 internal"]


def finding(**more: Any) -> Finding:
    return Finding("a", "A title", ("x", "y"), [("1", "2")], **more)


def test_a_document_gets_the_tables_between_its_marks_and_keeps_the_rest(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- measured: begin -->\nold\n<!-- measured: end -->\nbehind\n")
    put_into(page, markdown([finding(failures=["too slow"], skipped=["no npm"])], "told"))
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nbehind\n")
    assert "| 1 | 2 |" in text
    assert "too slow" in text
    assert "no npm" in text
    assert "old\n" not in text
    page.write_text("no marks")
    with pytest.raises(ValueError, match="measured"):
        put_into(page, "x")


def test_a_budget_that_is_not_kept_or_not_measured_fails_and_one_that_is_kept_does_not() -> None:
    kept = finding()
    held(kept, {"cpu-1": 0.5}, {"cpu-1": 0.5})
    assert kept.failures == []
    below = finding()
    held(below, {"cpu-1": 0.49}, {"cpu-1": 0.5, "rate-1": 0.1})
    assert [one.partition(":")[0] for one in below.failures] == ["cpu-1", "rate-1"]


def test_the_budgets_of_the_short_bench_are_ratios_that_it_measures(tmp_path: Path) -> None:
    assert set(read_budgets().bench) == {"rate-1", "cpu-1", "rate-16", "cpu-16", "decisions"}
    assert all(0 < one < 1 for one in read_budgets().bench.values())
    wrong = tmp_path / "budgets.toml"
    wrong.write_text("[bench]\nmilliseconds = 3\n")
    with pytest.raises(BadBudgets, match="bench"):
        read_budgets(wrong)


def test_every_bench_takes_the_arguments_of_its_short_form() -> None:
    for bench in BENCHES.values():
        short = settings(bench, long=False, seconds=None, workers=2)
        longer = settings(bench, long=True, seconds=60.0, workers=1)
        assert getattr(short, "workers", 2) == 2
        assert getattr(longer, "seconds", 60.0) == 60.0


def test_newcomers_have_valid_numbers_that_nobody_else_has() -> None:
    made = [newcomer(n) for n in range(500)]
    assert len({IndividualNumber(one["individual_number"]).reveal() for one in made}) == 500
    assert len({one["number"] for one in made}) == 500
    assert [len(part) for part in chunks(made, 200)] == [200, 200, 100]


def test_a_longer_list_compiles_and_decides_what_the_list_decides() -> None:
    source = lists.load()
    twice = larger(source, 2)
    assert len(compile_list(twice, 1).source.rows) == 2 * len(source.rows)
    one = decided(agencies=60, times=2)
    assert one.decision > one.plain > 0
