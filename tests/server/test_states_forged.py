"""What does not verify is no exchange: refused as a wrong call, alarmed, and it ends nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from fixtures.invented.cast import Ask
from gateway.exchange.doors import NetworkDoor
from gateway.exchange.jws import unverified_payload
from gateway.exchange.messages import (
    Answer,
    AnswerOrPending,
    Inquiry,
    Notice,
    Outcome,
    Permit,
    PermitOrRefusal,
    PermitReply,
    RefusalReply,
    Withdrawal,
    decode,
)
from gateway.exchange.numbers import new_number
from gateway.exchange.permit import sign_permit
from gateway.intermediary import provide, review
from gateway.intermediary.endings import Circumstances
from gateway.problems import Problem
from gateway.records.record import sign_record
from sympho.codes import AgencyCode, InformationCode, LinkageCode
from tests.conftest import Clones
from tests.server.ground import stage_of
from tests.server.stage import TRANSPORTS, Stage

WEEKS = timedelta(days=30)


@pytest.fixture(scope="module", params=TRANSPORTS)
async def stage(
    request: pytest.FixtureRequest, clones: Clones, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stage]:
    """Shared: what is refused here ends nothing, and so disturbs nobody."""
    async with stage_of(request.param, clones, tmp_path_factory) as made:
        yield made
        await made.judged()


# --- a notice at the provider -------------------------------------------------------------------------------------


async def undelivered(stage: Stage, ask: Ask) -> tuple[UUID, Notice]:
    """A true notice that has not reached its provider."""
    sent: list[object] = []

    async def lose(message: object) -> None:
        sent.append(message)
        raise Problem("network-unavailable")

    with stage.on("notice>", lose):
        txn = await stage.begin(ask)
    assert isinstance(sent[0], Notice)
    return txn, sent[0]


Bent = Callable[[Stage, Notice], Notice]


def _claims(**claims: object) -> Bent:
    return lambda stage, notice: msgspec.structs.replace(notice, permit=stage.resigned(notice.permit, **claims))


def _late(stage: Stage, notice: Notice) -> Notice:
    return msgspec.structs.replace(notice, notified_at=notice.notified_at + WEEKS)


def _early(stage: Stage, notice: Notice) -> Notice:
    return msgspec.structs.replace(notice, notified_at=notice.notified_at - WEEKS)


def _empty(stage: Stage, notice: Notice) -> Notice:
    return _claims(valid_until=notice.notified_at - WEEKS)(stage, notice)


def _by_another_hand(stage: Stage, notice: Notice) -> Notice:
    claims = decode(Permit, unverified_payload(notice.permit))
    own = stage.intermediary.ring.signing(claims.inq.agency)
    return msgspec.structs.replace(notice, permit=sign_permit(claims, own))


def _changed(stage: Stage, notice: Notice) -> Notice:
    head, _, signature = notice.permit.split(".")
    other = stage.resigned(notice.permit, consent=True).split(".")[1]
    return msgspec.structs.replace(notice, permit=f"{head}.{other}.{signature}")


def _without_signature(stage: Stage, notice: Notice) -> Notice:
    return msgspec.structs.replace(notice, permit=notice.permit.rpartition(".")[0] + ".")


def _no_token(stage: Stage, notice: Notice) -> Notice:
    return msgspec.structs.replace(notice, permit="permit")


def _other_person(stage: Stage, notice: Notice) -> Notice:
    return msgspec.structs.replace(notice, code=LinkageCode("f" * 32))


@pytest.mark.parametrize(
    ("bend", "fault"),
    [
        (_claims(v=2), "permit-version"),
        (_claims(txn=str(new_number())), "permit-other-exchange"),
        (_claims(code_d="0" * 64), "permit-other-person"),
        (_claims(code_salt="no hexadecimal"), "permit-other-person"),
        (_other_person, "permit-other-person"),
        (_empty, "permit-validity-empty"),
        (_early, "permit-not-yet-valid"),
        (_late, "permit-no-longer-valid"),
        (_by_another_hand, "kid-unknown"),
        (_changed, "signature-invalid"),
        (_without_signature, "signature-missing"),
        (_no_token, "not-three-parts"),
    ],
)
async def test_a_notice_that_does_not_verify_is_alarmed_and_the_true_one_still_counts(
    stage: Stage, bend: Bent, fault: str
) -> None:
    ask = stage.world.cast.vaccination
    txn, notice = await undelivered(stage, ask)
    with pytest.raises(Problem, match="notice-invalid"):
        await provide.notice(stage.intermediary, ask.provider, bend(stage, notice))
    await stage.assert_alarmed("server 1", fault)
    await stage.carry_on()
    await stage.assert_ended(ask, txn, "provided", "none")


async def test_a_notice_for_another_agency_is_alarmed(stage: Stage) -> None:
    ask = stage.world.cast.vaccination
    _, notice = await undelivered(stage, ask)
    with pytest.raises(Problem, match="notice-invalid"):
        await provide.notice(stage.intermediary, stage.world.cast.tax.provider, notice)
    await stage.assert_alarmed("server 1", "permit-audience")
    await stage.carry_on()


# --- a permit at the inquirer -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Bending:
    """A network that hands out something else than it should."""

    door: NetworkDoor
    permit_bent: Callable[[PermitOrRefusal], PermitOrRefusal] = lambda reply: reply
    answer_bent: Callable[[AnswerOrPending], AnswerOrPending] = lambda reply: reply

    async def permit(self, request: bytes) -> PermitOrRefusal:
        return self.permit_bent(await self.door.permit(request))

    async def inquire(self, inquiry: Inquiry) -> AnswerOrPending:
        return self.answer_bent(await self.door.inquire(inquiry))

    async def withdraw(self, withdrawal: Withdrawal) -> AnswerOrPending:
        return await self.door.withdraw(withdrawal)

    async def answer(self, answer: Answer) -> None:
        await self.door.answer(answer)


async def bent_then_straight(stage: Stage, ask: Ask, fault: str, make: Callable[[NetworkDoor], NetworkDoor]) -> UUID:
    """Asks a network that bends; alarmed, nothing ended. Then the honest one is asked again."""
    honest = stage.intermediary.network
    stage.intermediary.network = lambda agency: make(honest(agency))
    try:
        txn = await stage.begin(ask)
    finally:
        stage.intermediary.network = honest
    await stage.assert_alarmed("server 1", fault)
    assert (await stage.inquiry(ask, txn)).state == "asking"
    await stage.carry_on()
    return txn


@pytest.mark.parametrize(
    ("claims", "fault"),
    [
        ({"v": 2}, "permit-version"),
        ({"txn": str(new_number())}, "permit-other-exchange"),
        ({"req_d": "0" * 64}, "permit-other-request"),
        ({"information": "TM00000000000999"}, "permit-other-scope"),
        ({"consent": True}, "permit-other-scope"),
        ({"sealing_d": "0" * 64}, "permit-other-sealing-key"),
        ({"annex_inq": "0" * 64}, "permit-other-annex"),
    ],
)
async def test_a_permit_for_something_else_is_never_presented(
    stage: Stage, claims: dict[str, object], fault: str
) -> None:
    ask = stage.world.cast.vaccination
    if "information" in claims:
        claims = {"inf": InformationCode(str(stage.world.cast.tax.information))}

    def bend(reply: PermitOrRefusal) -> PermitOrRefusal:
        assert isinstance(reply, PermitReply)
        return PermitReply(stage.resigned(reply.permit, **claims))

    txn = await bent_then_straight(stage, ask, fault, lambda door: _Bending(door, permit_bent=bend))
    await stage.assert_ended(ask, txn, "provided", "none")


@pytest.mark.parametrize(("party", "fault"), [("inq", "permit-other-inquirer"), ("prv", "permit-other-provider")])
async def test_a_permit_for_other_parties_is_never_presented(stage: Stage, party: str, fault: str) -> None:
    ask = stage.world.cast.vaccination

    def bend(reply: PermitOrRefusal) -> PermitOrRefusal:
        assert isinstance(reply, PermitReply)
        named = getattr(decode(Permit, unverified_payload(reply.permit)), party)
        other = msgspec.structs.replace(named, agency=AgencyCode("9" * 16))
        return PermitReply(stage.resigned(reply.permit, **{party: other}))

    txn = await bent_then_straight(stage, ask, fault, lambda door: _Bending(door, permit_bent=bend))
    await stage.assert_ended(ask, txn, "provided", "none")


async def test_a_refusal_of_something_else_ends_nothing(stage: Stage) -> None:
    no_code = stage.world.cast.no_code
    other = await stage.exchange(await stage.begin(no_code))
    assert other is not None
    assert other.reply is not None
    refusal = decode(RefusalReply, other.reply)
    ask = stage.world.cast.vaccination
    fault = "refusal-of-something-else"
    txn = await bent_then_straight(stage, ask, fault, lambda door: _Bending(door, permit_bent=lambda _: refusal))
    await stage.assert_ended(ask, txn, "provided", "none")


async def test_a_refusal_that_the_network_did_not_sign_ends_nothing(stage: Stage) -> None:
    ask = stage.world.cast.no_code

    def bend(reply: PermitOrRefusal) -> PermitOrRefusal:
        assert isinstance(reply, RefusalReply)
        return RefusalReply(reply.payload, sign_record(reply.payload, stage.intermediary.ring.signing(ask.inquirer)))

    await bent_then_straight(stage, ask, "signed-by-another", lambda door: _Bending(door, permit_bent=bend))


# --- an answer at the inquirer ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bend", "fault"),
    [
        (lambda answer: msgspec.structs.replace(answer, network=""), "not-three-parts"),
        (lambda answer: msgspec.structs.replace(answer, network=answer.provider), "signed-by-another"),
        (lambda answer: msgspec.structs.replace(answer, provider=answer.network), "signed-by-another"),
        (lambda answer: msgspec.structs.replace(answer, payload=answer.payload + b" "), "signed-other-bytes"),
        (lambda answer: msgspec.structs.replace(answer, sealed=answer.sealed + b"x"), "answer-digest"),
    ],
)
async def test_an_answer_that_does_not_verify_is_never_opened(
    stage: Stage, bend: Callable[[Answer], Answer], fault: str
) -> None:
    ask = stage.world.cast.vaccination

    def bent(reply: AnswerOrPending) -> AnswerOrPending:
        assert isinstance(reply, Answer)
        return bend(reply)

    txn = await bent_then_straight(stage, ask, fault, lambda door: _Bending(door, answer_bent=bent))
    await stage.assert_ended(ask, txn, "provided", "none")


# --- an answer at the network -------------------------------------------------------------------------------------


async def other_end(stage: Stage, ask: Ask, txn: UUID, kind: Outcome) -> Answer:
    """An end of the provider's that it never recorded: well signed, and another one."""
    row = await stage.provision(ask, txn)
    return review.end_row(stage.intermediary, row, kind, Circumstances((kind.value,)), row.notified_at).answer


