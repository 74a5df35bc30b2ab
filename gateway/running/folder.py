"""The data folder (データフォルダー): made for its owner alone, locked by whoever serves it, with the address it serves at."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from gateway.config import Config, ConfigError, Role
from gateway.running.trouble import StartTrouble, second_server

__all__ = ["Address", "address_of", "claimed", "mark_as_of", "parties_of", "write_whole"]


class Address(Struct, frozen=True):
    """Where a running server of this folder is reached: what client commands look up."""

    url: str
    role: str
    pid: int


@contextmanager
def claimed(config: Config) -> Iterator[None]:
    """The folder, made if need be and held for the parties of this process until the end."""
    _make(config.data)
    with ExitStack() as held:
        for role in config.role.parties:
            held.enter_context(_lock(config.data, role))
        yield


def _make(data: Path) -> None:
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = data / f".probe.{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise StartTrouble(
            "データフォルダーに書き込めません。",
            f"the data folder {data} cannot be written ({error.strerror})",
            "--data で書き込めるフォルダーを指定してください。",
            "Name a folder that you may write with --data.",
        ) from None


def parties_of(data: Path) -> tuple[Role, ...]:
    """The parties that have ever been served from this folder; ``ConfigError`` where there are none."""
    parties = tuple(role for role in Role.ALL.parties if (data / _lock_name(role)).exists())
    if not parties:
        raise ConfigError(f"--data: {data} にデータがありません / holds no data")
    return parties


def mark_as_of(data: Path, parties: Iterable[Role]) -> None:
    """As if these parties had been served from this folder."""
    for role in parties:
        (data / _lock_name(role)).touch(mode=0o600)


def _lock_name(role: Role) -> str:
    return f"{role}.lock"


@contextmanager
def _lock(data: Path, role: Role) -> Iterator[None]:
    handle = os.open(data / _lock_name(role), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(handle, 20, 0).decode().strip() or "?"
            raise second_server(f"process {holder} already serves the party {role} from {data}") from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)


# --- the address --------------------------------------------------------------------------------------------------


def _address_file(data: Path, role: Role) -> Path:
    return data / f"address-{role}.json"


@contextmanager
def announced(config: Config, url: str) -> Iterator[None]:
    """The address stands in the folder while the server is up."""
    file = _address_file(config.data, config.role)
    write_whole(file, msgspec.json.encode(Address(url, config.role.value, os.getpid())))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def address_of(data: Path) -> Address | None:
    """Where the server of this folder is reached, if one is up; what a killed one left is not believed."""
    for role in Role:
        try:
            found = msgspec.json.decode(_address_file(data, role).read_bytes(), type=Address)
        except (OSError, msgspec.DecodeError):
            continue
        if _alive(found.pid):
            return found
    return None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def write_whole(path: Path, data: bytes) -> None:
    """Writes a file for its owner alone: complete and durable, or not there."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.unlink(missing_ok=True)
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)  # half of it would only take room that there is not
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
