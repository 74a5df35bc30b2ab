"""Worlds (世界): what a new installation is filled with, found by the name of an installed one or by a folder's path.

A world stands above the gateway and is reached through the entry points of ``sympho.worlds`` (by name) and
``sympho.folders`` (a folder of one's own). It fills each party with that party's own part; parties that run apart are
filled apart. Filling again must do no harm: a start that was killed is begun again.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import NamedTuple, Protocol

from authz.staff import NewAccount
from gateway.exchange.directory import DirectoryEntry
from gateway.intermediary.party import Intermediary
from gateway.neighbours.residents import Residents
from gateway.network.party import Network
from sympho.codes import AgencyCode, UnifiedNumber

__all__ = [
    "FOLDERS",
    "GROUP",
    "INVENTED",
    "WHOLE",
    "BadWorld",
    "NoSuchWorld",
    "NotFilled",
    "Share",
    "Told",
    "Update",
    "Wanted",
    "World",
    "WorldAccount",
    "find",
    "names",
]

GROUP = "sympho.worlds"
FOLDERS = "sympho.folders"
INVENTED = "invented"
"""The world of whoever names none."""

Told = Callable[[str, int], None]
"""Called with what is being filled in and how many of it are in: for a progress display."""


@dataclass(frozen=True, slots=True)
class WorldAccount:
    """An account that a world begins with; its first password is chosen by whoever fills the world in."""

    agency: AgencyCode
    agency_name: str
    account: NewAccount


class Share(NamedTuple):
    """One of several shares of a world's people (分担), as large as the others."""

    number: int
    of: int


WHOLE = Share(0, 1)


class Wanted:
    """Persons of agencies whose codes are to be acquired. There may be millions: each takes eight bytes."""

    def __init__(self) -> None:
        self._persons: defaultdict[AgencyCode, array[int]] = defaultdict(lambda: array("Q"))

    def add(self, agency: AgencyCode, unified: UnifiedNumber) -> None:
        self._persons[agency].append(int(unified.reveal()))

    @property
    def agencies(self) -> list[AgencyCode]:
        return sorted(self._persons)

    def pages(self, agency: AgencyCode, size: int) -> Iterator[list[UnifiedNumber]]:
        """The agency's persons in the order in which they were added, so many at a time."""
        persons = self._persons[agency]
        for start in range(0, len(persons), size):
            yield [UnifiedNumber(f"{number:015}") for number in persons[start : start + size]]


class Update(Protocol):
    """What a world has become since it was loaded: told to people, then done by each party."""

    @property
    def lines(self) -> Sequence[str]:
        """What was added, changed and removed, for people; empty where nothing was."""
        ...

    @property
    def added(self) -> Sequence[WorldAccount]:
        """Accounts to be made."""
        ...

    @property
    def changed(self) -> Sequence[WorldAccount]:
        """Accounts whose office, duties or tasks are others now."""
        ...

    @property
    def removed(self) -> Sequence[tuple[AgencyCode, str]]:
        """Accounts to be closed: agency and login name."""
        ...

    async def network_possible(self, network: Network) -> None:
        """``BadWorld`` where what the network has come to hold meanwhile stands against it; asked before all else."""
        ...

    async def residents_possible(self, residents: Residents) -> None:
        """The same of the residents' party."""
        ...

    async def intermediary_possible(self, server: Intermediary) -> None:
        """The same of the intermediary server."""
        ...

    async def network(self, network: Network, told: Told) -> None: ...
    async def residents(self, residents: Residents, told: Told) -> None: ...
    async def intermediary(self, server: Intermediary, told: Told) -> None: ...


class World(Protocol):
    """A plug-in of the group ``sympho.worlds``, or a folder."""

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

    def list_document(self) -> bytes:
        """照会許可用照合リスト: the document of the list that this world begins with."""
        ...

    def entries(self) -> Sequence[DirectoryEntry]:
        """機関の名簿: the directory's entries with which this world begins, without keys."""
        ...

    def edition(self) -> bytes:
        """The whole world as bytes, to be compared with later; empty where the world is made by code and is the same
        every time."""
        ...

    def update(self, before: bytes) -> Update:
        """From an edition that was loaded to this one; ``BadWorld`` names changes that are not possible."""
        ...

    async def fill_network(self, network: Network, told: Told) -> None:
        """The match list and the directory."""
        ...

    async def fill_residents(self, residents: Residents, told: Told, share: Share = WHOLE) -> None:
        """Who has which 個人番号 and 住民票コード."""
        ...

    async def serve(self, server: Intermediary) -> None:
        """The agencies of the intermediary server, with their keys."""
        ...

    async def fill_people(self, server: Intermediary, told: Told, share: Share = WHOLE) -> Wanted:
        """Addressees, duplicates, flags; whose codes the agencies are then to acquire."""
        ...

    async def acquire_codes(self, server: Intermediary, wanted: Wanted, told: Told) -> None:
        """The codes of these people, for which the other two parties must be there; who has one keeps it."""
        ...

    @property
    def is_large(self) -> bool:
        """Whether there are so many people that several processes fill them in, each a share."""
        ...


class NoSuchWorld(LookupError):
    """No installed package offers a world of that name, and no folder has it."""


class BadWorld(NoSuchWorld):
    """A world that cannot be loaded; the text names every mistake, one a line."""


class NotFilled(Exception):
    """Something that the installation holds meanwhile stands against a person of the world; the text names agency and
    person. Whoever was filled in before stays."""


def names() -> list[str]:
    """The worlds that are installed."""
    return sorted(entry.name for entry in entry_points(group=GROUP))


def find(name: str, residents: int = 0) -> World:
    """The world of that name, with about so many residents (0: as it is), or the one in that folder."""
    for entry in entry_points(group=GROUP, name=name or INVENTED):
        world: World = entry.load()(residents)
        return world
    folder = Path(name).expanduser()
    if not folder.is_dir():
        raise NoSuchWorld(f"no world {name!r} and no such folder; installed: {', '.join(names()) or 'none'}")
    if residents:
        raise BadWorld(f"{name}: a folder has the residents that it has; --scale is for worlds that are made by code")
    for entry in entry_points(group=FOLDERS):
        found: World = entry.load()(folder)
        return found
    raise NoSuchWorld(f"{name}: no installed package reads world folders")
