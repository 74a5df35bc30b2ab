"""``sympho backup`` and ``sympho restore`` (控えと復元): a whole installation in one sealed file, and back."""

from __future__ import annotations

import asyncio
import getpass
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from gateway.commands.command import Arguments, Command, Exit, Parser
from gateway.commands.screen import quietly, say, show_json, show_pairs, trouble
from gateway.config import ConfigError, load

__all__ = ["COMMANDS"]

WORDS_FROM = "SYMPHO_PASSPHRASE"
SHORTEST = 12


def _passphrase(*, twice: bool) -> str:
    words = os.environ.get(WORDS_FROM, "")
    if not words and sys.stdin.isatty():
        words = getpass.getpass("控えの合言葉 passphrase of the backup: ")
        if twice and words != getpass.getpass("もう一度 once more: "):
            raise ConfigError("合言葉が一致しません / not the same passphrase")
    if len(words) < SHORTEST:
        raise ConfigError(f"{WORDS_FROM}: 合言葉は {SHORTEST} 文字以上 / a passphrase of {SHORTEST} characters or more")
    return words


def _table_done(table: str, rows: int) -> None:
    if rows and sys.stdout.isatty():
        say(f"  {table}: {rows}", "dim")


def _for_backup(parser: Parser) -> None:
    parser.add_argument("file", metavar="FILE", help="控えのファイル（新規） / the backup, a new file")
    parser.add_argument("--data", metavar="DIR", help="データフォルダー / the data folder (SYMPHO_DATA)")


def _backup(args: Arguments) -> int:
    from gateway.running.backup import back_up

    quietly()
    words = _passphrase(twice=True)
    made = asyncio.run(back_up(load({"data": args.data}), Path(args.file).absolute(), words, _table_done))
    say(f"✔ 控えを取りました。 / Backed up: {made.file}", "bold green")
    rows = sum(made.contents.rows.values())
    say(f"{len(made.contents.rows)} tables, {rows} rows, {made.contents.files} files, {made.size} bytes")
    return Exit.DONE


def _for_restore(parser: Parser) -> None:
    parser.add_argument("file", metavar="FILE", help="控えのファイル / the backup")
    parser.add_argument("--data", metavar="DIR", help="新しいデータフォルダー / the new data folder (SYMPHO_DATA)")
    parser.add_argument("--check", action="store_true", help="確かめるだけ / read it to its end, and change nothing")
    parser.add_argument("--json", action="store_true", help="JSON で出力 / machine output")


def _restore(args: Arguments) -> int:
    from gateway.managing.archive import BadArchive
    from gateway.running.restoring import Looked, look_at, restore

    quietly()
    source, words = Path(args.file).absolute(), _passphrase(twice=False)
    try:
        looked: Looked = (
            look_at(source, words)
            if args.check
            else asyncio.run(restore(load({"data": args.data}), source, words, _table_done))
        )
    except BadArchive as bad:
        trouble(
            "この控えからは復元できません / this backup cannot be restored",
            [str(bad), "", "→ 何も変えていません。 / Nothing was changed."],
        )
        return Exit.REFUSED
    manifest, contents = looked.manifest, looked.contents
    told = {
        "restored": not args.check,
        "made_at": manifest.made_at.isoformat(timespec="seconds"),
        "program": manifest.program,
        "parties": [str(party) for party in looked.parties],
        "root_key": manifest.root_key,
        "tables": len(contents.rows),
        "rows": sum(contents.rows.values()),
        "files": contents.files,
    }
    if args.json:
        show_json(told)
        return Exit.DONE
    say("✔ 控えは完全です。 / The backup is whole." if args.check else "✔ 復元しました。 / Restored.", "bold green")
    show_pairs("控え backup", list(told.items()))
    return Exit.DONE


COMMANDS: Sequence[Command] = (
    Command(
        "backup",
        "控えを取る",
        "back up the whole installation into one sealed file",
        about=(
            "データベースの全ての表、根鍵、データフォルダーのファイルを、一つの時点で、合言葉で封じた一つのファイルに。\n"
            "サーバーは動いたままで構いません。合言葉は SYMPHO_PASSPHRASE か端末で。\n"
            "All tables, the root key and the folder's files as of one moment, sealed by a passphrase (12 characters\n"
            "or more: SYMPHO_PASSPHRASE, or asked for). The server may go on. File and passphrase open it all."
        ),
        examples=(
            "SYMPHO_PASSPHRASE=... sympho backup 2026-11-23.sympho",
            "sympho backup /mnt/vault/n.sympho --data n",
        ),
        configure=_for_backup,
        run=_backup,
    ),
    Command(
        "restore",
        "控えから復元する",
        "restore an installation into a new folder",
        about=(
            "先に控えを最後まで確かめます。フォルダーもデータベースも空でなければなりません。全員がログインし直します。\n"
            "The backup is read to its end before anything is changed. Folder and database must be empty. Everybody\n"
            "logs in anew. 1: the backup is damaged, or the passphrase is not its own; nothing was changed."
        ),
        examples=(
            "SYMPHO_PASSPHRASE=... sympho restore 2026-11-23.sympho --data /var/lib/sympho",
            "sympho restore 2026-11-23.sympho --check",
        ),
        configure=_for_restore,
        run=_restore,
    ),
)
