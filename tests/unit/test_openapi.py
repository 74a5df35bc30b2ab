"""The OpenAPI document: well-formed by the rules of OpenAPI 3.1, the same every time, and true to the table."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.interfaces.openapi import PATTERNS, document, render
from gateway.interfaces.operation import NETWORK_ONLY
from gateway.problems import PROBLEMS
from sympho import codes
from sympho.codes import BadCode, PersonalNumber, check_digit_of_individual
from tests.server.operation_toys import TABLE

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def served() -> dict[str, Any]:
    made: dict[str, Any] = json.loads(render(TABLE, title="sympho", version="1"))
    return made


def operations(made: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in made["paths"].items():
        assert set(item) <= METHODS
        for method, operation in item.items():
            yield path, method, operation


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        for value in part.values():
            yield from references(value)
    if isinstance(part, list):
        for value in part:
            yield from references(value)


def operation(made: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for _, _, one in operations(made) if one["operationId"] == name)


def test_the_same_table_in_another_order_gives_the_same_bytes() -> None:
    assert render(TABLE, title="t", version="1") == render(TABLE[::-1], title="t", version="1")


def test_every_operation_of_the_table_stands_at_its_place_and_nothing_else(served: dict[str, Any]) -> None:
    assert served["openapi"] == "3.1.0"
    assert set(served["info"]) >= {"title", "version"}
    found = {(one["operationId"], method.upper(), path) for path, method, one in operations(served)}
    assert found == {(one.name, one.method, one.path) for one in TABLE}


def test_every_reference_points_at_something(served: dict[str, Any]) -> None:
    targets = set(references(served))
    assert targets
    for target in targets:
        place: Any = served
        for step in target.removeprefix("#/").split("/"):
            place = place[step]


def test_path_parameters_are_declared_required_and_unique(served: dict[str, Any]) -> None:
    for path, _, one in operations(served):
        inside = [entry["name"] for entry in one["parameters"] if entry["in"] == "path"]
        assert inside == re.findall(r"\{(\w+)\}", path)
        assert all(entry["required"] and entry["schema"] for entry in one["parameters"] if entry["in"] == "path")
        places = [(entry["in"], entry["name"]) for entry in one["parameters"]]
        assert len(set(places)) == len(places)


def test_every_operation_has_responses_with_descriptions_and_bodies_only_where_they_belong(
    served: dict[str, Any],
) -> None:
    for _, method, one in operations(served):
        assert any(status.startswith("2") for status in one["responses"])
        assert all(re.fullmatch("[1-5][0-9]{2}", status) for status in one["responses"])
        assert all("$ref" in answer or answer["description"] for answer in one["responses"].values())
        assert method != "get" or "requestBody" not in one
        assert re.search("[ぁ-ん一-龥]", one["summary"])


def test_a_problem_response_lists_the_slugs_of_its_status_as_problem_json(served: dict[str, Any]) -> None:
    said = set()
    for answer in served["components"]["responses"].values():
        schema = answer["content"]["application/problem+json"]["schema"]
        said |= set(schema["allOf"][1]["properties"]["type"]["enum"])
    assert said == {entry.type for entry in PROBLEMS.values()}


def test_who_may_call_is_told_as_security_duty_principal_and_interface(served: dict[str, Any]) -> None:
    ask = operation(served, "ask")
    assert ask["security"] == [{"bearer": []}]
    assert (ask["x-sympho-duty"], ask["x-sympho-interface"]) == ("inquire", "IF_SKI_10111")
    assert ask["x-sympho-principal"] == ["staff", "system"]
    assert operation(served, "take")["security"] == [{"certificate": []}]
    assert operation(served, "be-well")["security"] == []
    schemes = served["components"]["securitySchemes"]
    assert {name for _, _, one in operations(served) for way in one["security"] for name in way} <= set(schemes)


def test_an_idempotent_operation_requires_the_header_and_one_that_waits_offers_it(served: dict[str, Any]) -> None:
    headers = {one["name"]: one["required"] for one in operation(served, "ask")["parameters"] if one["in"] == "header"}
    assert headers == {"Idempotency-Key": True, "Prefer": False}
    assert operation(served, "list")["parameters"][0]["schema"] == {
        "type": "integer", "minimum": 1, "maximum": 100, "default": 10,
    }  # fmt: skip


def test_problems_that_a_call_can_end_in_stand_at_the_operation(served: dict[str, Any]) -> None:
    assert set(operation(served, "ask")["responses"]) >= {"201", "400", "401", "403", "409", "413", "415", "422", "500"}
    assert "401" not in operation(served, "be-well")["responses"]


def test_every_code_has_its_pattern_and_its_japanese_name(served: dict[str, Any]) -> None:
    number = served["components"]["schemas"]["Ask"]["properties"]["number"]
    assert number == {"type": "string", "pattern": "^[0-9]{15}$", "description": "団体内統合宛名番号"}
    every = {getattr(codes, name) for name in codes.__all__ if hasattr(getattr(codes, name), "kind")}
    assert set(PATTERNS) == every - {PersonalNumber, BadCode} - NETWORK_ONLY


@pytest.mark.parametrize("kind", PATTERNS, ids=lambda kind: str(kind.__name__))
def test_a_codes_pattern_and_its_decoder_agree(kind: type) -> None:
    form = re.fullmatch(r"\^([A-Z]*)\[.*\]\{(?:1,)?(\d+)\}\$", PATTERNS[kind])
    assert form is not None
    prefix, digits = form[1], "1" * int(form[2])
    if kind in {codes.IndividualNumber, codes.ResidentCode}:
        digits = digits[:-1] + check_digit_of_individual(digits[:-1])
    for text, good in ((prefix + digits, True), (prefix + digits + "1", False), (prefix + digits[:-1] + "-", False)):
        assert bool(re.search(PATTERNS[kind], text)) is good
        if good:
            kind(text)
        else:
            with pytest.raises(BadCode):
                kind(text)


def test_the_document_of_an_empty_table_is_still_a_document() -> None:
    made = document([], title="t", version="1")
    assert made["paths"] == {}
    assert set(made["components"]["schemas"]) == {"ProblemBody", "FieldError"}
