"""``sympho lists`` (照合リストの管理): one module for each thing done with lists."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.commands.command import Command
from gateway.commands.lists import approving, building, importing, publishing

__all__ = ["COMMANDS"]

COMMANDS: Sequence[Command] = (
    Command(
        "lists",
        "照合リストを作り、配り、取り込む",
        "make, distribute and import match lists",
        within=(*building.COMMANDS, *approving.COMMANDS, *publishing.COMMANDS, *importing.COMMANDS),
    ),
)
