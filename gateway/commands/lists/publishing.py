"""``sympho lists sign|publish|verify|history`` (公布と確認): what the network does with a list, and what anybody checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from authz.duties import Duty
from authz.listmanifest import Link, ListFault, ListRefused, canonical_bytes, content
from gateway.commands import caller
from gateway.commands.client import Client
from gateway.commands.command import Arguments, Command, Exit, Parser
from gateway.commands.lists.files import history_of, links_of, read, refused, write
from gateway.commands.screen import say, show_json, show_pairs, show_table
from gateway.config import ConfigError
from gateway.exchange.jws import BadKey, Jwk, VerifyingKey, key_set
from gateway.exchange.listing import ListFile, anchored

__all__ = ["COMMANDS"]


class _Keys(msgspec.Struct, frozen=True):
    keys: tuple[Jwk, ...]


def _for_file(parser: Parser) -> None:
    parser.add_argument("file", metavar="FILE", help="リストのファイル / the list's file")
    caller.add_arguments(parser)


# --- sign, publish ------------------------------------------------------------------------------------------------


def _sign(args: Arguments) -> int:
    file, document = read(args.file)
    if file.candidate is None:
        raise ConfigError(f"{args.file}: すでに署名されています / is signed already")
    body = {
        "candidate": canonical_bytes(file.candidate).decode(),
        "approvals": list(file.approvals),
        "document": document.decode(),
    }
    with caller.staff_with(args, Duty.PUBLISH_LISTS) as client:
        manifest = client.post("/lists/signatures", body).data["manifest"]
        before = [one["manifest"] for one in history_of(client)["lists"]]
    write(args.file, ListFile(1, history=(*before, manifest)), document)
    say(f"✔ 署名されました（まだ公布されていません）。 / Signed, and not in force yet: {args.file}", "bold green")
    return Exit.DONE


def _publish(args: Arguments) -> int:
    file, document = read(args.file)
    manifest = file.history[-1] if file.history else ""
    with caller.staff_with(args, Duty.PUBLISH_LISTS) as client:
        made = client.post("/lists", {"manifest": manifest, "document": document.decode()}).data
    if args.json:
        show_json(made)
    else:
        say(f"✔ 公布しました。 / In force: {made['serial']}  {made['digest']}", "bold green")
    return Exit.DONE


# --- verify -------------------------------------------------------------------------------------------------------


def _for_verify(parser: Parser) -> None:
    _for_file(parser)
    parser.add_argument(
        "--jwks",
        metavar="FILE",
        help="信頼する公開鍵（JWKS、既定はサーバーのもの） / keys to trust, if not the server's",
    )


def _verify(args: Arguments) -> int:
    file, document = read(args.file)
    try:
        links = _verified(file, document, _trusted(args))
    except ListRefused as what:
        return refused(what)
    if args.json:
        show_json(msgspec.to_builtins(links[-1].candidate))
    else:
        _show_verified(links)
    return Exit.DONE


def _verified(file: ListFile, document: bytes, trusted: Mapping[str, VerifyingKey]) -> Sequence[Link]:
    links = links_of(file.history)
    if not anchored(links, trusted):
        raise ListRefused(ListFault.WRONG_KEY)
    content(links[-1].candidate, document)
    if not links[-1].candidate.fresh(datetime.now(UTC)):
        raise ListRefused(ListFault.EXPIRED)
    return links


def _trusted(args: Arguments) -> Mapping[str, VerifyingKey]:
    if args.jwks:
        try:
            raw: bytes | str = Path(args.jwks).read_bytes()
        except OSError as error:
            raise ConfigError(f"{args.jwks}: {error.strerror}") from None
    else:
        with caller.anybody(args) as client:
            raw = client.get("/.well-known/jwks.json").text
    try:
        return key_set(msgspec.json.decode(raw, type=_Keys).keys)
    except (msgspec.DecodeError, BadKey):
        raise ConfigError("--jwks: 公開鍵の集合（RFC 7517）ではありません / no key set") from None


def _show_verified(links: Sequence[Link]) -> None:
    last = links[-1].candidate
    show_pairs(
        "確かめました verified",
        [
            ("通し番号 serial", last.serial),
            ("判断できる日 days", f"{last.in_force_from} – {last.in_force_until or ''}"),
            ("行 rows", last.rows),
            ("部分 parts", len(last.parts)),
            ("期限 expires", last.expires_at.isoformat(timespec="seconds")),
            ("リスト SHA-256 list", last.list_d),
            ("目録 SHA-256 manifest", links[-1].digest),
            ("署名の鍵 key", last.key.kid),
            ("履歴 history", f"{len(links)} 件、全て続いています / links, each follows the one before"),
        ],
    )


# --- history ------------------------------------------------------------------------------------------------------


def _for_history(parser: Parser) -> None:
    parser.add_argument(
        "--held", action="store_true", help="ネットワークでなく中間サーバーの履歴 / what the intermediary server holds"
    )
    caller.add_arguments(parser)


def _history(args: Arguments) -> int:
    duty = Duty.INQUIRE if args.held else Duty.PUBLISH_LISTS  # the network's operator has nobody who inquires
    with caller.staff_with(args, duty) as client:
        return _shown(args, client)


def _shown(args: Arguments, client: Client) -> int:
    found: Mapping[str, Any] = history_of(client)
    try:
        links_of([one["manifest"] for one in found["lists"]])
    except ListRefused as what:
        return refused(what)
    if args.json:
        show_json(found)
        return Exit.DONE
    show_table(
        "照合リストの履歴（署名は確かめました） history, verified",
        (
            "番号 serial",
            "から since",
            "まで until",
            "行 rows",
            "期限 expires",
            "鍵 key",
            "予告 next",
            "承認 by",
            "本文 kept",
        ),
        [_row(one) for one in found["lists"]],
    )
    return Exit.DONE


def _row(one: Mapping[str, Any]) -> Sequence[object]:
    moments = [(one[name] or "")[:19] for name in ("since", "until")]
    keys = [(one[name] or "").rpartition("/")[2] for name in ("signed_with", "announces")]
    by = " ".join(account[:8] for account in one["approved_by"])
    return (one["serial"], *moments, one["rows"], one["expires_at"][:10], *keys, by, one["kept"])


COMMANDS: Sequence[Command] = (
    Command(
        "sign",
        "二人が承認した案に署名を受ける",
        "have an approved candidate signed",
        about=(
            "ネットワークは、内容・承認・履歴・期限を全て確かめてから署名します（権限：リスト公布）。\n"
            "The network checks content, approvals, history and expiry before it signs (duty: publish-lists)."
        ),
        examples=("sympho lists sign new.list",),
        configure=_for_file,
        run=_sign,
    ),
    Command(
        "publish",
        "署名済みの照合リストを公布する",
        "put a signed list in force",
        about=(
            "公布すると、全ての中間サーバーが一秒以内に取りに来て、確かめてから一度に切り替えます。\n"
            "Every intermediary server fetches it within a second, verifies it and switches at once."
        ),
        examples=("sympho lists publish new.list",),
        configure=_for_file,
        run=_publish,
    ),
    Command(
        "verify",
        "照合リストのファイルを手元で確かめる",
        "verify a signed list offline",
        about=(
            "署名、二人の承認、履歴の最初からのつながり、期限、行を確かめます。--jwks があればサーバーは要りません。\n"
            "Signatures, approvals, the history from its first link, expiry and rows. With --jwks no server is needed."
        ),
        examples=("sympho lists verify new.list", "sympho lists verify new.list --jwks network.jwks.json"),
        configure=_for_verify,
        run=_verify,
    ),
    Command(
        "history",
        "照合リストの履歴を見る",
        "the history of lists",
        about=(
            "履歴は消えません。リストの本文は、次のリストに替わってから七年（世界時刻）残ります。\n"
            "The history stays for ever; a list's rows for seven years of world time after the next one took its place."
        ),
        examples=("sympho lists history", "sympho lists history --held"),
        configure=_for_history,
        run=_history,
    ),
)
