"""``sympho lists export|import`` (照合リストの取込み): a list as CSV, and law text as a candidate. No server is needed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import NoReturn

from authz.lawtext.candidate import Candidate, candidate
from authz.lawtext.grid import BadLaw, read_law
from authz.lawtext.phrases import Names
from authz.lawtext.reading import Imported, read_table
from authz.listdocument import BadList, digest
from authz.listfiles import BadFiles, read_files, write_files
from authz.matchlist import ListSource, Revision, canonical, parse
from gateway.commands.authorization.sources import add_list, document_of
from gateway.commands.command import Arguments, Command, Exit, Parser
from gateway.commands.screen import say, show_json, show_table
from gateway.config import ConfigError

__all__ = ["COMMANDS"]

SHOWN = 40
"""Faults and needs that a terminal is shown; the report file and --json have them all."""

LONGEST_FILE = 64 * 1_048_576

NEEDS = {
    "place": "列の位置が分からない / not in one of the four columns",
    "oddity": "文字でないもの・あり得ない結合 / no plain text, or an impossible span",
    "number": "項の番号が読めない / no item number",
    "order": "項の番号の順序が違う / item number repeats or goes back",
    "inquirer": "知らない照会者の表記 / unknown phrase for an inquirer",
    "task": "知らない事務 / unknown task",
    "provider": "知らない提供者の表記 / unknown phrase for a provider",
    "information": "知らない、又は一通りに読めない特定個人情報 / unknown information, or read in two ways",
    "several": "一つであるべき所に複数 / several where one is expected",
    "proviso": "ただし書がある / a proviso limits it",
}


# --- export -------------------------------------------------------------------------------------------------------


def _for_export(parser: Parser) -> None:
    add_list(parser)
    parser.add_argument("--csv", metavar="DIR", required=True, help="書き出すフォルダー / the folder to write")


def _export(args: Arguments) -> int:
    source = parse(document_of(args.list, args.world))
    _write_csv(Path(args.csv), source)
    say(f"✔ CSV を書き出しました。 / Written as CSV: {args.csv}", "bold green")
    return Exit.DONE


def _write_csv(folder: Path, source: ListSource) -> None:
    files = write_files(source)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        others = sorted({path.stem for path in folder.glob("*.csv")} - files.keys())
        if others:
            told = "このリストにない CSV があります / other CSV files stand there"
            raise ConfigError(f"{folder}: {told}: {', '.join(others)}")
        for name, content in files.items():
            (folder / f"{name}.csv").write_bytes(content)
    except OSError as error:
        raise ConfigError(f"{error.filename}: {error.strerror}") from None


# --- import -------------------------------------------------------------------------------------------------------


def _for_import(parser: Parser) -> None:
    add_list(parser)
    parser.add_argument(
        "source", metavar="SOURCE", help="CSV のフォルダー、又は標準法令XML / a folder of CSV, or a law's XML"
    )
    parser.add_argument("--csv", metavar="DIR", help="候補を CSV で書き出す / write the candidate as CSV")
    parser.add_argument("--document", metavar="FILE", help="候補を文書で書き出す / write the candidate as a document")
    parser.add_argument(
        "--table", default="", metavar="PATH", help="表の場所 / where the table stands (MainProvision-Article_2)"
    )
    parser.add_argument("--revision", metavar="NAME", help="改正の名 / name of the revision that the table becomes")
    parser.add_argument("--from", dest="since", metavar="DAY", help="施行日 / the first day in force")
    parser.add_argument("--until", metavar="DAY", help="最後の日 / the last day in force (default: open)")
    parser.add_argument(
        "--report", metavar="FILE", help="全てのセルの報告を JSON で / the account of every cell as JSON"
    )
    parser.add_argument("--json", action="store_true", help="報告を JSON で出力 / show the report as JSON")


def _import(args: Arguments) -> int:
    if Path(args.source).is_dir():
        return _import_csv(args)
    if not (args.revision and args.since):
        raise ConfigError("--revision と --from が必要です / --revision and --from are needed for law text")
    base = parse(document_of(args.list, args.world))
    imported = _imported(args, base)
    made = _candidate(args, base, imported)
    report = _report(imported, made)
    _deliver(args, made.source)
    if args.report:
        _write(Path(args.report), (json.dumps(report, ensure_ascii=False, indent=2) + "\n").encode("utf-8"))
    if args.json:
        show_json(report)
    else:
        _tell(imported, made)
    return Exit.DONE if imported.complete else Exit.REFUSED


def _import_csv(args: Arguments) -> int:
    folder = Path(args.source)
    try:
        source = read_files({path.stem: path.read_bytes() for path in sorted(folder.glob("*.csv"))})
    except OSError as error:
        raise ConfigError(f"{error.filename}: {error.strerror}") from None
    except BadFiles as bad:
        _refuse([f"{folder / one.file}.csv:{one.line}: {one.column}: {one.rule}" for one in bad.faults])
    _deliver(args, source)
    say(f"✔ 誤りはありません。 / No faults. SHA-256 {digest(canonical(source))}", "bold green")
    return Exit.DONE


def _refuse(faults: Sequence[str]) -> NoReturn:
    more = [f"(+ {len(faults) - SHOWN})"] if len(faults) > SHOWN else []
    raise ConfigError("\n".join([*faults[:SHOWN], *more]))


def _imported(args: Arguments, base: ListSource) -> Imported:
    file = Path(args.source)
    try:
        if file.stat().st_size > LONGEST_FILE:
            raise ConfigError(f"{file}: 大きすぎます / too large")
        return read_table(read_law(file.read_bytes()), args.table, Names.of(base), args.revision)
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from None
    except BadLaw as error:
        raise ConfigError(f"{file}: {error}") from None


def _candidate(args: Arguments, base: ListSource, imported: Imported) -> Candidate:
    since = _day("--from", args.since)
    until = _day("--until", args.until) if args.until else None
    law = f"{imported.law} {imported.table}".strip()
    try:
        return candidate(base, imported, Revision(args.revision, law, since, until, since, floor=False))
    except BadList as bad:
        _refuse([f"候補 candidate: {one.field}: {one.rule}" for one in bad.faults])


def _day(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{name}: 2026-06-26 のような日付 / a day like 2026-06-26") from None


def _deliver(args: Arguments, source: ListSource) -> None:
    if args.csv:
        _write_csv(Path(args.csv), source)
    if args.document:
        _write(Path(args.document), canonical(source))


def _write(file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from None


def _report(imported: Imported, made: Candidate) -> Mapping[str, object]:
    return {
        "law": imported.law,
        "law_number": imported.law_number,
        "table": imported.table,
        "cells": len(imported.accounts),
        "understood": imported.understood,
        "needs_a_person": len(imported.needs),
        "rows": len(imported.rows),
        "complete": imported.complete,
        "deleted_items": imported.deleted,
        "table_rows_without_result": imported.without_rows,
        "around_the_table": imported.around,
        "revision_ended": made.ended.revision if made.ended else None,
        "procedures_left_out": [one.procedure for one in made.left_out],
        "digest": digest(canonical(made.source)),
        "accounts": [
            {
                "row": one.row,
                "column": one.column,
                "text": one.text,
                "meaning": one.meaning,
                "need": one.need,
                "set_aside": one.aside,
            }
            for one in imported.accounts
        ],
    }


def _tell(imported: Imported, made: Candidate) -> None:
    say(f"{imported.law} {imported.table}", "bold")
    say(
        f"セル {len(imported.accounts)}: 読めた {imported.understood}、要確認 {len(imported.needs)}; 行 {len(imported.rows)}"
        f" / cells {len(imported.accounts)}: understood {imported.understood},"
        f" for a person {len(imported.needs)}; rows {len(imported.rows)}"
    )
    if made.ended:
        say(f"前の改正の終わりを前日にしました / the revision before ends the day before: {made.ended.revision}")
    if made.left_out:
        say(f"項が変わり外した事務手続 / procedures left out, their items read otherwise: {len(made.left_out)}")
    for text in imported.around:
        say(f"表の外の文字 / text around the table: {text}", "yellow")
    if imported.without_rows:
        lines = ", ".join(map(str, imported.without_rows[:SHOWN]))
        say(f"行にならなかった表の行 / table rows that became none: {lines}", "yellow")
    if imported.needs:
        show_table(
            "要確認 / for a person",
            ("行 row", "列 column", "理由 why", "文字 words"),
            [(one.row, one.column, NEEDS[one.need or ""], one.text) for one in imported.needs[:SHOWN]],
        )
    if imported.complete:
        say("✔ 全てのセルを読み取りました。 / Every cell was understood.", "bold green")


COMMANDS: Sequence[Command] = (
    Command(
        "export",
        "照合リストを CSV で書き出す",
        "write a list as CSV",
        about=(
            "記録の種類ごとに一つの CSV、改正ごとに一つの表。import で同じバイト列に戻ります。\n"
            "One CSV per kind of record, one table per revision; import gives the same bytes back."
        ),
        examples=("sympho lists export --csv list", "sympho lists export --list candidate.list --csv candidate"),
        configure=_for_export,
        run=_export,
    ),
    Command(
        "import",
        "CSV 又は標準法令XML から照合リストの候補を作る",
        "make a candidate list from CSV or a law's XML",
        about=(
            "CSV は誤りを全て、ファイル・行・列で示します。法令の表は全てのセルを、読めたか要確認かに分けて報告し、\n"
            "確かでないものは行にしません。知らない表記や事務は、CSV に書き足してからもう一度取り込みます。\n"
            "Of CSV every fault is named by file, line and column. Of a law's table every cell is either understood\n"
            "or left to a person; what is uncertain makes no row. Add unknown phrases and tasks to the CSV, then\n"
            "import again.\n"
            "0: all understood, 1: something needs a person, 2: no list can be made."
        ),
        examples=(
            "sympho lists import list --document list.txt",
            "sympho lists import law.xml --revision teikyo-2027-04-01 --from 2027-04-01 --csv new --report report.json",
        ),
        configure=_for_import,
        run=_import,
    ),
)
