"""Problems: a closed table, documents as RFC 9457 has them, and never a person in one."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.problems import (
    PROBLEMS,
    Busy,
    Conflict,
    FieldError,
    Problem,
    encode,
    full_width,
    official_message,
    received,
)
from sympho.codes import AgencyCode, IndividualNumber, InformationCode, LinkageCode, UnifiedNumber

INSTANCE = "0b6f2c1e-6f57-4f0e-9f5e-1c6a0c1d2e3f"

PROMISED = [
    "malformed-request",
    "malformed-body",
    "invalid-field",
    "unknown-code",
    "unauthenticated",
    "token-expired",
    "token-invalid",
    "session-revoked",
    "revocation-feed-lost",
    "wrong-duty",
    "wrong-principal",
    "wrong-agency",
    "not-found",
    "method-not-allowed",
    "idempotency-key-missing",
    "idempotency-conflict",
    "exchange-conflict",
    "wrong-state",
    "four-eyes",
    "busy",
    "too-large",
    "unsupported-media-type",
    "not-acceptable",
    "account-locked",
    "second-factor-required",
    "reauthentication-required",
    "credentials-refused",
    "password-refused",
    "duties-conflict",
    "code-not-held",
    "list-not-permitted",
    "permit-invalid",
    "permit-unknown",
    "answer-invalid",
    "changed-since-prepared",
    "notice-invalid",
    "clock-skew",
    "database-unavailable",
    "disk-full",
    "nobody-to-join",
    "network-unavailable",
    "directory-stale",
    "not-ready",
    "list-stale",
    "list-refused",
    "conflict",
    "internal",
]


def document(problem: Problem) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(encode(problem.body(INSTANCE)))
    return made


def test_the_table_holds_the_promised_slugs_and_no_other() -> None:
    assert set(PROBLEMS) == set(PROMISED)
    with pytest.raises(ValueError, match="closed table"):
        Problem("something-else")


@pytest.mark.parametrize("slug", PROMISED)
def test_every_problem_says_in_both_languages_what_is_wrong_and_what_to_do(slug: str) -> None:
    made = document(Problem(slug))
    assert made["type"] == f"urn:sympho:problem:{slug}"
    assert made["instance"] == f"urn:uuid:{INSTANCE}"
    assert 400 <= made["status"] < 600
    for name in ("title", "advice"):
        assert any(ord(letter) > 0x3000 for letter in made[name])
        assert made[f"{name}_en"].isascii()


def test_details_errors_and_waiting_times_stand_in_the_document_only_where_given() -> None:
    rich = document(Problem("invalid-field", "the office", errors=(FieldError("$.a", "required"),)))
    assert (rich["detail"], rich["errors"]) == ("the office", [{"pointer": "$.a", "rule": "required"}])
    assert {"detail", "errors", "retry_after", "message"}.isdisjoint(document(Problem("wrong-state")))
    assert document(Busy(3))["retry_after"] == 3
    assert Busy(0).headers() == {"Retry-After": "1"}


@pytest.mark.parametrize(
    "number",
    [IndividualNumber("123456789018"), UnifiedNumber("000000000000001"), LinkageCode("0123456789abcdef" * 2)],
)
def test_a_detail_that_points_at_a_person_cannot_be_made(number: IndividualNumber) -> None:
    for text in (f"for {number}", f"for {number.reveal()}.", number.reveal()):
        with pytest.raises(ValueError, match="never points at a person"):
            Problem("not-found", text)
        with pytest.raises(ValueError, match="never points at a person"):
            Problem("invalid-field", errors=(FieldError("$.a", text),))


def test_a_detail_is_text_and_may_name_public_codes_and_exchanges() -> None:
    agency = AgencyCode("0220001000601700")
    assert Problem("wrong-agency", f"{agency} {INSTANCE}").detail.startswith(agency)
    with pytest.raises(TypeError):
        Problem("not-found", cast("str", 7))


def test_official_messages_are_in_full_width_letter_by_letter() -> None:
    permitted = official_message("list-not-permitted", InformationCode("TM00000000000002"))
    assert permitted == "指定された特定個人情報名「ＴＭ０００００００００００００２」の照会は許可されていません。"
    told = PROBLEMS["code-not-held"].official.format(full_width("000000014689427"))
    assert told == "指定された団体内統合宛名番号「０００００００１４６８９４２７」は符号が未取得です。"
    assert "＊" * 15 in document(Problem("code-not-held"))["message"]
    assert official_message("busy") == official_message("list-not-permitted") == ""


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E)))
def test_full_width_text_is_as_long_and_comes_back_by_the_same_distance(text: str) -> None:
    wide = full_width(text)
    assert "".join(chr(ord(letter) - 0xFEE0) for letter in wide) == text


def test_a_conflict_knows_its_constraint_and_does_not_say_it() -> None:
    conflict = Conflict("inquiry_key")
    assert conflict.constraint == "inquiry_key"
    assert "inquiry_key" not in str(conflict) + json.dumps(document(conflict))


@pytest.mark.parametrize("slug", PROMISED)
def test_a_problem_received_from_another_party_is_the_same_problem_here(slug: str) -> None:
    sent = Problem(slug, "said there", retry_after=5, errors=(FieldError("$.a", "required"),))
    again = received(encode(sent.body(INSTANCE)))
    assert (again.slug, again.retry_after, again.errors, again.detail) == (slug, 5, sent.errors, "")


@pytest.mark.parametrize("wire", [b"", b"<html>", b"{}", b"\xff", b'{"type":"urn:sympho:problem:none"}'])
def test_what_is_no_problem_of_ours_is_a_party_that_cannot_be_reached(wire: bytes) -> None:
    assert received(wire).slug == "network-unavailable"


def test_a_401_says_how_to_authenticate_and_a_405_what_is_allowed() -> None:
    assert Problem("unauthenticated").headers()["WWW-Authenticate"] == 'Bearer realm="sympho"'
    assert "invalid_token" in Problem("token-expired").headers()["WWW-Authenticate"]
    assert Problem("method-not-allowed", allow=("GET", "HEAD")).headers() == {"Allow": "GET, HEAD"}
