"""``sympho staff ...`` (権限管理): what the keeper of accounts does with one account, over the running server."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from authz.duties import Duty
from gateway.clock import TOKYO
from gateway.commands import caller
from gateway.commands.client import Client
from gateway.commands.command import Arguments, Command, Exit, Parser
from gateway.commands.reviewing import listed
from gateway.commands.screen import say, show_json, show_pairs, show_table
from gateway.config import ConfigError

__all__ = ["COMMANDS", "account_id"]

NONE = "none"
"""Lifts a condition."""
DUTIES = tuple(duty.value for duty in Duty)


def account_of(client: Client, login: str) -> Mapping[str, Any]:
    """An account of the keeper's own agency."""
    found = next((one for one in listed(client.get("/staff").data) if one["login"] == login), None)
    if found is None:
        raise ConfigError(f"{login}: 自団体にその利用者はいません / no such account in this agency")
    return found


def account_id(client: Client, login: str) -> str:
    """The id of an account of the keeper's own agency."""
    return str(account_of(client, login)["id"])


def moment(text: str) -> str:
    """A day's beginning or a time, in Tokyo where nothing else is said, as the interface takes it."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{text}: 日付か時刻（RFC 3339） / a day or a time expected") from None
    return (at if at.tzinfo else at.replace(tzinfo=TOKYO)).isoformat()


def end(text: str) -> str:
    """A time, or the end of a day: until a day is until it is over."""
    if len(text) == len("2026-04-01"):
        return (datetime.fromisoformat(moment(text)) + timedelta(days=1)).isoformat()
    return moment(text)


def _keeper(args: Arguments) -> Client:
    return caller.staff_with(args, Duty.MANAGE_STAFF)


def _done(args: Arguments, told: str) -> int:
    if args.json:
        show_json({"done": True})
    else:
        say(told, "green")
    return Exit.DONE


# --- accounts -----------------------------------------------------------------------------------------------------


def _for_add(parser: Parser) -> None:
    parser.add_argument("account", metavar="LOGIN", help="利用者名 / login name")
    parser.add_argument("--name", required=True, help="氏名 / name")
    parser.add_argument("--office", required=True, help="部署コード / office")
    parser.add_argument("--duty", action="append", default=[], choices=DUTIES, help="権限（何度でも） / repeatable")
    parser.add_argument("--task", action="append", help="事務コード（何度でも、省略で全て） / repeatable; all without")
    parser.add_argument("--until", help="有効期間の終わり / when the account expires")
    caller.add_arguments(parser)


def _add(args: Arguments) -> int:
    body = {"login": args.account, "name": args.name, "office": args.office, "duties": args.duty, "tasks": args.task}
    if args.until:
        body["valid_until"] = end(args.until)
    with _keeper(args) as client:
        made = client.post("/staff", body).data
    if args.json:
        show_json(made)
    else:
        pairs = [("利用者 login", made["login"]), ("パスワード password", made["password"]), ("識別子 id", made["id"])]
        show_pairs("新しい職員 new account", pairs)
        say("ここにしか表示されません。最初のログインで変更が必要です。 / Shown only here; to be changed.", "yellow")
    return Exit.DONE


def _for_account(parser: Parser) -> None:
    parser.add_argument("account", metavar="LOGIN", help="利用者名 / whose")
    caller.add_arguments(parser)


def _disable(args: Arguments) -> int:
    with _keeper(args) as client:
        client.post(f"/staff/{account_id(client, args.account)}/disable")
    return _done(args, "停止しました。 / Closed, its sessions ended.")


def _enable(args: Arguments) -> int:
    with _keeper(args) as client:
        client.post(f"/staff/{account_id(client, args.account)}/enable")
    return _done(args, "再開しました。 / Open again.")


def _for_conditions(parser: Parser) -> None:
    parser.add_argument("account", metavar="LOGIN", help="利用者名 / whose")
    parser.add_argument("--since", help="いつから（機械時刻） / from when, machine time")
    parser.add_argument("--until", help="いつまで（日付ならその日の終わり） / until when; a day: until it is over")
    parser.add_argument(
        "--terminal", action="append", metavar="TRM", help="この端末からだけ（何度でも） / only from there"
    )
    parser.add_argument("--outside", metavar="SUBJECT", help="外部認証での名 / whom the outside issuer calls them")
    caller.add_arguments(parser)


def _condition(args: Arguments) -> int:
    named = {
        "valid_from": args.since and (NONE if args.since == NONE else moment(args.since)),
        "valid_until": args.until and (NONE if args.until == NONE else end(args.until)),
        "terminals": NONE if args.terminal == [NONE] else args.terminal,
        "outside_subject": args.outside,
    }
    with _keeper(args) as client:
        account = account_of(client, args.account)
        body = {name: account[name] if given is None else given for name, given in named.items()}
        body = {name: None if value == NONE else value for name, value in body.items()}
        client.put(f"/staff/{account['id']}/conditions", body)
    return _done(args, "利用条件を設定しました。 / Conditions set; the sessions ended.")


def _sessions(args: Arguments) -> int:
    with _keeper(args) as client:
        found = client.get(f"/staff/{account_id(client, args.account)}/sessions").data
    if args.json:
        show_json(found)
        return Exit.DONE
    columns = ("id", "terminal", "second_factor", "started_at", "authenticated_at", "ends_at")
    show_table("セッション sessions", columns, [[one[name] for name in columns] for one in listed(found)])
    return Exit.DONE


def _revoke(args: Arguments) -> int:
    with _keeper(args) as client:
        client.post(f"/staff/{account_id(client, args.account)}/session-revocation")
    return _done(args, "全てのセッションを終わらせました。 / Every session ended.")


# --- rules, second factor, delegation -----------------------------------------------------------------------------


def _for_rules(parser: Parser) -> None:
    parser.add_argument(
        "--second-factor", action="append", choices=(*DUTIES, "none"), help="二要素を求める権限 / duties that need one"
    )
    parser.add_argument(
        "--password-days", type=int, metavar="N", help="パスワードの日数（0 は無期限） / 0: never too old"
    )
    caller.add_arguments(parser)


def _rules(args: Arguments) -> int:
    with _keeper(args) as client:
        rules = client.get("/staff-rules").data
        if args.second_factor is not None:
            rules["second_factor_for"] = [one for one in args.second_factor if one != "none"]
        if args.password_days is not None:
            rules["password_days"] = args.password_days or None
        if args.second_factor is not None or args.password_days is not None:
            rules = client.put("/staff-rules", rules).data
    if args.json:
        show_json(rules)
    else:
        show_pairs("団体の規則 rules", rules.items())
    return Exit.DONE


def _enrol(args: Arguments) -> int:
    with caller.staff_with(args, Duty.INQUIRE) as client:
        made = client.post("/auth/second-factor").data
        sys.stdout.write(f"{made['uri']}\n{made['secret']}\n")
        say("認証アプリに登録し、表示されたコードを入力してください。 / Put it into an authenticator; then its code:")
        sys.stdout.flush()
        codes = client.post("/auth/second-factor/confirmation", {"code": sys.stdin.readline().strip()}).data
    if args.json:
        show_json(codes)
    else:
        show_pairs(
            "回復コード（一度ずつ） recovery codes, each once",
            [(str(n), one) for n, one in enumerate(codes["recovery_codes"], 1)],
        )
    return Exit.DONE


def _for_delegate(parser: Parser) -> None:
    parser.add_argument("delegator", metavar="FROM", help="権限を持つ利用者 / whose duty")
    parser.add_argument("deputy", metavar="TO", help="代行する利用者 / who exercises it")
    parser.add_argument("--duty", required=True, choices=DUTIES, help="権限 / which duty")
    end = parser.add_mutually_exclusive_group(required=True)
    end.add_argument("--until", help="いつまで（機械時刻） / until when, machine time")
    end.add_argument("--days", type=int, metavar="N", help="今から何日 / for so many days from now")
    caller.add_arguments(parser)


def _delegate(args: Arguments) -> int:
    with _keeper(args) as client:
        body = {
            "delegator": account_id(client, args.delegator),
            "deputy": account_id(client, args.deputy),
            "duty": args.duty,
            "until": end(args.until) if args.until else _in_days(client, args.days),
        }
        made = client.post("/delegations", body).data
    if args.json:
        show_json(made)
    else:
        show_pairs("代行 delegation", made.items())
    return Exit.DONE


def _in_days(client: Client, days: int) -> str:
    """So many days from now, by the server's machine clock."""
    return (datetime.fromisoformat(client.get("/clock").data["machine"]) + timedelta(days=days)).isoformat()


