"""``sympho authz explain``, ``near`` and ``enumerate`` (判定の説明): any question, at any day, by any list that was held."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

import msgspec
from msgspec import Struct

from authz import naming
from authz.duties import Duty
from authz.enumeration import Narrowed, enumeration
from authz.explain import Asked, Assumption, Field
from authz.explained import explanation
from authz.naming import Unclear
from authz.questions import Snapshot
from gateway.clock import TOKYO, Clock
from gateway.commands import caller
from gateway.commands.authorization.sources import add_list, document_of, snapshot_of
from gateway.commands.authorization.telling import show_enumeration, show_explanation, show_near
from gateway.commands.command import Arguments, Command, Exit, Parser
from gateway.commands.screen import show_json
from gateway.config import ConfigError
from sympho.codes import encode_hook

__all__ = ["COMMANDS"]

Told = Mapping[str, Any]


# --- arguments ----------------------------------------------------------------------------------------------------


def _for_question(parser: Parser) -> None:
    parser.add_argument("--inquirer", required=True, metavar="WHO", help="照会者：種別・機関名・コード / who asks")
    parser.add_argument("--task", required=True, metavar="TASK", help="事務：名称の語・コード / for which task")
    parser.add_argument("--provider", required=True, metavar="WHO", help="提供者：種別・機関名・コード / who is asked")
    parser.add_argument(
        "--information", required=True, metavar="WHAT", help="特定個人情報：名称の語・コード / for what"
    )
    parser.add_argument("--procedure", metavar="JT", help="事務手続 / procedure")
    parser.add_argument("--item", action="append", default=[], metavar="TK", help="項目（複数可） / item, repeatable")
    parser.add_argument("--consent", action="store_true", help="本人同意あり / the person consents")
    _add_time(parser)


def _for_near(parser: Parser) -> None:
    _for_question(parser)
    parser.add_argument(
        "--field", choices=[field.value for field in Field], help="この項目の変更だけ / changes of this field only"
    )
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="件数（既定 20） / how many")


def _for_enumerate(parser: Parser) -> None:
    parser.add_argument("inquirer", metavar="WHO", help="種別・機関名・コード / a kind, an agency's name, a code")
    parser.add_argument("--task", metavar="TASK", help="この事務だけ / this task only")
    parser.add_argument("--provider", metavar="WHO", help="この提供者だけ / this provider only")
    parser.add_argument("--information", metavar="WHAT", help="この特定個人情報だけ / this information only")
    _add_time(parser)


def _add_time(parser: Parser) -> None:
    parser.add_argument("--as-of", metavar="DAY", help="判定日（東京、既定は世界時刻の今日） / the day to judge by")
    parser.add_argument(
        "--known-at",
        metavar="TIME",
        help="この時に持っていた照合リストで（日付はその日の終わり） / by the list held then",
    )
    parser.add_argument(
        "--offline", action="store_true", help="サーバーを使わず手元のリストと名簿で / by the list and bodies at hand"
    )
    add_list(parser)
    caller.add_arguments(parser)


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise ConfigError("--as-of: 2026-06-26 のような日付 / a day like 2026-06-26") from None


def _time(text: str | None) -> datetime | None:
    """An instant; a day stands for its last moment in Tokyo, and a time without an offset is Tokyo's."""
    if text is None:
        return None
    try:
        if len(text) == len("2026-06-26"):
            return datetime.combine(date.fromisoformat(text), time.max, TOKYO)
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError("--known-at: 日付または RFC 3339 の時刻 / a day or a time like 2026-06-26T09:00") from None
    return at if at.tzinfo else at.replace(tzinfo=TOKYO)


# --- where it is judged -------------------------------------------------------------------------------------------


def _at_hand(args: Arguments, *parties: str | None) -> Snapshot | None:
    """The list and bodies at hand where they answer: they were named, or nobody is whom only a directory knows."""
    named = args.offline or args.list
    if named and args.known_at:
        raise ConfigError("--known-at: サーバーが必要です / it needs a server, which remembers its lists")
    if not named and (args.known_at or args.url or args.login):
        return None
    snapshot = snapshot_of(document_of(args.list, args.world), args.world)
    if named or _kinds_only(args, snapshot, parties):
        return snapshot
    return None


def _kinds_only(args: Arguments, snapshot: Snapshot, parties: Sequence[str | None]) -> bool:
    """Whether all are kinds. What is neither a kind nor a body at hand may be one of a server that can be reached."""
    try:
        found = [naming.party(party, snapshot.list, snapshot.agencies, "WHO") for party in parties if party]
    except Unclear as unclear:
        if caller.reachable(args):
            return False
        raise ConfigError(_unclear(unclear)) from None
    return all(party in snapshot.list.kinds for party in found)


def _explained(args: Arguments) -> Told:
    as_of, known_at = _day(args.as_of), _time(args.known_at)
    snapshot = _at_hand(args, args.inquirer, args.provider)
    if snapshot is not None:
        asked = _asked(args, snapshot)
        return _plain(explanation(snapshot, asked, as_of or Clock().today(), None, (Assumption.OFFLINE,)))
    body = {
        "inquirer": args.inquirer,
        "task": args.task,
        "provider": args.provider,
        "information": args.information,
        "procedure": args.procedure,
        "items": args.item,
        "consent": args.consent,
        "as_of": as_of and as_of.isoformat(),
        "known_at": known_at and known_at.isoformat(),
    }
    with caller.staff_with(args, Duty.EXPLAIN) as client:
        told: Told = client.post("/authz/explanations", body).data
    return told


