"""宛名項目 over HTTP: name, birth, sex and address of a person, kept and told inside one body."""

from __future__ import annotations

from typing import Any

import pytest

from authz.duties import Duty
from tests.judging import assert_judged
from tests.server.api import Api
from tests.server.test_api_deposits import newborn

ITEMS = {"name": "朱印　はな", "born_on": "1984-02-29", "sex": "2", "address": "かくう県蜃気楼市見本町一丁目１番地"}


async def numbered(api: Api, keeper: str, number: int) -> dict[str, str]:
    """Somebody whom the keeper's body has numbered, as its business system names them."""
    new = newborn(api.parties.world, number)
    await api.call("number-addressees", by=keeper, body={"persons": [new]})
    return {"system": new["system"], "number": new["number"]}


async def kept(api: Api, keeper: str, *persons: dict[str, Any]) -> list[Any]:
    shown = await api.call("show-basic-items", by=keeper, body={"persons": persons})
    assert shown.status == 200
    return [one["items"] for one in shown.body["persons"]]


async def test_name_birth_sex_and_address_are_kept_told_and_replaced_by_the_next_that_is_said(api: Api) -> None:
    keeper = await api.hire(api.parties.world.cast.tax.provider, Duty.MANAGE_DUPLICATES)
    one, other = await numbered(api, keeper, 60), await numbered(api, keeper, 61)
    said = {"persons": [{"person": one, **ITEMS}]}
    assert (await api.call("keep-basic-items", by=keeper, body=said)).body == {"kept": 1}
    assert await kept(api, keeper, other, one) == [None, ITEMS]
    moved = ITEMS | {"address": "かくう県陽炎市見本町二丁目２番地"}
    await api.call("keep-basic-items", by=keeper, body={"persons": [{"person": one, **moved}]})
    assert await kept(api, keeper, one) == [moved]
    await assert_judged(api.parties, [ITEMS["name"], ITEMS["address"]])


async def test_of_a_person_whom_a_body_has_not_numbered_it_keeps_nothing_and_is_told_nothing(api: Api) -> None:
    cast = api.parties.world.cast
    keeper = await api.hire(cast.tax.provider, Duty.MANAGE_DUPLICATES)
    one = await numbered(api, keeper, 62)
    numbers = {"persons": [one]}
    unified = (await api.call("convert-addressees", by=keeper, body=numbers)).body["persons"][0]["unified"]
    await api.call("keep-basic-items", by=keeper, body={"persons": [{"person": one, **ITEMS}]})
    stranger = await api.hire(cast.tax.inquirer, Duty.MANAGE_DUPLICATES)
    own = await numbered(api, stranger, 63)
    for foreign in (one, {"unified": unified}):
        assert await kept(api, stranger, foreign) == [None]
        both = {"persons": [{"person": own, **ITEMS}, {"person": foreign, **ITEMS}]}
        refused = await api.call("keep-basic-items", by=stranger, body=both)
        assert (refused.slug, refused.body["errors"][0]["pointer"]) == ("not-found", "$.persons[1].person")
    assert await kept(api, stranger, own) == [None]


@pytest.mark.parametrize(
    "wrong",
    [{"name": ""}, {"name": "a\0"}, {"name": "x" * 101}, {"born_on": "1984-02-30"}, {"sex": "4"}, {"address": " "}],
)
async def test_an_item_that_breaks_its_rule_is_named_and_not_repeated(api: Api, wrong: dict[str, str]) -> None:
    keeper = await api.hire(api.parties.world.cast.tax.provider, Duty.MANAGE_DUPLICATES)
    one = await numbered(api, keeper, 64)
    refused = await api.call("keep-basic-items", by=keeper, body={"persons": [{"person": one, **ITEMS, **wrong}]})
    [name] = wrong
    assert (refused.slug, refused.body["errors"][0]["pointer"]) == ("invalid-field", f"$.persons[0].{name}")
    assert ITEMS["name"] not in refused.raw.decode()
    assert await kept(api, keeper, one) == [None]
