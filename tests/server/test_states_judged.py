"""The judge can fail: a good run's export, broken in one place, is found out by the invariant of that place."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.exchange.numbers import new_number
from gateway.judge.export import PublishedList, Stray
from gateway.judge.invariants import INVARIANTS
from gateway.judge.verdict import judge, judge_databases
from gateway.records.record import Role
from sympho.codes import AgencyCode, InformationCode
from tests.conftest import Clones
from tests.server.breaking import DAY, Break, Good, good_run
from tests.server.ground import stage_of

STRANGER = AgencyCode("9" * 16)
ZERO = "0" * 64


@pytest.fixture(scope="module")
async def good(clones: Clones, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Good]:
    async with stage_of("local", clones, tmp_path_factory) as stage:
        yield await good_run(stage)


def _bad_signature(jws: str) -> str:
    head, _, signature = jws.rpartition(".")
    return f"{head}.{'A' * len(signature)}"


def _same_permit_twice(g: Good) -> str:
    """A permit with the id of another exchange's."""
    claims = g.export.claims(g.the_exchange(g.provided).permit)
    assert claims is not None
    return g.stage.resigned(g.the_exchange(g.other).permit or "", permit=claims.permit)


ASKED: dict[str, Break] = {
    "provision with a forged permit": lambda g: g.provision(g.provided, permit="x.y.z"),
    "provision of another exchange's permit": lambda g: g.provision(g.provided, permit=g.the_exchange(g.other).permit),
    "provision for another inquirer": lambda g: g.provision(g.provided, inquirer=STRANGER),
    "provision of other information": lambda g: g.provision(g.provided, information="TM00000000000999"),
    "provision notified too late": lambda g: g.provision(
        g.provided, notified_at=g.the_provision(g.provided).valid_until
    ),
    "provision that may be answered longer": lambda g: g.provision(
        g.provided, valid_until=g.the_provision(g.provided).valid_until + DAY
    ),
    "provision without an exchange": lambda g: replace(
        g.export, exchanges=tuple(row for row in g.export.exchanges if row.txn != g.provided)
    ),
    "exchange that nobody asked for": lambda g: replace(
        g.export, inquiries=tuple(row for row in g.export.inquiries if row.txn != g.provided)
    ),
    "exchange with a forged permit": lambda g: g.exchange(g.provided, permit="x.y.z"),
    "exchange with another request": lambda g: g.exchange(g.provided, request_d=ZERO),
}
ONCE: dict[str, Break] = {
    "one permit in two exchanges": lambda g: g.exchange(g.other, permit=_same_permit_twice(g)),
    "another permit at the inquirer": lambda g: g.inquiry(g.provided, permit=g.the_exchange(g.other).permit),
    "two providers notified": lambda g: replace(
        g.export, provisions=(*g.export.provisions, replace(g.the_provision(g.provided), agency=STRANGER))
    ),
}
PUBLISHED: dict[str, Break] = {
    "a list with another digest": lambda g: replace(
        g.export, lists=tuple(replace(one, digest=ZERO) for one in g.export.lists)
    ),
    "a copy that was never published": lambda g: replace(
        g.export, lists=(*g.export.lists, PublishedList("server 1", 9, g.export.lists[0].digest, b""))
    ),
    "records of a list that nobody published": lambda g: replace(g.export, lists=()),
}
BY_THE_LIST: dict[str, Break] = {
    "a permit by another row": lambda g: g.permit(g.provided, item="1:1"),
    "a permit for what no row covers": lambda g: g.permit(g.provided, inf=InformationCode("TM00000000000999")),
    "a permit by a list that nobody published": lambda g: g.permit(g.provided, list=9),
    "a permit on a day before the table": lambda g: g.permit(
        g.provided, as_of=g.stage.network.clock.today() - 9000 * DAY
    ),
}
ENDS: dict[str, Break] = {
    "another end at the network": lambda g: g.exchange(g.provided, kind="withdrawn"),
    "another end at the inquirer": lambda g: g.inquiry(g.provided, kind="lapsed"),
    "an inquiry twice": lambda g: replace(g.export, inquiries=(*g.export.inquiries, g.the_inquiry(g.provided))),
    "an end without a kind": lambda g: g.provision(g.provided, kind=None),
}
OPEN: dict[str, Break] = {
    "an inquiry that nobody will end": lambda g: g.inquiry(g.provided, state="notified", kind=None, ended_at=None),
    "an exchange that nobody will end": lambda g: g.exchange(g.released, state="notified", kind=None, ended_at=None),
    "an accepted exchange without the code to notify": lambda g: g.exchange(g.held, state="accepted", code_kept=False),
    "a provision held for nothing": lambda g: g.provision(g.held, held_for=()),
}
WITHDRAWN: dict[str, Break] = {
    "nobody wanted it back at the network": lambda g: g.exchange(g.withdrawn, withdrawal_asked=False),
    "nobody wanted it back at the inquirer": lambda g: g.inquiry(g.withdrawn, withdrawal_asked_at=None),
}
DUE: dict[str, Break] = {
    "no record at the provider": lambda g: g.without_record(g.provided, Role.PROVIDER),
    "no record at the network": lambda g: g.without_record(g.provided, Role.NETWORK),
    "no record at the inquirer": lambda g: g.without_record(g.provided, Role.INQUIRER),
    "no record at anybody": lambda g: g.without_record(g.provided, *Role),
    "no record of a refusal at the network": lambda g: g.without_record(g.refused, Role.NETWORK),
    "no record of an own refusal": lambda g: g.without_record(g.forbidden, Role.INQUIRER),
    "a record at a third agency": lambda g: g.record(g.provided, Role.PROVIDER, holder=STRANGER),
    "an own refusal that went out": lambda g: replace(
        g.export, provisions=(*g.export.provisions, replace(g.the_provision(g.held), txn=g.forbidden))
    ),
}
HOLD: dict[str, Break] = {
    "a signature of zeros": lambda g: g.record(
        g.provided, Role.NETWORK, jws=_bad_signature(g.the_record(g.provided, Role.NETWORK).jws)
    ),
    "a record signed by another holder": lambda g: g.record(
        g.provided, Role.NETWORK, jws=g.the_record(g.provided, Role.PROVIDER).jws
    ),
    "a record of another exchange": lambda g: g.record(
        g.withdrawn, Role.PROVIDER, jws=g.the_record(g.lapsed, Role.PROVIDER).jws
    ),
}
ANNEXES: dict[str, Break] = {
    "an annex of another exchange": lambda g: g.record(
        g.provided, Role.PROVIDER, annex=g.the_record(g.lapsed, Role.PROVIDER).annex
    ),
    "an annex that was added to": lambda g: g.record(
        g.provided, Role.INQUIRER, annex=g.the_record(g.provided, Role.INQUIRER).annex + b" "
    ),
    "an annex that was fixed otherwise when it was asked": lambda g: g.inquiry(g.provided, annex_d=ZERO),
}
ANSWERS: dict[str, Break] = {
    "another sealed answer at the network": lambda g: g.ended(g.provided, sealed_d=ZERO),
    "another sealed answer at the inquirer": lambda g: g.inquiry(g.provided, content_d=ZERO),
    "an answer the provider did not sign": lambda g: g.ended(g.provided, provider="x.y.z"),
    "an answer the network did not sign": lambda g: g.ended(g.provided, network="x.y.z"),
    "an end that is none": lambda g: g.ended(g.provided, payload=b"{}"),
    "an end of another exchange": lambda g: g.exchange(g.provided, ended=g.the_exchange(g.other).ended),
    "another permit than the one answered": lambda g: g.permit(g.provided, consent=True, item="1:1"),
}
OUTCOMES: dict[str, Break] = {
    "another kind beside the record": lambda g: g.record(g.provided, Role.NETWORK, information=STRANGER),
    "another reason at the inquirer": lambda g: g.inquiry(g.provided, reason="lapsed"),
    "another time at the network": lambda g: g.exchange(
        g.provided, ended_at=g.the_exchange(g.provided).accepted_at + DAY
    ),
    "another time at the provider": lambda g: g.provision(
        g.provided, ended_at=g.the_exchange(g.provided).accepted_at + DAY
    ),
    "another fiscal year": lambda g: g.record(g.provided, Role.NETWORK, fiscal_year=1999),
}
TIMES: dict[str, Break] = {
    "accepted after its validity": lambda g: g.exchange(
        g.provided, accepted_at=g.the_exchange(g.provided).accepted_at + 30 * DAY
    ),
    "asked at another time": lambda g: g.inquiry(
        g.provided, asked_at=g.the_inquiry(g.provided).asked_at - timedelta(seconds=1)
    ),
    "notified at another time": lambda g: g.provision(
        g.provided, notified_at=g.the_provision(g.provided).notified_at + timedelta(seconds=1)
    ),
    "answered after its validity": lambda g: g.permit(g.provided, valid_until=g.the_exchange(g.provided).accepted_at),
    "lapsed in its validity": lambda g: g.permit(g.lapsed, valid_until=g.the_exchange(g.lapsed).accepted_at + 60 * DAY),
    "ended before it was permitted": lambda g: g.permit(
        g.provided, valid_from=g.the_exchange(g.provided).accepted_at + DAY
    ),
    "permitted before it was asked": lambda g: g.permit(
        g.provided, asked_at=g.the_exchange(g.provided).accepted_at + DAY
    ),
}
TWO: dict[str, Break] = {
    "nobody released it": lambda g: g.provision(g.released, released_by=None),
    "nobody withheld it": lambda g: g.provision(g.withheld, released_by=None),
    "one person did both": lambda g: g.provision(g.released, released_by=g.the_provision(g.released).prepared_by),
    "another than the annex says": lambda g: g.provision(g.released, prepared_by="stf_other"),
    "withheld without a reason": lambda g: g.provision(g.withheld, withheld_for=None),
    "someone of another agency": lambda g: replace(g.export, staff={"stf_second": STRANGER}),
    "someone whom the agency does not know": lambda g: replace(
        g.export, staff={"stf_another": g.the_provision(g.released).agency}
    ),
    "automatic although it was held": lambda g: g.provision(g.provided, held_for=("held-person",)),
}
AGENCIES: dict[str, Break] = {
    "a duplicate of nobody": lambda g: replace(g.export, strays=(Stray(STRANGER, "TM00000000000999", 1),)),
    "another office": lambda g: g.inquiry(g.provided, office="0"),
    "another inquirer at the network": lambda g: g.exchange(g.provided, inquirer=STRANGER),
    "another inquirer at the provider": lambda g: g.provision(g.provided, inquirer=STRANGER),
    "an agency that is not served": lambda g: replace(
        g.export, served=g.export.served - {g.the_provision(g.provided).agency}
    ),
    "a record at a stranger": lambda g: g.record(g.provided, Role.INQUIRER, holder=STRANGER),
}
FORGOTTEN: dict[str, Break] = {
    "the code is kept": lambda g: g.exchange(g.provided, code_kept=True),
    "the request is kept": lambda g: g.inquiry(g.provided, request_kept=True),
}

