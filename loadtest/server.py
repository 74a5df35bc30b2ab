"""A server of its own for a measurement: ``sympho serve`` as a user starts it, in a folder that goes afterwards.

A stranger's view: a process, a URL, the credentials file, and the log lines on its standard error.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

READY_WITHIN = 120.0


@dataclass(frozen=True)
class Server:
    """A running server. ``log`` is its standard error, JSON lines."""

    url: str
    data: Path
    log: Path
    process: subprocess.Popen[bytes]

    def credentials(self, login: str) -> dict[str, str]:
        """Agency, login and password of an account of the invented country."""
        accounts = json.loads((self.data / "credentials.json").read_text(encoding="utf-8"))["accounts"]
        return next(account for account in accounts if account["login"] == login)

    def lines(self, event: str) -> Iterator[dict[str, Any]]:
        """The log lines of one event so far."""
        for text in self.log.read_text(encoding="utf-8").splitlines():
            if text.startswith("{"):
                line = json.loads(text)
                if line.get("event") == event:
                    yield line


@contextmanager
def serving(*arguments: str) -> Iterator[Server]:
    """Starts a server on an empty data folder and a free port, waits until it is ready, and stops it in the end."""
    with (
        tempfile.TemporaryDirectory(prefix="sympho-bench-") as folder,
        started(Path(folder), "--port", "0", *arguments) as server,
    ):
        yield ready(server)


@contextmanager
def started(folder: Path, *arguments: str) -> Iterator[Server]:
    """A server that is starting, its data and its log in that folder; stopped in the end."""
    data, log = folder / "data", folder / "log"
    sympho = Path(sys.executable).with_name("sympho")
    command = [str(sympho), "serve", "--data", str(data), *arguments]
    with log.open("wb") as stderr:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=stderr)
    try:
        yield Server("", data, log, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def ready(server: Server, within: float = READY_WITHIN) -> Server:
    """The server once it answers, with its URL; ``SystemExit`` with its log where it does not come to that."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline and server.process.poll() is None:
        for file in server.data.glob("address-*.json"):  # it stands there as soon as the server answers
            return replace(server, url=str(json.loads(file.read_bytes())["url"]))
        time.sleep(0.1)
    raise SystemExit(f"the server did not become ready:\n{server.log.read_text(encoding='utf-8')}")
