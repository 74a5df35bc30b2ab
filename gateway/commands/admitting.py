"""``sympho clients`` (業務システム): business systems that log in by OAuth 2 client credentials."""

from __future__ import annotations

import os
from collections.abc import Sequence

from authz.duties import Duty
from gateway.commands import caller
from gateway.commands.command import Arguments, Command, Exit, Parser
from gateway.commands.reviewing import listed
from gateway.commands.screen import say, show_json, show_pairs, show_table
from gateway.config import ConfigError

__all__ = ["COMMANDS"]


def _list(args: Arguments) -> int:
    with caller.staff_with(args, Duty.MANAGE_STAFF) as client:
        found = client.get("/clients").data
    if args.json:
        show_json(found)
        return Exit.DONE
    columns = ("client_id", "name", "system", "method", "operations", "tasks", "disabled_at")
    show_table("業務システム clients", columns, [[one[name] for name in columns] for one in listed(found)])
    return Exit.DONE


def _for_add(parser: Parser) -> None:
    parser.add_argument("name", help="名称 / name")
    parser.add_argument("--system", required=True, help="業務ID（3桁） / three digits")
    parser.add_argument("--operation", action="append", required=True, help="許す操作（何度でも） / repeatable")
    parser.add_argument("--task", action="append", help="事務コード（何度でも、省略で全て） / repeatable; all without")
    parser.add_argument("--jwt", action="store_true", help="秘密を見せず署名する / signs (client_secret_jwt)")
    caller.add_arguments(parser)


def _add(args: Arguments) -> int:
    body = {
        "name": args.name,
        "system": args.system,
        "operations": args.operation,
        "tasks": args.task,
        "method": "client_secret_jwt" if args.jwt else "client_secret",
    }
    with caller.staff_with(args, Duty.MANAGE_STAFF) as client:
        made = client.post("/clients", body).data
    return _handed_over(args, made)


def _for_one(parser: Parser) -> None:
    parser.add_argument("client", metavar="CLIENT_ID", help="業務システムの識別子 / cli_...")
    caller.add_arguments(parser)


def _rotate(args: Arguments) -> int:
    with caller.staff_with(args, Duty.MANAGE_STAFF) as client:
        made = client.post(f"/clients/{args.client}/secret").data
    return _handed_over(args, made)


def _disable(args: Arguments) -> int:
    with caller.staff_with(args, Duty.MANAGE_STAFF) as client:
        client.post(f"/clients/{args.client}/disable")
    if args.json:
        show_json({"done": True})
    else:
        say("停止しました。 / Closed, its tokens revoked.", "green")
    return Exit.DONE


def _handed_over(args: Arguments, made: dict[str, str]) -> int:
    if args.json:
        show_json(made)
        return Exit.DONE
    show_pairs("業務システム client", [("client_id", made["client_id"]), ("client_secret", made["secret"])])
    say("秘密はここにしか表示されません。 / The secret is shown only here.", "yellow")
    return Exit.DONE


def _for_token(parser: Parser) -> None:
    parser.add_argument("client", metavar="CLIENT_ID", help="業務システムの識別子 / cli_...")
    parser.add_argument("--scope", help="操作・事務（空白区切り） / operations and tasks to narrow it to")
    caller.add_arguments(parser)


def _token(args: Arguments) -> int:
    secret = os.environ.get("SYMPHO_CLIENT_SECRET", "")
    if not secret:
        raise ConfigError("SYMPHO_CLIENT_SECRET: 秘密は環境変数で / the secret goes into the environment")
    form = {"grant_type": "client_credentials", "client_id": args.client, "client_secret": secret}
    with caller.anybody(args) as client:
        made = client.form("/oauth/token", form | ({"scope": args.scope} if args.scope else {})).data
    if args.json:
        show_json(made)
    else:
        say(made["access_token"])
    return Exit.DONE


COMMANDS: Sequence[Command] = (
    Command(
        "clients",
        "業務システムを登録・停止する",
        "business systems that log in by themselves",
        about=(
            "OAuth 2 の client credentials（POST /oauth/token）。団体・事務・操作に限って許します。\n"
            "OAuth 2 client credentials, scoped to agency, tasks and operations."
        ),
        examples=(
            "sympho clients add 健康管理 --system 024 --operation register-inquiry --as kagerou-staff",
            "sympho clients list --as kagerou-staff",
            "SYMPHO_CLIENT_SECRET=... sympho clients token cli_...",
        ),
        within=(
            Command("list", "一覧", "who is admitted", configure=caller.add_arguments, run=_list),
            Command("add", "登録する", "admit one", configure=_for_add, run=_add),
            Command("rotate", "秘密を替える", "a new secret", configure=_for_one, run=_rotate),
            Command("disable", "停止する", "close one", configure=_for_one, run=_disable),
            Command("token", "トークンを出力する", "print a token of a client", configure=_for_token, run=_token),
        ),
    ),
)
