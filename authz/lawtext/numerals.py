"""Numbers as law text writes them (漢数字): 第十六の二項 is ``16-2``; ``二百三``, ``二〇三`` and ``203`` are one number."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["NUMBER", "item_number", "kanji", "number"]

DIGITS: Final = "〇一二三四五六七八九"
UNITS: Final = (("千", 1000), ("百", 100), ("十", 10))
NUMBER: Final = "[〇一二三四五六七八九十百千0-9０-９]+"

_PLAIN = re.compile(rf"[{DIGITS}]+|[0-9０-９]+")
_WITH_UNITS = re.compile(
    "(?:([二三四五六七八九]?)千)?(?:([二三四五六七八九]?)百)?(?:([二三四五六七八九]?)十)?([一二三四五六七八九]?)"
)
_ITEM = re.compile(rf"(?:第)?({NUMBER})((?:の{NUMBER})*)(?:項|号)?")


def number(text: str) -> int | None:
    """The number from 1 to 9999 that a text is, or ``None``."""
    if _PLAIN.fullmatch(text):
        value = int("".join(str(DIGITS.index(one)) if one in DIGITS else one for one in text))
        return value if 1 <= value <= 9999 and len(text) <= 4 else None
    match = _WITH_UNITS.fullmatch(text)
    if not text or match is None:
        return None
    value = 0
    for found, (unit, worth) in zip(match.groups()[:3], UNITS, strict=True):
        if found is not None and unit in text:
            value += (DIGITS.index(found) if found else 1) * worth
    return value + (DIGITS.index(match[4]) if match[4] else 0)


def item_number(text: str) -> str | None:
    """An item's number in arabic figures (``十六の二`` is ``16-2``), or ``None``."""
    match = _ITEM.fullmatch(text)
    if match is None:
        return None
    parts = [number(part) for part in (match[1], *match[2].split("の")[1:])]
    return None if None in parts or len(parts) > 4 else "-".join(map(str, parts))


def kanji(value: int) -> str:
    """A number from 1 to 9999 as law text writes it."""
    if not 1 <= value <= 9999:
        raise ValueError("a number from 1 to 9999 expected")
    text = ""
    for unit, worth in UNITS:
        many, value = divmod(value, worth)
        text += ("" if many == 1 else DIGITS[many]) + unit if many else ""
    return text + (DIGITS[value] if value else "")
