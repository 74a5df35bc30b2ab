"""Addressees, codes, duplicates and flags over HTTP: what a business system brings, and what comes of it."""

from __future__ import annotations

from typing import Any

from authz.duties import Duty
from fixtures.world import World
from sympho.codes import AgencyCode
from tests.server.api import Api, person


def keeper_of(api: Api, agency: AgencyCode) -> str:
    return api.login_with(Duty.MANAGE_DUPLICATES, agency)


def newborn(world: World, n: int) -> dict[str, str]:
    """Somebody of whom the world's bodies know nothing yet: a 個人番号 with its check digit and a system's number."""
    first = f"9{n:010d}"
    total = sum(int(d) * (k + 1 if k <= 6 else k - 5) for k, d in enumerate(reversed(first), start=1))
    last = 0 if total % 11 <= 1 else 11 - total % 11
    return {"individual_number": f"{first}{last}", "system": "024", "number": f"N{n:09d}"}


async def test_one_person_gets_one_number_whichever_system_asks(api: Api) -> None:
    agency = api.parties.world.cast.tax.provider
    one = newborn(api.parties.world, 1)
    other = one | {"system": "020", "number": "T000000001"}
    first = await api.call("number-addressees", by=keeper_of(api, agency), body={"persons": [one]})
    [numbered] = first.body["persons"]
    assert numbered["outcome"] == "numbered"
    [known] = (await api.call("number-addressees", by=keeper_of(api, agency), body={"persons": [other]})).body[
        "persons"
    ]
    assert known == {"unified": numbered["unified"], "outcome": "known"}
    wanted = {"persons": [{"unified": numbered["unified"]}, {"system": "020", "number": "T000000001"}]}
    for converted in (await api.call("convert-addressees", by=keeper_of(api, agency), body=wanted)).body["persons"]:
        assert converted["unified"] == numbered["unified"]
        links = {(link["system"], link["number"]) for link in converted["links"]}
        assert links == {("024", one["number"]), ("020", "T000000001")}


async def test_a_systems_number_of_one_person_is_not_given_to_another(api: Api) -> None:
    agency = api.parties.world.cast.tax.provider
    one = newborn(api.parties.world, 2)
    thief = newborn(api.parties.world, 3) | {"number": one["number"]}
    both = await api.call("number-addressees", by=keeper_of(api, agency), body={"persons": [one, thief]})
    assert [row["outcome"] for row in both.body["persons"]] == ["numbered", "addressee-taken"]
    nobody = {"persons": [{"system": "024", "number": "NOBODY"}]}
    [found] = (await api.call("convert-addressees", by=keeper_of(api, agency), body=nobody)).body["persons"]
    assert found == {"unified": None, "links": []}


async def test_a_person_is_named_in_exactly_one_way(api: Api) -> None:
    keeper = keeper_of(api, api.parties.world.cast.tax.provider)
    for wrong in ({}, {"system": "024"}, {"unified": "000000000000000", "system": "024", "number": "1"}, {"name": "x"}):
        refused = await api.call("search-flags", by=keeper, body={"person": wrong})
        assert refused.slug == "invalid-field", wrong


async def test_codes_are_acquired_and_their_history_is_told_but_never_a_code(api: Api) -> None:
    cast = api.parties.world.cast
    keeper = keeper_of(api, cast.tax.inquirer)
    who = {"persons": [person(cast.tax.person)]}
    assert (await api.call("acquire-codes", by=keeper, body=who)).body == {"persons": [{"status": "held"}]}
    [told] = (await api.call("search-codes", by=keeper, body=who)).body["persons"]
    assert told["status"] == "held"
    assert [one["event"] for one in told["history"]][:2] == ["asked", "bound"]
    stranger = newborn(api.parties.world, 4)
    await api.call("number-addressees", by=keeper, body={"persons": [stranger]})
    unknown = {"persons": [{"system": stranger["system"], "number": stranger["number"]}]}
    assert (await api.call("acquire-codes", by=keeper, body=unknown)).body == {"persons": [{"status": "none"}]}


async def deposited(api: Api, n: int, **more: object) -> tuple[str, dict[str, Any]]:
    """A duplicate of tax information of a new person at a provider: the keeper and the body that was sent."""
    cast = api.parties.world.cast
    keeper = keeper_of(api, cast.tax.provider)
    new = newborn(api.parties.world, n)
    await api.call("number-addressees", by=keeper, body={"persons": [new]})
    [item, *_] = sorted(api.parties.intermediary.held.snapshot.items[cast.tax.information])
    body = {
        "person": {"system": new["system"], "number": new["number"]},
        "information": cast.tax.information,
        "layout": "0001",
        "published_from": "2026-04-01",
        "items": {item: {"value": "120000"}},
    } | more
    made = await api.call("deposit-duplicates", by=keeper, body={"duplicates": [body]})
    assert made.body == {"registered": 1}
    return keeper, body


