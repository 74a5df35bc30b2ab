"""``sympho load`` (コマンド): the door of the load test in the program. What it runs is imported only when it runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

__all__ = ["commands"]

DONE, FAILED, MISUSED, NOT_STARTED, NOT_REACHED = 0, 1, 2, 3, 4
SHAPES = ("constant", "ramp", "spike", "soak")


@dataclass(frozen=True, slots=True)
class Offered:
    """A command as the program takes it from its entry points; by its shape, for this package knows no gateway."""

    name: str
    help: str
    about: str
    examples: tuple[str, ...]
    configure: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    within: tuple[Offered, ...] = ()


def _configure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--rate", type=float, required=True, help="毎秒の到着 / arrivals a second")
    add("--for", dest="duration", required=True, metavar="T", help="続ける時間 / how long: 90s, 5m, 1h")
    add("--shape", choices=SHAPES, default="constant", help="負荷の形 / how the rate goes (default: constant)")
    add(
        "--url", default="", help="動いているサーバー（なければ自分で起動） / a running server; default: one of our own"
    )
    add("--data", type=Path, help="--url のデータフォルダー（資格情報と判定） / its data folder: credentials, judge")
    add("--credentials", type=Path, help="資格情報のファイル / credentials file, where the data folder is elsewhere")
    add("--serve", default="", metavar="ARGS", help="自分で起動するサーバーへの引数 / arguments for our own server")
    add("--mix", type=Path, help="混合比のファイル / mix file (default: loadtest/mix.toml)")
    add("--budgets", type=Path, help="予算のファイル / budget file (default: loadtest/budgets.toml)")
    add("--users", type=int, default=0, help="同時に待てる利用者の数 / how many may be under way at once")
    add("--generators", type=int, default=1, help="生成プロセスの数 / generator processes (Locust master and workers)")
    add("--drain", type=float, default=20.0, help="終わりを待つ秒数 / seconds for late answers")
    add("--sample", type=int, default=40, help="記録を検証する照会の数 / exchanges whose records are verified")
    add("--seed", type=int, default=1, help="同じ種なら同じ到着 / the same seed draws the same arrivals")
    add("--out", type=Path, help="報告のフォルダー / folder of the report (default: load-<time>)")
    add("--no-judge", action="store_true", help="判定しない / do not ask the judge")


def _run(args: argparse.Namespace) -> int:
    if find_spec("locust") is None:
        print("Locust がありません / Locust is missing: pip install 'sympho[load]'", file=sys.stderr)
        return NOT_STARTED
    from rich.console import Console

    from loadtest.budgets import BUDGETS, BadBudgets, read_budgets
    from loadtest.client import NotReached
    from loadtest.duration import seconds_of
    from loadtest.loading import Load, NotMeasured, load
    from loadtest.mix import MIX, BadMix, read_mix
    from loadtest.preparation import NotPrepared

    out = args.out or Path(f"load-{datetime.now().astimezone():%Y%m%d-%H%M%S}")
    try:
        mix_file = (args.mix or MIX).absolute()
        asked = Load(
            args.rate, seconds_of(args.duration), args.shape, read_mix(mix_file), mix_file,
            read_budgets(args.budgets or BUDGETS), out,
            args.url, args.data, args.credentials, args.serve, args.users, args.generators, args.drain, args.sample,
            args.seed, not args.no_judge,
        )  # fmt: skip
    except (BadMix, BadBudgets, ValueError) as wrong:
        print(f"指定の誤り / wrong setting: {wrong}", file=sys.stderr)
        return MISUSED
    try:
        return FAILED if load(asked, Console()).troubles else DONE
    except (NotReached, NotPrepared, NotMeasured) as trouble:
        print(f"測定できません / cannot be measured: {trouble}", file=sys.stderr)
        return NOT_REACHED


def commands() -> tuple[Offered, ...]:
    """The commands of this package."""
    return (
        Offered(
            "load",
            "負荷をかけ、測り、判定し、報告する / put load on a server, measure, judge, report",
            "到着は予定どおりに始まり、所要時間は予定の開始時刻から数えます。全ての回答を検査します。\n"
            "Arrivals start as scheduled and latency counts from there; every answer is checked. "
            "0: stands; 1: wrong answers, violations or over budget; 2: wrong settings; 4: could not be measured.",
            (
                "sympho load --rate 20 --for 30s",
                "sympho load --rate 200 --for 5m --shape spike --users 400 --generators 2",
                "sympho load --rate 50 --for 1m --url http://127.0.0.1:8443 --data ~/.local/share/sympho",
            ),
            _configure,
            _run,
        ),
    )
