"""The file of a backup: what went in comes out, and nothing that was changed, moved, cut off or added is believed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.keys import passphrase
from gateway.managing import archive
from gateway.managing.archive import FIRST_LINE, BadArchive, Writer, frames

WORDS = "three old pines on a hill"

parts = st.lists(st.tuples(st.sampled_from(["one", "two", "three"]), st.binary(max_size=60)), max_size=12)


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """Passphrases that are quick to guess, and frames that hold little: the same code on small files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passphrase, "COST", 2**4)
        patch.setattr(archive, "FRAME_BYTES", 100)
        yield


def written(given: list[tuple[str, bytes]]) -> bytes:
    file = io.BytesIO()
    writer = Writer(file, WORDS)
    for part, data in given:
        writer.put(part, data)
    writer.end()
    return file.getvalue()


def read(data: bytes, words: str = WORDS) -> list[tuple[str, bytes]]:
    """The parts, each whole."""
    return [
        (part, b"".join(data for _, data in group))
        for part, group in groupby(frames(io.BytesIO(data), words), key=itemgetter(0))
    ]


def together(given: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    return [(part, b"".join(data for _, data in group)) for part, group in groupby(given, key=itemgetter(0))]


@given(parts)
def test_what_was_put_in_comes_out_in_its_order(given: list[tuple[str, bytes]]) -> None:
    assert read(written(given)) == together(given)


@given(parts, st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_a_byte_that_was_changed_anywhere_is_noticed(given: list[tuple[str, bytes]], at: int, by: int) -> None:
    whole = bytearray(written(given))
    whole[at % len(whole)] ^= by
    with pytest.raises(BadArchive):
        read(bytes(whole))


@given(parts, st.integers(min_value=0))
def test_a_file_that_is_cut_off_anywhere_or_goes_on_is_noticed(given: list[tuple[str, bytes]], at: int) -> None:
    whole = written(given)
    with pytest.raises(BadArchive):
        read(whole[: at % len(whole)])
    with pytest.raises(BadArchive, match="follows the end"):
        read(whole + b"\0")


def test_frames_that_changed_places_or_come_from_another_file_are_noticed() -> None:
    def cut(whole: bytes) -> list[bytes]:
        found, at = [], len(FIRST_LINE)
        while at < len(whole):
            size = 4 + int.from_bytes(whole[at : at + 4])
            found.append(whole[at : at + size])
            at += size
        return found

    header, first, second, end = cut(written([("one", b"1"), ("two", b"2")]))
    other = cut(written([("one", b"1"), ("two", b"2")]))
    for changed in ([header, second, first, end], [header, first, end], [header, other[1], second, end]):
        with pytest.raises(BadArchive):
            read(FIRST_LINE + b"".join(changed))
    assert read(FIRST_LINE + header + first + second + end) == [("one", b"1"), ("two", b"2")]


def test_without_the_passphrase_nothing_opens_and_nothing_is_readable() -> None:
    whole = written([("root-key", b"k" * 32)])
    assert b"root-key" not in whole
    assert b"kkkk" not in whole
    with pytest.raises(BadArchive, match="passphrase"):
        read(whole, "three old pines on a hill ")


def test_a_part_larger_than_a_frame_is_cut_into_frames_so_that_memory_stays_flat() -> None:
    whole = written([("big", b"x" * 60) for _ in range(100)])
    sizes = [len(data) for _, data in frames(io.BytesIO(whole), WORDS)]
    assert max(sizes) <= 160
    assert sum(sizes) == 6000
