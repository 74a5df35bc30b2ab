"""Disks of a size of one's own, where the machine lets us have them: full, or read-only, for real."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["SMALL_DISK", "mounted", "small_disk"]


def mounted(folder: Path, *options: str) -> bool:
    """A disk in memory at that folder, such as ``size=60m``; with ``remount`` the one that is there becomes another."""
    line = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)]
    return subprocess.run(line, capture_output=True, check=False).returncode == 0


def _may_mount() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        made = mounted(Path(folder), "size=1m")
        if made:
            subprocess.run(["umount", folder], check=True)
        return made


SMALL_DISK = shutil.which("mount") is not None and _may_mount()
"""Whether this machine lets us. Tests that need it are there only then."""


@contextmanager
def small_disk(size: str) -> Iterator[Path]:
    """A disk of this size, which goes afterwards whoever still holds it."""
    with tempfile.TemporaryDirectory(prefix="sympho-small-") as name:
        assert mounted(Path(name), f"size={size}", "mode=711")
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", "--lazy", name], check=True)
