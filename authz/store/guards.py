"""Attempts to log in (試行回数), as they are counted in PostgreSQL: guards of an account, one for each place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from authz.store import Connection
from sympho.codes import AgencyCode

_LOCK_GUARDS = """
INSERT INTO login_guard AS g (agency, subject, place, failures, last_at, locked_until)
SELECT $1::text, $2::text, t.place, 0, $4::timestamptz, $4::timestamptz
FROM UNNEST($3::text[]) WITH ORDINALITY AS t (place, n)
ORDER BY t.n
ON CONFLICT (agency, subject, place) DO UPDATE SET failures = g.failures
RETURNING g.locked_until
"""


async def lock_guards(
    conn: Connection, agency: AgencyCode, subject: str, places: Sequence[str], now: datetime
) -> datetime:
    """The account's guards, locked in the given order until the transaction ends; until when attempts are refused."""
    rows = await conn.fetch(_LOCK_GUARDS, agency, subject, places, now)
    until: datetime = max(row["locked_until"] for row in rows)
    return until


_CHARGE_GUARDS = """
UPDATE login_guard AS g
SET failures = n.failures,
    last_at = $4,
    locked_until = $4::timestamptz + make_interval(secs => CASE
        WHEN g.place = '' THEN ($7::integer[])[LEAST(n.failures, cardinality($7::integer[]))]
        ELSE ($6::integer[])[LEAST(n.failures, cardinality($6::integer[]))] END)
FROM (SELECT place, CASE WHEN last_at < $5 THEN 1 ELSE LEAST(failures, 1000000) + 1 END AS failures
      FROM login_guard
      WHERE agency = $1 AND subject = $2) AS n
WHERE g.agency = $1 AND g.subject = $2 AND g.place = ANY ($3::text[]) AND n.place = g.place
"""


async def charge_guards(
    conn: Connection,
    agency: AgencyCode,
    subject: str,
    places: Sequence[str],
    now: datetime,
    forgiven_before: datetime,
    delays: Sequence[int],
    delays_of_all: Sequence[int],
) -> None:
    """One more failure at each of the locked guards; the delays are the seconds after the 1st, 2nd ... failure: of one
    place, and of all strangers to the account together."""
    await conn.execute(_CHARGE_GUARDS, agency, subject, places, now, forgiven_before, delays, delays_of_all)


_CLEAR_GUARD = """
DELETE FROM login_guard
WHERE agency = $1 AND subject = $2 AND place = $3
"""


async def clear_guards(conn: Connection, agency: AgencyCode, subject: str, places: Sequence[str]) -> None:
    """Forget failures, one guard after the other in the order in which attempts lock them."""
    await conn.executemany(_CLEAR_GUARD, [(agency, subject, place) for place in places])


_GUARDED_PLACES = """
SELECT place
FROM login_guard
WHERE agency = $1 AND subject = $2
ORDER BY place
"""


async def guarded_places(conn: Connection, agency: AgencyCode, subject: str) -> tuple[str, ...]:
    return tuple(row["place"] for row in await conn.fetch(_GUARDED_PLACES, agency, subject))
