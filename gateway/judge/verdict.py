"""The verdict (判定): all invariants over an export, what was counted, and how it is told to people and to programs."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gateway.config import Config, Role
from gateway.database import Database, open_database
from gateway.judge.canaries import Canaries, no_canary
from gateway.judge.collecting import collect
from gateway.judge.export import Export
from gateway.judge.invariants import INVARIANTS
from gateway.judge.violation import Violation
from gateway.records.record import Role as Holder

__all__ = ["Counts", "Verdict", "judge", "judge_configs", "judge_databases", "render", "to_json"]

SHOWN = 50
"""How many violations people are shown; programs get them all."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What an export holds."""

    exchanges: int
    open: int
    ended: dict[str, int]
    """How many ended as what."""
    records: dict[str, int]
    """How many records in which role."""
    lists: int
    alarms: dict[str, int]
    """Refused wrong calls by fault: signs of an attack, and no violation."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judge's findings; ``violations`` empty means that every invariant holds."""

    counts: Counts
    violations: tuple[Violation, ...]

    @property
    def holds(self) -> bool:
        return not self.violations


def judge(export: Export, canaries: Iterable[str] = ()) -> Verdict:
    """Every invariant over the export; ``canaries`` are texts that may stand nowhere."""
    found = [violation for invariant in INVARIANTS for violation in invariant(export)]
    birds = Canaries(canaries)
    if birds:
        found += no_canary(export, birds)
    return Verdict(_counts(export), tuple(found))


def _counts(export: Export) -> Counts:
    kinds: Counter[str] = Counter()
    for txn in export.txns:
        kinds[next((row.kind for row in export.rows_of.get(txn, ()) if row.kind is not None), "")] += 1
    still_open = kinds.pop("", 0)
    return Counts(
        exchanges=len(export.txns),
        open=still_open,
        ended=dict(sorted(kinds.items())),
        records={role.value: sum(row.role is role for row in export.records) for role in Holder},
        lists=len(export.published),
        alarms=dict(sorted(Counter(alarm.fault for alarm in export.alarms).items())),
    )


async def judge_databases(
    network: Database, servers: Sequence[Database], canaries: Iterable[str] = (), *, patience: float = 2.0
) -> Verdict:
    """Judges a network and its intermediary servers, also while they work.

    Databases are read one after the other. What an exchange that moved meanwhile seems to break is looked at once more
    after ``patience`` seconds; only what is found both times stands.
    """
    looked_for = list(canaries)
    first = judge(await collect(network, servers), looked_for)
    if first.holds or patience <= 0:
        return first
    await asyncio.sleep(patience)
    second = judge(await collect(network, servers), looked_for)
    before = set(first.violations)
    return replace(second, violations=tuple(found for found in second.violations if found in before))


async def judge_configs(network: Config, servers: Sequence[Config], canaries: Iterable[str] = ()) -> Verdict:
    """Opens the parties' databases by their configurations (all-in-one: the same one twice) and judges them."""
    async with AsyncExitStack() as open_until_judged:

        async def opened(config: Config, role: Role) -> Database:
            db = await open_database(replace(config, role=role), role)
            open_until_judged.push_async_callback(db.close)
            return db

        at_network = await opened(network, Role.NETWORK)
        at_servers = [await opened(server, Role.INTERMEDIARY) for server in servers]
        return await judge_databases(at_network, at_servers, canaries)


def to_json(verdict: Verdict) -> bytes:
    """The verdict for programs."""
    return msgspec.json.format(msgspec.json.encode(verdict), indent=2)


def render(verdict: Verdict) -> RenderableType:
    """The verdict for people, Japanese first."""
    counts = verdict.counts
    table = Table(title="判定 / verdict", show_header=False, title_justify="left")
    table.add_row("照会・提供 / exchanges", str(counts.exchanges))
    table.add_row("未了 / open", str(counts.open))
    for kind, many in counts.ended.items():
        table.add_row(f"  {kind}", str(many))
    for role, many in counts.records.items():
        table.add_row(f"記録 / records: {role}", str(many))
    table.add_row("照合リスト / lists", str(counts.lists))
    for fault, many in counts.alarms.items():
        table.add_row(f"警報 / alarms: {fault}", str(many))
    if verdict.holds:
        return Group(table, Text("すべての条件が守られています / every invariant holds", style="green"))
    broken = Table(title="違反 / violations", title_justify="left")
    for heading in ("条件 / invariant", "内容 / what", "処理通番 / exchange", "場所 / where"):
        broken.add_column(heading)
    for one in verdict.violations[:SHOWN]:
        broken.add_row(one.invariant, one.what, "" if one.txn is None else str(one.txn), one.where)
    rest = len(verdict.violations) - SHOWN
    more = Text(f"ほか {rest} 件 / {rest} more" if rest > 0 else "", style="red")
    return Group(table, broken, more)
