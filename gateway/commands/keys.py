"""``sympho keys`` (鍵): the root key replaced, looked at, confirmed. No server may run while it is replaced."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gateway.commands.command import Arguments, Command, Exit, Parser
from gateway.commands.screen import quietly, say, show_json, show_pairs
from gateway.config import load

__all__ = ["COMMANDS"]


def _for_data(parser: Parser) -> None:
    parser.add_argument("--data", metavar="DIR", help="データフォルダー / the data folder (SYMPHO_DATA)")


def _rewrap(args: Arguments) -> int:
    from gateway.running.rewrapping import replace_root_key

    quietly()
    config = load({"data": args.data})
    former = asyncio.run(replace_root_key(config))
    say(f"✔ 根鍵を取り替えました。 / The root key was replaced: {config.root_key_file}", "bold green")
    say(
        f"前の根鍵 the former one: {former}（控えを新しくしたら sympho keys confirm / "
        "sympho keys confirm once the new one is backed up）"
    )
    return Exit.DONE


def _for_status(parser: Parser) -> None:
    _for_data(parser)
    parser.add_argument("--json", action="store_true", help="JSON で出力 / machine output")


def _status(args: Arguments) -> int:
    from gateway.running.rewrapping import keys_standing

    quietly()
    found = asyncio.run(keys_standing(load({"data": args.data})))
    told = {
        "file": str(found.file),
        "mark": found.mark,
        "broken_off": found.broken_off,
        "former": None if found.former is None else str(found.former),
        "parties": found.parties,
    }
    if args.json:
        show_json(told)
    else:
        show_pairs(
            "鍵 keys",
            [
                ("根鍵 root key", told["file"]),
                ("しるし mark", found.mark),
                ("取替えの中断 change broken off", found.broken_off),
                ("前の根鍵 former root key", told["former"]),
                *((f"開いた鍵 keys opened: {party}", many) for party, many in found.parties.items()),
            ],
        )
    if found.broken_off:
        say("取替えが終わっていません： sympho keys rewrap / The change is not ended: run it again.", "yellow")
    return Exit.REFUSED if found.broken_off else Exit.DONE


def _confirm(args: Arguments) -> int:
    from gateway.running.rewrapping import confirm_root_key

    quietly()
    gone = asyncio.run(confirm_root_key(load({"data": args.data})))
    say("✔ 全ての鍵が根鍵で開きます。 / The root key opens every key.", "bold green")
    if gone is not None:
        say(f"前の根鍵を消しました。 / The former root key was removed: {gone}")
    return Exit.DONE


COMMANDS: Sequence[Command] = (
    Command(
        "keys",
        "鍵を管理する",
        "care for the keys",
        within=(
            Command(
                "rewrap",
                "根鍵を取り替える",
                "replace the root key",
                about=(
                    "サーバーを止めてから実行します。データは変わらず、鍵を包む鍵だけが変わります。途中で切れたら、もう一度実行します。\n"
                    "Stop the server first. Data stay as they are; only what wraps the keys changes. Broken off, run\n"
                    "it again: until it has ended, nothing opens the data."
                ),
                examples=("sympho keys rewrap --data /var/lib/sympho",),
                configure=_for_data,
                run=_rewrap,
            ),
            Command(
                "status",
                "鍵の様子を見る",
                "how the keys stand",
                about="サーバーが動いていても使えます。 / Also beside a running server. 1: a change is not ended.",
                examples=("sympho keys status --data /var/lib/sympho --json",),
                configure=_for_status,
                run=_status,
            ),
            Command(
                "confirm",
                "新しい根鍵を確かめ、前の根鍵を消す",
                "open every key with the new root key, then remove the former one",
                about=(
                    "新しい根鍵の控えを取ってから実行します。前の根鍵が要る控えはもう開けません。\n"
                    "Back up the new root key first."
                ),
                examples=("sympho keys confirm --data /var/lib/sympho",),
                configure=_for_data,
                run=_confirm,
            ),
        ),
    ),
)
