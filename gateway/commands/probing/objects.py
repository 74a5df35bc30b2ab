"""Other bodies' things (他団体のもの): every path that has an id, with ids that exist and belong to somebody else.

Ids are those that their owners' staff can list. The stranger is of an agency that has no part in the thing, and holds
the duty that the operation asks for. What is not theirs must look exactly like what does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.commands.declared import NOWHERE, Endpoint
from gateway.commands.probing.findings import Family, Finding, Verdict, held_if, not_tried, told
from gateway.commands.probing.target import Account, Target
from gateway.commands.probing.wire import Seen

__all__ = ["attacks", "exchanges"]

MOST = 3
"""Things of one kind that are tried."""

NEVER_THEIRS = frozenset({403, 404})


@dataclass(frozen=True, slots=True)
class Thing:
    """Something with an id, and the agencies that have a part in it."""

    ids: Mapping[str, str]
    owners: frozenset[str]


def attacks(at: Target) -> Iterator[Finding]:
    """Each operation that takes an id, called by strangers to the thing."""
    things = {
        "exchange": list(exchanges(at)),
        "staff_id": list(_listed(at, "/staff", "staff", "id", "staff_id")),
        "client_id": list(_listed(at, "/clients", "clients", "client_id", "client_id")),
        "terminal_id": list(_listed(at, "/terminals", "terminals", "id", "terminal_id")),
        "delegation_id": list(_listed(at, "/delegations", "delegations", "id", "delegation_id")),
        "session_id": list(_sessions(at)),
    }
    if not at.options.gentle:
        things["terminal_id"] = things["terminal_id"] or list(_terminal(at))
        things["delegation_id"] = things["delegation_id"] or list(_delegation(at))
    for endpoint in at.endpoints:
        if endpoint.parameters and not endpoint.is_public:
            yield _attacked(at, endpoint, things.get(endpoint.parameters[-1], []))
    yield _another_office(at)


def _attacked(at: Target, endpoint: Endpoint, things: list[Thing]) -> Finding:
    ja, en = f"他団体の {endpoint.parameters[-1]} を指す", f"another body's {endpoint.parameters[-1]}: {endpoint.name}"
    tried = f"{endpoint.method} {endpoint.path}"
    if not things:
        why = "どの団体にもありません（または一覧を見られる職員がいません） / nobody has one, or nobody can list them"
        return not_tried(Family.OBJECTS, ja, en, tried, why)
    seen: list[Seen] = []
    wrong: list[Seen] = []
    differ: list[str] = []
    for thing in things[:MOST]:
        stranger = _stranger(at, endpoint, thing.owners)
        if stranger is None:
            continue
        theirs = _called(at, endpoint, stranger, thing.ids)
        nothing = _called(at, endpoint, stranger, {})
        seen.append(theirs)
        alike = (theirs.status, _said(theirs)) == (nothing.status, _said(nothing))
        if not alike:
            differ.append(f"{theirs.short} / {nothing.short}")
        if theirs.status not in NEVER_THEIRS and (endpoint.changes or not alike):
            wrong.append(theirs)
    if not seen:
        return not_tried(Family.OBJECTS, ja, en, tried, "権限のある他団体の職員がいません / no stranger with the duty")
    why = told(wrong) if wrong else f"存在しないものと違う答え / not as for nothing: {differ[0]}" if differ else ""
    verdict = Verdict.BROKEN if wrong or differ else Verdict.HELD
    return Finding(Family.OBJECTS, ja, en, f"{tried} ({len(seen)} things)", told(seen), verdict, why)


def _another_office(at: Target) -> Finding:
    """An inquiry of one office, looked at by whoever inquires for another office of the same body."""
    ja, en = "同じ団体の他の部署の照会", "an inquiry of another office of the same body"
    ways = ("", "/request", "/result", "/withdrawal")
    for asker in at.having("inquire"):
        page = _page(at.get(asker, "/inquiries?limit=1"), "inquiries")
        others = (one for one in at.having("inquire", asker.agency) if one.office != asker.office)
        other = next(others, None) if page else None
        if other is not None:
            path = f"/inquiries/{page[0]['exchange']}"
            seen = [at.wire.call("GET", path + way, token=other.token) for way in ways]
            return held_if(Family.OBJECTS, ja, en, f"GET {path} by {other.login}", seen, lambda one: one.status == 404)
    why = "他の部署の照会担当か、照会がありません / nobody of another office, or no inquiry"
    return not_tried(Family.OBJECTS, ja, en, "GET /inquiries/{exchange}", why)


def _stranger(at: Target, endpoint: Endpoint, owners: frozenset[str]) -> Account | None:
    """Somebody of a body without a part in it, with the duty; the network's operator has a part in every exchange."""
    but = owners | {at.network}
    if endpoint.is_own:
        return next((one for given in at.credentials if given.agency not in but and (one := at.account(given))), None)
    return next((one for duty in sorted(endpoint.duties) if (one := at.one(duty, but=but))), None)


