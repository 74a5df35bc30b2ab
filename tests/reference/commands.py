"""The page on commands, read from the parser that reads the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator

from gateway.cli import _commands
from gateway.commands import caller, serving
from gateway.commands.command import Command

__all__ = ["actions", "lines"]

SHARED = (
    ("Of every command that speaks to a server", "connection", caller.add_arguments),
    ("Of every command that runs a server", "server", serving.add_server_arguments),
)
"""Arguments of many commands, told once; the word stands in the usage of a command that has all of them."""


def lines() -> Iterator[str]:
    """All groups and commands, by name."""
    for title, word, adds in SHARED:
        yield from ("", f"## {title} (`[{word}]`)", "")
        yield from _arguments(actions("", adds).values())
    for command in sorted(_commands(), key=lambda one: one.name):
        yield from _command(command, "sympho")


def _command(command: Command, path: str) -> Iterator[str]:
    name = f"{path} {command.name}"
    yield from ("", f"## {name}", "", command.help)
    if command.about:
        yield from ("", *(f"{line}  " for line in command.about.splitlines()))
    if command.within:
        for one in command.within:
            yield from _command(one, name)
        return
    own = actions(name, command.configure)
    words = []
    for _, word, adds in SHARED:
        shared = actions(name, adds)
        if shared.keys() <= own.keys():
            own = {key: action for key, action in own.items() if key not in shared}
            words.append(f"[{word}]")
    yield from ("", f"    {' '.join([name, *words, *(_used(action) for action in own.values())])}")
    if own:
        yield from ("", *_arguments(own.values()))
    if command.examples:
        yield from ("", "For example", "", *(f"    {line}" for line in command.examples))


def actions(name: str, adds: Callable[[argparse.ArgumentParser], None]) -> dict[str, argparse.Action]:
    parser = argparse.ArgumentParser(prog=name, add_help=False)
    adds(parser)
    return {"/".join(action.option_strings) or action.dest: action for action in parser._actions}


def _used(action: argparse.Action) -> str:
    """As a usage line has it: brackets around what may be left out."""
    if not action.option_strings:
        word = _value(action)
        return {"?": f"[{word}]", "*": f"[{word} ...]", "+": f"{word} [{word} ...]"}.get(str(action.nargs), word)
    flag = f"{action.option_strings[0]} {_value(action)}".strip()
    return flag if action.required else f"[{flag}]"


def _value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    if action.choices is not None and action.metavar is None:
        return "{" + ",".join(str(one) for one in action.choices) + "}"
    return str(action.metavar or (action.dest.upper() if action.option_strings else action.dest))


def _arguments(found: Iterable[argparse.Action]) -> Iterator[str]:
    for action in found:
        named = f"{', '.join(action.option_strings)} {_value(action)}".strip()
        yield f"- `{named}` {' '.join((action.help or '').split())}"
