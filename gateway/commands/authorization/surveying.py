"""``sympho authz matrix`` (種別と特定個人情報の一覧表): who may ask, or be asked, for what, each cell with its ground."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from html import escape
from typing import Final

import msgspec

from authz.matchlist import compile_list, parse
from authz.matrix import Cell, Matrix, Side, matrix
from authz.wording import Named, Statute
from gateway.clock import Clock
from gateway.commands.authorization import pages
from gateway.commands.authorization.sources import add_list, document_of
from gateway.commands.command import Arguments, Command, Exit, Parser
from gateway.commands.screen import say, show_json, show_table
from gateway.config import ConfigError
from sympho.codes import encode_hook

__all__ = ["COMMANDS", "matrix_page"]

TITLES: Final = {
    Side.INQUIRER: ("照会できる特定個人情報", "What each kind of body may ask"),
    Side.PROVIDER: ("照会される特定個人情報", "What each kind of body may be asked"),
}


def _for_matrix(parser: Parser) -> None:
    parser.add_argument(
        "--side",
        choices=[side.value for side in Side],
        default=Side.INQUIRER.value,
        help="照会者から・提供者から / seen from",
    )
    parser.add_argument("--as-of", metavar="DAY", help="判定日（東京、既定は今日） / the day to judge by (today)")
    parser.add_argument("--html", metavar="FILE", help="ページとして書く / write a page")
    parser.add_argument("--json", action="store_true", help="JSON で出力 / machine output")
    add_list(parser)


def _matrix(args: Arguments) -> int:
    made = matrix(compile_list(parse(document_of(args.list, args.world)), 1), _day(args.as_of), Side(args.side))
    if args.html:
        say(f"書きました / written: {write(args.html, made)}")
    if args.json:
        show_json(json.loads(msgspec.json.encode(made, enc_hook=encode_hook)))
    elif not args.html:
        _show(made)
    return Exit.DONE


def write(file: str, made: Matrix) -> object:
    return pages.write_page(file, matrix_page(made))


def _day(text: str | None) -> date:
    try:
        return Clock().today() if text is None else date.fromisoformat(text)
    except ValueError:
        raise ConfigError("--as-of: 2026-06-26 のような日付 / a day like 2026-06-26") from None


def _show(made: Matrix) -> None:
    ja, en = TITLES[made.side]
    cells, grounds = Counter(cell.kind for cell in made.cells), Counter[str]()
    for cell in made.cells:
        grounds[cell.kind] += len(cell.rows)
    show_table(
        f"{ja} {en} — {made.as_of} {made.list.revision or '（なし none）'}",
        ("種別 kind", "", "特定個人情報 information", "根拠の行 rows"),
        [(kind.ja, kind.code, cells[kind.code], grounds[kind.code]) for kind in made.kinds],
    )
    say("--html FILE で一覧表のページ、--json で全て / --html FILE writes the matrix as a page, --json everything")


# --- page ---------------------------------------------------------------------------------------------------------


def matrix_page(made: Matrix) -> str:
    """The matrix as one page: the grid, whose cells lead to the grounds below it."""
    ja, en = TITLES[made.side]
    read = made.list
    days = f"有効期間 {read.in_force_from} ～ {read.in_force_until or ''}、" if read.revision else ""
    law = f"{escape(read.law or 'この日に有効な改正はない')} <code>{escape(read.revision or '')}</code>"
    lead = [
        f"<p>{law} {days}判定日 {made.as_of}</p>",
        f"<p>照合リスト <code>{escape(read.digest)}</code></p>",
    ]
    return pages.page(
        ja,
        en,
        lead,
        _body(made),
        "照合リストだけによる一覧。個々の機関の照会には、コードの有効期間、評価の公表などの条件が加わる。 "
        "By the list alone; each agency's own conditions come on top.",
    )


def _body(made: Matrix) -> Iterator[str]:
    yield '<ul class="figures">'
    yield pages.figure(len(made.kinds), "種別", "kinds")
    yield pages.figure(len(made.information), "特定個人情報", "information")
    yield pages.figure(len(made.cells), "許可のある欄", "cells with a ground", "yes")
    yield pages.figure(len(made.rows), "根拠の行", "rows of the table")
    yield "</ul>"
    yield '<div class="filters" role="search">'
    for of, ja, en in (
        ("kind", "種別", "kind"),
        ("information", "特定個人情報", "information"),
        ("words", "事務・相手・項", "task, other party, item"),
    ):
        yield f'<label>{pages.both(ja, en)}<br><input type="search" data-of="{of}"></label>'
    yield '<output aria-live="polite"></output></div>'
    yield f"<h2>{pages.both('一覧表', 'Matrix')}</h2>"
    yield "<p>数字は根拠の行の数。選ぶと根拠が開く。 <span lang='en'>Each number is how many rows; it leads to them.</span></p>"
    yield from _grid(made)
    yield f"<h2>{pages.both('根拠', 'Grounds')}</h2>"
    yield from _grounds(made)


def _grid(made: Matrix) -> Iterator[str]:
    cells = {(cell.kind, cell.information): cell for cell in made.cells}
    yield '<div class="scroll" tabindex="0" role="region" aria-label="一覧表"><table class="grid"><thead><tr>'
    yield '<th scope="col">種別</th>'
    for one in made.information:
        yield (
            f'<th scope="col" data-filtered data-information="{escape(_words(one))}" title="{escape(one.ja)}">'
            f"<span>{escape(one.ja)}</span></th>"
        )
    yield "</tr></thead><tbody>"
    for kind in made.kinds:
        yield f'<tr data-filtered data-kind="{escape(_words(kind))}"><th scope="row">{escape(kind.ja)}</th>'
        for one in made.information:
            yield _cell(kind, one, cells.get((kind.code, one.code)))
        yield "</tr>"
    yield "</tbody></table></div>"


def _cell(kind: Named, one: Named, cell: Cell | None) -> str:
    about = f'data-filtered data-information="{escape(_words(one))}"'
    if cell is None:
        return f"<td {about}></td>"
    label = escape(f"{kind.ja}、{one.ja}：{len(cell.rows)} 行")
    return f'<td {about}><a href="#{_anchor(cell)}" aria-label="{label}">{len(cell.rows)}</a></td>'


def _anchor(cell: Cell) -> str:
    return f"{cell.kind}.{cell.information}"


def _words(one: Named) -> str:
    return f"{one.ja} {one.code}"


def _grounds(made: Matrix) -> Iterator[str]:
    labels = {one.code: one for one in made.information}
    for kind in made.kinds:
        name = f"<strong>{escape(kind.ja)}</strong> <code>{escape(kind.code)}</code>"
        yield f"<details data-group><summary>{name}</summary>"
        for cell in made.cells:
            if cell.kind == kind.code:
                yield from _ground(made, kind, labels[cell.information], cell)
        yield "</details>"


def _ground(made: Matrix, kind: Named, information: Named, cell: Cell) -> Iterator[str]:
    yield f'<section data-group id="{escape(_anchor(cell))}"><h3>{pages.named(information)}</h3>'
    other = "提供者" if made.side is Side.INQUIRER else "照会者"
    yield f'<table><thead><tr><th scope="col">項:行</th><th scope="col">事務</th><th scope="col">{other}</th>'
    yield '<th scope="col">確度</th></tr></thead><tbody>'
    for n in cell.rows:
        yield _row(made.side, kind, information, made.rows[n])
    yield "</tbody></table></section>"


def _row(side: Side, kind: Named, information: Named, row: Statute) -> str:
    others = pages.names(row.providers if side is Side.INQUIRER else row.inquirers)
    ground = f"{row.item}:{row.row}"
    return (
        f'<tr data-filtered data-counted data-kind="{escape(_words(kind))}" '
        f'data-information="{escape(_words(information))}" data-words=""><th scope="row">{ground}</th>'
        f'<td>{pages.named(row.task)}</td><td>{others}</td><td class="certainty">{row.certainty}</td></tr>'
    )


COMMANDS: Sequence[Command] = (
    Command(
        "matrix",
        "種別と特定個人情報の一覧表を作る",
        "kinds of bodies by information, each cell with its legal ground",
        about="--html は、絞り込める自己完結のページを書きます。 / --html writes one page that can be filtered.",
        examples=(
            "sympho authz matrix --as-of 2026-06-26",
            "sympho authz matrix --html matrix.html",
            "sympho authz matrix --side provider --json",
        ),
        configure=_for_matrix,
        run=_matrix,
    ),
)
