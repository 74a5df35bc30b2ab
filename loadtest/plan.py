"""The plan of a run (計画): who asks whom about whom, and how it must end. Made beforehand, read by every generator.

It names invented people's numbers and contents, so the file is its owner's alone (0600). It holds no password and no
token: users log in themselves, with the credentials file that the server wrote.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["CORRECTED", "Account", "Credentials", "Plan", "Question", "fingerprint", "read_plan", "write_plan"]

CORRECTED = "審査で訂正した値"
"""What a first reviewer puts in place of a value when correcting, so that the inquirer can be seen to receive it."""

Items = Mapping[str, Mapping[str, str]]
"""TK code -> {"value": ...} or {"reason_of_null": ...}."""


def fingerprint(items: Items) -> str:
    """SHA-256 over contents, spelled in one way: contents can be compared without being kept everywhere."""
    plain = json.dumps({code: dict(item) for code, item in items.items()}, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(plain.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Question:
    """情報照会 that can be asked at any time, and its end. ``answers``: fingerprints of the contents that may come."""

    theme: str
    login: str
    agency: str
    provider: str
    body: Mapping[str, Any]
    outcome: str
    reason: str
    items: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that users need to know beforehand."""

    questions: Sequence[Question]
    held: Sequence[Question]
    """Questions about people who are not answered automatically."""
    not_permitted: Sequence[Question]
    reviewers: Sequence[tuple[str, str]]
    """Logins of a first and a second person, by provider."""
    deposits: Mapping[str, Sequence[Mapping[str, Any]]]
    """Duplicates as they stand, by the login of their keeper: putting them in again changes no answer."""
    newcomers: Mapping[str, Sequence[Mapping[str, str]]]
    """Persons to be numbered, by the login of the keeper: 個人番号, system, number."""
    sessions: Sequence[str]
    """Logins that nobody else in the run uses."""
    foreign: Sequence[tuple[str, str]]
    """(login, exchange number of another agency)."""
    without_duty: Sequence[str]
    """Logins that may not inquire."""
    readers: Mapping[str, str]
    """Agency -> login of its reader of records; the network's operator too."""
    url: str = ""
    notes: Sequence[str] = field(default_factory=list)

    @property
    def logins(self) -> tuple[str, ...]:
        """Whoever must be logged in before the run begins."""
        asked = (*self.questions, *self.held, *self.not_permitted)
        logins = {one.login for one in asked} | {login for pair in self.reviewers for login in pair}
        logins |= {*self.deposits, *self.newcomers, *self.without_duty, *(login for login, _ in self.foreign)}
        return tuple(sorted(logins))


def write_plan(plan: Plan, path: Path) -> None:
    """The plan as a file for its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(asdict(plan), file, ensure_ascii=False)


def read_plan(path: Path) -> Plan:
    """The plan in a file."""
    data = json.loads(path.read_text(encoding="utf-8"))
    for name in ("questions", "held", "not_permitted"):
        data[name] = [_question(one) for one in data[name]]
    for name in ("reviewers", "foreign"):
        data[name] = [(first, second) for first, second in data[name]]
    return Plan(**data)


def _question(data: Mapping[str, Any]) -> Question:
    return Question(**{**data, "items": tuple(data["items"]), "answers": tuple(data["answers"])})


# --- credentials --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Account:
    """One account of the credentials file; it does not print its password."""

    agency: str
    login: str
    password: str = field(repr=False)


class Credentials:
    """職員の資格情報: the file that the server wrote at its first start."""

    def __init__(self, path: Path) -> None:
        accounts = json.loads(path.read_text(encoding="utf-8"))["accounts"]
        self._by_login = {one["login"]: Account(one["agency"], one["login"], one["password"]) for one in accounts}

    def __getitem__(self, login: str) -> Account:
        return self._by_login[login]

    def __contains__(self, login: str) -> bool:
        return login in self._by_login
