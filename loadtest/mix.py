"""The mix (混合比): which arrivals come how often. It is data, ``mix.toml``; another town's June is another file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any

__all__ = ["KINDS", "MIX", "BadMix", "Mix", "draw", "read_mix", "users_of"]

MIX = Path(__file__).with_name("mix.toml")

KINDS = (
    "query-online",
    "query-polled",
    "query-held",
    "collect-held",
    "review-first",
    "review-second",
    "deposit",
    "acquisition",
    "session",
    "refused",
)
"""Every kind of arrival; each is a Locust user class."""

_TABLES: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "kinds": KINDS,
        "questions": ("tax", "vaccination", "care", "refused", "nothing"),
        "review": ("confirm", "correct", "withhold"),
        "refusals": ("wrong-password", "wrong-duty", "foreign-exchange", "not-permitted", "no-token"),
        "amounts": ("partial", "deposit-batch", "wait"),
    }
)


class BadMix(ValueError):
    """A mix that cannot be used; the text names the table and the rule."""


@dataclass(frozen=True, slots=True)
class Mix:
    """Weights by name; only their ratios count. ``partial`` is a share, ``wait`` are seconds."""

    kinds: Mapping[str, float]
    questions: Mapping[str, float]
    review: Mapping[str, float]
    refusals: Mapping[str, float]
    partial: float
    deposit_batch: int
    wait: int

    def share(self, kind: str) -> float:
        """Which share of all arrivals is of that kind."""
        return self.kinds[kind] / sum(self.kinds.values())

    @property
    def used(self) -> tuple[str, ...]:
        """The kinds that come at all."""
        return tuple(kind for kind in KINDS if self.kinds[kind] > 0)


def read_mix(path: Path = MIX) -> Mix:
    """The mix in a file; ``BadMix`` names what is missing, unknown or not a weight."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise BadMix(f"{path}: {error}") from None
    unknown = data.keys() - _TABLES.keys()
    if unknown:
        raise BadMix(f"{path}: unknown tables: {', '.join(sorted(unknown))}")
    tables = {name: _weights(path, name, data.get(name, {})) for name in _TABLES}
    amounts = tables.pop("amounts")
    for name, table in tables.items():
        if not sum(table.values()):
            raise BadMix(f"{path}: [{name}] nothing has a weight")
    return Mix(
        **tables,
        partial=min(1.0, amounts["partial"] / 100),
        deposit_batch=max(1, int(amounts["deposit-batch"])),
        wait=max(1, int(amounts["wait"])),
    )


def _weights(path: Path, name: str, table: Mapping[str, Any]) -> Mapping[str, float]:
    """Every name of the table; one that is not there has no weight."""
    unknown = table.keys() - set(_TABLES[name])
    if unknown:
        raise BadMix(f"{path}: [{name}] unknown: {', '.join(sorted(unknown))}")
    for key, weight in table.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or weight < 0:
            raise BadMix(f"{path}: [{name}] {key}: a number that is not negative expected")
    return MappingProxyType({key: float(table.get(key, 0)) for key in _TABLES[name]})


def draw(weights: Mapping[str, float], random: Random) -> str:
    """One name, as often as its weight says."""
    names = list(weights)
    return random.choices(names, [weights[name] for name in names])[0]


def users_of(mix: Mix, users: int) -> dict[str, int]:
    """How many users each kind gets: at least one, the others by share; they add up to ``users``.

    ``ValueError`` where there are fewer users than kinds.
    """
    if users < len(mix.used):
        raise ValueError(f"at least {len(mix.used)} users are needed: one of each kind")
    counts = dict.fromkeys(mix.used, 1)
    spare = users - len(counts)
    for _ in range(spare):
        neediest = max(counts, key=lambda kind: mix.share(kind) / counts[kind])
        counts[neediest] += 1
    return counts
