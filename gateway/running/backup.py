"""The backup of a whole installation (控え): every table, the root key and the data folder's files, in one sealed file.

1. The folder's files are read first: a note that is older than the database is only done again.
2. All tables of all parties here are copied in one REPEATABLE READ snapshot, beside a running server or without one.
   Sessions are left out: whoever was logged in logs in anew. So are the marks of who serves the folder.
3. The file is durable and whole under its name, or not there; a file that is there is never written over.

The root key is in it, because without it the rest opens nothing, and two things that are only good together get lost
apart. So the file is worth what the installation is worth, and is never written without a passphrase.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

from gateway.config import POSTGRES_FOLDER, Config, ConfigError, Role
from gateway.database import Connection, as_administrator, database_name, lay
from gateway.keys.root import RootKey, former_of
from gateway.layout import LAID, Layout, layout_of
from gateway.managing import store
from gateway.managing.archive import FIRST_LINE, Writer
from gateway.running.folder import parties_of
from gateway.running.ondata import located
from gateway.running.wording import worded

__all__ = ["END", "FILE", "MANIFEST", "ROOT_KEY", "TABLE", "Contents", "Manifest", "back_up", "copied", "layouts_of"]

MANIFEST, ROOT_KEY, FILE, TABLE, END = "manifest", "root-key", "file:", "table:", "end"
LEFT_OUT = frozenset({LAID, "session", "revocation"})
"""Tables that are laid anew, or that begin anew: sessions, and who of them was revoked."""
READ_BYTES = 1024 * 1024

Told = Callable[[str, int], None]


class Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    """What a backup says of itself, first of all. ``parties``: the version of each party's tables."""

    program: str
    made_at: datetime
    parties: dict[str, str]
    root_key: str
    """The root key's mark."""


class Contents(Struct, frozen=True, forbid_unknown_fields=True):
    """What a backup held, last of all: rows by table, files, the numbers given last by schema and sequence."""

    rows: dict[str, int]
    files: int
    sequences: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True, slots=True)
class Copy:
    """A backup that was made."""

    file: Path
    size: int
    contents: Contents


async def back_up(config: Config, target: Path, passphrase: str, told: Told) -> Copy:
    """Makes a backup of the data folder's installation."""
    parties = parties_of(config.data)
    with worded(), _new_file(target) as file:
        root = RootKey.open(config.root_key_file)
        async with located(config) as placed:
            layouts = layouts_of(placed, parties)
            for layout in layouts:
                await lay(_url(placed), layout)
            digests = {str(layout.role): layout.digest for layout in layouts}
            manifest = Manifest(version("sympho"), datetime.now(UTC), digests, root.mark)
            writer = Writer(file, passphrase)
            writer.put(MANIFEST, msgspec.json.encode(manifest))
            writer.put(ROOT_KEY, config.root_key_file.read_bytes())
            files = _put_files(config, writer)
            async with (
                as_administrator(_url(placed)) as conn,
                conn.transaction(isolation="repeatable_read", readonly=True),
            ):
                rows, sequences = await _put_tables(conn, layouts, writer, told)
        if RootKey.open(config.root_key_file).mark != root.mark:
            raise ConfigError("根鍵が途中で取り替えられました / the root key was replaced meanwhile: back up again")
        contents = Contents(rows, files, tuple(sequences))
        writer.put(END, msgspec.json.encode(contents))
        writer.end()
        size = file.tell()
    return Copy(target, size, contents)


def layouts_of(config: Config, parties: tuple[Role, ...]) -> list[Layout]:
    prefix = config.database_prefix or database_name(_url(config))
    return [layout_of(role, prefix) for role in parties]


def copied(layout: Layout) -> list[tuple[str, str]]:
    """The party's tables that a backup holds, none before one that it points at."""
    return [(schema, table) for schema, table in layout.tables if table not in LEFT_OUT]


def _url(config: Config) -> str:
    if config.database_url is None:
        raise RuntimeError("the database was not located")
    return config.database_url.reveal()


# --- what goes in -------------------------------------------------------------------------------------------------


async def _put_tables(
    conn: Connection, layouts: list[Layout], writer: Writer, told: Told
) -> tuple[dict[str, int], list[tuple[str, str, int]]]:
    rows: dict[str, int] = {}
    sequences: list[tuple[str, str, int]] = []
    for layout in layouts:
        await store.act_as(conn, layout.owner, layout.search_path)
        for schema, table in copied(layout):
            part = f"{TABLE}{schema}.{table}"

            async def put(data: bytes, part: str = part) -> None:
                writer.put(part, data)

            rows[part] = await store.copy_out(conn, schema, table, put)
            told(f"{schema}.{table}", rows[part])
        sequences += await store.read_sequences(conn, list(layout.schemas))
    return rows, sequences


def _put_files(config: Config, writer: Writer) -> int:
    many = 0
    for path in _files(config):
        part = FILE + path.relative_to(config.data).as_posix()
        with path.open("rb") as file:
            writer.put(part, b"")
            while data := file.read(READ_BYTES):
                writer.put(part, data)
        many += 1
    return many


def _files(config: Config) -> Iterator[Path]:
    """What lies in the folder and is not the database, a key of its own part, a mark of who serves it, or a backup."""
    beside = {config.root_key_file, former_of(config.root_key_file)}
    for path in sorted(config.data.rglob("*")):
        within = path.relative_to(config.data).parts
        if within[0] == POSTGRES_FOLDER or any(part.startswith(".") for part in within):
            continue
        if path.is_symlink() or not path.is_file() or path in beside:
            continue
        if path.suffix == ".lock" or path.match("address-*.json") or _is_backup(path):
            continue
        yield path


def _is_backup(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(FIRST_LINE)) == FIRST_LINE


@contextmanager
def _new_file(target: Path) -> Iterator[BinaryIO]:
    """A file for its owner alone, which gets its name when it is whole and durable."""
    if target.exists():
        raise _there_already(target)
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _named(aside, target)
    except OSError as error:
        if error.filename not in {None, str(aside)} or isinstance(error, ConnectionError):
            raise
        if error.errno in {errno.ENOENT, errno.ENOTDIR}:
            raise ConfigError(f"{target}: {error.strerror}") from None
        raise OSError(error.errno, error.strerror, str(target)) from None
    finally:
        aside.unlink(missing_ok=True)


def _named(aside: Path, target: Path) -> None:
    """A link never takes a name that is taken. Disks that know no links (exFAT, some shares) get the second best."""
    try:
        os.link(aside, target)
    except FileExistsError:
        raise _there_already(target) from None
    except OSError:
        if target.exists():
            raise _there_already(target) from None
        aside.rename(target)


def _there_already(target: Path) -> ConfigError:
    return ConfigError(f"{target} はすでにあります / is there already")
