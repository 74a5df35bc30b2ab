"""``python -m tests.oracles``: hundreds of thousands of questions to the engines, on all revisions, seeded."""

from __future__ import annotations

import argparse
import sys
import time

from authz.matchlist import compile_list
from fixtures.lists import load
from loadtest.engines import ENGINES
from tests.oracles.differential import Ours, compare

SHOWN = 5


def main() -> int:
    """0 where every engine agrees with ours on every question, 1 otherwise."""
    parser = argparse.ArgumentParser(description="the same questions to ours and to engines of others")
    parser.add_argument("--questions", type=int, default=50_000, help="of each revision to each engine (default 50000)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed draws the same questions")
    args = parser.parse_args()
    source = load()
    ours = Ours(compile_list(source, 1))
    asked = different = 0
    for engine in ENGINES:
        for revision in source.revisions:
            began = time.perf_counter()
            found = compare(engine, source, revision, ours, args.questions, args.seed)
            asked += found.asked
            different += len(found.differences)
            counts = f"{found.asked:>9,} asked {found.permitted:>9,} permitted {len(found.differences):>4,} differ"
            sys.stdout.write(f"{engine.name:8} {revision.revision:20} {counts} {time.perf_counter() - began:6.1f} s\n")
            for one in found.differences[:SHOWN]:
                sys.stdout.write(f"    {one}\n")
    sys.stdout.write(f"{asked:,} questions, {different:,} differences (seed {args.seed})\n")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
