"""What a caller could know: codes and persons of the country, and whatever earlier answers said, by its name.

Generated values alone never get past the first look-up. So some of a request's values are replaced by ones that mean
something; how many differs from request to request.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from fixtures.invented.cast import Ask
from fixtures.world import World

KEPT = 40
"""Values kept of each name: the latest."""

IDENTIFIED = {
    "stf_": "staff_id",
    "cli_": "client_id",
    "ses_": "session_id",
    "trm_": "terminal_id",
    "dlg_": "delegation_id",
}
SAME = {"delegator": "staff_id", "deputy": "staff_id", "before": "next", "about": "staff_id"}

Values = dict[str, deque[Any]]


def _empty() -> Values:
    return defaultdict(lambda: deque(maxlen=KEPT))


class Known:
    """The memory of one run; what one agency was told is kept apart from what others were."""

    def __init__(self, world: World) -> None:
        self._asks = world.cast.asks
        self._told: defaultdict[str, Values] = defaultdict(_empty)
        self._of_all = _empty()
        self._of_all["agency"].extend(str(one.code) for one in world.directory)
        self._of_all["inquirer"] = self._of_all["provider"] = self._of_all["agency"]
        for ask in self._asks:
            self._of_all["task"].append(str(ask.task))
            self._of_all["information"].append(str(ask.information))
            self._told[ask.inquirer]["person"].append(_person(ask))
            for numbering in world.numberings_of(world.resident(ask.person.resident)):
                person = {"system": str(numbering.system), "number": numbering.number.reveal()}
                self._told[numbering.agency]["person"].append(person)

    def heard(self, agency: str, answer: object, sent: object) -> None:
        """Remembers what an answer says, by the names of its members; and a duplicate as it could be deposited."""
        if isinstance(answer, dict) and isinstance(sent, dict) and "published_from" in answer:
            content = {name: answer["content"][name] for name in ("layout", "items")}
            dates = {"published_from": answer["published_from"]}
            self._told[agency]["duplicate"].append({**sent, **content, **dates})
        if isinstance(answer, dict) and "provisions" in answer:
            self._told[agency]["provision"].extend(one["exchange"] for one in answer["provisions"])
        for name, value in _members(answer):
            if isinstance(value, str):
                name = IDENTIFIED.get(value[:4], name)
            self._told[agency][name].append(value)

    def scene(self, agency: str, login: str, chance: Random) -> dict[str, Any]:
        """Values that belong together: an inquiry of this caller's in the story, or one of its agency's."""
        told = self._told[agency]
        asked = [ask for ask in self._asks if ask.inquirer == agency]
        provided = [ask for ask in self._asks if ask.provider == agency]
        own = [ask for ask in asked if ask.login == login]
        ask: Ask = chance.choice(own or asked or provided or list(self._asks))
        made: dict[str, Any] = {"inquirer": str(ask.inquirer), "provider": str(ask.provider), "task": str(ask.task)}
        made |= {"information": str(ask.information), "person": _person(ask)}
        if told["person"] and (ask not in asked or chance.random() < 0.3):
            made["person"] = chance.choice(told["person"])
        for name in ("duplicate", "staff_id"):
            if told[name]:
                made[name] = chance.choice(told[name])
        if told["staff_id"]:
            made["other"] = chance.choice(told["staff_id"])
        return made

    def provision(self, agency: str, chance: Random) -> dict[str, Any]:
        """An exchange that the agency's own reviewers have in their list."""
        told = self._told[agency]["provision"]
        return {"exchange": chance.choice(told)} if told else {}

    def put(self, value: Any, agency: str, scene: Mapping[str, Any], chance: Random, boldness: float) -> Any:
        """``value`` with some of what stands in it replaced by what is known under the same name."""
        return self._put("", value, agency, scene, chance, boldness)

    def _put(
        self, name: str, value: Any, agency: str, scene: Mapping[str, Any], chance: Random, boldness: float
    ) -> Any:
        if name and chance.random() < boldness:
            found = self._find(name, agency, scene, chance)
            if found is not None:
                return found
        if isinstance(value, dict):
            return {key: self._put(key, one, agency, scene, chance, boldness) for key, one in value.items()}
        if isinstance(value, list):
            single = name.removesuffix("s")
            return [self._put(single, one, agency, scene, chance, boldness) for one in value]
        return value

    def _find(self, name: str, agency: str, scene: Mapping[str, Any], chance: Random) -> Any:
        if name in scene and chance.random() < 0.8:
            return scene[name]
        name = SAME.get(name, name)
        for values in (self._told[agency].get(name), self._of_all.get(name)):
            if values:
                return chance.choice(values)
        return None


def _person(ask: Ask) -> dict[str, str]:
    """The person asked about, as the inquirer's business system says it."""
    return {"system": str(ask.person.system), "number": ask.person.number.reveal()}


def _members(value: object) -> Iterator[tuple[str, Any]]:
    """Every named value of an answer; of long lists the beginning."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield str(name), one
            yield from _members(one)
    elif isinstance(value, list):
        for one in value[:5]:
            yield from _members(one)