async def test_a_duplicate_is_deposited_listed_without_content_shown_with_it_and_deleted(api: Api) -> None:
    keeper, body = await deposited(api, 10)
    who, what = {"person": body["person"]}, {"person": body["person"], "information": body["information"]}
    listed = await api.call("search-duplicates", by=keeper, body=who)
    assert [one["information"] for one in listed.body["duplicates"]] == [body["information"]]
    assert b"120000" not in listed.raw
    shown = (await api.call("show-duplicate", by=keeper, body=what)).body
    assert shown["content"]["items"] == body["items"]
    assert (await api.call("delete-duplicates", by=keeper, body={"duplicates": [what]})).status == 204
    assert (await api.call("show-duplicate", by=keeper, body=what)).slug == "not-found"
    assert (await api.call("search-duplicates", by=keeper, body=who)).body["duplicates"] == []


async def test_all_duplicates_of_a_call_are_registered_or_none_and_each_fault_is_named(api: Api) -> None:
    keeper, good = await deposited(api, 11)
    wrong = good | {"items": {"TK00000000000010": {"value": "1"}}, "published_until": "2026-03-01"}
    nobody = good | {"person": {"system": "024", "number": "NOBODY"}}
    changed = good | {"layout": "0002"}
    refused = await api.call("deposit-duplicates", by=keeper, body={"duplicates": [changed, wrong]})
    assert {one["pointer"] for one in refused.body["errors"]} >= {
        "$.duplicates[1].items",
        "$.duplicates[1].published_until",
    }
    missing = await api.call("deposit-duplicates", by=keeper, body={"duplicates": [changed, nobody]})
    assert (missing.slug, missing.body["errors"][0]["pointer"]) == ("not-found", "$.duplicates[1].person")
    what = {"person": good["person"], "information": good["information"]}
    assert (await api.call("show-duplicate", by=keeper, body=what)).body["content"]["layout"] == "0001"


async def test_a_misspelt_member_is_refused_and_not_passed_over(api: Api) -> None:
    cast = api.parties.world.cast
    refused = await api.ask(cast.tax, wait=0, itmes=[])
    assert (refused.slug, refused.body["errors"][0]["rule"][:12]) == ("invalid-field", "unknown name")


async def test_a_person_whose_flag_is_set_is_held_and_answered_again_once_it_is_cleared(api: Api) -> None:
    ask = api.parties.world.cast.care
    keeper = await api.hire(ask.provider, Duty.MANAGE_DUPLICATES)
    number = api.parties.persons[ask.provider, ask.person.resident].reveal()
    who = {"person": {"unified": number}}
    flag = who | {"information": ask.information}
    await api.call("set-no-automatic-answer-information", by=keeper, body=flag | {"value": True})
    await api.call("set-non-disclosure-information", by=keeper, body=flag | {"value": True})
    await api.call("set-non-disclosure-person", by=keeper, body=who | {"value": True})
    flags = (await api.call("search-flags", by=keeper, body=who)).body["flags"]
    assert flags == [
        {"information": None, "no_automatic_answer": False, "non_disclosure": True},
        {"information": ask.information, "no_automatic_answer": True, "non_disclosure": True},
    ]
    assert (await api.ask(ask, wait=1)).status == 202
    await api.call("set-no-automatic-answer-information", by=keeper, body=flag | {"value": False})
    assert (await api.ask(ask)).body["outcome"] == "provided"


async def test_the_publication_of_an_information_ends_for_everybody_on_one_day(api: Api) -> None:
    cast = api.parties.world.cast
    keeper = await api.hire(cast.vaccination.inquirer, Duty.MANAGE_DUPLICATES)
    [item, *_] = sorted(api.parties.intermediary.held.snapshot.items[cast.pension.information])
    bodies = []
    for n in (20, 21):
        new = newborn(api.parties.world, n)
        await api.call("number-addressees", by=keeper, body={"persons": [new]})
        who = {"system": new["system"], "number": new["number"]}
        what = {"person": who, "information": cast.pension.information, "layout": "0001"}
        bodies.append(what | {"published_from": "2026-04-01", "items": {item: {"value": "1"}}})
    await api.call("deposit-duplicates", by=keeper, body={"duplicates": bodies})
    until = {"information": cast.pension.information, "until": "2026-06-30"}
    assert (await api.call("end-publication", by=keeper, body=until)).body == {"changed": 2}
    assert (await api.call("end-publication", by=keeper, body=until)).body == {"changed": 0}
    what = {"person": bodies[0]["person"], "information": cast.pension.information}
    assert (await api.call("show-duplicate", by=keeper, body=what)).body["published_until"] == "2026-06-30"
