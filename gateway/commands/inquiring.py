"""``sympho inquire`` (情報照会): registers an inquiry and waits for its end."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from authz.duties import Duty
from gateway.commands import caller
from gateway.commands.command import Arguments, Command, Exit, Parser
from gateway.commands.screen import say, show_json, show_pairs, show_table
from gateway.config import ConfigError

__all__ = ["COMMANDS", "person_of", "show_content"]

STATES = {
    "in-progress": "照会中 in progress",
    "ended": "終了 ended",
    "overdue": "期限超過 overdue",
}
OUTCOMES = {
    "provided": "提供あり provided",
    "not-provided": "提供なし not provided",
    "refused": "照会不可 refused",
    "lapsed": "失効 lapsed",
    "withdrawn": "取りやめ withdrawn",
}


def person_of(text: str) -> dict[str, str]:
    """A person as a body of the REST surface names one: ``<業務ID>:<宛名番号>``, or 15 digits. ``-`` reads a line."""
    given = sys.stdin.readline().strip() if text == "-" else text
    system, colon, number = given.partition(":")
    if colon and system and number:
        return {"system": system, "number": number}
    if given.isascii() and given.isdigit() and len(given) == 15:
        return {"unified": given}
    raise ConfigError("--person: SYSTEM:NUMBER (業務ID:宛名番号) or the 15 digits of a 団体内統合宛名番号")


def _configure(parser: Parser) -> None:
    parser.add_argument(
        "--person", required=True, metavar="WHO", help="業務ID:宛名番号、15桁の統合宛名番号、または - / see above"
    )
    parser.add_argument(
        "--provider", required=True, metavar="CODE", help="情報提供者の機関コード（16桁） / provider's agency code"
    )
    parser.add_argument("--task", required=True, metavar="JM", help="事務コード / task")
    parser.add_argument("--information", required=True, metavar="TM", help="特定個人情報名コード / information")
    parser.add_argument(
        "--item", action="append", default=[], metavar="TK", help="項目（複数可、省略は全て） / item, repeatable"
    )
    parser.add_argument("--procedure", metavar="JT", help="事務手続コード / procedure")
    parser.add_argument(
        "--consent", action="store_true", help="本人同意あり（条例事務の地方税情報） / the person consents"
    )
    parser.add_argument("--non-disclosure", action="store_true", help="不開示 / mark as not to be disclosed")
    parser.add_argument(
        "--key", metavar="TEXT", help="Idempotency-Key（省略時は新しい値） / repeat safely with the same key"
    )
    parser.add_argument(
        "--wait", type=int, default=10, metavar="SECONDS", help="応答を待つ秒数（既定 10） / how long to wait"
    )
    caller.add_arguments(parser)


def _inquire(args: Arguments) -> int:
    body = {
        "person": person_of(args.person),
        "provider": args.provider,
        "task": args.task,
        "information": args.information,
        "items": args.item,
        "consent": args.consent,
        "non_disclosure": args.non_disclosure,
    }
    if args.procedure:
        body["procedure"] = args.procedure
    with caller.staff_with(args, Duty.INQUIRE) as client:
        view = client.post("/inquiries", body, key=args.key or str(uuid4()), wait=args.wait).data
    if args.json:
        show_json(view)
    else:
        show_inquiry(view)
    return Exit.REFUSED if view.get("outcome") == "refused" else Exit.DONE


def show_inquiry(view: Mapping[str, Any]) -> None:
    """How an inquiry stands, and what was provided."""
    show_pairs(
        "情報照会 inquiry",
        [
            ("処理通番 exchange", view["exchange"]),
            ("状態 state", STATES.get(view["state"], view["state"])),
            ("結果 outcome", OUTCOMES.get(view.get("outcome") or "", view.get("outcome"))),
            ("理由 reason", [view["reason"], *view.get("reasons", ())] if view.get("reason") else None),
            ("照会 asked at", view.get("asked_at")),
            ("有効期間 valid until", view.get("valid_until")),
            ("終了 ended at", view.get("ended_at")),
        ],
    )
    if view.get("content"):
        show_content(view["content"])


def show_content(content: Mapping[str, Any]) -> None:
    """特定個人情報, item by item."""
    title = f"特定個人情報 {content['information']} (版 layout {content['layout']})"
    show_table(
        title, ("項目 item", "値 value"), [(code, _value(item)) for code, item in sorted(content["items"].items())]
    )
    say()


def _value(item: Mapping[str, Any]) -> Any:
    return item["value"] if item.get("value") is not None else f"（値なし reason of null {item.get('reason_of_null')}）"


COMMANDS: Sequence[Command] = (
    Command(
        "inquire",
        "情報照会を行う",
        "ask another body for specific personal information",
        about=(
            "照会許可用照合リストにある事務・特定個人情報だけが許可されます。事務は職員の部署のものに限られます。\n"
            "Only what the match list permits is asked; the task must be one of the member of staff's own office.\n"
            "終了コード 0: 提供・提供なし・照会中、1: 照会不可 / 0 unless it was refused (1)"
        ),
        examples=(
            "sympho inquire --as kagerou-health --person 024:000024761894409 --provider 0220199100701700 \\",
            "    --task JM90000000000018 --information TM00000000000002",
            "sympho inquire --as oborozuki-health --person 024:NUMBER --provider CODE --task JM... \\",
            "    --information TM... --item TK... --wait 0 --json",
        ),
        configure=_configure,
        run=_inquire,
    ),
)
