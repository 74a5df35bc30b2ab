"""``sympho status`` and ``sympho interfaces`` (稼働状況・インターフェース一覧)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from authz.duties import Duty
from gateway.commands import caller
from gateway.commands.client import Client, Refused
from gateway.commands.command import Arguments, Command, Exit, Parser
from gateway.commands.reviewing import listed
from gateway.commands.screen import say, show_json, show_pairs, show_table

__all__ = ["COMMANDS"]


def _status(args: Arguments) -> int:
    with caller.anybody(args) as client:
        ready = _ready(client)
        url = client.url
    with caller.staff_with(args, Duty.OPERATE_SYSTEM) as client:
        status: Mapping[str, Any] = client.get("/status").data
    if args.json:
        show_json({"url": url, "ready": ready, **status})
        return Exit.DONE if ready else Exit.REFUSED
    say(
        f"{'✔ 稼働中 ready' if ready else '✘ 準備ができていません not ready'}  {url}",
        "bold green" if ready else "bold red",
    )
    for title, part in _parts(status):
        show_pairs(title, part)
    return Exit.DONE if ready else Exit.REFUSED


def _parts(status: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, Any]]]]:
    """The plain members in one frame, each nested one in its own."""
    plain = [(name, value) for name, value in status.items() if not isinstance(value, dict)]
    nested = [(name, list(value.items())) for name, value in status.items() if isinstance(value, dict)]
    return [("稼働状況 status", plain), *nested] if plain else nested


def _ready(client: Client) -> bool:
    try:
        client.get("/health/ready")
    except Refused:
        return False
    return True


def _for_interfaces(parser: Parser) -> None:
    parser.add_argument("--family", metavar="FAMILY", help="SKI, TKY, TKM, DBM, SCM, SYM, JTK, OSR, FGU")
    parser.add_argument("--answered", action="store_true", help="応えるものだけ / only those that something answers")
    caller.add_arguments(parser)


def _interfaces(args: Arguments) -> int:
    with caller.anybody(args) as client:
        found = client.get("/interfaces").data
    if args.json:
        show_json(found)
        return Exit.DONE
    rows = [one for one in listed(found) if _wanted(args, one)]
    show_table(
        f"公式インターフェース {len(rows)} 件 / official interfaces",
        ("番号 id", "名称 name", "形 form", "応えるもの answered by"),
        [(one.get("id"), one.get("name_ja", one.get("name")), one.get("body"), one.get("answered_by")) for one in rows],
    )
    return Exit.DONE


def _wanted(args: Arguments, one: Mapping[str, Any]) -> bool:
    family = not args.family or str(one.get("id", ""))[3:6] == args.family.upper()
    return family and (not args.answered or bool(one.get("answered_by")))


MASTERS = {
    "agencies": ("機関 agencies", (("code", "機関コード code"), ("name", "名称 name"), ("kinds", "種別 kinds"))),
    "tasks": ("事務 tasks", (("code", "事務コード code"), ("designation", "名称 designation"))),
    "information": ("特定個人情報 information", (("code", "コード code"), ("label", "名称 label"))),
    "procedures": (
        "事務手続 procedures",
        (
            ("code", "事務手続コード code"),
            ("label", "名称（当方） label"),
            ("item", "項 item"),
            ("tasks", "事務 tasks"),
            ("information", "特定個人情報 information"),
            ("narrows", "絞る narrows"),
        ),
    ),
    "revisions": (
        "照合リストの改正 revisions",
        (
            ("revision", "改正 revision"),
            ("law", "法令 law"),
            ("in_force_from", "から from"),
            ("in_force_until", "まで until"),
        ),
    ),
}


def _for_masters(parser: Parser) -> None:
    parser.add_argument("of", nargs="?", default="agencies", choices=sorted(MASTERS), help="何を / what (agencies)")
    parser.add_argument("--find", metavar="TEXT", default="", help="この文字を含むもの / only those with this text")
    caller.add_arguments(parser)


def _masters(args: Arguments) -> int:
    with caller.staff_with(args, Duty.INQUIRE) as client:
        found = client.get("/masters").data
    rows = [one for one in found[args.of] if args.find in " ".join(str(value) for value in one.values())]
    if args.json:
        show_json(rows)
        return Exit.DONE
    title, columns = MASTERS[args.of]
    show_table(title, [name for _, name in columns], [[one.get(member) for member, _ in columns] for one in rows])
    return Exit.DONE


COMMANDS: Sequence[Command] = (
    Command(
        "masters",
        "機関・事務・特定個人情報のコードを見る",
        "codes of agencies, tasks and information",
        examples=("sympho masters", "sympho masters tasks --find 予防接種", "sympho masters information --find 地方税"),
        configure=_for_masters,
        run=_masters,
    ),
    Command(
        "status",
        "稼働状況を見る",
        "how the running system stands",
        about="システム管理担当として /status を見ます。 / Reads /status as an operator.",
        examples=("sympho status", "sympho status --as shinkirou-operator --json"),
        configure=caller.add_arguments,
        run=_status,
    ),
    Command(
        "interfaces",
        "公式インターフェースの台帳を見る",
        "the register of official interfaces",
        examples=("sympho interfaces --answered", "sympho interfaces --family SKI"),
        configure=_for_interfaces,
        run=_interfaces,
    ),
)
