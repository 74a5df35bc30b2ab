"""Bodies that are right (正しい依頼), to be spoilt: a slip in one place gets further than what is generated as a whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

Scene = Mapping[str, Any]

SLIP = 0.2
"""How often a member of a right body is replaced by the one that was generated."""
ADDED = 0.1
"""How often a member is added that was generated."""
EXTREME = 0.2
"""How often a member, one of those that may be left out as well, is one of ``EXTREMES``."""
EXTREMES = (
    "\0",
    "見本\0",
    " ",
    "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31",
    "0001-01-01",
    -(2**63) - 1,
    2**64,
)
"""What generators of a schema seldom come upon: the ends of what can be said, and what PostgreSQL takes nowhere."""


BASIC = {"name": "見本　はな", "born_on": "1984-02-29", "sex": "2", "address": "かくう県見本町１番地"}


def _asking(scene: Scene) -> dict[str, Any]:
    return {name: scene[name] for name in ("person", "provider", "task", "information")}


def _persons(scene: Scene) -> dict[str, Any]:
    return {"persons": [scene["person"]]}


def _person(scene: Scene) -> dict[str, Any]:
    return {"person": scene["person"]}


def _held(scene: Scene) -> dict[str, Any]:
    return {"person": scene["person"], "information": scene["information"]}


def _flag_of_person(scene: Scene) -> dict[str, Any]:
    return _person(scene) | {"value": True}


def _flag_of_information(scene: Scene) -> dict[str, Any]:
    return _held(scene) | {"value": False}


def _deposited(scene: Scene) -> dict[str, Any]:
    return {"duplicates": [scene.get("duplicate") or _held(scene)]}


def _question(scene: Scene) -> dict[str, Any]:
    return {name: scene[name] for name in ("inquirer", "provider", "task", "information")}


def _evaluation(scene: Scene) -> dict[str, Any]:
    what = {"type": "information", "id": scene["information"], "properties": {"provider": scene["provider"]}}
    who = {"type": "agency", "id": scene["inquirer"]}
    return {
        "subject": who,
        "action": {"name": "inquire"},
        "resource": what,
        "context": {"task": scene["task"]},
    }


def _log_in(scene: Scene) -> dict[str, Any]:
    return {name: scene[name] for name in ("agency", "login", "password")} | {"terminal": "fuzzing"}


def _client_form(scene: Scene) -> dict[str, Any]:
    return {name: scene[name] for name in ("grant_type", "client_id", "client_secret") if name in scene}


def _now(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


RIGHT: Mapping[str, Callable[[Scene], dict[str, Any]]] = {
    "register-inquiry": _asking,
    "number-addressees": _persons,
    "convert-addressees": _persons,
    "keep-basic-items": lambda scene: {"persons": [{"person": scene["person"], **BASIC}]},
    "show-basic-items": _persons,
    "acquire-codes": _persons,
    "search-codes": _persons,
    "search-records": _person,
    "search-duplicates": _person,
    "search-flags": _person,
    "show-duplicate": _held,
    "deposit-duplicates": _deposited,
    "delete-duplicates": lambda scene: {"duplicates": [_held(scene)]},
    "set-no-automatic-answer-person": _flag_of_person,
    "set-no-automatic-answer-information": _flag_of_information,
    "set-non-disclosure-person": _flag_of_person,
    "set-non-disclosure-information": _flag_of_information,
    "end-publication": lambda scene: {"information": scene["information"], "until": "2031-03-31"},
    "prepare-provision": lambda _: {"choice": "confirm"},
    "explain-decision": _question,
    "enumerate-permitted": lambda scene: {"inquirer": scene["inquirer"]},
    "evaluate-access": _evaluation,
    "evaluate-accesses": lambda scene: {"evaluations": [_evaluation(scene)]},
    "log-in": _log_in,
    "issue-client-token": _client_form,
    "reauthenticate": lambda scene: {"password": scene["password"]},
    "create-staff": lambda _: {"login": "nobody-yet", "name": "朱印　はな", "office": "x", "duties": ["review"]},
    "charge-staff": lambda _: {"office": "x", "duties": ["review"]},
    "delegate-duty": lambda scene: {
        "delegator": scene.get("staff_id", ""),
        "deputy": scene.get("other", ""),
        "duty": "review",
        "until": _now(3),
    },
    "set-clock": lambda _: {"at": _now(1), "frozen": False},
}


def spoilt(operation: str, generated: Any, scene: Scene, chance: Random) -> Any:
    """A right body with slips in it, made of what was generated; what was generated, where no right one is known."""
    right = RIGHT.get(operation)
    if right is None or not isinstance(generated, dict):
        return generated
    made = {
        name: generated[name] if name in generated and chance.random() < SLIP else value
        for name, value in right(scene).items()
    }
    made |= {name: value for name, value in generated.items() if name not in made and chance.random() < ADDED}
    if chance.random() < EXTREME and (names := sorted({*made, *generated})):
        made[chance.choice(names)] = chance.choice(EXTREMES)
    return made
