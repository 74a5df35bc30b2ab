"""Guessing (番号の推測): exchange numbers, people's numbers, accounts. What is not there and not yours look alike."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID, uuid4

from gateway.commands.probing.findings import Family, Finding, Verdict, held_if, not_tried, told
from gateway.commands.probing.objects import exchanges
from gateway.commands.probing.target import TERMINAL, Account, Target
from gateway.commands.probing.wire import Seen

__all__ = ["attacks"]

GUESSES: Final = 100
WHERES: Final = ("/inquiries/{}", "/inquiries/{}/result")


def attacks(at: Target) -> Iterator[Finding]:
    """Guesses at everything that has a number."""
    asker = at.one("inquire")
    why = at.unserved("show-inquiry")
    if asker is None or why:
        why = why or "照会担当がいません / nobody with inquire"
        yield not_tried(Family.NUMBERS, "処理通番の推測", "guessed exchange numbers", WHERES[0], why)
    else:
        yield _random(at, asker)
        yield _near(at)
    yield _persons(at)
    yield _names(at)
    yield _secrets(at)


def _seven() -> str:
    """A number of the form that exchanges have."""
    text = list(str(uuid4()))
    text[14] = "7"
    return "".join(text)


def _random(at: Target, asker: Account) -> Finding:
    seen = [at.wire.call("GET", WHERES[0].format(_seven()), token=asker.token) for _ in range(GUESSES)]
    ja, en = "処理通番を当てずっぽうに", "exchange numbers at random"
    return held_if(Family.NUMBERS, ja, en, f"{GUESSES} numbers", seen, lambda one: one.status == 404)


def _near(at: Target) -> Finding:
    """Numbers next to one that exists: of the same millisecond, or a bit away."""
    ja, en = "実在する処理通番の前後", "numbers next to an existing one"
    thing = next(exchanges(at), None)
    if thing is None:
        return not_tried(Family.NUMBERS, ja, en, WHERES[0], "照会がありません / there is no inquiry")
    stranger = at.one("inquire", but=thing.owners)
    if stranger is None:
        return not_tried(Family.NUMBERS, ja, en, WHERES[0], "他団体の照会担当がいません / no stranger who inquires")
    known = UUID(thing.ids["exchange"]).int
    near = [str(UUID(int=known ^ (1 << bit))) for bit in range(62)] + [str(UUID(int=known + n)) for n in (-1, 1)]
    near = [one for one in near if one[14] == "7" and one[19] in "89ab"]
    seen = [at.wire.call("GET", where.format(one), token=stranger.token) for one in near for where in WHERES]
    return held_if(Family.NUMBERS, ja, en, f"{len(near)} numbers", seen, lambda one: one.status == 404)


def _persons(at: Target) -> Finding:
    """団体内統合宛名番号 at random: nobody, and nothing held of them."""
    ja, en = "宛名番号の推測", "guessed addressee numbers"
    keeper = at.one("manage-duplicates")
    why = at.unserved("search-duplicates")
    if keeper is None or why:
        why = why or "副本担当がいません / nobody with manage-duplicates"
        return not_tried(Family.NUMBERS, ja, en, "POST /duplicates/search", why)
    seen = []
    for _ in range(GUESSES):
        number = "".join(str(secrets.randbelow(10)) for _ in range(15))
        body = {"person": {"unified": number}}
        seen.append(at.wire.call("POST", "/duplicates/search", body, token=keeper.token))
    return held_if(Family.NUMBERS, ja, en, f"{GUESSES} numbers of 15 digits", seen, _is_empty)


def _is_empty(seen: Seen) -> bool:
    if 400 <= seen.status < 500:
        return True
    data: Any = seen.data
    return (
        seen.let_in and isinstance(data, dict) and not any(value for value in data.values() if isinstance(value, list))
    )


def _names(at: Target) -> Finding:
    """Whether the door tells a name that exists from one that does not. One failure each: nobody is locked out."""
    ja, en = "利用者名の有無を探る", "whether an account exists"
    given = next(iter(at.credentials), None)
    if given is None:
        return not_tried(Family.NUMBERS, ja, en, "POST /auth/login", "資格情報がありません / no credentials")
    common = {"agency": given.agency, "password": secrets.token_urlsafe(24), "terminal": TERMINAL}
    there = at.wire.call("POST", "/auth/login", {**common, "login": given.login})
    nobody = at.wire.call("POST", "/auth/login", {**common, "login": f"probe-{secrets.token_hex(6)}"})
    nowhere = at.wire.call("POST", "/auth/login", {**common, "agency": "0" * 16, "login": given.login})
    same = (there.status, there.slug) == (nobody.status, nobody.slug)
    held = same and not any(one.let_in for one in (there, nobody, nowhere)) and there.status < 500
    tried = "a wrong password for an account, for nobody, at no agency; time is not compared"
    verdict = Verdict.HELD if held else Verdict.BROKEN
    return Finding(Family.NUMBERS, ja, en, tried, told((there, nobody, nowhere)), verdict)


def _secrets(at: Target) -> Finding:
    """Client ids and secrets of business systems."""
    ja, en = "業務システムの推測", "guessed clients"
    why = at.unserved("issue-client-token")
    if why:
        return not_tried(Family.NUMBERS, ja, en, "POST /oauth/token", why)
    seen = []
    for n in range(10):
        name = "cli_" + "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(26))
        raw = f"grant_type=client_credentials&client_id={name}&client_secret=probe-{n}".encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        seen.append(at.wire.call("POST", "/oauth/token", raw=raw, headers=headers))
    return held_if(Family.NUMBERS, ja, en, "10 ids", seen, lambda one: one.status in {400, 401})
