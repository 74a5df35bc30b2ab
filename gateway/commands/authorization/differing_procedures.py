"""A difference of lists for people, as far as procedures go (事務手続の差分の表示): on the terminal, and on the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import groupby
from operator import attrgetter
from typing import Final

from authz.listdiff import StretchDiff
from authz.procedurediff import NamedChange, ProcedureDiff
from authz.procedures import Narrowing
from authz.wording import Happened, Named
from gateway.commands.authorization import pages
from gateway.commands.screen import say, show_table

__all__ = ["HAPPENED", "SIGNS", "contents", "procedures_section", "show_procedures"]

HAPPENED: Final = {
    Happened.ADDED: "追加",
    Happened.REMOVED: "削除",
    Happened.CHANGED: "変更",
    Happened.LAPSED: "引継ぎなし",
}
SIGNS: Final = {Happened.ADDED: "+", Happened.REMOVED: "-", Happened.CHANGED: "~", Happened.LAPSED: "×"}
COLUMNS: Final = {
    "item": "項",
    "article": "条",
    "ordinal": "号",
    "label": "見出し",
    "information": "特定個人情報",
    "certainty": "確度",
}
DOES: Final = {
    Narrowing.LINES: "手続の行による by its lines",
    Narrowing.UNMAPPED: "項による（行の対応なし） by the item: unmapped",
    Narrowing.AMENDED: "項による（項の改正） by the item: amended",
}


def _counted(diff: StretchDiff) -> str:
    counted = Counter(one.happened for one in diff.procedures)
    return "、".join(f"{HAPPENED[one]} {counted[one]:,}" for one in Happened if counted[one]) or "変更なし"


# --- terminal -----------------------------------------------------------------------------------------------------


def show_procedures(diff: StretchDiff, limit: int) -> None:
    """What became of the procedures, and what may be asked where one is named."""
    say()
    say(f"事務手続 procedures: {_counted(diff)}", "bold")
    shown = diff.procedures[:limit]
    if shown:
        show_table(
            _title("事務手続", len(shown), len(diff.procedures)),
            ("コード", "変化", "条:号", "項", "見出し", "情報の行 lines"),
            (tuple(_cells(one)) for one in shown),
        )
    naming = diff.naming
    if naming is None:
        say("一方に事務手続がないため、手続を示す照会の差分はありません。 / One side carries no procedures.")
        return
    say(
        f"手続を示す照会で許可される組合せ permitted with a procedure named: "
        f"{naming.permitted_before:,} → {naming.permitted_after:,}",
        "bold",
    )
    say(
        f"DENY→ALLOW {naming.gained:,}   ALLOW→DENY {naming.lost:,}"
        f"（うち {naming.reworded:,} は改められた事務で引き続き許可）",
        "bold",
    )
    _show_changes("手続を示すと許可になる組合せ DENY→ALLOW", naming.now_permitted, naming.gained, limit)
    _show_changes("手続を示すと許可でなくなる組合せ ALLOW→DENY", naming.no_longer_permitted, naming.lost, limit)


def _title(title: str, shown: int, total: int) -> str:
    more = f"（{shown:,} 件を表示、全件は --json・--html・--limit）" if shown < total else ""
    return f"{title} {total:,} 件{more}"


def _cells(one: ProcedureDiff) -> Iterator[str]:
    text = one.after or one.before
    yield one.procedure
    yield f"{SIGNS[one.happened]} {HAPPENED[one.happened]}"
    yield text.article if text else ""
    yield text.item if text else ""
    yield text.label if text else ""
    if one.happened is Happened.LAPSED:
        yield "項が改正された its item was amended"
        return
    lines = [f"+ {line.ja or line.code}" for line in one.lines_added]
    lines += [f"- {line.ja or line.code}" for line in one.lines_removed]
    yield "、".join(lines) or "、".join(COLUMNS[column] for column in one.columns)


def _show_changes(title: str, changes: Sequence[NamedChange], combinations: int, limit: int) -> None:
    if not changes:
        return
    show_table(
        _title(f"{title} {combinations:,} 組、手続と行ごとに", min(limit, len(changes)), len(changes)),
        ("事務手続 procedure", "事務 task", "特定個人情報 information", "項:行 row", "組合せ", "手続の効き方"),
        (
            (one.procedure, one.task.ja, one.information.ja, one.ground, len(one.combinations), DOES[one.narrowing])
            for one in changes[:limit]
        ),
    )


# --- page ---------------------------------------------------------------------------------------------------------


def contents(anchor: str) -> str:
    """Links to the parts, for the page's table of contents."""
    return (
        f' ・ <a href="#{anchor}-procedures">事務手続</a> ・ <a href="#{anchor}-named-yes">手続を示すと許可になる組合せ</a>'
        f' ・ <a href="#{anchor}-named-no">手続を示すと許可でなくなる組合せ</a>'
    )


