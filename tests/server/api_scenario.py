"""One long day at the interface: every operation is called, the whole cast asked about, and callers make bad slips."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
import pyotp

from authz.duties import Duty
from fixtures.invented.cast import Ask, Expected
from gateway.exchange.certificates import JoiningRole
from gateway.exchange.jws import SigningKey
from gateway.exchange.listing import public
from gateway.network.joining import Offered
from sympho.codes import AgencyCode
from tests.countries import NOON
from tests.server.api import Api, asking, person
from tests.server.api_listing import next_list, publisher, sign


async def everything(api: Api) -> None:
    """Calls every operation so that it succeeds, most of them also so that they do not."""
    await _story(api)
    await _accounts(api)
    await _keeping(api)
    await _reading(api)
    await _lists(api)
    await _process(api)
    await slips(api)


async def _lists(api: Api) -> None:
    by = publisher(api)
    approver = api.login_with(Duty.APPROVE_LISTS, api.parties.world.network.code)
    account = (await api.call("show-me", by=approver)).body["staff"]["id"]
    key = msgspec.to_builtins(public(SigningKey.generate(f"{account}/1")))
    await api.call("register-approver", by=approver, body={"key": key})
    await api.call("prepare-next-key", by=by)
    candidate, document = await next_list(api)
    manifest = (await sign(api, candidate, document)).body["manifest"]
    await api.call("publish-list", by=by, body={"manifest": manifest, "document": document})


async def _story(api: Api) -> None:
    cast = api.parties.world.cast
    for ask in cast.asks:
        if ask.expected is Expected.HELD:
            await _reviewed(api, ask)
        else:
            exchange = (await api.ask(ask)).body["exchange"]
            for name in ("show-inquiry", "show-inquiry-request", "show-inquiry-result", "show-withdrawal"):
                await api.call(name, by=ask.login, path={"exchange": exchange})
    taken = await api.held(cast.protected)
    await api.call("withdraw-inquiry", by=cast.protected.login, path={"exchange": taken})
    await api.call("list-inquiries", by=cast.protected.login)


async def _reviewed(api: Api, ask: Ask) -> None:
    at = {"exchange": await api.held(ask)}
    first, second = await api.hire(ask.provider, Duty.REVIEW), await api.hire(ask.provider, Duty.RELEASE)
    await api.call("list-provisions", by=first)
    seen = await api.call("show-provision-content", by=first, path=at)
    await api.call("prepare-provision", by=first, path=at, body={"choice": "confirm"})
    await api.call("return-provision", by=second, path=at)
    body = {"choice": "correct", "content": seen.body["content"]}
    await api.call("prepare-provision", by=first, path=at, body=body)
    await api.call("show-provision", by=second, path=at)
    await api.call("release-provision", by=second, path=at)
    await api.ended(ask, at["exchange"])


async def _accounts(api: Api) -> None:
    agency = api.parties.world.cast.protected.provider
    keeper = await api.hire(agency, Duty.MANAGE_STAFF)
    body = {"login": "long-day", "name": "朱印　はな", "office": "x", "duties": ["review"]}
    made = (await api.call("create-staff", by=keeper, body=body)).body
    api.passwords["long-day"] = (agency, made["password"])
    token = (await api.log_in("long-day")).body["token"]
    change = {"old": made["password"], "new": "長い一日の合言葉 2026"}
    await api.call("change-password", token=token, body=change)
    api.passwords["long-day"] = (agency, change["new"])
    for _ in range(2):
        await api.log_in("long-day")
    await api.call("show-me", token=(await api.call("renew-token", token=token)).body["token"])
    await api.call("reauthenticate", token=token, body={"password": change["new"]})
    secret = (await api.call("enrol-second-factor", token=token)).body["secret"]
    code = pyotp.TOTP(secret).at(api.house.clock.machine())
    await api.call("confirm-second-factor", token=token, body={"code": code})
    [latest, *_] = (await api.call("list-sessions", token=token)).body["sessions"]
    await api.call("end-session", token=token, path={"session_id": latest["id"]})
    at = {"staff_id": made["id"]}
    [latest, *_] = (await api.call("list-staff-sessions", by=keeper, path=at)).body["sessions"]
    await api.call("end-staff-session", by=keeper, path=at | {"session_id": latest["id"]})
    await api.call("log-out", token=token)
    await _people(api, keeper, at)
    await api.call("charge-staff", by=keeper, path=at, body={"office": "y", "duties": ["release"]})
    names = ("revoke-staff-sessions", "disable-staff", "enable-staff", "reset-staff-password", "remove-second-factor")
    for name in (*names, "list-staff"):
        await api.call(name, by=keeper, path=at)
    body = {"name": "健康管理", "system": "024", "operations": ["search-duplicates"]}
    client = (await api.call("create-client", by=keeper, body=body)).body
    await api.client_log_in(client["client_id"], client["secret"])
    await api.call("list-clients", by=keeper)
    await api.call("show-oauth-metadata")
    for name in ("replace-client-secret", "disable-client"):
        await api.call(name, by=keeper, path={"client_id": client["client_id"]})


async def _people(api: Api, keeper: str, at: dict[str, str]) -> None:
    """Conditions, rules, terminals and delegations of an agency's staff; somebody who comes from outside."""
    agency = api.passwords[keeper][0]
    terminal = (await api.call("register-terminal", by=keeper, body={"name": "窓口 1"})).body["id"]
    await api.call("list-terminals", by=keeper)
    await api.call("close-terminal", by=keeper, path={"terminal_id": terminal})
    await api.call("set-staff-rules", by=keeper, body={"second_factor_for": [], "password_days": 3650})
    await api.call("show-staff-rules", by=keeper)
    other = (await api.call("show-me", by=await api.hire(agency, Duty.RELEASE))).body["staff"]["id"]
    until = (api.house.clock.machine() + timedelta(days=1)).isoformat()
    delegation = {"delegator": other, "deputy": at["staff_id"], "duty": "release", "until": until}
    made = (await api.call("delegate-duty", by=keeper, body=delegation)).body["id"]
    await api.call("list-delegations", by=keeper)
    await api.call("end-delegation", by=keeper, path={"delegation_id": made})
    await api.call("set-staff-conditions", by=keeper, path={"staff_id": other}, body={"outside_subject": "long-day"})
    token = api.issuer.token("long-day", api.house.clock.machine())
    await api.call("log-in-from-outside", body={"agency": agency, "id_token": token, "terminal": "desk-9"})


