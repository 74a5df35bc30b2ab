"""Four eyes (二人目の確認): one person as both, through every entry point and every way in which two can be one.

A held provision of our own is made for it: what was held once is asked again by the office that had asked it. It is
taken back at the end. A person who is not the second one must get ``four-eyes``, and the provision must still not have
ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from gateway.commands.probing.findings import Family, Finding, Verdict, not_tried, told
from gateway.commands.probing.target import Account, Target
from gateway.commands.probing.wire import Seen

__all__ = ["attacks"]

PARALLEL: Final = 8
PATIENCE: Final = 5.0
LATEST: Final = 100
"""Provisions of an agency that are looked through for one that was held."""

JA: Final = "一人で用意と承認をする"


@dataclass(frozen=True)
class Held:
    """A held provision of our own, and the provider's people."""

    exchange: str
    provider: str
    first: Account
    second: Account


def attacks(at: Target) -> Iterator[Finding]:
    """Every equality of first and second person on one held provision."""
    if at.options.gentle:
        yield _untried("--gentle: 照会を登録しません / no inquiry is registered")
        return
    held = _held(at)
    if isinstance(held, str):
        yield _untried(held)
        return
    yield _attack(at, held, "用意なしに承認する", "released though nobody prepared", _nobody_prepared)
    yield _attack(at, held, f"{JA}：同じセッション", "the same person, same session", _same_session)
    yield _attack(at, held, f"{JA}：ログインし直す", "the same person after another login", _other_session)
    yield _attack(at, held, f"{JA}：再認証する", "the same person after showing the password again", _reauthenticated)
    yield _attack(at, held, f"{JA}：同時に何度も", "the same person, many times at once", _at_once)
    yield _attack(at, held, f"{JA}：二つのセッションで同時に", "prepared and released at the same time", _both_at_once)
    yield _attack(at, held, f"{JA}：差し戻してから", "the same person returns, prepares and releases", _after_return)
    yield _attack(at, held, f"{JA}：不提供にする", "the same person withholds alone", _withholding)
    yield from _by_deputy(at, held)


def _untried(why: str) -> Finding:
    return not_tried(Family.EYES, JA, "one person prepares and releases", "preparation, release, return", why)


def _attack(at: Target, held: Held, ja: str, en: str, act: Callable[[Target, Held], list[Seen]]) -> Finding:
    """One attack; broken where it released, or where the provision has ended afterwards. Ends with it unprepared."""
    if _state(at, held) == "ended":
        return not_tried(Family.EYES, ja, en, held.exchange, "提供が既に終わりました / the provision has ended already")
    _unprepared(at, held)
    seen = act(at, held)
    ended = _state(at, held) == "ended"
    if not seen:
        return not_tried(Family.EYES, ja, en, held.exchange, "用意できません / nothing could be prepared")
    let_in = [one for one in seen if one.let_in]
    verdict = Verdict.BROKEN if ended or let_in else Verdict.HELD
    why = "一人で承認されました / released by one person" if verdict is Verdict.BROKEN else ""
    return Finding(Family.EYES, ja, en, f"POST /provisions/{held.exchange}/release", told(seen), verdict, why)


# --- acts ---------------------------------------------------------------------------------------------------------


def _nobody_prepared(at: Target, held: Held) -> list[Seen]:
    return [_release(at, held, one) for one in (held.first, held.second)]


def _same_session(at: Target, held: Held) -> list[Seen]:
    return [_release(at, held, held.first)] if _prepare(at, held, held.first) else []


def _other_session(at: Target, held: Held) -> list[Seen]:
    again = at.fresh(held.first.given) if _prepare(at, held, held.first) else None
    if again is None:
        return []
    seen = [_release(at, held, again)]
    at.wire.call("POST", "/auth/logout", token=again.token)
    return seen


def _reauthenticated(at: Target, held: Held) -> list[Seen]:
    if not _prepare(at, held, held.first):
        return []
    body = {"password": held.first.given.password}
    shown = at.wire.call("POST", "/auth/reauthentication", body, token=held.first.token)
    if not shown.let_in:
        return []
    return [at.wire.call("POST", f"/provisions/{held.exchange}/release", token=shown.data["token"])]


def _at_once(at: Target, held: Held) -> list[Seen]:
    if not _prepare(at, held, held.first):
        return []
    acts: list[tuple[str, object]] = [("release", None)] * PARALLEL
    return _together(at, held, acts)


