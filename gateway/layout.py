"""The layout of the databases: which party has which schemas, from which files, and who may do what in them.

Pure text: ``gateway.database`` runs what this module writes. A schema file is plain DDL without schema names; a comment
line ``-- append-only: <table>`` after a table takes UPDATE and DELETE from the runtime role, so that records can only
be added to; ``-- checked-late: <constraint>`` marks a reference that a first filling checks at its end
(``gateway.references``). Schemas are laid from the last to the first, because a party's own tables point at those of
its packages.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from gateway.config import Role

__all__ = ["LAID", "ROLE_SCHEMAS", "Layout", "MissingSchemaFile", "Reference", "layout_of"]

ROLE_SCHEMAS: Mapping[Role, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        Role.NETWORK: {
            "network": (
                "authz/schema.sql",
                "gateway/keys/schema.sql",
                "gateway/records/schema.sql",
                "gateway/network/schema.sql",
            ),
            "issuing": ("sympho/issuing.sql",),
        },
        Role.INTERMEDIARY: {
            "intermediary": (
                "authz/schema.sql",
                "gateway/keys/schema.sql",
                "gateway/records/schema.sql",
                "gateway/intermediary/schema.sql",
            ),
            "registry": ("sympho/registry.sql",),
        },
        Role.RESIDENTS: {"residents": ("gateway/keys/schema.sql", "gateway/neighbours/residents.sql")},
    }
)
"""Every party's schemas, in the order of its search path, and the files that make them."""

LAID = "laid_schema"
"""The table, in a party's first schema, that remembers which version of the files was laid."""

_LAID_DDL = f"""
CREATE TABLE {LAID} (
    one     boolean     NOT NULL DEFAULT true,
    digest  text        NOT NULL,
    laid_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT laid_schema_pk PRIMARY KEY (one),
    CONSTRAINT laid_schema_one CHECK (one)
);
-- append-only: {LAID}
"""
_APPEND_ONLY = re.compile(r"^-- append-only: (\w+)\s*$", re.MULTILINE)
_TABLE = re.compile(r"^CREATE TABLE (\w+)", re.MULTILINE)
_LATE = re.compile(r"^-- checked-late: (\w+)\s*$", re.MULTILINE)
_REFERENCE = re.compile(r"CONSTRAINT (\w+)\s+(FOREIGN KEY \([^)]*\)\s+REFERENCES \w+ \([^)]*\))")
_COMMENT = re.compile(r"--[^\n]*")


class MissingSchemaFile(Exception):
    """A schema file that ``ROLE_SCHEMAS`` names is not part of the installation."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key that is checked late."""

    table: str
    """With its schema."""
    name: str
    definition: str


@dataclass(frozen=True, slots=True)
class Layout:
    """One party's schemas as text, with the names of its two database roles."""

    role: Role
    prefix: str
    schemas: Mapping[str, str]
    digest: str

    @property
    def owner(self) -> str:
        """The role that owns the tables and may change their form; nobody logs in as it."""
        return f"{self.prefix}_{self.role}_owner"

    @property
    def runner(self) -> str:
        """The role that the party runs as."""
        return f"{self.prefix}_{self.role}_run"

    @property
    def first(self) -> str:
        return next(iter(self.schemas))

    @property
    def tables(self) -> tuple[tuple[str, str], ...]:
        """Every table as (schema, name), none before one that it points at."""
        return tuple(
            (schema, name) for schema in reversed(list(self.schemas)) for name in _TABLE.findall(self.schemas[schema])
        )

    @property
    def late(self) -> list[Reference]:
        """The references that a first filling checks at its end."""
        return [
            Reference(f"{schema}.{block.split()[0]}", name, definition)
            for schema, text in self.schemas.items()
            for block in text.split("CREATE TABLE ")
            for name, definition in _REFERENCE.findall(block)
            if name in _LATE.findall(text)
        ]

    @property
    def as_owner(self) -> str:
        """What is said before changing the form of the tables, in a transaction."""
        return f"SET LOCAL ROLE {self.owner};\nSET LOCAL search_path = {self.search_path};\n"

    def without(self, references: Sequence[Reference]) -> str:
        return "\n".join(f"ALTER TABLE {one.table} DROP CONSTRAINT IF EXISTS {one.name};" for one in references)

    def unchecked(self, references: Sequence[Reference]) -> str:
        """From now on they hold for new rows."""
        return "\n".join(
            f"ALTER TABLE {one.table} ADD CONSTRAINT {one.name} {one.definition} NOT VALID;" for one in references
        )

    def checked(self, reference: Reference) -> str:
        """The reference holds for all rows, or the statement fails."""
        return f"ALTER TABLE {reference.table} VALIDATE CONSTRAINT {reference.name};"

    @property
    def search_path(self) -> str:
        return ", ".join(self.schemas)

    def script(self) -> str:
        """Everything that the owner runs once, in an empty database."""
        parts = []
        for schema in reversed(list(self.schemas)):
            path = ", ".join([schema, *(other for other in self.schemas if other != schema)])
            parts.append(f"SET LOCAL search_path = {path};\n{self.schemas[schema]}\n{self._grants(schema)}")
        return "\n".join(parts)

    def _grants(self, schema: str) -> str:
        lines = [
            f"GRANT USAGE ON SCHEMA {schema} TO {self.runner};",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {self.runner};",
            f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {self.runner};",
        ]
        marked = append_only(self.schemas[schema])
        lines.extend(f"REVOKE UPDATE, DELETE ON {schema}.{table} FROM {self.runner};" for table in marked)
        return "\n".join(lines)


def append_only(ddl: str) -> tuple[str, ...]:
    """The tables that a schema text marks as only ever added to."""
    return tuple(_APPEND_ONLY.findall(ddl))


@cache
def layout_of(role: Role, prefix: str) -> Layout:
    """The layout of one party; the digest changes with every word of its DDL, comments and blank lines aside."""
    if role not in ROLE_SCHEMAS:
        raise ValueError(f"{role} is no single party")
    schemas = {name: "\n".join(_text(path) for path in paths) for name, paths in ROLE_SCHEMAS[role].items()}
    first = next(iter(schemas))
    schemas[first] = _LAID_DDL + schemas[first]
    told = hashlib.sha256()
    for name, text in schemas.items():
        essence = " ".join(_COMMENT.sub("", text).split())
        told.update(f"{name}\0{essence}\0{' '.join(append_only(text))}\0".encode())
    return Layout(role, prefix, MappingProxyType(schemas), told.hexdigest())


def _text(path: str) -> str:
    package, _, rest = path.partition("/")
    resource = files(package).joinpath(rest)
    if not resource.is_file():
        raise MissingSchemaFile(f"{path} is not part of this installation")
    return resource.read_text(encoding="utf-8")