async def _keeping(api: Api) -> None:
    """副本管理 at a provider of the story, with a person of the story."""
    cast = api.parties.world.cast
    ask = cast.information_held
    keeper = await api.hire(ask.provider, Duty.MANAGE_DUPLICATES)
    resident = api.parties.world.resident(ask.person.resident)
    [numbering, *_] = [one for one in api.parties.world.numberings_of(resident) if one.agency == ask.provider]
    named = {"system": numbering.system, "number": numbering.number.reveal()}
    individual = {"individual_number": resident.individual.reveal()}
    await api.call("number-addressees", by=keeper, body={"persons": [named | individual]})
    await api.call("convert-addressees", by=keeper, body={"persons": [named]})
    items = {"name": "見本　はな", "born_on": "1984-02-29", "sex": "2", "address": "かくう県見本町１番地"}
    await api.call("keep-basic-items", by=keeper, body={"persons": [{"person": named, **items}]})
    await api.call("show-basic-items", by=keeper, body={"persons": [named]})
    await api.call("acquire-codes", by=keeper, body={"persons": [named]})
    await api.call("search-codes", by=keeper, body={"persons": [named]})
    who = {"person": named}
    what = who | {"information": ask.information}
    shown = (await api.call("show-duplicate", by=keeper, body=what)).body
    content = {"layout": shown["content"]["layout"], "items": shown["content"]["items"]}
    duplicate = what | content | {"published_from": shown["published_from"]}
    await api.call("deposit-duplicates", by=keeper, body={"duplicates": [duplicate]})
    await api.call("search-duplicates", by=keeper, body=who)
    for flag in ("no-automatic-answer", "non-disclosure"):
        await api.call(f"set-{flag}-person", by=keeper, body=who | {"value": True})
        await api.call(f"set-{flag}-information", by=keeper, body=what | {"value": True})
    await api.call("search-flags", by=keeper, body=who)
    await api.call("end-publication", by=keeper, body={"information": ask.information, "until": "2030-03-31"})
    await api.call("delete-duplicates", by=keeper, body={"duplicates": [what]})


