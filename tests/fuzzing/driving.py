"""The run: schemathesis's cases for every operation, called as somebody; every answer is held to the document."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, GenerationMode, Response
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.parameters import ParameterLocation
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.fuzzing.callers import Caller, Callers
from tests.fuzzing.good import spoilt
from tests.fuzzing.known import Known

Operation = APIOperation[Any, Any, Any, Any]
Told = Callable[[int, str], None]

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
PROBLEM = "urn:sympho:problem:"
PATIENCE = 60.0
BOLDNESS = (0.0, 0.3, 0.7, 0.95, 0.95)
"""How much of a request is replaced by what is known: nothing of it, so that all is as generated, up to nearly all."""

NOISE: tuple[Mapping[str, str], ...] = (
    *({},) * 20,
    {"Prefer": "wait=1"},
    {"Prefer": "wait=-1, respond-async"},
    {"Accept": "application/xml"},
    {"Accept": "application/*;q=0.5, text/html"},
    {"Content-Type": "text/plain"},
    {"Content-Type": "application/json; charset=shift_jis"},
    {"Content-Encoding": "gzip"},
    {"Idempotency-Key": "always-the-same"},
    {"Idempotency-Key": "k" * 256},
    {"X-Request-ID": "from-outside"},
)
"""Headers that a request may carry besides; most carry none."""

FIRST = ("register-inquiry", "list-", "search-", "show-")
"""What tells of things that others can then be asked about."""

LAST = (
    "log-out",
    "end-session",
    "change-password",
    "confirm-second-factor",
    "set-staff-conditions",
    "charge-staff",
    "delegate-duty",
    "set-staff-rules",
    "set-clock",
    "disable-client",
    "replace-client-secret",
    "revoke-staff-sessions",
    "end-staff-session",
    "disable-staff",
    "reset-staff-password",
    "reauthenticate",
    "log-in",
)
"""What puts callers out: in the last round only, and after all others."""

HEALED: Mapping[str, tuple[str, str, object]] = {
    "set-clock": ("POST", "/clock/resume", None),
    "set-staff-rules": ("PUT", "/staff-rules", {"second_factor_for": [], "password_days": 3650}),
}
"""After these everybody would be kept out, or no list be in force; so they are undone at once."""


@dataclass(frozen=True)
class Fault:
    """An answer that must not be."""

    operation: str
    what: str
    status: int
    story: str = field(compare=False)


@dataclass
class Report:
    """What a run has seen."""

    requests: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    slugs: Counter[str] = field(default_factory=Counter)
    succeeded: Counter[str] = field(default_factory=Counter)
    ends: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How calls of an operation ended: its name, and a status or the problem's slug."""
    called: Counter[str] = field(default_factory=Counter)
    by: Counter[str] = field(default_factory=Counter)
    faults: dict[Fault, int] = field(default_factory=dict)

    def blame(self, fault: Fault) -> None:
        self.faults[fault] = self.faults.get(fault, 0) + 1

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"requests: {self.requests}"
        yield f"operations: {len(self.called)}, with a success: {len(self.succeeded)}"
        yield "callers: " + ", ".join(f"{name} {count}" for name, count in self.by.most_common())
        yield "statuses: " + ", ".join(f"{status} {count}" for status, count in sorted(self.statuses.items()))
        yield "problems: " + ", ".join(f"{slug} {count}" for slug, count in self.slugs.most_common())
        for name in sorted(set(self.called) - set(self.succeeded)):
            ends = ", ".join(f"{end} {count}" for (one, end), count in self.ends.most_common() if one == name)
            yield f"never succeeded: {name} ({ends})"
        yield f"faults: {len(self.faults)}"
        for fault, count in self.faults.items():
            yield f"--- {fault.operation} {fault.status} {fault.what} ({count} times)\n{fault.story}"


