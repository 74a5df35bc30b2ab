"""Worlds (世界): what a new installation is filled with, found by name among the entry points of ``sympho.worlds``.

A world stands above the gateway and is reached by its name only. It fills each party with that party's own part;
parties that run apart are filled apart. Filling again must do no harm: a start that was killed is begun again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Protocol

from authz.staff import NewAccount
from gateway.intermediary.party import Intermediary
from gateway.neighbours.residents import Residents
from gateway.network.party import Network
from sympho.codes import AgencyCode

__all__ = ["GROUP", "NoSuchWorld", "Told", "World", "WorldAccount", "find", "names"]

GROUP = "sympho.worlds"

Told = Callable[[str, int], None]
"""Called with what is being filled in and how many of it are in: for a progress display."""


@dataclass(frozen=True, slots=True)
class WorldAccount:
    """An account that a world begins with; its first password is chosen by whoever fills the world in."""

    agency: AgencyCode
    agency_name: str
    account: NewAccount


class World(Protocol):
    """A plug-in of the group ``sympho.worlds``."""

    @property
    def title(self) -> tuple[str, str]:
        """Its name, Japanese and English."""
        ...

    @property
    def network(self) -> AgencyCode:
        """The code of the network's operator, under which the network is founded."""
        ...

    def accounts(self) -> Sequence[WorldAccount]:
        """Every account of every agency, the operator's included."""
        ...

    def canaries(self) -> Iterator[str]:
        """漏えい検査: every text that may stand in no log, problem, token or record: people's numbers and contents."""
        ...

    async def fill_network(self, network: Network, told: Told) -> None:
        """The match list and the directory."""
        ...

    async def fill_residents(self, residents: Residents, told: Told) -> None:
        """Who has which 個人番号 and 住民票コード."""
        ...

    async def fill_intermediary(self, server: Intermediary, told: Told) -> None:
        """Agencies, addressees, duplicates, flags; then the codes, for which the other two parties must be there."""
        ...


class NoSuchWorld(LookupError):
    """No installed package offers a world of that name."""


def names() -> list[str]:
    """The worlds that are installed."""
    return sorted(entry.name for entry in entry_points(group=GROUP))


def find(name: str) -> World:
    """The world of that name."""
    for entry in entry_points(group=GROUP, name=name):
        world: World = entry.load()()
        return world
    raise NoSuchWorld(f"no world {name!r}; installed: {', '.join(names()) or 'none'}")
