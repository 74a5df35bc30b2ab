"""Events in the wrong order, and events that come twice: each ends as the state table says, or ends nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import msgspec
import pytest

from gateway.exchange.messages import MOST_ITEMS, Answer, Inquiry, Notice, PermitReply, PermitRequest, decode, encode
from gateway.exchange.numbers import new_number
from gateway.intermediary import atrest, provide, review, withdrawal
from gateway.intermediary.inquire import REQUEST, Asker
from gateway.intermediary.review import Choice, Preparation, WithholdReason
from gateway.problems import Problem
from sympho import registry
from sympho.codes import AgencyCode, ItemCode, LinkageCode
from tests.conftest import Clones
from tests.server.ground import stage_of
from tests.server.stage import CONFIRM, FIRST, SECOND, TRANSPORTS, Stage

PAST = timedelta(days=8)


@pytest.fixture(scope="module", params=TRANSPORTS)
async def stage(
    request: pytest.FixtureRequest, clones: Clones, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stage]:
    """Shared: what is refused here ends nothing, and so disturbs nobody."""
    async with stage_of(request.param, clones, tmp_path_factory) as made:
        yield made
        await made.judged()


# --- the idempotency key ------------------------------------------------------------------------------------------


async def test_the_same_key_with_the_same_body_is_the_same_inquiry(stage: Stage) -> None:
    ask = stage.world.cast.vaccination
    first = await stage.begin(ask, "one key")
    again = await stage.register(ask, "one key")
    await stage.settle()
    assert again.txn == first
    assert again.row is not None
    await stage.assert_ended(ask, first, "provided", "none")


async def test_the_same_key_with_another_body_is_a_conflict(stage: Stage) -> None:
    ask = stage.world.cast.vaccination
    await stage.begin(ask, "used key")
    with pytest.raises(Problem, match="idempotency-conflict"):
        await stage.register(ask, "used key", non_disclosure=True)


async def test_the_same_key_of_another_principal_is_another_inquiry(stage: Stage) -> None:
    ask = stage.world.cast.vaccination
    first = await stage.begin(ask, "their key")
    second = await stage.register(ask, "their key", actor="stf_y")
    await stage.settle()
    assert second.txn != first


async def test_the_same_key_for_a_refused_inquiry_is_the_same_refusal(stage: Stage) -> None:
    ask = stage.world.cast.not_on_the_list
    first = await stage.begin(ask, "refused key")
    assert (await stage.register(ask, "refused key")).txn == first


# --- the permit request -------------------------------------------------------------------------------------------


async def request_of(stage: Stage, txn: UUID | None = None) -> PermitRequest:
    """A permit request as the inquirer would send it."""
    ask = stage.world.cast.vaccination
    async with stage.intermediary.db.connection() as conn:
        [code] = await registry.resolve(conn, stage.intermediary.ring, [(ask.inquirer, stage.person_of(ask))])
    assert code is not None
    now = stage.network.clock.now()
    return PermitRequest(
        1,
        str(txn or new_number()),
        ask.inquirer,
        ask.office,
        ask.provider,
        ask.task,
        None,
        ask.information,
        (),
        code,
        now,
        False,
        "ab" * 32,
    )


async def test_the_same_request_again_gets_the_same_permit(stage: Stage) -> None:
    request = await request_of(stage)
    door = stage.intermediary.network(request.inquirer)
    assert await door.permit(encode(request)) == await door.permit(encode(request))


async def test_other_bytes_under_the_same_exchange_number_are_a_conflict(stage: Stage) -> None:
    request = await request_of(stage)
    door = stage.intermediary.network(request.inquirer)
    first = await door.permit(encode(request))
    with pytest.raises(Problem, match="exchange-conflict"):
        await door.permit(encode(msgspec.structs.replace(request, consent=True)))
    assert await door.permit(encode(request)) == first


async def test_the_number_of_an_ended_exchange_is_used_up(stage: Stage) -> None:
    ask = stage.world.cast.vaccination
    txn = await stage.begin(ask)
    with pytest.raises(Problem, match="exchange-conflict"):
        await stage.intermediary.network(ask.inquirer).permit(encode(await request_of(stage, txn)))


async def test_the_number_of_a_refused_exchange_is_used_up(stage: Stage) -> None:
    ask = stage.world.cast.no_code
    txn = await stage.begin(ask)
    other = stage.world.cast.vaccination.inquirer
    with pytest.raises(Problem, match="exchange-conflict"):
        await stage.intermediary.network(other).permit(encode(await request_of(stage, txn)))


@pytest.mark.parametrize("wire", [b"", b"{}", b"[1]", b"\xff"])
async def test_what_is_no_permit_request_is_a_wrong_call(stage: Stage, wire: bytes) -> None:
    with pytest.raises(Problem, match="malformed-body"):
        await stage.intermediary.network(stage.world.cast.vaccination.inquirer).permit(wire)


async def test_a_request_of_another_version_is_a_wrong_call(stage: Stage) -> None:
    request = msgspec.structs.replace(await request_of(stage), v=2)
    with pytest.raises(Problem, match=r"malformed-body|invalid-field"):
        await stage.intermediary.network(request.inquirer).permit(encode(request))


async def test_a_request_from_a_clock_that_goes_ahead_is_a_wrong_call(stage: Stage) -> None:
    request = await request_of(stage)
    ahead = msgspec.structs.replace(request, asked_at=request.asked_at + timedelta(seconds=61))
    with pytest.raises(Problem, match="clock-skew"):
        await stage.intermediary.network(request.inquirer).permit(encode(ahead))


async def test_a_request_in_anothers_name_is_alarmed_and_ends_nothing(stage: Stage) -> None:
    request = await request_of(stage)
    with pytest.raises(Problem, match="wrong-agency"):
        await stage.intermediary.network(request.provider).permit(encode(request))
    await stage.assert_alarmed("network", "wrong-agency")


# --- the permit presented -----------------------------------------------------------------------------------------


async def permitted(stage: Stage) -> tuple[PermitRequest, str]:
    request = await request_of(stage)
    reply = await stage.intermediary.network(request.inquirer).permit(encode(request))
    assert isinstance(reply, PermitReply)
    return request, reply.permit


@pytest.mark.parametrize(
    "bent",
    [
        {"items": (ItemCode("TK90005100000010"),) * 2},
        {"items": tuple(ItemCode(f"TK{number:014}") for number in range(MOST_ITEMS + 1))},
        {"asked_at": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))},
    ],
    ids=("an-item-twice", "items-without-end", "no-moment"),
)
async def test_a_request_that_no_record_could_hold_is_malformed_and_the_true_one_is_permitted(
    stage: Stage, bent: dict[str, Any]
) -> None:
    request = await request_of(stage)
    door = stage.intermediary.network(request.inquirer)
    with pytest.raises(Problem, match="malformed-body"):
        await door.permit(encode(msgspec.structs.replace(request, **bent)))
    assert isinstance(await door.permit(encode(request)), PermitReply)


async def test_a_permit_presented_twice_gets_the_same_answer_and_one_record(stage: Stage) -> None:
    ask = stage.world.cast.vaccination
    txn = await stage.begin(ask)
    permit = (await stage.inquiry(ask, txn)).permit
    assert permit is not None
    door = stage.intermediary.network(ask.inquirer)
    first = await door.inquire(Inquiry(1, str(txn), permit))
    assert first == await door.inquire(Inquiry(1, str(txn), permit))
    await stage.assert_ended(ask, txn, "provided", "none")


async def test_a_permit_of_a_held_exchange_presented_again_is_pending_again(stage: Stage) -> None:
    ask = stage.world.cast.protected
    txn = await stage.begin(ask)
    permit = (await stage.inquiry(ask, txn)).permit
    assert permit is not None
    reply = await stage.intermediary.network(ask.inquirer).inquire(Inquiry(1, str(txn), permit))
    assert not isinstance(reply, Answer)


async def test_a_permit_for_another_exchange_is_alarmed(stage: Stage) -> None:
    request, permit = await permitted(stage)
    with pytest.raises(Problem, match="wrong-agency"):
        await stage.intermediary.network(request.inquirer).inquire(Inquiry(1, str(new_number()), permit))


async def test_a_permit_that_another_presents_is_alarmed_and_good_for_whom_it_was_given(stage: Stage) -> None:
    ask = stage.world.cast.vaccination
    txn = await stage.begin(ask)
    permit = (await stage.inquiry(ask, txn)).permit
    assert permit is not None
    with pytest.raises(Problem, match="wrong-agency"):
        await stage.intermediary.network(ask.provider).inquire(Inquiry(1, str(txn), permit))
    await stage.assert_alarmed("network", "wrong-agency")
    await stage.intermediary.network(ask.inquirer).inquire(Inquiry(1, str(txn), permit))
    await stage.assert_ended(ask, txn, "provided", "none")


async def test_a_permit_that_nobody_remembers_is_asked_for_again(stage: Stage) -> None:
    request, permit = await permitted(stage)
    stage.network.issued.clear()
    with pytest.raises(Problem, match="permit-unknown"):
        await stage.intermediary.network(request.inquirer).inquire(Inquiry(1, request.txn, permit))


async def test_a_permit_presented_after_its_validity_is_alarmed_and_ends_nothing(stage: Stage) -> None:
    request, permit = await permitted(stage)
    await stage.pass_time(PAST)
    with pytest.raises(Problem, match="permit-invalid"):
        await stage.intermediary.network(request.inquirer).inquire(Inquiry(1, request.txn, permit))
    await stage.assert_alarmed("network", "permit-no-longer-valid")
    assert await stage.exchange(UUID(request.txn)) is None


async def test_an_inquirer_that_slept_through_the_validity_asks_for_a_new_permit(stage: Stage) -> None:
    ask = stage.world.cast.vaccination
    with stage.cut("inquire>"):
        txn = await stage.begin(ask)
    await stage.pass_time(PAST)
    await stage.carry_on()
    await stage.assert_ended(ask, txn, "provided", "none")


# --- the notice ---------------------------------------------------------------------------------------------------


async def noticed(stage: Stage) -> Notice:
    """A notice that was taken, as the network sent it."""
    taken: list[object] = []

    async def see(message: object) -> None:
        taken.append(message)

    with stage.once("notice>", see):
        await stage.begin(stage.world.cast.vaccination)
    [notice] = taken
    assert isinstance(notice, Notice)
    return notice


async def test_a_notice_that_comes_twice_is_answered_twice_with_the_same_bytes(stage: Stage) -> None:
    notice, provider = await noticed(stage), stage.world.cast.vaccination.provider
    first = await provide.notice(stage.intermediary, provider, notice)
    assert first == await provide.notice(stage.intermediary, provider, notice)


async def test_another_permit_under_a_taken_number_is_a_conflict(stage: Stage) -> None:
    notice, provider = await noticed(stage), stage.world.cast.vaccination.provider
    again = msgspec.structs.replace(notice, permit=stage.resigned(notice.permit, permit=str(new_number())))
    with pytest.raises(Problem, match="exchange-conflict"):
        await provide.notice(stage.intermediary, provider, again)


async def test_a_notice_with_a_code_that_nobody_has_is_no_exchange(stage: Stage) -> None:
    notice, provider = await noticed(stage), stage.world.cast.vaccination.provider
    other = msgspec.structs.replace(notice, code=LinkageCode("0" * 31 + "1"))
    with pytest.raises(Problem, match="notice-invalid"):
        await provide.notice(stage.intermediary, provider, other)
    await stage.assert_alarmed("server 1", "permit-other-person")


async def test_a_notice_for_an_agency_that_is_served_elsewhere_is_a_wrong_call(stage: Stage) -> None:
    notice = await noticed(stage)
    with pytest.raises(Problem, match="wrong-agency"):
        await provide.notice(stage.intermediary, AgencyCode("9" * 16), notice)


# --- review -------------------------------------------------------------------------------------------------------


async def test_nobody_releases_what_nobody_prepared(stage: Stage) -> None:
    ask = stage.world.cast.protected
    txn = await stage.begin(ask)
    with pytest.raises(Problem, match="wrong-state"):
        await stage.release(ask, txn)
    with pytest.raises(Problem, match="wrong-state"):
        await review.send_back(stage.intermediary, review.Reviewer(ask.provider, SECOND), txn)


@pytest.mark.parametrize("preparation", [CONFIRM, Preparation(Choice.WITHHOLD, None, WithholdReason.WRONG_PERSON)])
async def test_the_first_person_is_never_the_second(stage: Stage, preparation: Preparation) -> None:
    ask = stage.world.cast.protected
    txn = await stage.begin(ask)
    await stage.prepare(ask, txn, preparation)
    with pytest.raises(Problem, match="four-eyes"):
        await stage.release(ask, txn, staff=FIRST)
    with pytest.raises(Problem, match="four-eyes"):
        await review.send_back(stage.intermediary, review.Reviewer(ask.provider, FIRST), txn)
    assert (await stage.provision(ask, txn)).state == "prepared"


async def test_nothing_is_prepared_or_released_after_the_end(stage: Stage) -> None:
    ask = stage.world.cast.protected
    txn = await stage.begin(ask)
    await stage.prepare(ask, txn)
    await stage.release(ask, txn)
    for staff in (FIRST, SECOND):
        with pytest.raises(Problem, match="wrong-state"):
            await stage.prepare(ask, txn, staff=staff)
        with pytest.raises(Problem, match="wrong-state"):
            await stage.release(ask, txn, staff=staff)
    await stage.assert_ended(ask, txn, "provided", "none")


async def test_nothing_is_prepared_after_the_validity(stage: Stage) -> None:
    ask = stage.world.cast.protected
    txn = await stage.begin(ask)
    await stage.pass_time(PAST)
    with pytest.raises(Problem, match="wrong-state"):
        await stage.prepare(ask, txn)
    await stage.carry_on()
    await stage.assert_ended(ask, txn, "lapsed", "lapsed")


async def test_what_waits_for_a_list_alone_is_no_persons_to_decide(stage: Stage) -> None:
    ask = stage.world.cast.vaccination
    await stage.publish_without(stage.world.cast.tax)
    with stage.cut("pulse>"):
        txn = await stage.begin(ask)
        with pytest.raises(Problem, match="wrong-state"):
            await stage.prepare(ask, txn)
        with pytest.raises(Problem, match="wrong-state"):
            await stage.release(ask, txn)
    await stage.carry_on()
    await stage.assert_ended(ask, txn, "provided", "none")


async def test_another_agencys_staff_find_nothing_to_review(stage: Stage) -> None:
    ask = stage.world.cast.protected
    txn = await stage.begin(ask)
    stranger = review.Reviewer(ask.inquirer, FIRST)
    with pytest.raises(Problem, match="not-found"):
        await review.prepare(stage.intermediary, stranger, txn, CONFIRM)
    with pytest.raises(Problem, match="not-found"):
        await review.release(stage.intermediary, stranger, txn)
    with pytest.raises(Problem, match="not-found"):
        await review.would_send(stage.intermediary, ask.inquirer, txn)


async def test_another_office_finds_no_inquiry_to_take_back(stage: Stage) -> None:
    ask = stage.world.cast.protected
    txn = await stage.begin(ask)
    with pytest.raises(Problem, match="not-found"):
        await withdrawal.withdraw(stage.intermediary, Asker(ask.inquirer, "9999999999", "stf_x", None), txn)
    with pytest.raises(Problem, match="not-found"):
        await withdrawal.withdraw(stage.intermediary, Asker(ask.provider, ask.office, "stf_x", None), txn)


async def test_a_request_at_rest_opens_only_at_its_own_exchange(stage: Stage) -> None:
    ask = stage.world.cast.protected
    row = await stage.inquiry(ask, await stage.begin(ask))
    assert row.request_sealed is not None
    wire = atrest.open_for_exchange(stage.intermediary.ring, ask.inquirer, REQUEST, str(row.txn), row.request_sealed)
    assert decode(PermitRequest, wire).txn == str(row.txn)
