"""The reference in the documents is what the code says, and the examples of every command are command lines."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator

import pytest

from gateway.cli import _commands
from gateway.commands.command import Command, add
from tests.reference.pages import FOLDER, PAGES, page


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_the_reference_is_what_the_code_says(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == page(name), "write it anew: python -m tests.reference"


def test_the_folder_of_the_reference_has_its_pages_and_nothing_else() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(PAGES)


def leaves(commands: Iterator[Command] | tuple[Command, ...]) -> Iterator[Command]:
    for command in commands:
        yield command
        yield from leaves(command.within)


EXAMPLES = [
    typed
    for command in leaves(_commands())
    for line in "\n".join(command.examples).replace("\\\n", " ").splitlines()
    for typed in re.findall(r"\bsympho [^)>]*?(?= 2>|\)|$)", line)
]


@pytest.mark.parametrize("line", EXAMPLES)
def test_an_example_of_the_help_is_taken_by_the_command_line(line: str) -> None:
    parser = argparse.ArgumentParser(prog="sympho", exit_on_error=False)
    add(_commands(), parser, "sympho")
    given = parser.parse_args(shlex.split(line, comments=True)[1:])
    assert callable(given.run)
