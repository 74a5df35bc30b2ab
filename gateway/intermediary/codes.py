"""符号管理 (FGU): an agency's codes acquired through the residents' party, bound when the network sends them.

1. Acquisition numbers are opened and durable before anything is asked (令27条).
2. The agency's own 個人番号 go with them to the residents' party, never to the network.
3. The network sends codes or "already held" with the acquisition numbers; they are bound, the numbers forgotten.
Whatever broke off is completed by asking again.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.exchange.messages import CodeNotice, CodeReply, CodeRequest
from gateway.intermediary.party import Intermediary
from gateway.problems import Problem
from sympho import addressees, registry
from sympho.codes import AcquisitionNumber, AgencyCode, IndividualNumber, UnifiedNumber
from sympho.linkage import BindOutcome, PersonStatus, is_delivered

PERSONS_AT_ONCE = 5_000


async def acquire(server: Intermediary, agency: AgencyCode, persons: Sequence[UnifiedNumber]) -> list[PersonStatus]:
    """Acquires the codes of those who have none; how each person's code stands afterwards, in the order asked."""
    await acquire_all(server, agency, persons)
    async with server.db.connection() as conn:
        return await registry.statuses(conn, agency, persons)


async def acquire_all(server: Intermediary, agency: AgencyCode, persons: Sequence[UnifiedNumber]) -> None:
    """The same for so many that nobody asks how each of them stands."""
    server.serve(agency)
    for start in range(0, len(persons), PERSONS_AT_ONCE):
        await _acquire(server, agency, persons[start : start + PERSONS_AT_ONCE])


async def _acquire(server: Intermediary, agency: AgencyCode, persons: Sequence[UnifiedNumber]) -> None:
    now = server.clock.now()
    async with server.db.transaction() as conn:
        opened = await registry.open_acquisitions(conn, server.ring, agency, persons, now)
        asked = {a.unified: a.number for a in opened if a.number is not None}
        numbers = await addressees.individual_numbers(conn, server.ring, agency, list(asked))
    pairs: list[tuple[AcquisitionNumber, IndividualNumber]] = []
    without: list[AcquisitionNumber] = []
    for number, individual in zip(asked.values(), numbers, strict=True):
        if individual is None:
            without.append(number)
        else:
            pairs.append((number, individual))
    if pairs:
        reply = await server.residents(agency).request_codes(CodeRequest(1, agency, tuple(pairs)))
        without.extend(reply.unknown)
    if without:
        async with server.db.transaction() as conn:
            await registry.give_up(conn, server.ring, agency, without, now)


async def bind_codes(server: Intermediary, agency: AgencyCode, notice: CodeNotice) -> CodeReply:
    """Binds what the network sends; ``unknown`` names what it must not take for delivered."""
    if notice.agency != server.serve(agency):
        raise Problem("wrong-agency")
    async with server.db.transaction() as conn:
        outcomes = await registry.bind(conn, server.ring, agency, notice.codes, server.clock.now())
    return CodeReply(
        bound=outcomes.count(BindOutcome.BOUND),
        held=sum(outcome in (BindOutcome.HELD, BindOutcome.ALREADY_HELD) for outcome in outcomes),
        unknown=tuple(
            number for (number, _, _), outcome in zip(notice.codes, outcomes, strict=True) if not is_delivered(outcome)
        ),
    )
