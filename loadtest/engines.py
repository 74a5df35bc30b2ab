"""Authorization engines of others (他の認可エンジン), each in the form in which it answers the list's question fastest.

They are given one revision of the list, as rows; they are measured beside ours (``loadtest.bench_decisions``) and ask
ours the same questions as oracles (``tests.oracles``). Requests are prepared beforehand, so that an engine is measured
and not the building of its requests. They are development extras: nothing of the product imports them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Protocol

import casbin
import cedarpy
import regopy
from casbin.model import FastModel

from authz.matchlist import WIDE_AREA_UNION, ListSource, Row
from loadtest.listquestions import ListQuestion, tuples

__all__ = ["ENGINES", "Casbin", "Cedar", "Engine", "Rego"]


class Engine(Protocol):
    """One engine, holding one revision of a list."""

    name: str
    form: str

    def __init__(self, source: ListSource, rows: list[Row]) -> None: ...

    def prepare(self, questions: Sequence[ListQuestion]) -> Sequence[Any]:
        """The requests, as the engine takes them."""
        ...

    def decide(self, requests: Sequence[Any]) -> list[Any]:
        """The engine's answers: what is measured."""
        ...

    def permitted(self, answers: Sequence[Any]) -> list[bool]:
        """The answers as yes and no."""
        ...


class Cedar:
    """Cedar: one policy, and the list as a hierarchy of entities.

    A kind stands below every right that its rows give it, and below the wider kind that it counts as; the right to ask
    a wider kind stands below that to ask each narrower one. Whether something is permitted is one look at ancestors.
    """

    name = "cedarpy"
    form = "one policy, the list as entity hierarchy, batches of 200"
    POLICY = 'permit(principal, action == Action::"ask", resource) when { principal in resource };'
    BATCH = 200

    def __init__(self, source: ListSource, rows: list[Row]) -> None:
        parents: dict[tuple[str, str], set[tuple[str, str]]] = {("Kind", kind.kind): set() for kind in source.kinds}
        wider = {kind.kind: kind.counts_as for kind in source.kinds if kind.counts_as and kind.kind != WIDE_AREA_UNION}
        for narrow, wide in wider.items():
            parents["Kind", narrow].add(("Kind", wide))
        for row in rows:
            for provider in row.providers:
                right = ("Right", self._right(row.task, provider, row.information))
                for inquirer in row.inquirers:
                    parents["Kind", inquirer].add(right)
                for narrow, wide in wider.items():
                    if wide == provider:
                        narrower = ("Right", self._right(row.task, narrow, row.information))
                        parents.setdefault(right, set()).add(narrower)
        entities = [
            {"uid": self._uid(uid), "attrs": {}, "parents": [self._uid(one) for one in sorted(above)]}
            for uid, above in parents.items()
        ]
        self._entities = cedarpy.Entities.from_json_str(json.dumps(entities))
        self._policies = cedarpy.PolicySet.from_str(self.POLICY)

    @staticmethod
    def _right(task: str, provider: str, information: str) -> str:
        return f"{task}|{provider}|{information}"

    @staticmethod
    def _uid(uid: tuple[str, str]) -> dict[str, str]:
        return {"type": uid[0], "id": uid[1]}

    def prepare(self, questions: Sequence[ListQuestion]) -> Sequence[Any]:
        action = {"type": "Action", "id": "ask"}
        return [
            {
                "principal": {"type": "Kind", "id": asking},
                "action": action,
                "resource": {"type": "Right", "id": self._right(task, asked, information)},
            }
            for asking, task, asked, information in questions
        ]

    def decide(self, requests: Sequence[Any]) -> list[Any]:
        answers: list[Any] = []
        for start in range(0, len(requests), self.BATCH):
            batch = list(requests[start : start + self.BATCH])
            answers += cedarpy.is_authorized_batch(batch, self._policies, self._entities)
        return answers

    def permitted(self, answers: Sequence[Any]) -> list[bool]:
        return [bool(answer.allowed) for answer in answers]


class Casbin:
    """Casbin's ``FastEnforcer``: the list written out as policies, and its filter on all four fields."""

    name = "casbin"
    form = "FastEnforcer, filtered by all four fields"
    MODEL = """
[request_definition]
r = asking, task, asked, information
[policy_definition]
p = asking, task, asked, information
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.asking == p.asking && r.task == p.task && r.asked == p.asked && r.information == p.information
"""

    def __init__(self, source: ListSource, rows: list[Row]) -> None:
        order = (0, 1, 2, 3)
        model = FastModel(order)
        model.load_model_from_text(self.MODEL)
        self._enforcer = casbin.FastEnforcer(model, cache_key_order=order)
        self._enforcer.add_policies([list(one) for one in sorted(tuples(source, rows))])

    def prepare(self, questions: Sequence[ListQuestion]) -> Sequence[Any]:
        return [tuple(map(str, question)) for question in questions]

    def decide(self, requests: Sequence[Any]) -> list[Any]:
        enforce = self._enforcer.enforce
        return [enforce(*request) for request in requests]

    def permitted(self, answers: Sequence[Any]) -> list[bool]:
        return [bool(answer) for answer in answers]


class Rego:
    """Rego (regopy): a built bundle with an entry point, and the list as nested data."""

    name = "regopy"
    form = "built bundle with entry point, the list as nested data"
    MODULE = """
package matchlist
default permitted := false
permitted if data.rights[input.asking][input.task][input.asked][input.information]
"""
    ENTRY = "matchlist/permitted"

    def __init__(self, source: ListSource, rows: list[Row]) -> None:
        rights: dict[str, dict[str, dict[str, dict[str, bool]]]] = {}
        for asking, task, asked, information in sorted(tuples(source, rows)):
            by_information = rights.setdefault(asking, {}).setdefault(task, {}).setdefault(asked, {})
            by_information[information] = True
        self._interpreter = regopy.Interpreter()
        self._interpreter.add_data({"rights": rights})
        self._interpreter.add_module("matchlist", self.MODULE)
        self._bundle = self._interpreter.build(None, [self.ENTRY])

    def prepare(self, questions: Sequence[ListQuestion]) -> Sequence[Any]:
        names = ("asking", "task", "asked", "information")
        return [regopy.Input(dict(zip(names, map(str, question), strict=True))) for question in questions]

    def decide(self, requests: Sequence[Any]) -> list[Any]:
        ask, query, bundle = self._interpreter.set_input, self._interpreter.query_bundle_entrypoint, self._bundle
        answers = []
        for request in requests:
            ask(request)
            answers.append(query(bundle, self.ENTRY))
        return answers

    def permitted(self, answers: Sequence[Any]) -> list[bool]:
        return [answer.ok() and answer.results[0].expressions == [True] for answer in answers]


ENGINES: tuple[type[Engine], ...] = (Cedar, Casbin, Rego)
