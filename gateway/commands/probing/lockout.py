"""Lockout abused (締出しの悪用): strangers' wrong passwords against an account that was made for this and is closed again."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Final
from uuid import uuid4

from gateway.commands.probing.findings import Family, Finding, Verdict, held_if, not_tried, told
from gateway.commands.probing.target import TERMINAL, Target
from gateway.running.credentials import StaffCredential

__all__ = ["attacks"]

GUESSES: Final = 12
WHERE: Final = "POST /auth/login"


def attacks(at: Target) -> Iterator[Finding]:
    """Guesses are slowed down, and do not keep out the owner, who has logged in from here before."""
    ja, en = "締出しの悪用", "the lockout turned against its owner"
    keeper = at.one("manage-staff", but=frozenset({at.network}))
    if at.options.gentle or keeper is None:
        why = "--gentle" if at.options.gentle else "権限管理者がいません / nobody with manage-staff"
        yield not_tried(
            Family.LOCKOUT, ja, en, WHERE, f"{why}: 使い捨てのアカウントを作れません / no account to be used up"
        )
        return
    login = f"probe-{uuid4().hex[:12]}"
    body = {"login": login, "name": "probe", "office": keeper.office, "duties": ["read-records"]}
    made = at.wire.call("POST", "/staff", body, token=keeper.token)
    if made.status != 201:
        why = f"使い捨てのアカウントを作れません / no account could be made: {made.short}"
        yield not_tried(Family.LOCKOUT, ja, en, WHERE, why)
        return
    at.later.append(lambda: _closed(at, keeper.token, made.data["id"]))
    given = StaffCredential(keeper.agency, "", login, made.data["password"], "probe", keeper.office, ())
    owner = at.log_in(given)
    if not owner.let_in:
        yield not_tried(Family.LOCKOUT, ja, en, WHERE, f"ログインできません / the owner does not get in: {owner.short}")
        return
    guess = {"agency": keeper.agency, "login": login, "terminal": TERMINAL}
    seen = [
        at.wire.call("POST", "/auth/login", {**guess, "password": secrets.token_urlsafe(12)}) for _ in range(GUESSES)
    ]
    locked = any(one.status == 429 for one in seen)
    tried = f"{WHERE}: {GUESSES} wrong passwords for an account made for it"
    verdict = Verdict.HELD if locked and not any(one.let_in for one in seen) else Verdict.BROKEN
    yield Finding(Family.LOCKOUT, "パスワードの総当たり", "passwords guessed", tried, told(seen), verdict)
    device = str(owner.data.get("device") or "")
    again = [at.log_in(given, device=device)]
    tried = f"{WHERE}: the owner, with what the login before left behind"
    yield held_if(Family.LOCKOUT, ja, en, tried, again, lambda one: one.let_in)


def _closed(at: Target, token: str, staff_id: str) -> None:
    at.wire.call("POST", f"/staff/{staff_id}/disable", token=token)
