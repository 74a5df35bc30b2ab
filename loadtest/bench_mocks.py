"""Beside servers that answer a canned body (モックとの比較): ``python -m loadtest.bench_mocks``.

The same client load, request by request the same bytes, on ours and on Prism and mountebank, in turn, as ratios. The
mocks come from npm into a folder that goes afterwards; where npm is not reachable that is said, and the exit status
is 3. A mock answers the answer that ours gave once, to everybody; ours answers each of them for what was asked, and
checks, signs, seals and records it.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from loadtest.asking import Asking, asked_of, with_questions
from loadtest.bench_throughput import faults_of
from loadtest.benching import alone
from loadtest.client import Client
from loadtest.driving import RIGHT, Driven, closed
from loadtest.processes import tree, usage_of
from loadtest.server import Server, serving
from loadtest.showing import Finding
from loadtest.wire import Address, address_of

__all__ = ["arguments", "findings"]

PACKAGES = ("@stoplight/prism-cli@5", "mountebank@2")
INSTALLED_WITHIN = 400.0
LISTENS_WITHIN = 60.0
IN_FLIGHT = 64


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=8.0, help="for each server (default 8)")
    parser.add_argument("--rounds", type=int, default=2, help="turns (default 2)")
    parser.add_argument("--in-flight", type=int, default=IN_FLIGHT)
    parser.add_argument("--workers", type=int, default=1, help="processes of our server")


class Canned:
    """The requests of ``Asking``, sent to somebody who answers everything alike."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    def __len__(self) -> int:
        return len(self._asking)

    def wire(self, place: int) -> bytes:
        return self._asking.wire(place)

    def verdict(self, place: int, status: int, head: bytes, body: bytes) -> str:
        return RIGHT if status == 201 and b'"content"' in body else f"status {status}"


class NotThere(Exception):
    """A mock cannot be had here; the text says why."""


