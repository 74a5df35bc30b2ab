"""What the OpenAPI document promises of an answer, checked: a reader of JSON Schema that knows our keywords only."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from gateway.interfaces.openapi import slugs_of
from gateway.interfaces.operation import AnyOperation

SILENT = {"title", "description", "default"}
TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


@dataclass(frozen=True)
class Documented:
    """An OpenAPI document, and the table from which it must have been made."""

    made: dict[str, Any]
    table: dict[str, AnyOperation]

    def faults(self, name: str, status: int, content_type: str, body: bytes) -> list[str]:
        """Why an answer of the operation is not one that the document promises; empty where it is."""
        operation = self.table[name]
        promised = self.made["paths"][operation.path][operation.method.lower()]["responses"].get(str(status))
        if promised is None:
            return [f"{name}: {status} is not documented"]
        content = self._referenced(promised).get("content", {})
        if not content:
            return [f"{name}: {status} with a body"] if body else []
        if content_type not in content:
            return [f"{name}: {status} as {content_type}"]
        schema = content[content_type].get("schema")
        if schema is None:
            return []
        value = json.loads(body)
        found = [f"{name} {status}: {fault}" for fault in self._check(value, schema, "$")]
        if content_type == "application/problem+json":
            slug = value["type"].removeprefix("urn:sympho:problem:")
            found += [] if slug in slugs_of(operation) else [f"{name}: {slug} is not declared"]
        return found

    def _referenced(self, part: dict[str, Any]) -> dict[str, Any]:
        if "$ref" not in part:
            return part
        found: Any = self.made
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        assert isinstance(found, dict)
        return found

    def _check(self, value: Any, schema: dict[str, Any], place: str) -> list[str]:
        schema = self._referenced(schema)
        found: list[str] = []
        for keyword, rule in schema.items():
            if keyword in SILENT:
                continue
            check = getattr(self, "_" + re.sub("([A-Z])", r"_\1", keyword).lower(), None)
            if check is None:
                raise LookupError(f"a keyword that this reader does not know: {keyword}")
            found += check(value, rule, schema, place)
        return found

    def _type(self, value: Any, rule: Any, _: Any, place: str) -> list[str]:
        kinds = TYPES[rule]
        fits = isinstance(value, kinds) and (rule == "boolean" or not isinstance(value, bool))
        return [] if fits else [f"{place} is no {rule}"]

    def _enum(self, value: Any, rule: Any, _: Any, place: str) -> list[str]:
        return [] if value in rule else [f"{place} is none of {rule}"]

    def _const(self, value: Any, rule: Any, _: Any, place: str) -> list[str]:
        return [] if value == rule else [f"{place} is not {rule}"]

    def _pattern(self, value: Any, rule: Any, _: Any, place: str) -> list[str]:
        fits = not isinstance(value, str) or re.search(rule.replace(r"\Z", "$"), value)
        return [] if fits else [f"{place} does not match {rule}"]

    def _format(self, value: Any, rule: Any, _: Any, place: str) -> list[str]:
        if not isinstance(value, str):
            return []
        try:
            if rule == "date":
                date.fromisoformat(value)
            if rule == "date-time" and datetime.fromisoformat(value).tzinfo is None:
                return [f"{place} is a naive time"]
        except ValueError:
            return [f"{place} is no {rule}"]
        return []

    def _length(self, value: Any, fits: bool, place: str) -> list[str]:
        return [] if fits or not isinstance(value, str | list) else [f"{place} is too long or too short"]

    def _max_length(self, value: Any, rule: Any, _: Any, place: str) -> list[str]:
        return self._length(value, isinstance(value, str) and len(value) <= rule, place)

    def _min_length(self, value: Any, rule: Any, _: Any, place: str) -> list[str]:
        return self._length(value, not isinstance(value, str) or len(value) >= rule, place)

    def _min_items(self, value: Any, rule: Any, _: Any, place: str) -> list[str]:
        return self._length(value, isinstance(value, list) and len(value) >= rule, place)

    def _max_items(self, value: Any, rule: Any, _: Any, place: str) -> list[str]:
        return self._length(value, isinstance(value, list) and len(value) <= rule, place)

    def _minimum(self, value: Any, rule: Any, _: Any, place: str) -> list[str]:
        return [] if not isinstance(value, int) or value >= rule else [f"{place} is below {rule}"]

    def _any_of(self, value: Any, rule: Any, _: Any, place: str) -> list[str]:
        branches = [self._check(value, one, place) for one in rule]
        return [] if any(not found for found in branches) else min(branches, key=len)

    def _all_of(self, value: Any, rule: Any, _: Any, place: str) -> list[str]:
        return [fault for one in rule for fault in self._check(value, one, place)]

    def _required(self, value: Any, rule: Any, _: Any, place: str) -> list[str]:
        return [f"{place} lacks {name}" for name in rule if isinstance(value, dict) and name not in value]

    def _properties(self, value: Any, rule: Any, schema: dict[str, Any], place: str) -> list[str]:
        """Strictly: what a struct does not declare may not stand in an answer."""
        if not isinstance(value, dict):
            return []
        known = [
            fault for name in rule if name in value for fault in self._check(value[name], rule[name], f"{place}.{name}")
        ]
        partial = "type" not in schema
        return known + [f"{place} has {name}" for name in value if name not in rule and not partial]

    def _additional_properties(self, value: Any, rule: Any, _: Any, place: str) -> list[str]:
        if not isinstance(value, dict) or not isinstance(rule, dict):
            return []
        return [fault for name, one in value.items() for fault in self._check(one, rule, f"{place}.{name}")]

    def _prefix_items(self, value: Any, rule: Any, _: Any, place: str) -> list[str]:
        if not isinstance(value, list):
            return []
        pairs = enumerate(zip(value, rule, strict=False))
        return [fault for n, (one, schema) in pairs for fault in self._check(one, schema, f"{place}[{n}]")]

    def _items(self, value: Any, rule: Any, _: Any, place: str) -> list[str]:
        if not isinstance(value, list) or rule is False:
            return []
        return [fault for n, one in enumerate(value) for fault in self._check(one, rule, f"{place}[{n}]")]
