"""``sympho authz endpoints`` (操作と権限の一覧): every endpoint with its duty, as the running server declares it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from authz.duties import DUTIES, Duty
from gateway.commands import caller
from gateway.commands.command import Arguments, Command, Exit, Parser
from gateway.commands.declared import Endpoint, endpoints_of
from gateway.commands.screen import show_json, show_table

__all__ = ["COMMANDS"]

DUTY_NAMES = frozenset(duty.value for duty in Duty)


def _for_endpoints(parser: Parser) -> None:
    parser.add_argument("--duty", choices=sorted(DUTY_NAMES), help="この権限で呼べるものだけ / what this duty opens")
    caller.add_arguments(parser)


def _endpoints(args: Arguments) -> int:
    with caller.anybody(args) as client:
        found = endpoints_of(client.get("/openapi.json").data)
    chosen = [one for one in found if args.duty is None or args.duty in one.duties]
    if args.json:
        show_json([_plain(one) for one in chosen])
        return Exit.DONE
    show_table(
        f"操作と権限 {len(chosen)} 件 / endpoints and duties",
        ("", "経路 path", "操作 operation", "利用者 callers", "権限 duty", "備考"),
        [
            (one.method, one.path, one.name, ", ".join(sorted(one.principals)), _duty(one), _notes(one))
            for one in chosen
        ],
    )
    return Exit.DONE


def _duty(one: Endpoint) -> str:
    if one.is_public:
        return "誰でも anybody"
    if one.is_own:
        return "自分のセッション own session"
    if len(one.duties) == len(DUTY_NAMES):
        return "どの権限でも any duty"
    names = [DUTIES[Duty(name)].name_ja + " " + name for name in sorted(one.duties) if name in DUTY_NAMES]
    return "、".join(names) or "機関の証明書 certificate"


def _notes(one: Endpoint) -> str:
    notes = (one.interface, "要再認証 recent" if one.recent else "", "冪等キー key" if one.idempotent else "")
    return " ".join(note for note in notes if note)


def _plain(one: Endpoint) -> dict[str, Any]:
    return {
        "name": one.name,
        "method": one.method,
        "path": one.path,
        "summary": one.summary,
        "principals": sorted(one.principals),
        "duties": sorted(one.duties),
        "own_session": one.is_own,
        "recent_authentication": one.recent,
        "interface": one.interface or None,
    }


COMMANDS: Sequence[Command] = (
    Command(
        "endpoints",
        "全ての操作と、それを呼べる権限の一覧",
        "every endpoint with the duty that opens it",
        about=(
            "サーバーの経路表から作られた仕様書を読みます。経路表にないものは応えません。実際に呼んだ表は sympho probe --matrix。\n"
            "Read from the server's own document, which is made from its router's table; nothing else is served.\n"
            "The same table really called: sympho probe --matrix."
        ),
        examples=("sympho authz endpoints", "sympho authz endpoints --duty release", "sympho authz endpoints --json"),
        configure=_for_endpoints,
        run=_endpoints,
    ),
)
