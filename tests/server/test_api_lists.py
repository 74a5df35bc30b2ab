"""Lists over the operator's interface: signed, published, looked back on; keys of those who approve."""

from __future__ import annotations

import msgspec

from authz.duties import Duty
from authz.listmanifest import parts_of
from authz.matchlist import digest
from gateway.exchange.jws import SigningKey
from gateway.exchange.listing import anchored, extended, public
from gateway.intermediary import publications
from tests.countries import APPROVERS
from tests.server.api import Api
from tests.server.api_listing import history, next_list, publisher, sign


async def test_a_list_that_one_person_approved_is_refused_by_name_and_is_in_no_history(api: Api) -> None:
    before = await history(api, publisher(api))
    candidate, document = await next_list(api)
    answered = await sign(api, candidate, document, approvers=1)
    assert (answered.status, answered.slug) == (422, "list-refused")
    assert answered.body["detail"].startswith("one-approval")
    assert await history(api, publisher(api)) == before


async def test_what_is_wrong_inside_a_list_is_named_line_by_line(api: Api) -> None:
    candidate, document = await next_list(api)
    lines = document.splitlines(keepends=True)
    at = next(n for n, line in enumerate(lines) if line.startswith('["row"'))
    lines[at] = lines[at].replace('"MUNICIPALITY"', '"NOBODY"')
    wrong = "".join(lines)
    candidate = msgspec.structs.replace(
        candidate,
        list_d=digest(wrong.encode()),
        parts=tuple(one.part for one in parts_of(wrong.encode())),
    )
    answered = await sign(api, candidate, wrong)
    assert answered.body["detail"].startswith("unknown-kind")
    assert answered.body["errors"] == [
        {"pointer": f"$.document line {at + 1}", "rule": "providers: no line defines NOBODY"}
    ]


async def test_a_signed_list_is_published_and_stands_in_both_histories(api: Api) -> None:
    candidate, document = await next_list(api)
    manifest = (await sign(api, candidate, document)).body["manifest"]
    body = {"manifest": manifest, "document": document}
    published = await api.call("publish-list", by=publisher(api), body=body)
    assert (published.status, published.body["serial"]) == (201, candidate.serial)
    assert (await api.call("publish-list", by=publisher(api), body=body)).body["serial"] == candidate.serial
    await publications.refresh(api.parties.intermediary)
    held = await history(api, api.login_with(Duty.AUDIT, api.parties.world.cast.protected.provider))
    at_network = await history(api, publisher(api))
    assert [one["digest"] for one in held["lists"]] == [one["digest"] for one in at_network["lists"]]
    assert at_network["lists"][-1]["approved_by"] == [one.account for one in APPROVERS]
    assert "head" not in held
    links = [extended(None, at_network["lists"][0]["manifest"])]
    for one in at_network["lists"][1:]:
        links.append(extended(links[-1], one["manifest"]))
    assert anchored(links, api.parties.network.published.directory.network_verifying)


async def test_a_list_without_a_signature_is_refused(api: Api) -> None:
    _, document = await next_list(api)
    answered = await api.call("publish-list", by=publisher(api), body={"manifest": "", "document": document})
    assert answered.body["detail"].startswith("unsigned")


async def test_the_next_key_is_made_once(api: Api) -> None:
    first, again = [(await api.call("prepare-next-key", by=publisher(api))).body for _ in range(2)]
    assert first == again
    assert first["key"]["kid"] == f"{api.parties.world.network.code}/2"


async def test_an_approver_registers_a_key_of_the_own_account_and_no_other(api: Api) -> None:
    approver = api.login_with(Duty.APPROVE_LISTS, api.parties.world.network.code)
    account = (await api.call("show-me", by=approver)).body["staff"]["id"]
    stranger = public(SigningKey.generate(f"stf_{'d' * 26}/1"))
    refused = await api.call("register-approver", by=approver, body={"key": msgspec.to_builtins(stranger)})
    assert refused.body["detail"].startswith("unknown-approver")
    own = {"key": msgspec.to_builtins(public(SigningKey.generate(f"{account}/1")))}
    assert (await api.call("register-approver", by=approver, body=own)).status == 201
    assert (await api.call("register-approver", by=approver, body=own)).slug == "conflict"
    told = await history(api, publisher(api))
    assert account in [one["account"] for one in told["head"]["approvers"]]
    candidate, document = await next_list(api)
    manifest = (await sign(api, candidate, document)).body["manifest"]
    assert manifest