BROKEN: dict[str, dict[str, Break]] = {
    "provided-as-permitted": ASKED,
    "permit-used-once": ONCE,
    "list-published": PUBLISHED,
    "permitted-by-the-list": BY_THE_LIST,
    "one-end": ENDS,
    "open-for-a-reason": OPEN,
    "withdrawn-by-the-inquirer": WITHDRAWN,
    "records-where-due": DUE,
    "records-hold": HOLD,
    "annexes-fit": ANNEXES,
    "answers-fit": ANSWERS,
    "outcomes-agree": OUTCOMES,
    "times-in-order": TIMES,
    "held-by-two": TWO,
    "within-agencies": AGENCIES,
    "forgotten": FORGOTTEN,
}
CASES = [(invariant, name, break_) for invariant, breaks in BROKEN.items() for name, break_ in breaks.items()]


@pytest.mark.parametrize(("invariant", "name", "break_"), CASES, ids=[f"{one[0]}: {one[1]}" for one in CASES])
def test_what_is_broken_in_one_place_is_named(good: Good, invariant: str, name: str, break_: Break) -> None:
    found = judge(break_(good)).violations
    assert invariant in {violation.invariant for violation in found}, name


def test_every_invariant_can_be_broken() -> None:
    assert {invariant.__name__.replace("_", "-") for invariant in INVARIANTS} == set(BROKEN)


