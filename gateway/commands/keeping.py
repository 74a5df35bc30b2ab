"""``sympho staff`` (職員): the accounts of an agency, and new passwords, online or on the data themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from authz.duties import DUTIES, Duty
from gateway.commands import accounts, caller
from gateway.commands.accounts import account_id
from gateway.commands.command import Arguments, Command, Exit, Parser
from gateway.commands.reviewing import listed
from gateway.commands.screen import quietly, say, show_json, show_pairs, show_table
from gateway.config import ConfigError, load
from gateway.running.credentials import read

__all__ = ["COMMANDS"]


def _for_list(parser: Parser) -> None:
    parser.add_argument(
        "--online", action="store_true", help="サーバーに尋ねる（権限管理） / ask the server, as MANAGE_STAFF"
    )
    caller.add_arguments(parser)


def _list(args: Arguments) -> int:
    if args.online or args.login or args.url:
        with caller.staff_with(args, Duty.MANAGE_STAFF) as client:
            found = client.get("/staff").data
        rows = listed(found)
    else:
        found = rows = _in_file(args)
    if args.json:
        show_json(found)
        return Exit.DONE
    show_table(
        "職員 staff",
        ("利用者 login", "団体 agency", "氏名 name", "部署 office", "権限 duties"),
        [
            (r.get("login"), r.get("agency_name", r.get("agency")), r.get("name"), r.get("office"), _duties(r))
            for r in rows
        ],
    )
    return Exit.DONE


def _in_file(args: Arguments) -> Sequence[Mapping[str, Any]]:
    """The accounts of the credentials file, without their passwords."""
    file = read(caller.data_of(args))
    if file is None:
        raise caller.NotLetIn(f"{caller.data_of(args)}: 資格情報がありません / no credentials file (--online)")
    return [
        {
            "login": one.login,
            "agency": one.agency,
            "agency_name": one.agency_name,
            "name": one.name,
            "office": one.office,
            "duties": list(one.duties),
        }
        for one in file.accounts
        if args.agency in (None, one.agency)
    ]


def _duties(row: Mapping[str, Any]) -> str:
    return " ".join(DUTIES[Duty(one)].name_ja for one in row.get("duties", ()))


def _for_reset(parser: Parser) -> None:
    parser.add_argument("account", metavar="LOGIN", help="利用者名 / whose password")
    parser.add_argument(
        "--second-factor", action="store_true", help="失われた二要素も取り消す / remove a lost second factor, too"
    )
    parser.add_argument(
        "--online", action="store_true", help="サーバーに頼む（権限管理） / by the server, as MANAGE_STAFF"
    )
    caller.add_arguments(parser)


def _reset(args: Arguments) -> int:
    from gateway.running.ondata import reset_password

    if args.online:
        with caller.staff_with(args, Duty.MANAGE_STAFF, _agency_of(args)) as client:
            account = account_id(client, args.account)
            word = client.post(f"/staff/{account}/password-reset").data
            if args.second_factor:
                client.post(f"/staff/{account}/second-factor-removal")
        return _handed_over(args, args.account, str(word["password"]))
    quietly()
    config = load({"data": args.data})
    made = asyncio.run(reset_password(config, args.account, _agency_of(args), second_factor=args.second_factor))
    return _handed_over(args, made.login, made.password)


def _agency_of(args: Arguments) -> str:
    """The agency of the account that is named: as given, or as the credentials file has it."""
    if args.agency:
        return str(args.agency)
    file = read(caller.data_of(args))
    found = file.find(args.account) if file is not None else None
    if found is None:
        raise ConfigError(
            f"{args.account}: --agency CODE が必要です / is needed: the account is not in the credentials file"
        )
    return found.agency


def _handed_over(args: Arguments, login: str, password: str) -> int:
    if args.json:
        show_json({"login": login, "password": password, "must_change": True})
        return Exit.DONE
    show_pairs("新しいパスワード new password", [("利用者 login", login), ("パスワード password", password)])
    say(
        "最初のログインで変更が必要です。ここにしか表示されません。 / To be changed at the first login; shown only here.",
        "yellow",
    )
    return Exit.DONE


COMMANDS: Sequence[Command] = (
    Command(
        "staff",
        "職員のアカウントを管理する",
        "accounts of staff: passwords, second factors, sessions, delegations",
        about=(
            "架空の職員の初期パスワードは DATA/credentials.json にあります。変更したものはそこにはありません。\n"
            "First passwords are in DATA/credentials.json. reset works on the data folder, with or without a server."
        ),
        examples=(
            "sympho staff list",
            "sympho staff reset shinkirou-health",
            "sympho staff reset shinkirou-health --online",
            "sympho staff add machida --name '町田 見本' --office 9920100400 --duty review --as shinkirou-staff",
            "sympho staff delegate shinkirou-reviewer-1 shinkirou-health --duty review --days 7 --as shinkirou-staff",
        ),
        within=(
            Command("list", "一覧", "who there is", configure=_for_list, run=_list),
            Command("reset", "新しいパスワードを作る", "a new password", configure=_for_reset, run=_reset),
            *accounts.COMMANDS,
        ),
    ),
)