async def test_an_answer_after_the_end_with_other_bytes_is_a_conflict_and_alarmed(stage: Stage) -> None:
    ask = stage.world.cast.vaccination
    txn = await stage.begin(ask)
    with pytest.raises(Problem, match="exchange-conflict"):
        await stage.intermediary.network(ask.provider).answer(await other_end(stage, ask, txn, Outcome.WITHDRAWN))
    await stage.assert_alarmed("network", "answer-differs")
    await stage.assert_ended(ask, txn, "provided", "none")


async def test_an_answer_after_the_end_with_the_same_bytes_changes_nothing(stage: Stage) -> None:
    ask = stage.world.cast.vaccination
    txn = await stage.begin(ask)
    row, before = await stage.provision(ask, txn), await stage.exchange(txn)
    assert row.answer is not None
    await stage.intermediary.network(ask.provider).answer(decode(Answer, row.answer))
    await stage.settle()
    assert await stage.exchange(txn) == before


async def test_an_answer_to_nothing_is_alarmed(stage: Stage) -> None:
    ask = stage.world.cast.protected
    txn = await stage.begin(ask)
    answer = await other_end(stage, ask, txn, Outcome.NOT_PROVIDED)
    with pytest.raises(Problem, match="answer-invalid"):
        await stage.intermediary.network(ask.provider).answer(msgspec.structs.replace(answer, txn=str(new_number())))
    await stage.assert_alarmed("network", "answer-to-nothing")


