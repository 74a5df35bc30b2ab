"""``sympho load`` (負荷試験): prepare, measure in processes apart, judge, report. Each step can be run by itself."""

from __future__ import annotations

import asyncio
import json
import math
import shlex
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from loadtest import report
from loadtest.budgets import Budgets, kept
from loadtest.measures import Measures
from loadtest.mix import Mix
from loadtest.plan import Credentials, write_plan
from loadtest.preparation import prepare
from loadtest.result import Judged, Meant, Result, describe_machine
from loadtest.server import serving
from loadtest.soundness import soundness

__all__ = ["Load", "NotMeasured", "Target", "judge", "load"]

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
START = 90.0
"""Seconds for starting the generators and logging everybody in, beyond the run and its drain."""
JUDGE_WITHIN = 1800.0


class NotMeasured(Exception):
    """The generators did not hand in measures; the text says where to look."""


@dataclass(frozen=True, slots=True)
class Target:
    """The server that is measured. ``data``: its folder, where it is on this machine; the judge needs it."""

    url: str
    credentials: Path
    data: Path | None


@dataclass(frozen=True, slots=True)
class Load:
    """One run, as it was asked for. ``url`` empty: a server of our own, in a folder that goes afterwards."""

    rate: float
    seconds: float
    shape: str
    mix: Mix
    mix_file: Path
    budgets: Budgets
    out: Path
    url: str = ""
    data: Path | None = None
    credentials: Path | None = None
    serve: str = ""
    users: int = 0
    generators: int = 1
    drain: float = 20.0
    sample: int = 40
    seed: int = 1
    judged: bool = True

    def __post_init__(self) -> None:
        if self.rate <= 0 or self.generators < 1:
            raise ValueError("--rate and --generators: more than none")
        if self.users and self.users < len(self.mix.used):
            raise ValueError(f"--users: at least {len(self.mix.used)}, one of each kind of the mix")

    @property
    def enough_users(self) -> int:
        """How many may be under way at once: as given, or those of half a second, and two of each kind at least."""
        return self.users or min(1000, max(2 * len(self.mix.used), math.ceil(self.rate / 2)))


@contextmanager
def target_of(asked: Load) -> Iterator[Target]:
    """The server that was named, or one of our own for as long as it is needed."""
    if not asked.url:
        with serving(*shlex.split(asked.serve)) as server:
            yield Target(server.url, server.data / "credentials.json", server.data)
        return
    credentials = asked.credentials or (asked.data / "credentials.json" if asked.data else None)
    if credentials is None or not credentials.is_file():
        raise NotMeasured("--url needs --data or --credentials: users log in with what the server wrote there")
    yield Target(asked.url, credentials, asked.data)


def load(asked: Load, console: Console) -> Result:
    """The whole run. Raises ``NotMeasured``, ``NotPrepared`` or ``NotReached`` where nothing can be said."""
    with ExitStack() as held:
        work = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="sympho-load-")))
        target = held.enter_context(target_of(asked))
        with console.status("準備 / preparing"):
            plan = prepare(target.url, Credentials(target.credentials), asked.mix, seed=asked.seed)
        write_plan(plan, work / "plan.json")
        for note in plan.notes:
            console.print(f"世界と違う / differs from the world: {note}", style="yellow", highlight=False)
        began_at = datetime.now().astimezone().isoformat(timespec="seconds")
        measures = asyncio.run(_measure(asked, target, work, console))
        judged = _judged(asked, target, console)
        sound = soundness(measures)
        meant = Meant(
            target.url, asked.rate, asked.seconds, asked.shape, asked.enough_users, asked.generators, asked.seed,
            began_at, describe_machine(),
        )  # fmt: skip
        limits = kept(asked.budgets, measures, saturated=sound.saturated)
        result = Result(meant, measures, sound, limits, judged)
    page = report.write(result, asked.out)
    console.print(report.table(result))
    _say(result, page, console)
    return result


def _say(result: Result, page: Path, console: Console) -> None:
    for word in (*result.soundness.words, *result.measures.notes):
        console.print(f"⚠ {word}", style="yellow", highlight=False)
    for text, times in result.measures.checked.items():
        console.print(f"記録 records: {times} × {text}", highlight=False)
    console.print(f"判定 judge: {result.judged.text}", highlight=False)
    for trouble in result.troubles:
        console.print(f"✘ {trouble}", style="bold red", highlight=False)
    if not result.troubles:
        console.print("✔ 成立 / stands", style="bold green")
    console.print(f"報告 report: {page}", highlight=False)


# --- measuring ----------------------------------------------------------------------------------------------------


def _command(*more: str) -> list[str]:
    own = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--loglevel", "WARNING"]
    return [*own, *more]


