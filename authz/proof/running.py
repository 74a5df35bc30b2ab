"""A proof from beginning to end (全数証明の実行): blocks on many processes, the second evaluation, and what both say.

Each process compiles the list from its document anew, so that nothing but the document is shared.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256

from authz.matchlist import MatchList, compile_list, parse
from authz.proof import second
from authz.proof.agreement import Agreement, bodies
from authz.proof.naming import Naming
from authz.proof.sweep import Block, Named, Place, Statement, places, sweep

__all__ = ["Checked", "Proof", "digest_of", "prove"]


@dataclass(frozen=True, slots=True)
class Checked:
    """One block, and what came of holding whole decisions against it."""

    block: Block
    named: Named
    decisions: int
    differences: tuple[str, ...]


Watch = Callable[[Checked], None]
"""Called with each block in the order of the statement: for a progress display, or to keep its bytes."""


@dataclass(frozen=True, slots=True)
class Proof:
    """全数証明. It holds when the second evaluation makes the same statement and no whole decision differs.

    ``tried`` are combinations, ``permitted`` those of them that are, ``named`` those with a procedure besides.
    """

    statement: str
    second: str
    tried: int
    permitted: int
    named: int
    decisions: int
    differences: tuple[str, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the statement."""
        return digest_of(self.statement)

    @property
    def confirmed(self) -> bool:
        """Whether the second evaluation comes to the same statement."""
        return self.statement == self.second

    @property
    def holds(self) -> bool:
        return self.confirmed and not self.differences


def digest_of(statement: str) -> str:
    """The digest of a proof, in lower-case hexadecimal digits."""
    return sha256(statement.encode("ascii")).hexdigest()


def prove(document: bytes, processes: int, watch: Watch) -> Proof:
    """Decides every combination of a list; ``BadList`` for a document that is none."""
    match_list = compile_list(parse(document), 1)
    statement = Statement(match_list)
    decisions = 0
    differences: list[str] = []
    with _blocks(document, match_list, processes) as blocks:
        for checked in blocks:
            statement.add(checked.block, checked.named)
            decisions += checked.decisions
            differences += checked.differences
            watch(checked)
    confirmed_by = second.statement(document)
    text, tried, permitted, named = statement.text, statement.tried, statement.permitted, statement.named
    return Proof(text, confirmed_by, tried, permitted, named, decisions, tuple(differences))


# --- on many processes --------------------------------------------------------------------------------------------


class _Prover:
    """What one process has: its own list, and its own bodies of each kind."""

    def __init__(self, document: bytes) -> None:
        self.list = compile_list(parse(document), 1)
        snapshot = bodies(self.list)
        self.agreement = Agreement(self.list, snapshot)
        self.naming = Naming(self.list, snapshot)

    def check(self, place: Place) -> Checked:
        block = sweep(self.list, place)
        decisions, differences = self.agreement.differences(block)
        named, more, others = self.naming.named(block)
        return Checked(block, named, decisions + more, (*differences, *others))


_provers: list[_Prover] = []
"""One in each process of the pool, made by its initializer."""


def _begin(document: bytes) -> None:
    _provers.append(_Prover(document))


def _check(place: Place) -> Checked:
    return _provers[0].check(place)


@contextmanager
def _blocks(document: bytes, match_list: MatchList, processes: int) -> Iterator[Iterator[Checked]]:
    everywhere = places(match_list)
    if processes == 1:
        prover = _Prover(document)
        yield (prover.check(place) for place in everywhere)
        return
    with multiprocessing.get_context("spawn").Pool(processes, _begin, (document,)) as pool:
        yield pool.imap(_check, everywhere)
