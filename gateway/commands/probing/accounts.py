"""Duties taken by oneself (権限の昇格): what whoever cares for accounts might do, and what nobody may hold together."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from gateway.commands.probing.findings import Family, Finding, held_if, not_tried
from gateway.commands.probing.target import Account, Target
from gateway.commands.probing.wire import Seen

__all__ = ["attacks"]

CONFLICTS = (
    ("audit", "inquire"),
    ("manage-staff", "review"),
    ("publish-lists", "approve-lists"),
    ("explain", "inquire"),
)


def attacks(at: Target) -> Iterator[Finding]:
    """Own duties, conflicting duties, another agency's people, the clock."""
    keeper = at.one("manage-staff", but=frozenset({at.network})) or at.one("manage-staff")
    if keeper is None:
        why = "権限管理者がいません / nobody with manage-staff"
        yield not_tried(Family.ACCOUNTS, "権限の昇格", "duties taken by oneself", "PUT /staff/{staff_id}/charge", why)
    else:
        yield _widened(at, keeper)
        yield _own(at, keeper)
        yield _conflicting(at, keeper)
        yield _delegated(at, keeper)
    yield _clock(at)


def _widened(at: Target, keeper: Account) -> Finding:
    ja, en = "自分の権限を増やす", "one's own duties widened"
    path = f"/staff/{keeper.staff_id}/charge"
    why = at.unserved("charge-staff")
    if why:
        return not_tried(Family.ACCOUNTS, ja, en, f"PUT {path}", why)
    body = {"office": keeper.office, "duties": ["manage-staff", "read-records"]}
    seen = [at.wire.call("PUT", path, body, token=keeper.token)]
    return held_if(Family.ACCOUNTS, ja, en, f"PUT {path}", seen, lambda one: 400 <= one.status < 500)


def _own(at: Target, keeper: Account) -> Finding:
    ja, en = "自分のアカウントを自分で扱う", "one's own account taken care of by oneself"
    ways = {
        "disable-staff": "disable",
        "enable-staff": "enable",
        "reset-staff-password": "password-reset",
        "remove-second-factor": "second-factor-removal",
    }
    tried, why = ", ".join(ways.values()), at.unserved(*ways)
    if why:
        return not_tried(Family.ACCOUNTS, ja, en, tried, why)
    path = f"/staff/{keeper.staff_id}"
    seen = [at.wire.call("POST", f"{path}/{way}", token=keeper.token) for way in ways.values()]
    return held_if(Family.ACCOUNTS, ja, en, tried, seen, lambda one: 400 <= one.status < 500)


def _conflicting(at: Target, keeper: Account) -> Finding:
    """Accounts that may not be: they are refused, so nothing of them remains."""
    ja, en = "兼ねられない権限を一人に", "duties that one person may not hold together"
    tried, why = "; ".join(" + ".join(duties) for duties in CONFLICTS), at.unserved("create-staff")
    if why:
        return not_tried(Family.ACCOUNTS, ja, en, tried, why)
    seen: list[Seen] = []
    for duties in CONFLICTS:
        login = f"probe-{uuid4().hex[:12]}"
        body = {"login": login, "name": "probe", "office": keeper.office, "duties": list(duties)}
        made = at.wire.call("POST", "/staff", body, token=keeper.token)
        seen.append(made)
        if made.let_in:
            at.wire.call("POST", f"/staff/{made.data['id']}/disable", token=keeper.token)
    return held_if(Family.ACCOUNTS, ja, en, tried, seen, lambda one: 400 <= one.status < 500)


def _delegated(at: Target, keeper: Account) -> Finding:
    """A delegation that would join what may not be joined, or that gives to oneself."""
    ja, en = "代行で権限を得る", "a duty taken by delegation"
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    reviewer = at.one("review", keeper.agency)
    auditor = at.one("audit", keeper.agency)
    if reviewer is None or auditor is None:
        return not_tried(
            Family.ACCOUNTS, ja, en, "POST /delegations", "審査者か監査者がいません / no reviewer, no auditor"
        )
    seen = []
    for deputy in (keeper, auditor, reviewer):
        body = {"delegator": reviewer.staff_id, "deputy": deputy.staff_id, "duty": "review", "until": until}
        made = at.wire.call("POST", "/delegations", body, token=keeper.token)
        seen.append(made)
        if made.let_in:
            at.wire.call("POST", f"/delegations/{made.data['id']}/end", token=keeper.token)
    tried = "review to whoever delegates, to an auditor, to the delegator"
    return held_if(Family.ACCOUNTS, ja, en, tried, seen, lambda one: 400 <= one.status < 500)


def _clock(at: Target) -> Finding:
    """The clock is the network's; it is set to the time that it shows, so that nothing moves where it is set."""
    ja, en = "他団体が時計を動かす", "the clock moved by another body"
    operator = at.one("operate-system", but=frozenset({at.network}))
    shown = at.wire.call("GET", "/clock").data
    if operator is None or not isinstance(shown, dict) or "world" not in shown:
        return not_tried(
            Family.ACCOUNTS, ja, en, "PUT /clock", "他団体の運用者がいません / no operator of another body"
        )
    body = {"at": shown["world"], "frozen": shown.get("frozen_at") is not None}
    seen = [at.wire.call("PUT", "/clock", body, token=operator.token)]
    return held_if(Family.ACCOUNTS, ja, en, f"PUT /clock as {operator.login}", seen, lambda one: one.status == 403)
