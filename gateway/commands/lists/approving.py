"""``sympho lists approve|key`` (承認): a person approves a candidate with a key of one's own, behind a passphrase."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from authz.duties import Duty
from authz.listmanifest import Candidate, ListRefused, content
from gateway.commands import caller
from gateway.commands.command import Arguments, Command, Exit, Parser
from gateway.commands.lists.files import read, refused, write
from gateway.commands.screen import say, show_pairs, trouble
from gateway.config import ConfigError
from gateway.exchange.jws import holder_of, unverified_kid
from gateway.exchange.listing import ListFile, approve, public
from gateway.keys.passphrase import WrongPassphrase
from gateway.running.approvers import NoKeyFile, file_of, make, open_file, read_file
from gateway.running.credentials import read as credentials

__all__ = ["COMMANDS"]

SHORTEST = 12
WORDS_FROM = "SYMPHO_PASSPHRASE"


def _for_any(parser: Parser) -> None:
    parser.add_argument("--key", metavar="FILE", help="承認者の鍵のファイル（既定 DATA/approvers/） / the key file")
    caller.add_arguments(parser)


def _key_file(args: Arguments) -> Path:
    if args.key:
        return Path(args.key)
    if not args.login:
        raise ConfigError("--as LOGIN か --key FILE が必要です / is needed: who approves")
    return file_of(caller.data_of(args), args.login)


def _passphrase(args: Arguments, login: str) -> str:
    """From the environment, from whoever sits at the terminal, or, of an invented approver, the first password."""
    given = os.environ.get(WORDS_FROM, "")
    if given:
        return given
    file = credentials(caller.data_of(args))
    found = file.find(login) if file is not None and not args.key else None
    if found is not None:
        return found.password
    if sys.stdin.isatty():
        return getpass.getpass("合言葉 passphrase: ")
    raise ConfigError(f"合言葉を環境変数 {WORDS_FROM} で渡してください / give the passphrase in {WORDS_FROM}")


# --- approve ------------------------------------------------------------------------------------------------------


def _for_approve(parser: Parser) -> None:
    parser.add_argument("file", metavar="FILE", help="案のファイル / the candidate's file")
    _for_any(parser)


def _approve(args: Arguments) -> int:
    file, document = read(args.file)
    candidate = file.candidate
    if candidate is None:
        raise ConfigError(f"{args.file}: 案ではありません（署名済みです） / is no candidate any more")
    try:
        content(candidate, document)
        path = _key_file(args)
        own = open_file(path, _passphrase(args, read_file(path).login))
    except ListRefused as what:
        return refused(what)
    except (NoKeyFile, WrongPassphrase) as no:
        trouble("承認できません / cannot approve", [str(no)])
        return Exit.NOT_REACHED
    approved = {holder_of(unverified_kid(token)) for token in file.approvals}
    if own.account in approved:
        trouble("承認できません / cannot approve", ["同じ人の承認がすでにあります / this person has approved already"])
        return Exit.REFUSED
    tokens = (*file.approvals, approve(candidate, own.account, own.key))
    write(args.file, ListFile(1, candidate, tokens), document)
    _show(candidate, len(tokens))
    return Exit.DONE


def _show(candidate: Candidate, approvals: int) -> None:
    show_pairs(
        "承認しました approved",
        [
            ("通し番号 serial", candidate.serial),
            ("行 rows", candidate.rows),
            ("リスト SHA-256 list", candidate.list_d),
            ("案 SHA-256 candidate", candidate.digest()),
            ("予告する鍵 announces", candidate.next_key.kid if candidate.next_key else None),
            ("承認 approvals", f"{approvals} / 2"),
        ],
    )


# --- key ----------------------------------------------------------------------------------------------------------


def _for_key(parser: Parser) -> None:
    parser.add_argument("--number", type=int, default=1, metavar="N", help="鍵の番号 / the key's number (1)")
    _for_any(parser)


def _key(args: Arguments) -> int:
    if not args.login:
        raise ConfigError("--as LOGIN: 誰の鍵ですか / whose key")
    words = os.environ.get(WORDS_FROM, "") or (_chosen() if sys.stdin.isatty() else "")
    if len(words) < SHORTEST:
        raise ConfigError(
            f"合言葉（{WORDS_FROM}）は {SHORTEST} 文字以上 / a passphrase of {SHORTEST} characters or more"
        )
    path = _key_file(args)
    with caller.staff_with(args, Duty.APPROVE_LISTS) as client:
        account = client.get("/auth/me").data["staff"]["id"]
        try:
            key = make(path, args.login, account, words, args.number)
        except NoKeyFile as there:
            raise ConfigError(str(there)) from None
        client.post("/lists/approvers", {"key": msgspec.to_builtins(public(key))})
    say(f"✔ 鍵を登録しました。 / Registered: {key.kid}  {path}", "bold green")
    say("次のリストが公布されると、その次から承認できます。 / It may approve from the list after the next one on.")
    return Exit.DONE


def _chosen() -> str:
    words = getpass.getpass("新しい合言葉 new passphrase: ")
    if words != getpass.getpass("もう一度 once more: "):
        raise ConfigError("合言葉が一致しません / the two differ")
    return words


COMMANDS: Sequence[Command] = (
    Command(
        "approve",
        "案を承認する（二人）",
        "approve a candidate (two people)",
        about=(
            "自分の鍵で、このバイト列そのものを承認します。サーバーは要りません。二人は別の人、別の鍵です。\n"
            "架空の承認者の合言葉は最初のパスワードです。ほかは環境変数 SYMPHO_PASSPHRASE か端末で。\n"
            "Approves exactly these bytes with a key of one's own; no server is needed. Two people with two keys.\n"
            "Passphrase: SYMPHO_PASSPHRASE or the terminal; an invented approver's is the first password."
        ),
        examples=(
            "sympho lists approve new.list --as network-approver-1",
            "sympho lists approve new.list --key ~/approver.json",
        ),
        configure=_for_approve,
        run=_approve,
    ),
    Command(
        "key",
        "承認者の鍵を作り、登録する",
        "make and register an approver's key",
        about=(
            "鍵はファイルに残り、公開鍵だけが登録されます（権限：リスト承認）。\n"
            "The key stays in the file; only its public half is registered (duty: approve-lists)."
        ),
        examples=("SYMPHO_PASSPHRASE=... sympho lists key --as network-approver-1 --key ~/approver.json --number 2",),
        configure=_for_key,
        run=_key,
    ),
)
