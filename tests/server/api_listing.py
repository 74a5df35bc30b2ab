"""The match list over the operator's interface, for tests: drawn up, approved by both approvers, signed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from authz.duties import Duty
from authz.listmanifest import Candidate, Head, canonical_bytes, drawn_up
from gateway.exchange import listing
from tests.countries import APPROVERS
from tests.server.api import Answered, Api


def publisher(api: Api) -> str:
    return api.login_with(Duty.PUBLISH_LISTS, api.parties.world.network.code)


async def history(api: Api, by: str) -> Any:
    return (await api.call("list-lists", by=by)).body


async def next_list(api: Api) -> tuple[Candidate, str]:
    """The list in force once more, as the next one."""
    told = await history(api, publisher(api))
    head = msgspec.convert(told["head"], Head)
    raw = (await api.call("show-list", by=publisher(api), query={"serial": str(head.serial)})).raw
    now = api.house.clock.machine()
    return drawn_up(head, raw, now, now + timedelta(days=400), key=head.key, next_key=None), raw.decode()


async def sign(api: Api, candidate: Candidate, document: str, approvers: int = 2) -> Answered:
    approvals = [listing.approve(candidate, one.account, one.key) for one in APPROVERS[:approvers]]
    body = {"candidate": canonical_bytes(candidate).decode(), "approvals": approvals, "document": document}
    return await api.call("sign-list", by=publisher(api), body=body)