def _leader(asked: Load, target: Target, work: Path) -> list[str]:
    """The process that leads: alone, or over workers. The same options serve plain ``locust``."""
    users = asked.enough_users
    return _command(
        "--headless", "--only-summary", "--host", target.url, "-u", str(users), "-r", str(min(users, 100)),
        "--plan", str(work / "plan.json"), "--credentials", str(target.credentials), "--mix", str(asked.mix_file),
        "--rate", str(asked.rate), "--for", f"{asked.seconds}s", "--shape", asked.shape, "--drain", str(asked.drain),
        "--sample", str(math.ceil(asked.sample / asked.generators)), "--seed", str(asked.seed),
        "--measured", str(work / "measured.json"), "--progress", str(work / "progress.jsonl"),
    )  # fmt: skip


def _commands(asked: Load, target: Target, work: Path) -> list[list[str]]:
    """One process, or a master and its workers; the first one leads."""
    leader = _leader(asked, target, work)
    if asked.generators == 1:
        return [leader]
    port = str(_free_port())
    master = ["--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port]
    worker = _command("--worker", "--master-host", "127.0.0.1", "--master-port", port)
    return [[*leader, *master, "--expect-workers", str(asked.generators)], *([worker] * asked.generators)]


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


async def _measure(asked: Load, target: Target, work: Path, console: Console) -> Measures:
    log = work / "locust.log"
    running: list[asyncio.subprocess.Process] = []
    with log.open("wb") as file:
        try:
            for command in _commands(asked, target, work):
                await _started(running, command, file)
            await _looked_on(asked, running[0], work / "progress.jsonl", console)
        finally:
            await _ended(running)
    measured = work / "measured.json"
    if not measured.is_file():
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
        raise NotMeasured("\n".join(["the generator handed in nothing; the last it said:", *tail]))
    return Measures.from_json(json.loads(measured.read_text(encoding="utf-8")))


async def _started(running: list[asyncio.subprocess.Process], command: Sequence[str], log: BinaryIO) -> None:
    """One more of them, known at once, so that it is ended whatever comes."""
    running.append(await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log))


async def _ended(running: Sequence[asyncio.subprocess.Process]) -> None:
    """Whoever still runs is asked to stop, and then made to."""
    for process in running:
        if process.returncode is None:
            process.terminate()
    for process in running:
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _looked_on(asked: Load, leader: asyncio.subprocess.Process, progress: Path, console: Console) -> None:
    """Shows how it stands until the leader has ended, or has taken longer than it may."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + asked.seconds + asked.drain + START
    shown = Progress(
        TextColumn("測定 / measuring"), BarColumn(), TimeElapsedColumn(), TextColumn("{task.fields[text]}"),
        console=console,
    )  # fmt: skip
    over = asyncio.ensure_future(leader.wait())
    with shown:
        task = shown.add_task("", total=asked.seconds, text="ログイン / logging in")
        before: dict[str, Any] = {"second": 0.0, "right": 0}
        while not over.done() and loop.time() < deadline:
            await asyncio.wait([over], timeout=1.0)
            line = _last_line(progress)
            if line is not None and line["second"] > before["second"]:
                speed = (line["right"] - before["right"]) / (line["second"] - before["second"])
                shown.update(task, completed=max(0.0, line["second"]), text=_standing(line, speed))
                before = line
    over.cancel()


def _standing(line: dict[str, Any], speed: float) -> str:
    return (
        f"{speed:.0f}/s 正 right {line['right']} 混 busy {line['busy']} 誤 wrong {line['wrong']} "
        f"処理中 in flight {line['in_flight']}"
    )


def _last_line(path: Path) -> dict[str, Any] | None:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        found: dict[str, Any] = json.loads(lines[-1])
    except (OSError, IndexError, ValueError):
        return None
    return found


# --- judging ------------------------------------------------------------------------------------------------------


def _judged(asked: Load, target: Target, console: Console) -> Judged:
    if not asked.judged:
        return Judged(None, "判定は求められていない / not asked for")
    if target.data is None:
        return Judged(None, "データフォルダーが分からず判定していない / not judged: the data folder is not known")
    with console.status("判定 / judging"):
        return asyncio.run(judge(target.data))


async def judge(data: Path, program: Sequence[str] = (), more: Sequence[str] = ()) -> Judged:
    """``sympho judge`` over all that every party wrote, as a program apart. One that cannot say fails the run.

    ``more`` are further arguments: where the other parties' folders are.
    """
    sympho = (str(Path(sys.executable).with_name("sympho")), "judge")
    command = [*(program or sympho), "--data", str(data), *more, "--json"]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), JUDGE_WITHIN)
    except TimeoutError:
        process.kill()
        await process.wait()
        return Judged(False, "判定が終わらない / the judge did not end")
    try:
        verdict = json.loads(out)
    except ValueError:
        last = err.decode(errors="replace").strip().splitlines()[-1:]
        return Judged(False, f"判定できない / the judge could not say ({process.returncode}): {' '.join(last)}")
    found = [json.dumps(one, ensure_ascii=False) for one in verdict["violations"]]
    holds = process.returncode == 0 and not found
    text = "全ての約束が守られた / every invariant holds" if holds else f"違反 violations: {len(found)}"
    return Judged(holds, text, verdict["counts"], tuple(found[:50]))
