"""Explanations on the terminal (判定の説明の表示), Japanese first; what is read is what the server would answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from authz.explainwords import RECIPES
from gateway.commands.screen import say, show_pairs, show_table

__all__ = ["in_force", "named", "names", "show_enumeration", "show_explanation", "show_near"]

Told = Mapping[str, Any]

FIRST = 5
"""Of what is near, in an explanation; ``near`` tells the rest."""
STYLES = {"permit": "bold green", "review": "bold yellow", "deny": "bold red"}
MARKS = {"permit": "✔", "review": "…", "deny": "✘"}


def named(one: Told) -> str:
    """A name with its code."""
    return f"{one['ja']}（{one['code']}）" if one["ja"] else str(one["code"])


def names(many: Sequence[Told]) -> str:
    return "、".join(one["ja"] or one["code"] for one in many)


def in_force(read: Told) -> str:
    """The days of a revision."""
    return f"{read['in_force_from']} ～ {read['in_force_until'] or ''}"


def show_explanation(told: Told) -> None:
    """Everything, from the effect down to what was assumed."""
    say(f"{MARKS[told['effect']]} {told['ja']} / {told['en']}", STYLES[told["effect"]])
    for reason in told["reasons"]:
        say(f"  {reason['ja']} / {reason['en']} ({reason['word']})")
    show_pairs("照会 question", _question(told))
    if told["statute"]:
        show_pairs("根拠 ground", _statute(told["statute"]))
    if told["procedure"]:
        show_pairs("事務手続 procedure", _procedure(told["procedure"]))
    show_pairs("照合リスト list", _list(told))
    show_table("検査 checks", ("場所 where", "検査 check", "結果 result", "理由 reasons"), _checks(told))
    if told["near"]:
        _show_changes(told["near"], FIRST)
    say("前提 taken for granted", "bold")
    for one in told["assumed"]:
        say(f"  ・{one['ja']} / {one['en']}")


def show_near(told: Told, fitting: Sequence[Told], limit: int) -> None:
    """The effect in a line, and what is near."""
    say(f"{MARKS[told['effect']]} {told['ja']} / {told['en']}", STYLES[told["effect"]])
    if told["stops_at"]:
        stop = told["stops_at"]
        say(f"  {stop['ja']}で許可が残らなくなる / nothing permitted remains at: {stop['en']}")
    if fitting:
        _show_changes(fitting, limit)
    elif told["effect"] == "deny":
        say("一項目の変更では許可されません。 / No single-field change would be permitted.")


def show_enumeration(told: Told) -> None:
    """The rows, then local tasks and tasks without an assessment."""
    kinds = names(told["kinds"])
    say(f"{named(told['inquirer'])} が照会できるもの what it may ask — {kinds} — {told['as_of']}", "bold")
    show_pairs("照合リスト list", _list(told))
    show_table(
        f"根拠 {len(told['rows'])} 行 rows",
        ("項:行 row", "事務 task", "提供者 providers", "特定個人情報 information", "確度 certainty"),
        [
            (
                f"{row['item']}:{row['row']}",
                named(row["task"]),
                names(row["providers"]),
                named(row["information"]),
                row["certainty"],
            )
            for row in told["rows"]
        ],
    )
    for local in told["local_tasks"]:
        show_pairs(f"条例事務 local task {local['task']['code']}", _local(local))
    if told["unassessed"]:
        say("評価が公表されていないため照会できない事務 / tasks without a published assessment:", "bold")
        for task in told["unassessed"]:
            say(f"  ・{named(task)}")


# --- parts --------------------------------------------------------------------------------------------------------


def _question(told: Told) -> Iterator[tuple[str, object]]:
    question = told["question"]
    yield "照会者 inquirer", named(question["inquirer"])
    yield "事務 task", named(question["task"])
    yield "提供者 provider", named(question["provider"])
    yield "特定個人情報 information", named(question["information"])
    if question["items"]:
        yield "項目 items", "、".join(named(item) for item in question["items"])
    if question["consent"]:
        yield "同意 consent", "あり given"
    yield "判定日 as of", told["as_of"]
    yield "段階 level", f"{told['level_ja']} / {told['level_en']}"
    if told["stops_at"]:
        yield "許可が残らなくなる欄 stops at", f"{told['stops_at']['ja']} {told['stops_at']['en']}"
    yield "相手に伝わる理由 the counterpart learns", told["coarse"]


def _statute(statute: Told) -> Iterator[tuple[str, object]]:
    yield "法令 law", statute["law"]
    yield "項・行 item, row", f"{statute['item']}の項 {statute['row']}"
    yield "照会者 inquirers", names(statute["inquirers"])
    yield "事務 task", statute["task"]["ja"]
    yield "提供者 providers", names(statute["providers"])
    yield "特定個人情報 information", statute["information"]["ja"]
    yield "確度 certainty", f"{statute['certainty']} {statute['certainty_ja']} / {statute['certainty_en']}"


def _procedure(procedure: Told) -> Iterator[tuple[str, object]]:
    yield "コード code", procedure["procedure"]
    yield "条:号 article", procedure["article"] or "—"
    yield "名称 label", procedure["label"] or "—"
    yield "情報の行 lines", names(procedure["information"]) or "—"
    yield "効き方 effect", f"{procedure['ja']} / {procedure['en']}"


def _list(told: Told) -> Iterator[tuple[str, object]]:
    read = told["list"]
    yield "通番 serial", read["serial"]
    yield "SHA-256", read["digest"]
    if told["known_at"]:
        yield "保有時点 known at", told["known_at"]
    if read["revision"]:
        yield "改正 revision", f"{read['revision']} {read['law']}"
        yield "有効期間 in force", in_force(read)
    else:
        yield "改正 revision", "この日に有効なものはない none on that day"


def _checks(told: Told) -> Iterator[tuple[str, str, str, str]]:
    for check in told["checks"]:
        where = RECIPES.get(check["recipe"], (check["recipe"], ""))[0]
        reasons = "、".join(reason["ja"] for reason in check["reasons"])
        yield where, f"{check['ja']} {check['en']}", _result(check), reasons


def _result(check: Told) -> str:
    if check["passed"] is None:
        return "— 判定できず not judged"
    if not check["passed"]:
        return "✘ 不合格 failed"
    return "（前提 assumed）" if check["assumed"] else "✔ 合格 passed"


def _show_changes(changes: Sequence[Told], limit: int) -> None:
    title = f"近い許可 {len(changes)} 件 near" + (f"（近い {limit} 件 first）" if len(changes) > limit else "")
    show_table(
        title,
        ("変える項目 field", "変更後 to", "判定 effect", "項:行 row", "確度 certainty"),
        [
            (f"{one['ja']} {one['en']}", _changed_to(one), one["effect"], one["ground"], one["certainty"])
            for one in changes[:limit]
        ],
    )


def _changed_to(one: Told) -> str:
    if one["field"] == "as-of":
        return f"{one['value'][0]['code']}（{one['since']} ～ {one['until'] or ''}）"
    if one["field"] == "consent":
        return "あり given"
    if not one["value"]:
        return "指定しない left out"
    return "、".join(named(value) for value in one["value"])


def _local(local: Told) -> Iterator[tuple[str, object]]:
    yield "対応する法定事務 mirrors", named(local["mirrors"])
    yield "特定個人情報 information", names(local["information"])
    yield "届出 notified on", local["notified_on"]
    yield "公表 published on", local["published_on"]
