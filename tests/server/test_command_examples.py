"""The examples that ``--help`` and the reference give are true: each is taken by its command, and those that need
nothing of the reader's own are done by it, on the invented country."""

from __future__ import annotations

import argparse
import os
import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from gateway import cli
from gateway.commands.command import Command, add
from tests.server.program import Program, data_folder, environment, serving

PLACEHOLDERS = re.compile(r"\.\.\.|[A-Z]{4,}|~|[\w-]+\.(?:list|csv|json|sympho|xml|yaml)\b|/var/|(?<= )(?:n|my-list)\b")
"""What stands for something of the reader's own: a name, a number, a file."""
ELSEWHERE = (
    "serve", "run", "demo", "story", "load", "probe", "judge", "authz backtest", "authz diff", "authz matrix",
    "authz prove", "authz test", "world", "lists rollover", "lists import", "joining", "staff reset", "clients add",
)  # fmt: skip
"""What is typed by tests of its own, or takes or leaves too much for here."""


def told(commands: Iterable[Command]) -> Iterator[str]:
    for command in commands:
        text = "\n".join(command.examples).replace("\\\n", "")
        yield from (found[0].strip() for found in re.finditer(r"sympho [^)\n#]*", text))
        yield from told(command.within)


COMMANDS = sorted(cli._commands(), key=lambda command: command.name)
EXAMPLES = sorted(set(told(COMMANDS)))
TO_DO = [one for one in EXAMPLES if not PLACEHOLDERS.search(one) and not one[7:].startswith(ELSEWHERE)]


def words(example: str) -> list[str]:
    """What the command is given; where its output goes is the shell's affair."""
    return shlex.split(re.sub(r" \d?> .*", "", example))[1:]


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_a_line_that_the_command_takes(example: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser(prog="sympho")
    add(COMMANDS, parser, "sympho")
    try:
        parser.parse_args(words(example))
    except SystemExit:
        pytest.fail(capsys.readouterr().err)


@pytest.fixture(scope="module")
def program() -> Iterator[Program]:
    with data_folder() as folder, serving(folder) as running:
        running.wait_until_ready()
        yield running


@pytest.mark.parametrize("example", TO_DO)
def test_an_example_that_needs_nothing_of_the_readers_own_is_done(
    example: str, program: Program, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in set(os.environ) - set(environment()):
        monkeypatch.delenv(name)
    monkeypatch.setenv("SYMPHO_DATA", str(program.data))
    assert cli.main(words(example)) == 0, capsys.readouterr().err


def test_there_are_examples_of_both_kinds() -> None:
    assert len(EXAMPLES) > 90
    assert len(TO_DO) > 30
