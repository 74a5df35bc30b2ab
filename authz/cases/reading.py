"""Reading a file of cases (事例の読み取り): every fault with its line, and nothing guessed.

Scalars are taken as they are written, so a day stays a day and a word a word; YAML's own types decide nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import product
from typing import Final, TypeVar

import yaml

from authz import naming
from authz.explain import Asked
from authz.questions import Effect, Snapshot
from authz.reasons import Reason
from sympho.codes import AgencyCode, InformationCode, ItemCode, ProcedureCode, TaskCode

__all__ = ["BadCases", "Case", "Fault", "read"]

LENGTH_LIMIT: Final = 1_048_576
"""Characters of a file."""
MOST_QUESTIONS: Final = 100_000
"""Questions of one case."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing wrong with a file: where, and what was expected."""

    line: int
    rule: str


class BadCases(ValueError):
    """A file that is none of cases. ``faults`` holds all of them, in order of lines."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__(f"{len(faults)} fault(s), first: line {faults[0].line}: {faults[0].rule}")
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Case:
    """事例: questions, and what is expected of every one of them."""

    name: str
    line: int
    questions: tuple[tuple[Asked, date], ...]
    effect: Effect
    reasons: tuple[str, ...]


def read(text: str, snapshot: Snapshot) -> tuple[Case, ...]:
    """The cases of a file, with names looked up in a list and its agencies; ``BadCases`` names every fault at once."""
    reader = _Reader(snapshot)
    cases = tuple(reader.cases(text))
    if reader.faults:
        raise BadCases(tuple(sorted(set(reader.faults))))
    return cases


Fields = dict[str, yaml.Node]
REQUIRED: Final = ("case", "as_of", "inquirers", "tasks", "providers", "information", "effect", "reasons")
KNOWN: Final = {*REQUIRED, "procedure", "items", "consent"}


class _Broken(ValueError):
    """What a node holds is not what was expected; the text says what was."""


class _Reader:
    """Goes through the nodes of a document and collects faults."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.faults: list[Fault] = []
        self._snapshot = snapshot
        self._list = snapshot.list
        self._names: set[str] = set()

    # --- the document ---------------------------------------------------------------------------------------------

    def cases(self, text: str) -> Iterator[Case]:
        root = self._root(text)
        if root is None:
            return
        fields = self._fields(root, {"cases"}, ("cases",))
        entries = fields.get("cases")
        if entries is None:
            return
        if not isinstance(entries, yaml.SequenceNode) or not entries.value:
            self._fault(entries, "cases: a list with at least one case expected")
            return
        for node in entries.value:
            case = self._case(node)
            if case is not None:
                yield case

    def _root(self, text: str) -> yaml.Node | None:
        if len(text) > LENGTH_LIMIT:
            self.faults.append(Fault(1, f"at most {LENGTH_LIMIT} characters expected"))
            return None
        try:
            root: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self.faults.append(Fault(mark.line + 1 if mark else 1, f"YAML expected: {error.problem or error.context}"))
            return None
        except (yaml.YAMLError, RecursionError):
            self.faults.append(Fault(1, "readable YAML expected"))
            return None
        if root is None:
            self.faults.append(Fault(1, "cases expected; the file is empty"))
        return root

    def _fields(self, node: yaml.Node, known: set[str], required: tuple[str, ...]) -> Fields:
        if not isinstance(node, yaml.MappingNode):
            self._fault(node, f"a mapping with {', '.join(required)} expected")
            return {}
        fields: Fields = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            if name not in known:
                self._fault(key, f"unknown key {name or 'that is no word'}; known: {', '.join(sorted(known))}")
            elif name in fields:
                self._fault(key, f"{name}: given twice")
            else:
                fields[name] = value
        for name in required:
            if name not in fields:
                self._fault(node, f"{name}: expected")
        return fields

    # --- one case -------------------------------------------------------------------------------------------------

    def _case(self, node: yaml.Node) -> Case | None:
        before = len(self.faults)
        fields = self._fields(node, KNOWN, REQUIRED)
        name = self._one(fields, "case", self._new_name)
        effect = self._one(fields, "effect", _effect)
        reasons = self._many(fields, "reasons", _meaning_of_reasons(effect))
        days = self._many(fields, "as_of", _day)
        asked = list(self._asked(fields))
        if len(self.faults) > before or name is None or effect is None:
            return None
        if len(asked) * len(days) > MOST_QUESTIONS:
            self._fault(node, f"at most {MOST_QUESTIONS} questions expected")
            return None
        questions = tuple((one, day) for day in days for one in asked)
        return Case(name, _line(node), questions, effect, tuple(reasons))

    def _asked(self, fields: Fields) -> Iterator[Asked]:
        inquirers = self._many(fields, "inquirers", self._party)
        tasks = self._many(fields, "tasks", self._task)
        providers = self._many(fields, "providers", self._party)
        information = self._many(fields, "information", self._information)
        procedure = self._one(fields, "procedure", self._procedure)
        consent = bool(self._one(fields, "consent", _consent))
        texts = self._many(fields, "items", str)
        if len(inquirers) * len(tasks) * len(providers) * len(information) > MOST_QUESTIONS:
            self._fault(fields["inquirers"], f"at most {MOST_QUESTIONS} questions expected")
            return
        for inquirer, task, provider, one in product(inquirers, tasks, providers, information):
            yield Asked(inquirer, task, provider, one, procedure, self._items(fields, texts, one), consent)

    def _items(self, fields: Fields, texts: list[str], of: InformationCode) -> tuple[ItemCode, ...]:
        try:
            return naming.items(texts, self._list, of)
        except naming.Unclear as unclear:
            self._fault(fields["items"], f"items: {unclear.rule}")
            return ()

    # --- one field ------------------------------------------------------------------------------------------------

    def _one(self, fields: Fields, name: str, meaning: Callable[[str], T]) -> T | None:
        node = fields.get(name)
        if node is None:
            return None
        if not isinstance(node, yaml.ScalarNode) or not node.value:
            self._fault(node, f"{name}: one word or text expected")
            return None
        return self._meant(node, name, meaning)

    def _many(self, fields: Fields, name: str, meaning: Callable[[str], T]) -> list[T]:
        node = fields.get(name)
        if node is None:
            return []
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        if not nodes or any(not isinstance(one, yaml.ScalarNode) or not one.value for one in nodes):
            self._fault(node, f"{name}: at least one expected, each a word or text")
            return []
        if len({one.value for one in nodes}) != len(nodes):
            self._fault(node, f"{name}: each only once expected")
        found = [self._meant(one, name, meaning) for one in nodes]
        return [one for one in found if one is not None]

    def _meant(self, node: yaml.Node, name: str, meaning: Callable[[str], T]) -> T | None:
        try:
            return meaning(node.value)
        except naming.Unclear as unclear:
            self._fault(node, f"{name}: {unclear.rule}")
        except _Broken as broken:
            self._fault(node, f"{name}: {broken}")
        return None

    def _fault(self, node: yaml.Node, rule: str) -> None:
        self.faults.append(Fault(_line(node), rule))

    # --- what words mean ------------------------------------------------------------------------------------------

    def _new_name(self, text: str) -> str:
        if text in self._names:
            raise _Broken("a name that no other case of the file has expected")
        self._names.add(text)
        return text

    def _party(self, text: str) -> AgencyCode | str:
        return naming.party(text, self._list, self._snapshot.agencies)

    def _task(self, text: str) -> TaskCode:
        return naming.task(text, self._list)

    def _procedure(self, text: str) -> ProcedureCode:
        return naming.procedure(text, self._list)

    def _information(self, text: str) -> InformationCode:
        return naming.information(text, self._list)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _effect(text: str) -> Effect:
    try:
        return Effect(text)
    except ValueError:
        raise _Broken(f"one of {', '.join(Effect)} expected") from None


def _meaning_of_reasons(effect: Effect | None) -> Callable[[str], str]:
    """Grounds where it is permitted, reasons where it is not; where nobody knows, what is either is no second fault."""
    if effect is None:
        return lambda text: text if ":" in text else _reason(text)
    return _ground if effect is Effect.PERMIT else _reason


def _reason(text: str) -> str:
    try:
        return Reason(text)
    except ValueError:
        raise _Broken("a reason of authz.reasons expected") from None


def _ground(text: str) -> str:
    item, colon, row = text.partition(":")
    if not (item and colon and row):
        raise _Broken("a ground like 16-2:1.1 expected, item and row, in quotation marks")
    return text


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise _Broken("a day like 2024-05-27 expected") from None


def _consent(text: str) -> bool:
    if text not in ("true", "false"):
        raise _Broken("true or false expected")
    return text == "true"
