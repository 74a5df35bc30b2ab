"""``sympho lists build|rollover`` (案の作成): a candidate that follows the list in force, to be approved by two people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from authz.duties import Duty
from authz.listfiles import BadFiles, read_files
from authz.listmanifest import Candidate, Head, ListRefused, PublicKey, drawn_up
from authz.matchlist import canonical
from gateway.commands import caller
from gateway.commands.command import Arguments, Command, Exit, Parser
from gateway.commands.lists.files import faults_shown, head_of, links_of, moment, read, refused, write
from gateway.commands.screen import say, show_json, show_pairs
from gateway.config import ConfigError
from gateway.exchange.listing import ListFile

__all__ = ["COMMANDS"]

GOOD_FOR = timedelta(days=400)
"""How long a list is good where nobody says otherwise: somebody must look at it once a year."""


def _for_any(parser: Parser) -> None:
    parser.add_argument("-o", "--out", required=True, metavar="FILE", help="書き出すファイル / the file to write")
    parser.add_argument(
        "--expires", metavar="DAY", help="期限（実際の時刻、既定 400 日後） / when it expires, machine time (400 days)"
    )
    caller.add_arguments(parser)


def _for_build(parser: Parser) -> None:
    parser.add_argument(
        "source", metavar="SOURCE", help="CSV のフォルダー、又は文書のファイル / a folder of CSV, or a list's document"
    )
    parser.add_argument(
        "--after",
        metavar="FILE",
        help="サーバーに尋ねず、この署名済みリストに続ける / follow this signed list, offline",
    )
    _for_any(parser)


def _build(args: Arguments) -> int:
    source = Path(args.source)
    try:
        if source.is_dir():
            files = {path.stem: path.read_bytes() for path in sorted(source.glob("*.csv"))}
            document = canonical(read_files(files))
        else:
            document = source.read_bytes()
        head = _head(args)
        return _drawn_up(args, head, document, head.key, None)
    except OSError as error:
        raise ConfigError(f"{error.filename}: {error.strerror}") from None
    except BadFiles as bad:
        return faults_shown([(f"{one.file}.csv", one.line, one.column, one.rule) for one in bad.faults])
    except ListRefused as what:
        return refused(what)


def _head(args: Arguments) -> Head:
    if not args.after:
        with caller.staff_with(args, Duty.PUBLISH_LISTS) as client:
            return head_of(client)
    last = links_of(read(args.after)[0].history)[-1]
    held = last.candidate
    return Head(held.network, held.serial, last.digest, held.key, held.next_key, held.approvers)


def _rollover(args: Arguments) -> int:
    with caller.staff_with(args, Duty.PUBLISH_LISTS) as client:
        head = head_of(client)
        document = client.get("/lists/document", serial=head.serial).text.encode()
        rolling = head.announced is not None
        key = head.announced or msgspec.convert(client.post("/lists/next-key").data["key"], PublicKey)
    try:
        if rolling:
            say(f"予告済みの鍵 {key.kid} で署名する案です。 / The candidate rolls over to the announced key.", "bold")
            return _drawn_up(args, head, document, key, None)
        say(f"次の鍵 {key.kid} を予告する案です。 / The candidate announces the next key.", "bold")
        return _drawn_up(args, head, document, head.key, key)
    except ListRefused as what:
        return refused(what)


def _drawn_up(args: Arguments, head: Head, document: bytes, key: PublicKey, next_key: PublicKey | None) -> int:
    now = datetime.now(UTC)
    expires = moment(args.expires) if args.expires else now + GOOD_FOR
    candidate = drawn_up(head, document, now, expires, key=key, next_key=next_key)
    write(args.out, ListFile(1, candidate), document)
    _show(args, candidate)
    return Exit.DONE


def _show(args: Arguments, candidate: Candidate) -> None:
    if args.json:
        show_json(msgspec.to_builtins(candidate))
        return
    show_pairs(
        f"案 candidate {args.out}",
        [
            ("通し番号 serial", candidate.serial),
            ("判断できる日 days", f"{candidate.in_force_from} – {candidate.in_force_until or ''}"),
            ("行 rows", candidate.rows),
            ("期限 expires", candidate.expires_at.isoformat(timespec="seconds")),
            ("リスト SHA-256 list", candidate.list_d),
            ("案 SHA-256 candidate", candidate.digest()),
            ("署名の鍵 key", candidate.key.kid),
            ("予告する鍵 announces", candidate.next_key.kid if candidate.next_key else None),
            ("次の承認者 next approvers", [one.account for one in candidate.approvers]),
        ],
    )
    say(f"次は二人の承認です / now two people approve: sympho lists approve {args.out} --as LOGIN")


COMMANDS: Sequence[Command] = (
    Command(
        "build",
        "照合リストの案を作る",
        "draw up a candidate list",
        about=(
            "CSV の誤りは、ファイル・行・列で全て示します。案は公布中のリストの次の番号で、その目録の要約を含みます。\n"
            "Every fault of the CSV is named by file, line and column. A candidate has the next serial and names the\n"
            "manifest in force by its digest. Nothing is in force until two people approved and it was published."
        ),
        examples=(
            "sympho lists build my-list -o new.list",
            "sympho lists build my-list -o new.list --expires 2028-03-31 --after signed.list",
        ),
        configure=_for_build,
        run=_build,
    ),
    Command(
        "rollover",
        "署名鍵を予告し、予告した鍵に替える案を作る",
        "announce the next signing key; then roll over to it",
        about=(
            "一度目の案は次の鍵を予告し、二度目の案はその鍵で署名されます。予告のない鍵は誰も受け付けません。\n"
            "The first candidate announces the next key, the second is signed by it. A key that was not announced is\n"
            "accepted by nobody. Let every server take the first list before the second is published."
        ),
        examples=("sympho lists rollover -o announce.list", "sympho lists rollover -o rolled.list"),
        configure=_for_any,
        run=_rollover,
    ),
)
