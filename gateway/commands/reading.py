"""``sympho records`` (情報提供等記録): lists, shows and verifies; verification happens here, with published keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from authz.duties import Duty
from gateway.commands import caller
from gateway.commands.command import Arguments, Command, Exit, Parser
from gateway.commands.reviewing import listed
from gateway.commands.screen import say, show_json, show_pairs, show_table

__all__ = ["COMMANDS"]


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
    from gateway.commands.verifying import faults_of, trusted_directory

    with caller.staff_with(args, Duty.READ_RECORDS) as client:
        record = client.get(f"/records/{args.exchange}").data
        directory = trusted_directory(client)
    faults = ["directory"] if directory is None else faults_of(record["record"], directory)
    if args.json:
        show_json({"exchange": args.exchange, "holder": record["holder"], "faults": faults})
    elif faults:
        say(f"✘ 検証できません / does not verify: {', '.join(faults)}", "bold red")
    else:
        say(f"✔ 署名と形式は正しい（保有者 {record['holder']}） / signature, spelling and holder hold", "bold green")
    return Exit.REFUSED if faults else Exit.DONE


COMMANDS: Sequence[Command] = (
    Command(
        "records",
        "情報提供等記録を見る・検証する",
        "list, show and verify the records of exchanges",
        about=(
            "照会者・ネットワーク・提供者は、同じ内容にそれぞれ署名した記録を持ちます（番号法23条）。\n"
            "Each holder keeps its own signature over the same bytes; verified here, with the published keys."
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
