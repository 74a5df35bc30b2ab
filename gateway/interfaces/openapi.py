"""The OpenAPI 3.1 document (仕様書), made from the table of operations and nothing else, the same bytes every time.

What a decoder checks stands in the schemas; what ``Problem`` can say stands at every operation. Our own facts have
names that begin with ``x-sympho``: kinds of principal, duty, problems by their slugs, official interface.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from authz.duties import DUTIES, PrincipalKind
from gateway.interfaces.operation import FORM, JSON, LONGEST_WAIT, AnyOperation
from gateway.problems import MEDIA_TYPE, PROBLEMS, ProblemBody
from sympho.codes import (
    AcquisitionNumber,
    AddresseeNumber,
    AgencyCode,
    IndividualNumber,
    InformationCode,
    ItemCode,
    LinkageCode,
    ProcedureCode,
    ResidentCode,
    SystemCode,
    TaskCode,
    UnifiedNumber,
    encode_hook,
)

__all__ = ["PATTERNS", "document", "render", "slugs_of"]

_REFERENCE = "#/components/schemas/{name}"

PATTERNS: dict[type, str] = {
    AgencyCode: "^[0-9]{16}$",
    TaskCode: "^JM[0-9]{14}$",
    ProcedureCode: "^JT[0-9]{14}$",
    InformationCode: "^TM[0-9]{14}$",
    ItemCode: "^TK[0-9]{14}$",
    SystemCode: "^[0-9]{3}$",
    IndividualNumber: "^[0-9]{12}$",
    ResidentCode: "^[0-9]{11}$",
    LinkageCode: "^[0-9a-f]{32}$",
    AcquisitionNumber: "^[0-9]{20}$",
    UnifiedNumber: "^[0-9]{15}$",
    AddresseeNumber: "^[0-9A-Za-z]{1,15}$",
}
"""The form of every code that JSON can carry. Check digits go beyond a pattern; a test keeps both in step."""

_EVERYWHERE = frozenset(
    {"malformed-request", "not-acceptable", "not-ready", "busy", "database-unavailable", "disk-full", "internal"}
)
_WITH_BODY = frozenset({"malformed-body", "invalid-field", "unknown-code", "too-large", "unsupported-media-type"})
_WITH_TOKEN = frozenset(
    {"unauthenticated", "token-expired", "token-invalid", "session-revoked", "revocation-feed-lost", "wrong-principal"}
)


def render(operations: Sequence[AnyOperation], *, title: str, version: str) -> bytes:
    """The document as bytes, ready to be served."""
    return msgspec.json.encode(document(operations, title=title, version=version), order="deterministic")


def document(operations: Sequence[AnyOperation], *, title: str, version: str) -> dict[str, Any]:
    """The document as plain values."""
    schemas, components = _schemas(operations)
    paths: dict[str, dict[str, Any]] = {}
    for operation in sorted(operations, key=lambda one: (one.path, one.method)):
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": version,
            "description": "中間サーバーの模擬。人も数字もすべて架空です。/ A simulated intermediary server; all people are invented.",
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": {_response_name(status): _problem(status) for status in _statuses(PROBLEMS)},
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "職員・業務システムの ES256 トークン（15分以内）/ staff's and systems' tokens, at most 15 minutes",
                },
                "certificate": {
                    "type": "mutualTLS",
                    "description": "機関・役割の証明書（SAN urn:agency: または urn:role:）/ a party's certificate",
                },
            },
        },
    }


def _operation(operation: AnyOperation, schemas: dict[Any, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": operation.name,
        "summary": f"{operation.summary_ja} / {operation.summary_en}",
        "parameters": [*_path_parameters(operation), *_query_parameters(operation, schemas), *_headers(operation)],
        "responses": _responses(operation, schemas),
        "security": _security(operation),
        "x-sympho-principal": sorted(kind.value for kind in operation.principals),
        "x-sympho-problems": sorted(slugs_of(operation)),
    }
    if operation.duty is not None:
        made["x-sympho-duty"] = operation.duty.value
        made["description"] = "権限 / duty: " + ", ".join(
            f"{DUTIES[duty].name_ja} / {DUTIES[duty].name_en}" for duty in sorted(operation.duties)
        )
    if operation.or_duty:
        made["x-sympho-or-duty"] = sorted(operation.or_duty)
    if operation.recent:
        made["x-sympho-recent-authentication"] = True
    if operation.expired_token:
        made["x-sympho-expired-token"] = True
    if operation.interface is not None:
        made["x-sympho-interface"] = operation.interface
    if operation.request is not None:
        content = _content(operation, schemas)
        made["requestBody"] = {"required": True, "content": content}
    return made


def _content(operation: AnyOperation, schemas: dict[Any, Any]) -> dict[str, Any]:
    if operation.form:
        return {
            FORM: {"schema": {"type": "object", "properties": {name: {"type": "string"} for name in operation.form}}}
        }
    return (
        {"application/octet-stream": {}}
        if operation.request is bytes
        else {JSON: {"schema": schemas[operation.request]}}
    )


def _security(operation: AnyOperation) -> list[dict[str, list[str]]]:
    if operation.is_public:
        return []
    ways: list[dict[str, list[str]]] = []
    if operation.principals & {PrincipalKind.STAFF, PrincipalKind.SYSTEM}:
        ways.append({"bearer": []})
    if PrincipalKind.PARTY in operation.principals:
        ways.append({"certificate": []})
    return ways


def _path_parameters(operation: AnyOperation) -> Iterable[dict[str, Any]]:
    for name in operation.parameters:
        kind = operation.path_types.get(name, str)
        schema = _path_schema(kind)
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _path_schema(kind: type[str]) -> dict[str, Any]:
    """A code's own schema; other kinds may name their ``pattern``."""
    if kind in PATTERNS:
        return _code_schema(kind)
    pattern = getattr(kind, "pattern", "")
    return {"type": "string", "pattern": pattern} if pattern else {"type": "string", "minLength": 1, "maxLength": 64}