def _delegations(args: Arguments) -> int:
    with _keeper(args) as client:
        found = client.get("/delegations").data
    if args.json:
        show_json(found)
        return Exit.DONE
    columns = ("id", "delegator", "deputy", "duty", "begins", "until")
    show_table("代行 delegations", columns, [[one[name] for name in columns] for one in listed(found)])
    return Exit.DONE


def _for_undelegate(parser: Parser) -> None:
    parser.add_argument("delegation", metavar="ID", help="代行の識別子 / dlg_...")
    caller.add_arguments(parser)


def _undelegate(args: Arguments) -> int:
    with _keeper(args) as client:
        client.post(f"/delegations/{args.delegation}/end")
    return _done(args, "代行を終えました。 / Ended.")


# --- terminals ----------------------------------------------------------------------------------------------------


def _terminals(args: Arguments) -> int:
    with _keeper(args) as client:
        found = client.get("/terminals").data
    if args.json:
        show_json(found)
        return Exit.DONE
    columns = ("id", "name", "created_at", "closed_at")
    show_table("端末 terminals", columns, [[one[name] for name in columns] for one in listed(found)])
    return Exit.DONE


def _for_terminal(parser: Parser) -> None:
    parser.add_argument("name", metavar="NAME", help="端末の名前 / what people call the machine")
    caller.add_arguments(parser)


