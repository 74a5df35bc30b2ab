"""Signs of an attack (セキュリティ管理): what came over a party's own connection and can be no honest mistake."""

from __future__ import annotations

from uuid import UUID

import structlog

from gateway.network import store
from gateway.network.party import Network
from gateway.problems import Problem
from sympho.codes import AgencyCode

log = structlog.get_logger()


async def wrong_call(
    network: Network, caller: AgencyCode, message: str, fault: str, txn: UUID | None, slug: str = "permit-invalid"
) -> Problem:
    """Writes the alarm and makes the problem that the caller gets; the call ends nothing."""
    async with network.db.transaction() as conn:
        await store.insert_alarm(conn, network.clock.now(), caller, message, fault, txn)
    log.warning("alarm", caller=caller, message=message, fault=fault, txn=str(txn) if txn else None)
    return Problem("wrong-agency" if fault == "wrong-agency" else slug, fault)


async def wrong_party(network: Network, identity: str, message: str, fault: str) -> None:
    """Writes the alarm of a party that is not the one whose message this is, or that may not send it at all."""
    async with network.db.transaction() as conn:
        await store.insert_alarm(conn, network.clock.now(), identity, message, fault, None)
    log.warning("alarm", caller=identity, message=message, fault=fault)
