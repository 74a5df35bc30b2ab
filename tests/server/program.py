"""The program itself, as a user has it: ``sympho`` in a process of its own, with its output in files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.commands.client import Client, Refused, Unreachable
from gateway.running.folder import address_of

PATIENCE = 90.0
SYMPHO = (str(Path(sys.executable).parent / "sympho"),)
"""The program as it is installed: only so are the worlds and commands of other packages found by their names."""


def environment(**more: str) -> dict[str, str]:
    """This process's environment without any setting of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SYMPHO_")}
    return {**kept, "PYTHONUNBUFFERED": "1", **more}


@dataclass(frozen=True)
class Said:
    """What a command that has ended said."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


def sympho(*arguments: str, **more: str) -> Said:
    """Runs a command to its end."""
    done = subprocess.run(
        [*SYMPHO, *arguments], capture_output=True, text=True, env=environment(**more), timeout=PATIENCE, check=False
    )
    return Said(done.returncode, done.stdout, done.stderr)


@dataclass
class Program:
    """A server in a process of its own."""

    process: subprocess.Popen[bytes]
    data: Path
    log: Path

    @property
    def url(self) -> str:
        address = address_of(self.data)
        if address is None or address.pid != self.process.pid:
            raise LookupError("the server has no address yet")
        return address.url

    def ready(self) -> bool:
        """Whether it says that it could serve a request now."""
        try:
            with Client(self.url) as client:
                return client.get("/health/ready").status == 200
        except (LookupError, Unreachable, Refused):
            return False

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"not ready: {self.log.read_text()[-2000:]}")
            time.sleep(0.1)

    def wait_for_line(self, text: str) -> None:
        """Waits until its output holds that text."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.log.read_text():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"never said {text!r}: {self.log.read_text()[-2000:]}")
            time.sleep(0.05)

    def end(self, how: signal.Signals) -> int:
        """Sends a signal and waits for the end; the exit code."""
        self.process.send_signal(how)
        return self.process.wait(PATIENCE)


@contextmanager
def data_folder() -> Iterator[Path]:
    """A folder that is ours alone. Not pytest's: that one is closed to PostgreSQL's user again by the next run beside
    us."""
    with tempfile.TemporaryDirectory(prefix="sympho-program-") as folder:
        yield Path(folder) / "data"


@contextmanager
def serving(data: Path, *arguments: str, command: str = "serve", **more: str) -> Iterator[Program]:
    """``sympho serve``, or ``run``, on that folder; whatever is left of it at the end is killed."""
    log = data.with_suffix(".log")
    line = [*SYMPHO, command, "--data", str(data), "--port", "0", "--log-level", "info", *arguments]
    with log.open("ab") as output:
        process = subprocess.Popen(line, stdout=output, stderr=subprocess.STDOUT, env=environment(**more))
    program = Program(process, data, log)
    try:
        yield program
    finally:
        if process.poll() is None:
            program.end(signal.SIGINT)
