"""Revocations (失効): which sessions are over, known to every process from memory within a second.

The gateway runs ``refresh`` every half second or more often. A process whose last look is older than ``LOST_AFTER``
does not know what was revoked since, so it refuses every token by the name feed-lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from authz.store import Connection
from authz.store import sessions as store
from sympho.codes import AgencyCode

POLL_EVERY = timedelta(milliseconds=500)
"""How often the gateway looks, at least."""
LOST_AFTER = timedelta(seconds=3)
"""How old the last look may be."""
REMEMBERED = timedelta(minutes=30)
"""How long a revocation is kept in memory: longer than any token that was issued before it can live."""


class Revocations:
    """The revoked sessions as one process knows them."""

    def __init__(self) -> None:
        self._at: dict[tuple[AgencyCode, str], datetime] = {}
        self._since = 0
        self._looked_at: datetime | None = None

    def __len__(self) -> int:
        return len(self._at)

    async def refresh(self, conn: Connection, machine_now: datetime) -> None:
        """Take over what was revoked since the last look. ``machine_now`` is the time before the call.

        The first look, and any look after the feed was lost, reads all that can still matter: the database may be
        another one since, restored or taken over, that counts its transactions differently.
        """
        since = self._since if self.fresh(machine_now) else 0
        rows, horizon = await store.revoked_since(conn, since, machine_now - REMEMBERED)
        if horizon < since:
            rows, horizon = await store.revoked_since(conn, 0, machine_now - REMEMBERED)
        for row in rows:
            self._at[row.agency, row.session_id] = row.revoked_at
        self._since = horizon
        self._looked_at = machine_now
        for key in [key for key, at in self._at.items() if at < machine_now - REMEMBERED]:
            del self._at[key]

    def note(self, agency: AgencyCode, sessions: Iterable[str], machine_now: datetime) -> None:
        """Sessions that this process itself has just revoked and committed: known here without waiting for a look."""
        for session in sessions:
            self._at[agency, session] = machine_now

    def fresh(self, machine_now: datetime) -> bool:
        """Whether the last look is recent enough to rely on, by a clock that may also have been set back."""
        return self._looked_at is not None and abs(machine_now - self._looked_at) <= LOST_AFTER

    def revoked(self, agency: AgencyCode, session: str) -> bool:
        return (agency, session) in self._at