def _asked(args: Arguments, snapshot: Snapshot) -> Asked:
    match_list, agencies = snapshot.list, snapshot.agencies
    try:
        information = naming.information(args.information, match_list, "--information")
        return Asked(
            inquirer=naming.party(args.inquirer, match_list, agencies, "--inquirer"),
            task=naming.task(args.task, match_list, "--task"),
            provider=naming.party(args.provider, match_list, agencies, "--provider"),
            information=information,
            procedure=naming.procedure(args.procedure, match_list, "--procedure") if args.procedure else None,
            items=naming.items(args.item, match_list, information, "--item"),
            consent=args.consent,
        )
    except Unclear as unclear:
        raise ConfigError(_unclear(unclear)) from None


def _unclear(unclear: Unclear) -> str:
    if not unclear.fitting:
        return f"{unclear.field}: そのようなコード・名称・種別はありません / no such code, name or kind"
    more = f"（全 {unclear.fitting} 件 in all）" if unclear.fitting > len(unclear.candidates) else ""
    lines = "\n".join(f"  {candidate}" for candidate in unclear.candidates)
    return f"{unclear.field}: 一つに決まりません / several fit{more}\n{lines}"


def _plain(said: Struct) -> Told:
    """As it is on the wire."""
    told: Told = json.loads(msgspec.json.encode(said, enc_hook=encode_hook))
    return told


# --- commands -----------------------------------------------------------------------------------------------------


def _explain(args: Arguments) -> int:
    told = _explained(args)
    if args.json:
        show_json(told)
    else:
        show_explanation(told)
    return Exit.DONE


def _near(args: Arguments) -> int:
    if args.limit < 1:
        raise ConfigError("--limit: 1 以上 / 1 or more expected")
    told = _explained(args)
    fitting = [one for one in told["near"] if args.field in (None, one["field"])]
    if args.json:
        show_json({**told, "near": fitting[: args.limit], "found": len(fitting)})
    else:
        show_near(told, fitting, args.limit)
    return Exit.DONE


def _enumerate(args: Arguments) -> int:
    told = _enumerated(args)
    if args.json:
        show_json(told)
    else:
        show_enumeration(told)
    return Exit.DONE


def _enumerated(args: Arguments) -> Told:
    as_of, known_at = _day(args.as_of), _time(args.known_at)
    snapshot = _at_hand(args, args.inquirer, args.provider)
    if snapshot is not None:
        match_list, agencies = snapshot.list, snapshot.agencies
        try:
            inquirer = naming.party(args.inquirer, match_list, agencies, "WHO")
            narrowed = Narrowed(
                task=naming.task(args.task, match_list, "--task") if args.task else None,
                provider=naming.party(args.provider, match_list, agencies, "--provider") if args.provider else None,
                information=naming.information(args.information, match_list, "--information")
                if args.information
                else None,
            )
        except Unclear as unclear:
            raise ConfigError(_unclear(unclear)) from None
        return _plain(enumeration(snapshot, inquirer, as_of or Clock().today(), narrowed))
    body = {name: getattr(args, name) for name in ("inquirer", "task", "provider", "information")}
    body |= {"as_of": as_of and as_of.isoformat(), "known_at": known_at and known_at.isoformat()}
    with caller.staff_with(args, Duty.EXPLAIN) as client:
        told: Told = client.post("/authz/enumerations", body).data
    return told


def _where() -> Iterator[str]:
    yield "種別だけの照会は手元の照合リストで、機関を名指した照会は動いているサーバーで（権限「判定説明」）答えます。"
    yield "Kinds are answered by the list at hand; agencies by the running server, as staff with the duty explain."


COMMANDS: Sequence[Command] = (
    Command(
        "explain",
        "照会の可否を、全ての検査と根拠で説明する",
        "explain a question: every check, its ground, what is near",
        about="\n".join(_where()),
        examples=(
            "sympho authz explain --inquirer 市町村 --task 予防接種法による予防接種の実施に関する事務 \\",
            "    --provider 市町村 --information 地方税関係情報 --as-of 2026-06-26",
            "sympho authz explain --inquirer 蜃気楼市 --provider 陽炎市 --task JM... --information TM... --known-at TIME",
        ),
        configure=_for_question,
        run=_explain,
    ),
    Command(
        "near",
        "一項目だけ変えれば許可される照会を、近い順に示す",
        "every single-field change that would be permitted, nearest first",
        about="近さは、項目・同意・事務手続・特定個人情報・事務・提供者・照会者・判定日の順、同じなら表の順です。\n"
        "Nearness: items, consent, procedure, information, task, provider, inquirer, day; then the table's order.",
        examples=(
            "sympho authz near --inquirer 市町村 --task 予防接種法による予防接種の実施に関する事務 \\",
            "    --provider 市町村 --information 地方税関係情報 --field information",
        ),
        configure=_for_near,
        run=_near,
    ),
    Command(
        "enumerate",
        "ある種別または機関が照会できるものを挙げる",
        "what a kind of body, or an agency, may ask",
        about="\n".join(_where()),
        examples=(
            "sympho authz enumerate 都道府県 --information 地方税関係情報",
            "sympho authz enumerate 蜃気楼市",
        ),
        configure=_for_enumerate,
        run=_enumerate,
    ),
)
