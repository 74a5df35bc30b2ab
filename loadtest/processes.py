"""What processes have used (使用量), as ``/proc`` tells it: processor time and resident memory of a server's own
processes.

PostgreSQL stands apart: it is no child of the server that uses it, and its shared memory belongs to none of its
processes alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Usage", "postgres_of", "tree", "usage_of"]

TICK = 1.0 / os.sysconf("SC_CLK_TCK")
MIB = 1024.0


@dataclass(frozen=True, slots=True)
class Usage:
    """Seconds of processor time, and MiB of memory: the sum of what is resident, private and shared counted apart."""

    cpu: float
    resident: float
    private: float
    processes: int


def _parents() -> dict[int, int]:
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            found[int(folder.name)] = int(_fields(folder)[1])
        except (OSError, IndexError, ValueError):
            continue
    return found


def _fields(folder: Path) -> list[str]:
    """The fields behind the name in brackets, from the state on."""
    return (folder / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()


def tree(root: int) -> list[int]:
    """A process and all that came from it."""
    parents = _parents()
    found = [root]
    for one in found:
        found.extend(child for child, parent in parents.items() if parent == one)
    return found


def usage_of(pids: list[int]) -> Usage:
    """What these have used so far, with those of their children that are gone; whoever is gone counts as nothing."""
    cpu = resident = private = 0.0
    for pid in pids:
        folder = Path("/proc") / str(pid)
        try:
            cpu += sum(int(one) for one in _fields(folder)[11:15]) * TICK
            told = dict(_memory(folder))
        except (OSError, IndexError, ValueError):
            continue
        resident += told.get("VmRSS", 0.0)
        private += told.get("RssAnon", 0.0)
    return Usage(cpu, resident, private, len(pids))


def _memory(folder: Path) -> Iterator[tuple[str, float]]:
    for line in (folder / "status").read_text(encoding="utf-8", errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name in ("VmRSS", "RssAnon"):
            yield name, int(value.split()[0]) / MIB


def postgres_of(data: Path) -> int:
    """The embedded PostgreSQL's first process, as its own file in the data folder tells it."""
    return int(pid_file(data).read_text(encoding="utf-8").splitlines()[0])


def pid_file(data: Path) -> Path:
    """``postmaster.pid``: first line the process, fifth the folder of the socket."""
    return next(data.glob("postgres/**/postmaster.pid"))
