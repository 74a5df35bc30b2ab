"""符号の生成 (番号法21条の2, 令27条, 命令44条, FGU): codes issued on the residents' party's word, sent to the agency itself.

1. 住民票コード with acquisition numbers come from the residents' party and from nobody else.
2. Codes are derived and durable before they are sent; one that the agency holds is answered as "already held".
3. The agency's server binds them and says so; only what it has bound is noted as confirmed.
4. The acquisition numbers are written nowhere here.
"""

from __future__ import annotations

from gateway.exchange.messages import CodeIssue, CodeNotice, CodeReply, ResidentCodeChange
from gateway.network.party import Network
from gateway.problems import Problem
from sympho import issuer
from sympho.issuer import ResidentChange


async def issue(network: Network, message: CodeIssue) -> CodeReply:
    """Issues codes for an agency in the directory and brings them to it; repeated, it brings what was not confirmed."""
    network.published.directory.entry(message.agency)
    now = network.clock.now()
    async with network.db.transaction() as conn:
        notices = await issuer.issue(conn, network.issuer_keys, message.agency, message.persons, now)
    notice = CodeNotice(1, message.agency, tuple(notices))
    reply = await network.route(message.agency).bind_codes(message.agency, notice)
    refused = set(reply.unknown)
    delivered = [code for number, code, _ in notices if code is not None and number not in refused]
    async with network.db.transaction() as conn:
        await issuer.confirm(conn, network.issuer_keys, message.agency, delivered, now)
    return reply


async def change_resident_code(network: Network, message: ResidentCodeChange) -> None:
    """A changed 住民票コード: the person stays the same person and every code survives."""
    async with network.db.transaction() as conn:
        became = await issuer.change_resident_code(
            conn, network.issuer_keys, message.before, message.after, network.clock.now()
        )
    if became is ResidentChange.TWO_PERSONS:
        raise Problem("conflict", "both codes stand for different persons already; nothing was changed")
