"""Lists in time: the key is rolled over by announcement, the history stays, rows go after seven years if nothing needs
them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import msgspec
import pytest

from authz.listmanifest import Candidate, Link, ListFault, ListRefused, PublicKey, drawn_up
from fixtures.seed import list_document
from gateway.exchange import listing
from gateway.exchange.directory import verify_directory
from gateway.exchange.jws import SigningKey, unverified_kid
from gateway.intermediary import lists as server_lists
from gateway.intermediary import publications
from gateway.intermediary.store import held as held_store
from gateway.intermediary.store import lists as held_lists
from gateway.network import lists, publishing
from gateway.network import store as network_store
from gateway.records.record import Role as Holder
from tests.conftest import Clones
from tests.countries import APPROVERS, Transport
from tests.server.ground import stage_of
from tests.server.listing_boards import another_list
from tests.server.stage import TRANSPORTS, Stage


@pytest.fixture
async def stage(clones: Clones, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with stage_of("local", clones, tmp_path_factory) as made:
        yield made
        await made.judged()


async def publish(stage: Stage, document: bytes, *, key: PublicKey | None = None, announce: bool = False) -> Link:
    """As ``sympho lists`` does it: drawn up, approved by two, signed, published."""
    network = stage.network
    head = await lists.head(network)
    now = network.clock.machine()
    following = await lists.next_key(network) if announce else None
    made = drawn_up(head, document, now, now + timedelta(days=400), key=key or head.key, next_key=following)
    signed = await lists.sign(network, made, approvals(made), document)
    return await publishing.publish_signed(network, signed, document)


def approvals(made: Candidate) -> tuple[str, ...]:
    return tuple(listing.approve(made, one.account, one.key) for one in APPROVERS)


async def roll(stage: Stage) -> str:
    """The drill: announced, taken by everybody, rolled over. The new key's id."""
    announcing = await publish(stage, list_document(), announce=True)
    await stage.refresh()
    rolled = await publish(stage, list_document(), key=announcing.candidate.next_key)
    return rolled.candidate.key.kid


# --- roll-over ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_the_drill_of_a_roll_over_loses_no_exchange_and_no_record(
    transport: Transport, clones: Clones, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async with stage_of(transport, clones, tmp_path_factory) as stage:
        ask = stage.world.cast.vaccination
        before = await stage.begin(ask, "before")

        async def roll_now(_: object) -> None:
            await roll(stage)

        with stage.once("permit<", roll_now):
            across = await stage.begin(ask, "across")
        await stage.refresh()
        after = await stage.begin(ask, "after")
        signed_with = {}
        for name, txn in (("before", before), ("across", across), ("after", after)):
            await stage.assert_ended(ask, txn, "provided", "none")
            row = (await stage.records(ask, txn))[Holder.NETWORK]
            signed_with[name] = unverified_kid(row.jws).rpartition("/")[2]
        assert signed_with == {"before": "1", "across": "2", "after": "2"}
        directory = stage.intermediary.held.directory
        assert [jwk.kid.rpartition("/")[2] for jwk in directory.network_keys] == ["2", "1"]
        await stage.judged()


async def test_a_key_that_nobody_announced_signs_nothing(stage: Stage) -> None:
    key = await lists.next_key(stage.network)
    with pytest.raises(ListRefused) as refused:
        await publish(stage, another_list(), key=key)
    assert refused.value.fault is ListFault.KEY_NOT_ANNOUNCED


async def test_a_server_that_was_away_during_a_roll_over_follows_the_history_to_the_new_key(stage: Stage) -> None:
    server, board = stage.intermediary, stage.intermediary.board
    kid = await publish_away(stage)
    server.board = board
    await stage.refresh()
    assert server.held.link.candidate.key.kid == kid
    async with server.db.connection() as conn:
        taken = {row.serial: row.kept for row in await held_lists.taken(conn)}
    assert taken == {1: True, 2: False, 3: True}
    assert (await stage.ask(stage.world.cast.vaccination)).kind == "provided"


async def test_a_server_that_joins_after_a_roll_over_needs_the_present_key_alone(stage: Stage) -> None:
    server = stage.intermediary
    await roll(stage)
    server.publications = None
    present = stage.network.signing
    await publications.refresh(server, {present.kid: present.verifying()})
    assert [server.held.link.serial, server.held.link.candidate.key.kid] == [3, present.kid]


async def publish_away(stage: Stage) -> str:
    announcing = await publish(stage, list_document(), announce=True)
    return (await publish(stage, another_list(), key=announcing.candidate.next_key)).candidate.key.kid


async def test_after_a_restart_the_history_leads_from_the_key_that_was_trusted_first_to_the_present_one(
    stage: Stage,
) -> None:
    server = stage.intermediary
    trusted = {jwk.kid: jwk for jwk in stage.network.published.directory.network_keys}
    first = dict(server.held.directory.network_verifying)
    assert set(first) == set(trusted)
    kid = await roll(stage)
    await stage.refresh()
    server.publications = None
    assert await publications.restore(server, first)
    assert server.held.link.candidate.key.kid == kid
    stage.network.link = stage.network.publication = None
    stage.network.retired = ()
    assert await publishing.restore(stage.network)
    assert stage.network.signing.kid == kid
    foreign = SigningKey.from_bytes(next(iter(first)), bytes([9]) * 32)
    with pytest.raises(ListRefused, match="wrong-key"):
        await publications.restore(server, {foreign.kid: foreign.verifying()})


