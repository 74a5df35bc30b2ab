"""What the words of a cell mean (表記の読取り): parties, tasks and information that a list already knows.

Words are first taken as they stand. Then what law text adds to a name is set aside, and told: the number of a law in
parentheses, a definition (``…（以下「X」という。）`` is X), a remark that a word is so used from here on. Anything else in
parentheses limits the meaning and stays. A cell that lists several names is taken apart at 、又は若しくは及び並びに, never
inside a known name; what can be taken apart in two ways is left to a person.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from authz.lawtext.numerals import NUMBER
from authz.listsource import ListSource, Party
from sympho.codes import InformationCode, TaskCode

T = TypeVar("T")

__all__ = ["Names", "Read", "information", "party", "task"]

BETWEEN: Final = ("、又は", "又は", "若しくは", "及び", "並びに", "、")
LONGEST: Final = 2_000
"""Characters of a cell that is taken apart; the longest of the tables has some hundreds."""

_LAW_NUMBER = re.compile(
    rf"（(?:明治|大正|昭和|平成|令和)(?:{NUMBER}|元)年[^（）]{{0,40}}第{NUMBER}号[^（）]{{0,12}}）"
)
_FROM_HERE_ON = re.compile(r"（[^（）]{0,200}以下[^（）「」]{0,60}(?:同じ|準ずる)。）")
_DEFINED = re.compile(r"^(.+)（[^（）]{0,120}以下[^（）「」]{0,60}「([^（）「」]+)」(?:と総称する|という)。）$")
_DEFINES_WITHIN = re.compile(r"（以下[^（）「」]{0,60}「[^（）「」]+」(?:と総称する|という)。）")


@dataclass(frozen=True, slots=True)
class Names:
    """The names that a list knows, each with what it means."""

    parties: Mapping[str, Party]
    tasks: Mapping[str, TaskCode]
    information: Mapping[str, InformationCode]

    @classmethod
    def of(cls, source: ListSource) -> Names:
        """Those of a list. A name that means two things means nothing."""
        return cls(
            {party.phrase: party for party in source.parties},
            _single((task.designation, task.task) for task in source.tasks),
            _single((one.label, one.information) for one in source.information),
        )


@dataclass(frozen=True, slots=True)
class Read(Generic[T]):
    """What words were understood as: several meanings only for information; ``aside`` is what was set aside."""

    meanings: tuple[T, ...]
    aside: tuple[str, ...]


def party(text: str, names: Names) -> Read[Party] | None:
    """The party that a text names, or ``None``."""
    return _named(text, names.parties)


def task(text: str, names: Names) -> Read[TaskCode] | None:
    """The task that a text designates, or ``None``."""
    return _named(text, names.tasks)


def information(text: str, names: Names) -> Read[InformationCode] | None:
    """The information that a text names, one or several; ``None`` for none, or more than one way to read it."""
    whole = _named(text, names.information)
    if whole is not None or len(text) > LONGEST:
        return whole
    for words, aside in _readings(text):
        ways = _apart(words, names.information)
        if len(ways) == 1:
            return Read(tuple(names.information[label] for label in ways[0]), aside)
    return None


def _single(pairs: Iterable[tuple[str, T]]) -> dict[str, T]:
    found: dict[str, set[T]] = {}
    for name, meaning in pairs:
        found.setdefault(name, set()).add(meaning)
    return {name: meanings.pop() for name, meanings in found.items() if len(meanings) == 1}


def _named(text: str, names: Mapping[str, T]) -> Read[T] | None:
    for words, aside in _readings(text):
        if words in names:
            return Read((names[words],), aside)
    return None


def _readings(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The text as it stands, then with less and less of what law text adds; with each, what was set aside."""
    yield text, ()
    aside: list[str] = []
    for added in (_LAW_NUMBER, _FROM_HERE_ON, _DEFINES_WITHIN):
        found = added.findall(text)
        if not found:
            continue
        if added is _DEFINES_WITHIN and (defined := _DEFINED.fullmatch(text)):
            yield defined[2], (*aside, text.removesuffix(defined[2]))
        aside += found
        text = added.sub("", text)
        yield text, tuple(aside)


def _apart(text: str, names: Mapping[str, object]) -> list[list[str]]:
    """The ways to read a text as known names with words between them, fewest names first; at most the best and a rival.

    Two ways with the same number of names are rivals; with fewer names, longer ones were found, which is better.
    """
    ways: list[list[list[str]]] = [[] for _ in range(len(text) + 1)]  # per end, how to read the text up to it
    for at in range(len(text)):
        begun = [[]] if at == 0 else _fewest([way for word in BETWEEN for way in _before(text, at, word, ways)])
        if not begun:
            continue
        for end in range(at + 1, len(text) + 1):
            if text[at:end] in names:
                ways[end] = _fewest([*ways[end], *([*way, text[at:end]] for way in begun)])
    return ways[-1]


def _before(text: str, at: int, word: str, ways: list[list[list[str]]]) -> list[list[str]]:
    return ways[at - len(word)] if text.endswith(word, 0, at) else []


def _fewest(ways: list[list[str]]) -> list[list[str]]:
    least = min(map(len, ways), default=0)
    return [way for way in ways if len(way) == least][:2]
