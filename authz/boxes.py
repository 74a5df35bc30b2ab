"""What must be kept and read again (封緘): secrets that a hash cannot keep, sealed under a key that the caller holds."""

from __future__ import annotations

from typing import Protocol


class Box(Protocol):
    """Seals a few bytes at rest. ``name`` says what and whose they are: under another name they do not open."""

    def seal(self, name: str, plain: bytes) -> bytes: ...

    def open(self, name: str, sealed: bytes) -> bytes: ...