async def _reading(api: Api) -> None:
    cast = api.parties.world.cast
    for agency in (cast.tax.inquirer, cast.tax.provider, api.parties.world.network.code):
        reader, auditor = await api.hire(agency, Duty.READ_RECORDS), await api.hire(agency, Duty.AUDIT)
        for line in (await api.call("list-records", by=reader)).body["records"]:
            await api.call("show-record", by=reader, path={"exchange": line["exchange"]})
            await api.call("verify-record", by=auditor, path={"exchange": line["exchange"]})
        await api.call("read-operations", by=auditor, query={"limit": "500"})
        for name in ("export-operations-csv", "export-operations-lines"):
            await api.call(name, by=auditor)
        await api.call("list-alarms", by=auditor)
        for name in ("show-statistics", "export-statistics"):
            await api.call(name, by=auditor)
        explainer = await api.hire(agency, Duty.EXPLAIN)
        bodies = {"inquirer": cast.tax.inquirer, "provider": cast.tax.provider}
        question = bodies | {"task": cast.tax.task, "information": cast.tax.information}
        await api.call("explain-decision", by=explainer, body=question)
        await api.call("enumerate-permitted", by=explainer, body={"inquirer": cast.tax.inquirer})
        evaluation = _evaluation(cast.tax)
        await api.call("evaluate-access", by=explainer, body=evaluation)
        await api.call("evaluate-accesses", by=explainer, body={"evaluations": [evaluation, evaluation]})
    reader = await api.hire(cast.tax.inquirer, Duty.READ_RECORDS)
    await api.call("search-records", by=reader, body={"person": person(cast.tax.person)})


def _evaluation(ask: Ask) -> dict[str, object]:
    what = {"type": "information", "id": ask.information, "properties": {"provider": ask.provider}}
    who = {"type": "agency", "id": ask.inquirer}
    return {"subject": who, "action": {"name": "inquire"}, "resource": what, "context": {"task": ask.task}}


async def _process(api: Api) -> None:
    for name in ("show-liveness", "show-readiness", "show-openapi", "list-interfaces", "show-keys", "show-directory"):
        await api.call(name)
    await api.call("show-authzen-metadata")
    operator = await api.hire(api.parties.world.network.code, Duty.OPERATE_SYSTEM)
    await api.call("show-status", by=operator)
    await api.call("show-metrics", by=operator)
    await api.call("show-masters", by=operator)
    await api.call("resume-clock", by=operator)
    await api.call("set-clock", by=operator, body={"at": NOON.isoformat(), "frozen": True})
    await api.call("show-clock")
    await api.call("offer-joining", by=operator, body={"role": "residents"})
    api.house.let_in = _let_in
    await api.call("offer-joining", by=operator, body={"role": "residents"})
    api.house.let_in = None
    keeper = await api.hire(api.parties.world.cast.tax.inquirer, Duty.OPERATE_SYSTEM)
    for one in (operator, keeper):
        await api.call("show-progress", by=one)
        await api.call("show-expired", by=one)
    await api.call("delete-expired", by=keeper)


async def _let_in(role: JoiningRole, agencies: tuple[AgencyCode, ...]) -> Offered:
    """What a network apart would answer; here nobody is apart."""
    return Offered(role, agencies, Path("joining") / f"{role}.json", "https://127.0.0.1:8446", NOON)


async def slips(api: Api) -> None:
    """Callers put people's numbers and names where they do not belong: nothing of it may be said again."""
    cast = api.parties.world.cast
    ask = cast.tax
    resident = api.parties.world.resident(ask.person.resident)
    individual, name = resident.individual.reveal(), resident.name
    addressee = ask.person.number.reveal()
    unified = api.parties.person_of(ask).reveal()
    body = asking(ask)
    for text in (individual, name, unified, resident.code.reveal()):
        await api.call("register-inquiry", by=ask.login, body=body | {text: text})
        await api.call("register-inquiry", by=ask.login, body=body | {"task": text})
        await api.call("register-inquiry", by=ask.login, body=body | {"person": {"unified": text + "x"}})
        await api.call("register-inquiry", by=ask.login, raw=text.encode("utf-16"))
        await api.call("show-inquiry", by=ask.login, path={"exchange": text})
        await api.call("list-inquiries", by=ask.login, query={"after": text, text: text})
        await api.call("show-me", token=text.encode("unicode_escape").decode())
        login = {"agency": ask.inquirer, "login": text, "password": text, "terminal": text}
        await api.call("log-in", body=login)
        async with api.session.get(f"/inquiries/{text}/{text}?{text}={text}"):
            pass
    headers = {"Prefer": f"wait={individual}", "Idempotency-Key": addressee, "Accept": individual}
    await api.call("register-inquiry", by=ask.login, body=body, headers=headers)
    await api.call("register-inquiry", by=ask.login, body=body, headers={"Idempotency-Key": addressee})
    await api.call(
        "register-inquiry", by=ask.login, body=body | {"consent": True}, headers={"Idempotency-Key": addressee}
    )
