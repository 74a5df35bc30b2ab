"""An inquiry over HTTP from login to result: permitted, refused, held and released by two people, taken back."""

from __future__ import annotations

import asyncio

import pytest

from authz.duties import Duty
from fixtures.invented.cast import Expected
from tests.server.api import Api


async def test_a_permitted_inquiry_is_answered_in_the_same_call_with_all_its_items(api: Api) -> None:
    answered = await api.ask(api.parties.world.cast.vaccination)
    assert answered.status == 201
    assert (answered.body["state"], answered.body["outcome"]) == ("ended", "provided")
    assert len(answered.body["content"]["items"]) == 30
    assert answered.headers["Location"] == f"/inquiries/{answered.body['exchange']}"


async def test_the_result_is_the_same_whether_waited_for_fetched_or_asked_for_again(api: Api) -> None:
    ask = api.parties.world.cast.tax
    first = await api.ask(ask, key="tax-again")
    again = await api.ask(ask, key="tax-again", wait=0)
    result = await api.call("show-inquiry-result", by=ask.login, path={"exchange": first.body["exchange"]})
    assert (first.body, first.status) == (again.body, again.status)
    assert result.body == first.body


async def test_an_inquiry_that_nobody_waits_for_is_accepted_and_ends_by_itself(api: Api) -> None:
    ask = api.parties.world.cast.pension
    answered = await api.ask(ask, wait=0)
    assert (answered.status, answered.body["state"]) == (202, "in-progress")
    assert (await api.ended(ask, answered.body["exchange"]))["outcome"] == "provided"


async def test_progress_never_shows_content(api: Api) -> None:
    ask = api.parties.world.cast.account
    exchange = (await api.ask(ask)).body["exchange"]
    progress = await api.call("show-inquiry", by=ask.login, path={"exchange": exchange})
    assert (progress.body["outcome"], "content" in progress.body) == ("provided", False)


async def test_the_same_key_with_other_content_is_a_conflict_and_asks_nothing(api: Api) -> None:
    ask = api.parties.world.cast.vaccination
    await api.ask(ask, key="one-key")
    other = await api.ask(ask, key="one-key", consent=True)
    assert (other.status, other.slug) == (409, "idempotency-conflict")


async def test_a_key_belongs_to_whoever_used_it_so_that_others_may_use_the_same(api: Api) -> None:
    cast = api.parties.world.cast
    one, other = await api.ask(cast.vaccination, key="shared"), await api.ask(cast.tax, key="shared")
    assert (one.status, other.status) == (201, 201)
    assert one.body["exchange"] != other.body["exchange"]


async def test_two_who_wait_for_the_same_inquiry_both_get_its_end(api: Api) -> None:
    ask = api.parties.world.cast.care
    both = await asyncio.gather(api.ask(ask, key="both"), api.ask(ask, key="both"))
    assert [one.status for one in both] == [201, 201]
    assert both[0].body == both[1].body


async def test_nobody_waits_for_ever_and_nothing_is_left_behind(api: Api) -> None:
    ask = api.parties.world.cast.protected
    answered = await api.ask(ask, wait=1)
    assert (answered.status, answered.body["state"]) == (202, "in-progress")
    assert api.parties.intermediary.waiters == {}


async def test_what_our_own_side_forbids_is_refused_at_once_with_its_reasons(api: Api) -> None:
    answered = await api.ask(api.parties.world.cast.not_on_the_list, wait=0)
    assert (answered.status, answered.body["outcome"], answered.body["reason"]) == (201, "refused", "not-permitted")
    assert answered.body["reasons"]


async def test_what_the_network_forbids_tells_the_coarse_reason_alone(api: Api) -> None:
    answered = await api.ask(api.parties.world.cast.no_code)
    assert (answered.status, answered.body["outcome"], answered.body["reason"]) == (
        201,
        "refused",
        "no-code-at-provider",
    )
    assert answered.body["reasons"] == []


async def test_every_inquiry_of_the_story_ends_as_the_story_says(api: Api) -> None:
    ended = {
        Expected.PROVIDED: ("provided", None),
        Expected.NOTHING_HELD: ("not-provided", "not-provided"),
        Expected.NOT_ON_THE_LIST: ("refused", "not-permitted"),
        Expected.NO_CODE_AT_PROVIDER: ("refused", "no-code-at-provider"),
        Expected.NOT_ASSESSED: ("refused", "assessment"),
        Expected.NOT_IN_FORCE: ("refused", "agency-unknown-or-not-in-force"),
        Expected.HELD: (None, None),
    }
    for ask in api.parties.world.cast.asks:
        body = (await api.ask(ask, wait=0 if ask.expected is Expected.HELD else 5)).body
        assert (body.get("outcome"), body.get("reason")) == ended[ask.expected], ask.title_en


