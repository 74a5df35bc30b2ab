"""``sympho status`` and ``sympho interfaces`` (稼働状況・インターフェース一覧)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from authz.duties import Duty
from authz.matchlist import compile_list, parse
from gateway.clock import Clock
from gateway.commands import caller
from gateway.commands.authorization.sources import DEFAULT_WORLD, add_list, document_of
from gateway.commands.client import Client, Refused
from gateway.commands.command import Arguments, Command, Exit, Parser
from gateway.commands.reviewing import listed
from gateway.commands.screen import say, show_json, show_pairs, show_table
from sympho.codes import encode_hook

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
    "items": (
        "項目 items",
        (("information", "特定個人情報 information"), ("code", "項目 item"), ("label", "名称 label")),
    ),
    "kinds": (
        "機関の種別 kinds",
        (
            ("code", "種別 kind"),
            ("name", "名称 name"),
            ("prefixes", "機関コードの頭 code begins"),
            ("counts_as", "広い種別 counts as"),
        ),
    ),
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
    parser.add_argument(
        "--offline", action="store_true", help="サーバーを使わず手元のリストと名簿で / by the list and bodies at hand"
    )
    add_list(parser)
    caller.add_arguments(parser)


def _masters(args: Arguments) -> int:
    at_hand = args.offline or args.list or args.world != DEFAULT_WORLD
    found = _at_hand(args) if at_hand else _at_the_server(args)
    found["items"] = [{"information": one["code"], **item} for one in found["information"] for item in one["items"]]
    rows = [one for one in found[args.of] if args.find in " ".join(str(value) for value in one.values())]
    if args.json:
        show_json(rows)
        return Exit.DONE
    title, columns = MASTERS[args.of]
    show_table(title, [name for _, name in columns], [[one.get(member) for member, _ in columns] for one in rows])
    return Exit.DONE


def _at_the_server(args: Arguments) -> dict[str, Any]:
    with caller.staff_with(args, Duty.INQUIRE) as client:
        return dict(client.get("/masters").data)


def _at_hand(args: Arguments) -> dict[str, Any]:
    """The same of a list in a file, or as an installed world or a folder has it."""
    from gateway import worlds
    from gateway.interfaces.world import masters_of

    match_list = compile_list(parse(document_of(args.list, args.world)), 1)
    found = masters_of(match_list, 0, worlds.find(args.world).entries(), Clock().today())
    return dict(msgspec.to_builtins(found, enc_hook=encode_hook))


COMMANDS: Sequence[Command] = (
    Command(
        "masters",
        "機関・事務・特定個人情報のコードを見る",
        "codes of agencies, tasks and information",
        about=(
            "世界フォルダーを書くときは --offline で、サーバーなしに全てのコードが見られます。\n"
            "For writing a world folder, --offline shows every code without a server."
        ),
        examples=(
            "sympho masters",
            "sympho masters tasks --find 予防接種",
            "sympho masters items --find TM00000000000002 --offline",
            "sympho masters kinds --offline",
        ),
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
