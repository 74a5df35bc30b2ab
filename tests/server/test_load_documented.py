"""What the page about load says to type is something that the program takes."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

import pytest

from loadtest import cli
from loadtest.duration import seconds_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "load.md").read_text(encoding="utf-8")
TYPED = [line for line in PAGE.replace("\\\n", " ").splitlines() if line.startswith("sympho load ")]


@pytest.mark.parametrize("line", TYPED)
def test_every_example_of_a_run_is_taken_by_the_command(line: str) -> None:
    [load] = [one for one in cli.commands() if one.name == "load"]
    parser = argparse.ArgumentParser(exit_on_error=False)
    load.configure(parser)
    given = parser.parse_args(shlex.split(line)[2:])
    assert seconds_of(given.duration) > 0
    assert given.rate > 0


def test_there_are_examples_and_the_files_that_they_name_are_there() -> None:
    assert len(TYPED) >= 2
    assert set(re.findall(r"loadtest/[a-z]+\.(?:py|toml)", PAGE)) <= {
        path.relative_to(ROOT).as_posix() for path in (ROOT / "loadtest").iterdir()
    }
