"""The file of a backup (控えのファイル): parts in frames, each sealed and bound to its place, behind a passphrase.

    one line of text | length, salt and wrapped key | length, frame | length, frame | ...

The file's own key is 32 random bytes, wrapped by the passphrase (``gateway.keys.passphrase``). A frame is a name of a
part and some of its bytes, compressed, then sealed under that key and its number, so that frames cannot be changed,
exchanged or left out; the last one says that it is, so that none can be cut off.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import msgspec
from msgspec import Struct

from gateway.keys.passphrase import Locked, WrongPassphrase, lock, unlock
from gateway.keys.root import KEY_BYTES, WrongKey, unwrap, wrap

__all__ = ["BadArchive", "Writer", "frames"]

FIRST_LINE = b"sympho backup 1\n"
NAME = FIRST_LINE.decode().strip()
FRAME_BYTES = 1024 * 1024
LONGEST_FRAME = 64 * FRAME_BYTES
"""One row may be larger than a frame: it then fills one of its own."""
QUICKLY = 1


class BadArchive(Exception):
    """The file cannot be restored from; the message says why, and quotes nothing of it."""


class Frame(Struct, frozen=True, array_like=True):
    """Some bytes of a part; ``part`` is empty in the last frame, which has none."""

    part: str
    data: bytes


class Writer:
    """Writes a backup. ``put`` collects what belongs to one part; ``end`` makes the file whole."""

    def __init__(self, file: BinaryIO, passphrase: str) -> None:
        self._file = file
        self._key = os.urandom(KEY_BYTES)
        self._number = 0
        self._part = ""
        self._held: list[bytes] = []
        self._size = 0
        file.write(FIRST_LINE)
        self._framed(msgspec.msgpack.encode(lock(passphrase, NAME, self._key)))

    def put(self, part: str, data: bytes) -> None:
        if not part:
            raise ValueError("a part has a name")
        if part != self._part or self._size >= FRAME_BYTES:
            self._flush()
        self._part = part
        self._held.append(data)
        self._size += len(data)

    def end(self) -> None:
        self._flush()
        self._sealed(Frame("", b""))

    def _flush(self) -> None:
        if self._part:
            self._sealed(Frame(self._part, b"".join(self._held)))
        self._held, self._size = [], 0

    def _sealed(self, frame: Frame) -> None:
        plain = zlib.compress(msgspec.msgpack.encode(frame), QUICKLY)
        self._framed(wrap(self._key, str(self._number), plain))
        self._number += 1

    def _framed(self, data: bytes) -> None:
        self._file.write(len(data).to_bytes(4))
        self._file.write(data)


def frames(file: BinaryIO, passphrase: str) -> Iterator[tuple[str, bytes]]:
    """Every part's bytes in the order in which they were put; ``BadArchive`` at the first thing that is wrong."""
    if file.read(len(FIRST_LINE)) != FIRST_LINE:
        raise BadArchive("the file is no backup of this program, or one of a later form")
    key = _key(_unframed(file), passphrase)
    number = 0
    while True:
        frame = _opened(key, number, _unframed(file))
        if not frame.part:
            break
        yield frame.part, frame.data
        number += 1
    if file.read(1):
        raise BadArchive("something follows the end of the backup")


def _key(header: bytes, passphrase: str) -> bytes:
    try:
        return unlock(passphrase, NAME, msgspec.msgpack.decode(header, type=Locked))
    except WrongPassphrase:
        raise BadArchive("the passphrase does not open the backup, or its beginning was changed") from None
    except msgspec.DecodeError:
        raise BadArchive("the beginning of the backup was changed") from None


def _opened(key: bytes, number: int, sealed: bytes) -> Frame:
    try:
        plain = zlib.decompress(unwrap(key, str(number), sealed))
        return msgspec.msgpack.decode(plain, type=Frame)
    except (WrongKey, zlib.error, msgspec.DecodeError):
        raise BadArchive(f"frame {number} of the backup was changed") from None


def _unframed(file: BinaryIO) -> bytes:
    size = int.from_bytes(file.read(4))
    if not 0 < size <= LONGEST_FRAME:
        raise BadArchive("the backup is cut off, or was changed")
    data = file.read(size)
    if len(data) < size:
        raise BadArchive("the backup is cut off")
    return data
