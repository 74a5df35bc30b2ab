"""``sympho authz test`` (事例の確認): a reviewer's cases in YAML, asked of the list and agencies of a world."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from authz.cases.judging import Outcome, Verdict, judge
from authz.cases.reading import BadCases, Case, read
from authz.questions import Snapshot
from gateway.commands.authorization.sources import add_list, document_of, snapshot_of
from gateway.commands.command import Arguments, Command, Exit, Parser
from gateway.commands.screen import say, show_json, trouble

__all__ = ["COMMANDS"]

SHOWN = 5
Told = tuple[str, Verdict]
"""A file's name, and what came of one of its cases."""


def _for_test(parser: Parser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="事例の YAML / cases in YAML")
    add_list(parser)
    parser.add_argument("--json", action="store_true", help="JSON で出力 / machine output")


def _test(args: Arguments) -> int:
    snapshot = snapshot_of(document_of(args.list, args.world), args.world)
    faults: list[str] = []
    cases = [(file, case) for file in args.files for case in _cases(file, snapshot, faults)]
    if faults:
        if args.json:
            show_json({"holds": False, "faults": faults})
        trouble("事例を読めません / these are no cases", faults)
        return Exit.MISUSED
    told = [(file, judge(case, snapshot)) for file, case in cases]
    holds = all(verdict.holds for _, verdict in told)
    if args.json:
        show_json({"holds": holds, "list": snapshot.list.digest, "cases": [_as_json(one) for one in told]})
    else:
        _show(told, snapshot)
    return Exit.DONE if holds else Exit.REFUSED


def _cases(file: str, snapshot: Snapshot, faults: list[str]) -> Sequence[Case]:
    try:
        return read(Path(file).read_text(encoding="utf-8"), snapshot)
    except OSError as error:
        faults.append(f"{file}: {error.strerror}")
    except UnicodeDecodeError:
        faults.append(f"{file}: UTF-8 expected")
    except BadCases as bad:
        faults += [f"{file}:{fault.line}: {fault.rule}" for fault in bad.faults]
    return ()


# --- the result ---------------------------------------------------------------------------------------------------


def _as_json(told: Told) -> dict[str, object]:
    file, verdict = told
    case = verdict.case
    return {
        "file": file,
        "line": case.line,
        "case": case.name,
        "holds": verdict.holds,
        "questions": len(case.questions),
        "expected": {"effect": case.effect, "reasons": list(case.reasons)},
        "unexpected": [_outcome_as_json(one) for one in verdict.unexpected],
        "unused": list(verdict.unused),
    }


def _outcome_as_json(one: Outcome) -> dict[str, object]:
    asked = one.asked
    return {
        "inquirer": asked.inquirer,
        "task": asked.task,
        "provider": asked.provider,
        "information": asked.information,
        "as_of": one.as_of.isoformat(),
        "effect": one.effect,
        "reasons": list(one.reasons),
    }


def _show(told: Sequence[Told], snapshot: Snapshot) -> None:
    for file, verdict in told:
        _show_case(file, verdict)
    failed = sum(not verdict.holds for _, verdict in told)
    asked = sum(len(verdict.case.questions) for _, verdict in told)
    counted = f"{len(told)} 事例 cases, {asked:,} 問 questions, list {snapshot.list.digest[:16]}…"
    if failed:
        say(f"✘ {failed} 事例が期待と違います / {failed} cases differ. {counted}", "bold red")
    else:
        say(f"✔ 全て期待どおりです / all as expected. {counted}", "bold green")


def _show_case(file: str, verdict: Verdict) -> None:
    case = verdict.case
    if verdict.holds:
        say(f"✔ {case.name} ({len(case.questions):,})", "green")
        return
    say(f"✘ {case.name}  {file}:{case.line}", "bold red")
    say(f"    期待 expected: {case.effect} {', '.join(case.reasons)}")
    for line in _differences(verdict):
        say(f"    {line}", "red")


def _differences(verdict: Verdict) -> Iterator[str]:
    for one in verdict.unexpected[:SHOWN]:
        asked = one.asked
        question = f"{one.as_of} {asked.inquirer} → {asked.provider} {asked.task} {asked.information}"
        yield f"{question}: {one.effect} {', '.join(one.reasons)}"
    if len(verdict.unexpected) > SHOWN:
        yield f"(+ {len(verdict.unexpected) - SHOWN})"
    if verdict.unused:
        yield f"根拠にならない no question's ground: {', '.join(verdict.unused)}"


COMMANDS = (
    Command(
        "test",
        "事例（YAML）のとおりに判定されるか確かめる",
        "check that cases in YAML are decided as expected",
        about=(
            "照会者・事務・提供者・特定個人情報・日の全ての組を尋ね、判定と理由の両方が期待どおりかを見ます。\n"
            "理由のない事例、知らない項目、空のファイルは誤りです。誤りは全て行番号つきで一度に示します。\n"
            "Every inquirer, task, provider, information and day of a case is asked with every other; effect and\n"
            "reasons must both be as expected. 0: all as expected, 1: a case differs, 2: a file is none of cases."
        ),
        examples=(
            "sympho authz test fixtures/cases/vaccination.yaml",
            "sympho authz test --json cases/*.yaml",
        ),
        configure=_for_test,
        run=_test,
    ),
)
