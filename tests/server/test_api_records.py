"""Records over HTTP: each holder reads and verifies its own, finds a person's; an outsider verifies them offline."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import jwt
from msgspec import convert

from authz.duties import Duty
from fixtures.invented.cast import Ask
from gateway.exchange.jws import Jwk, key_set
from gateway.records.record import RecordPayload
from gateway.records.verify import compare_holders
from sympho.codes import AgencyCode, decode_hook
from tests.server.api import Api, person


async def readers(api: Api, ask: Ask) -> dict[str, str]:
    """Somebody at each holder who reads records."""
    holders = {"inquirer": ask.inquirer, "network": api.parties.world.network.code, "provider": ask.provider}
    return {role: await api.hire(agency, Duty.READ_RECORDS) for role, agency in holders.items()}


async def shown(api: Api, by: str, exchange: str) -> Any:
    answered = await api.call("show-record", by=by, path={"exchange": exchange})
    assert answered.status == 200, answered.slug
    return answered.body


async def test_the_three_holders_have_the_same_bytes_and_each_its_own_annex(api: Api) -> None:
    ask = api.parties.world.cast.vaccination
    exchange = (await api.ask(ask)).body["exchange"]
    records = {role: await shown(api, by, exchange) for role, by in (await readers(api, ask)).items()}
    assert {role: one["role"] for role, one in records.items()} == {role: role for role in records}
    assert len({one["record"].split(".")[1] for one in records.values()}) == 1
    assert len({json.dumps(one["payload"]) for one in records.values()}) == 1
    for role, member in (("inquirer", "inq"), ("network", "net"), ("provider", "prv")):
        one = records[role]
        assert hashlib.sha256(one["annex_text"].encode()).hexdigest() == one["payload"]["annex_d"][member]
        assert json.loads(one["annex_text"]) == one["annex"]
        assert json.loads(base64.urlsafe_b64decode(one["record"].split(".")[1] + "==")) == one["payload"]
        convert(one["payload"], RecordPayload, dec_hook=decode_hook)


async def test_a_holders_record_and_annex_verify(api: Api) -> None:
    ask = api.parties.world.cast.tax
    exchange = (await api.ask(ask)).body["exchange"]
    for by in (await readers(api, ask)).values():
        found = await api.call("verify-record", by=by, path={"exchange": exchange})
        assert (found.body["verified"], found.body["faults"]) == (True, [])


async def test_the_published_keys_are_all_that_a_strangers_library_needs(api: Api) -> None:
    ask = api.parties.world.cast.vaccination
    exchange = (await api.ask(ask)).body["exchange"]
    keys = (await api.call("show-keys")).body["keys"]
    assert all("d" not in key for key in keys)
    by_kid = {key["kid"]: jwt.PyJWK(key) for key in keys}
    records = [(await shown(api, by, exchange))["record"] for by in (await readers(api, ask)).values()]
    for record in records:
        kid = jwt.get_unverified_header(record)["kid"]
        assert jwt.decode(record, by_kid[kid].key, algorithms=["ES256"])["txn"] == exchange
    ours = key_set(convert(keys, tuple[Jwk, ...]))
    assert compare_holders(records, ours, AgencyCode(api.parties.world.network.code)) == ()
    token = await api.token(ask.login)
    kid = jwt.get_unverified_header(token)["kid"]
    audience = "urn:sympho:intermediary"
    assert jwt.decode(token, by_kid[kid].key, algorithms=["ES256"], audience=audience)["agc"] == ask.inquirer


async def test_a_refusal_of_our_own_side_is_on_record_with_us_alone(api: Api) -> None:
    ask = api.parties.world.cast.not_on_the_list
    exchange = (await api.ask(ask)).body["exchange"]
    by = await readers(api, ask)
    record = await shown(api, by["inquirer"], exchange)
    assert (record["payload"]["kind"], record["annex"]["reasons"] != []) == ("refused", True)
    for role in ("network", "provider"):
        answered = await api.call("show-record", by=by[role], path={"exchange": exchange})
        assert answered.slug == "not-found"


async def test_a_persons_records_are_found_in_the_words_of_the_own_system_and_nobody_elses_are(api: Api) -> None:
    ask = api.parties.world.cast.health_insurance
    exchange = (await api.ask(ask)).body["exchange"]
    reader = await api.hire(ask.inquirer, Duty.READ_RECORDS)
    found = (await api.call("search-records", by=reader, body={"person": person(ask.person)})).body["records"]
    assert exchange in {one["exchange"] for one in found}
    other = {"person": {"unified": "000000000000000"}}
    assert (await api.call("search-records", by=reader, body=other)).body["records"] == []


async def test_a_list_of_records_is_read_page_by_page_in_the_order_of_their_ends(api: Api) -> None:
    ask = api.parties.world.cast.tax
    made = {(await api.ask(ask)).body["exchange"] for _ in range(3)}
    reader = await api.hire(ask.inquirer, Duty.READ_RECORDS)
    lines: list[Any] = []
    after = ""
    while True:
        query = {"limit": "2"} | ({"after": after} if after else {})
        page = (await api.call("list-records", by=reader, query=query)).body
        lines += page["records"]
        after = page["next"]
        if not after:
            break
    assert made <= {one["exchange"] for one in lines}
    assert len({one["exchange"] for one in lines}) == len(lines)
    assert [one["ended_at"] for one in lines] == sorted(one["ended_at"] for one in lines)


async def test_a_list_of_records_keeps_to_the_times_that_are_asked_for(api: Api) -> None:
    ask = api.parties.world.cast.tax
    await api.ask(ask)
    reader = await api.hire(ask.inquirer, Duty.READ_RECORDS)
    line = (await api.call("list-records", by=reader, query={"limit": "1"})).body["records"][0]
    early = await api.call("list-records", by=reader, query={"until": "2026-06-30T00:00:00+09:00"})
    assert (early.body["records"], early.body["next"]) == ([], "")
    since = await api.call("list-records", by=reader, query={"since": line["ended_at"]})
    assert line in since.body["records"]
    naive = await api.call("list-records", by=reader, query={"since": "2026-06-30T00:00:00"})
    assert naive.slug == "invalid-field"
    for odd in ("x", "0-0", "ffffffffffffff-" + "0" * 32):
        answered = await api.call("list-records", by=reader, query={"after": odd})
        assert answered.slug == "invalid-field" or answered.body["records"] == []


async def test_records_say_until_when_they_are_kept(api: Api) -> None:
    ask = api.parties.world.cast.tax
    exchange = (await api.ask(ask)).body["exchange"]
    reader = await api.hire(ask.inquirer, Duty.READ_RECORDS)
    assert (await shown(api, reader, exchange))["retained_until"] == "2034-04-01"
