"""``sympho joining`` (参加): the network's operator lets a role's process in, again or for more agencies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.commands import caller
from gateway.commands.clocks import operator
from gateway.commands.command import Arguments, Command, Exit, Parser
from gateway.commands.screen import say, show_json, show_pairs

__all__ = ["COMMANDS"]

ROLES = ("intermediary", "residents")


def _for_offer(parser: Parser) -> None:
    parser.add_argument("--role", required=True, choices=ROLES, help="参加する役割 / the role that is to join")
    parser.add_argument(
        "--agencies",
        metavar="CODE,...",
        help="中間サーバーの機関（コンマ区切り、省略で有効な全て） / agencies to serve; all in force without",
    )
    caller.add_arguments(parser)


def _offer(args: Arguments) -> int:
    named = [code.strip() for code in (args.agencies or "").split(",") if code.strip()]
    with operator(args) as client:
        made: Mapping[str, Any] = client.post("/joining", {"role": args.role, "agencies": named}).data
    if args.json:
        show_json(made)
        return Exit.DONE
    show_pairs(
        "参加ファイル（秘密、一度だけ使えます） / joining file, secret, good once",
        [
            ("役割 role", made["role"]),
            ("機関 agencies", len(made["agencies"]) or None),
            ("ファイル file", made["file"]),
            ("参加先 joins at", made["join_url"]),
            ("期限 until", made["until"]),
        ],
    )
    say(f"sympho serve --role {made['role']} ... --join {made['file']}")
    return Exit.DONE


COMMANDS: Sequence[Command] = (
    Command(
        "joining",
        "役割ごとのプロセスを参加させる",
        "let a role's process in, again or for more agencies",
        about=(
            "止まっている間に証明書（90日）の期限が切れたプロセスを戻すときや、中間サーバーが機関を加えるときに使います。\n"
            "参加ファイルはネットワークのデータフォルダーに書かれます（0600）。その前のファイルは使えなくなります。\n"
            "For a process whose certificates (90 days) ran out while it was stopped, or for a server's new agencies.\n"
            "The joining file is written into the network's data folder (0600); the one before is void.\n"
            "Whoever joins with it speaks for the agencies in it from then on, whoever served them before."
        ),
        examples=(
            "sympho joining offer --role intermediary --as network-operator",
            "sympho joining offer --role intermediary --agencies 0220199100701700,0220199201101700",
            "sympho joining offer --role residents --data n --as network-operator",
        ),
        within=(Command("offer", "参加ファイルを作る", "write a joining file", configure=_for_offer, run=_offer),),
    ),
)
