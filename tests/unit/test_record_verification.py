"""突合: one record on its own, its annex, and the holders' records side by side."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.exchange.jws import SigningKey
from gateway.records import record
from gateway.records.record import NOTHING_D, Role
from gateway.records.verify import (
    Fault,
    FaultCode,
    RecordRefused,
    VerifiedRecord,
    compare_holders,
    verify_annex,
    verify_record,
)
from sympho.codes import AgencyCode
from tests.unit.test_record import ANNEX, ANSWERS, ASKS, FACTS, REFUSED

NETWORK = AgencyCode("0030099000001700")
STRANGER = AgencyCode("0220199900091700")
KEY = {agency: SigningKey.generate(f"{agency}/k1") for agency in (ASKS, NETWORK, ANSWERS, STRANGER)}
KEYS = {key.kid: key.verifying() for key in KEY.values()}


def wire(**changes: Any) -> bytes:
    facts = msgspec.structs.replace(FACTS, annex_prv=record.digest(ANNEX))
    return record.payload(msgspec.structs.replace(facts, **changes))


def signed(payload: bytes, *holders: AgencyCode) -> list[str]:
    return [record.sign_record(payload, KEY[holder]) for holder in holders]


def compared(records: list[str]) -> tuple[Fault, ...]:
    return compare_holders(records, KEYS, NETWORK)


WIRE = wire()
RECORDS = signed(WIRE, ASKS, NETWORK, ANSWERS)


def refused(jws: str) -> Fault:
    with pytest.raises(RecordRefused) as caught:
        verify_record(jws, KEYS, NETWORK)
    return caught.value.fault


def test_each_holders_record_verifies_in_its_own_role() -> None:
    read = [verify_record(jws, KEYS, NETWORK) for jws in RECORDS]
    assert [(one.holder, one.role) for one in read] == [
        (ASKS, Role.INQUIRER),
        (NETWORK, Role.NETWORK),
        (ANSWERS, Role.PROVIDER),
    ]
    assert {one.wire for one in read} == {WIRE}


def test_the_records_of_one_exchange_match_in_any_order() -> None:
    assert compared(RECORDS) == ()
    assert compared(RECORDS[::-1]) == ()


@given(st.integers(0, len(RECORDS[0]) - 1), st.integers(1, 127))
@settings(max_examples=150)
def test_a_record_with_any_one_character_changed_is_refused(place: int, turn: int) -> None:
    jws = RECORDS[0]
    with pytest.raises(RecordRefused):
        verify_record(jws[:place] + chr(ord(jws[place]) ^ turn) + jws[place + 1 :], KEYS, NETWORK)


@given(st.sampled_from(range(3)), st.integers(0, 900), st.integers(1, 127))
@settings(max_examples=60)
def test_no_changed_record_ever_matches_the_others(which: int, place: int, turn: int) -> None:
    jws = RECORDS[which]
    changed = list(RECORDS)
    changed[which] = jws[:place] + chr(ord(jws[place]) ^ turn) + jws[place + 1 :]
    assert compared(changed) != ()


@pytest.mark.parametrize("gone", range(3))
def test_a_holder_without_its_record_is_named(gone: int) -> None:
    left = [jws for n, jws in enumerate(RECORDS) if n != gone]
    assert compared(left) == (Fault(FaultCode.HOLDER_MISSING, tuple(Role)[gone].value),)


def test_a_holder_that_signed_other_bytes_is_found() -> None:
    other = signed(wire(salt=b"x" * 16), ANSWERS)
    assert compared(RECORDS[:2] + other) == (Fault(FaultCode.PAYLOAD_DIFFERS),)


def test_a_signature_that_does_not_hold_is_no_record_of_that_holder() -> None:
    impostor = SigningKey.generate(KEY[ANSWERS].kid)
    assert compared([*RECORDS[:2], record.sign_record(WIRE, impostor)]) == (
        Fault(FaultCode.SIGNATURE_INVALID, ANSWERS, "signature-invalid"),
        Fault(FaultCode.HOLDER_MISSING, "provider"),
    )


def test_two_records_of_one_holder_are_found() -> None:
    assert compared(RECORDS + signed(WIRE, ANSWERS)) == (Fault(FaultCode.HOLDER_TWICE, "provider"),)


def test_a_stranger_has_no_record_of_this_exchange() -> None:
    assert refused(signed(WIRE, STRANGER)[0]).code is FaultCode.HOLDER_UNEXPECTED


def test_who_was_never_notified_has_no_record_of_a_refusal() -> None:
    by_network = wire(**REFUSED, annex_prv=NOTHING_D)
    assert compared(signed(by_network, ASKS, NETWORK)) == ()
    assert refused(signed(by_network, ANSWERS)[0]).code is FaultCode.HOLDER_UNEXPECTED


def test_an_inquirer_that_refused_itself_is_alone_with_its_record() -> None:
    by_inquirer = wire(**REFUSED, annex_prv=NOTHING_D, annex_net=NOTHING_D)
    assert compared(signed(by_inquirer, ASKS)) == ()
    assert refused(signed(by_inquirer, NETWORK)[0]).code is FaultCode.HOLDER_UNEXPECTED


def test_a_good_signature_over_another_form_is_no_record() -> None:
    spaced = KEY[ASKS].sign(record.TYP, b" " + WIRE)
    assert refused(spaced) == Fault(FaultCode.PAYLOAD_MALFORMED, ASKS, "payload-spelling")


def test_nothing_handed_over_is_a_finding_and_no_match() -> None:
    assert compared([]) == (Fault(FaultCode.NOTHING_TO_COMPARE),)


def test_text_that_is_no_record_is_a_finding_and_is_not_repeated() -> None:
    faults = compared([*RECORDS, "secret.number"])
    assert Fault(FaultCode.SIGNATURE_INVALID, "", "not-three-parts") in faults
    assert "secret" not in repr(faults)


# --- annexes --------------------------------------------------------------------------------------------------------


def provider_record() -> VerifiedRecord:
    return verify_record(RECORDS[2], KEYS, NETWORK)


def annex_refused(annex: bytes, of: VerifiedRecord) -> Fault:
    with pytest.raises(RecordRefused) as caught:
        verify_annex(annex, of)
    return caught.value.fault


def test_the_annex_that_the_record_names_is_read() -> None:
    assert verify_annex(ANNEX, provider_record()).persons == (("prepared", "p-1"), ("released", "p-2"))


@given(st.integers(0, len(ANNEX) - 1), st.integers(1, 255))
def test_an_annex_with_any_one_byte_changed_is_refused(place: int, turn: int) -> None:
    changed = bytearray(ANNEX)
    changed[place] ^= turn
    assert annex_refused(bytes(changed), provider_record()).reason == "digest"


def test_one_holders_annex_proves_nothing_for_another() -> None:
    inquirer = verify_record(RECORDS[0], KEYS, NETWORK)
    assert annex_refused(ANNEX, inquirer) == Fault(FaultCode.ANNEX_DIFFERS, ASKS, "digest")


def test_an_annex_that_was_signed_for_but_speaks_of_another_side_is_refused() -> None:
    borrowed = signed(wire(annex_inq=record.digest(ANNEX)), ASKS)[0]
    fault = annex_refused(ANNEX, verify_record(borrowed, KEYS, NETWORK))
    assert fault == Fault(FaultCode.ANNEX_DIFFERS, ASKS, "attribution")
