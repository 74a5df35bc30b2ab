"""What a log line may show is decided by type; a person never appears in one."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from gateway.config import Secret
from gateway.log import configure, log, redacted
from gateway.problems import Problem
from sympho.codes import AgencyCode, LinkageCode, UnifiedNumber

NUMBER = "123456789012345"
CODE = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, ours = (list(root.handlers), root.level), structlog.get_config()
    stream = io.StringIO()
    configure("info", stream, console=False)
    stream.seek(0)
    stream.truncate()
    yield stream
    root.handlers[:], root.level = before
    structlog.configure(**ours)


def only(stream: io.StringIO) -> dict[str, Any]:
    written = stream.getvalue().splitlines()
    assert len(written) == 1
    line: dict[str, Any] = json.loads(written[0])
    return line


def test_a_personal_number_prints_its_kind_at_any_depth(lines: io.StringIO) -> None:
    log.info(
        "asked", person=UnifiedNumber(NUMBER), more={"codes": [LinkageCode(CODE)], "pair": (UnifiedNumber(NUMBER),)}
    )
    line = only(lines)
    assert line["person"] == "<団体内統合宛名番号>"
    assert line["more"] == {"codes": ["<符号>"], "pair": ["<団体内統合宛名番号>"]}


@pytest.mark.parametrize(
    "text", [NUMBER, CODE, "person 123456789018 asked", "12345678901", "処理（12345678901234567890）"]
)
def test_digits_that_look_like_a_person_are_masked_in_text(text: str) -> None:
    assert "＊＊＊" in redacted(text)
    assert not any(run in redacted(text) for run in (NUMBER, CODE, "12345678901"))


@pytest.mark.parametrize(
    "text", ["0220001000020000", "JM01000000000001", "018f2d2a-7c51-7b6e-8a3b-123456789012", "ab" * 32, "2026-07-01"]
)
def test_public_codes_exchange_numbers_and_digests_stay_readable(text: str) -> None:
    assert redacted(text) == text


def test_an_agency_code_is_printed_as_it_is() -> None:
    assert redacted(AgencyCode("0220001000020000")) == "0220001000020000"


def test_bytes_secrets_and_unknown_objects_show_no_content() -> None:
    class Letter:
        def __repr__(self) -> str:
            return NUMBER

    assert redacted({"key": bytes(32), "url": Secret("postgresql://a:b@c/d"), "letter": Letter()}) == {
        "key": "<32 bytes>",
        "url": "<secret>",
        "letter": "<Letter>",
    }


def test_a_foreign_exception_is_told_by_type_and_place_and_never_by_its_text(lines: io.StringIO) -> None:
    try:
        int("山田花子")
    except ValueError:
        log.exception("broken")
    line = only(lines)
    assert "山田花子" not in lines.getvalue()
    assert line["exception"][0] == "ValueError"
    assert "test_a_foreign_exception" in line["exception"][1]


def test_a_problem_is_told_by_its_slug(lines: io.StringIO) -> None:
    log.warning("refused", error=Problem("wrong-duty", "a sentence"))
    assert only(lines)["error"] == "Problem: wrong-duty"


def test_other_libraries_log_lines_are_cut_to_their_first_line_and_redacted_too(lines: io.StringIO) -> None:
    try:
        {"a": 1}["山田花子"]
    except KeyError:
        logging.getLogger("asyncio").exception("Task failed for %s\nfuture: <exception=KeyError('山田花子')>", NUMBER)
    line = only(lines)
    assert line["event"] == "Task failed for ＊＊＊"
    assert "山田花子" not in lines.getvalue()


def test_a_line_is_one_json_object_and_japanese_stays_readable(lines: io.StringIO) -> None:
    log.info("照会", note="情報提供")
    assert "情報提供" in lines.getvalue()
    assert only(lines)["event"] == "照会"


def test_the_first_line_says_that_this_is_a_simulator() -> None:
    stream = io.StringIO()
    root = logging.getLogger()
    before, ours = list(root.handlers), structlog.get_config()
    configure("error", stream, console=False)
    log.info("not shown")
    root.handlers[:] = before
    structlog.configure(**ours)
    assert "not shown" not in stream.getvalue()
    assert "invented people only" in stream.getvalue()
