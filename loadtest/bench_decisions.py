"""How many decisions a second: ``python -m loadtest.bench_decisions``. Ours, ours explained, and engines of others.

One revision of the project's list, the same questions for everybody (``loadtest.listquestions``), one core, in rounds
that take turns, so that a machine whose speed drifts drifts for all; the fastest round of each counts, in processor
time and without the garbage collector. Every engine's every answer must be ours. Machines differ and are noisy: quote
the ratios.

The engines answer the list's question, yes or no. Ours answers it at four depths; each row of the table says which.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice, starmap
from time import process_time
from typing import Any

from rich.console import Console
from rich.table import Table

from authz.decide import Effect, PermitFacts, Question, decide_permit
from authz.explain import Asked, explain
from authz.matchlist import MatchList, compile_list
from authz.proof.agreement import asked_agency, asking_agency, bodies
from fixtures import lists
from loadtest.engines import ENGINES, Engine
from loadtest.listquestions import ListQuestion, drawn

ROUNDS = 7
SHORTEST_ROUND = 0.2
"""Seconds of processor time."""
SEED = 20_260_626
FEWER = {"ours: the whole explanation": 20, "ours: every check of the recipe": 4}
"""What takes long is asked a part of the questions."""


@dataclass(frozen=True)
class Contender:
    """Somebody who decides: requests made beforehand, what is measured, and its answers as yes and no."""

    name: str
    depth: str
    requests: Sequence[Any]
    decide: Callable[[Sequence[Any]], list[Any]]
    permitted: Callable[[Sequence[Any]], list[bool]]

    @property
    def ours(self) -> bool:
        return self.name.startswith("ours")


def ours(match_list: MatchList, day: date, questions: list[ListQuestion]) -> list[Contender]:
    """Our own answers, from the bare look-up to the whole explanation."""
    closed = {kind: match_list.close_kinds((kind,)) for kind in match_list.kinds}
    snapshot, known = bodies(match_list), PermitFacts(True, True)
    asking = {kind: asking_agency(match_list, kind) for kind in match_list.kinds}
    asked = {kind: asked_agency(match_list, kind) for kind in match_list.kinds}
    whole = [Question(asking[i], asked[p], t, None, x, (), False) for i, t, p, x in questions]
    explained = [Asked(i, t, p, x) for i, t, p, x in questions]

    def effects(decisions: Sequence[Any]) -> list[bool]:
        return [one.effect is Effect.PERMIT for one in decisions]

    return [
        Contender(
            "ours: the list",
            "reasons, row, its kinds, list serial and digest, days in force",
            [(closed[i], t, closed[p], x, day) for i, t, p, x in questions],
            lambda requests: list(starmap(match_list.look_up, requests)),
            lambda answers: [one.permitted for one in answers],
        ),
        Contender(
            "ours: the whole recipe",
            "`permit` between two agencies, as an exchange decides it",
            whole,
            lambda requests: [decide_permit(snapshot, one, known, day) for one in requests],
            effects,
        ),
        Contender(
            "ours: every check of the recipe",
            "the same in explain mode: each check's verdict",
            whole,
            lambda requests: [decide_permit(snapshot, one, known, day, explain=True) for one in requests],
            effects,
        ),
        Contender(
            "ours: the whole explanation",
            "verdicts, field that forbids, assumptions (authz.explain)",
            explained,
            lambda requests: [explain(snapshot, one, day) for one in requests],
            effects,
        ),
    ]


def theirs(engine: Engine, questions: list[ListQuestion]) -> Contender:
    """An engine: yes or no to the list's question."""
    return Contender(
        engine.name, f"yes or no: {engine.form}", engine.prepare(questions), engine.decide, engine.permitted
    )


def rates(contenders: Sequence[Contender]) -> dict[str, float]:
    """Decisions a second of each, the fastest of several rounds in turn; ``SystemExit`` where answers differ."""
    expected: list[bool] = []
    fastest: dict[str, float] = {}
    for turn in range(ROUNDS):
        for one in contenders:
            rate, answers = _round(one)
            fastest[one.name] = max(fastest.get(one.name, 0.0), rate)
            if turn == 0:
                permitted = one.permitted(answers)
                expected = expected or permitted
                if permitted != expected[: len(permitted)]:
                    raise SystemExit(f"{one.name} answers differently")
    return fastest


def _round(one: Contender) -> tuple[float, list[Any]]:
    """The questions once, and again until the round is long enough to be measured; the last answers."""
    requests = one.requests[: len(one.requests) // FEWER.get(one.name, 1)]
    passes, spent = 0, 0.0
    answers: list[Any] = []
    gc.collect()
    gc.disable()
    while spent < SHORTEST_ROUND:
        began = process_time()
        answers = one.decide(requests)
        spent += process_time() - began
        passes += 1
    gc.enable()
    return passes * len(requests) / spent, answers


def show(contenders: Sequence[Contender], fastest: dict[str, float], permitted: int, asked: int) -> float:
    """The table; how many times the fastest engine our answer with reasons is."""
    best = max(rate for name, rate in fastest.items() if not name.startswith("ours"))
    table = Table("who", "decisions/s", "x fastest engine", "what one answer says", title_justify="left")
    table.title = f"{asked:,} questions ({permitted:,} permitted), one core, Python {platform.python_version()}"
    for one in contenders:
        rate = fastest[one.name]
        table.add_row(one.name, f"{rate:,.0f}", f"{rate / best:,.2f}", one.depth)
    Console(width=None if Console().is_terminal else 150).print(table)
    return fastest[contenders[0].name] / best


def main() -> None:
    parser = argparse.ArgumentParser(description="decisions a second, ours beside engines of others")
    parser.add_argument("-n", type=int, default=20_000, help="questions (default 20000)")
    asked = parser.parse_args().n
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    source = lists.load()
    match_list, revision = compile_list(source, 1), source.revisions[-1]
    rows = [row for row in source.rows if row.revision == revision.revision]
    questions = list(islice(drawn(source, rows, SEED), asked))
    contenders = ours(match_list, revision.in_force_from, questions)
    contenders += [theirs(engine(source, rows), questions) for engine in ENGINES]
    fastest = rates(contenders)
    permitted = sum(contenders[0].permitted(contenders[0].decide(contenders[0].requests)))
    ratio = show(contenders, fastest, permitted, asked)
    print(f"ours with reasons: {fastest[contenders[0].name]:,.0f}/s, {ratio:.0f} times the fastest engine")


if __name__ == "__main__":
    main()
