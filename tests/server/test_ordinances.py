"""条例事務 through a whole exchange, over either transport: published, consented to, limited by the provider."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from authz.reasons import Reason
from fixtures.invented import codebook as book
from fixtures.invented.agencies import ORDINANCE_TASK, ORDINANCES
from fixtures.invented.cast import Ask
from fixtures.invented.households import INFORMATION_HELD
from fixtures.people import PLACES_IN_HOUSEHOLD
from fixtures.world import World
from gateway.clock import TOKYO
from gateway.exchange.messages import Outcome
from gateway.intermediary import publications
from gateway.intermediary.store import provisions
from gateway.network import publishing
from tests.conftest import Clones
from tests.countries import NOON, TRANSPORTS, Parties, Transport, country
from tests.judging import assert_judged

SPOUSE = INFORMATION_HELD * PLACES_IN_HOUSEHOLD + 1
"""Someone who moved to 蜃気楼市 after the tax was set, and whom nothing holds back."""


def asked(world: World) -> Ask:
    """蜃気楼市's ordinance task asks for the spouse's tax where the household lived before."""
    ask = world.cast.information_held
    number = world.number(ask.inquirer, ask.person.system, SPOUSE)
    person = replace(ask.person, resident=SPOUSE, number=number)
    return replace(ask, task=ORDINANCE_TASK, person=person)


async def outcome(parties: Parties, ask: Ask, *, consent: bool) -> tuple[str, tuple[str, ...]]:
    registered = await parties.register(ask, consent=consent)
    assert registered.finished is not None
    finished = await registered.finished
    return finished.kind, finished.reasons


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_an_ordinance_task_asks_once_it_is_published_and_for_tax_with_consent(
    transport: Transport, clones: Clones, data_folder: Path
) -> None:
    async with country(transport, clones, data_folder) as parties:
        ask = asked(parties.world)
        assert await outcome(parties, ask, consent=True) == (Outcome.PROVIDED, ())
        assert await outcome(parties, ask, consent=False) == (Outcome.REFUSED, (Reason.CONSENT_MISSING,))
        register = replace(ask, information=book.RESIDENT_REGISTER, provider=parties.world.cast.tax.inquirer)
        assert (await outcome(parties, register, consent=False))[0] == Outcome.REFUSED  # it has no code there
        beyond = replace(ask, information=book.VACCINATION)
        assert await outcome(parties, beyond, consent=True) == (Outcome.REFUSED, (Reason.ORDINANCE_INFORMATION,))

        published = ORDINANCES[0].published_on
        first_day = datetime(published.year, published.month, published.day, 9, tzinfo=TOKYO)
        await parties.set_clock(first_day.replace(month=published.month - 1))
        assert await outcome(parties, ask, consent=True) == (Outcome.REFUSED, (Reason.ORDINANCE_NOT_PUBLISHED,))
        await parties.set_clock(first_day)
        kind, _ = await outcome(parties, ask, consent=True)
        assert kind == Outcome.NOT_PROVIDED  # permitted; the duplicate was not published yet
        await parties.set_clock(NOON)
        await parties.settle()
        await assert_judged(parties)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_what_a_providers_ordinance_limits_is_held_until_people_decide(
    transport: Transport, clones: Clones, data_folder: Path
) -> None:
    async with country(transport, clones, data_folder) as parties:
        ask = replace(asked(parties.world), information=book.RESIDENT_REGISTER)
        assert book.RESIDENT_REGISTER in parties.world.agency(ask.provider).excluded
        registered = await parties.register(ask)
        assert registered.finished is not None
        await parties.settle()
        assert not registered.finished.done()
        async with parties.intermediary.db.connection() as conn:
            held = await provisions.find_provision(conn, ask.provider, registered.txn)
        assert held is not None
        assert held.held_for == [Reason.ORDINANCE_LIMIT]

        statutory = replace(ask, task=book.VACCINATION_COST_TASK)
        assert (await outcome(parties, statutory, consent=False))[0] == Outcome.PROVIDED


async def test_what_was_asked_under_an_ordinance_task_stays_right_when_the_task_is_withdrawn(
    clones: Clones, data_folder: Path
) -> None:
    async with country("local", clones, data_folder) as parties:
        ask = asked(parties.world)
        assert await outcome(parties, ask, consent=True) == (Outcome.PROVIDED, ())
        entry = parties.network.published.directory.entry(ask.inquirer)
        await publishing.register_agencies(parties.network, [msgspec.structs.replace(entry, ordinances=())])
        await publications.refresh(parties.intermediary)
        assert (await outcome(parties, ask, consent=True))[0] == Outcome.REFUSED
        await parties.settle()
        await assert_judged(parties)
