"""A stand-in for a server, for what a real one cannot be made to do: stand still, and answer wrongly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from uuid import UUID

from loadtest.measures import Measures
from loadtest.plan import Plan, Question, fingerprint, write_plan

LOCUSTFILE = Path(__file__).parents[2] / "loadtest" / "locustfile.py"
ITEMS = {"TK00000200000010": {"value": "2025"}}
ONLY_QUERIES = """
[kinds]
query-online = 1
[questions]
tax = 1
[review]
confirm = 1
[refusals]
no-token = 1
[amounts]
wait = 5
"""

Answering = Callable[[dict[str, Any]], dict[str, Any]]
"""From the view as it should be to the view as it is answered."""


@dataclass
class StandIn:
    """``stall``: from and until how many seconds after the first inquiry nothing is answered."""

    answering: Answering = lambda view: view
    stall: tuple[float, float] = (0.0, 0.0)
    url: str = ""
    began: float = 0.0
    asked: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def number(self) -> int:
        with self.lock:
            self.began = self.began or monotonic()
            self.asked += 1
            return self.asked

    def hold_still(self) -> None:
        """Waits for the end of the stall, whoever comes during it."""
        since, until = (self.began + second for second in self.stall)
        if since <= monotonic() < until:
            sleep(until - monotonic())


@contextmanager
def standing_in(stand_in: StandIn) -> Iterator[StandIn]:
    """The stand-in, listening."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            if self.path == "/auth/login":
                self.answer(200, {"token": "token", "staff": {"agency": "a"}})
                return
            view = inquiry(stand_in.number())
            stand_in.hold_still()
            self.answer(201, stand_in.answering(view), f"/inquiries/{view['exchange']}")

        def answer(self, status: int, body: dict[str, Any], location: str = "") -> None:
            wire = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(wire)))
            if location:
                self.send_header("Location", location)
            self.end_headers()
            self.wfile.write(wire)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Nothing is logged."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    stand_in.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield stand_in
    finally:
        server.shutdown()
        server.server_close()


def inquiry(number: int) -> dict[str, Any]:
    """An inquiry that was answered rightly."""
    exchange = str(UUID(int=(number << 80) | (7 << 76) | (8 << 60) | number))
    content = {"information": "TM00000000000002", "layout": "0001", "items": ITEMS}
    return {"exchange": exchange, "state": "ended", "outcome": "provided", "reasons": [], "content": content}


def question() -> Question:
    """The one question of the stand-in's plan."""
    body = {"person": {"system": "024", "number": "000024000000001"}, "information": "TM00000000000002"}
    return Question("tax", "asker", "a", "b", body, "provided", "", tuple(ITEMS), (fingerprint(ITEMS),))


def measured(stand_in: StandIn, folder: Path, *, rate: float, seconds: float, users: int) -> Measures:
    """A run of the real generator, as a program apart, with nothing but online queries."""
    plan = Plan([question()], [], [], [], {}, {}, [], [], [], {})
    write_plan(plan, folder / "plan.json")
    account = {"agency": "a", "login": "asker", "password": "x"}
    (folder / "credentials.json").write_text(json.dumps({"accounts": [account]}))
    (folder / "mix.toml").write_text(ONLY_QUERIES)
    command = [
        sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary",
        "--host", stand_in.url, "-u", str(users), "-r", str(users), "--rate", str(rate), "--for", f"{seconds}s",
        "--drain", "5", "--sample", "0", "--plan", str(folder / "plan.json"), "--mix", str(folder / "mix.toml"),
        "--credentials", str(folder / "credentials.json"), "--measured", str(folder / "measured.json"),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, timeout=60, check=False, env=os.environ)
    assert (folder / "measured.json").exists(), done.stderr.decode()[-2000:]
    return Measures.from_json(json.loads((folder / "measured.json").read_text()))


__all__ = ["StandIn", "measured", "question", "standing_in"]