class Run:
    """One run against one server."""

    def __init__(self, url: str, callers: Callers, known: Known, told: Told) -> None:
        self.report = Report()
        self._url = url
        self._callers = callers
        self._known = known
        self._told = told
        self._session = requests.Session()
        document = self._session.get(f"{url}/openapi.json", timeout=PATIENCE).json()
        for methods in document["paths"].values():
            for one in methods.values():
                del one["security"]  # who calls is our own affair; schemathesis would take the token away again
        self._schema = schemathesis.openapi.from_dict(document)
        expected = self._schema.config.checks.negative_data_rejection
        expected.expected_statuses = ["400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "429"]
        self.operations: list[Operation] = []
        for one in self._schema.get_all_operations():
            assert isinstance(one, Ok), one
            self.operations.append(one.ok())

    def close(self) -> None:
        self._session.close()

    def drive(self, amount: int, number: int = 0) -> Report:
        """About ``amount`` requests in two rounds, so that the second knows what the first was told."""
        rounds = (_in_order(self.operations, last=False), _in_order(self.operations, last=True))
        each = -(-amount // sum(len(one) for one in rounds))
        for turn, operations in enumerate(rounds):
            for operation in operations:
                self._told(self.report.requests, operation.label)
                self._operation(operation, each, number * 2 + turn)
        self._told(self.report.requests, "")
        return self.report

    def _operation(self, operation: Operation, amount: int, number: int) -> None:
        case = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
        if _has_input(operation):
            case |= operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

        chance = Random(f"{operation.label} {number}")

        @seed(number)
        @settings(
            max_examples=amount,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case, st.integers(0, 2**32))
        def each(made: Case[Operation], _: int) -> None:
            self._one(operation, made, chance)

        each()

    def _one(self, operation: Operation, case: Case[Operation], chance: Random) -> None:
        raw = operation.definition.raw
        duties = [raw[name] for name in ("x-sympho-duty",) if name in raw] + raw.get("x-sympho-or-duty", [])
        caller = self._callers.choose(raw["x-sympho-principal"], duties, chance)
        boldness = chance.choice(BOLDNESS)
        if boldness:
            self._fill(case, caller, chance, boldness)
        headers = dict(chance.choice(NOISE))
        if caller.token:
            headers["Authorization"] = f"Bearer {caller.token}".encode().decode("latin-1")
        try:
            response = case.call(self._url, self._session, headers, timeout=PATIENCE)
        except requests.RequestException as error:
            self.report.blame(Fault(raw["operationId"], f"no answer: {type(error).__name__}", 0, repr(case)[:600]))
            return
        self._weigh(case, caller, headers, response, as_made=not boldness)

    def _fill(self, case: Case[Operation], caller: Caller, chance: Random, boldness: float) -> None:
        scene = self._known.scene(caller.agency, caller.login, chance) | self._callers.facts(caller, chance)
        if case.path.startswith("/provisions/"):
            scene |= self._known.provision(caller.agency, chance)

        def put(value: Any) -> Any:
            return self._known.put(value, caller.agency, scene, chance, boldness)

        case.path_parameters = put(dict(case.path_parameters))
        case.query = put(dict(case.query))
        if isinstance(case.body, dict | list):
            right = chance.random() < boldness
            case.body = spoilt(_name(case), case.body, scene, chance) if right else put(case.body)

    def _weigh(
        self, case: Case[Operation], caller: Caller, headers: dict[str, str], response: Response, *, as_made: bool
    ) -> None:
        raw = case.operation.definition.raw
        name = raw["operationId"]
        report = self.report
        report.requests += 1
        report.called[name] += 1
        report.by[caller.kind] += 1
        report.statuses[response.status_code] += 1
        slug = ""
        answer = _json(response.content)
        if isinstance(answer, dict) and str(answer.get("type", "")).startswith(PROBLEM):
            slug = answer["type"].removeprefix(PROBLEM)
            report.slugs[slug] += 1
            if slug not in raw["x-sympho-problems"]:
                report.blame(Fault(name, f"undeclared problem {slug}", response.status_code, case.as_curl_command()))
        checks = [*CHECKS, negative_data_rejection] if as_made and not _headless(case) else CHECKS
        try:
            case.validate_response(response, checks=checks, headers=headers)
        except FailureGroup as group:
            for one in group.exceptions:
                story = f"{one}\n{case.as_curl_command(headers, base_url=self._url)}"[:3000]
                report.blame(Fault(name, getattr(one, "title", type(one).__name__), response.status_code, story))
        report.ends[name, slug or str(response.status_code)] += 1
        self._callers.answered(caller, slug)
        if response.status_code < 300:
            report.succeeded[name] += 1
            self._known.heard(caller.agency, answer, case.body)
            if name in HEALED:
                self._callers.heal(*HEALED[name], caller)


def _name(case: Case[Operation]) -> str:
    return str(case.operation.definition.raw["operationId"])


def _headless(case: Case[Operation]) -> bool:
    """Whether what is wrong with a case may stand in headers alone, where ours have taken its place."""
    header = None if case.meta is None else case.meta.components.get(ParameterLocation.HEADER)
    return header is not None and header.mode.is_negative


def _has_input(operation: Operation) -> bool:
    return bool(operation.body) or any(True for _ in operation.iter_parameters())


def _in_order(operations: list[Operation], *, last: bool) -> list[Operation]:
    def rank(operation: Operation) -> tuple[int, int]:
        name = operation.definition.raw["operationId"]
        return (LAST.index(name) + 1 if name in LAST else 0, 0 if name.startswith(FIRST) else 1)

    return sorted((one for one in operations if last or not rank(one)[0]), key=rank)


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None
