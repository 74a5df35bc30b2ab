"""``sympho records`` (情報提供等記録): lists, shows and verifies; verification happens here, with published keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from authz.duties import Duty
from gateway.commands import caller
from gateway.commands.client import Client
from gateway.commands.command import Arguments, Command, Exit, Parser
from gateway.commands.reviewing import listed
from gateway.commands.screen import say, show_json, show_pairs, show_table
from gateway.exchange.directory import LIMIT, BadDirectory, Directory, verify_directory
from gateway.exchange.jws import BadKey, Jwk, JwsRefused, VerifyingKey, key_set, unverified_kid
from gateway.records.verify import RecordRefused, verify_record

__all__ = ["COMMANDS", "published_directory"]


class _Keys(msgspec.Struct, frozen=True):
    keys: tuple[Jwk, ...]


def published_directory(client: Client) -> Directory:
    """The signed directory, verified with the network's key as this server publishes it.

    Whoever must not believe the server gets the network's key some other way first; here it is trusted on first sight.
    """
    signed = client.get("/directory").text.strip()
    published: Mapping[str, VerifyingKey] = key_set(_jwks(client).keys)
    key = published[unverified_kid(signed, LIMIT)]
    return verify_directory(signed, {key.kid: key})


def _jwks(client: Client) -> _Keys:
    return msgspec.json.decode(client.get("/.well-known/jwks.json").text, type=_Keys)


def _for_list(parser: Parser) -> None:
    parser.add_argument("--since", metavar="TIME", help="この時刻から（世界時刻、RFC 3339） / from, world time")
    parser.add_argument("--until", metavar="TIME", help="この時刻まで / until")
    parser.add_argument("--limit", type=int, default=50, help="件数 / how many")
    caller.add_arguments(parser)


def _list(args: Arguments) -> int:
    with caller.staff_with(args, Duty.READ_RECORDS) as client:
        found = client.get("/records", since=args.since, until=args.until, limit=args.limit).data
    if args.json:
        show_json(found)
        return Exit.DONE
    rows = [
        (
            one.get("exchange"),
            one.get("role"),
            one.get("outcome"),
            one.get("counterpart"),
            one.get("information"),
            one.get("ended_at"),
        )
        for one in listed(found)
    ]
    show_table(
        "情報提供等記録 records",
        ("処理通番 exchange", "立場 role", "結果 outcome", "相手 counterpart", "情報 information", "終了 ended at"),
        rows,
    )
    return Exit.DONE


def _for_one(parser: Parser) -> None:
    parser.add_argument("exchange", help="処理通番 / exchange number")
    caller.add_arguments(parser)


def _show(args: Arguments) -> int:
    with caller.staff_with(args, Duty.READ_RECORDS) as client:
        record = client.get(f"/records/{args.exchange}").data
    if args.json:
        show_json(record)
        return Exit.DONE
    payload: Mapping[str, Any] = record["payload"]
    show_pairs(f"保有者 holder {record['holder']} ({record['role']})", payload.items())
    show_pairs("この保有者だけの附属 annex of this holder alone", (record.get("annex") or {}).items())
    say(f"JWS {record['record']}", "dim")
    return Exit.DONE


def _verify(args: Arguments) -> int:
    with caller.staff_with(args, Duty.READ_RECORDS) as client:
        record = client.get(f"/records/{args.exchange}").data
        directory = _trusted(client)
    faults = ["directory"] if directory is None else faults_of(record["record"], directory)
    if args.json:
        show_json({"exchange": args.exchange, "holder": record["holder"], "faults": faults})
    elif faults:
        say(f"✘ 検証できません / does not verify: {', '.join(faults)}", "bold red")
    else:
        say(f"✔ 署名と形式は正しい（保有者 {record['holder']}） / signature, spelling and holder hold", "bold green")
    return Exit.REFUSED if faults else Exit.DONE


def _trusted(client: Client) -> Directory | None:
    try:
        return published_directory(client)
    except (JwsRefused, BadDirectory, BadKey, KeyError):
        return None


def faults_of(record: str, directory: Directory) -> list[str]:
    """What is wrong with one record, under the keys of the directory; nothing when it verifies."""
    try:
        verify_record(record, directory.verifying, directory.network)
    except RecordRefused as refused:
        return [f"{refused.fault.code}: {refused.fault.reason}"]
    return []


COMMANDS: Sequence[Command] = (
    Command(
        "records",
        "情報提供等記録を見る・検証する",
        "list, show and verify the records of exchanges",
        about=(
            "照会者・ネットワーク・提供者は、同じ内容にそれぞれ署名した記録を持ちます（番号法23条）。\n"
            "Each holder keeps its own signature over the same bytes; verification is done here, with the published keys."
        ),
        examples=(
            "sympho records list --as oborozuki-records",
            "sympho records show EXCHANGE --as oborozuki-records",
            "sympho records verify EXCHANGE --as network-records",
        ),
        within=(
            Command("list", "一覧", "the agency's records", configure=_for_list, run=_list),
            Command("show", "一件を見る", "one record in full", configure=_for_one, run=_show),
            Command(
                "verify", "一件を検証する", "check signature, spelling and holder", configure=_for_one, run=_verify
            ),
        ),
    ),
)
