"""代行: one duty of one person, exercised by another until a time (product 4.9).

Whoever cares for accounts makes and ends delegations; nobody makes one for themselves. Only an own duty is delegated,
never one that is itself delegated, and it counts only while the delegator holds it and the account is open. The pairs
that one person may not hold are looked for in own and delegated duties together. The deputy acts with the own account,
office and tasks, and whoever inquires only as a deputy, for the delegators' tasks alone.

For four eyes two accounts that stand for each other are one person: ``one_person_with`` names them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from authz.duties import Duty
from authz.operations import Actor, Moment
from authz.operations.store import record
from authz.staff import StaffFault, StaffRefused, another, done, opaque_id, require_together
from authz.store import Connection
from authz.store import delegations as store
from authz.store.delegations import Delegation
from authz.store.sessions import revoke_sessions_of
from sympho.codes import AgencyCode

LONGEST = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class NewDelegation:
    """What a delegation is made from. ``begins`` None: at once."""

    delegator: str
    deputy: str
    duty: Duty
    until: datetime
    begins: datetime | None = None


async def make(conn: Connection, by: Actor, new: NewDelegation, now: Moment) -> tuple[Delegation, tuple[str, ...]]:
    """A delegation within the actor's own agency, and the deputy's sessions that end with it: the next one has it."""
    begins = max(new.begins or now.machine, now.machine)
    if not begins < new.until <= begins + LONGEST:
        raise StaffRefused(StaffFault.FIELD_MALFORMED, "until")
    if new.delegator == new.deputy:
        raise StaffRefused(StaffFault.FIELD_MALFORMED, "deputy")
    people = {one: await another(conn, by, one) for one in sorted((new.delegator, new.deputy))}
    if new.duty not in people[new.delegator].duties:
        raise StaffRefused(StaffFault.FIELD_MALFORMED, "duty")
    await require_together(conn, people[new.deputy], people[new.deputy].duties | {new.duty}, now)
    made = Delegation(by.agency, opaque_id("dlg"), new.delegator, new.deputy, new.duty, begins, new.until)
    await store.insert_delegation(conn, made)
    await record(
        conn, [done("delegation.make", by, now, one) for one in (made.delegation_id, new.delegator, new.deputy)]
    )
    return made, await revoke_sessions_of(conn, by.agency, new.deputy, "duties", now.machine)


async def end(conn: Connection, by: Actor, delegation_id: str, now: Moment) -> tuple[str, ...]:
    """Ends a delegation before its time, and the deputy's sessions; the ids that are revoked now."""
    deputy = await store.end_delegation(conn, by.agency, delegation_id, now.machine)
    if deputy is None:
        raise StaffRefused(StaffFault.UNKNOWN_ACCOUNT)
    await record(conn, [done("delegation.end", by, now, delegation_id)])
    return await revoke_sessions_of(conn, by.agency, deputy, "duties", now.machine)


async def one_person_with(conn: Connection, agency: AgencyCode, staff_id: str, machine_now: datetime) -> frozenset[str]:
    """The accounts that may not be this one's second person in a review, besides itself.

    Those whose release it exercises as a deputy, and those that can only have prepared as a deputy of its own or of
    theirs: behind the two steps stand two people's duties. One that a person holds is exercised as the own one.
    """
    return await store.eyes_shared(conn, agency, staff_id, machine_now)
