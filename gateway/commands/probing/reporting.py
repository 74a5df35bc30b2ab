"""What a probe found (報告): for the terminal, as JSON, and as one page that needs nothing else, Japanese first."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from html import escape
from typing import Any, Final

import msgspec
from msgspec import Struct

from gateway.commands.authorization import pages
from gateway.commands.probing.findings import Family, Finding, Verdict
from gateway.commands.probing.matrix import Cell, Column, Matrix, Row
from gateway.commands.screen import say, show_pairs, show_table

__all__ = ["FAMILIES", "Report", "page_of", "plain", "show", "show_matrix"]

FAMILIES: Final = {
    Family.MATRIX: ("権限の一覧表", "Staff matrix"),
    Family.TOKENS: ("トークン", "Tokens"),
    Family.OBJECTS: ("他団体のもの", "Other bodies' things"),
    Family.NUMBERS: ("番号の推測", "Guessing"),
    Family.EYES: ("二人目の確認", "Four eyes"),
    Family.ACCOUNTS: ("権限の昇格", "Duties taken"),
    Family.LISTS: ("照合リスト", "Lists"),
    Family.PERMITS: ("許可証・機関間", "Permits, parties"),
    Family.REPEATS: ("冪等キー", "Idempotency"),
    Family.BODIES: ("悪意ある本文", "Hostile bodies"),
    Family.PATHS: ("経路とヘッダー", "Paths and headers"),
    Family.LOCKOUT: ("締出し", "Lockout"),
}
VERDICTS: Final = {
    Verdict.HELD: ("守られた", "held", "added"),
    Verdict.BROKEN: ("破られた", "broken", "removed"),
    Verdict.NOT_TRIED: ("試していない", "not tried", "changed"),
}
FIGURES: Final = {Verdict.HELD: "yes", Verdict.BROKEN: "no", Verdict.NOT_TRIED: ""}
MARKS: Final = {Verdict.HELD: "✔", Verdict.BROKEN: "✘", Verdict.NOT_TRIED: "—"}


class Report(Struct, frozen=True):
    """Everything that one run found."""

    url: str
    version: str
    began: str
    ended: str
    calls: int
    findings: tuple[Finding, ...]
    matrix: Matrix | None

    def many(self, verdict: Verdict) -> int:
        return sum(one.verdict is verdict for one in self.findings)

    @property
    def holds(self) -> bool:
        """Whether something was tried and nothing was broken."""
        return self.many(Verdict.BROKEN) == 0 and self.many(Verdict.HELD) > 0


def plain(report: Report) -> dict[str, Any]:
    """For programs."""
    told: dict[str, Any] = json.loads(msgspec.json.encode(report))
    return {"holds": report.holds, "counts": {one.value: report.many(one) for one in Verdict}, **told}


# --- terminal -----------------------------------------------------------------------------------------------------


def show(report: Report, *, every: bool) -> None:
    """Counts by family; what was broken or not tried in full, and what held if ``every``."""
    rows = []
    for family, (ja, en) in FAMILIES.items():
        counted = Counter(one.verdict for one in report.findings if one.family is family)
        if counted:
            rows.append((f"{ja} {en}", *(counted[verdict] for verdict in Verdict)))
    heads = ("攻撃 attacks", *(f"{ja} {en}" for ja, en, _ in VERDICTS.values()))
    show_table(f"攻撃の結果 probe of {report.url}, {report.calls:,} calls", heads, rows)
    for verdict in (Verdict.HELD,) * every + (Verdict.NOT_TRIED, Verdict.BROKEN):
        chosen = [one for one in report.findings if one.verdict is verdict]
        if chosen:
            ja, en, _ = VERDICTS[verdict]
            show_table(
                f"{ja} {en}: {len(chosen)}",
                ("攻撃 attack", "試したこと tried", "返ったもの came", "理由 why"),
                map(_cells, chosen),
            )
    if report.holds:
        say("✔ 試した攻撃は全て防がれました。 / Every attack that was tried was held.", "bold green")
    elif report.many(Verdict.BROKEN):
        say("✘ 破られた攻撃があります。 / Something was broken.", "bold red")
    else:
        say("✘ 何も試せませんでした。 / Nothing could be tried.", "bold red")


def show_matrix(matrix: Matrix) -> None:
    """The table with a sign for each cell: let in, kept out, wrong."""
    columns = [(str(n), one) for n, one in enumerate(matrix.columns, start=1)]
    show_pairs("呼んだ者 callers", ((number, f"{one.ja} — {one.en}") for number, one in columns))
    rows = [(row.method, row.path, row.declared, *(_sign(cell) for cell in row.cells)) for row in matrix.rows]
    heads = ("", "経路 path", "権限 duty", *(number for number, _ in columns))
    show_table("権限の一覧表 ○ 入れる ・ 拒まれる ✘ 違う ? 呼んでいない", heads, rows)


def _cells(one: Finding) -> tuple[str, str, str, str]:
    return f"{one.ja} / {one.en}", one.tried, one.came, one.why


def _sign(cell: Cell) -> str:
    match cell.verdict:
        case Verdict.HELD:
            return "○" if cell.allowed else "・"
        case Verdict.BROKEN:
            return f"✘ {cell.came}"
        case Verdict.NOT_TRIED:
            return "○" if cell.allowed else "?"


# --- page ---------------------------------------------------------------------------------------------------------


def page_of(report: Report) -> str:
    """The report as one page."""
    when = f"{escape(report.began)} ～ {escape(report.ended)}"
    lead = [
        f"<p><code>{escape(report.url)}</code> {escape(report.version)}、{when}、{report.calls:,} 回の呼出し calls</p>",
        '<ul class="figures">',
        *(pages.figure(report.many(verdict), ja, en, FIGURES[verdict]) for verdict, (ja, en, _) in VERDICTS.items()),
        "</ul>",
    ]
    note = (
        "「試していない」は守られたことを意味しない。各行は実際に送ったものと返ったもの。 "
        "Not tried does not mean held. Each row is what was really sent and what came back."
    )
    return pages.page("攻撃の結果", "Probe report", lead, _body(report), note)


def _body(report: Report) -> Iterator[str]:
    yield (
        '<div class="filters" role="search">'
        '<label>絞り込み <span lang="en">words that must occur</span><br>'
        '<input type="search" data-of="words" placeholder="例：broken、試していない、token"></label>'
        '<output aria-live="polite"></output></div>'
    )
    for family, (ja, en) in FAMILIES.items():
        chosen = [one for one in report.findings if one.family is family]
        if chosen:
            yield f'<section data-group><h2 id="{family}">{pages.both(ja, en)}</h2>'
            columns = ("判定", "攻撃", "試したこと", "返ったもの", "理由")
            yield from pages.table("", columns, map(_finding, chosen))
            yield "</section>"
    if report.matrix is not None:
        yield from _matrix(report.matrix)


def _finding(one: Finding) -> str:
    ja, en, kind = VERDICTS[one.verdict]
    return (
        f'<tr data-filtered data-counted data-words=""><td>{pages.tag(kind, f"{MARKS[one.verdict]} {ja} {en}")}</td>'
        f"<td>{pages.both(one.ja, one.en)}</td><td>{escape(one.tried)}</td><td>{escape(one.came)}</td>"
        f"<td>{escape(one.why)}</td></tr>"
    )


def _matrix(matrix: Matrix) -> Iterable[str]:
    yield f'<h2 id="called">{pages.both("権限の一覧表（実際に呼んだもの）", "The staff matrix, really called")}</h2>'
    yield "<p>○ 入れる let in　・ 拒まれる kept out　✘ 宣言と違う not as declared　? 呼んでいない not called</p>"
    yield from pages.table("呼んだ者 callers", ("", "誰 who", "権限・操作 opened by", "備考"), _columns(matrix))
    heads = ["操作", "経路", "権限", *(str(n) for n, _ in enumerate(matrix.columns, start=1))]
    yield from pages.table("全ての操作 every endpoint", heads, (_row(row) for row in matrix.rows))


def _columns(matrix: Matrix) -> Iterator[str]:
    for n, one in enumerate(matrix.columns, start=1):
        yield (
            f'<tr><th scope="row">{n}</th><td>{pages.both(one.ja, one.en)}</td><td>{escape(_opened(one))}</td>'
            f"<td>{escape(one.why)}</td></tr>"
        )


def _opened(column: Column) -> str:
    return ", ".join(column.duties or column.operations)


def _row(row: Row) -> str:
    cells = "".join(f'<td title="{escape(cell.came)}">{escape(_sign(cell))}</td>' for cell in row.cells)
    official = f" {escape(row.interface)}" if row.interface else ""
    return (
        '<tr data-filtered data-counted data-words="">'
        f"<td>{escape(row.summary)} <code>{escape(row.name)}</code>{official}</td>"
        f"<td><code>{row.method} {escape(row.path)}</code></td><td>{escape(row.declared)}</td>{cells}</tr>"
    )
