"""``sympho review`` (提供審査・提供承認): what was held is looked at, prepared by one person, released by a second."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from authz.duties import Duty
from gateway.commands import caller
from gateway.commands.command import Arguments, Command, Exit, Parser
from gateway.commands.inquiring import show_content
from gateway.commands.screen import say, show_json, show_pairs, show_table
from gateway.config import ConfigError

__all__ = ["COMMANDS"]

CHOICES = ("confirm", "correct", "withhold")
REASONS = (
    "wrong-person",
    "duplicate-under-correction",
    "assessment-not-published",
    "excluded-by-notified-ordinance-limit",
)


def _for_list(parser: Parser) -> None:
    parser.add_argument("--state", default="held", help="状態（held, prepared, ...、all は全て） / state, or all")
    parser.add_argument("--limit", type=int, default=50, help="件数 / how many")
    caller.add_arguments(parser)


def _list(args: Arguments) -> int:
    state = None if args.state == "all" else args.state
    with caller.staff_with(args, Duty.REVIEW) as client:
        found = client.get("/provisions", state=state, limit=args.limit).data
    if args.json:
        show_json(found)
        return Exit.DONE
    rows = [
        (
            one["exchange"],
            one["state"],
            one.get("held_for"),
            one.get("inquirer"),
            one.get("information"),
            one.get("valid_until"),
        )
        for one in listed(found)
    ]
    show_table(
        "提供審査 provisions",
        ("処理通番 exchange", "状態 state", "保留 held for", "照会者 inquirer", "情報 information", "期限 until"),
        rows,
    )
    return Exit.DONE


def listed(found: Any) -> Sequence[Mapping[str, Any]]:
    """The rows of a list's answer: the answer itself, or its one member that is a list."""
    if isinstance(found, list):
        return found
    return next((value for value in found.values() if isinstance(value, list)), [])


def _for_one(parser: Parser) -> None:
    parser.add_argument("exchange", help="処理通番 / exchange number")
    caller.add_arguments(parser)


def _show(args: Arguments) -> int:
    with caller.staff_with(args, Duty.REVIEW) as client:
        view = client.get(f"/provisions/{args.exchange}").data
        content = client.get(f"/provisions/{args.exchange}/content").data
    if args.json:
        show_json({"provision": view, "content": content})
        return Exit.DONE
    show_pairs("提供 provision", view.items())
    _show_would_send(content)
    return Exit.DONE


def _show_would_send(answered: Mapping[str, Any]) -> None:
    content = answered.get("content", answered)
    if content and "items" in content:
        show_content(content)
    else:
        say("副本がありません。このまま確認すると「提供なし」になります。 / Nothing is held.", "yellow")


def _for_prepare(parser: Parser) -> None:
    parser.add_argument("exchange", help="処理通番 / exchange number")
    parser.add_argument("choice", choices=CHOICES, help="確認・補正・不提供 / confirm, correct or withhold")
    parser.add_argument(
        "--content", metavar="FILE", help="補正した内容の JSON（correct のとき） / the corrected content"
    )
    parser.add_argument("--reason", choices=REASONS, help="不提供の理由（withhold のとき） / why it is withheld")
    caller.add_arguments(parser)


def _prepare(args: Arguments) -> int:
    body: dict[str, Any] = {"choice": args.choice}
    if args.content:
        body["content"] = _read(Path(args.content))
    if args.reason:
        body["reason"] = args.reason
    with caller.staff_with(args, Duty.REVIEW) as client:
        view = client.post(f"/provisions/{args.exchange}/preparation", body).data
    return _shown(args, view)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise ConfigError(f"--content: {path} is no readable JSON file") from None


def _release(args: Arguments) -> int:
    with caller.staff_with(args, Duty.RELEASE) as client:
        view = client.post(f"/provisions/{args.exchange}/release").data
    return _shown(args, view)


def _return(args: Arguments) -> int:
    with caller.staff_with(args, Duty.RELEASE) as client:
        view = client.post(f"/provisions/{args.exchange}/return").data
    return _shown(args, view)


def _shown(args: Arguments, view: Mapping[str, Any]) -> int:
    if args.json:
        show_json(view)
    else:
        show_pairs("提供 provision", view.items())
    return Exit.DONE


COMMANDS: Sequence[Command] = (
    Command(
        "review",
        "保留された提供を審査・承認する",
        "review what was held, release it by a second person",
        about=(
            "自動応答不可の提供は、一人目が確認・補正・不提供を決め、別の職員（二人目）が承認して初めて出ます。\n"
            "What may not be answered automatically leaves only after one person prepared it and another released it."
        ),
        examples=(
            "sympho review list --as shinkirou-reviewer-1",
            "sympho review show EXCHANGE --as shinkirou-reviewer-1",
            "sympho review prepare EXCHANGE confirm --as shinkirou-reviewer-1",
            "sympho review release EXCHANGE --as shinkirou-reviewer-2",
        ),
        within=(
            Command("list", "審査待ちの一覧", "what waits", configure=_for_list, run=_list),
            Command("show", "内容を見る", "what would be sent", configure=_for_one, run=_show),
            Command("prepare", "一人目が決める", "the first person decides", configure=_for_prepare, run=_prepare),
            Command("release", "二人目が承認する", "the second person releases", configure=_for_one, run=_release),
            Command("return", "二人目が差し戻す", "the second person sends back", configure=_for_one, run=_return),
        ),
    ),
)
