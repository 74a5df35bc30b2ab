"""Every endpoint that a server declares (業務操作の一覧), read from its own document, and a plausible call for each.

The document is made from the router's table, so nothing is served that is not in it. A plausible call has a body of the
declared form whose codes and ids name nothing that exists; a spoilt one adds a member that nobody knows, so that
whoever may call gets past authorization and still changes nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote, urlencode

__all__ = ["Endpoint", "Forms", "Plausible", "endpoints_of"]

FORM: Final = "application/x-www-form-urlencoded"
NOWHERE: Final = "0193a3c4-0000-7000-8000-000000000001"
SAMPLES: Final = (
    "probe",
    NOWHERE,
    *(prefix + "a" * 26 for prefix in ("stf_", "cli_", "trm_", "dlg_", "ses_")),
    *(prefix + "9" * 14 for prefix in ("JM", "JT", "TM", "TK")),
    *("0" * many for many in (16, 15, 12, 11, 20, 4, 3, 32)),
    "",
    "a" * 32,
    "probe-9",
    "9",
)
"""Texts of which the first that fits a pattern stands for it."""
DEEPEST: Final = 8


@dataclass(frozen=True)
class Endpoint:
    """One operation as it is declared."""

    name: str
    method: str
    path: str
    summary: str
    principals: frozenset[str]
    duties: frozenset[str]
    first_duty: str
    recent: bool
    expired_token: bool
    interface: str
    idempotent: bool
    parameters: tuple[str, ...]
    query: Mapping[str, Any]
    media: str
    """Of the body; empty where there is none."""
    schema: Mapping[str, Any]

    @property
    def is_public(self) -> bool:
        return "public" in self.principals

    @property
    def is_own(self) -> bool:
        """Whether it is about nothing but the caller's own session."""
        return "staff" in self.principals and not self.duties

    @property
    def changes(self) -> bool:
        return self.method not in {"GET", "HEAD"}

    def declared(self) -> str:
        """Who may call it, in a word."""
        if self.is_public:
            return "public"
        return "own session" if self.is_own else " | ".join(sorted(self.duties))


def endpoints_of(document: Mapping[str, Any]) -> list[Endpoint]:
    """The operations of an OpenAPI document of ours, by path and method."""
    return [_endpoint(path, method, said) for path, ways in document["paths"].items() for method, said in ways.items()]


def _endpoint(path: str, method: str, said: Mapping[str, Any]) -> Endpoint:
    content: Mapping[str, Any] = said.get("requestBody", {}).get("content", {})
    media = next(iter(content), "")
    placed = [(one["in"], one["name"], one) for one in said.get("parameters", ())]
    first = said.get("x-sympho-duty", "")
    return Endpoint(
        name=said["operationId"],
        method=method.upper(),
        path=path,
        summary=said.get("summary", ""),
        principals=frozenset(said.get("x-sympho-principal", ())),
        duties=frozenset({first, *said.get("x-sympho-or-duty", ())} - {""}),
        first_duty=first,
        recent=bool(said.get("x-sympho-recent-authentication")),
        expired_token=bool(said.get("x-sympho-expired-token")),
        interface=said.get("x-sympho-interface", ""),
        idempotent=any(name == "Idempotency-Key" for _, name, _ in placed),
        parameters=tuple(name for place, name, _ in placed if place == "path"),
        query={name: one for place, name, one in placed if place == "query"},
        media=media,
        schema=content.get(media, {}).get("schema", {}),
    )


@dataclass(frozen=True, slots=True)
class Plausible:
    """A call ready to be sent."""

    method: str
    path: str
    headers: Mapping[str, str]
    raw: bytes | None


@dataclass(frozen=True)
class Forms:
    """Makes plausible values of a document's schemas."""

    document: Mapping[str, Any]

    def call(self, endpoint: Endpoint, ids: Mapping[str, str] | None = None, *, spoilt: bool = False) -> Plausible:
        """A plausible call of the endpoint; ``ids`` are parts of the path that exist."""
        parts = {name: (ids or {}).get(name) or self._id(name) for name in endpoint.parameters}
        path = endpoint.path
        for name, value in parts.items():
            path = path.replace("{" + name + "}", quote(value, safe=""))
        query = {name: self._value(one["schema"]) for name, one in endpoint.query.items() if one.get("required")}
        if "since" in endpoint.query:
            query["since"] = "2999-01-01T00:00:00Z"
        headers = {"Idempotency-Key": "probe"} if endpoint.idempotent else {}
        raw = None
        if endpoint.changes:
            raw = self._body(endpoint, headers, spoilt=spoilt)
        return Plausible(endpoint.method, f"{path}?{urlencode(query)}" if query else path, headers, raw)

    def body(self, endpoint: Endpoint) -> Any:
        """A body of the declared form."""
        return self._value(endpoint.schema)

    def _body(self, endpoint: Endpoint, headers: dict[str, str], *, spoilt: bool) -> bytes | None:
        if endpoint.media == FORM:
            headers["Content-Type"] = FORM
            return b"grant_type=client_credentials&client_id=probe&client_secret=probe"
        if not endpoint.media:
            return b"{}" if spoilt else None
        value = self.body(endpoint)
        if spoilt and isinstance(value, dict):
            value["probe"] = True
        return json.dumps(value).encode()

    def _id(self, name: str) -> str:
        prefixes = {"staff_id": "stf_", "client_id": "cli_", "session_id": "ses_"}
        prefixes |= {"terminal_id": "trm_", "delegation_id": "dlg_"}
        return prefixes[name] + "a" * 26 if name in prefixes else NOWHERE

    def _value(self, schema: Mapping[str, Any], depth: int = 0) -> Any:
        """A value of the schema: what is required and nothing else."""
        schema = self._referenced(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][0]
        if "anyOf" in schema:
            return self._value(schema["anyOf"][0], depth + 1)
        match schema.get("type"):
            case "object":
                return dict(self._members(schema, depth))
            case "array":
                many = max(schema.get("minItems", 0), 0) if depth < DEEPEST else 0
                return [self._value(schema.get("items", {}), depth + 1) for _ in range(many)]
            case "integer" | "number":
                return schema.get("minimum", 0)
            case "boolean":
                return False
            case "null":
                return None
        return _text(schema)

    def _members(self, schema: Mapping[str, Any], depth: int) -> Iterator[tuple[str, Any]]:
        members: Mapping[str, Any] = schema.get("properties", {})
        required = schema.get("required", ())
        for name in required:
            yield name, self._value(members[name], depth + 1)
        if not required and "unified" in members:  # a person, who is named in one of two ways
            yield "unified", self._value(members["unified"], depth + 1)

    def _referenced(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        if "$ref" not in schema:
            return schema
        found: Any = self.document
        for step in str(schema["$ref"]).removeprefix("#/").split("/"):
            found = found[step]
        return self._referenced(found)


def _text(schema: Mapping[str, Any]) -> str:
    match schema.get("format"):
        case "date-time":
            return datetime.now(UTC).isoformat()
        case "date":
            return datetime.now(UTC).date().isoformat()
    pattern, least = schema.get("pattern"), schema.get("minLength", 0)
    for sample in SAMPLES:
        if len(sample) >= least and (pattern is None or re.search(pattern.replace(r"\Z", "$"), sample)):
            return sample
    return "probe"