def _query_parameters(operation: AnyOperation, schemas: dict[Any, Any]) -> Iterable[dict[str, Any]]:
    if operation.query is None:
        return
    for entry in msgspec.structs.fields(operation.query):
        yield {
            "name": entry.encode_name,
            "in": "query",
            "required": entry.required,
            "schema": schemas[operation.query, entry.encode_name] | _default(entry),
        }


def _default(entry: msgspec.structs.FieldInfo) -> dict[str, Any]:
    """The default of a parameter, where it says something."""
    if entry.default in {msgspec.NODEFAULT, None, ()}:
        return {}
    return {"default": msgspec.to_builtins(entry.default, enc_hook=encode_hook)}


def _headers(operation: AnyOperation) -> Iterable[dict[str, Any]]:
    if operation.idempotent:
        yield {
            "name": "Idempotency-Key",
            "in": "header",
            "required": True,
            "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
        }
    if operation.waits:
        yield {
            "name": "Prefer",
            "in": "header",
            "required": False,
            "description": f"wait=N: 最大{LONGEST_WAIT}秒まで結果を待つ / waits for the outcome, at most {LONGEST_WAIT} s",
            "schema": {"type": "string"},
        }


def _responses(operation: AnyOperation, schemas: dict[Any, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for status, kind in sorted(operation.responses.items()):
        made[str(status)] = {"description": "成功 / success" if status < 300 else "結果 / outcome"}
        if kind is bytes:
            made[str(status)]["content"] = {operation.media: {}}
        elif kind is not None:
            made[str(status)]["content"] = {JSON: {"schema": schemas[kind]}}
    for status in _statuses(slugs_of(operation)):
        if str(status) in made:
            made[str(status)].setdefault("content", {}).update(_problem(status)["content"])
        else:
            made[str(status)] = {"$ref": f"#/components/responses/{_response_name(status)}"}
    return made


def slugs_of(operation: AnyOperation) -> frozenset[str]:
    """The problems that a call of the operation can end in: those of the one place, and those the table declares."""
    slugs = _EVERYWHERE | operation.problems
    if operation.request is not None:
        slugs |= _WITH_BODY
    if operation.query is not None or operation.path_types:
        slugs |= {"invalid-field"}
    if operation.parameters:
        slugs |= {"not-found"}
    if operation.idempotent:
        slugs |= {"idempotency-key-missing", "idempotency-conflict", "invalid-field"}
    if not operation.is_public:
        slugs |= _WITH_TOKEN
    if operation.duty is not None:
        slugs |= {"wrong-duty"}
    if operation.recent:
        slugs |= {"reauthentication-required"}
    return slugs


def _statuses(slugs: Iterable[str]) -> list[int]:
    return sorted({PROBLEMS[slug].status for slug in slugs})


def _response_name(status: int) -> str:
    return f"Problem{status}"


def _problem(status: int) -> dict[str, Any]:
    rows = [entry for entry in PROBLEMS.values() if entry.status == status]
    schema = {
        "allOf": [
            {"$ref": _REFERENCE.format(name="ProblemBody")},
            {"properties": {"type": {"enum": [entry.type for entry in rows]}, "status": {"const": status}}},
        ]
    }
    return {
        "description": "; ".join(f"{entry.slug}: {entry.title_ja} / {entry.title_en}" for entry in rows),
        "content": {MEDIA_TYPE: {"schema": schema}},
    }


def _code_schema(kind: type) -> dict[str, Any]:
    """A code's schema: its form and its Japanese name."""
    return {"type": "string", "pattern": PATTERNS[kind], "description": str(getattr(kind, "kind", kind.__name__))}


def _schemas(operations: Sequence[AnyOperation]) -> tuple[dict[Any, Any], dict[str, Any]]:
    """The schema of each declared type, by type, of each query field, by struct and name; and the shared components."""
    kinds: dict[Any, Any] = {ProblemBody: ProblemBody}
    for operation in operations:
        bodies = (operation.request, *operation.responses.values())
        kinds.update({kind: kind for kind in bodies if kind not in {None, bytes}})
        if operation.query is not None:
            fields = msgspec.structs.fields(operation.query)
            kinds.update({(operation.query, entry.encode_name): entry.type for entry in fields})
    made, components = msgspec.json.schema_components(kinds.values(), schema_hook=_code_schema, ref_template=_REFERENCE)
    return dict(zip(kinds, made, strict=True)), dict(sorted(components.items()))
