"""What a command is (コマンド): a name, a text that teaches, arguments, and something to run that answers an exit code."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum

__all__ = ["Command", "Exit", "add", "nothing_more"]

Parser = argparse.ArgumentParser
Arguments = argparse.Namespace


class Exit(IntEnum):
    """終了コード of every command."""

    DONE = 0
    REFUSED = 1
    """The server refused, a record did not verify, or the story went differently."""
    MISUSED = 2
    """A wrong command line or setting."""
    NOT_STARTED = 3
    """The server, or the data, cannot be opened."""
    NOT_REACHED = 4
    """No server answers, or it does not let us in."""
    INTERRUPTED = 130


def nothing_more(parser: Parser) -> None:
    """A command without arguments of its own."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command, or a group of them when ``within`` names some. ``about`` and ``examples`` are its help."""

    name: str
    ja: str
    en: str
    about: str = ""
    examples: tuple[str, ...] = ()
    configure: Callable[[Parser], None] = nothing_more
    run: Callable[[Arguments], int] | None = None
    within: tuple[Command, ...] = ()

    @property
    def help(self) -> str:
        return f"{self.ja} / {self.en}"


def add(commands: Iterable[Command], parser: Parser, path: str) -> None:
    """Adds commands below ``parser``; the chosen one's ``run`` stands in the arguments."""
    below = parser.add_subparsers(title="コマンド / commands", metavar="COMMAND", required=True)
    for command in commands:
        made = below.add_parser(
            command.name,
            help=command.help,
            description="\n".join(part for part in (command.help, command.about) if part),
            epilog=_examples(command),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.configure(made)
        if command.within:
            add(command.within, made, f"{path} {command.name}")
        else:
            made.set_defaults(run=command.run)


def _examples(command: Command) -> str:
    if not command.examples:
        return ""
    return "例 / examples:\n" + "\n".join(f"  {line}" for line in command.examples)
