"""Where every scenario ends: all parties' writings are judged, and a broken invariant fails the test by its name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from gateway.database import Database
from gateway.judge.collecting import collect
from gateway.judge.export import Export
from gateway.judge.verdict import Verdict, judge

__all__ = ["assert_judged", "exported"]


class _Party(Protocol):
    @property
    def db(self) -> Database: ...


class _Country(Protocol):
    @property
    def network(self) -> _Party: ...
    @property
    def intermediary(self) -> _Party: ...


async def exported(parties: _Country) -> Export:
    """Everything that the parties of a country have written."""
    return await collect(parties.network.db, [parties.intermediary.db])


async def assert_judged(parties: _Country, canaries: Iterable[str] = ()) -> Verdict:
    """Fails with the names of what is broken; answers the verdict for its counts."""
    verdict = judge(await exported(parties), canaries)
    assert not verdict.violations, verdict.violations
    return verdict
