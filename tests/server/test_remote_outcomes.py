"""The same inquiry ends in the same way over both transports."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Clones
from tests.countries import TRANSPORTS, Transport, country


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_permitted_inquiry_is_answered(transport: Transport, clones: Clones, data_folder: Path) -> None:
    async with country(transport, clones, data_folder) as parties:
        finished = await parties.ask(parties.world.cast.vaccination)
    assert finished.kind == "provided"
