"""``sympho clock`` (世界時刻): shows it, and sets it as the operator of the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from authz.duties import Duty
from gateway.clock import TOKYO
from gateway.commands import caller
from gateway.commands.client import Client
from gateway.commands.command import Arguments, Command, Exit, Parser
from gateway.commands.screen import show_json, show_pairs
from gateway.config import ConfigError

__all__ = ["COMMANDS", "moment_of", "operator"]


NAMES = {
    "world": "世界時刻 world time",
    "machine": "実際の時刻 machine time",
    "offset_us": "差（マイクロ秒） offset",
    "frozen_at": "停止中 frozen at",
    "version": "版 version",
}


def moment_of(text: str) -> datetime:
    """A day (its morning at nine) or a moment; without a zone it is Tokyo's."""
    try:
        if len(text) == len("2024-04-22"):
            return datetime.fromisoformat(f"{text}T09:00:00").replace(tzinfo=TOKYO)
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{text!r}: 2024-04-22 or 2024-04-22T10:00:00+09:00 expected") from None
    return at.replace(tzinfo=TOKYO) if at.tzinfo is None else at


def operator(args: Arguments) -> Client:
    """A client as the operator of the network: whoever moves the clock moves it for everybody."""
    if args.login:
        return caller.staff_with(args, Duty.OPERATE_SYSTEM)
    from gateway.commands.verifying import published_directory

    with caller.anybody(args) as client:
        network = published_directory(client).network
    return caller.staff_with(args, Duty.OPERATE_SYSTEM, network)


def _show(args: Arguments) -> int:
    with caller.anybody(args) as client:
        return _shown(args, client.get("/clock").data)


def _shown(args: Arguments, clock: Mapping[str, Any]) -> int:
    if args.json:
        show_json(clock)
    else:
        show_pairs("世界時刻 world clock", [(NAMES.get(name, name), value) for name, value in clock.items()])
    return Exit.DONE


def _for_set(parser: Parser) -> None:
    parser.add_argument("at", metavar="WHEN", help="日付または時刻（東京） / a day or a moment, Tokyo")
    parser.add_argument("--freeze", action="store_true", help="その時刻で止める / and let it stand still")
    caller.add_arguments(parser)


def _set(args: Arguments) -> int:
    at = moment_of(args.at)
    with operator(args) as client:
        return _shown(args, client.put("/clock", {"at": at.isoformat(), "frozen": args.freeze}).data)


def _freeze(args: Arguments) -> int:
    with operator(args) as client:
        now = client.get("/clock").data["world"]
        return _shown(args, client.put("/clock", {"at": now, "frozen": True}).data)


def _resume(args: Arguments) -> int:
    with operator(args) as client:
        return _shown(args, client.post("/clock/resume").data)


COMMANDS: Sequence[Command] = (
    Command(
        "clock",
        "世界時刻を見る・変える",
        "show or move the world's clock",
        about=(
            "世界時刻は、照合リスト・許可証・記録の判断に使う一つの時計です。一件だけの日付は選べません。\n"
            "One clock judges lists, permits and records for everybody; nobody chooses the date of a single question."
        ),
        examples=(
            "sympho clock show",
            "sympho clock set 2024-04-22          # 別表第二が有効だった日 / 別表第二 in force",
            "sympho clock set 2024-04-22T10:00:00+09:00 --freeze",
            "sympho clock resume                  # 今日に戻す / back to today",
        ),
        within=(
            Command("show", "今の世界時刻", "what time it is", configure=caller.add_arguments, run=_show),
            Command("set", "世界時刻を変える", "set it", configure=_for_set, run=_set),
            Command(
                "freeze", "今の世界時刻で止める", "let it stand still", configure=caller.add_arguments, run=_freeze
            ),
            Command(
                "resume", "実際の時刻に戻す", "back to the machine's time", configure=caller.add_arguments, run=_resume
            ),
        ),
    ),
)
