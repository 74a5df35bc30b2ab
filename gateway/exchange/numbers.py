"""Exchange numbers (処理通番) and permit numbers: UUIDv7 (RFC 9562), which neither Python 3.11 nor older servers make."""

from __future__ import annotations

import os
import time
from uuid import UUID

from gateway.problems import FieldError, Problem


def new_number() -> UUID:
    """A UUIDv7 of this millisecond of machine time; 74 random bits keep numbers from being guessed."""
    millis = time.time_ns() // 1_000_000
    value = int.from_bytes(os.urandom(10), "big")
    head = (millis & 0xFFFF_FFFF_FFFF) << 80
    version = 0x7 << 76
    variant = 0b10 << 62
    high = ((value >> 62) & 0xFFF) << 64
    low = value & 0x3FFF_FFFF_FFFF_FFFF
    return UUID(int=head | version | high | variant | low)


def first_number(since: float) -> UUID:
    """The lowest number of a moment of machine time, in seconds: all that were made before it are lower."""
    return UUID(int=(int(since * 1000) & 0xFFFF_FFFF_FFFF) << 80)


def exchange_number(text: str) -> UUID:
    """An exchange number from its only text form: lower-case, hyphenated, version 7."""
    try:
        number = UUID(text)
    except ValueError:
        number = UUID(int=0)
    if number.version != 7 or str(number) != text:
        raise Problem("invalid-field", errors=(FieldError("$.txn", "a UUIDv7 in lower-case hyphenated form"),))
    return number
