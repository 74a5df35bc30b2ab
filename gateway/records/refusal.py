"""What the record of a refusal before any notice says (番号法21条2項, 命令47条: the fact of refusal is recorded)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime

from authz.decide import Decision
from gateway.exchange.messages import CoarseReason, Inquirer, Outcome, Provider
from gateway.records import record
from sympho.codes import AgencyCode, InformationCode, ItemCode, ProcedureCode, TaskCode


@dataclass(frozen=True, slots=True)
class Refused:
    """What was asked and is refused. ``req_d`` is the digest of the permit request, or of nothing where none was
    made."""

    txn: str
    inquirer: AgencyCode
    office: str
    provider: AgencyCode
    task: TaskCode
    procedure: ProcedureCode | None
    information: InformationCode
    items: tuple[ItemCode, ...]
    asked_at: datetime
    req_d: str


def refusal_payload(refused: Refused, decision: Decision, now: datetime, annex_inq: str, annex_net: str) -> bytes:
    """The shared payload; ``annex_net`` is ``NOTHING_D`` where the inquirer's own side forbids. Never ends before
    asked."""
    return record.payload(
        record.RecordFacts(
            txn=refused.txn,
            salt=os.urandom(16),
            kind=Outcome.REFUSED,
            inq=Inquirer(refused.inquirer, decision.inquirer_kind, refused.office),
            prv=Provider(refused.provider, decision.provider_kind),
            task=refused.task,
            prc=refused.procedure,
            inf=refused.information,
            items=refused.items,
            asked_at=refused.asked_at,
            ended_at=max(now, refused.asked_at),
            as_of=decision.as_of,
            list_serial=decision.serial,
            list_d=decision.digest,
            item=decision.ground,
            rsn=CoarseReason(decision.coarse.value),
            req_d=refused.req_d,
            res_d=record.NOTHING_D,
            annex_inq=annex_inq,
            annex_net=annex_net,
            annex_prv=record.NOTHING_D,
        )
    )
