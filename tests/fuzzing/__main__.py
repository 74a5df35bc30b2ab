"""``python -m tests.fuzzing``: a server of its own in its own folder, and the requests; exit status 1 for a fault."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from fixtures.world import invented_country
from gateway.running.credentials import read
from tests.fuzzing.callers import Account, Callers
from tests.fuzzing.driving import Report, Run, Told
from tests.fuzzing.known import Known
from tests.server.program import data_folder, serving

PER_DUTY = 4
"""People of each duty who call; every one of them has a password to be checked first."""

BUGS = frozenset({"bug", "background-failed"})


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing", description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--report", type=Path, help="the counts as JSON")
    arguments = parser.parse_args()
    with data_folder() as data, serving(data) as program:
        program.wait_until_ready()
        report = against(program.url, data, arguments.requests, arguments.seed)
        bugs = list(bugs_in(program.log))
    for line in report.lines():
        sys.stdout.write(line + "\n")
    sys.stdout.write(f"bugs in the server's log: {len(bugs)}\n" + "".join(f"{line}\n" for line in bugs))
    if arguments.report is not None:
        counts = {"requests": report.requests, "statuses": report.statuses, "problems": report.slugs}
        arguments.report.write_text(json.dumps(counts, indent=1) + "\n")
    return 1 if report.faults or bugs else 0


def against(url: str, data: Path, amount: int, seed: int) -> Report:
    """The requests, as the staff of whom the data folder holds first passwords."""
    callers = Callers(url, accounts_of(data))
    try:
        run = Run(url, callers, Known(invented_country()), _progress(amount))
        systems = [one.definition.raw for one in run.operations]
        names = [one["operationId"] for one in systems if "system" in one["x-sympho-principal"]]
        callers.admit_systems(names, sorted({one.agency for one in callers.accounts}))
        try:
            return run.drive(amount, seed)
        finally:
            run.close()
    finally:
        callers.close()


def accounts_of(data: Path) -> list[Account]:
    """So many of every duty; first those who ask in the story, and others of the bodies that it plays in."""
    file = read(data)
    assert file is not None, "no credentials in the data folder"
    world = invented_country()
    asks = world.cast.asks
    askers = {ask.login for ask in asks}
    bodies = {str(code) for ask in asks for code in (ask.inquirer, ask.provider)} | {str(world.network.code)}
    taken: list[Account] = []
    for one in sorted(file.accounts, key=lambda one: (one.login not in askers, one.agency not in bodies)):
        if one.login in askers or any(sum(duty in known.duties for known in taken) < PER_DUTY for duty in one.duties):
            taken.append(Account(one.agency, one.login, one.password, frozenset(one.duties)))
    return taken


def bugs_in(log: Path) -> Iterator[str]:
    """Lines of the server's log that tell of a bug, or of any error."""
    for line in log.read_text().splitlines():
        if not line.startswith("{"):
            continue
        event = json.loads(line)
        if event["event"] in BUGS or event["level"] in {"error", "critical"}:
            yield line


def _progress(amount: int) -> Told:
    began = time.monotonic()

    def told(done: int, label: str) -> None:
        seconds = time.monotonic() - began
        sys.stderr.write(f"{done:>7} / {amount}  {seconds:6.0f} s  {label}\n")

    return told


if __name__ == "__main__":
    sys.exit(main())
