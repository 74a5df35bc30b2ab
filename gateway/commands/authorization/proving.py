"""``sympho authz prove`` (全数証明): every combination of a list decided, its digest confirmed by a second evaluation."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from authz.matchlist import compile_list, parse
from authz.proof.running import Checked, Proof, Watch, prove
from authz.proof.sweep import per_kind, places
from gateway.commands.authorization.sources import add_list, document_of
from gateway.commands.command import Arguments, Command, Exit, Parser
from gateway.commands.screen import err, say, show_json, show_pairs, show_table
from gateway.config import ConfigError

__all__ = ["COMMANDS"]

SHOWN = 20
FIGURES = ("許可 permitted", "判定の SHA-256 of letters", "根拠の SHA-256 of grounds")
COLUMNS = ("版 revision", "組合せ tried", *FIGURES)
NAMED = ("版 revision", "事務手続を示した組合せ named", *FIGURES)


def _for_prove(parser: Parser) -> None:
    add_list(parser)
    cores = len(os.sched_getaffinity(0))
    parser.add_argument("--processes", type=int, default=cores, metavar="N", help=f"プロセス数 / processes ({cores})")
    parser.add_argument(
        "--write", type=Path, metavar="DIR", help="判定の全文を書く / write statement, letters, grounds"
    )
    parser.add_argument("--json", action="store_true", help="JSON で出力 / machine output")


def _prove(args: Arguments) -> int:
    if args.processes < 1:
        raise ConfigError("--processes: 1 以上 / 1 or more expected")
    document = document_of(args.list, args.world)
    begun = time.perf_counter()
    with _watched(document, args.write) as watch:
        proof = prove(document, args.processes, watch)
    seconds = time.perf_counter() - begun
    if args.write:
        (args.write / "statement.txt").write_text(proof.statement, encoding="ascii")
    if args.json:
        show_json(_as_json(proof, seconds, args.processes))
    else:
        _show(proof, seconds, args.processes)
    return Exit.DONE if proof.holds else Exit.REFUSED


# --- while it runs ------------------------------------------------------------------------------------------------


@contextmanager
def _watched(document: bytes, folder: Path | None) -> Iterator[Watch]:
    """Shows how far it is, and keeps the bytes where a folder is given."""
    match_list = compile_list(parse(document), 1)
    one = per_kind(match_list)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,.0f}"), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as bars, _files(folder) as keep:
        bar = bars.add_task("", total=one * len(places(match_list)))

        def watch(checked: Checked) -> None:
            place = checked.block.place
            keep(checked)
            bars.update(bar, advance=one, description=f"{place.revision} {place.inquirer_kind}")

        yield watch


@contextmanager
def _files(folder: Path | None) -> Iterator[Watch]:
    if folder is None:
        yield lambda _: None
        return
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[str, BinaryIO] = {}

    def keep(checked: Checked) -> None:
        block, named = checked.block, checked.named
        for suffix, content in (
            ("letters", block.letters),
            ("grounds", block.grounds),
            ("procedures.letters", named.letters),
            ("procedures.grounds", named.grounds),
        ):
            name = f"{block.place.revision}.{suffix}"
            if name not in files:
                files[name] = (folder / name).open("wb")
            files[name].write(content)

    try:
        yield keep
    finally:
        for file in files.values():
            file.close()


# --- the result ---------------------------------------------------------------------------------------------------


def _lines(proof: Proof, of: str) -> Iterator[Mapping[str, str]]:
    """The statement's lines that begin with this word."""
    for line in proof.statement.splitlines():
        words = line.split(" ")
        if words[0] == of:
            yield dict(zip(words[::2], words[1::2], strict=True))


def _as_json(proof: Proof, seconds: float, processes: int) -> dict[str, object]:
    revisions, procedures = (
        [{**one, "tried": int(one["tried"]), "permitted": int(one["permitted"])} for one in _lines(proof, of)]
        for of in ("revision", "procedures")
    )
    return {
        "holds": proof.holds,
        "digest": proof.digest,
        "confirmed": proof.confirmed,
        "tried": proof.tried,
        "permitted": proof.permitted,
        "named": proof.named,
        "whole_decisions": proof.decisions,
        "differences": list(proof.differences),
        "revisions": revisions,
        "procedures": procedures,
        "statement": proof.statement,
        "seconds": round(seconds, 1),
        "processes": processes,
    }


def _show(proof: Proof, seconds: float, processes: int) -> None:
    for of, title, columns in (
        ("revision", "全ての組合せを判定しました / every combination was decided", COLUMNS),
        ("procedures", "許可される組合せを事務手続ごとに判定しました / and with each procedure named", NAMED),
    ):
        rows = [
            (one[of], f"{int(one['tried']):,}", f"{int(one['permitted']):,}", one["letters"], one["grounds"])
            for one in _lines(proof, of)
        ]
        show_table(title, columns, rows)
    show_pairs(
        "全数証明 exhaustive proof",
        (
            ("組合せ tried", f"{proof.tried:,}"),
            ("許可 permitted", f"{proof.permitted:,}"),
            ("事務手続を示して with a procedure named", f"{proof.named:,}"),
            ("SHA-256", proof.digest),
            ("第二の判定器 second evaluation", "一致 the same" if proof.confirmed else "不一致 DIFFERS"),
            ("判定全体との照合 whole decisions", f"{proof.decisions:,}, {len(proof.differences):,} 不一致 differ"),
            ("時間 time", f"{seconds:.1f} s, {processes} プロセス processes"),
        ),
    )
    for text in proof.differences[:SHOWN]:
        say(f"✘ {text}", "red")
    if proof.holds:
        say("✔ 証明されました。 / It is proven.", "bold green")
        return
    say("✘ 一致しません。 / It does not hold.", "bold red")
    if not proof.confirmed:
        say(proof.second)


COMMANDS = (
    Command(
        "prove",
        "照合リストの全ての組合せを判定し、証明する",
        "decide every combination of a list, and have it confirmed",
        about=(
            "照会者の種別 x 事務 x 提供者の種別 x 特定個人情報の全ての組合せを、判定と同じ検索で一つずつ判定します。\n"
            "許可される組合せは、照合リストの事務手続を一つずつ示した照会としても判定します。\n"
            "別に書かれた第二の判定器が、展開前の行だけから同じ結果になることを確かめます。\n"
            "Each combination is looked up as decisions look it up, for every revision of the list, and\n"
            "decided again with each procedure named where it is permitted; a second\n"
            "evaluation, which shares no code, must come to the same bytes, and whole decisions of all three recipes\n"
            "are held against them. docs/authorization.md says how to write a third. 0: proven, 1: something differs."
        ),
        examples=(
            "sympho authz prove",
            "sympho authz prove --list list.jsonl --json",
            "sympho authz prove --write proof",
        ),
        configure=_for_prove,
        run=_prove,
    ),
)
