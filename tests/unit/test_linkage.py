"""The rules of the linkage code: how it is derived, sealed, and how it lives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sympho import linkage
from sympho.codes import AgencyCode, LinkageCode, PersonKey, ResidentCode, UnifiedNumber, check_digit_of_individual
from sympho.issuer import IssuerKeys
from sympho.linkage import BindOutcome, CodeState, HeldEvent, IssueAct, PersonStatus, Unsealable

keys = st.binary(min_size=32, max_size=32)
nonces = st.binary(min_size=12, max_size=12)
agencies = st.text(alphabet="0123456789", min_size=16, max_size=16).map(AgencyCode)
persons = st.binary(min_size=16, max_size=16).map(lambda raw: PersonKey(raw.hex()))
residents = st.text(alphabet="0123456789", min_size=10, max_size=10).map(
    lambda body: ResidentCode(body + check_digit_of_individual(body))
)
generations = st.integers(1, 1_000)

KEY = bytes(range(32))
CITY = AgencyCode("0200399999100000")
PERSON = PersonKey("00112233445566778899aabbccddeeff")


@given(keys, agencies, persons, generations)
def test_a_code_is_the_same_every_time_it_is_derived(
    key: bytes, agency: AgencyCode, person: PersonKey, generation: int
) -> None:
    first = linkage.linkage_code(key, agency, person, generation)
    assert first == linkage.linkage_code(key, agency, person, generation)


@given(keys, st.lists(st.tuples(agencies, persons, generations), min_size=2, max_size=12, unique=True))
def test_agency_person_and_generation_each_make_another_code(
    key: bytes, places: list[tuple[AgencyCode, PersonKey, int]]
) -> None:
    codes = {linkage.linkage_code(key, *place) for place in places}
    assert len(codes) == len(places)


@given(st.lists(keys, min_size=2, max_size=4, unique=True), residents)
def test_another_key_makes_another_person(several: list[bytes], resident: ResidentCode) -> None:
    assert len({linkage.person_key(key, resident) for key in several}) == len(several)
    assert len({linkage.blind_resident(key, resident) for key in several}) == len(several)


def test_the_derivation_stays_what_it_is_because_every_code_in_the_country_hangs_on_it() -> None:
    resident = ResidentCode("0000000000" + check_digit_of_individual("0000000000"))
    assert linkage.person_key(KEY, resident).reveal() == "2631c9f40bc05d8f0bdce5693ab26f1a"
    assert linkage.linkage_code(KEY, CITY, PERSON, 1).reveal() == "209970901c5d456379d78426261115dd"
    assert linkage.substitute_code(KEY, PERSON).reveal() == "c83681716e246e2c6a06d8ccddae13f6"
    assert (
        linkage.blind(KEY, CITY, LinkageCode("0" * 32)).hex()
        == "1d30d175ae92525e4bef78deae707cb5bbb6d5f2b05627b4606fc16f6daafe1b"
    )


@given(st.lists(st.text(max_size=6), max_size=5), st.lists(st.text(max_size=6), max_size=5))
def test_two_places_spell_the_same_bytes_only_when_they_are_the_same(one: list[str], other: list[str]) -> None:
    assert (linkage.place(*one) == linkage.place(*other)) is (one == other)


def test_a_generation_below_the_first_makes_no_code() -> None:
    with pytest.raises(ValueError, match="generations start with 1"):
        linkage.linkage_code(KEY, CITY, PERSON, 0)


@pytest.mark.parametrize("key", [b"", KEY[:16], KEY + b"x"])
def test_a_key_of_another_length_is_refused_everywhere(key: bytes) -> None:
    sealed = linkage.seal(KEY, b"n" * 12, b"place", b"plain")
    with pytest.raises(ValueError, match="32 bytes"):
        linkage.linkage_code(key, CITY, PERSON, 1)
    with pytest.raises(ValueError, match="32 bytes"):
        linkage.seal(key, b"n" * 12, b"place", b"plain")
    with pytest.raises(ValueError, match="32 bytes"):
        linkage.unseal(key, "符号", b"place", sealed)


@given(keys, nonces, st.binary(max_size=40), st.binary(max_size=80))
def test_what_was_sealed_opens_at_its_place(key: bytes, nonce: bytes, where: bytes, plain: bytes) -> None:
    assert linkage.unseal(key, "符号", where, linkage.seal(key, nonce, where, plain)) == plain


@given(st.integers(min_value=0), st.integers(0, 7))
def test_what_was_sealed_and_then_touched_does_not_open(position: int, bit: int) -> None:
    sealed = bytearray(linkage.seal(KEY, b"n" * 12, b"place", b"plain text"))
    sealed[position % len(sealed)] ^= 1 << bit
    with pytest.raises(Unsealable):
        linkage.unseal(KEY, "符号", b"place", bytes(sealed))


@given(st.integers(0, 40))
def test_what_was_cut_short_does_not_open(length: int) -> None:
    sealed = linkage.seal(KEY, b"n" * 12, b"place", b"x" * 12)
    assert len(sealed) == 41
    with pytest.raises(Unsealable):
        linkage.unseal(KEY, "符号", b"place", sealed[:length])


def test_what_was_moved_to_another_person_or_agency_does_not_open() -> None:
    here = linkage.place("held_code", CITY, "0" * 15)
    sealed = linkage.seal(KEY, b"n" * 12, here, b"plain")
    for elsewhere in (
        linkage.place("held_code", CITY, "0" * 14 + "1"),
        linkage.place("held_code", AgencyCode("0200399999200000"), "0" * 15),
        linkage.place("code_acquisition", CITY, "0" * 15),
    ):
        with pytest.raises(Unsealable) as trouble:
            linkage.unseal(KEY, "符号", elsewhere, sealed)
        assert str(trouble.value) == "符号: what is kept does not open at its place"


@given(keys, agencies, st.lists(residents, max_size=5))
def test_many_blind_indices_are_those_of_each(key: bytes, agency: AgencyCode, numbers: list[ResidentCode]) -> None:
    assert linkage.blinds(key, agency, numbers) == [linkage.blind(key, agency, number) for number in numbers]


def test_a_blind_index_tells_agencies_and_keys_apart() -> None:
    number = UnifiedNumber("0" * 15)
    blinds = {
        linkage.blind(key, agency, number)
        for key in (KEY, KEY[::-1])
        for agency in (CITY, AgencyCode("0200399999200000"))
    }
    assert len(blinds) == 4


def test_a_code_goes_from_issued_over_confirmed_to_retired_and_never_back() -> None:
    steps = {(state, then) for state in CodeState for then in CodeState if linkage.may_become(state, then)}
    assert steps == {
        (CodeState.ISSUED, CodeState.CONFIRMED),
        (CodeState.ISSUED, CodeState.RETIRED),
        (CodeState.CONFIRMED, CodeState.RETIRED),
    }
    assert [state for state in CodeState if not linkage.is_live(state)] == [CodeState.RETIRED]


def test_a_request_is_answered_by_the_state_of_the_last_generation() -> None:
    assert {state: linkage.on_request(state) for state in CodeState} == {
        CodeState.ISSUED: IssueAct.SEND,
        CodeState.CONFIRMED: IssueAct.SAY_HELD,
        CodeState.RETIRED: IssueAct.RAISE,
    }


def test_the_status_of_a_person_without_a_code_follows_the_last_event() -> None:
    expected = {
        HeldEvent.ALREADY_HELD: PersonStatus.ALREADY_HELD,
        HeldEvent.RETIRED: PersonStatus.RETIRED,
        HeldEvent.STALE: PersonStatus.RETIRED,
    }
    assert linkage.status_after(None) is PersonStatus.NONE
    for event in HeldEvent:
        assert linkage.status_after(event) is expected.get(event, PersonStatus.NONE)


def test_only_a_code_that_the_agency_really_holds_counts_as_delivered() -> None:
    assert {outcome for outcome in BindOutcome if linkage.is_delivered(outcome)} == {
        BindOutcome.BOUND,
        BindOutcome.HELD,
    }


def test_the_networks_keys_do_not_print_themselves_and_serve_one_purpose_each() -> None:
    five = [bytes([n]) * 32 for n in range(5)]
    assert repr(IssuerKeys(*five)) == "IssuerKeys()"
    with pytest.raises(ValueError, match="two purposes"):
        IssuerKeys(five[0], five[0], *five[2:])
    with pytest.raises(ValueError, match="32 bytes"):
        IssuerKeys(b"short", *five[1:])