def _register(args: Arguments) -> int:
    with _keeper(args) as client:
        made = client.post("/terminals", {"name": args.name}).data
    if args.json:
        show_json(made)
    else:
        show_pairs("新しい端末 new terminal", [("識別子 id", made["id"]), ("鍵 key", made["key"])])
        say("鍵はここにしか表示されません（SYMPHO_TERMINAL_KEY）。 / The key is shown only here.", "yellow")
    return Exit.DONE


def _for_close(parser: Parser) -> None:
    parser.add_argument("terminal", metavar="ID", help="端末の識別子 / trm_...")
    caller.add_arguments(parser)


def _close(args: Arguments) -> int:
    with _keeper(args) as client:
        client.post(f"/terminals/{args.terminal}/close")
    return _done(args, "端末を廃止しました。 / Nobody logs in there any more.")


COMMANDS: Sequence[Command] = (
    Command("add", "登録する", "make an account", configure=_for_add, run=_add),
    Command("disable", "停止する", "close an account", configure=_for_account, run=_disable),
    Command("enable", "再開する", "open it again", configure=_for_account, run=_enable),
    Command(
        "conditions",
        "有効期間・端末・外部認証",
        "when, from where, over which door",
        about="名指ししない条件はそのままです。none で外します。 / What is not named stays; none lifts a condition.",
        examples=(
            "sympho staff conditions shinkirou-care --until 2099-03-31 --as shinkirou-staff",
            "sympho staff conditions shinkirou-care --until none --as shinkirou-staff",
        ),
        configure=_for_conditions,
        run=_condition,
    ),
    Command("sessions", "セッションの一覧", "who is logged in where", configure=_for_account, run=_sessions),
    Command("revoke", "セッションを終わらせる", "end every session", configure=_for_account, run=_revoke),
    Command("rules", "団体の規則を見る・変える", "what the agency demands", configure=_for_rules, run=_rules),
    Command("enrol", "自分の二要素を登録する", "one's own second factor", configure=caller.add_arguments, run=_enrol),
    Command("delegate", "代行を登録する", "a duty exercised by another", configure=_for_delegate, run=_delegate),
    Command("undelegate", "代行を終える", "end it before its time", configure=_for_undelegate, run=_undelegate),
    Command("delegations", "代行の一覧", "who acts for whom", configure=caller.add_arguments, run=_delegations),
    Command("terminals", "端末の一覧", "registered terminals", configure=caller.add_arguments, run=_terminals),
    Command(
        "register-terminal",
        "端末を登録する",
        "register a terminal",
        about=(
            "鍵をその端末の SYMPHO_TERMINAL_KEY に置き、sympho staff conditions --terminal で利用者を結び付けます。\n"
            "Keep the key in SYMPHO_TERMINAL_KEY of that machine; sympho staff conditions --terminal binds an account."
        ),
        examples=("sympho staff register-terminal 窓口7 --as shinkirou-staff",),
        configure=_for_terminal,
        run=_register,
    ),
    Command("close-terminal", "端末を廃止する", "nobody logs in there any more", configure=_for_close, run=_close),
)
