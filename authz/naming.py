"""What a person writes becomes a code or a kind (名称からコードへ): by code, by Japanese or English name, or by a part of it.

A code or a whole name, with or without the note in parentheses at its end, is taken at its word. Otherwise every word
that was written must stand in the name, and only one name may fit; what fits several is said back as :class:`Unclear`
with the first of them. Full and half width are one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, TypeVar
from unicodedata import normalize

from authz.matchlist import MatchList
from authz.questions import AgencyFacts
from sympho.codes import AgencyCode, BadCode, InformationCode, ItemCode, ProcedureCode, TaskCode

__all__ = ["Unclear", "information", "items", "party", "procedure", "task"]

MOST_CANDIDATES: Final = 8
LONGEST: Final = 400
"""Characters of a name that is looked for; the longest designation is shorter."""

NOTE: Final = re.compile(r"\([^()]*\)$")

Agencies = Mapping[AgencyCode, AgencyFacts]
C = TypeVar("C", AgencyCode, TaskCode, ProcedureCode, InformationCode, ItemCode)
Name = tuple[str, str]
"""A code or kind, and a name of it."""


class Unclear(ValueError):
    """A name that fits nothing, or several things: ``fitting`` of them, of which ``candidates`` are the first."""

    def __init__(self, field: str, candidates: tuple[str, ...], fitting: int) -> None:
        told = f"{fitting} names fit: {'; '.join(candidates)}" if fitting else "no such code, name or kind"
        super().__init__(f"{field}: {told}")
        self.field = field
        self.candidates = candidates
        self.fitting = fitting

    @property
    def rule(self) -> str:
        """What is wrong, without the word that was written."""
        return str(self).partition(": ")[2]


def party(text: str, match_list: MatchList, agencies: Agencies, field: str = "inquirer") -> AgencyCode | str:
    """An agency (16 digits, or its name) or a kind of institution (``MUNICIPALITY``, 市町村)."""
    wanted = _plain(text)
    if wanted.isascii() and wanted.isdecimal():
        return _code(AgencyCode, wanted, field)
    if wanted in match_list.kinds:
        return wanted
    names: list[Name] = [(kind.kind, name) for kind in match_list.kinds.values() for name in (kind.ja, kind.en)]
    names += [(code, facts.name) for code, facts in agencies.items()]
    found = _chosen(wanted, names, field)
    return found if found in match_list.kinds else AgencyCode(found)


def task(text: str, match_list: MatchList, field: str = "task") -> TaskCode:
    """事務: a JM code, its designation or words of it. An agency's own 条例事務 is named by its code."""
    wanted = _plain(text)
    if wanted.startswith(TaskCode.prefix):
        return _code(TaskCode, wanted, field)
    return TaskCode(_chosen(wanted, ((one.task, one.designation) for one in match_list.tasks.values()), field))


def information(text: str, match_list: MatchList, field: str = "information") -> InformationCode:
    """特定個人情報: a TM code, its label or words of it."""
    wanted = _plain(text)
    if wanted.startswith(InformationCode.prefix):
        return _code(InformationCode, wanted, field)
    names = ((one.information, one.label) for one in match_list.information.values())
    return InformationCode(_chosen(wanted, names, field))


def items(
    texts: Iterable[str], match_list: MatchList, of: InformationCode, field: str = "items"
) -> tuple[ItemCode, ...]:
    """項目 of an information: TK codes or labels."""
    names = [(one.item, one.label) for one in match_list.source.items if one.information == of]
    return tuple(_item(_plain(text), names, f"{field}[{n}]") for n, text in enumerate(texts))


def _item(wanted: str, names: Iterable[Name], field: str) -> ItemCode:
    if wanted.startswith(ItemCode.prefix):
        return _code(ItemCode, wanted, field)
    return ItemCode(_chosen(wanted, names, field))


def procedure(text: str, match_list: MatchList, field: str = "procedure") -> ProcedureCode:
    """事務手続: a JT code, its label or words of it."""
    wanted = _plain(text)
    if wanted.startswith(ProcedureCode.prefix):
        return _code(ProcedureCode, wanted, field)
    names = ((code, one.label) for code, one in match_list.procedures.known.items())
    return ProcedureCode(_chosen(wanted, names, field))


def _code(kind: type[C], text: str, field: str) -> C:
    try:
        return kind(text)
    except BadCode:
        raise Unclear(field, (), 0) from None


def _chosen(wanted: str, names: Iterable[Name], field: str) -> str:
    every = [(code, _plain(name)) for code, name in names]
    for form in (_same, _without_note):
        whole = {code for code, name in every if form(name) == form(wanted)}
        if len(whole) == 1:
            return whole.pop()
    words = wanted.casefold().split()
    fitting: dict[str, str] = {}
    for code, name in every:
        if words and len(wanted) <= LONGEST and all(word in name.casefold() for word in words):
            fitting.setdefault(code, name)
    if len(fitting) == 1:
        return next(iter(fitting))
    candidates = tuple(f"{code} {name}" for code, name in sorted(fitting.items(), key=_shorter_first))
    raise Unclear(field, candidates[:MOST_CANDIDATES], len(fitting))


def _same(name: str) -> str:
    return name.casefold()


def _without_note(name: str) -> str:
    """市町村(特別区を含む) is also 市町村."""
    return NOTE.sub("", name).strip().casefold()


def _shorter_first(named: Name) -> tuple[int, str]:
    return len(named[1]), named[0]


def _plain(text: str) -> str:
    return normalize("NFKC", text).strip()