# --- who may approve ----------------------------------------------------------------------------------------------


async def test_a_key_is_registered_once_and_by_its_own_account(stage: Stage) -> None:
    one, two = APPROVERS
    account = f"stf_{'c' * 26}"
    with pytest.raises(ListRefused, match="unknown-approver"):
        await lists.register_approver(stage.network, account, listing.public(one.key))
    copied = SigningKey.from_bytes(f"{account}/1", two.key.to_bytes())
    with pytest.raises(ListRefused, match="same-approver"):
        await lists.register_approver(stage.network, account, listing.public(copied))
    no_point = msgspec.structs.replace(listing.public(SigningKey.generate(f"{account}/1")), x="A" * 43)
    with pytest.raises(ListRefused, match="malformed"):
        await lists.register_approver(stage.network, account, no_point)
    await lists.register_approver(stage.network, account, listing.public(SigningKey.generate(f"{account}/1")))
    assert [one.account for one in (await lists.head(stage.network)).approvers][-1] == account


async def test_the_network_signs_only_with_the_approvers_as_they_stand(stage: Stage) -> None:
    head = await lists.head(stage.network)
    now = stage.network.clock.machine()
    made = drawn_up(head, another_list(), now, now + timedelta(days=1), key=head.key, next_key=None)
    account = f"stf_{'c' * 26}"
    await lists.register_approver(stage.network, account, listing.public(SigningKey.generate(f"{account}/1")))
    with pytest.raises(ListRefused, match="unknown-approver"):
        await lists.sign(stage.network, made, approvals(made), another_list())


# --- two lists with one serial ------------------------------------------------------------------------------------


async def test_of_two_signed_lists_with_one_serial_the_first_to_be_published_stands(stage: Stage) -> None:
    network, signed = stage.network, []
    for document in (another_list(), list_document()):
        head, now = await lists.head(network), network.clock.machine()
        made = drawn_up(head, document, now, now + timedelta(days=1), key=head.key, next_key=None)
        signed.append((await lists.sign(network, made, approvals(made), document), document))
    link = await publishing.publish_signed(network, *signed[0])
    assert await publishing.publish_signed(network, *signed[0]) is link
    with pytest.raises(ListRefused, match="history-forked"):
        await publishing.publish_signed(network, *signed[1])
    assert network.link is link


# --- seven years --------------------------------------------------------------------------------------------------


async def test_rows_go_after_seven_years_unless_a_record_or_a_permit_names_the_list(stage: Stage) -> None:
    ask, network, server = stage.world.cast.vaccination, stage.network, stage.intermediary
    assert (await stage.ask(ask)).kind == "provided"
    superseded = [await _publish_at(stage, hours) for hours in (1, 2)]
    at = superseded[-1].replace(year=superseded[-1].year + 7)
    await stage.set_clock(at)
    assert (await lists.forget_old(network), await server_lists.forget_old(server)) == ([], [])
    await stage.set_clock(at + timedelta(seconds=1))
    assert await lists.forget_old(network) == [2]
    assert await server_lists.forget_old(server) == [2]
    kept = {row.serial: row.kept for row in await lists.history(network)}
    assert kept == {1: True, 2: False, 3: True}
    async with server.db.connection() as conn:
        assert {row.serial: row.kept for row in await held_lists.taken(conn)} == kept
        assert await held_lists.document(conn, 2) is None
    assert await lists.document(network, 1) == list_document()
    assert await publishing.restore(network)
    assert await publications.restore(server, dict(server.held.directory.network_verifying))
    assert (await lists.forget_old(network), await server_lists.forget_old(server)) == ([], [])


async def _publish_at(stage: Stage, hours: int) -> datetime:
    at = stage.network.clock.now() + timedelta(hours=hours)
    await stage.set_clock(at)
    await publish(stage, another_list() if hours % 2 else list_document())
    await stage.refresh()
    return at


async def test_which_directory_was_held_is_known_for_every_moment_and_it_names_the_list(stage: Stage) -> None:
    before = stage.network.clock.now()
    second, third = [await _publish_at(stage, hours) for hours in (1, 2)]
    async with stage.network.db.connection() as conn, stage.intermediary.db.connection() as held:
        for at, serial in (
            (before.replace(year=2000), 1),
            (second - timedelta(microseconds=1), 1),
            (second, 2),
            (third, 3),
            (third.replace(year=2090), 3),
        ):
            for edition in (await network_store.edition_at(conn, at), await held_store.directory_at(held, at)):
                assert edition is not None
                directory = verify_directory(edition.signed, stage.network.published.directory.network_verifying)
                assert (directory.list, directory.serial) == (serial, edition.serial)
                assert (edition.since <= at) == (at.year > 2000)


async def test_former_directories_go_seven_years_after_the_next_one_took_their_place(stage: Stage) -> None:
    network, server = stage.network, stage.intermediary
    before = stage.network.clock.now()
    at = (await _publish_at(stage, 1)).replace(year=before.year + 7)
    for day, kept in ((at, True), (at + timedelta(seconds=1), False)):
        await stage.set_clock(day)
        await lists.forget_old(network)
        await server_lists.forget_old(server)
        async with network.db.connection() as conn, server.db.connection() as held:
            for edition in (await network_store.edition_at(conn, before), await held_store.directory_at(held, before)):
                assert edition is not None
                assert (edition.since <= before) is kept
            assert await held_store.read_directory(held) == network.published.signed
