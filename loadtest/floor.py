"""The floor under an exchange (下限): the parts that cannot be left out, bare, in as good an order as is known.

``python -m loadtest.floor --data DIR`` is a server: one HTTP request answered by bare aiohttp on uvloop; four ES256
signatures and three verifications; one hybrid HPKE seal and open; four reads by key; five durable commits, one after
the other, and the row of the operations log with the last of them. Reads and commits are shared by whoever waits,
without a timer, in the same PostgreSQL as the product's. No product logic, no types, no log. What an exchange takes
beyond that is what the product adds. The same generator drives both.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import uvloop
from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, mlkem, x25519
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, Suite

from loadtest import bare
from loadtest.driving import RIGHT
from loadtest.wire import Address, request_head

__all__ = ["FloorRequests", "parts", "standing"]

ROW = 2_000
"""Bytes of a row: about what a party writes for one exchange."""
OPERATION = 300
"""Bytes of a row of the operations log."""
CONTENT = 600
"""Bytes of a content, and of the JSON that is answered."""
SIGNATURES, VERIFICATIONS, LOOK_UPS, COMMITS = 4, 3, 4, 5
PEOPLE = 1_000
LARGEST = 256

LAID = """
DROP TABLE IF EXISTS bench_floor, bench_floor_person;
CREATE TABLE bench_floor (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body bytea NOT NULL);
ALTER TABLE bench_floor ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE bench_floor SET (toast_tuple_target = 8160);
CREATE TABLE bench_floor_person (id bigint PRIMARY KEY, body bytea NOT NULL);
INSERT INTO bench_floor_person SELECT n, decode(repeat('00', 600), 'hex') FROM generate_series(1, 1000) AS n;
ANALYZE bench_floor_person;
"""
READ = "SELECT id, body FROM bench_floor_person WHERE id = ANY($1::bigint[])"
WRITE = "INSERT INTO bench_floor (body) SELECT unnest($1::bytea[])"


class Crypto:
    """The signatures, verifications, seal and open of one exchange."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._public = self._key.public_key()
        self._ecdsa = ec.ECDSA(hashes.SHA256())
        self._private = MLKEM768X25519PrivateKey(
            mlkem.MLKEM768PrivateKey.generate(), x25519.X25519PrivateKey.generate()
        )
        self._suite = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
        self.row = os.urandom(ROW)
        self._content = os.urandom(CONTENT)
        self._sealed = self._suite.encrypt(self._content, self._private.public_key())
        self._signature = self._key.sign(self.row, self._ecdsa)

    def sign(self) -> None:
        self._signature = self._key.sign(self.row, self._ecdsa)

    def verify(self) -> None:
        self._public.verify(self._signature, self.row, self._ecdsa)

    def seal(self) -> None:
        self._sealed = self._suite.encrypt(self._content, self._private.public_key())

    def open(self) -> None:
        self._suite.decrypt(self._sealed, self._private)

    def all(self) -> None:
        for _ in range(SIGNATURES):
            self.sign()
        for _ in range(VERIFICATIONS):
            self.verify()
        self.seal()
        self.open()


def parts(times: int = 300) -> dict[str, float]:
    """Microseconds of each part of the cryptography in a loop, the best of five rounds."""
    crypto = Crypto()
    found: dict[str, float] = {}
    for name, part in (("sign", crypto.sign), ("verify", crypto.verify), ("seal", crypto.seal), ("open", crypto.open)):
        best = float("inf")
        for _ in range(5):
            began = perf_counter()
            for _ in range(times):
                part()
            best = min(best, perf_counter() - began)
        found[name] = best / times * 1e6
    return found


class _Shared:
    """Whoever waits at the same moment shares one statement."""

    def __init__(self, do: Callable[[Sequence[Any]], Awaitable[object]]) -> None:
        self._do = do
        self._waiting: list[tuple[Any, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None

    async def submit(self, item: Any) -> None:
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if self._task is None:
            self._task = asyncio.create_task(self._rounds())
        await done

    async def _rounds(self) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting[:LARGEST], self._waiting[LARGEST:]
            await self._do([item for item, _ in taken])
            for _, done in taken:
                done.set_result(None)
        self._task = None


async def _serve(data: Path, listening: socket.socket) -> None:
    reads = [await _reading(data) for _ in range(LOOK_UPS)]
    writes = [await _writing(data) for _ in range(COMMITS)]
    crypto = Crypto()
    operation = crypto.row[:OPERATION]
    answer = json.dumps({"content": crypto.row[: CONTENT // 2].hex()}).encode()
    number = 0

    async def exchange(request: web.Request) -> web.Response:
        nonlocal number
        json.loads(await request.read())
        number += 1
        for read in reads:
            await read.submit(number % PEOPLE + 1)
        crypto.all()
        for write in writes[:-1]:
            await write.submit([crypto.row])
        await writes[-1].submit([crypto.row, operation])
        return web.Response(body=answer, status=201, content_type="application/json")

    app = web.Application()
    app.router.add_post("/", exchange)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.SockSite(runner, listening).start()
    await asyncio.Event().wait()


async def _reading(data: Path) -> _Shared:
    conn = await bare.connect(data)
    return _Shared(lambda ids: conn.fetch(READ, ids))


async def _writing(data: Path) -> _Shared:
    conn = await bare.connect(data)
    return _Shared(lambda rows: conn.execute(WRITE, [body for bodies in rows for body in bodies]))


async def _lay(data: Path) -> None:
    conn = await bare.connect(data)
    await conn.execute(LAID)
    await conn.close()


class FloorRequests:
    """``Requests`` to the floor: a body as long as an inquiry's."""

    def __init__(self, address: Address) -> None:
        body = json.dumps(
            {"person": {"system": "024", "number": "0" * 15}, "provider": "0" * 16, "x": "0" * 90}
        ).encode()
        headers = {
            "Authorization": "Bearer " + "x" * 700,
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
        }
        self._wire = request_head("POST", "/", address, headers) + b"\r\n" + body

    def __len__(self) -> int:
        return 1

    def wire(self, place: int) -> bytes:
        return self._wire

    def verdict(self, place: int, status: int, head: bytes, body: bytes) -> str:
        return RIGHT if status == 201 and b"content" in body else f"status {status}"


@asynccontextmanager
async def standing(data: Path, workers: int = 1) -> AsyncIterator[tuple[Address, list[int]]]:
    """A floor on the PostgreSQL of that folder: where it listens, and the ids of its processes."""
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", 0))
        listening.listen(1024)
        await _lay(data)
        command = [sys.executable, "-m", "loadtest.floor", "--data", str(data), "--socket", str(listening.fileno())]
        handed = (listening.fileno(),)
        running = [await asyncio.create_subprocess_exec(*command, pass_fds=handed) for _ in range(workers)]
        try:
            yield Address("127.0.0.1", listening.getsockname()[1]), [one.pid for one in running]
        finally:
            for one in running:
                one.terminate()
                await one.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="the floor under an exchange, as a server (started by the benches)")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--socket", type=int, required=True, help="number of a listening socket")
    given = parser.parse_args()
    uvloop.run(_serve(given.data, socket.socket(fileno=given.socket)))


if __name__ == "__main__":
    main()
