"""A number that points at a person never prints itself, and a refusal never quotes what it refused."""

from __future__ import annotations

import copy
import io
import json
import logging
import pprint
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
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
    ItemCode,
    LinkageCode,
    PersonalNumber,
    PersonKey,
    ProcedureCode,
    ResidentCode,
    SubstituteCode,
    SystemCode,
    TaskCode,
    UnifiedNumber,
    check_digit_of_individual,
    decode_hook,
    encode_hook,
)

SECRETS: tuple[PersonalNumber, ...] = (
    AcquisitionNumber("90817263549081726354"),
    AddresseeNumber("A90817263"),
    IndividualNumber("123456789018"),
    LinkageCode("0f1e2d3c4b5a69788796a5b4c3d2e1f0"),
    PersonKey("1f1e2d3c4b5a69788796a5b4c3d2e1f0"),
    ResidentCode("9081726354" + check_digit_of_individual("9081726354")),
    SubstituteCode("2f1e2d3c4b5a69788796a5b4c3d2e1f0"),
    UnifiedNumber("908172635490817"),
)

every_secret = pytest.mark.parametrize("number", SECRETS, ids=lambda number: type(number).__name__)


@dataclass(frozen=True)
class Holder:
    number: PersonalNumber
    note: str


WAYS_TO_PRINT: dict[str, Callable[[PersonalNumber], str]] = {
    "repr": repr,
    "str": str,
    "format": format,
    "format with a width": lambda number: format(number, ">40"),
    "f-string": lambda number: f"{number} {number!r} {number!s} {number:>3}",
    "percent": lambda number: str.__mod__("%s %r", (number, number)),
    "str.format": lambda number: str.format("{0} {0!r} {0.kind}", number),
    "ascii": ascii,
    "in a list": lambda number: str([number, (number,), {number: number}, {number}]),
    "pprint": lambda number: pprint.pformat({"n": [number]}),
    "dataclass": lambda number: repr(Holder(number, "x")),
    "dir": lambda number: " ".join(dir(number)),
}


@every_secret
@pytest.mark.parametrize("way", WAYS_TO_PRINT)
def test_no_way_of_printing_shows_a_personal_number(number: PersonalNumber, way: str) -> None:
    assert number.reveal() not in WAYS_TO_PRINT[way](number)


@every_secret
def test_no_log_line_shows_a_personal_number(number: PersonalNumber) -> None:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    logger = logging.getLogger("sympho.hiding")
    logger.addHandler(handler)
    try:
        logger.warning("asked for %s and %r", number, [number])
    finally:
        logger.removeHandler(handler)
    assert "asked for" in out.getvalue()
    assert number.reveal() not in out.getvalue()


@every_secret
def test_no_traceback_of_something_that_holds_it_shows_a_personal_number(number: PersonalNumber) -> None:
    holder = Holder(number, "x")
    nobody: dict[tuple[Holder, PersonalNumber], str] = {}
    with pytest.raises(KeyError) as trouble:
        nobody[holder, number]
    shown = "".join(traceback.TracebackException.from_exception(trouble.value, capture_locals=True).format())
    assert "KeyError" in shown
    assert number.reveal() not in shown


@every_secret
def test_no_encoder_error_shows_a_personal_number(number: PersonalNumber) -> None:
    with pytest.raises(TypeError) as plain:
        json.dumps({"n": number})
    with pytest.raises(TypeError) as packed:
        msgspec.json.encode({"n": number})
    assert number.reveal() not in str(plain.value) + str(packed.value)


@every_secret
def test_the_sealed_door_carries_a_personal_number_and_gives_the_same_one_back(number: PersonalNumber) -> None:
    wire = msgspec.json.encode([number], enc_hook=encode_hook)
    assert wire == json.dumps([number.reveal()]).encode()
    decoder: msgspec.json.Decoder[object] = msgspec.json.Decoder(type(number), dec_hook=decode_hook)
    assert decoder.decode(wire[1:-1]) == number


@every_secret
def test_a_copy_of_a_personal_number_is_equal_and_hides_as_well(number: PersonalNumber) -> None:
    rebuild, arguments = number.__reduce__()
    for twin in (copy.copy(number), copy.deepcopy(number), rebuild(*arguments)):
        assert twin == number
        assert repr(twin) == repr(number)


KINDS = (
    *(type(number) for number in SECRETS),
    AgencyCode,
    InformationCode,
    ItemCode,
    ProcedureCode,
    SystemCode,
    TaskCode,
)


@given(st.sampled_from(KINDS), st.text(alphabet="0123456789abcdefgJMTK-あ", min_size=41, max_size=60))
def test_a_refusal_names_the_kind_and_never_quotes_the_text(kind: type[PersonalNumber | AgencyCode], text: str) -> None:
    with pytest.raises(BadCode) as refusal:
        kind(text)
    assert refusal.value.kind == kind.kind
    assert text not in str(refusal.value) + repr(refusal.value)


@given(st.text(alphabet="0123456789", min_size=11, max_size=11), st.integers(1, 9))
def test_a_message_with_a_bad_number_is_refused_without_quoting_it(body: str, shift: int) -> None:
    text = body + str((int(check_digit_of_individual(body)) + shift) % 10)
    decoder = msgspec.json.Decoder(list[IndividualNumber], dec_hook=decode_hook)
    with pytest.raises(msgspec.ValidationError) as refusal:
        decoder.decode(json.dumps([text]))
    assert text not in "".join(traceback.format_exception(refusal.value))
    assert "個人番号" in str(refusal.value)


def test_a_message_with_a_number_that_is_no_text_is_refused_without_quoting_it() -> None:
    decoder = msgspec.json.Decoder(list[IndividualNumber], dec_hook=decode_hook)
    with pytest.raises(msgspec.ValidationError) as refusal:
        decoder.decode("[123456789018]")
    assert "123456789018" not in str(refusal.value)


def test_a_type_that_has_no_wire_form_is_our_bug_and_not_the_senders() -> None:
    with pytest.raises(RuntimeError):
        encode_hook(object())
    with pytest.raises(RuntimeError):
        decode_hook(complex, "1")