async def test_a_held_inquiry_is_reviewed_by_one_person_and_released_by_another(api: Api) -> None:
    ask = api.parties.world.cast.protected
    exchange = await api.held(ask)
    at = {"exchange": exchange}
    first, second = api.login_of(ask.provider, "reviewer-1"), api.login_of(ask.provider, "reviewer-2")
    seen = await api.call("show-provision-content", by=first, path=at)
    prepared = await api.call("prepare-provision", by=first, path=at, body={"choice": "confirm"})
    assert (prepared.body["state"], prepared.body["choice"]) == ("prepared", "confirm")
    assert (await api.call("release-provision", by=first, path=at)).slug == "four-eyes"
    progress = await api.call("show-inquiry", by=ask.login, path=at)
    assert progress.body["state"] == "in-progress"
    released = await api.call("release-provision", by=second, path=at)
    assert (released.body["outcome"], released.body["prepared_by"] == released.body["released_by"]) == (
        "provided",
        False,
    )
    assert (await api.ended(ask, exchange))["content"] == seen.body["content"]
    assert (await api.call("release-provision", by=second, path=at)).slug == "wrong-state"


async def test_a_held_inquiry_looks_to_the_inquirer_exactly_like_a_slow_one(api: Api) -> None:
    cast = api.parties.world.cast
    slow = (await api.ask(cast.pension, wait=0)).body
    await api.ended(cast.pension, slow["exchange"])
    exchange = await api.held(cast.protected)
    held = (await api.call("show-inquiry", by=cast.protected.login, path={"exchange": exchange})).body
    assert {key: value for key, value in held.items() if key not in {"exchange", "asked_at", "valid_until"}} == {
        key: value for key, value in slow.items() if key not in {"exchange", "asked_at"}
    }


async def test_what_was_withheld_by_two_people_looks_like_nothing_held(api: Api) -> None:
    cast = api.parties.world.cast
    nothing = (await api.ask(cast.nothing_held)).body
    exchange = await api.held(cast.protected)
    at = {"exchange": exchange}
    first, second = (api.login_of(cast.protected.provider, post) for post in ("reviewer-1", "reviewer-2"))
    lazy = await api.call("prepare-provision", by=first, path=at, body={"choice": "withhold"})
    assert lazy.slug == "invalid-field"
    await api.call("prepare-provision", by=first, path=at, body={"choice": "withhold", "reason": "wrong-person"})
    await api.call("release-provision", by=second, path=at)
    withheld = await api.ended(cast.protected, exchange)
    assert withheld.keys() == nothing.keys()
    assert (withheld["outcome"], withheld["reason"]) == (nothing["outcome"], nothing["reason"])


async def test_a_correction_is_sent_instead_of_the_duplicate_and_only_with_the_items_asked(api: Api) -> None:
    ask = api.parties.world.cast.information_held
    exchange = await api.held(ask)
    at = {"exchange": exchange}
    first, second = (api.login_of(ask.provider, post) for post in ("reviewer-1", "reviewer-2"))
    content = (await api.call("show-provision-content", by=first, path=at)).body["content"]
    item = min(content["items"])
    corrected = content | {"items": content["items"] | {item: {"reason_of_null": "NotAcceptable"}}}
    strange = content | {"information": api.parties.world.cast.vaccination.information}
    body = {"choice": "correct", "content": strange}
    assert (await api.call("prepare-provision", by=first, path=at, body=body)).slug == "invalid-field"
    slip = {"choice": "confirm", "content": corrected}
    assert (await api.call("prepare-provision", by=first, path=at, body=slip)).slug == "invalid-field"
    body = {"choice": "correct", "content": corrected}
    assert (await api.call("prepare-provision", by=first, path=at, body=body)).body["choice"] == "correct"
    assert (await api.call("release-provision", by=second, path=at)).status == 200
    assert (await api.ended(ask, exchange))["content"] == corrected


