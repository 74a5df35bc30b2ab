"""Which world the data were filled with (世界の控え): its name in plain text, its whole content sealed, in the data folder.

``world.json`` says what a later start, or a command on the data, needs to know of the world without reading it. An
edition is the world as a party has loaded it, sealed under that party's own key; the next loading is compared with it.
Losing one loses no data: everything is then loaded anew, and nothing is taken for removed.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from gateway import worlds
from gateway.config import Config
from gateway.exchange.directory import DirectoryEntry
from gateway.intermediary.party import Intermediary
from gateway.keys.ring import KeyRing
from gateway.keys.root import KEY_BYTES, WrongKey, unwrap, wrap
from gateway.neighbours.residents import Residents
from gateway.network.party import Network
from gateway.running.folder import write_whole
from gateway.worlds import WHOLE, Share, Told, Update, Wanted, World, WorldAccount
from sympho.codes import AgencyCode, decode_hook, encode_hook

__all__ = ["FILE", "WorldNote", "note_of", "other_world", "read_edition", "remember", "world_of", "write_edition"]

FILE = "world.json"
PURPOSE = "world"


class WorldNote(Struct, frozen=True):
    """The world that the data were filled with."""

    world: str
    scale: int
    network: AgencyCode
    title: tuple[str, str]
    loaded: bool
    """Whether it has been loaded to its end at least once."""


class NotedWorld:
    """A folder's world that has been loaded and is not looked at again: a start needs its name and operator only."""

    def __init__(self, note: WorldNote) -> None:
        self.title = note.title
        self.network = note.network
        self._place = note.world

    def accounts(self) -> Sequence[WorldAccount]:
        return ()

    def edition(self) -> bytes:
        return b""

    def canaries(self) -> Iterator[str]:
        return worlds.find(self._place).canaries()

    def list_document(self) -> bytes:
        return worlds.find(self._place).list_document()

    def entries(self) -> Sequence[DirectoryEntry]:
        return worlds.find(self._place).entries()

    def update(self, before: bytes) -> Update:
        return worlds.find(self._place).update(before)

    async def fill_network(self, network: Network, told: Told) -> None:
        """It is filled."""

    async def fill_residents(self, residents: Residents, told: Told, share: Share = WHOLE) -> None:
        """It is filled."""

    async def serve(self, server: Intermediary) -> None:
        """It is filled."""

    async def fill_people(self, server: Intermediary, told: Told, share: Share = WHOLE) -> Wanted:
        """It is filled."""
        return Wanted()

    async def acquire_codes(self, server: Intermediary, wanted: Wanted, told: Told) -> None:
        """It is filled."""

    is_large = False


def note_of(data: Path) -> WorldNote | None:
    """What is noted of the world in a data folder; None before the first start."""
    try:
        return msgspec.json.decode((data / FILE).read_bytes(), type=WorldNote, dec_hook=decode_hook)
    except (FileNotFoundError, NotADirectoryError):
        return None


def remember(config: Config, world: World, *, loaded: bool) -> None:
    """Notes the world: before anything of it is filled in, so that a start that was killed goes on with the same one,
    and when all of it is in. Until then a loaded world's note stays as it was."""
    before = note_of(config.data)
    if before is not None and before.loaded and not loaded:
        return
    name = config.world or (before.world if before else worlds.INVENTED)
    scale = config.scale or (before.scale if before else 0)
    place = name if name in worlds.names() else str(Path(name).expanduser().absolute())
    note = WorldNote(place, scale, world.network, world.title, loaded)
    if note != before:
        write_whole(config.data / FILE, msgspec.json.encode(note, enc_hook=encode_hook))


def other_world(config: Config) -> WorldNote | None:
    """The note of the data where the settings name another world than theirs; a folder may have moved, or be changed,
    but what is made by code and what is read from a folder never take each other's place."""
    note = note_of(config.data)
    if note is None:
        return None
    named = config.world if config.world in worlds.names() else ""
    noted = note.world if note.world in worlds.names() else ""
    if config.world and named != noted:
        return note
    return note if note.loaded and config.scale not in (0, note.scale) else None


def world_of(config: Config) -> World:
    """The world that the settings name; where they name none, the one that the data were filled with."""
    note = note_of(config.data)
    if config.world or note is None:
        return worlds.find(config.world, config.scale)
    if note.loaded and note.world not in worlds.names():
        return NotedWorld(note)
    return worlds.find(note.world, config.scale or note.scale)


# --- editions -----------------------------------------------------------------------------------------------------


def _file(data: Path, role: str) -> Path:
    return data / f"world-{role}.edition"


async def _key(ring: KeyRing, role: str) -> bytes:
    return await ring.make(f"{role}:{PURPOSE}", _fresh)


def _fresh() -> bytes:
    return os.urandom(KEY_BYTES)


async def read_edition(data: Path, role: str, ring: KeyRing) -> bytes:
    """The world as this party loaded it last; empty where that is not known."""
    try:
        sealed = _file(data, role).read_bytes()
        return zlib.decompress(unwrap(await _key(ring, role), PURPOSE, sealed))
    except (FileNotFoundError, WrongKey, zlib.error):
        return b""


async def write_edition(data: Path, role: str, ring: KeyRing, edition: bytes) -> None:
    """Notes, after all of it is durable, what was loaded."""
    if edition:
        write_whole(_file(data, role), wrap(await _key(ring, role), PURPOSE, zlib.compress(edition, 6)))
