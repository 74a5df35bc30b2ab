"""How long (時間): ``90``, ``90s``, ``5m``, ``1h``."""

from __future__ import annotations

__all__ = ["seconds_of"]

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
LONGEST = 30 * 86_400.0


def seconds_of(text: str) -> float:
    """Seconds; ``ValueError`` for anything that is no length of time, and for none at all."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in UNITS else (text, "s")
    seconds = float(number) * UNITS[unit]
    if not 0 < seconds <= LONGEST:
        raise ValueError(f"{text}: more than no time and at most thirty days")
    return seconds
