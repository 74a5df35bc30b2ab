"""Passwords and the law of the lockout: pure parts of the login that stands before a token."""

from __future__ import annotations

import re
import string
from datetime import timedelta

import pytest
from argon2 import extract_parameters
from hypothesis import given
from hypothesis import strategies as st

from authz import passwords
from authz.passwords import (
    DELAYS,
    DELAYS_OF_ALL,
    PasswordRule,
    broken_rule,
    delay_after,
    delay_of_all_after,
)
from sympho.codes import AgencyCode

CITY = AgencyCode("0200399999100000")
counts = st.integers(min_value=0, max_value=10_000)


@given(counts)
def test_one_more_failure_never_shortens_the_delay(failures: int) -> None:
    assert delay_after(failures) <= delay_after(failures + 1)


@given(counts)
def test_the_delay_never_exceeds_a_quarter_of_an_hour(failures: int) -> None:
    assert timedelta(0) <= delay_after(failures) <= timedelta(minutes=15)


def test_the_fifth_failure_closes_for_a_second_and_each_further_one_doubles_it() -> None:
    seconds = [int(delay_after(n).total_seconds()) for n in range(1, 17)]
    assert seconds == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]


@given(st.integers(min_value=1, max_value=10_000))
def test_the_table_for_the_statement_says_the_same_as_the_law(failures: int) -> None:
    assert DELAYS[min(failures, len(DELAYS)) - 1] == int(delay_after(failures).total_seconds())


async def test_a_password_fits_its_own_hash_and_no_other_does() -> None:
    [encoded] = await passwords.hashes(["correct horse battery"])
    assert await passwords.fits(encoded, "correct horse battery")
    assert not await passwords.fits(encoded, "correct horse batterz")


async def test_the_same_characters_from_another_keyboard_are_the_same_password() -> None:
    [encoded] = await passwords.hashes(["パスワード-123456"])
    assert await passwords.fits(encoded, "パスワード-１２３４５６")


async def test_what_no_keyboard_types_is_refused_without_an_error() -> None:
    [encoded] = await passwords.hashes(["correct horse battery"])
    for odd in ("", "\ud800", "\0", "x" * 1_000_000):
        assert not await passwords.fits(encoded, odd)
    assert not await passwords.fits("no hash at all", "x")


async def test_unknown_names_cost_what_known_ones_cost() -> None:
    [encoded] = await passwords.hashes(["correct horse battery"])
    assert extract_parameters(passwords.NOBODY) == extract_parameters(encoded)
    assert not await passwords.fits(passwords.NOBODY, "")


async def test_two_hashes_of_one_password_differ() -> None:
    one, other = await passwords.hashes(["correct horse battery"] * 2)
    assert one != other


@pytest.mark.parametrize(
    ("new", "rule"),
    [
        ("elevenchars", PasswordRule.TOO_SHORT),
        ("x" * 257, PasswordRule.TOO_LONG),
        ("Suzuki.Hanako", PasswordRule.IS_CONTEXT),
        ("suzuki-hanako-26", PasswordRule.IS_CONTEXT),
        ("sympho-2026-07", PasswordRule.IS_CONTEXT),
        ("健康推進課2026年7月", PasswordRule.IS_CONTEXT),
        ("ｐａｓｓｗｏｒｄ-2026", PasswordRule.COMMON),
        ("P@ssw0rd!2026", PasswordRule.COMMON),
        ("sakura-sakura-1", PasswordRule.COMMON),
        ("aaaabbbbcccc", PasswordRule.MONOTONE),
        ("abcdefghijklmn", PasswordRule.MONOTONE),
        ("lkjhgfdsa-qwe", PasswordRule.MONOTONE),
        ("098765432109", PasswordRule.MONOTONE),
        ("twelve-chars", None),
        ("桜の咲く丘を歩いた朝は寒い", None),
        ("suzuki likes to ride his bicycle", None),
    ],
)
def test_a_new_password_is_long_and_nothing_that_a_guesser_begins_with(new: str, rule: PasswordRule | None) -> None:
    assert broken_rule(new, ("suzuki.hanako", "鈴木　花子", "健康推進課")) is rule


@given(st.text(max_size=300), st.lists(st.text(max_size=12), max_size=4))
def test_every_text_is_judged_and_spelling_it_in_capitals_does_not_help(text: str, context: list[str]) -> None:
    weak = {PasswordRule.COMMON, PasswordRule.IS_CONTEXT, PasswordRule.MONOTONE}
    if broken_rule(text, context) in weak and text.isascii():
        assert broken_rule(text.upper(), context) in weak


@given(counts)
def test_strangers_together_are_never_locked_out_for_more_than_a_minute(failures: int) -> None:
    assert delay_of_all_after(failures) <= timedelta(minutes=1)
    assert delay_of_all_after(failures) <= delay_after(failures)
    assert delay_of_all_after(failures) <= delay_of_all_after(failures + 1)
    if failures:
        seconds = DELAYS_OF_ALL[min(failures, len(DELAYS_OF_ALL)) - 1]
        assert seconds == int(delay_of_all_after(failures).total_seconds())


def test_generated_passwords_pass_the_rules_and_differ() -> None:
    made = {passwords.generate() for _ in range(100)}
    assert len(made) == 100
    assert all(broken_rule(one, ("login",)) is None for one in made)
    assert all(re.fullmatch(r"[a-z2-9]{5}(-[a-z2-9]{5}){4}", one) for one in made)
    assert not any(set(one) & set("il1o0") for one in made)


@given(st.text(alphabet=string.printable, max_size=50))
def test_a_name_that_nobody_has_leaves_no_trace_but_a_small_number(name: str) -> None:
    assert re.fullmatch(r"nobody-[0-9a-f]{4}", passwords.subject_of_nobody(CITY, name))
