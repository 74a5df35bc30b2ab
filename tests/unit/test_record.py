"""情報提供等記録: the shared payload and the annexes, built once and read strictly."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.exchange.jws import SigningKey
from gateway.exchange.messages import CoarseReason, Inquirer, Outcome, Provider
from gateway.records import record
from gateway.records.record import NOTHING_D, BadRecord, RecordFacts, Role
from sympho.codes import AgencyCode, InformationCode, ItemCode, LinkageCode, ProcedureCode, TaskCode, UnifiedNumber

ASKS, ANSWERS = AgencyCode("0220199900011700"), AgencyCode("0220199900021700")
JST = timezone(timedelta(hours=9))
ASKED = datetime(2024, 5, 1, 9, 0, 0, 999_999, tzinfo=JST)
D = [f"{n:064x}" for n in range(1, 10)]
FACTS = RecordFacts(
    txn="018f3000-0000-7000-8000-000000000001",
    salt=bytes(range(16)),
    kind=Outcome.PROVIDED,
    inq=Inquirer(ASKS, "MUNICIPALITY", "健康課"),
    prv=Provider(ANSWERS, "MUNICIPALITY"),
    task=TaskCode("JM00000000000016"),
    prc=None,
    inf=InformationCode("TM00000000000017"),
    items=(ItemCode("TK00001700000010"), ItemCode("TK00001700000020")),
    asked_at=ASKED,
    ended_at=ASKED + timedelta(milliseconds=7),
    as_of=date(2024, 5, 1),
    list_serial=3,
    list_d=D[0],
    item="16-2:1.1",
    rsn=CoarseReason.NONE,
    req_d=D[1],
    res_d=D[2],
    annex_inq=D[3],
    annex_net=D[4],
    annex_prv=D[5],
)
REFUSED: dict[str, Any] = {"kind": Outcome.REFUSED, "rsn": CoarseReason.NOT_PERMITTED, "res_d": NOTHING_D}
WIRE = record.payload(FACTS)
MOMENTS = st.timedeltas(timedelta(0), timedelta(days=30_000)).map(
    lambda passed: datetime(2015, 10, 5, tzinfo=JST) + passed
)
MEMBERS = [
    *("v", "txn", "salt", "kind", "inq", "prv", "task", "prc", "inf", "items", "asked_at", "ended_at", "as_of"),
    *("list", "list_d", "item", "rsn", "req_d", "res_d", "annex_d"),
]


def payload(**changes: Any) -> bytes:
    return record.payload(msgspec.structs.replace(FACTS, **changes))


def test_the_members_stand_in_the_order_that_the_law_of_the_record_lists() -> None:
    said = json.loads(WIRE)
    assert list(said) == MEMBERS
    assert list(said["inq"]) == ["agency", "kind", "office"]
    assert list(said["prv"]) == ["agency", "kind"]
    assert list(said["annex_d"]) == ["inq", "net", "prv"]


def test_the_payload_is_utf8_without_white_space_and_with_times_in_milliseconds_at_tokyo() -> None:
    said = json.loads(WIRE)
    assert WIRE.decode() == json.dumps(said, ensure_ascii=False, separators=(",", ":"))
    assert said["asked_at"] == "2024-05-01T09:00:00.999+09:00"
    assert said["ended_at"] == "2024-05-01T09:00:01.006+09:00"
    assert said["salt"] == "000102030405060708090a0b0c0d0e0f"


def test_the_same_facts_give_the_same_bytes_whatever_zone_their_times_are_in() -> None:
    assert payload(asked_at=ASKED.astimezone(UTC)) == WIRE


@given(
    asked=MOMENTS,
    took=st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=8)),
    office=st.text(max_size=20),
    items=st.lists(st.integers(0, 99_999_999), unique=True, max_size=30),
    procedure=st.none() | st.integers(0, 10**14 - 1),
)
def test_a_payload_says_exactly_the_facts_that_it_was_made_of(
    asked: datetime, took: timedelta, office: str, items: list[int], procedure: int | None
) -> None:
    named = tuple(ItemCode(f"TK000017{n:08d}") for n in items)
    prc = None if procedure is None else ProcedureCode(f"JT{procedure:014d}")
    inq = Inquirer(ASKS, "MUNICIPALITY", office)
    read = record.parse(payload(asked_at=asked, ended_at=asked + took, inq=inq, items=named, prc=prc))
    assert (read.inq, read.items, read.prc) == (inq, named, prc)
    assert timedelta(0) <= asked - read.asked < timedelta(milliseconds=1)
    assert timedelta(0) <= asked + took - read.ended < timedelta(milliseconds=1)
    assert record.fiscal_year(read.ended) == record.fiscal_year(asked + took)


@given(st.integers(0, len(WIRE) - 1), st.integers(1, 255))
def test_a_payload_with_a_byte_changed_is_another_record_or_none_at_all(place: int, turn: int) -> None:
    changed = bytearray(WIRE)
    changed[place] ^= turn
    try:
        read = record.parse(bytes(changed))
    except BadRecord:
        return
    assert read != record.parse(WIRE)


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        b"{}",
        b"[]",
        WIRE[:-1],
        WIRE + b" ",
        b" " + WIRE,
        WIRE.replace(b'"v":1', b'"v":2'),
        WIRE.replace(b'"v":1,', b""),
        WIRE.replace(b'"v":1,', b'"v":1,"v":1,'),
        WIRE.replace(b'"v":1,', b'"v":1,"note":"x",'),
        WIRE.replace(b'"office":', b'"room":1,"office":'),
        WIRE.replace("健康課".encode(), b"\\u5065\\u5eb7\\u8ab2"),
        WIRE.replace(b"+09:00", b"Z"),
        WIRE.replace(b".999+", b".999000+"),
        WIRE.replace(b"2024-05-01T09:00:00", b"2024-02-30T09:00:00"),
        WIRE.replace(D[1].encode(), b"A" * 64),
        WIRE.replace(b'"kind":"provided"', b'"kind":"held"'),
        WIRE.replace(b'"rsn":"none"', b'"rsn":"protected"'),
    ],
)
def test_bytes_in_any_other_form_or_spelling_are_no_payload(wire: bytes) -> None:
    assert wire != WIRE
    with pytest.raises(BadRecord):
        record.parse(wire)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"txn": "018f3000-0000-4000-8000-000000000001"}, "txn-not-uuid7"),
        ({"txn": "018F3000-0000-7000-8000-000000000001"}, "txn-not-uuid7"),
        ({"ended_at": ASKED - timedelta(seconds=1)}, "time-order"),
        ({"ended_at": ASKED.replace(tzinfo=None)}, "time-naive"),
        ({"salt": b"short"}, "salt-length"),
        ({"rsn": CoarseReason.NOT_PERMITTED}, "reason-differs"),
        ({**REFUSED, "rsn": CoarseReason.BUSY}, "reason-differs"),
        ({**REFUSED, "rsn": CoarseReason.NONE}, "reason-differs"),
        ({"kind": Outcome.NOT_PROVIDED, "rsn": CoarseReason.NOT_PROVIDED}, "answer-digest"),
        ({"res_d": NOTHING_D}, "answer-digest"),
        ({"annex_inq": NOTHING_D}, "annex-inquirer"),
        ({"annex_net": NOTHING_D}, "annex-network"),
        ({"annex_prv": NOTHING_D}, "annex-provider"),
        ({"items": FACTS.items[:1] * 2}, "items-twice"),
        ({"list_d": "x"}, "payload-malformed"),
    ],
)
def test_facts_that_disagree_make_no_record(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(BadRecord) as caught:
        payload(**changes)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("changes", "ender", "holders"),
    [
        ({}, Role.PROVIDER, 3),
        (REFUSED, Role.PROVIDER, 3),
        ({**REFUSED, "annex_prv": NOTHING_D}, Role.NETWORK, 2),
        ({**REFUSED, "annex_prv": NOTHING_D, "annex_net": NOTHING_D, "req_d": NOTHING_D}, Role.INQUIRER, 1),
    ],
)
def test_the_payload_itself_tells_who_ended_and_who_must_have_a_record(
    changes: dict[str, Any], ender: Role, holders: int
) -> None:
    read = record.parse(payload(**changes))
    assert record.ended_by(read) is ender
    assert record.holders(read) == tuple(Role)[:holders]


def test_withheld_and_nothing_held_read_alike() -> None:
    ending: dict[str, Any] = {"kind": Outcome.NOT_PROVIDED, "rsn": CoarseReason.NOT_PROVIDED, "res_d": NOTHING_D}
    withheld = json.loads(payload(**ending, annex_prv=D[7]))
    nothing = json.loads(payload(**ending, annex_prv=D[8]))
    assert {name for name in withheld if withheld[name] != nothing[name]} == {"annex_d"}
    assert len(json.dumps(withheld)) == len(json.dumps(nothing))


def test_a_record_longer_than_a_log_entry_is_not_signed() -> None:
    with pytest.raises(BadRecord, match="record-too-long"):
        record.sign_record(b"0" * 60_000, SigningKey.generate(f"{ASKS}/k1"))


@pytest.mark.parametrize(
    ("ended_at", "year"),
    [
        (datetime(2024, 3, 31, 23, 59, 59, 999_999, tzinfo=JST), 2023),
        (datetime(2024, 4, 1, 0, 0, tzinfo=JST), 2024),
        (datetime(2024, 3, 31, 15, 0, tzinfo=UTC), 2024),
        (datetime(2024, 12, 31, 23, 0, tzinfo=UTC), 2024),
        (datetime(2025, 1, 1, 0, 0, tzinfo=JST), 2024),
    ],
)
def test_a_fiscal_year_begins_in_april_in_tokyo(ended_at: datetime, year: int) -> None:
    assert record.fiscal_year(ended_at) == year


@given(MOMENTS)
def test_no_record_may_go_before_it_is_seven_years_old(ended_at: datetime) -> None:
    free = record.retained_until(ended_at)
    seven_years_on = date(ended_at.year + 7, ended_at.month, min(ended_at.day, 28))
    assert seven_years_on < free
    assert (free.month, free.day) == (4, 1)
    assert free.year - ended_at.year <= 8


# --- annexes --------------------------------------------------------------------------------------------------------

PERSON = UnifiedNumber("123456789012345")
ANNEX = record.provider_annex(
    txn=FACTS.txn,
    salt=bytes(16),
    holder=ANSWERS,
    mark=True,
    reasons=("no-automatic-answer",),
    persons=(("prepared", "p-1"), ("released", "p-2")),
    withheld="",
    subject_c=record.subject_commitment(b"o" * 16, PERSON),
)


def test_an_annex_comes_back_and_names_exchange_role_and_holder() -> None:
    read = record.parse_annex(ANNEX)
    assert (read.txn, read.role, read.holder, read.mark) == (FACTS.txn, Role.PROVIDER, ANSWERS, True)
    assert read.persons == (("prepared", "p-1"), ("released", "p-2"))


def test_an_annex_does_not_name_the_person() -> None:
    assert PERSON.reveal().encode() not in ANNEX


def test_the_commitment_opens_to_one_person_of_one_kind_only() -> None:
    same = record.subject_commitment(b"o" * 16, PERSON)
    assert record.parse_annex(ANNEX).subject_c == same
    assert record.subject_commitment(b"p" * 16, PERSON) != same
    assert record.subject_commitment(b"o" * 16, UnifiedNumber("123456789012346")) != same
    assert record.subject_commitment(b"o" * 16, LinkageCode("0" * 32)) != same


def test_two_annexes_that_say_the_same_have_different_digests() -> None:
    first, second = (
        record.network_annex(txn=FACTS.txn, salt=bytes([n]) * 16, holder=ASKS, reasons=(), subject_c="") for n in (1, 2)
    )
    assert record.digest(first) != record.digest(second)


def test_the_inquirers_annex_keeps_its_mark_and_who_asked() -> None:
    annex = record.inquirer_annex(
        txn=FACTS.txn, salt=bytes(16), holder=ASKS, mark=True, reasons=(), persons=(("asked", "p-9"),), subject_c=""
    )
    read = record.parse_annex(annex)
    assert (read.role, read.mark, read.persons, read.withheld) == (Role.INQUIRER, True, (("asked", "p-9"),), "")


@pytest.mark.parametrize(
    "wire", [b"", b"{}", ANNEX + b" ", ANNEX[:-1] + b',"more":1}', ANNEX.replace(b'"v":1', b'"v":2')]
)
def test_an_annex_in_any_other_form_is_none(wire: bytes) -> None:
    with pytest.raises(BadRecord):
        record.parse_annex(wire)
