"""The floor under one exchange: the parts that cannot be left out, bare, one after the other, on the same machine.

One HTTP request answered by bare aiohttp; four ES256 signatures and three verifications; one hybrid HPKE seal and open;
six look-ups by key and six durable commits of one row in the same PostgreSQL. No product logic, no types, no log. What
an exchange takes beyond that is what the product adds.
"""

from __future__ import annotations

import os
from pathlib import Path
from time import perf_counter
from typing import Any

import aiohttp
import asyncpg
from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, mlkem, x25519
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, Suite

ROW = 2_000
"""Bytes of a row: about what a party writes for one exchange."""

WARM_UP = 50
SIGNATURES, VERIFICATIONS, LOOK_UPS, COMMITS = 4, 3, 6, 6


def socket_of(data: Path) -> str:
    """The folder of the embedded server's socket, as its own pid file tells it."""
    pid_file = next(data.glob("postgres/**/postmaster.pid"))
    return pid_file.read_text(encoding="utf-8").splitlines()[4]


class Floor:
    """The bare parts, ready to be run once for each request."""

    def __init__(self, conn: asyncpg.Connection) -> None:
        self._conn = conn
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._ecdsa = ec.ECDSA(hashes.SHA256())
        self._private = MLKEM768X25519PrivateKey(
            mlkem.MLKEM768PrivateKey.generate(), x25519.X25519PrivateKey.generate()
        )
        self._suite = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
        self._row = os.urandom(ROW)

    async def once(self) -> None:
        """Everything that one exchange cannot do without."""
        signature = b""
        for _ in range(SIGNATURES):
            signature = self._key.sign(self._row, self._ecdsa)
        for _ in range(VERIFICATIONS):
            self._key.public_key().verify(signature, self._row, self._ecdsa)
        self._suite.decrypt(self._suite.encrypt(self._row, self._private.public_key()), self._private)
        for _ in range(LOOK_UPS):
            await self._conn.fetchval("SELECT body FROM bench_floor WHERE id = $1", 1)
        for _ in range(COMMITS):
            await self._conn.execute("INSERT INTO bench_floor (body) VALUES ($1)", self._row)


async def measure(data: Path, times: int) -> list[float]:
    """Milliseconds of each round, over one kept-alive HTTP connection, on the PostgreSQL of that data folder."""
    conn = await asyncpg.connect(user="postgres", database="postgres", host=socket_of(data))
    await conn.execute("CREATE TABLE bench_floor (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body bytea)")
    floor = Floor(conn)

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        await floor.once()
        return web.json_response({"done": True}, status=201)

    app = web.Application()
    app.router.add_post("/", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        return await _asked(f"http://127.0.0.1:{runner.addresses[0][1]}/", times)
    finally:
        await runner.cleanup()
        await conn.execute("DROP TABLE bench_floor")
        await conn.close()


async def _asked(url: str, times: int) -> list[float]:
    taken: list[float] = []
    body: dict[str, Any] = {"person": "nobody", "task": "none", "information": "none"}
    async with aiohttp.ClientSession() as session:
        for n in range(WARM_UP + times):
            began = perf_counter()
            async with session.post(url, json=body) as response:
                await response.json()
            if n >= WARM_UP:
                taken.append((perf_counter() - began) * 1000)
    return taken
