"""Bad requests over HTTP: each is told what is wrong and what to do, leaves nothing behind, and heals when put right.

Every test is one row of ``docs/troubles.md``: the cause, the message, and the same call that is answered afterwards.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from authz.duties import Duty
from authz.principals import StaffPrincipal
from authz.tokens import IssuingKey, issue
from gateway.exchange.jws import SigningKey
from tests.countries import NOON
from tests.judging import assert_judged
from tests.server.api import Answered, Api, asking

NOBODYS = "0220199999991700"
"""An agency code of the right form that no agency has."""


def assert_told(answer: Answered, slug: str, *pointers: str) -> None:
    """Title, advice and instance in both languages, and every place that is wrong."""
    assert answer.slug == slug, answer.body
    for name in ("title", "title_en", "advice", "advice_en", "instance"):
        assert answer.body[name]
    assert {one["pointer"] for one in answer.body.get("errors", ())} == set(pointers)


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe{\x00}\x00", b'{"person": ', b"[" * 3000])
async def test_a_malformed_body_uses_up_nothing_and_the_right_one_is_answered_under_the_same_key(
    api: Api, raw: bytes
) -> None:
    ask = api.parties.world.cast.vaccination
    headers = {"Idempotency-Key": f"malformed-{hashlib.sha256(raw).hexdigest()[:8]}"}
    assert_told(await api.call("register-inquiry", by=ask.login, raw=raw, headers=headers), "malformed-body")
    healed = await api.ask(ask, key=headers["Idempotency-Key"])
    assert healed.body["outcome"] == "provided"
    await assert_judged(api.parties)


async def test_unknown_codes_are_refused_by_their_names_and_known_ones_are_answered(api: Api) -> None:
    ask = api.parties.world.cast.vaccination
    misspelt = await api.ask(ask, task="JM1", information="tm" + "0" * 14, provider="1")
    assert_told(misspelt, "invalid-field", "$.task", "$.information", "$.provider")
    asked: list[dict[str, Any]] = [{"task": "JM99999999999999"}, {"information": "TM99999999999999"}]
    for unknown in (*asked, {"provider": NOBODYS}):
        answer = await api.ask(ask, **unknown)
        assert answer.status == 201
        assert answer.body["outcome"] == "refused"
        assert answer.body["reasons"] or answer.body["reason"] == "agency-unknown-or-not-in-force"
    assert (await api.ask(ask)).body["outcome"] == "provided"
    await assert_judged(api.parties)


@pytest.mark.parametrize("twice", [True, False])
async def test_items_named_twice_or_without_end_are_refused_and_the_same_once_are_answered(
    api: Api, twice: bool
) -> None:
    ask = api.parties.world.cast.vaccination
    [item, *_] = sorted(api.parties.intermediary.held.snapshot.items[ask.information])
    named = [item, item] if twice else [f"TK{number:014}" for number in range(501)]
    assert_told(await api.ask(ask, items=named), "invalid-field", "$.items")
    assert (await api.ask(ask, items=[item])).body["outcome"] == "provided"
    await assert_judged(api.parties)


async def test_a_wrong_check_digit_is_named_by_its_place_and_the_right_number_is_taken(api: Api) -> None:
    ask = api.parties.world.cast.information_held
    keeper = await api.hire(ask.provider, Duty.MANAGE_DUPLICATES)
    resident = api.parties.world.resident(ask.person.resident)
    [numbering, *_] = [one for one in api.parties.world.numberings_of(resident) if one.agency == ask.provider]
    right = resident.individual.reveal()
    wrong = right[:-1] + str((int(right[-1]) + 1) % 10)

    async def number(individual: str) -> Answered:
        person = {"system": numbering.system, "number": numbering.number.reveal(), "individual_number": individual}
        return await api.call("number-addressees", by=keeper, body={"persons": [person]})

    refused = await number(wrong)
    assert_told(refused, "invalid-field", "$.persons[0].individual_number")
    assert wrong not in refused.raw.decode()
    assert (await number(right)).status == 200


@pytest.mark.parametrize("day", ["2026-02-30", "26-03-31", "2026-03-31T00:00:00", "10000-01-01", 20260331])
async def test_a_date_out_of_range_is_named_by_its_place_and_a_real_one_is_taken(api: Api, day: object) -> None:
    ask = api.parties.world.cast.information_held
    keeper = await api.hire(ask.provider, Duty.MANAGE_DUPLICATES)
    body = {"information": ask.information, "until": day}
    assert_told(await api.call("end-publication", by=keeper, body=body), "invalid-field", "$.until")
    assert (await api.call("end-publication", by=keeper, body=body | {"until": "2035-03-31"})).status < 300


@pytest.mark.parametrize("since", ["0", "0.0", "1782867600", "2026-07-01", "2026-07-01T00:00:00"])
async def test_a_moment_in_a_url_that_is_none_is_named_and_a_real_one_is_taken(api: Api, since: str) -> None:
    reader = await api.hire(api.parties.world.cast.tax.inquirer, Duty.READ_RECORDS)
    assert_told(await api.call("list-records", by=reader, query={"since": since}), "invalid-field", "query.since")
    taken = await api.call("list-records", by=reader, query={"since": "2026-07-01T00:00:00+09:00"})
    assert taken.status == 200


@pytest.mark.parametrize("until", ["0001-01-01", "1899-12-31", "9999-12-31"])
async def test_a_day_before_or_behind_all_days_is_counted_by_nobody_and_a_real_one_is(api: Api, until: str) -> None:
    auditor = await api.hire(api.parties.world.cast.tax.inquirer, Duty.AUDIT)
    refused = await api.call("show-statistics", by=auditor, query={"until": until})
    assert_told(refused, "invalid-field", "query.since")
    assert (await api.call("show-statistics", by=auditor, query={"until": "2026-07-01"})).status == 200


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+09:00", "9999-12-31T23:59:59Z", "2026-07-01T12:00:00", "x"])
async def test_a_world_time_that_cannot_be_moves_nothing(api: Api, at: str) -> None:
    operator = api.login_with(Duty.OPERATE_SYSTEM, api.parties.world.network.code)
    before = (await api.call("show-clock")).body["world"]
    refused = await api.call("set-clock", by=operator, body={"at": at, "frozen": True})
    assert_told(refused, "invalid-field", "$.at")
    assert (await api.call("show-clock")).body["world"] == before
    assert (await api.call("set-clock", by=operator, body={"at": NOON.isoformat(), "frozen": True})).status < 300


@pytest.mark.parametrize("until", ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"])
async def test_an_account_until_a_moment_that_cannot_be_is_not_made_and_the_others_go_on_being_listed(
    api: Api, until: str
) -> None:
    manager = await api.hire(api.parties.world.cast.tax.inquirer, Duty.MANAGE_STAFF)
    body = {"login": "until-then", "name": "朱印　はな", "office": "10", "duties": ["inquire"], "valid_until": until}
    assert_told(await api.call("create-staff", by=manager, body=body), "invalid-field", "$.valid_until")
    assert (await api.call("list-staff", by=manager)).status == 200
    explainer = await api.hire(api.parties.world.cast.tax.inquirer, Duty.EXPLAIN)
    asked = {"inquirer": "市町村", "known_at": until}
    assert_told(await api.call("enumerate-permitted", by=explainer, body=asked), "invalid-field", "$.known_at")
    assert (await api.call("enumerate-permitted", by=explainer, body={"inquirer": "市町村"})).status == 200


async def test_a_wrong_duty_is_told_which_one_is_missing_and_whoever_has_it_is_answered(api: Api) -> None:
    ask = api.parties.world.cast.vaccination
    auditor = await api.hire(ask.inquirer, Duty.AUDIT)
    refused = await api.ask(ask, by=auditor)
    assert_told(refused, "wrong-duty")
    assert "inquire" in refused.body["detail"]
    assert (await api.ask(ask)).body["outcome"] == "provided"


# --- tokens -------------------------------------------------------------------------------------------------------


def segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def parts(token: str) -> tuple[dict[str, Any], str, str]:
    header, claims, signature = token.split(".")
    return json.loads(base64.urlsafe_b64decode(header + "==")), claims, signature


def without_signature(api: Api, token: str) -> str:
    header, claims, _ = parts(token)
    return f"{segment(header | {'alg': 'none'})}.{claims}."


def signed_with_the_public_key(api: Api, token: str) -> str:
    """HS256, with the public key's own bytes as its secret."""
    header, claims, _ = parts(token)
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    public = _desk(api).key.private.public_key().public_bytes(serialization.Encoding.PEM, spki)
    signed = f"{segment(header | {'alg': 'HS256'})}.{claims}"
    mac = hmac.new(public, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def under_another_key_id(api: Api, token: str) -> str:
    header, claims, signature = parts(token)
    return f"{segment(header | {'kid': 'intermediary/token-9'})}.{claims}.{signature}"


def signed_by_a_stranger(api: Api, token: str) -> str:
    desk = _desk(api)
    principal = desk.verifier.principal(token, api.house.clock.machine())
    assert isinstance(principal, StaffPrincipal)
    strange = IssuingKey.from_bytes(desk.key.kid, desk.key.issuer, SigningKey.generate("x/1").to_bytes())
    return issue(principal, strange, desk.audience, api.house.clock.machine())


def altered(api: Api, token: str) -> str:
    header, claims, signature = token.split(".")
    read = json.loads(base64.urlsafe_b64decode(claims + "=="))
    return f"{header}.{segment(read | {'duties': sorted(Duty)})}.{signature}"


FORGERIES: tuple[Callable[[Api, str], str], ...] = (
    without_signature,
    signed_with_the_public_key,
    under_another_key_id,
    signed_by_a_stranger,
    altered,
)


def _desk(api: Api) -> Any:
    return api.desk(api.parties.world.cast.vaccination.inquirer)


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda one: one.__name__)
async def test_a_forged_token_asks_nothing_and_the_true_one_does(api: Api, forgery: Callable[[Api, str], str]) -> None:
    ask = api.parties.world.cast.vaccination
    true = await api.token(ask.login)
    refused = await api.call("register-inquiry", token=forgery(api, true), body=asking(ask))
    assert refused.status == 401
    assert_told(refused, "token-invalid")
    assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]
    assert (await api.call("register-inquiry", token=true, body=asking(ask))).status in {201, 202}


