"""A difference of lists for people (照合リストの差分の表示): on the terminal, and as a page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import groupby
from operator import attrgetter
from typing import Final

from authz.listdiff import ItemDiff, ListDiff, NameDiff, RowDiff, StretchDiff
from authz.wording import GrantSaid, Happened, ListRead, Named, Statute
from gateway.commands.authorization import pages
from gateway.commands.authorization.differing_procedures import (
    HAPPENED,
    SIGNS,
    contents,
    procedures_section,
    show_procedures,
)
from gateway.commands.screen import say, show_table

__all__ = ["diff_page", "show_diff"]

OF_ITEMS: Final = (Happened.ADDED, Happened.REMOVED, Happened.CHANGED)
COLUMNS: Final = {
    "inquirers": "照会者",
    "task": "事務",
    "providers": "提供者",
    "information": "特定個人情報",
    "certainty": "確度",
}
OF: Final = {"kind": "種別", "task": "事務", "information": "特定個人情報"}

WORDS: Final = ("項:行", "変化", *COLUMNS.values())

Asking = tuple[Named, Named]
"""A kind that asks, and the task."""


def _side(read: ListRead | None) -> str:
    if read is None or read.law is None:
        return "（なし none）"
    return f"{read.law}（{read.revision}、{read.in_force_from}～{read.in_force_until or ''}）"


def _happened(diff: StretchDiff, happened: Happened) -> int:
    return sum(item.happened is happened for item in diff.items)


def _by_asking(grants: Sequence[GrantSaid]) -> Iterator[tuple[Asking, list[GrantSaid]]]:
    asking = attrgetter("inquirer.code", "task.code")
    for _, together in groupby(sorted(grants, key=asking), key=asking):
        several = list(together)
        yield (several[0].inquirer, several[0].task), several


# --- terminal -----------------------------------------------------------------------------------------------------


def show_diff(diff: ListDiff, limit: int) -> None:
    """Everything in words, consequences counted and the first of them listed."""
    if not diff.differs:
        say("違いはありません。 / No difference.")
    for name in diff.names:
        say(f"~ {OF[name.of]} {name.code}: {name.before or '（なし）'} → {name.after or '（なし）'}")
    for stretch in diff.stretches:
        _show_stretch(stretch, limit)


def _show_stretch(diff: StretchDiff, limit: int) -> None:
    if diff.since:
        say(f"{diff.since} ～ {diff.until or ''}", "bold")
    say(f"前 before  {_side(diff.before)}", "bold")
    say(f"後 after   {_side(diff.after)}", "bold")
    counts = "、".join(f"{HAPPENED[one]} {_happened(diff, one)} 項" for one in OF_ITEMS)
    say(f"法令の文言 in the words of the law: {counts}")
    show_table("", WORDS, (tuple(_row_cells(item, row)) for item in diff.items for row in item.rows))
    say()
    say(f"許可される組合せ permitted combinations: {diff.permitted_before:,} → {diff.permitted_after:,}", "bold")
    gained, lost = len(diff.now_permitted), len(diff.no_longer_permitted)
    say(f"DENY→ALLOW {gained:,}   ALLOW→DENY {lost:,}（うち {diff.reworded:,} は改められた事務で引き続き許可）", "bold")
    _show_grants("許可になる組合せ DENY→ALLOW", diff.now_permitted, limit)
    _show_grants("許可でなくなる組合せ ALLOW→DENY", diff.no_longer_permitted, limit)
    show_procedures(diff, limit)


def _row_cells(item: ItemDiff, row: RowDiff) -> Iterator[str]:
    statute = row.after or row.before
    of_item = "" if item.happened is Happened.CHANGED else f"（項ごと{HAPPENED[item.happened]}）"
    yield f"{item.item}:{statute.row if statute else ''}"
    yield f"{SIGNS[row.happened]} {HAPPENED[row.happened]}{of_item}"
    for column in COLUMNS:
        if column in row.columns:
            yield f"{_plain(row.before, column)} → {_plain(row.after, column)}"
        else:
            yield _plain(statute, column)


def _plain(statute: Statute | None, column: str) -> str:
    value = getattr(statute, column, "")
    if isinstance(value, tuple):
        return "、".join(one.ja or one.code for one in value)
    return value.ja or value.code if isinstance(value, Named) else str(value)


def _show_grants(title: str, grants: Sequence[GrantSaid], limit: int) -> None:
    if not grants:
        return
    shown = grants[:limit]
    more = f"（{len(shown)} 件を表示、全件は --json・--html・--limit）" if len(grants) > len(shown) else ""
    show_table(
        f"{title} {len(grants):,} 件{more}",
        ("照会者 inquirer", "事務 task", "提供者 provider", "特定個人情報 information", "項:行 row"),
        [(one.inquirer.ja, one.task.ja, one.provider.ja, one.information.ja, one.ground) for one in shown],
    )


# --- page ---------------------------------------------------------------------------------------------------------


def diff_page(diff: ListDiff) -> str:
    """The difference as one page."""
    lead = [
        f"<p>前 before: <code>{escape(diff.before)}</code></p>",
        f"<p>後 after: <code>{escape(diff.after)}</code></p>",
    ]
    return pages.page(
        "照合リストの差分",
        "Difference of two match lists",
        lead,
        _body(diff),
        "許可の組合せは照合リストだけによる。個々の機関の照会には、コードの有効期間、評価の公表などの条件が加わる。 "
        "Combinations are by the list alone; each agency's own conditions come on top.",
    )


def _body(diff: ListDiff) -> Iterator[str]:
    if not diff.differs:
        yield "<p>違いはありません。 No difference.</p>"
    if diff.names:
        yield f"<h2>{pages.both('名称と種別', 'Names and kinds')}</h2>"
        yield from pages.table("", ("対象", "コード", "前", "後"), (_name(one) for one in diff.names))
    if diff.stretches:
        yield (
            '<div class="filters" role="search">'
            '<label>絞り込み <span lang="en">words that must occur</span><br>'
            '<input type="search" data-of="words" placeholder="例：市町村 地方税"></label>'
            '<output aria-live="polite"></output></div>'
        )
    for n, stretch in enumerate(diff.stretches, start=1):
        yield from _stretch(stretch, f"s{n}")


def _name(one: NameDiff) -> str:
    cells = (OF[one.of], one.code, one.before, one.after)
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"


def _stretch(diff: StretchDiff, anchor: str) -> Iterator[str]:
    if diff.since:
        yield f"<h2>{diff.since} ～ {diff.until or ''}</h2>"
    yield from pages.table(
        "",
        ("", "改正 <span lang='en'>revision</span>", "有効期間 <span lang='en'>in force</span>"),
        (_revision("前 before", diff.before), _revision("後 after", diff.after)),
    )
    yield '<ul class="figures">'
    yield pages.figure(_happened(diff, Happened.ADDED), "項が追加", "items added")
    yield pages.figure(_happened(diff, Happened.REMOVED), "項が削除", "items removed")
    yield pages.figure(_happened(diff, Happened.CHANGED), "項が変更", "items changed")
    yield pages.figure(len(diff.now_permitted), "DENY→ALLOW", "combinations", "yes")
    yield pages.figure(len(diff.no_longer_permitted), "ALLOW→DENY", "combinations", "no")
    yield pages.figure(diff.reworded, "うち改められた事務で継続", "of these permitted on, reworded")
    yield "</ul>"
    yield (
        f'<nav aria-label="目次"><a href="#{anchor}-law">法令の文言</a> ・ <a href="#{anchor}-yes">許可になる組合せ</a> ・ '
        f'<a href="#{anchor}-no">許可でなくなる組合せ</a>{contents(anchor)}</nav>'
    )
    yield f'<h2 id="{anchor}-law">{pages.both("法令の文言", "In the words of the law")}</h2>'
    for item in diff.items:
        yield from _item(item)
    for which, ja, en, grants in (
        ("yes", "許可になる組合せ", "DENY→ALLOW", diff.now_permitted),
        ("no", "許可でなくなる組合せ", "ALLOW→DENY", diff.no_longer_permitted),
    ):
        yield f'<h2 id="{anchor}-{which}">{pages.both(ja, en)} {len(grants):,}</h2>'
        yield from _grants(grants)
    yield from procedures_section(diff, anchor)


def _revision(which: str, read: ListRead | None) -> str:
    if read is None or read.revision is None:
        return f'<tr><th scope="row">{which}</th><td colspan="2">（なし none）</td></tr>'
    days = f"{read.in_force_from} ～ {read.in_force_until or ''}"
    floor = f"（{read.text_as_of} の文言 text of that day）" if read.floor else ""
    return (
        f'<tr><th scope="row">{which}</th><td>{escape(read.law or "")} <code>{escape(read.revision)}</code></td>'
        f"<td>{days}{floor}</td></tr>"
    )


def _item(item: ItemDiff) -> Iterator[str]:
    happened = pages.tag(item.happened.value, HAPPENED[item.happened])
    yield f"<section data-group><h3>{escape(item.item)}の項 {happened}</h3>"
    columns = ("行", "照会者", "事務", "提供者", "特定個人情報", "確度")
    yield from pages.table("", columns, (_row(row) for row in item.rows), "law")
    yield "</section>"


def _row(row: RowDiff) -> str:
    sides = [one for one in (row.before, row.after) if one is not None]
    number = sides[-1].row
    cells = "".join(f"<td>{_cell(row, name)}</td>" for name in COLUMNS)
    return (
        f'<tr data-filtered data-counted data-words=""><th scope="row">{escape(number)} '
        f"{pages.tag(row.happened.value, HAPPENED[row.happened])}</th>{cells}</tr>"
    )


def _cell(row: RowDiff, column: str) -> str:
    if row.before is None or row.after is None:
        word, statute = ("ins", row.after) if row.before is None else ("del", row.before)
        return f"<{word}>{escape(_plain(statute, column))}</{word}>"
    if column not in row.columns:
        return escape(_plain(row.after, column))
    return f"<del>{escape(_plain(row.before, column))}</del> <ins>{escape(_plain(row.after, column))}</ins>"


def _grants(grants: Sequence[GrantSaid]) -> Iterable[str]:
    for (inquirer, task), together in _by_asking(grants):
        yield "<details data-group>"
        yield f"<summary>{escape(inquirer.ja)}｜{escape(task.ja)} <strong>{len(together):,}</strong></summary>"
        columns = ("提供者", "特定個人情報", "項:行", "確度")
        yield from pages.table(pages.named(task), columns, (_grant(one) for one in together))
        yield "</details>"


def _grant(one: GrantSaid) -> str:
    return (
        f'<tr data-filtered data-counted data-words=""><td>{pages.named(one.provider)}</td>'
        f"<td>{pages.named(one.information)}</td><td>{escape(one.ground)}</td><td>{one.certainty}</td></tr>"
    )
