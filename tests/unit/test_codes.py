"""Codes and their check digits: what is a code, what is not, and what the rule cannot see."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sympho.codes import (
    AcquisitionNumber,
    AddresseeNumber,
    AgencyCode,
    BadCode,
    IndividualNumber,
    InformationCode,
    LinkageCode,
    PersonalNumber,
    ResidentCode,
    SystemCode,
    TaskCode,
    UnifiedNumber,
    check_digit_of_individual,
    check_digit_of_local_government,
)

WEIGHTS = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
"""命令5条, written out from the left: an independent reading of the rule."""


def remainder(body: str) -> int:
    return sum(int(digit) * weight for digit, weight in zip(body, WEIGHTS, strict=True)) % 11


bodies = st.text(alphabet="0123456789", min_size=11, max_size=11)


def test_the_published_example_of_an_individual_number_is_accepted() -> None:
    assert IndividualNumber("123456789018").reveal() == "123456789018"


@given(bodies)
def test_exactly_one_check_digit_fits_each_body(body: str) -> None:
    fitting = [digit for digit in "0123456789" if not IndividualNumber.broken_rule(body + digit)]
    expected = 11 - remainder(body)
    assert fitting == [str(expected if expected < 10 else 0)]


@given(bodies, st.integers(0, 11), st.integers(1, 9))
def test_every_change_of_one_digit_that_the_rule_can_see_is_refused(body: str, place: int, shift: int) -> None:
    valid = body + check_digit_of_individual(body)
    digit = str((int(valid[place]) + shift) % 10)
    changed = valid[:place] + digit + valid[place + 1 :]
    unseen = place < 11 and {remainder(body), remainder(changed[:11])} == {0, 1}
    assert bool(IndividualNumber.broken_rule(changed)) is not unseen


@given(st.text(alphabet="0123456789", min_size=10, max_size=10), st.integers(1, 9))
def test_a_resident_code_with_a_wrong_check_digit_is_refused(body: str, shift: int) -> None:
    check = check_digit_of_individual(body)
    assert not ResidentCode.broken_rule(body + check)
    assert ResidentCode.broken_rule(body + str((int(check) + shift) % 10))


@given(bodies)
def test_a_number_that_is_completed_is_its_digits_with_the_check_digit_that_fits(body: str) -> None:
    assert IndividualNumber.completed(body) == IndividualNumber(body + check_digit_of_individual(body))
    shorter = body[1:]
    assert ResidentCode.completed(shorter) == ResidentCode(shorter + check_digit_of_individual(shorter))


@pytest.mark.parametrize("kind", [IndividualNumber, ResidentCode])
@pytest.mark.parametrize("digits", ["", "4321", "9" * 13, "4321987650a", "4321 987650", "４３２１９８７６５０１"])
def test_what_is_not_exactly_the_digits_before_a_check_digit_is_not_completed(
    kind: type[IndividualNumber | ResidentCode], digits: str
) -> None:
    with pytest.raises(BadCode) as refused:
        kind.completed(digits)
    assert not digits or digits not in str(refused.value)


@pytest.mark.parametrize(
    ("first_digits", "check"),
    [("13101", "6"), ("01100", "2"), ("27100", "4"), ("14100", "3"), ("47201", "8"), ("23100", "2")],
)
def test_the_sixth_digit_of_real_local_government_codes_is_found(first_digits: str, check: str) -> None:
    assert check_digit_of_local_government(first_digits) == check


@pytest.mark.parametrize(
    ("kind", "good"),
    [
        (AcquisitionNumber, "01234567890123456789"),
        (AddresseeNumber, "A1"),
        (IndividualNumber, "123456789018"),
        (LinkageCode, "0123456789abcdef" * 2),
        (ResidentCode, "0000000000" + check_digit_of_individual("0000000000")),
        (UnifiedNumber, "012345678901234"),
    ],
)
def test_a_number_has_its_exact_length_and_half_width_digits(kind: type[PersonalNumber], good: str) -> None:
    full_width = good.translate({ord(c): ord(c) + 0xFEE0 for c in "0123456789"})
    assert kind(good).reveal() == good
    for bad in ("", good + "0" * 15, " " + good[1:], good[:-1] + "\n", full_width, good[:-1] + "-"):
        with pytest.raises(BadCode):
            kind(bad)


def test_public_codes_are_strings_with_their_prefix_and_length() -> None:
    assert TaskCode("JM00000000000010") == "JM00000000000010"
    assert SystemCode("032") == "032"
    for bad in ("JT00000000000010", "JM0000000000001", "jm00000000000010", ""):
        with pytest.raises(BadCode):
            TaskCode(bad)


def test_an_agency_code_shows_its_kind_and_its_local_government() -> None:
    agency = AgencyCode("0200313101600000")
    assert (agency.kind_prefix, agency.local_government) == ("02003", "131016")


def test_a_minted_information_number_is_marked_as_ours() -> None:
    assert InformationCode("TM90000000000001").is_ours
    assert not InformationCode("TM00000000000001").is_ours


def test_a_personal_number_without_a_kind_cannot_be_made() -> None:
    assert PersonalNumber.__abstractmethods__ == {"broken_rule"}
    with pytest.raises(TypeError):
        type("Nameless", (PersonalNumber,), {})("123456789018")


def test_numbers_of_different_kinds_are_never_equal_even_with_the_same_text() -> None:
    class Other(UnifiedNumber):
        kind = "別の番号"
        __slots__ = ()

    assert UnifiedNumber("0" * 15) == UnifiedNumber("0" * 15)
    assert UnifiedNumber("0" * 15) != Other("0" * 15)
    assert UnifiedNumber("0" * 15) != "0" * 15
    assert len({UnifiedNumber("0" * 15), UnifiedNumber("0" * 15), Other("0" * 15)}) == 2


def test_a_number_does_not_change() -> None:
    number = UnifiedNumber("0" * 15)
    with pytest.raises(AttributeError):
        number._text = "1" * 15
    with pytest.raises(AttributeError):
        del number._text
    assert number.reveal() == "0" * 15
