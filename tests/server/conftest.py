"""One small country behind its HTTP interface, shared by the tests of the operations; each asks under keys of its
own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.conftest import Clones
from tests.server.api import Api, served


@pytest.fixture(scope="session")
async def api(clones: Clones, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    async with served(clones, tmp_path_factory.mktemp("api")) as made:
        yield made
