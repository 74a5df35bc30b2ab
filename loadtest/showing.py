"""What a bench has found (測定結果), as tables: on a terminal, as Markdown for the documents, as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from loadtest.result import describe_machine

__all__ = ["Finding", "markdown", "put_into", "show", "to_json"]

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


@dataclass
class Finding:
    """One table with what must be said of it. ``values`` are the figures by name; ``failures`` make the bench fail."""

    name: str
    title: str
    columns: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    """What could not be measured here, and why."""
    values: dict[str, float] = field(default_factory=dict)

    def row(self, *cells: object) -> None:
        self.rows.append([_cell(one) for one in cells])


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def show(findings: Sequence[Finding], console: Console) -> None:
    """On a terminal."""
    for one in findings:
        table = Table(*one.columns, title=one.title, title_justify="left", min_width=60)
        for row in one.rows:
            table.add_row(*row)
        if one.rows:
            console.print(table)
        for text in one.notes:
            console.print(text, style="dim", highlight=False)
        for text in one.skipped:
            console.print(f"測定していない / not measured: {text}", style="yellow", highlight=False)
        for text in one.failures:
            console.print(f"✘ {text}", style="bold red", highlight=False)


def markdown(findings: Sequence[Finding], told: str) -> str:
    """Everything as it stands in a document. ``told`` says when and how it was measured."""
    return "\n".join([f"{told}: {describe_machine()}.", "", *(line for one in findings for line in _section(one))])


def _section(one: Finding) -> Iterator[str]:
    yield from (f"### {one.title}", "")
    if one.rows:
        yield "| " + " | ".join(one.columns) + " |"
        yield "|" + "---|" * len(one.columns)
        yield from ("| " + " | ".join(row) + " |" for row in one.rows)
        yield ""
    for text in (*one.notes, *(f"Not measured: {text}." for text in one.skipped), *(f"**{x}**" for x in one.failures)):
        yield from (text, "")


def put_into(path: Path, text: str) -> None:
    """Puts it between the two marks of a document; ``ValueError`` where they are not there."""
    before, mark, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, end, behind = rest.partition(END)
    if not mark or not end:
        raise ValueError(f"{path}: no {BEGIN} and {END}")
    path.write_text(f"{before}{BEGIN}\n{text.rstrip()}\n{END}{behind}", encoding="utf-8")


def to_json(findings: Sequence[Finding]) -> str:
    """For programs: every figure by name, and everything that was said."""
    data: list[dict[str, Any]] = [
        {
            "name": one.name,
            "title": one.title,
            "columns": list(one.columns),
            "rows": [list(row) for row in one.rows],
            "values": one.values,
            "notes": one.notes,
            "skipped": one.skipped,
            "failures": one.failures,
        }
        for one in findings
    ]
    return json.dumps({"machine": describe_machine(), "findings": data}, ensure_ascii=False, indent=1)
