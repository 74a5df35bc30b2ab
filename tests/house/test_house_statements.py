"""Every statement of every store is prepared against the schema that it will meet."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from contextlib import suppress

import pytest

from gateway.config import Role
from gateway.database import StatementFailed
from tests.conftest import DatabaseFor

STATEMENT = re.compile(r"^\s*(SELECT|INSERT|UPDATE|DELETE|WITH|LOCK|VALUES)\s", re.ASCII)
LAID_IN: dict[str, tuple[Role, ...]] = {
    "sympho.store.issuing": (Role.NETWORK,),
    "sympho.store": (Role.INTERMEDIARY,),
    "authz": (Role.NETWORK, Role.INTERMEDIARY),
    "gateway.keys": Role.ALL.parties,
    "gateway.records": (Role.NETWORK, Role.INTERMEDIARY),
    "gateway.network": (Role.NETWORK,),
    "gateway.intermediary": (Role.INTERMEDIARY,),
    "gateway.neighbours": (Role.RESIDENTS,),
    "gateway.database": Role.ALL.parties,
}
"""Where the tables of a store lie; the longest name that fits counts."""


def stores() -> Iterator[str]:
    for package in ("sympho", "authz", "gateway"):
        found = importlib.import_module(package)
        for module in pkgutil.walk_packages(found.__path__, f"{package}."):
            if "store" in module.name.split(".") or module.name == "gateway.database":
                yield module.name


def statements(module: str) -> dict[str, str]:
    constants = vars(importlib.import_module(module)).items()
    return {
        name: text for name, text in constants if name.isupper() and isinstance(text, str) and STATEMENT.match(text)
    }


def parties(module: str) -> tuple[Role, ...]:
    fitting = [prefix for prefix in LAID_IN if module == prefix or module.startswith(f"{prefix}.")]
    return LAID_IN[max(fitting, key=len)] if fitting else ()


CASES = [(module, role) for module in stores() for role in parties(module)]
OF_SEVERAL_PARTIES = [module for module in stores() if not parties(module)]


def test_there_are_stores_with_statements() -> None:
    assert sum(len(statements(module)) for module in {module for module, _ in CASES}) > 50


@pytest.mark.parametrize(("module", "role"), CASES)
async def test_every_statement_of_a_store_fits_the_schema(database_for: DatabaseFor, module: str, role: Role) -> None:
    db = await database_for(role)
    for name, text in statements(module).items():
        async with db.connection() as conn:
            prepared = await conn.prepare(text)
            assert prepared.get_parameters() is not None, name


@pytest.mark.parametrize("module", OF_SEVERAL_PARTIES)
async def test_every_statement_of_a_store_that_reads_several_parties_fits_one_of_them(
    database_for: DatabaseFor, module: str
) -> None:
    for name, text in statements(module).items():
        fits = []
        for role in Role.ALL.parties:
            with suppress(StatementFailed):
                async with (await database_for(role)).connection() as conn:
                    await conn.prepare(text)
                fits.append(role)
        assert fits, name


@pytest.mark.parametrize("module", sorted(set(stores())))
def test_no_function_of_a_store_builds_a_statement(module: str) -> None:
    found = importlib.import_module(module)
    tree = ast.parse(inspect.getsource(found))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    built = [node for function in functions for node in ast.walk(function) if isinstance(node, ast.JoinedStr)]
    texts = [part.value for node in built for part in node.values if isinstance(part, ast.Constant)]
    allowed = module == "gateway.database"  # lays schemas: names cannot be parameters there
    assert allowed or [text for text in texts if STATEMENT.match(str(text))] == []


@pytest.mark.parametrize("module", sorted({module for module, _ in CASES}))
def test_a_statement_names_its_columns_and_no_schema(module: str) -> None:
    for name, text in statements(module).items():
        assert not re.search(r"SELECT\s+\*|RETURNING\s+\*", text), name
        assert not re.search(
            r"\b(FROM|INTO|UPDATE|JOIN)\s+(network|issuing|intermediary|registry|residents)\.", text
        ), name
