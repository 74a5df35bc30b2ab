"""Sealing an answer to the inquirer alone, bound to its permit, in bytes that a second implementation opens."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.exchange import sealing
from gateway.exchange.sealing import SUITE_ID, BadSealingKey, SealingKey, SealingPublicKey, Unopenable

KEY = SealingKey.generate()
OTHER = SealingKey.generate()
PERMIT = "header.payload.signature"
SEALED = sealing.seal(b"content", KEY.public(), PERMIT)


@given(st.binary(max_size=3000), st.text(max_size=60))
@settings(max_examples=40)
def test_what_was_sealed_opens_with_the_key_and_the_permit(content: bytes, permit: str) -> None:
    assert sealing.unseal(sealing.seal(content, KEY.public(), permit), KEY, permit) == content


@given(st.integers(len(SUITE_ID), len(SEALED) - 1), st.integers(1, 255))
@settings(max_examples=150)
def test_sealed_bytes_with_any_one_byte_changed_do_not_open(place: int, turn: int) -> None:
    changed = bytearray(SEALED)
    changed[place] ^= turn
    with pytest.raises(Unopenable):
        sealing.unseal(bytes(changed), KEY, PERMIT)


@given(st.integers(0, len(SEALED) - 1))
@settings(max_examples=40)
def test_sealed_bytes_that_were_cut_short_do_not_open(length: int) -> None:
    with pytest.raises(Unopenable):
        sealing.unseal(SEALED[:length], KEY, PERMIT)


def test_an_answer_does_not_open_with_another_permit() -> None:
    with pytest.raises(Unopenable, match="does-not-open"):
        sealing.unseal(SEALED, KEY, PERMIT + "x")


def test_an_answer_does_not_open_with_another_agencys_key() -> None:
    with pytest.raises(Unopenable, match="does-not-open"):
        sealing.unseal(SEALED, OTHER, PERMIT)


def test_sealing_twice_gives_different_bytes_of_the_same_length() -> None:
    again = sealing.seal(b"content", KEY.public(), PERMIT)
    assert again != SEALED
    assert len(again) == len(SEALED) == len(SUITE_ID) + 1120 + len(b"content") + 16


def test_another_suite_is_refused_by_name_before_any_key_is_used() -> None:
    later_draft = SUITE_ID[:-1] + bytes([SUITE_ID[-1] + 1])
    with pytest.raises(Unopenable, match="suite-unknown"):
        sealing.unseal(later_draft + SEALED[len(SUITE_ID) :], KEY, PERMIT)


def test_the_suite_id_names_the_registered_numbers_and_the_draft() -> None:
    assert SUITE_ID.hex() == "48504b45" + "647a" + "0001" + "0002" + "06"


def test_a_key_survives_being_kept_as_its_two_halves() -> None:
    kept = KEY.to_bytes()
    assert len(kept) == 96
    assert sealing.unseal(SEALED, SealingKey.from_bytes(kept), PERMIT) == b"content"


def test_a_public_key_survives_the_directorys_text() -> None:
    again = SealingPublicKey.from_text(KEY.public().to_text())
    assert again == KEY.public()
    assert again.thumbprint() == hashlib.sha256(KEY.public().to_bytes()).hexdigest()
    assert sealing.unseal(sealing.seal(b"x", again, PERMIT), KEY, PERMIT) == b"x"


@pytest.mark.parametrize("text", ["", "AAAA", KEY.public().to_text() + "=", KEY.public().to_text()[:-4], "+" * 1622])
def test_text_that_is_no_sealing_key_is_refused(text: str) -> None:
    with pytest.raises(BadSealingKey):
        SealingPublicKey.from_text(text)


def test_an_mlkem_key_out_of_range_is_refused() -> None:
    with pytest.raises(BadSealingKey):
        SealingPublicKey(b"\xff" * 1216)


@pytest.mark.parametrize("kept", [b"", b"\x00" * 95, b"\x00" * 97])
def test_bytes_of_another_length_are_no_private_key(kept: bytes) -> None:
    with pytest.raises(BadSealingKey):
        SealingKey.from_bytes(kept)


def test_a_private_key_never_shows_itself() -> None:
    shown = f"{KEY!r} {KEY}"
    assert KEY.to_bytes().hex()[:16] not in shown


# --- a second writing of the KEM and of RFC 9180's base mode --------------------------------------------------------


def extract(salt: bytes, label: bytes, secret: bytes, suite: bytes) -> bytes:
    return hmac.new(salt or bytes(32), b"HPKE-v1" + suite + label + secret, hashlib.sha256).digest()


def expand(key: bytes, label: bytes, info: bytes, length: int, suite: bytes) -> bytes:
    labelled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info + b"\x01"
    return hmac.new(key, labelled, hashlib.sha256).digest()[:length]


def opened_by_hand(sealed: bytes, kept: bytes, info: bytes) -> bytes:
    suite, rest = sealed[:10], sealed[11:]
    to_mlkem, to_x25519, ciphertext = rest[:1088], rest[1088:1120], rest[1120:]
    classical = x25519.X25519PrivateKey.from_private_bytes(kept[64:])
    combined = (
        mlkem.MLKEM768PrivateKey.from_seed_bytes(kept[:64]).decapsulate(to_mlkem)
        + classical.exchange(x25519.X25519PublicKey.from_public_bytes(to_x25519))
        + to_x25519
        + classical.public_key().public_bytes_raw()
        + b"\\.//^\\"
    )
    shared = hashlib.sha3_256(combined).digest()
    context = b"\x00" + extract(b"", b"psk_id_hash", b"", suite) + extract(b"", b"info_hash", info, suite)
    secret = extract(shared, b"secret", b"", suite)
    key = expand(secret, b"key", context, 32, suite)
    nonce = expand(secret, b"base_nonce", context, 12, suite)
    return AESGCM(key).decrypt(nonce, ciphertext, b"")


def test_sealed_bytes_are_those_of_the_pinned_draft_and_of_rfc_9180() -> None:
    info = hashlib.sha256(PERMIT.encode()).digest()
    assert opened_by_hand(SEALED, KEY.to_bytes(), info) == b"content"
