"""Short real runs: ``sympho load`` against a server as a user starts it, judged, reported, with its exit status."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtest.loading import judge
from loadtest.server import Server, serving

SYMPHO = Path(sys.executable).with_name("sympho")
GENEROUS = "[run]\nachieved = 0.9\n[latency]\np99 = 20000\n"
IMPOSSIBLE = "[latency]\np50 = 0.001\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def loaded(server: Server, out: Path, budgets: str, *more: str) -> subprocess.CompletedProcess[str]:
    out.mkdir()
    (out / "budgets.toml").write_text(budgets)
    command = [
        str(SYMPHO), "load", "--url", server.url, "--data", str(server.data), "--out", str(out),
        "--budgets", str(out / "budgets.toml"), *more,
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)


def test_a_run_is_checked_judged_and_reported_as_it_was_measured(server: Server, tmp_path: Path) -> None:
    done = loaded(server, tmp_path / "out", GENEROUS, "--rate", "5", "--for", "5s", "--sample", "10")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["stands"]
    assert result["judged"]["holds"] is True
    assert set(result["measures"]["checked"]) == {"verified"}
    with (tmp_path / "out" / "kinds.csv").open() as file:
        rows = {row["kind"]: row for row in csv.DictReader(file)}
    intended = int(rows["all"]["intended"])
    assert 10 <= intended <= 45
    assert int(rows["all"]["right"]) + int(rows["all"]["raced"]) == intended
    page = (tmp_path / "out" / "report.html").read_text()
    for row in rows.values():
        assert f"<td>{row['kind']}</td><td>{row['intended']}</td><td>{row['right']}</td>" in page
    assert page.count("<svg") == 3
    assert not re.search(r"(src|href)=|<script|@import|url\(", page)


def test_a_run_over_its_budget_fails_by_its_exit_status_and_says_which(server: Server, tmp_path: Path) -> None:
    done = loaded(server, tmp_path / "out", IMPOSSIBLE, "--rate", "5", "--for", "2s", "--no-judge")
    assert done.returncode == 1, done.stderr
    assert "over budget: all p50" in done.stdout
    assert "over budget: all p50" in (tmp_path / "out" / "report.html").read_text()


def test_a_distributed_run_makes_the_same_load_in_parts_and_hands_in_one_result(server: Server, tmp_path: Path) -> None:
    more = ("--rate", "8", "--for", "4s", "--no-judge", "--generators", "2", "--users", "24")
    done = loaded(server, tmp_path / "out", GENEROUS, *more)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["measures"]["generator"]["processes"] == 2
    assert 12 <= sum(sum(one["ended"].values()) for one in result["measures"]["kinds"].values()) <= 60


def test_a_wrong_setting_is_told_before_anything_starts(tmp_path: Path) -> None:
    for wrong in (
        ["--for", "never"],
        ["--for", "5s", "--users", "3"],
        ["--for", "5s", "--mix", str(tmp_path / "none")],
    ):
        done = subprocess.run(
            [str(SYMPHO), "load", "--rate", "5", *wrong], capture_output=True, timeout=60, check=False
        )
        assert done.returncode == 2, done.stderr


@pytest.mark.parametrize(
    ("program", "holds"),
    [
        ('print(\'{"violations": [], "counts": {}}\')', True),
        ('print(\'{"violations": [{"law": "x"}], "counts": {}}\'); raise SystemExit(1)', False),
        ("raise SystemExit('cannot say')", False),
    ],
)
async def test_a_violation_and_a_judge_that_cannot_say_both_fail_the_run(
    program: str, holds: bool, tmp_path: Path
) -> None:
    verdict = await judge(tmp_path, (sys.executable, "-c", program))
    assert verdict.holds is holds
