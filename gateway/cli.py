"""``sympho``, the program (コマンドライン): chooses a command, runs it, and says readably what went wrong.

The gateway's own commands are in ``gateway.commands``; other packages add theirs through the entry point group
``sympho.commands``, whose entries are callables that answer ``Command``s.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import entry_points, version

from gateway.commands import (
    admitting,
    auditing,
    authorization,
    backing,
    clocks,
    entering,
    inquiring,
    joining,
    keeping,
    keys,
    lists,
    looking,
    managing,
    offline,
    probing,
    reading,
    reviewing,
    serving,
)
from gateway.commands.caller import NotLetIn
from gateway.commands.client import Refused, Unreachable
from gateway.commands.command import Command, Exit, add
from gateway.commands.screen import trouble
from gateway.config import ConfigError
from gateway.running.trouble import StartTrouble

__all__ = ["main"]

GROUP = "sympho.commands"

_NOT_WRITTEN = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM})
"""What the system says when something may not, or cannot, be written."""

ABOUT = """中間サーバーと情報提供ネットワークシステムのシミュレーター。架空の人だけを扱います。
A simulator of Japan's information-linkage intermediary servers and their network, with invented people only."""

TEACHING = """はじめに / to begin with:
  sympho run                 起動し、物語を一度語り、動き続ける / start, tell the story once, stay up
  sympho demo                物語を語って終わる / tell the story and exit
  sympho serve               起動する / start and stay up
  sympho status              様子を見る / how it stands, from another terminal
  sympho COMMAND --help      各コマンドの説明と例 / what a command does, with examples

終了コード / exit codes:
  0  成功 done
  1  拒否・不一致 refused by the server, or something differs
  2  指定の誤り wrong command line or setting
  3  起動できない・書き込めない cannot start, the data cannot be opened, or nothing can be written
  4  サーバーに届かない・入れない no server reached, or not let in"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; its exit code."""
    parser = argparse.ArgumentParser(
        prog="sympho", description=ABOUT, epilog=TEACHING, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"sympho {version('sympho')}")
    add(sorted(_commands(), key=lambda command: command.name), parser, "sympho")
    args = parser.parse_args(argv)
    try:
        done = int(args.run(args))
        sys.stdout.flush()
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone: nothing is wrong
        _silence()
        return Exit.DONE
    except OSError as error:
        if error.errno not in _NOT_WRITTEN:
            raise
        return _not_written(error)
    except (ConfigError, StartTrouble, Unreachable, NotLetIn, Refused) as error:
        return _told(error)
    return done


def _not_written(error: OSError) -> Exit:
    """A file, or the output itself, that the system does not let us write."""
    if error.filename is None:
        _silence()
    where = error.filename or "標準出力 / standard output"
    trouble(
        "書き込めません / cannot write",
        [
            f"{where}: {error.strerror}",
            "",
            "→ 空き容量と権限を確かめて、もう一度実行してください。",
            "→ Check disk space and rights, then do it again.",
        ],
    )
    return Exit.NOT_STARTED


def _silence() -> None:
    """What is left in the buffer goes nowhere, so that the end of the program does not fail over it again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _commands() -> Iterator[Command]:
    for module in (
        admitting,
        auditing,
        authorization,
        lists,
        serving,
        entering,
        inquiring,
        reviewing,
        reading,
        keeping,
        keys,
        clocks,
        looking,
        managing,
        offline,
        backing,
        joining,
        probing,
    ):
        yield from module.COMMANDS
    for entry in entry_points(group=GROUP):
        yield from entry.load()()


_NOT_LET_IN = frozenset({"credentials-refused", "account-locked", "second-factor-required"})


def _told(error: ConfigError | StartTrouble | Unreachable | NotLetIn | Refused) -> Exit:
    match error:
        case ConfigError():
            trouble("設定の誤り / wrong setting", [str(error), "sympho COMMAND --help"])
            return Exit.MISUSED
        case StartTrouble():
            trouble(
                "起動できません / cannot start",
                [error.ja, error.en, "", f"→ {error.advice_ja}", f"→ {error.advice_en}"],
            )
            return Exit.NOT_STARTED
        case Unreachable():
            trouble("サーバーに届きません / no server reached", [str(error), "→ sympho serve, --data, --url"])
            return Exit.NOT_REACHED
        case NotLetIn():
            trouble("入れません / not let in", [str(error)])
            return Exit.NOT_REACHED
        case Refused():
            trouble(_title(error), _problem(error))
            return Exit.NOT_REACHED if error.slug in _NOT_LET_IN else Exit.REFUSED


def _title(refused: Refused) -> str:
    if "error" in refused.problem:  # OAuth 2 tells its own way (RFC 6749, 5.2)
        return f"{refused.problem['error']} ({refused.status})"
    return f"{refused.problem.get('title', '')} / {refused.problem.get('title_en', '')} ({refused.status})"


def _problem(refused: Refused) -> Iterator[str]:
    """A problem document as lines: what, where, what to do."""
    problem = refused.problem
    if "error" in problem:
        yield str(problem.get("error_description", ""))
        return
    for name in ("detail", "message"):
        if problem.get(name):
            yield str(problem[name])
    for fault in problem.get("errors", ()):
        yield f"  {fault.get('pointer')}: {fault.get('rule')}"
    for name in ("advice", "advice_en"):
        if problem.get(name):
            yield f"→ {problem[name]}"
    if problem.get("retry_after"):
        yield f"→ {problem['retry_after']} s"
    yield f"{refused.slug}  {problem.get('instance', '')}"


if __name__ == "__main__":
    sys.exit(main())
