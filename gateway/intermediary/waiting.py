"""A notice that waits for nothing but a newer list (held: list): weighed again when the list is there."""

from __future__ import annotations

from gateway.intermediary import provide, publications, review
from gateway.intermediary.endings import Ending
from gateway.intermediary.party import Intermediary
from gateway.intermediary.store import duplicates, provisions
from gateway.intermediary.store.provisions import ProvisionRow
from sympho.codes import AgencyCode, UnifiedNumber


async def weigh_again(server: Intermediary, row: ProvisionRow) -> None:
    """With the list it is answered, refused, or held for a person; without, it goes on waiting, never denied for
    good."""
    claims = review.claims_of(server, row)
    if not server.holds_list(claims.list) and not await publications.catch_up(server, claims.list):
        return
    person = UnifiedNumber(row.unified) if row.unified else None
    noticed = provide.Noticed(claims, row.permit, person)
    weighed = await provide.weigh(server, noticed)
    async with server.db.transaction() as conn:
        locked = await provisions.lock_provision(conn, row.agency, row.txn)
        if locked is None or locked.state != "held" or locked.held_for != [provide.LIST]:
            return
        if weighed.ending is None:
            await provisions.return_provision(conn, row.agency, row.txn, weighed.held_for)
            return
        keys = [key for key, _ in weighed.guards]
        if keys:
            await duplicates.create_guards(conn, sorted(keys))
        versions = await duplicates.share_guards(conn, keys) if keys else {}
        if any(versions[key] != (version or duplicates.UNTOUCHED) for key, version in weighed.guards):
            return
        ending: Ending = weighed.ending
        await review.write_end(conn, locked, ending, None, weighed.kept)
    await review.push(server, AgencyCode(row.agency), row.txn, ending.answer)
