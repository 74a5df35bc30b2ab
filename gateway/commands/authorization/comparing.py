"""``sympho authz diff`` (照合リストの差分): two lists, or two revisions of one, before anyone approves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date

import msgspec

from authz.listdiff import ListDiff, compare_lists, compare_revisions
from authz.matchlist import MatchList, Revision, compile_list, parse
from gateway.commands.authorization.differing import diff_page, show_diff
from gateway.commands.authorization.pages import write_page
from gateway.commands.authorization.sources import DEFAULT_WORLD, document_of
from gateway.commands.command import Arguments, Command, Exit, Parser
from gateway.commands.screen import say, show_json
from gateway.config import ConfigError
from sympho.codes import encode_hook

__all__ = ["COMMANDS"]


def _for_diff(parser: Parser) -> None:
    parser.add_argument("before", metavar="BEFORE", help="FILE、FILE@WHEN、@WHEN（WHEN は日付か改正の名） / see above")
    parser.add_argument("after", metavar="AFTER", help="同じ形 / the same form")
    parser.add_argument("--world", default=DEFAULT_WORLD, help=f"@WHEN のリストの世界 / of @WHEN ({DEFAULT_WORLD})")
    parser.add_argument("--html", metavar="FILE", help="ページとして書く / write a page")
    parser.add_argument("--limit", type=int, default=30, metavar="N", help="表に出す組合せの数（既定 30） / listed")
    parser.add_argument("--json", action="store_true", help="JSON で出力 / machine output")


def _diff(args: Arguments) -> int:
    diff = _compared(args)
    if args.html:
        written = write_page(args.html, diff_page(diff))
        say(f"書きました / written: {written}")
    if args.json:
        show_json(json.loads(msgspec.json.encode(diff, enc_hook=encode_hook)))
    elif not args.html:
        show_diff(diff, args.limit)
    return Exit.DONE


def _compared(args: Arguments) -> ListDiff:
    sides = [text.partition("@") for text in (args.before, args.after)]
    known = {file: _list(file, args.world) for file in {file for file, _, _ in sides}}
    lists = [known[file] for file, _, _ in sides]
    if not any(mark for _, mark, _ in sides):
        return compare_lists(*lists)
    if not all(mark for _, mark, _ in sides):
        raise ConfigError("@WHEN は両方か、どちらにも付けないか / @WHEN with both lists or with neither")
    before, after = (
        (match_list, _revision(match_list, when)) for match_list, (_, _, when) in zip(lists, sides, strict=True)
    )
    return compare_revisions(before, after)


def _list(file: str, world: str) -> MatchList:
    return compile_list(parse(document_of(file or None, world)), 1)


def _revision(match_list: MatchList, when: str) -> Revision:
    for revision in match_list.source.revisions:
        if revision.revision == when:
            return revision
    try:
        found = match_list.revision_on(date.fromisoformat(when))
    except ValueError:
        found = None
    if found is None:
        known = ", ".join(revision.revision for revision in match_list.source.revisions)
        raise ConfigError(f"@{when}: その日に有効な改正も、その名の改正もありません / no such revision; known: {known}")
    return found


COMMANDS: Sequence[Command] = (
    Command(
        "diff",
        "二つの照合リストの違いを、法令の文言と、その結果で示す",
        "what differs between two lists, in the words of the law and in consequences",
        about=(
            "BEFORE と AFTER は照合リストの文書、または改正（@日付、@改正の名）です。文書同士は全ての日を比べます。\n"
            "BEFORE and AFTER are list documents, or revisions (@DAY, @NAME; FILE@DAY) of one. Whole lists are\n"
            "compared over all days. Consequences are combinations of kind, task, kind and information by the list."
        ),
        examples=(
            "sympho authz diff @2026-02-02 @2026-06-26",
            "sympho authz diff @2026-02-02 @2026-06-26 --html diff.html",
            "sympho authz diff held.list candidate.list --json",
        ),
        configure=_for_diff,
        run=_diff,
    ),
)
