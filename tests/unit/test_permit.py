"""情報提供許可証: signed by the network, bound to both parties, one person, one question and a time."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.exchange import permit as permits
from gateway.exchange.jws import JwsRefused, SigningKey
from gateway.exchange.messages import Inquirer, Permit, PermitRequest, Provider, encode
from gateway.exchange.permit import BadPermit, PermitFault
from sympho.codes import AgencyCode, InformationCode, ItemCode, LinkageCode, TaskCode

ASKS, ANSWERS = AgencyCode("0220199900011700"), AgencyCode("0220199900021700")
NETWORK = SigningKey.generate("0030099900001700/k1")
KEYS = {NETWORK.kid: NETWORK.verifying()}
CODE, OTHER_CODE = LinkageCode("0123456789abcdef" * 2), LinkageCode("fedcba9876543210" * 2)
NOW = datetime(2024, 5, 1, 9, 0, 0, 123_456, tzinfo=timezone(timedelta(hours=9)))
TXN = "018f3000-0000-7000-8000-000000000001"
D = [f"{n:064x}" for n in range(10)]

REQUEST = PermitRequest(
    v=1,
    txn=TXN,
    inquirer=ASKS,
    office="健康課",
    provider=ANSWERS,
    task=TaskCode("JM00000000000016"),
    procedure=None,
    information=InformationCode("TM00000000000017"),
    items=(ItemCode("TK00001700000010"),),
    code=OTHER_CODE,
    asked_at=NOW,
    consent=False,
    annex_d=D[1],
)
REQUEST_D = hashlib.sha256(encode(REQUEST)).hexdigest()
SALT = "ab" * 16
PERMIT = Permit(
    v=1,
    permit="018f3000-0000-7000-8000-000000000002",
    txn=TXN,
    inq=Inquirer(ASKS, "MUNICIPALITY", "健康課"),
    prv=Provider(ANSWERS, "MUNICIPALITY"),
    task=REQUEST.task,
    prc=None,
    inf=REQUEST.information,
    items=REQUEST.items,
    item="16-2:1.1",
    list=3,
    list_d=D[2],
    as_of=date(2024, 5, 1),
    asked_at=NOW,
    consent=False,
    valid_from=NOW,
    valid_until=NOW + timedelta(days=7),
    routes=("",),
    sealing_d=D[3],
    req_d=REQUEST_D,
    annex_inq=D[1],
    annex_net=D[4],
    code_salt=SALT,
    code_d=permits.code_digest(SALT, CODE),
)


def with_(**changes: Any) -> Permit:
    return msgspec.structs.replace(PERMIT, **changes)


def faults(permit: Permit, **changes: Any) -> tuple[PermitFault, ...]:
    given_: dict[str, Any] = {"audience": ANSWERS, "txn": TXN, "notified_at": NOW, "code": CODE, **changes}
    return permits.check_permit(permit, **given_)


def test_a_permit_comes_back_as_it_was_signed() -> None:
    assert permits.verify_permit(permits.sign_permit(PERMIT, NETWORK), KEYS) == PERMIT


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=9))])))
def test_any_aware_time_survives_the_permit(at: datetime) -> None:
    token = permits.sign_permit(with_(asked_at=at), NETWORK)
    assert permits.verify_permit(token, KEYS).asked_at == at


def test_a_permit_of_anybody_but_the_network_is_refused() -> None:
    agency = SigningKey.generate(f"{ASKS}/k1")
    with pytest.raises(JwsRefused, match="kid-unknown"):
        permits.verify_permit(permits.sign_permit(PERMIT, agency), KEYS)


def test_something_else_that_the_network_signed_is_no_permit() -> None:
    with pytest.raises(JwsRefused, match="typ-differs"):
        permits.verify_permit(NETWORK.sign("kiroku+jws", encode(PERMIT)), KEYS)
    with pytest.raises(BadPermit):
        permits.verify_permit(NETWORK.sign(permits.TYP, b"{}"), KEYS)
    with pytest.raises(BadPermit):
        permits.verify_permit(NETWORK.sign(permits.TYP, encode(PERMIT)[:-1] + b',"more":1}'), KEYS)
    with pytest.raises(BadPermit):
        permits.verify_permit(NETWORK.sign(permits.TYP, b" " + encode(PERMIT)), KEYS)


def test_the_permit_names_neither_agencys_code_for_the_person() -> None:
    wire = encode(PERMIT).decode()
    assert CODE.reveal() not in wire
    assert OTHER_CODE.reveal() not in wire


def test_the_same_code_under_two_salts_has_two_digests() -> None:
    assert permits.code_digest("00" * 16, CODE) != permits.code_digest("01" * 16, CODE)


def test_a_permit_for_this_provider_this_person_and_this_moment_has_no_fault() -> None:
    assert faults(PERMIT) == ()


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"audience": ASKS}, PermitFault.AUDIENCE),
        ({"txn": TXN[:-1] + "9"}, PermitFault.EXCHANGE),
        ({"code": OTHER_CODE}, PermitFault.CODE),
        ({"notified_at": NOW - timedelta(microseconds=1)}, PermitFault.EARLY),
        ({"notified_at": NOW + timedelta(days=7)}, PermitFault.LATE),
    ],
)
def test_each_way_of_misusing_a_permit_is_named(changes: dict[str, Any], fault: PermitFault) -> None:
    assert faults(PERMIT, **changes) == (fault,)


def test_a_permit_holds_until_just_before_its_end() -> None:
    assert faults(PERMIT, notified_at=PERMIT.valid_until - timedelta(microseconds=1)) == ()


def test_several_faults_are_all_named() -> None:
    assert faults(with_(v=2), audience=ASKS, code=OTHER_CODE) == (
        PermitFault.VERSION,
        PermitFault.AUDIENCE,
        PermitFault.CODE,
    )


def test_a_permit_without_any_validity_is_a_fault_of_its_own() -> None:
    assert PermitFault.VALIDITY in faults(with_(valid_until=PERMIT.valid_from))


def test_a_salt_that_is_no_salt_is_another_person_and_no_crash() -> None:
    assert faults(with_(code_salt="zz")) == (PermitFault.CODE,)


def test_a_permit_that_grants_what_was_asked_has_no_fault() -> None:
    assert permits.check_grant(PERMIT, REQUEST, request_d=REQUEST_D, sealing_d=D[3], now=NOW) == ()


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"txn": TXN[:-1] + "9"}, PermitFault.EXCHANGE),
        ({"req_d": D[9]}, PermitFault.REQUEST),
        ({"inq": Inquirer(ASKS, "MUNICIPALITY", "税務課")}, PermitFault.INQUIRER),
        ({"inq": Inquirer(ANSWERS, "MUNICIPALITY", "健康課")}, PermitFault.INQUIRER),
        ({"prv": Provider(ASKS, "MUNICIPALITY")}, PermitFault.PROVIDER),
        ({"task": TaskCode("JM00000000000099")}, PermitFault.SCOPE),
        ({"inf": InformationCode("TM00000000000099")}, PermitFault.SCOPE),
        ({"items": ()}, PermitFault.SCOPE),
        ({"consent": True}, PermitFault.SCOPE),
        ({"sealing_d": D[9]}, PermitFault.SEALING_KEY),
        ({"annex_inq": D[9]}, PermitFault.ANNEX),
        ({"valid_until": NOW, "valid_from": NOW - timedelta(days=1)}, PermitFault.LATE),
    ],
)
def test_each_way_of_granting_something_else_is_named(changes: dict[str, Any], fault: PermitFault) -> None:
    granted = with_(**changes)
    assert permits.check_grant(granted, REQUEST, request_d=REQUEST_D, sealing_d=D[3], now=NOW) == (fault,)