async def test_an_answer_by_another_agency_is_alarmed(stage: Stage) -> None:
    ask = stage.world.cast.protected
    txn = await stage.begin(ask)
    answer = await other_end(stage, ask, txn, Outcome.NOT_PROVIDED)
    with pytest.raises(Problem, match="answer-invalid"):
        await stage.intermediary.network(ask.inquirer).answer(answer)
    await stage.assert_alarmed("network", "answer-to-nothing")
    assert (await stage.inquiry(ask, txn)).state == "notified"


async def test_an_answer_that_the_provider_did_not_sign_is_alarmed_and_ends_nothing(stage: Stage) -> None:
    ask = stage.world.cast.protected
    txn = await stage.begin(ask)
    answer = await other_end(stage, ask, txn, Outcome.NOT_PROVIDED)
    forged = sign_record(answer.payload, stage.intermediary.ring.signing(ask.inquirer))
    with pytest.raises(Problem, match="answer-invalid"):
        await stage.intermediary.network(ask.provider).answer(msgspec.structs.replace(answer, provider=forged))
    await stage.assert_alarmed("network", "signed-by-another")
    assert (await stage.inquiry(ask, txn)).state == "notified"


async def test_the_answer_of_another_exchange_is_alarmed_and_ends_nothing(stage: Stage) -> None:
    ask = stage.world.cast.protected
    first, second = await stage.begin(ask), await stage.begin(ask)
    answer = await other_end(stage, ask, second, Outcome.NOT_PROVIDED)
    with pytest.raises(Problem, match="answer-invalid"):
        await stage.intermediary.network(ask.provider).answer(msgspec.structs.replace(answer, txn=str(first)))
    await stage.assert_alarmed("network", "payload-txn-differs")
    assert (await stage.inquiry(ask, first)).state == "notified"
