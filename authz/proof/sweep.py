"""The sweep (全数判定): the look-up that decisions use, asked once for each combination of a list; nothing is left out.

One block is one revision and one kind of inquirer, so that blocks can be made on many cores; ``Statement`` puts them
together in order. The form of the result is written down in ``authz.proof``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from msgspec import Struct

from authz.matchlist import MatchList, Miss, Revision

__all__ = ["PERMITTED", "Block", "Named", "Place", "Statement", "changes", "per_kind", "places", "sweep"]

PERMITTED: Final = ord("Y")
PERMITTED_NAMED: Final = b"YUA-"
LETTERS: Final = {
    None: PERMITTED,
    Miss.INQUIRER_KIND: ord("1"),
    Miss.TASK: ord("2"),
    Miss.PROVIDER_KIND: ord("3"),
    Miss.INFORMATION: ord("4"),
}
A_DAY: Final = timedelta(days=1)


class Place(Struct, frozen=True):
    """Where a block stands: a revision, and a kind of inquirer."""

    revision: str
    inquirer_kind: str


class Block(Struct, frozen=True):
    """The result for one place: its letters and grounds, as ``authz.proof`` writes them."""

    place: Place
    letters: bytes
    grounds: bytes

    @property
    def permitted(self) -> int:
        """How many combinations are permitted."""
        return self.letters.count(PERMITTED)


class Named(Struct, frozen=True):
    """What comes of naming procedures in one block (``authz.proof.naming``): letters and grounds again."""

    letters: bytes
    grounds: bytes

    @property
    def permitted(self) -> int:
        """How many combinations stay permitted with the procedure that is named."""
        return sum(self.letters.count(letter) for letter in PERMITTED_NAMED)


def places(match_list: MatchList) -> tuple[Place, ...]:
    """Every block of a list, in the order of its statement."""
    return tuple(
        Place(revision.revision, kind) for revision in match_list.source.revisions for kind in match_list.kinds
    )


def per_kind(match_list: MatchList) -> int:
    """How many combinations one block has."""
    return len(match_list.tasks) * len(match_list.kinds) * len(match_list.information)


def sweep(match_list: MatchList, place: Place) -> Block:
    """Decides every combination of a place, on the revision's first day in force; ``LookupError`` if unknown."""
    day = _revision(match_list, place.revision).in_force_from
    look_up, closed = match_list.look_up, {kind: match_list.close_kinds({kind}) for kind in match_list.kinds}
    asking, information = closed[place.inquirer_kind], tuple(match_list.information)
    letters, grounds = bytearray(), []
    for task in match_list.tasks:
        for kind, asked in closed.items():
            found = [look_up(asking, task, asked, one, day) for one in information]
            letters += bytes([LETTERS[answer.miss] for answer in found])
            for one, answer in zip(information, found, strict=True):
                if answer.miss is None:
                    grounds.append(f"{place.inquirer_kind} {task} {kind} {one} {answer.text}\n")
    return Block(place, bytes(letters), "".join(grounds).encode("ascii"))


def _revision(match_list: MatchList, name: str) -> Revision:
    for revision in match_list.source.revisions:
        if revision.revision == name:
            return revision
    raise LookupError("no revision of that name")


def changes(match_list: MatchList) -> Iterator[tuple[date, str]]:
    """The days on which another revision is in force than on the day before, found by asking for every single day."""
    borders = [revision.in_force_from for revision in match_list.source.revisions]
    borders += [revision.in_force_until for revision in match_list.source.revisions if revision.in_force_until]
    day, last, before = min(borders) - A_DAY, max(borders) + A_DAY, ""
    while day <= last:
        revision = match_list.revision_on(day)
        name = revision.revision if revision else "-"
        if name != before:
            yield day, name
        day, before = day + A_DAY, name


class _Summed:
    """The blocks of one revision, as a line of the statement says them."""

    def __init__(self) -> None:
        self.tried = self.permitted = 0
        self._letters, self._grounds = hashlib.sha256(), hashlib.sha256()

    def add(self, more: Block | Named) -> None:
        self._letters.update(more.letters)
        self._grounds.update(more.grounds)
        self.tried += len(more.letters)
        self.permitted += more.permitted

    def __str__(self) -> str:
        digests = f"letters {self._letters.hexdigest()} grounds {self._grounds.hexdigest()}"
        return f"tried {self.tried} permitted {self.permitted} {digests}"


def _sizes(match_list: MatchList) -> str:
    kinds, tasks, information = len(match_list.kinds), len(match_list.tasks), len(match_list.information)
    return f"kinds {kinds} tasks {tasks} information {information} procedures {len(match_list.procedures.known)}"


class Statement:
    """The statement of a proof, made from blocks that come in the order of ``places``."""

    def __init__(self, match_list: MatchList) -> None:
        self.tried = 0
        self.permitted = 0
        self.named = 0
        self._expected = iter(places(match_list))
        self._last_of = {place.revision: place for place in places(match_list)}
        self._lines = [
            "proof 2",
            f"list {match_list.digest}",
            _sizes(match_list),
            *(f"from {day} {name}" for day, name in changes(match_list)),
        ]
        self._begin()

    def _begin(self) -> None:
        self._combinations, self._named = _Summed(), _Summed()

    def add(self, block: Block, named: Named) -> None:
        """The next block with what comes of naming procedures in it; ``ValueError`` for one out of order."""
        if block.place != next(self._expected, None):
            raise ValueError("a block out of order")
        self._combinations.add(block)
        self._named.add(named)
        if block.place == self._last_of[block.place.revision]:
            self._end(block.place.revision)

    def _end(self, revision: str) -> None:
        self._lines.append(f"revision {revision} {self._combinations}")
        self._lines.append(f"procedures {revision} {self._named}")
        self.tried += self._combinations.tried
        self.permitted += self._combinations.permitted
        self.named += self._named.tried
        self._begin()

    @property
    def text(self) -> str:
        """The whole statement; ``ValueError`` while blocks are missing."""
        if next(self._expected, None) is not None:
            raise ValueError("blocks are missing")
        return "".join(f"{line}\n" for line in self._lines)