def procedures_section(diff: StretchDiff, anchor: str) -> Iterator[str]:
    """What became of the procedures, and what may be asked where one is named."""
    yield f'<h2 id="{anchor}-procedures">{pages.both("事務手続", "Procedures")} {len(diff.procedures):,}</h2>'
    yield f"<p>{escape(_counted(diff))}</p>"
    for happened in Happened:
        several = [one for one in diff.procedures if one.happened is happened]
        if several:
            yield f"<details data-group><summary>{HAPPENED[happened]} <strong>{len(several):,}</strong></summary>"
            columns = ("コード", "条:号", "項", "見出し", "情報の行 <span lang='en'>lines</span>", "確度")
            yield from pages.table("", columns, (_row(one) for one in several), "law")
            yield "</details>"
    naming = diff.naming
    for which, ja, en, changes, count in (
        ("yes", "手続を示すと許可になる組合せ", "DENY→ALLOW", naming.now_permitted if naming else (), naming and naming.gained),
        ("no", "手続を示すと許可でなくなる組合せ", "ALLOW→DENY", naming.no_longer_permitted if naming else (), naming and naming.lost),
    ):  # fmt: skip
        yield f'<h2 id="{anchor}-named-{which}">{pages.both(ja, en)} {count or 0:,}</h2>'
        if naming is None:
            yield "<p>一方に事務手続がありません。 One side carries no procedures.</p>"
        yield from _changes(changes)


def _row(one: ProcedureDiff) -> str:
    text = one.after or one.before
    lines = _lines("ins", one.lines_added) + _lines("del", one.lines_removed)
    if one.before is not None and one.after is not None:
        kept = [line for line in one.after.information if line in one.before.information]
        lines += [escape(line.ja or line.code) for line in kept]
    cells = (text.article, text.item, text.label) if text else ("", "", "")
    return (
        f'<tr data-filtered data-counted data-words=""><th scope="row"><code>{escape(one.procedure)}</code></th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        + f"<td>{'、'.join(lines)}</td><td>{_certainty(one)}</td></tr>"
    )


def _lines(word: str, many: Iterable[Named]) -> list[str]:
    return [f"<{word}>{escape(one.ja or one.code)}</{word}>" for one in many]


def _certainty(one: ProcedureDiff) -> str:
    said = [text.certainty for text in (one.before, one.after) if text is not None]
    return escape(" → ".join(dict.fromkeys(said)))


def _changes(changes: Sequence[NamedChange]) -> Iterator[str]:
    for code, together in groupby(changes, key=attrgetter("procedure")):
        several = list(together)
        count = sum(len(one.combinations) for one in several)
        yield "<details data-group>"
        yield f"<summary><code>{escape(code)}</code> {escape(several[0].label)} <strong>{count:,}</strong></summary>"
        columns = ("事務", "特定個人情報", "項:行", "照会者・提供者の種別", "手続の効き方")
        yield from pages.table("", columns, (_change(one) for one in several))
        yield "</details>"


def _change(one: NamedChange) -> str:
    kinds = "<br>".join(f"<code>{escape(kinds)}</code>" for kinds in one.combinations)
    return (
        f'<tr data-filtered data-counted data-words=""><td>{pages.named(one.task)}</td>'
        f"<td>{pages.named(one.information)}</td><td>{escape(one.ground)}</td><td>{kinds}</td>"
        f"<td>{escape(DOES[one.narrowing])}</td></tr>"
    )
