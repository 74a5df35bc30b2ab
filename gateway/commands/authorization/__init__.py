"""``sympho authz`` (判定の検討): the permission list as a reviewer's instrument; one module for each kind of question."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.commands.authorization import asking, backtesting, comparing, endpoints, proving, surveying, testing
from gateway.commands.command import Command

__all__ = ["COMMANDS"]

COMMANDS: Sequence[Command] = (
    Command(
        "authz",
        "照会の可否判定を調べ、確かめる",
        "ask the permission rules anything, and check them",
        within=(
            *asking.COMMANDS,
            *comparing.COMMANDS,
            *surveying.COMMANDS,
            *proving.COMMANDS,
            *testing.COMMANDS,
            *backtesting.COMMANDS,
            *endpoints.COMMANDS,
        ),
    ),
)