async def test_a_token_of_another_agency_asks_for_its_own_agency_alone(api: Api) -> None:
    ask = api.parties.world.cast.vaccination
    other = next(one for one in api.parties.world.cast.asks if one.inquirer != ask.inquirer)
    exchange = (await api.ask(ask)).body["exchange"]
    assert_told(await api.call("show-inquiry", by=other.login, path={"exchange": exchange}), "not-found")
    network = api.login_with(Duty.READ_RECORDS, api.parties.world.network.code)
    refused = await api.call("register-inquiry", by=network, body=asking(ask))
    assert refused.slug in {"wrong-agency", "wrong-duty"}
    assert (await api.call("show-inquiry", by=ask.login, path={"exchange": exchange})).status == 200


async def test_an_expired_token_says_so_and_a_new_login_heals_it(api: Api) -> None:
    ask = api.parties.world.cast.vaccination
    old = await api.stale_token(ask.login)
    assert_told(await api.call("register-inquiry", token=old, body=asking(ask)), "token-expired")
    fresh = (await api.log_in(ask.login)).body["token"]
    assert (await api.call("register-inquiry", token=fresh, body=asking(ask))).status in {201, 202}


# --- exchanges ----------------------------------------------------------------------------------------------------


async def test_an_agency_that_is_not_in_force_is_refused_and_one_in_force_answers(api: Api) -> None:
    ask = api.parties.world.cast.vaccination
    refused = await api.ask(ask, provider=str(api.parties.world.ended.code))
    assert (refused.body["outcome"], refused.body["reason"]) == ("refused", "agency-unknown-or-not-in-force")
    assert (await api.ask(ask)).body["outcome"] == "provided"
    await assert_judged(api.parties)


