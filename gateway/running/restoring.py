"""A whole installation restored from its backup (復元), into a folder and a database that hold nothing yet.

1. The file is read to its end: every frame opens, it is whole, this program lays the same tables, every table and the
   root key are in it. Until here nothing was changed anywhere.
2. Folder and database must be empty. Everything goes into a folder beside the one that is named; the tables of all
   parties are filled in one transaction, and counted.
3. Keys that sign tokens go, so that a token of the original opens nothing in its copy. Every party's keys are opened.
4. The folder gets its name. Broken off before that, nothing stands under the name; run it again.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path, PurePosixPath

import msgspec

from gateway import embedded
from gateway.assembly import open_party
from gateway.config import POSTGRES_FOLDER, Config, ConfigError, Role
from gateway.database import Connection, as_administrator, lay
from gateway.embedded import EmbeddedTrouble
from gateway.interfaces.house import PURPOSE
from gateway.keys.root import RootKey
from gateway.layout import Layout, layout_of
from gateway.managing import store
from gateway.managing.archive import BadArchive, frames
from gateway.running.backup import END, FILE, MANIFEST, ROOT_KEY, TABLE, Contents, Manifest, Told, copied, layouts_of
from gateway.running.folder import mark_as_of, write_whole
from gateway.running.starting import database
from gateway.running.trouble import StartTrouble
from gateway.running.wording import worded

__all__ = ["Looked", "look_at", "restore"]

Parts = Iterator[tuple[str, Iterator[bytes]]]


@dataclass(frozen=True, slots=True)
class Looked:
    """A backup that was read to its end and can be restored by this program."""

    manifest: Manifest
    contents: Contents

    @property
    def parties(self) -> tuple[Role, ...]:
        return tuple(role for role in Role.ALL.parties if str(role) in self.manifest.parties)


def look_at(source: Path, passphrase: str) -> Looked:
    """Reads the whole backup and changes nothing; ``BadArchive`` says what is wrong with it."""
    seen: list[str] = []
    ends: dict[str, bytes] = {}
    for part, data in _parts(source, passphrase):
        seen.append(part)
        if part in {MANIFEST, ROOT_KEY, END}:
            ends[part] = b"".join(data)
        else:
            for _ in data:
                pass
    if seen[:2] != [MANIFEST, ROOT_KEY] or seen[-1] != END or len(set(seen)) != len(seen):
        raise BadArchive("the parts of the backup are not those of an installation")
    try:
        manifest = msgspec.json.decode(ends[MANIFEST], type=Manifest)
        contents = msgspec.json.decode(ends[END], type=Contents)
    except msgspec.DecodeError:
        raise BadArchive("the backup was made by a program of another version") from None
    looked = Looked(manifest, contents)
    _compared(looked, seen, ends[ROOT_KEY])
    return looked


def _compared(looked: Looked, seen: list[str], root_key: bytes) -> None:
    """The tables and their version are those that this program lays, and the key is the one that is meant."""
    if RootKey(root_key).mark != looked.manifest.root_key:
        raise BadArchive("the root key in the backup is another one")
    wanted: list[str] = []
    for role in looked.parties:
        layout = layout_of(role, "any")
        if looked.manifest.parties[role] != layout.digest:
            raise BadArchive(
                f"the tables of the party {role} are those of another version of this program "
                f"(sympho {looked.manifest.program}); restore with that one"
            )
        wanted += [f"{TABLE}{schema}.{table}" for schema, table in copied(layout)]
    files = [part for part in seen if part.startswith(FILE)]
    whole = list(looked.contents.rows) == wanted == [part for part in seen if part.startswith(TABLE)]
    if len(looked.parties) != len(looked.manifest.parties) or not whole or len(files) != looked.contents.files:
        raise BadArchive("the backup does not hold all that it should")


async def restore(config: Config, source: Path, passphrase: str, told: Told) -> Looked:
    """Restores the installation into ``config.data`` and the database of the settings."""
    looked = look_at(source, passphrase)
    _nothing_there(config.data)
    if config.root_key_file.exists():
        raise ConfigError(f"{config.root_key_file} はすでにあります / is there already")
    with worded():
        staged = _staged(config)
        try:
            async with database(staged) as placed:
                await _fill(placed, looked, source, passphrase, told)
                for role in looked.parties:
                    await (await open_party(placed, role)).db.close()
            mark_as_of(staged.data, looked.parties)
            _put_in_place(config, staged)
        finally:
            shutil.rmtree(staged.data, ignore_errors=True)
    return looked


async def _fill(config: Config, looked: Looked, source: Path, passphrase: str, told: Told) -> None:
    if config.database_url is None:
        raise RuntimeError("the database was not located")
    url, layouts = config.database_url.reveal(), layouts_of(config, looked.parties)
    owners = {schema: layout for layout in layouts for schema in layout.schemas}
    for layout in layouts:
        await lay(url, layout)
    async with as_administrator(url) as conn, conn.transaction():
        for layout in layouts:
            await store.act_as(conn, layout.owner, layout.search_path)
            if await store.is_filled(conn):
                raise _filled(layout)
        for part, data in _parts(source, passphrase):
            if part.startswith(TABLE):
                await _fill_table(conn, owners, part, data, looked.contents.rows[part])
                told(part.removeprefix(TABLE), looked.contents.rows[part])
            elif part == ROOT_KEY:
                write_whole(config.root_key_file, b"".join(data))
            elif part.startswith(FILE):
                _write_file(config.data, part.removeprefix(FILE), data)
        for layout in layouts:
            await store.act_as(conn, layout.owner, layout.search_path)
            await store.set_sequences(conn, [row for row in looked.contents.sequences if row[0] in layout.schemas])
            await store.forget_key(conn, f"{layout.role}:{PURPOSE}")


async def _fill_table(conn: Connection, owners: dict[str, Layout], part: str, data: Iterator[bytes], rows: int) -> None:
    schema, _, table = part.removeprefix(TABLE).partition(".")
    await store.act_as(conn, owners[schema].owner, owners[schema].search_path)
    if await store.copy_in(conn, schema, table, _streamed(data)) != rows:
        raise BadArchive(f"the table {schema}.{table} has another number of rows than it had")


async def _streamed(data: Iterator[bytes]) -> AsyncIterator[bytes]:
    for one in data:
        yield one


def _parts(source: Path, passphrase: str) -> Parts:
    """Part after part, each to be read to its end before the next."""
    try:
        file = source.open("rb")
    except OSError as error:
        raise ConfigError(f"{source}: {error.strerror}") from None
    with file:
        for part, group in groupby(frames(file, passphrase), key=itemgetter(0)):
            yield part, (data for _, data in group)


# --- the folder ---------------------------------------------------------------------------------------------------


def _nothing_there(data: Path) -> None:
    if data.exists() and (not data.is_dir() or any(data.iterdir())):
        raise ConfigError(
            f"--data: {data} は空ではありません。復元は新しいフォルダーへ / is not empty; restore into a new folder"
        )


def _staged(config: Config) -> Config:
    """The settings with a folder beside the one that is named; what a restoring that was killed left there goes."""
    folder = config.data.with_name(f".{config.data.name}.restoring")
    if (folder / POSTGRES_FOLDER).exists():
        with suppress(EmbeddedTrouble):
            embedded.start(folder).stop()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    return replace(config, data=folder, root_key_file=folder / "root.key")


def _write_file(folder: Path, name: str, data: Iterator[bytes]) -> None:
    within = PurePosixPath(name)
    if within.is_absolute() or ".." in within.parts:
        raise BadArchive("a file of the backup would lie outside of the folder")
    path = folder / within
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.writelines(data)
        file.flush()
        os.fsync(file.fileno())


def _put_in_place(config: Config, staged: Config) -> None:
    """The key first, where it has a place of its own; then the folder, which is the last step."""
    if config.root_key_file != config.data / "root.key":
        write_whole(config.root_key_file, staged.root_key_file.read_bytes())
        staged.root_key_file.unlink()
    staged.data.replace(config.data)


def _filled(layout: Layout) -> StartTrouble:
    return StartTrouble(
        "データベースにすでにデータがあります。",
        f"the database already holds data of the party {layout.role}",
        "空のデータベースを SYMPHO_DATABASE_URL に指定するか、外して内蔵の PostgreSQL に復元してください。",
        "Name an empty database in SYMPHO_DATABASE_URL, or unset it and restore to the embedded PostgreSQL.",
    )
