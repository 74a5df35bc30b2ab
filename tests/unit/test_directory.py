"""機関の名簿: signed by the network, never taken back, and the facts that decisions read off it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.exchange import directory as directories
from gateway.exchange.directory import (
    Acceptance,
    BadDirectory,
    Directory,
    DirectoryEntry,
    OrdinanceEntry,
    ValidWindow,
)
from gateway.exchange.jws import Jwk, JwsRefused, SigningKey
from gateway.exchange.messages import encode
from gateway.exchange.sealing import BadSealingKey, SealingKey
from sympho.codes import AgencyCode, InformationCode, TaskCode

NETWORK = AgencyCode("0030099000001700")
CITY, TOWN = AgencyCode("0220199900011700"), AgencyCode("0220199900021700")
NETWORK_KEY = SigningKey.generate(f"{NETWORK}/k1")
CITY_KEY = SigningKey.generate(f"{CITY}/k1")
SEALING = SealingKey.generate().public()
TASK, LOCAL = TaskCode("JM00000000000016"), TaskCode("JM90000000000001")
INFORMATION = InformationCode("TM00000000000017")
TRUSTED = {NETWORK_KEY.kid: NETWORK_KEY.verifying()}

ENTRY = DirectoryEntry(
    code=CITY,
    name="架空市",
    kinds=("MUNICIPALITY",),
    valid=(
        ValidWindow(date(2015, 10, 5), date(2018, 3, 31)),
        ValidWindow(date(2018, 4, 10), None),
    ),
    keys=(CITY_KEY.jwk(),),
    sealing=SEALING.to_text(),
    assessments={str(TASK): date(2016, 1, 1), str(INFORMATION): date(2017, 1, 1)},
    ordinances=(OrdinanceEntry(LOCAL, TASK, (INFORMATION,), date(2017, 1, 1), None),),
    excluded=(INFORMATION,),
)
EDITION = Directory(
    v=1,
    serial=5,
    issued_at=datetime(2024, 5, 1, 9, tzinfo=timezone(timedelta(hours=9))),
    list=3,
    list_d="0" * 64,
    network=NETWORK,
    network_keys=(NETWORK_KEY.jwk(),),
    entries=(ENTRY, DirectoryEntry(code=TOWN, name="架空町", kinds=("MUNICIPALITY",), valid=())),
)


def edition(**changes: Any) -> Directory:
    return msgspec.structs.replace(EDITION, **changes)


def city(**changes: Any) -> Directory:
    return edition(entries=(msgspec.structs.replace(ENTRY, **changes),))


def as_given(kinds: Iterable[str]) -> frozenset[str]:
    return frozenset(kinds)


def test_a_directory_comes_back_as_it_was_signed() -> None:
    assert directories.verify_directory(directories.sign_directory(EDITION, NETWORK_KEY), TRUSTED) == EDITION


def test_a_directory_of_anybody_but_the_trusted_network_is_refused() -> None:
    with pytest.raises(JwsRefused, match="kid-unknown"):
        directories.verify_directory(directories.sign_directory(EDITION, CITY_KEY), TRUSTED)
    impostor = SigningKey.generate(NETWORK_KEY.kid)
    with pytest.raises(JwsRefused, match="signature-invalid"):
        directories.verify_directory(directories.sign_directory(EDITION, impostor), TRUSTED)


def test_what_the_network_signed_in_another_form_is_no_directory() -> None:
    for payload in (b"{}", encode(EDITION) + b" ", encode(EDITION)[:-1] + b',"more":1}'):
        with pytest.raises(BadDirectory):
            directories.verify_directory(NETWORK_KEY.sign(directories.TYP, payload), TRUSTED)


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (edition(entries=EDITION.entries[::-1]), "entries-order"),
        (edition(entries=(ENTRY, ENTRY)), "entries-order"),
        (edition(network=CITY), "network-unnamed"),
        (edition(network_keys=()), "network-unnamed"),
        (edition(network_keys=(CITY_KEY.jwk(),)), "key-of-another"),
        (city(keys=(NETWORK_KEY.jwk(),)), "key-of-another"),
        (city(keys=(CITY_KEY.jwk(), CITY_KEY.jwk())), "key-twice"),
        (city(keys=(Jwk(kid=CITY_KEY.kid, x="AA", y="AA"),)), "key-malformed"),
        (city(sealing="AAAA"), "key-malformed"),
        (city(assessments={"file": date(2016, 1, 1)}), "assessment-of-no-file"),
    ],
)
def test_a_directory_that_breaks_a_rule_is_neither_signed_nor_accepted(broken: Directory, code: str) -> None:
    with pytest.raises(BadDirectory) as at_the_network:
        directories.sign_directory(broken, NETWORK_KEY)
    with pytest.raises(BadDirectory) as at_the_receiver:
        directories.verify_directory(NETWORK_KEY.sign(directories.TYP, encode(broken)), TRUSTED)
    assert at_the_network.value.code == at_the_receiver.value.code == code


def test_each_holders_keys_are_found_and_no_others() -> None:
    assert set(EDITION.keys_of(CITY)) == {CITY_KEY.kid}
    assert set(EDITION.keys_of(TOWN)) == set(EDITION.keys_of(NETWORK)) == set()
    assert set(EDITION.network_verifying) == {NETWORK_KEY.kid}
    assert set(EDITION.verifying) == {CITY_KEY.kid, NETWORK_KEY.kid}


def test_an_agency_that_has_made_no_sealing_key_known_cannot_be_answered() -> None:
    assert EDITION.entry(CITY).sealing_thumbprint == SEALING.thumbprint()
    assert EDITION.find(NETWORK) is None
    with pytest.raises(BadSealingKey):
        _ = EDITION.entry(TOWN).sealing_thumbprint


# --- which edition may follow ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("candidate", "acceptance"),
    [
        (EDITION, Acceptance.SAME),
        (edition(serial=6), Acceptance.NEWER),
        (edition(serial=6, list=4, list_d="1" * 64), Acceptance.NEWER),
        (edition(serial=6, issued_at=EDITION.issued_at - timedelta(days=3000)), Acceptance.NEWER),
        (edition(serial=4), Acceptance.ROLLBACK),
        (city(name="別市"), Acceptance.FORK),
        (edition(serial=6, list=2), Acceptance.LIST_ROLLBACK),
        (edition(serial=6, list_d="1" * 64), Acceptance.LIST_FORK),
        (edition(serial=6, network=TOWN), Acceptance.OTHER_NETWORK),
    ],
)
def test_which_edition_may_follow_another_is_said_by_name(candidate: Directory, acceptance: Acceptance) -> None:
    assert directories.accept(EDITION, candidate) is acceptance
    assert acceptance.taken == (acceptance in {Acceptance.SAME, Acceptance.NEWER})


def test_the_first_edition_is_taken_whatever_its_serial() -> None:
    assert directories.accept(None, EDITION) is Acceptance.FIRST
    assert Acceptance.FIRST.taken


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(0, 5)), min_size=1, max_size=30))
def test_whatever_arrives_in_whatever_order_the_serials_held_never_go_backwards(serials: list[tuple[int, int]]) -> None:
    held: Directory | None = None
    for serial, list_serial in serials:
        candidate = edition(serial=serial, list=list_serial)
        if directories.accept(held, candidate).taken:
            assert held is None or (held.serial <= candidate.serial and held.list <= candidate.list)
            held = candidate
    assert held is not None


# --- facts ----------------------------------------------------------------------------------------------------------


def test_the_decision_reads_off_an_entry_what_it_declares() -> None:
    facts = directories.agency_facts(ENTRY, as_given)
    assert facts.kinds == {"MUNICIPALITY"}
    assert facts.assessments == {TASK: date(2016, 1, 1), INFORMATION: date(2017, 1, 1)}
    assert facts.ordinance_tasks[LOCAL].mirrors == TASK
    assert facts.ordinance_limit == {INFORMATION}
    assert [facts.in_force(date(2018, month, day)) for month, day in ((3, 31), (4, 1), (4, 10))] == [True, False, True]


def test_kinds_are_closed_by_the_list_and_not_by_the_directory() -> None:
    facts = directories.facts_of(EDITION, lambda kinds: frozenset((*kinds, "WIDER")))
    assert {code: fact.kinds for code, fact in facts.items()} == {
        CITY: {"MUNICIPALITY", "WIDER"},
        TOWN: {"MUNICIPALITY", "WIDER"},
    }


def test_a_declared_kind_that_the_code_does_not_bear_out_is_only_pointed_at() -> None:
    prefixes = {"MUNICIPALITY": {"02201"}, "PREFECTURE": {"02101"}, "UNNUMBERED": set[str]()}
    odd = msgspec.structs.replace(ENTRY, kinds=("MUNICIPALITY", "PREFECTURE", "UNNUMBERED", "UNKNOWN"))
    assert directories.odd_kinds(ENTRY, prefixes) == ()
    assert directories.odd_kinds(odd, prefixes) == ("PREFECTURE",)