def _called(at: Target, endpoint: Endpoint, stranger: Account, ids: Mapping[str, str]) -> Seen:
    call = at.forms.call(endpoint, ids)
    return at.wire.call(call.method, call.path, token=stranger.token, headers=call.headers, raw=call.raw)


def _said(seen: Seen) -> Any:
    """What an answer says, without what is new in every answer."""
    data = seen.data
    return {name: value for name, value in data.items() if name != "instance"} if isinstance(data, dict) else seen.raw


# --- what there is ------------------------------------------------------------------------------------------------


def exchanges(at: Target) -> Iterator[Thing]:
    """Exchanges that somebody can list, with both their bodies."""
    known: set[str] = set()
    for agency in at.agencies:
        for account in at.having("inquire", agency):
            for one in _page(at.get(account, "/inquiries?limit=20"), "inquiries"):
                request = at.get(account, f"/inquiries/{one['exchange']}/request")
                if request and one["exchange"] not in known:
                    known.add(one["exchange"])
                    yield Thing({"exchange": one["exchange"]}, frozenset({agency, request["provider"]}))
                if len(known) >= MOST:
                    return
        reviewer = at.one("review", agency)
        for one in _page(at.get(reviewer, "/provisions?limit=20") if reviewer else None, "provisions"):
            if one["exchange"] not in known:
                known.add(one["exchange"])
                yield Thing({"exchange": one["exchange"]}, frozenset({agency, one["inquirer"]}))


def _listed(at: Target, path: str, member: str, name: str, parameter: str) -> Iterator[Thing]:
    for agency in at.agencies:
        keeper = at.one("manage-staff", agency)
        if keeper is None or agency == at.network:
            continue
        for one in _page(at.get(keeper, path), member)[:1]:
            if name in one:
                yield Thing({parameter: str(one[name])}, frozenset({agency}))


def _terminal(at: Target) -> Iterator[Thing]:
    """A terminal made for this, and closed after it."""
    keeper = at.one("manage-staff", but=frozenset({at.network}))
    made = at.wire.call("POST", "/terminals", {"name": "probe"}, token=keeper.token) if keeper else None
    if keeper is None or made is None or made.status != 201:
        return
    terminal = str(made.data["id"])
    at.later.append(_undoing(at, keeper, f"/terminals/{terminal}/close"))
    yield Thing({"terminal_id": terminal}, frozenset({keeper.agency}))


def _delegation(at: Target) -> Iterator[Thing]:
    """A delegation made for this, and ended after it."""
    for keeper in at.having("manage-staff"):
        principal, deputy = at.one("review", keeper.agency), at.one("read-records", keeper.agency)
        if principal is None or deputy is None or keeper.agency == at.network:
            continue
        until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        who = {"delegator": principal.staff_id, "deputy": deputy.staff_id}
        made = at.wire.call("POST", "/delegations", {**who, "duty": "review", "until": until}, token=keeper.token)
        if made.status == 201:
            delegation = str(made.data["id"])
            at.accounts.pop((deputy.agency, deputy.login), None)
            at.later.append(_undoing(at, keeper, f"/delegations/{delegation}/end"))
            yield Thing({"delegation_id": delegation}, frozenset({keeper.agency}))
            return


def _undoing(at: Target, keeper: Account, path: str) -> Callable[[], None]:
    def undo() -> None:
        at.wire.call("POST", path, token=keeper.token)

    return undo


def _sessions(at: Target) -> Iterator[Thing]:
    """Sessions of members of staff, as whoever cares for accounts lists them."""
    for account in list(at.accounts.values()):
        keeper = at.one("manage-staff", account.agency)
        if keeper is None or account.agency == at.network:
            continue
        for one in _page(at.get(keeper, f"/staff/{account.staff_id}/sessions"), "sessions")[:1]:
            ids = {"staff_id": account.staff_id, "session_id": str(one.get("id", one.get("session", NOWHERE)))}
            yield Thing(ids, frozenset({account.agency}))


def _page(told: Any, member: str) -> list[dict[str, Any]]:
    page = told.get(member, []) if isinstance(told, dict) else []
    return [one for one in page if isinstance(one, dict)]
