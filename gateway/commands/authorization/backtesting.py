"""``sympho authz backtest`` (過去の判定の再判定): what was decided, decided again by the same list or by another one."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import TYPE_CHECKING

import msgspec
from rich.progress import Progress

from authz.backtest import Difference, Differs, Recipe, Side, Stored, backtest
from authz.matchlist import compile_list, parse
from authz.questions import Snapshot
from authz.reasons import REASONS
from gateway.commands.authorization.sources import DEFAULT_WORLD, document_of
from gateway.commands.command import Arguments, Command, Exit, Parser
from gateway.commands.screen import err, quietly, say, show_json, show_pairs, show_table
from gateway.config import ConfigError, load
from sympho.codes import encode_hook

if TYPE_CHECKING:
    from gateway.running.backtesting import Past

__all__ = ["COMMANDS"]

DIFFERS: Mapping[Differs, str] = {
    Differs.EFFECT: "判定 effect",
    Differs.REASON: "理由 reason",
    Differs.GROUND: "根拠 ground",
    Differs.UNJUDGED: "判定できず unjudged",
}
HOLDERS: Mapping[Recipe, str] = {
    Recipe.ASK: "照会者 inquirer",
    Recipe.PERMIT: "ネットワーク network",
    Recipe.PROVIDE: "提供者 provider",
}


@dataclass(frozen=True, slots=True)
class _Done:
    tried: Counter[Recipe]
    differences: tuple[Difference, ...]
    by: str
    """A file or a serial; empty where each record's own list was taken."""
    as_of: date | None


def _for_backtest(parser: Parser) -> None:
    parser.add_argument("--data", metavar="DIR", help="データフォルダー / the data folder (SYMPHO_DATA)")
    parser.add_argument(
        "--server",
        action="append",
        default=[],
        metavar="DIR",
        help="別プロセスの中間サーバーのデータフォルダー / data folder of an intermediary server apart, repeatable",
    )
    by = parser.add_mutually_exclusive_group()
    by.add_argument("--list", metavar="FILE", help="この照合リストの文書で / by this list's document")
    by.add_argument(
        "--serial", type=int, metavar="N", help="保有している通番 N のリストで / by the list N that is kept"
    )
    parser.add_argument("--as-of", metavar="DAY", help="全てをこの日で判定する / judge all by this day")
    parser.add_argument("--recipe", choices=[one.value for one in Recipe], help="この判定だけ / these decisions only")
    parser.add_argument("--limit", type=int, default=30, metavar="N", help="表に出す件数（既定 30） / listed")
    parser.add_argument("--json", action="store_true", help="JSON で出力 / machine output")


def _backtest(args: Arguments) -> int:
    as_of = _day(args.as_of)
    document = document_of(args.list, DEFAULT_WORLD) if args.list else None
    quietly()
    from gateway.running.backtesting import past

    config = load({"data": args.data})
    found = asyncio.run(past(config, [load({"data": one}) for one in args.server]))
    wanted = [one for one in found.stored if args.recipe in (None, one.recipe.value)]
    if not wanted:
        raise ConfigError(f"--data: {config.data}: 再判定できる記録がありません / holds no record to be judged again")
    list_of = _list_of(found, document, args.serial)
    with Progress(console=err, transient=True) as bars:
        made = bars.track(backtest(wanted, list_of, as_of), total=len(wanted), description="再判定")
        differences = tuple(one for one in made if one is not None)
    by = args.list or ("" if args.serial is None else f"serial {args.serial}")
    done = _Done(Counter(one.recipe for one in wanted), differences, by, as_of)
    if args.json:
        show_json(_as_json(done))
    else:
        _show(done, args.limit)
    return Exit.REFUSED if differences else Exit.DONE


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise ConfigError("--as-of: 2026-06-26 のような日付 / a day like 2026-06-26") from None


def _list_of(found: Past, document: bytes | None, serial: int | None) -> Callable[[Stored], Snapshot | None]:
    kept = cache(found.kept)
    if document is not None:
        candidate = compile_list(parse(document), max(found.documents, default=0) + 1)
        return lambda stored: found.snapshot(candidate, stored)
    if serial is None:

        def named(stored: Stored) -> Snapshot | None:
            serial = found.named_by(stored)
            by = None if serial is None else kept(serial)
            return None if by is None else found.snapshot(by, stored)

        return named
    one = kept(serial)
    if one is None:
        held = ", ".join(str(known) for known in sorted(found.documents))
        raise ConfigError(f"--serial: {serial} は保有していません / is not kept; kept: {held}")
    return lambda stored: found.snapshot(one, stored)


def _as_json(done: _Done) -> dict[str, object]:
    differences = json.loads(msgspec.json.encode(done.differences, enc_hook=encode_hook))
    counted = Counter(one.differs for one in done.differences)
    return {
        "by": done.by,
        "as_of": done.as_of and done.as_of.isoformat(),
        "tried": {recipe.value: done.tried[recipe] for recipe in Recipe},
        "differing": {differs.value: counted[differs] for differs in Differs},
        "differences": differences,
    }


def _show(done: _Done, limit: int) -> None:
    counted = Counter(one.differs for one in done.differences)
    show_pairs(
        "再判定 backtest",
        (
            ("照合リスト list", done.by or "それぞれの記録が名指すもの each record's own"),
            ("判定日 as of", done.as_of or "それぞれの記録の日 each record's own"),
            *((HOLDERS[recipe], f"{done.tried[recipe]:,} 件") for recipe in Recipe),
            *((f"相違 {DIFFERS[differs]}", f"{counted[differs]:,} 件") for differs in Differs if counted[differs]),
        ),
    )
    if not done.differences:
        say("✔ 全て同じ判定です。 / Every decision falls as it did.", "bold green")
        return
    shown = done.differences[:limit]
    more = f"（{len(shown)} 件を表示、全件は --json・--limit）" if len(shown) < len(done.differences) else ""
    show_table(
        f"相違 {len(done.differences):,} 件 differences{more}",
        ("処理通番 exchange", "誰の判定 whose", "相違 differs", "照会 question", "当時 then", "今回 now"),
        [
            (
                one.exchange,
                HOLDERS[one.recipe],
                DIFFERS[one.differs],
                f"{one.inquirer} {one.task} → {one.provider} {one.information} ({one.as_of})",
                _side(one.stored),
                _side(one.now) if one.now else "リストなし no such list",
            )
            for one in shown
        ],
    )
    say(f"✘ {len(done.differences):,} 件が異なります。 / decisions differ.", "bold red")


def _side(side: Side) -> str:
    reasons = "、".join(REASONS[reason].ja for reason in side.reasons)
    return " ".join(part for part in (side.effect.value, side.ground, reasons, f"(list {side.serial})") if part)


COMMANDS: Sequence[Command] = (
    Command(
        "backtest",
        "記録された判定を、同じリストまたは別のリストでやり直す",
        "decide stored exchanges again, by their own list or by another one",
        about=(
            "照会者・ネットワーク・提供者の記録を読み、それぞれの判定をやり直して、当時と違うものを挙げます。\n"
            "符号の有無や自動応答不可など、その時しか分からないことは記録のとおりとし、機関はその時の名簿によります。\n"
            "Reads every holder's records from the data, a server up or not. What only the exchange could show is\n"
            "taken as recorded; agencies are judged by the directory of the time. 0: all as they were, 1: some differ."
        ),
        examples=(
            "sympho authz backtest",
            "sympho authz backtest --list candidate.list --json",
            "sympho authz backtest --serial 1 --as-of 2026-06-26",
        ),
        configure=_for_backtest,
        run=_backtest,
    ),
)
