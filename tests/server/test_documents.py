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

from tests.server.program import Program, data_folder, serving

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


def test_the_parties_run_apart_as_their_page_says() -> None:
    with data_folder() as folder:
        _, told = typed("docs/apart.md", APART=str(folder))
    assert "物語どおり" in told
    assert "every invariant holds" in told


def test_every_page_that_a_page_points_to_is_there() -> None:
    pages = [ROOT / "README.md", ROOT / "README.ja.md", *ROOT.glob("docs/**/*.md")]
    missing = [
        f"{page.relative_to(ROOT)} -> {link}"
        for page in pages
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
        if not (page.parent / link).exists()
    ]
    assert missing == []
