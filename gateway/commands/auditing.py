"""``sympho operations`` (操作記録): the log of who did what, searched or taken out."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from authz.duties import Duty
from gateway.commands import caller
from gateway.commands.command import Arguments, Command, Exit, Parser
from gateway.commands.reviewing import listed
from gateway.commands.screen import show_json, show_table

__all__ = ["COMMANDS"]

FILTERS = ("since", "until", "person", "name", "outcome", "exchange", "about", "terminal")


def _for_search(parser: Parser) -> None:
    parser.add_argument("--since", metavar="TIME", help="この時刻から（世界時刻、RFC 3339） / from, world time")
    parser.add_argument("--until", metavar="TIME", help="この時刻まで / until")
    parser.add_argument("--person", help="職員・業務システム / stf_... or cli_...")
    parser.add_argument("--name", help="操作の名 / name of the operation")
    parser.add_argument("--outcome", choices=("done", "refused", "failed"), help="結果 / outcome")
    parser.add_argument("--exchange", help="処理通番 / exchange number")
    parser.add_argument(
        "--about", help="変更されたもの / what was changed: stf_..., cli_..., trm_..., dlg_..., ses_..."
    )
    parser.add_argument("--terminal", help="端末 / terminal")
    caller.add_arguments(parser)


def _for_list(parser: Parser) -> None:
    parser.add_argument("--limit", type=int, default=50, help="件数 / how many")
    _for_search(parser)


def _list(args: Arguments) -> int:
    query = {name: getattr(args, name) for name in FILTERS}
    with caller.staff_with(args, Duty.AUDIT) as client:
        found = client.get("/operations", limit=args.limit, **query).data
    if args.json:
        show_json(found)
        return Exit.DONE
    columns = ("at", "person", "terminal", "name", "outcome", "reason", "about", "exchange")
    show_table("操作記録 operations", columns, [[one[name] for name in columns] for one in listed(found)])
    return Exit.DONE


def _for_export(parser: Parser) -> None:
    parser.add_argument("--form", choices=("csv", "jsonl"), default="csv", help="形式 / form (csv)")
    _for_search(parser)


def _export(args: Arguments) -> int:
    query = {name: getattr(args, name) for name in FILTERS}
    with caller.staff_with(args, Duty.AUDIT) as client:
        sys.stdout.write(client.get(f"/operations.{args.form}", **query).text)
    return Exit.DONE


COMMANDS: Sequence[Command] = (
    Command(
        "operations",
        "操作記録を検索・書き出す",
        "search or take out the log of operations",
        about=(
            "誰が、どこで、いつ、何をして、どうなったか。追記だけで、変更も削除もできません（監査）。\n"
            "Who did what, where, when, with which outcome. Only ever added to; read with the duty AUDIT."
        ),
        examples=(
            "sympho operations list --name login --outcome refused --as shinkirou-auditor",
            "sympho operations export --form csv --as shinkirou-auditor",
        ),
        within=(
            Command("list", "一覧", "the latest entries", configure=_for_list, run=_list),
            Command("export", "書き出す", "all entries, as CSV or JSON lines", configure=_for_export, run=_export),
        ),
    ),
)
