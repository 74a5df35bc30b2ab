"""Lists in time, the rules alone: every way in which a list may not be taken has its own name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.listmanifest import (
    Approver,
    Candidate,
    Head,
    Link,
    ListFault,
    ListRefused,
    Manifest,
    assembled,
    content,
    drawn_up,
    kept_since,
    parts_of,
)
from authz.matchlist import canonical, parse
from fixtures import lists
from gateway.exchange import listing
from gateway.exchange.jws import SigningKey, VerifyingKey, b64encode
from gateway.exchange.listing import anchored, approve, extended, public

NETWORK = "0030099000099900"
KEY, NEXT, FOREIGN = (SigningKey.from_bytes(f"{NETWORK}/{n}", bytes([n]) * 32) for n in (1, 2, 3))
ONE, TWO, THREE = (f"stf_{letter * 26}" for letter in "abc")
OF = {account: SigningKey.from_bytes(f"{account}/1", account[4:].encode()[:16] * 2) for account in (ONE, TWO, THREE)}
APPROVERS = tuple(Approver(account, public(OF[account])) for account in (ONE, TWO))
NOW = datetime(2026, 7, 1, tzinfo=UTC)
LATER = NOW + timedelta(days=400)


@cache
def document() -> bytes:
    source = lists.load()
    return canonical(replace(source, rows=source.rows[:40], procedures=()))


def head(link: Link | None = None, **more: object) -> Head:
    made = Head(
        NETWORK,
        link.serial if link else 0,
        link.digest if link else "",
        link.candidate.key if link else public(KEY),
        link.candidate.next_key if link else None,
        APPROVERS,
    )
    return msgspec.structs.replace(made, **more)


def candidate(link: Link | None = None, **changed: object) -> Candidate:
    made = drawn_up(head(link), document(), NOW, LATER, key=public(KEY), next_key=None)
    return msgspec.structs.replace(made, **changed)


def approved(what: Candidate, *accounts: str) -> tuple[str, ...]:
    return tuple(approve(what, account, OF[account]) for account in accounts or (ONE, TWO))


def signed(what: Candidate, approvals: tuple[str, ...] | None = None, key: SigningKey = KEY) -> str:
    """What somebody with this key would send, whatever the rules say."""
    manifest = Manifest(1, what, approved(what) if approvals is None else approvals)
    return key.sign(listing.TYP, msgspec.json.encode(manifest))


@cache
def first() -> Link:
    return extended(None, signed(candidate()))


def fault_of(act: Callable[[], object]) -> ListFault:
    with pytest.raises(ListRefused) as refused:
        act()
    return refused.value.fault


def test_a_list_that_two_people_approved_follows_the_one_before() -> None:
    link = extended(first(), signed(candidate(first())))
    assert (link.serial, link.candidate.previous) == (2, first().digest)


def _by_one(what: Candidate) -> str:
    return signed(what, approved(what, ONE))


def _twice_by_one(what: Candidate) -> str:
    return signed(what, approved(what, ONE, ONE))


def _by_a_stranger(what: Candidate) -> str:
    return signed(what, approved(what, ONE, THREE))


def _approval_of_another(what: Candidate) -> str:
    return signed(what, approved(msgspec.structs.replace(what, rows=what.rows + 1), ONE, TWO))


def _approval_in_anothers_name(what: Candidate) -> str:
    return signed(what, (*approved(what, ONE), approve(what, ONE, OF[TWO])))


def _unsigned(what: Candidate) -> str:
    head_, payload, _ = signed(what).split(".")
    return f"{head_}.{payload}."


def _alg_none(what: Candidate) -> str:
    return f"{b64encode(b'{}')}.{signed(what).split('.')[1]}."


def _not_canonical(what: Candidate) -> str:
    return KEY.sign(listing.TYP, b" " + msgspec.json.encode(Manifest(1, what, approved(what))))


REFUSED: dict[ListFault, list[Callable[[], str]]] = {
    ListFault.UNSIGNED: [lambda: "", lambda: _unsigned(candidate(first())), lambda: _alg_none(candidate(first()))],
    ListFault.WRONG_KEY: [
        lambda: signed(candidate(first()), key=SigningKey.from_bytes(KEY.kid, FOREIGN.to_bytes())),
        lambda: signed(candidate(first()), key=OF[ONE]),
    ],
    ListFault.KEY_NOT_ANNOUNCED: [lambda: signed(candidate(first(), key=public(NEXT)), key=NEXT)],
    ListFault.MALFORMED: [
        lambda: _not_canonical(candidate(first())),
        lambda: signed(candidate(first(), parts=())),
        lambda: signed(candidate(first(), next_key=public(OF[ONE]))),
        lambda: signed(candidate(first(), next_key=public(KEY))),
    ],
    ListFault.OTHER_NETWORK: [
        lambda: signed(
            candidate(
                first(),
                network="0030099000099901",
                key=public(SigningKey.from_bytes("0030099000099901/1", KEY.to_bytes())),
            )
        )
    ],
    ListFault.ONE_APPROVAL: [
        lambda: _by_one(candidate(first())),
        lambda: signed(candidate(first()), ()),
        lambda: signed(candidate(first(), approvers=APPROVERS[:1])),
    ],
    ListFault.SAME_APPROVER: [
        lambda: _twice_by_one(candidate(first())),
        lambda: signed(candidate(first(), approvers=(APPROVERS[0], APPROVERS[0]))),
        lambda: signed(candidate(first(), approvers=(APPROVERS[0], _same_key_other_name()))),
    ],
    ListFault.UNKNOWN_APPROVER: [lambda: _by_a_stranger(candidate(first()))],
    ListFault.APPROVAL_INVALID: [
        lambda: _approval_of_another(candidate(first())),
        lambda: _approval_in_anothers_name(candidate(first())),
        lambda: signed(candidate(first()), (*approved(candidate(first()), ONE), "a.b")),
    ],
    ListFault.SERIAL_SKIPPED: [lambda: signed(candidate(first(), serial=3))],
    ListFault.HISTORY_FORKED: [
        lambda: signed(candidate(first(), serial=1)),
        lambda: signed(candidate(first(), previous="0" * 64)),
    ],
    ListFault.DAYS_OUT_OF_ORDER: [
        lambda: signed(candidate(first(), in_force_until=date(2016, 8, 1))),
        lambda: signed(candidate(first(), expires_at=NOW)),
    ],
}


def _same_key_other_name() -> Approver:
    return Approver(TWO, public(SigningKey.from_bytes(f"{TWO}/1", OF[ONE].to_bytes())))


def _named(value: object) -> str:
    return value.value if isinstance(value, ListFault) else "case"


@pytest.mark.parametrize(
    ("fault", "make"), [(fault, make) for fault, makers in REFUSED.items() for make in makers], ids=_named
)
def test_each_way_in_which_a_manifest_is_wrong_has_its_name(fault: ListFault, make: Callable[[], str]) -> None:
    assert fault_of(lambda: extended(first(), make())) is fault


def test_a_serial_never_goes_back() -> None:
    second = extended(first(), signed(candidate(first())))
    third = extended(second, signed(candidate(second)))
    assert fault_of(lambda: extended(third, second.signed)) is ListFault.SERIAL_LOWER
    assert fault_of(lambda: extended(third, third.signed)) is ListFault.HISTORY_FORKED


def test_a_serial_that_goes_back_is_named_whatever_key_signed_it() -> None:
    second = extended(first(), signed(candidate(first(), next_key=public(NEXT))))
    third = extended(second, signed(candidate(second, key=public(NEXT)), key=NEXT))
    fourth = extended(third, signed(candidate(third, key=public(NEXT)), key=NEXT))
    assert fault_of(lambda: extended(fourth, second.signed)) is ListFault.SERIAL_LOWER
    assert fault_of(lambda: extended(fourth, third.signed)) is ListFault.SERIAL_LOWER
    assert fault_of(lambda: extended(fourth, second.signed[:-4] + "AAAA")) is ListFault.SERIAL_LOWER
    assert fault_of(lambda: extended(third, second.signed.replace(".", ".!", 1))) is ListFault.KEY_NOT_ANNOUNCED


def test_a_history_begins_with_its_first_list_and_with_no_other() -> None:
    second = signed(candidate(first()))
    assert fault_of(lambda: extended(None, second)) is ListFault.HISTORY_FORKED


def test_the_network_signs_nothing_that_a_receiver_would_refuse() -> None:
    what = candidate(first())
    one = Manifest(1, what, approved(what, ONE))
    assert fault_of(lambda: listing.sign(one, first(), KEY)) is ListFault.ONE_APPROVAL
    other = Manifest(1, what, approved(what))
    assert fault_of(lambda: listing.sign(other, first(), NEXT)) is ListFault.WRONG_KEY


# --- who may approve is said by the list before -------------------------------------------------------------------


def test_a_new_approver_may_approve_from_the_list_after_the_one_that_names_him() -> None:
    named = candidate(first(), approvers=(APPROVERS[0], Approver(THREE, public(OF[THREE]))))
    assert fault_of(lambda: extended(first(), signed(named, approved(named, ONE, THREE)))) is ListFault.UNKNOWN_APPROVER
    second = extended(first(), signed(named))
    after = candidate(second)
    assert extended(second, signed(after, approved(after, ONE, THREE))).serial == 3
    assert fault_of(lambda: extended(second, signed(after, approved(after, ONE, TWO)))) is ListFault.UNKNOWN_APPROVER


# --- roll-over ----------------------------------------------------------------------------------------------------


def test_a_key_signs_only_after_a_list_has_announced_it() -> None:
    announcing = extended(first(), signed(candidate(first(), next_key=public(NEXT))))
    rolled = extended(announcing, signed(candidate(announcing, key=public(NEXT)), key=NEXT))
    assert rolled.candidate.key == public(NEXT)
    back = candidate(rolled, key=public(KEY))
    assert fault_of(lambda: extended(rolled, signed(back, key=KEY))) is ListFault.KEY_NOT_ANNOUNCED


def test_an_announcement_that_the_next_list_does_not_use_lapses() -> None:
    announcing = extended(first(), signed(candidate(first(), next_key=public(NEXT))))
    another = extended(announcing, signed(candidate(announcing)))
    late = candidate(another, key=public(NEXT))
    assert fault_of(lambda: extended(another, signed(late, key=NEXT))) is ListFault.KEY_NOT_ANNOUNCED


def test_who_trusts_the_key_of_any_link_trusts_the_history() -> None:
    announcing = extended(first(), signed(candidate(first(), next_key=public(NEXT))))
    rolled = extended(announcing, signed(candidate(announcing, key=public(NEXT)), key=NEXT))
    history = [first(), announcing, rolled]

    def trusting(key: SigningKey) -> dict[str, VerifyingKey]:
        return {key.kid: key.verifying()}

    assert anchored(history, trusting(KEY))
    assert anchored(history, trusting(NEXT))
    assert not anchored(history, trusting(SigningKey.from_bytes(KEY.kid, FOREIGN.to_bytes())))
    assert not anchored(history, {})


# --- parts and content --------------------------------------------------------------------------------------------


def test_the_parts_put_together_are_the_document() -> None:
    whole = canonical(lists.load())
    parts = parts_of(whole)
    assert b"".join(one.content for one in parts) == whole
    names = [one.part.name for one in parts]
    assert len(set(names)) == len(names)
    assert {"kind", "task", "row/teikyo-2026-06-26"} <= set(names)


def test_two_revisions_of_a_list_share_the_parts_that_did_not_change() -> None:
    source = lists.load()
    shorter = canonical(replace(source, rows=source.rows[:-1]))
    before = {one.part.digest for one in parts_of(canonical(source))}
    assert len([one for one in parts_of(shorter) if one.part.digest not in before]) == 1


def test_half_a_list_is_no_list() -> None:
    parts = {one.part.digest: one.content for one in parts_of(document())}
    del parts[next(iter(parts))]
    assert fault_of(lambda: assembled(candidate(), parts)) is ListFault.HALF_DELIVERED


@given(st.data())
def test_a_part_with_another_byte_is_noticed(data: st.DataObject) -> None:
    parts = {one.part.digest: one.content for one in parts_of(document())}
    name = data.draw(st.sampled_from(sorted(parts)))
    place = data.draw(st.integers(0, len(parts[name]) - 1))
    changed = bytearray(parts[name])
    changed[place] ^= data.draw(st.integers(1, 255))
    assert fault_of(lambda: assembled(candidate(), {**parts, name: bytes(changed)})) is ListFault.PART_ALTERED


def lines(change: Callable[[list[bytes]], list[bytes]]) -> bytes:
    return b"".join(change(document().splitlines(keepends=True)))


def _row(of: list[bytes]) -> int:
    return next(n for n, line in enumerate(of) if line.startswith(b'["row"'))


def _kindless(of: list[bytes]) -> list[bytes]:
    at = _row(of)
    return [*of[:at], of[at].replace(b'"MUNICIPALITY"', b'"MUNICIPALTY"'), *of[at + 1 :]]


def _disordered(of: list[bytes]) -> list[bytes]:
    return [line.replace(b'"2024-05-26"', b'"2015-05-26"') for line in of]


def _overlapping(of: list[bytes]) -> list[bytes]:
    return [line.replace(b'"2024-05-26"', b'"2024-05-27"') for line in of]


def _emptied(of: list[bytes]) -> list[bytes]:
    at = _row(of)
    return [*of[:at], of[at].replace(b'["MINISTER_HEALTH"]', b"[]"), *of[at + 1 :]]


CONTENTS: list[tuple[ListFault, Callable[[list[bytes]], list[bytes]]]] = [
    (ListFault.UNKNOWN_KIND, _kindless),
    (ListFault.DAYS_OUT_OF_ORDER, _disordered),
    (ListFault.DAYS_OUT_OF_ORDER, _overlapping),
    (ListFault.ROW_TWICE, lambda of: [*of, of[-1]]),
    (ListFault.ROW_EMPTY, lambda of: [*of, b"\n"]),
    (ListFault.ROW_EMPTY, _emptied),
    (ListFault.ROW_EMPTY, lambda of: [line for line in of if not line.startswith(b'["row"')]),
    (ListFault.CONTENT, lambda of: [*of, b"{}\n"]),
]


@pytest.mark.parametrize(("fault", "change"), CONTENTS)
def test_each_way_in_which_a_content_is_wrong_has_its_name(
    fault: ListFault, change: Callable[[list[bytes]], list[bytes]]
) -> None:
    changed = lines(change)
    assert changed != document()
    assert fault_of(lambda: drawn_up(head(), changed, NOW, LATER, key=public(KEY), next_key=None)) is fault


def test_a_manifest_describes_its_own_list_and_no_other() -> None:
    what = candidate()
    assert content(what, document()) == parse(document())
    short = lines(lambda of: of[:-1])
    other = drawn_up(head(), short, NOW, LATER, key=public(KEY), next_key=None)
    assert fault_of(lambda: content(what, short)) is ListFault.PART_ALTERED
    miscounted = msgspec.structs.replace(other, rows=other.rows + 1)
    assert fault_of(lambda: content(miscounted, short)) is ListFault.ROWS_MISCOUNTED
    earlier = msgspec.structs.replace(other, in_force_from=date(2015, 1, 1))
    assert fault_of(lambda: content(earlier, short)) is ListFault.DAYS_OUT_OF_ORDER
    renamed = msgspec.structs.replace(other, parts=other.parts[:-1])
    assert fault_of(lambda: content(renamed, short)) is ListFault.PART_ALTERED


def test_every_fault_has_words_for_people() -> None:
    assert all(fault.ja for fault in ListFault)


def test_a_list_is_kept_for_seven_years_to_the_moment() -> None:
    assert kept_since(datetime(2033, 7, 1, 12, tzinfo=UTC)) == datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert kept_since(datetime(2032, 2, 29, tzinfo=UTC)) == datetime(2025, 2, 28, tzinfo=UTC)