def _both_at_once(at: Target, held: Held) -> list[Seen]:
    acts: list[tuple[str, object]] = [("preparation", {"choice": "confirm"}), ("release", None)] * (PARALLEL // 2)
    seen = _together(at, held, acts)
    return [one for (path, _), one in zip(acts, seen, strict=True) if path == "release"]


def _after_return(at: Target, held: Held) -> list[Seen]:
    if not _prepare(at, held, held.second):
        return []
    if not at.wire.call("POST", f"/provisions/{held.exchange}/return", token=held.first.token).let_in:
        return []
    return [_release(at, held, held.first)] if _prepare(at, held, held.first) else []


def _withholding(at: Target, held: Held) -> list[Seen]:
    body = {"choice": "withhold", "reason": _reason(at)}
    return [_release(at, held, held.first)] if _prepare(at, held, held.first, body) else []


def _reason(at: Target) -> str:
    """The first reason for which may be withheld, as the document has them."""
    reasons = at.document["components"]["schemas"].get("WithholdReason", {}).get("enum", [""])
    return str(reasons[0])


# --- deputies -----------------------------------------------------------------------------------------------------


def _by_deputy(at: Target, held: Held) -> Iterator[Finding]:
    """Somebody who stands for the first person is not a second one; nor is it afterwards."""
    for ja, en, duty, first_by_deputy, ended in (
        ("代行者が承認する", "the first person's deputy releases", "release", False, False),
        ("代行者が用意し、本人が承認する", "a deputy prepares and its principal releases", "review", True, False),
        ("代行を終えてから本人が承認する", "the same after the delegation has ended", "review", True, True),
    ):
        name = f"{JA}：{ja}"
        keeper, given = at.one("manage-staff", held.provider), _somebody_else(at, held)
        if keeper is None or given is None:
            why = "権限管理者か、代行できる職員がいません / nobody who delegates, or nobody to be deputy"
            yield not_tried(Family.EYES, name, en, f"delegation of {duty}", why)
            continue
        delegation = _delegated(at, held, keeper, given, duty)
        deputy = at.fresh(given.given) if delegation else None
        if delegation is None or deputy is None or duty not in deputy.duties:
            why = "代行を設定できません / the delegation could not be made"
            yield not_tried(Family.EYES, name, en, f"delegation of {duty}", why)
            continue
        people = (deputy, held.first) if first_by_deputy else (held.first, deputy)
        yield _attack(at, held, name, en, _of_two(people, keeper, delegation if ended else ""))
        at.wire.call("POST", f"/delegations/{delegation}/end", token=keeper.token)
        at.accounts.pop((given.agency, given.login), None)


def _of_two(people: tuple[Account, Account], keeper: Account, ending: str) -> Callable[[Target, Held], list[Seen]]:
    def act(at: Target, held: Held) -> list[Seen]:
        first, second = people
        if not _prepare(at, held, first):
            return []
        if ending:
            at.wire.call("POST", f"/delegations/{ending}/end", token=keeper.token)
        return [_release(at, held, second)]

    return act


def _somebody_else(at: Target, held: Held) -> Account | None:
    """Somebody of the provider without any duty in reviews, who may be given one."""
    quiet = ("read-records", "manage-duplicates")
    candidates = (account for duty in quiet for account in at.having(duty, held.provider))
    return next((one for one in candidates if one.duties.isdisjoint({"review", "release", "audit"})), None)


def _delegated(at: Target, held: Held, keeper: Account, deputy: Account, duty: str) -> str | None:
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    body = {"delegator": held.first.staff_id, "deputy": deputy.staff_id, "duty": duty, "until": until}
    made = at.wire.call("POST", "/delegations", body, token=keeper.token)
    return str(made.data["id"]) if made.status == 201 else None


# --- steps --------------------------------------------------------------------------------------------------------


def _prepare(at: Target, held: Held, account: Account, body: object = None) -> bool:
    path = f"/provisions/{held.exchange}/preparation"
    return at.wire.call("POST", path, body or {"choice": "confirm"}, token=account.token).let_in


def _release(at: Target, held: Held, account: Account) -> Seen:
    return at.wire.call("POST", f"/provisions/{held.exchange}/release", token=account.token)


def _unprepared(at: Target, held: Held) -> None:
    """Back to held: whoever did not prepare it returns it."""
    if _state(at, held) == "prepared":
        for account in (held.second, held.first):
            at.wire.call("POST", f"/provisions/{held.exchange}/return", token=account.token)


def _state(at: Target, held: Held) -> str:
    seen = at.get(held.second, f"/provisions/{held.exchange}")
    return str(seen["state"]) if isinstance(seen, dict) else ""


def _together(at: Target, held: Held, acts: list[tuple[str, object]]) -> list[Seen]:
    """Several calls of the first person at the same time, each over a connection of its own."""

    def one(act: tuple[str, object]) -> Seen:
        wire = at.wire.another()
        try:
            return wire.call("POST", f"/provisions/{held.exchange}/{act[0]}", act[1], token=held.first.token)
        finally:
            wire.close()

    with ThreadPoolExecutor(PARALLEL) as pool:
        return list(pool.map(one, acts))


# --- a held provision ---------------------------------------------------------------------------------------------


def _held(at: Target) -> Held | str:
    """A held provision of our own, or why there is none."""
    why = "保留された提供の例がありません / no provision was ever held that could be asked again"
    for agency in at.agencies:
        people = [one for one in at.having("review", agency) if "release" in one.duties]
        if len(people) < 2:
            continue
        page = at.get(people[0], f"/provisions?limit={LATEST}")
        for line in reversed(page["provisions"] if page else []):
            if line["held_for"] and (found := _asked_again(at, line, agency, people)) is not None:
                return found
    return why


def _asked_again(at: Target, line: dict[str, Any], agency: str, people: list[Account]) -> Held | None:
    for asker in at.having("inquire", line["inquirer"]):
        request = at.get(asker, f"/inquiries/{line['exchange']}/request")
        if request is None:
            continue
        said = {name: request[name] for name in ("provider", "task", "information", "items", "procedure", "consent")}
        headers = {"Idempotency-Key": f"probe-{uuid4()}"}
        body = {"person": {"unified": request["person"]}, **said}
        made = at.wire.call("POST", "/inquiries", body, token=asker.token, headers=headers)
        if made.status != 202:
            continue
        held = Held(made.data["exchange"], agency, people[0], people[1])
        at.later.append(_taken_back(at, asker, held.exchange))
        if _comes(at, held):
            return held
    return None


def _taken_back(at: Target, asker: Account, exchange: str) -> Callable[[], None]:
    def undo() -> None:
        at.wire.call("POST", f"/inquiries/{exchange}/withdrawal", token=asker.token)

    return undo


def _comes(at: Target, held: Held) -> bool:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        state = _state(at, held)
        if state:
            return state == "held"
        time.sleep(0.1)
    return False