async def test_the_second_person_may_send_it_back_and_then_it_is_held_again(api: Api) -> None:
    ask = api.parties.world.cast.protected
    exchange = await api.held(ask)
    at = {"exchange": exchange}
    first, second = (api.login_of(ask.provider, post) for post in ("reviewer-1", "reviewer-2"))
    assert (await api.call("return-provision", by=second, path=at)).slug == "wrong-state"
    await api.call("prepare-provision", by=first, path=at, body={"choice": "confirm"})
    returned = await api.call("return-provision", by=second, path=at)
    assert (returned.body["state"], "prepared_by" in returned.body) == ("held", False)
    assert (await api.call("release-provision", by=second, path=at)).slug == "wrong-state"


async def test_a_flag_set_after_the_preparation_stops_the_release(api: Api) -> None:
    ask = api.parties.world.cast.information_held
    exchange = await api.held(ask)
    at = {"exchange": exchange}
    first, second = (api.login_of(ask.provider, post) for post in ("reviewer-1", "reviewer-2"))
    await api.call("prepare-provision", by=first, path=at, body={"choice": "confirm"})
    who = {"unified": (await api.call("show-provision", by=first, path=at)).body["person"]}
    keeper = api.login_with(Duty.MANAGE_DUPLICATES, ask.provider)
    flagged = await api.call("set-no-automatic-answer-person", by=keeper, body={"person": who, "value": True})
    try:
        assert flagged.status == 204
        assert (await api.call("release-provision", by=second, path=at)).slug == "changed-since-prepared"
        assert await api.state_at_provider(ask, exchange) == "held"
    finally:
        await api.call("set-no-automatic-answer-person", by=keeper, body={"person": who, "value": False})


async def test_an_inquiry_is_taken_back_before_it_is_answered_and_not_after(api: Api) -> None:
    cast = api.parties.world.cast
    exchange = await api.held(cast.protected)
    at = {"exchange": exchange}
    before = await api.call("show-withdrawal", by=cast.protected.login, path=at)
    assert before.body["withdrawal_asked"] is False
    taken = await api.call("withdraw-inquiry", by=cast.protected.login, path=at)
    assert taken.status == 202
    assert (await api.ended(cast.protected, exchange))["outcome"] == "withdrawn"
    shown = await api.call("show-withdrawal", by=cast.protected.login, path=at)
    assert (shown.body["withdrawal_asked"], shown.body["outcome"]) == (True, "withdrawn")
    done = (await api.ask(cast.vaccination)).body["exchange"]
    late = await api.call("withdraw-inquiry", by=cast.vaccination.login, path={"exchange": done})
    assert late.slug == "wrong-state"


async def test_what_was_asked_is_kept_with_who_asked(api: Api) -> None:
    ask = api.parties.world.cast.vaccination
    exchange = (await api.ask(ask)).body["exchange"]
    asked = (await api.call("show-inquiry-request", by=ask.login, path={"exchange": exchange})).body
    me = (await api.call("show-me", by=ask.login)).body["staff"]
    assert (asked["asked_by"], asked["office"], asked["task"]) == (me["id"], me["office"], ask.task)
    assert asked["person"] == api.parties.person_of(ask).reveal()


@pytest.mark.parametrize("state", ["in-progress", "ended", "overdue"])
async def test_a_list_shows_what_is_in_the_state_that_is_asked_for(api: Api, state: str) -> None:
    cast = api.parties.world.cast
    await api.ask(cast.vaccination)
    await api.held(cast.protected)
    shown: list[str] = []
    for ask in (cast.vaccination, cast.protected):
        page = (await api.call("list-inquiries", by=ask.login, query={"state": state})).body
        shown += [one["state"] for one in page["inquiries"]]
    assert set(shown) == ({state} if state != "overdue" else set())


async def test_a_list_is_read_to_its_end_page_by_page_without_gap_or_repetition(api: Api) -> None:
    ask = api.parties.world.cast.health_insurance
    made = [(await api.ask(ask)).body["exchange"] for _ in range(3)]
    seen: list[str] = []
    after = ""
    while True:
        query = {"limit": "2"} | ({"after": after} if after else {})
        page = (await api.call("list-inquiries", by=ask.login, query=query)).body
        seen += [one["exchange"] for one in page["inquiries"]]
        after = page["next"]
        if not after:
            break
    assert len(set(seen)) == len(seen)
    assert set(made) <= set(seen)
