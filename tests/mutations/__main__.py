"""``python -m tests.mutations``: the mutation score of the list's checks, operator by operator."""

from __future__ import annotations

import argparse
import sys
from itertools import groupby

from tests.mutations.checks import CHECKS
from tests.mutations.scoring import REFUSED, Scored, every

NAMES = (*CHECKS, REFUSED)


def main() -> int:
    """0 where every mutant is noticed, 1 otherwise."""
    parser = argparse.ArgumentParser(description="one wrong fact of the list at a time, and which checks notice it")
    parser.add_argument("--each", type=int, default=10, help="mutants of each operator (default 10)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same mutants")
    args = parser.parse_args()
    header = "".join(f"{name:>9}" for name in NAMES)
    sys.stdout.write(f"{'operator':40}{'mutants':>8}{header}{'noticed':>9}\n")
    found: list[Scored] = []
    for operator, scores in groupby(every(args.each, args.seed), key=lambda one: one.operator):
        of_operator = list(scores)
        found += of_operator
        _line(operator.replace("_", " "), of_operator)
    _line("all", found)
    unnoticed = [one for one in found if not one.noticed_by]
    for one in unnoticed:
        sys.stdout.write(f"nobody notices: {one.operator} {one.number} (seed {args.seed})\n")
    score = 100 * (len(found) - len(unnoticed)) / len(found)
    sys.stdout.write(f"mutation score: {len(found) - len(unnoticed)} of {len(found)}, {score:.1f} %\n")
    return 1 if unnoticed else 0


def _line(name: str, scores: list[Scored]) -> None:
    counts = "".join(f"{sum(check in one.noticed_by for one in scores):>9}" for check in NAMES)
    sys.stdout.write(f"{name:40}{len(scores):>8}{counts}{sum(bool(one.noticed_by) for one in scores):>9}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