async def installed(folder: Path) -> None:
    """Both mocks in that folder; ``NotThere`` where npm is missing, fails, or takes too long."""
    npm = shutil.which("npm")
    if npm is None:
        raise NotThere("npm is not installed")
    process = await asyncio.create_subprocess_exec(
        npm, "install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", str(folder), *PACKAGES,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        _, told = await asyncio.wait_for(process.communicate(), INSTALLED_WITHIN)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise NotThere(f"npm install did not end within {INSTALLED_WITHIN:.0f} s") from None
    if process.returncode:
        lines = told.decode(errors="replace").strip().splitlines() or ["without a word"]
        raise NotThere(f"npm install failed: {lines[0][:150]}")


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def prism_description(answer: Any) -> dict[str, Any]:
    """An OpenAPI document of one operation with one example."""
    content = {"application/json": {"schema": {"type": "object"}, "example": answer}}
    body = {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
    operation = {"requestBody": body, "responses": {"201": {"description": "ended", "content": content}}}
    return {
        "openapi": "3.0.3",
        "info": {"title": "canned", "version": "1"},
        "paths": {"/inquiries": {"post": operation}},
    }


def mountebank_imposters(port: int, answer: Any) -> dict[str, Any]:
    """One imposter that answers every request with the same body."""
    headers = {"Content-Type": "application/json", "Connection": "keep-alive"}  # else it closes after each answer
    canned = {"is": {"statusCode": 201, "headers": headers, "body": answer}}
    return {"imposters": [{"port": port, "protocol": "http", "stubs": [{"responses": [canned]}]}]}


@asynccontextmanager
async def standing(name: str, folder: Path, answer: Any) -> AsyncIterator[tuple[Address, int]]:
    """A mock that listens: its address, and the id of its process."""
    port, file = _free_port(), folder / f"{name}.json"
    if name == "Prism":
        file.write_text(json.dumps(prism_description(answer), ensure_ascii=False), encoding="utf-8")
        command = ["prism", "mock", str(file), "-h", "127.0.0.1", "-p", str(port), "-v", "silent"]
    else:
        file.write_text(json.dumps(mountebank_imposters(port, answer), ensure_ascii=False), encoding="utf-8")
        command = ["mb", "start", "--host", "127.0.0.1", "--port", str(_free_port()), "--configfile", str(file)]
        command += ["--nologfile", "--loglevel", "error", "--pidfile", str(folder / "mb.pid")]
    program = folder / "node_modules" / ".bin" / command[0]
    process = await asyncio.create_subprocess_exec(
        str(program), *command[1:], cwd=folder, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await _listens(name, port, process)
        yield Address("127.0.0.1", port), process.pid
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _listens(name: str, port: int, process: asyncio.subprocess.Process) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + LISTENS_WITHIN
    while loop.time() < deadline and process.returncode is None:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.2)
        else:
            writer.close()
            return
    raise NotThere(f"{name} does not listen")


async def findings(given: Namespace) -> list[Finding]:
    """Ours and the mocks."""
    found = Finding(
        "mocks", "Beside servers that answer a canned body",
        ("", "answers/s", "ours / it", "p50 ms", "p99 ms", "CPU ms an answer, without PostgreSQL"),
    )  # fmt: skip
    more = ("--workers", str(given.workers)) if given.workers > 1 else ()
    with tempfile.TemporaryDirectory(prefix="sympho-mocks-") as folder, serving(*more) as server:
        async with AsyncExitStack() as held:
            names = await _installed_or_said(found, Path(folder))
            asking = with_questions(
                server.url, address_of(server.url), server.data / "credentials.json", asked_of(server.url)
            )
            places = {"ours": (address_of(server.url), server.process.pid)}
            for name in names:
                await _stand(found, held, name, Path(folder), _answer(server, asking), places)
            seen = await _in_turn(given, asking, places)
        ours = seen["ours"][0]
        for name, (driven, cpu) in seen.items():
            ratio = ours.rate / driven.rate if driven.in_time else 0.0
            found.row(name, driven.rate, ratio, driven.ms(0.5), driven.ms(0.99), cpu / max(1, driven.ended) * 1e3)
            found.values |= {f"rate of {name}": driven.rate, f"ours / {name}": ratio}
        found.failures.extend(await faults_of(server, asking, [one for one, _ in seen.values()]))
    return [found]


async def _installed_or_said(found: Finding, folder: Path) -> tuple[str, ...]:
    try:
        await installed(folder)
    except NotThere as missing:
        found.skipped.append(f"Prism and mountebank: {missing}")
        return ()
    return ("Prism", "mountebank")


async def _stand(
    found: Finding, held: AsyncExitStack, name: str, folder: Path, answer: Any, places: dict[str, tuple[Address, int]]
) -> None:
    try:
        places[name] = await held.enter_async_context(standing(name, folder, answer))
    except NotThere as missing:
        found.skipped.append(str(missing))


def _answer(server: Server, asking: Asking) -> Any:
    """What ours answers to the first of the questions: the mocks' canned body."""
    client = Client(server.url)
    try:
        head, _, body = asking.wire(0).partition(b"\r\n\r\n")
        token = head.partition(b"Bearer ")[2].partition(b"\r\n")[0].decode()
        return client.call(
            "POST", "/inquiries", json.loads(body), token, Prefer="wait=10", Idempotency_Key="canned"
        ).data
    finally:
        client.close()


async def _in_turn(
    given: Namespace, asking: Asking, places: dict[str, tuple[Address, int]]
) -> dict[str, tuple[Driven, float]]:
    """What was seen of each, and the seconds of processor time of its own processes."""
    seen = {name: (Driven(0.0), 0.0) for name in places}
    for _ in range(given.rounds):
        for name, (address, pid) in places.items():
            requests = asking if name == "ours" else Canned(asking)
            await closed(address, requests, in_flight=given.in_flight, seconds=1.0, warm_up=0)
            before = usage_of(tree(pid)).cpu
            driven = await closed(
                address, requests, in_flight=given.in_flight, seconds=given.seconds / given.rounds, warm_up=0
            )
            whole, cpu = seen[name]
            whole.add(driven)
            seen[name] = whole, cpu + usage_of(tree(pid)).cpu - before
    return seen


def main() -> None:
    alone(arguments, findings, __doc__ or "")


if __name__ == "__main__":
    main()
