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

import pytest

from tests.server.program import Program, data_folder, serving, sympho

ROOT = Path(__file__).parents[2]
PATIENCE = 150
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def program() -> Iterator[Program]:
    with data_folder() as folder, serving(folder) as running:
        running.wait_until_ready()
        yield running


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
    script = script.replace(". .venv/bin/activate", "true")
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


def test_the_parties_run_apart_as_their_page_says() -> None:
    with data_folder() as folder:
        _, told = typed("docs/apart.md", APART=str(folder))
    assert "物語どおり" in told
    assert "every invariant holds" in told


def test_a_reviewer_has_everything_explained_as_the_page_on_authorization_says(program: Program) -> None:
    assert sympho("story", "--data", str(program.data)).code == 0  # as ``make run`` does
    said = "".join(typed("docs/authorization.md", SYMPHO_DATA=str(program.data)))
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
        '"decision":false',
        "Every attack that was tried was held",
    ):
        assert words in said, words


def test_an_integrator_gets_from_nothing_to_inquiries_between_own_agencies_as_the_tutorial_says() -> None:
    with data_folder() as folder:
        made, wrong, _, permitted, refused, held, ordinance, changed = typed(
            "docs/tutorial-integrator.md", TRY=str(folder)
        )[1:]
    assert "0220104100901700" in made
    assert "住民 residents 50" in made
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
    assert "every invariant holds" in changed


def test_every_page_that_a_page_points_to_is_there() -> None:
    pages = [ROOT / "README.md", ROOT / "README.ja.md", *ROOT.glob("docs/**/*.md")]
    missing = [
        f"{page.relative_to(ROOT)} -> {link}"
        for page in pages
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
        if not (page.parent / link).exists()
    ]
    assert missing == []
