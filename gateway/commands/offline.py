"""Commands on the data themselves (オフライン): ``judge``. No server is needed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from gateway.commands.command import Arguments, Command, Exit, Parser
from gateway.commands.screen import quietly, say, show_json
from gateway.config import load

__all__ = ["COMMANDS"]


def _for_data(parser: Parser) -> None:
    parser.add_argument("--data", metavar="DIR", help="データフォルダー / the data folder (SYMPHO_DATA)")


def _for_judge(parser: Parser) -> None:
    _for_data(parser)
    parser.add_argument(
        "--server",
        action="append",
        default=[],
        metavar="DIR",
        help="別プロセスの中間サーバーのデータフォルダー / data folder of an intermediary server apart, repeatable",
    )
    parser.add_argument(
        "--canaries",
        action="store_true",
        help="架空の人の番号と内容が漏れていないかも見る / look for leaked numbers too",
    )
    parser.add_argument("--json", action="store_true", help="JSON で出力 / machine output")


def _judge(args: Arguments) -> int:
    from gateway.judge.verdict import render, to_json
    from gateway.running.ondata import judged

    quietly()
    config = load({"data": args.data})
    verdict = asyncio.run(judged(config, [load({"data": one}) for one in args.server], canaries=args.canaries))
    if args.json:
        show_json(json.loads(to_json(verdict)))
    else:
        say(render(verdict))
    return Exit.DONE if verdict.holds else Exit.REFUSED


COMMANDS: Sequence[Command] = (
    Command(
        "judge",
        "全ての約束が守られたかを判定する",
        "judge whether every invariant holds",
        about=(
            "各機関が書いたものを全て読み、許可のない提供がない、終わりは一つ、記録は同じバイト列、などを確かめます。\n"
            "Reads all that every party wrote, on a running or a stopped system. 0: all holds, 1: violations."
        ),
        examples=("sympho judge", "sympho judge --canaries --json", "sympho judge --data n --server i"),
        configure=_for_judge,
        run=_judge,
    ),
)
