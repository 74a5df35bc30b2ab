"""The pages of the reference, each a function of the code's own tables."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any
from unittest.mock import MagicMock

from msgspec import Struct

from authz.duties import DUTIES, FORBIDDEN, PrincipalKind
from gateway.commands import serving
from gateway.config import SETTINGS
from gateway.exchange import messages
from gateway.interfaces import party
from gateway.interfaces.operation import AnyOperation, Operation
from gateway.interfaces.table import operations
from gateway.problems import PROBLEMS
from tests.reference import commands
from tests.reference.tables import table

__all__ = ["FOLDER", "PAGES", "page"]

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
COMMANDS = Path(serving.__file__).parent
MADE = "Made from the code by `python -m tests.reference`; a test holds that it is what the code says."


def page(name: str) -> str:
    """A page as it must stand in the folder."""
    title, about, lines = PAGES[name]
    return "\n".join([f"# {title}", "", f"{about} {MADE}", *lines()]) + "\n"


# --- endpoints and duties -----------------------------------------------------------------------------------------


def _endpoints() -> Iterator[str]:
    yield from ("", "## For staff, business systems and anybody", "")
    yield from _operations(operations(MagicMock()))
    doors = [*party.network_doors(MagicMock(), MagicMock()), *party.joining_doors(MagicMock(), MagicMock())]
    doors += [*party.intermediary_doors(MagicMock()), *party.residents_doors(MagicMock(), MagicMock(), MagicMock())]
    yield from ("", "## Between parties, on a port of their own, over mutual TLS", "")
    yield from _operations(doors)
    yield from ("", "## Duties", "")
    rows = ((f"`{duty.value}`", f"{text.name_ja} / {text.name_en}", text.allows_en) for duty, text in DUTIES.items())
    yield from table(("duty", "name", "allows"), rows)
    yield from ("", "Nobody holds both of a pair:", "")
    yield from table(
        ("one", "other", "why"), ((f"`{one.one.value}`", f"`{one.other.value}`", one.why_en) for one in FORBIDDEN)
    )


def _operations(found: Iterable[AnyOperation]) -> Iterator[str]:
    yield from table(
        ("call", "operation", "who", "official", "what", "its own problems"),
        (
            (
                f"`{one.method} {one.path}`",
                f"`{one.name}`",
                _who(one),
                one.interface or "",
                f"{one.summary_ja} / {one.summary_en}",
                ", ".join(f"`{slug}`" for slug in sorted(one.problems)),
            )
            for one in sorted(found, key=lambda one: (one.path, one.method))
        ),
    )


def _who(operation: Operation[Any, Any]) -> str:
    if operation.is_public:
        return "anybody"
    if operation.principals == {PrincipalKind.PARTY}:
        return "a party's certificate"
    who = [f"`{duty.value}`" for duty in sorted(operation.duties)] or ["own session"]
    who += ["a system admitted to it"] if PrincipalKind.SYSTEM in operation.principals else []
    return " or ".join(who) + (", authenticated within ten minutes" if operation.recent else "")


# --- problems, settings, messages ---------------------------------------------------------------------------------


def _problems() -> Iterator[str]:
    yield ""
    yield from table(
        ("slug", "status", "title", "what to do", "official wording"),
        (
            (
                f"`{one.slug}`",
                str(one.status),
                f"{one.title_ja} / {one.title_en}",
                f"{one.advice_ja} / {one.advice_en}",
                one.official,
            )
            for one in PROBLEMS.values()
        ),
    )


def _settings() -> Iterator[str]:
    arguments = set(commands.actions("", serving.add_server_arguments))
    yield ""
    yield from table(
        ("environment", "argument", "is", "default"),
        (
            (f"`{one.variable}`", _argument(name, arguments), f"{one.ja} / {one.en}", one.default)
            for name, one in SETTINGS.items()
        ),
    )
    read = {name for path in COMMANDS.rglob("*.py") for name in re.findall(r"SYMPHO_[A-Z_]+", path.read_text())}
    others = sorted(read - {one.variable for one in SETTINGS.values()})
    yield from ("", "Commands that speak to a server also read " + ", ".join(f"`{name}`" for name in others) + ".")


def _argument(name: str, arguments: set[str]) -> str:
    flag = f"--{name.replace('_', '-')}"
    return f"`{flag}`" if flag in arguments else ""


def _messages() -> Iterator[str]:
    kinds = [one for one in vars(messages).values() if isinstance(one, type) and one.__module__ == messages.__name__]
    for kind in sorted(kinds, key=lambda one: inspect.getsourcelines(one)[1]):
        yield from ("", f"## {kind.__name__}", "", _said(kind), "")
        if issubclass(kind, StrEnum):
            yield ", ".join(f"`{member.value}`" for member in kind)
        if issubclass(kind, Struct):
            yield from table(
                ("member", "type"), ((f"`{name}`", f"`{said}`") for name, said in inspect.get_annotations(kind).items())
            )


def _said(kind: type) -> str:
    """The first paragraph of what the code says of it."""
    return " ".join(inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0].replace("``", "`").split())


PAGES: Mapping[str, tuple[str, str, Callable[[], Iterator[str]]]] = MappingProxyType(
    {
        "commands.md": ("Commands", "Every command, as `--help` tells it.", commands.lines),
        "endpoints.md": (
            "Endpoints and duties",
            "Every call that a server answers. `/openapi.json` has bodies and answers.",
            _endpoints,
        ),
        "problems.md": ("Problems", "Everything that a wrong call can be told (RFC 9457).", _problems),
        "settings.md": ("Settings", "An argument wins over the environment, which wins over the default.", _settings),
        "messages.md": (
            "Messages of an exchange",
            "What passes between parties: JSON in UTF-8; codes are text, times have their offset.",
            _messages,
        ),
    }
)