def test_what_is_good_holds(good: Good) -> None:
    assert judge(good.export).holds
    counts = judge(good.export).counts
    assert (counts.exchanges, counts.open) == (9, 1)
    assert counts.ended == {"lapsed": 1, "not-provided": 1, "provided": 3, "refused": 2, "withdrawn": 1}


@pytest.mark.parametrize("where", ["in-a-record", "in-a-permit", "in-a-payload"])
def test_a_canary_is_found_wherever_it_stands(good: Good, where: str) -> None:
    office = good.the_inquiry(good.provided).office
    found = judge(good.export, [office]).violations
    assert where in {violation.what for violation in found}
    assert all(office not in str(violation) for violation in found)


async def test_what_moved_while_it_was_read_is_looked_at_again(good: Good) -> None:
    stage = good.stage
    before = await judge_databases(stage.network.db, [stage.intermediary.db], patience=0)
    assert before.holds
    async with stage.network.db.transaction() as conn:
        await conn.execute("UPDATE exchange SET withdrawal_asked = false WHERE txn = $1", good.withdrawn)
    verdict = await judge_databases(stage.network.db, [stage.intermediary.db], patience=0.01)
    assert {violation.invariant for violation in verdict.violations} == {"withdrawn-by-the-inquirer"}


def test_a_number_that_no_exchange_has_is_in_no_view(good: Good) -> None:
    assert new_number() not in good.export.txns
