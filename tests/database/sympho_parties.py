"""The two databases in which code management lives, as fixtures."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from gateway.config import Role
from gateway.database import Database


@pytest.fixture
async def network(database_for: Callable[[Role], Awaitable[Database]]) -> Database:
    """The network's database: the schema ``issuing``."""
    return await database_for(Role.NETWORK)


@pytest.fixture
async def agencies(database_for: Callable[[Role], Awaitable[Database]]) -> Database:
    """The intermediary server's database: the schema ``registry``."""
    return await database_for(Role.INTERMEDIARY)
