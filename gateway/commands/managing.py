"""``sympho statistics``, ``progress``, ``expire`` (業務統計・進捗・期限): how much business there was, what waits, what goes."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from authz.duties import Duty
from gateway.commands import caller
from gateway.commands.command import Arguments, Command, Exit, Parser
from gateway.commands.screen import show_json, show_pairs, show_table

__all__ = ["COMMANDS"]

COUNTED = (
    ("ended", "終了 ended"),
    ("provided", "提供 provided"),
    ("not_provided", "提供なし not provided"),
    ("refused", "拒否 refused"),
    ("lapsed", "失効 lapsed"),
    ("withdrawn", "取りやめ withdrawn"),
    ("held", "保留 held"),
)
PLACES = (("day", "日 day"), ("agency", "相手 agency"), ("task", "事務 task"))
SIDES = {"inquirer": "照会 inquirer", "provider": "提供 provider", "network": "網 network"}
STAGES = {
    "code-acquisition": "符号の取得待ち",
    "asking": "照会の送信待ち",
    "answer-awaited": "回答待ち",
    "overdue": "回答期限切れ",
    "withdrawal": "取りやめの応答待ち",
    "review": "提供審査（一人目）待ち",
    "release": "提供承認（二人目）待ち",
    "answer-delivery": "回答の受領待ち",
    "notice": "通知の受領待ち",
    "end-awaited": "提供者の回答待ち",
}
"""Every stage in Japanese; its name is the English."""
EXPIRING = {"duplicate": "副本 duplicate", "code-acquisition": "取得番号 acquisition number", "record": "記録 record"}


def _for_statistics(parser: Parser) -> None:
    parser.add_argument("--since", metavar="DAY", help="この日から（既定 30日前） / first day (30 days back)")
    parser.add_argument("--until", metavar="DAY", help="この日まで（既定 今日、世界時刻） / last day (today)")
    parser.add_argument(
        "--by", metavar="WORDS", default="day", help="集計の単位：day、agency、task をコンマで / by what, with commas"
    )
    parser.add_argument("--csv", action="store_true", help="CSV で出力 / as CSV")
    caller.add_arguments(parser)


def _statistics(args: Arguments) -> int:
    query = {"since": args.since, "until": args.until, "by": args.by}
    with caller.staff_with(args, Duty.OPERATE_SYSTEM) as client:
        if args.csv:
            sys.stdout.write(client.get("/statistics.csv", **query).text)
            return Exit.DONE
        found: Mapping[str, Any] = client.get("/statistics", **query).data
    if args.json:
        show_json(found)
        return Exit.DONE
    places = [(name, title) for name, title in PLACES if name in found["by"]]
    show_table(
        f"業務統計 {found['since']} – {found['until']}  {found['holder']} / statistics",
        ("側 side", *(title for _, title in (*places, *COUNTED)), "拒否の理由 refused for"),
        [
            (SIDES[row["side"]], *(row[name] for name, _ in (*places, *COUNTED)), _reasons(row["refused_for"]))
            for row in found["rows"]
        ],
    )
    return Exit.DONE


def _reasons(reasons: Mapping[str, int]) -> str:
    return "  ".join(f"{reason} {many}" for reason, many in reasons.items())


def _progress(args: Arguments) -> int:
    with caller.staff_with(args, Duty.OPERATE_SYSTEM) as client:
        found: Mapping[str, Any] = client.get("/progress").data
    if args.json:
        show_json(found)
        return Exit.DONE
    show_table(
        f"進捗 {found['at']} / progress",
        ("段階 stage", "件数 waiting", "最も古いもの oldest", "秒 seconds"),
        [
            (f"{STAGES.get(one['stage'], '')} {one['stage']}", one["waiting"], one["oldest"], one["seconds"])
            for one in found["stages"]
        ],
    )
    queues = [one for one in found["queues"] if one["waiting"]]
    if queues:
        show_table(
            "このプロセスの列 / queues of this process",
            ("列 queue", "件数 waiting", "秒 seconds"),
            [(one["queue"], one["waiting"], one["seconds"]) for one in queues],
        )
    return Exit.DONE


def _for_expire(parser: Parser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="数えるだけ / only tell what would go")
    caller.add_arguments(parser)


def _expire(args: Arguments) -> int:
    with caller.staff_with(args, Duty.OPERATE_SYSTEM) as client:
        found: Mapping[str, Any] = (client.get("/expiry") if args.dry_run else client.post("/expiry")).data
    if args.json:
        show_json(found)
    elif args.dry_run:
        show_table(
            "期限の過ぎたもの / expired",
            ("何 what", "件数 expired", "最も古い日 oldest", "消える goes"),
            [(EXPIRING[one["what"]], one["expired"], one["oldest"], one["goes"]) for one in found["rows"]],
        )
    else:
        show_pairs(
            "削除 deleted",
            [("副本 duplicates", found["duplicates"]), ("取得番号 acquisition numbers", found["acquisitions"])],
        )
    return Exit.DONE


COMMANDS: Sequence[Command] = (
    Command(
        "expire",
        "期限の過ぎたものを削除する",
        "delete what has expired by world time",
        about=(
            "公開終了から一年を過ぎた副本、三十日応答のない取得番号。サーバーは十分ごとに自動でも行います。\n"
            "七年を過ぎた記録は数えるだけで、消しません。\n"
            "Duplicates a year after their publication, acquisition numbers after 30 days without an answer. The\n"
            "server does so by itself every ten minutes. Records past seven years are counted and stay."
        ),
        examples=("sympho expire --dry-run --as shinkirou-operator", "sympho expire --as shinkirou-operator"),
        configure=_for_expire,
        run=_expire,
    ),
    Command(
        "statistics",
        "業務統計を見る",
        "how many exchanges ended how",
        about=(
            "記録から数えます。終わった日（日本時間）ごと。自団体の分、ネットワークの運営者はネットワークの分。\n"
            "Counted from the records, by the day of the end. One's own body's; the operator's are the network's."
        ),
        examples=(
            "sympho statistics",
            "sympho statistics --since 2026-07-01 --until 2026-07-31 --by agency,task --as shinkirou-operator",
            "sympho statistics --by day,task --csv > statistics.csv",
        ),
        configure=_for_statistics,
        run=_statistics,
    ),
    Command(
        "progress",
        "何がどこで待っているかを見る",
        "what waits at which stage, and since when",
        about=(
            "段階ごとの件数と最も古いもの。自団体の分、ネットワークの運営者はネットワークの分。\n"
            "How much waits at each stage, and the oldest of it."
        ),
        examples=("sympho progress", "sympho progress --as shinkirou-operator --json"),
        configure=caller.add_arguments,
        run=_progress,
    ),
)
