"""The terminal (画面): tables, panels and errors, Japanese first. Text of others is never read as markup."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

__all__ = ["quietly", "say", "show_json", "show_pairs", "show_table", "trouble"]

WIDTH_WITHOUT_TERMINAL = 140


def _console(*, stderr: bool = False) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else WIDTH_WITHOUT_TERMINAL
    return Console(stderr=stderr, highlight=False, width=width)


out = _console()
err = _console(stderr=True)


def say(text: str | RenderableType = "", style: str = "") -> None:
    """A line of text, as it is."""
    if isinstance(text, str):
        out.print(Text(text, style=style), soft_wrap=not out.is_terminal)
    else:
        out.print(text)


def show_json(value: Any) -> None:
    """For machines: one JSON document on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def show_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table; cells are shown as text."""
    table = Table(title=Text(title), title_justify="left", header_style="bold", row_styles=("", "dim"))
    for column in columns:
        table.add_column(Text(column), overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(cell)) for cell in row))
    out.print(table)


def show_pairs(title: str, pairs: Iterable[tuple[str, object]]) -> None:
    """Names and values below each other, in a frame."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs:
        table.add_row(Text(name), Text(_cell(value)))
    out.print(Panel(table, title=Text(title), title_align="left", expand=False))


def _cell(value: object) -> str:
    match value:
        case None:
            return "—"
        case bool():
            return "はい yes" if value else "いいえ no"
        case list() | tuple():
            return ", ".join(_cell(one) for one in value)
        case dict():
            return json.dumps(value, ensure_ascii=False)
    return str(value)


def quietly() -> None:
    """For a command that opens the data itself: what goes wrong is told by the command, not by a log."""
    from gateway import log as logs

    logs.configure("error", stream=io.StringIO())


def trouble(title: str, lines: Iterable[str]) -> None:
    """What is wrong, where and what to do: on standard error."""
    text = Text("\n".join(line for line in lines if line))
    if err.is_terminal:
        err.print(Panel(text, title=Text(title), title_align="left", border_style="red", expand=False))
        return
    err.print(Text(f"sympho: {title}"))
    err.print(text, soft_wrap=True)  # a line of a mistake stays one line for whoever looks for it
