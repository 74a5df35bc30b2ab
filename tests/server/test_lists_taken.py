"""Lists in time: what is wrong is refused by its name and changes nothing; what was begun is carried on; what has
expired judges nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from authz.listmanifest import ListFault, ListRefused
from gateway.intermediary import publications
from gateway.intermediary.store import held
from gateway.intermediary.store import lists as held_lists
from gateway.network import lists as network_lists
from gateway.network import publishing
from gateway.problems import Problem
from tests.conftest import Clones
from tests.countries import Transport
from tests.server.ground import stage_of
from tests.server.listing_boards import Board, Forger, another_list, forgeries, sent
from tests.server.stage import TRANSPORTS, Stage


@pytest.fixture
async def stage(clones: Clones, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with stage_of("local", clones, tmp_path_factory) as made:
        yield made
        await made.judged()


async def _alarms(stage: Stage) -> list[str]:
    async with stage.intermediary.db.connection() as conn:
        return [fault for _, _, _, fault, _ in await held.latest_alarms(conn, "", 100)]


async def _kept(stage: Stage) -> tuple[list[str], set[str], str | None]:
    """Links, parts and the directory, as the server has them durably."""
    async with stage.intermediary.db.connection() as conn:
        links = await held_lists.all_signed(conn)
        there = await conn.fetch("SELECT digest FROM held_part")
        return links, {row["digest"] for row in there}, await held.read_directory(conn)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_whatever_is_wrong_with_a_list_is_named_alarmed_once_and_changes_nothing(
    transport: Transport, clones: Clones, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async with stage_of(transport, clones, tmp_path_factory) as stage:
        server, forger = stage.intermediary, Forger(stage.network)
        real, before, durable, in_force = server.board, server.held, await _kept(stage), stage.network.link
        made = forgeries(forger)
        if transport == "remote":  # the same rules behind another line
            made = {fault: made[fault] for fault in (ListFault.ONE_APPROVAL, ListFault.PART_ALTERED)}
        for fault, forged in made.items():
            with pytest.raises(ListRefused) as refused:
                await publishing.publish_signed(stage.network, forged.signed, b"".join(forged.parts.values()))
            assert refused.value.fault in (fault, ListFault.PART_ALTERED)
            assert stage.network.link is in_force

            server.board = forger.board(real, forged.candidate, forged.signed, forged.parts)
            for _ in range(2):
                with pytest.raises(Problem) as problem:
                    await publications.refresh(server)
                assert (problem.value.slug, problem.value.detail) == ("list-stale", f"list-{fault}"), fault
            assert server.held is before
            assert await _kept(stage) == durable
        assert await _alarms(stage) == [f"list-{fault}" for fault in reversed(made)]
        server.board = real
        assert (await stage.ask(stage.world.cast.vaccination)).kind == "provided"
        await stage.judged()


async def test_a_serial_that_went_back_is_refused_whoever_says_so(stage: Stage) -> None:
    server, forger = stage.intermediary, Forger(stage.network)
    first = forger.link
    await publishing.publish_list(stage.network, another_list())
    await stage.refresh()
    before = server.held
    assert before.link.serial == 2
    server.board = forger.board(server.board, first.candidate, first.signed, {})
    with pytest.raises(Problem, match="list-stale"):
        await stage.refresh()
    assert await _alarms(stage) == ["list-serial-lower"]
    assert server.held is before
    with pytest.raises(ListRefused, match="serial-lower"):
        await publishing.publish_signed(stage.network, first.signed, another_list())


async def test_a_history_that_nobody_here_trusts_is_not_begun(stage: Stage) -> None:
    server = stage.intermediary
    server.publications = None
    with pytest.raises(Problem) as problem:
        await publications.refresh(server, {})
    assert problem.value.detail == "list-wrong-key"
    assert server.publications is None
    await publications.refresh(server, stage.network.published.directory.network_verifying)
    assert server.held.link.serial == 1


async def test_what_came_of_a_fetch_that_was_broken_off_is_not_fetched_again(stage: Stage) -> None:
    server, forger = stage.intermediary, Forger(stage.network)
    made = sent(forger, another_list())
    board = forger.board(server.board, made.candidate, made.signed, made.parts)
    missing = [part.digest for part in made.candidate.parts if part not in server.held.link.candidate.parts]
    assert len(missing) == 2
    server.board = broken = Broken(board.board, board.pulse_of, board.signed, board.manifests, made.parts)
    before = server.held
    with pytest.raises(Problem, match="network-unavailable"):
        await stage.refresh()
    assert server.held is before
    broken.whole = True
    await stage.refresh()
    assert server.held.link.serial == 2
    assert broken.fetched == missing
    await publishing.publish_signed(stage.network, made.signed, made.document)


class Broken(Board):
    """The line breaks after the first part, until ``whole``."""

    whole = False

    async def list_part(self, digest: str) -> bytes:
        if not self.whole and self.fetched:
            raise Problem("network-unavailable")
        return await super().list_part(digest)


# --- expiry -------------------------------------------------------------------------------------------------------


def _at_the_machine(stage: Stage, at: datetime) -> None:
    for clock in {stage.network.clock, stage.intermediary.clock}:
        clock._machine = lambda: at


def _expiry(stage: Stage) -> datetime:
    return Forger(stage.network).link.candidate.expires_at


async def test_an_expired_list_judges_nothing_until_a_newer_one_is_there(stage: Stage) -> None:
    ask = stage.world.cast.vaccination
    _at_the_machine(stage, _expiry(stage) - timedelta(seconds=1))
    assert (await stage.ask(ask)).kind == "provided"
    _at_the_machine(stage, _expiry(stage))
    with pytest.raises(Problem, match="list-stale"):
        await stage.ask(ask)
    await publishing.publish_list(stage.network, another_list())
    await stage.refresh()
    assert (await stage.ask(ask)).kind == "provided"


@pytest.mark.parametrize("moment", ["intermediary.register<", "permit<", "notice>"])
async def test_what_a_list_left_open_when_it_expired_waits_and_ends_under_the_next_one(
    moment: str, stage: Stage
) -> None:
    ask, expiry = stage.world.cast.vaccination, _expiry(stage)

    async def expire(_: object) -> None:
        _at_the_machine(stage, expiry)

    with stage.once(moment, expire):
        txn = await stage.begin(ask)
    assert (await stage.inquiry(ask, txn)).state != "ended"
    await stage.carry_on(1)
    assert (await stage.inquiry(ask, txn)).state != "ended"
    await publishing.publish_list(stage.network, another_list())
    await stage.refresh()
    await stage.carry_on()
    await stage.assert_ended(ask, txn, "provided", "none")


@pytest.mark.parametrize("year", [2016, 2099])
async def test_a_world_whose_clock_was_moved_far_away_still_has_a_list_in_force(year: int, stage: Stage) -> None:
    await stage.set_clock(datetime(year, 12, 1, tzinfo=UTC))
    assert stage.network.judging is stage.network.published.snapshot
    assert stage.intermediary.judging is stage.intermediary.held.snapshot
    assert await network_lists.forget_old(stage.network) == []
