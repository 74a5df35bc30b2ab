"""What the processes of one server tell each other of what they have counted: a small file each, in the data folder."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from gateway.metrics import Counts, Meter

__all__ = ["keep_sharing", "others"]

SHARE_SECONDS = 1.0
SUFFIX = ".counts"

_decoder = msgspec.msgpack.Decoder(Counts)


def others(folder: Path, name: str) -> Iterator[Counts]:
    """What the other processes have counted, a second ago at most. What one that died had counted stays."""
    for file in folder.glob(f"*{SUFFIX}"):
        if file.name != name + SUFFIX:
            with suppress(FileNotFoundError, msgspec.DecodeError):
                yield _decoder.decode(file.read_bytes())


async def keep_sharing(meter: Meter, folder: Path, name: str) -> None:
    """Writes what this process has counted, until it is cancelled."""
    aside = folder / f".{name}"
    while True:
        aside.write_bytes(msgspec.msgpack.encode(meter.counts))
        os.replace(aside, folder / (name + SUFFIX))
        await asyncio.sleep(SHARE_SECONDS)
