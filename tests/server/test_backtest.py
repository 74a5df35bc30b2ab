"""The backtest on the data that a country has left: every holder's decisions, by their own list and by another one."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from authz.backtest import Differs, Recipe, backtest
from authz.matchlist import canonical, compile_list, parse
from authz.questions import Effect
from gateway.network import publishing
from gateway.running.backtesting import past
from tests.conftest import Clones
from tests.server.ground import ground


async def test_what_was_exchanged_falls_as_it_did_by_the_directory_of_then_and_a_list_without_a_row_is_noticed(
    clones: Clones, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async with ground(clones, tmp_path_factory) as place:
        stage, joined = await place.raise_parties()
        cast = stage.world.cast
        provided = str(await stage.begin(cast.tax))
        refused = str(await stage.begin(cast.not_on_the_list))
        held = await stage.begin(cast.protected)
        await stage.prepare(cast.protected, held)
        await stage.release(cast.protected, held)
        await stage.set_clock(stage.network.clock.now() + timedelta(days=1))
        entry = stage.network.published.directory.entry(cast.tax.provider)
        await publishing.register_agencies(stage.network, [msgspec.structs.replace(entry, assessments={})])
        await joined.close()

        found = await past(place.config, [])
        assert Counter(one.exchange for one in found.stored) == {provided: 3, refused: 1, str(held): 3}
        [kept] = {found.named_by(one) for one in found.stored}
        own = found.kept(kept or 0)
        assert own is not None
        assert list(backtest(found.stored, lambda one: found.snapshot(own, one))) == [None] * len(found.stored)
        effects = {(one.exchange, one.recipe): one.effect for one in found.stored}
        assert effects[str(held), Recipe.PROVIDE] is Effect.REVIEW
        assert effects[refused, Recipe.ASK] is Effect.DENY

        [(_, document)] = found.documents.values()
        source = parse(document)
        lost = {(cast.tax.task, cast.tax.information)}
        rows = tuple(row for row in source.rows if (row.task, row.information) not in lost)
        left = {(row.revision, row.item) for row in rows}
        procedures = tuple(one for one in source.procedures if (one.revision, one.item) in left)
        candidate = compile_list(parse(canonical(replace(source, rows=rows, procedures=procedures))), 9)
        made = backtest(found.stored, lambda one: found.snapshot(candidate, one))
        differences = [one for one in made if one is not None]
        assert {one.exchange for one in differences} == {provided}
        assert {one.recipe for one in differences} == set(Recipe)
        assert {one.differs for one in differences} == {Differs.EFFECT}
        assert all(one.now is not None and one.now.effect is Effect.DENY for one in differences)
