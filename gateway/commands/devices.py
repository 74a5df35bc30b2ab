"""What the last login left with this machine (端末の控え): device tokens, in a file of mode 0600 of the data folder.

A device token opens nothing. Shown at the next login, it keeps strangers' failures from closing the account to whoever
has logged in from here before (``docs/decisions/lockout.md``). Where the file cannot be kept, nothing else changes.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec

from gateway.running.folder import write_whole

__all__ = ["FILE", "known_device", "remember_device"]

FILE = "devices.json"


def known_device(data: Path, agency: str, login: str) -> str:
    """The token that the account's last login from here was answered; empty where there was none."""
    return _kept(data).get(_name(agency, login), "")


def remember_device(data: Path, agency: str, login: str, device: str) -> None:
    """Keeps the token for the next login."""
    kept = _kept(data) | {_name(agency, login): device}
    with suppress(OSError):
        write_whole(data / FILE, msgspec.json.encode(kept))


def _kept(data: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode((data / FILE).read_bytes(), type=dict[str, str])
    except (OSError, msgspec.DecodeError):
        return {}


def _name(agency: str, login: str) -> str:
    return f"{agency}/{login}"