async def test_a_closed_notice_is_prepared_by_nobody_and_the_next_one_is(api: Api) -> None:
    ask = api.parties.world.cast.protected
    reviewer = api.login_of(ask.provider, "reviewer-1")
    closed = await api.held(ask)
    await api.call("withdraw-inquiry", by=ask.login, path={"exchange": closed})
    await api.ended(ask, closed)
    confirm = {"choice": "confirm"}
    refused = await api.call("prepare-provision", by=reviewer, path={"exchange": closed}, body=confirm)
    assert_told(refused, "wrong-state")
    again = await api.held(ask)
    assert (await api.call("prepare-provision", by=reviewer, path={"exchange": again}, body=confirm)).status < 300
    await api.call("withdraw-inquiry", by=ask.login, path={"exchange": again})
    await api.ended(ask, again)
    await assert_judged(api.parties)


@pytest.mark.parametrize(
    ("at", "outcome", "reason"),
    [("2015-10-06T10:00:00+09:00", "refused", "assessment"), ("2086-07-01T10:00:00+09:00", "provided", "")],
)
async def test_a_clock_of_the_world_far_away_is_told_refuses_by_name_and_heals_when_it_is_put_right(
    api: Api, at: str, outcome: str, reason: str
) -> None:
    ask = api.parties.world.cast.vaccination
    operator = api.login_with(Duty.OPERATE_SYSTEM, api.parties.world.network.code)
    await api.call("set-clock", by=operator, body={"at": at, "frozen": True})
    away = await api.ask(ask)
    status = await api.call("show-status", by=operator)
    assert status.body["clock"]["world"] == at
    await api.call("set-clock", by=operator, body={"at": NOON.isoformat(), "frozen": True})
    assert away.body["outcome"] == outcome
    assert away.body.get("reason", "") == reason
    assert (await api.ask(ask)).body["outcome"] == "provided"
    await assert_judged(api.parties)
