"""参加の許可 (SCM): the network's operator offers another role a place, again or for more agencies, while the network runs.

The answer says where the joining file lies. What is in the file goes from hand to hand, and never through this door.
"""

from __future__ import annotations

import errno
import os
from typing import Annotated

from msgspec import Meta, Struct

from authz.duties import Duty
from gateway.exchange.certificates import JoiningRole
from gateway.interfaces.house import House
from gateway.interfaces.operation import AnyOperation, Call, Operation, Reply
from gateway.interfaces.words import BY_STAFF, Aware, in_tokyo
from gateway.network import joining
from gateway.network.party import Network
from gateway.problems import Problem
from sympho.codes import AgencyCode

__all__ = ["operations"]

MOST_AGENCIES = 5_000
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class OfferBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Who is to be let in. No agencies for an intermediary server: all in force, while one server serves any."""

    role: JoiningRole
    agencies: Annotated[tuple[AgencyCode, ...], Meta(max_length=MOST_AGENCIES)] = ()


class OfferView(Struct, frozen=True):
    """参加ファイル: where it lies on the network's machine, and until when it can be used, once, by machine time."""

    role: JoiningRole
    agencies: tuple[AgencyCode, ...]
    file: str
    join_url: str
    until: Aware


def operations(house: House, network: Network) -> list[AnyOperation]:
    """What the operator of the network does about those who join."""

    async def offer(call: Call[OfferBody, None]) -> Reply:
        call.own(network.agency)
        if house.let_in is None:
            raise Problem("nobody-to-join")
        role = call.body.role
        agencies = joining.to_offer(network, role, call.body.agencies)
        try:
            made = await house.let_in(role, agencies)
        except OSError as trouble:
            raise _not_offered(trouble.errno or 0) from None
        return Reply(201, OfferView(role, made.agencies, str(made.file), made.join_url, in_tokyo(made.until)))

    return [
        Operation(
            name="offer-joining", method="POST", path="/joining",
            summary_ja="参加の許可", summary_en="Offer a role a place: a joining file, good once",
            principals=BY_STAFF, duty=Duty.OPERATE_SYSTEM, recent=True, request=OfferBody, responses={201: OfferView},
            handler=offer,
            problems=frozenset({"wrong-agency", "nobody-to-join", "unknown-code", "conflict", "disk-full"}),
        )
    ]  # fmt: skip


def _not_offered(error: int) -> Problem:
    if error in _FULL:
        return Problem("disk-full")
    return Problem("conflict", f"the port or the file for joining cannot be had: {os.strerror(error)}")
