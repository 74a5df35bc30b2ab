"""一括・待ちの進捗 (SYM): what waits at which stage for the own body, since when, and the queues of this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from msgspec import Struct

from authz.duties import Duty
from gateway.committer import Committer
from gateway.interfaces.house import House
from gateway.interfaces.operation import AnyOperation, Call, Operation, Reply
from gateway.interfaces.words import BY_STAFF, Aware, in_tokyo
from gateway.intermediary.store.standing import read_stages
from gateway.network.standing import store as network_standing
from gateway.records.stage import Stage
from sympho.codes import AgencyCode

__all__ = ["operations", "stages_of"]


class StageView(Struct, frozen=True):
    """段階: how much waits there, and since when the oldest of it, by world time."""

    stage: str
    waiting: int
    oldest: Aware | None
    seconds: int | None


class QueueView(Struct, frozen=True):
    """What waits in this process to be written or read together with others: usually nothing."""

    queue: str
    waiting: int
    seconds: float


class ProgressView(Struct, frozen=True):
    """What waits, stage by stage. ``queues`` are those of the process that answered, for all that it serves."""

    at: Aware
    stages: tuple[StageView, ...]
    queues: tuple[QueueView, ...]


@dataclass(frozen=True)
class Progress:
    """Handlers of 進捗."""

    house: House

    async def show(self, call: Call[None, None]) -> Reply:
        stages = await stages_of(self.house, call.agency)
        now = self.house.clock.now()
        return Reply(
            body=ProgressView(
                at=in_tokyo(now),
                stages=tuple(_view(stage, now) for stage in stages),
                queues=tuple(_queues(self.house)),
            )
        )


async def stages_of(house: House, agency: AgencyCode) -> Sequence[Stage]:
    """What waits for this body: at the network for its operator, otherwise at the intermediary server."""
    network, server = house.network, house.intermediary
    async with house.desk_of(agency).db.connection() as conn:
        if network is not None and agency == network.agency:
            return await network_standing.read_stages(conn)
        now = server.clock.now() if server is not None else house.clock.now()
        return await read_stages(conn, agency, now)


def _view(stage: Stage, now: datetime) -> StageView:
    if stage.oldest is None:
        return StageView(stage.stage, stage.waiting, None, None)
    seconds = max(int((now - stage.oldest).total_seconds()), 0)
    return StageView(stage.stage, stage.waiting, in_tokyo(stage.oldest), seconds)


def _queues(house: House) -> Iterator[QueueView]:
    committers: list[Committer[Any, Any]] = [desk.log for desk in house.desks]
    for party in (house.network, house.intermediary):
        if party is not None:
            committers += party.committers()
    for committer in committers:
        waiting, seconds = committer.queue
        yield QueueView(committer.name, waiting, round(seconds, 3))


def operations(house: House) -> list[AnyOperation]:
    """What whoever operates the system may look at."""
    return [
        Operation(
            name="show-progress", method="GET", path="/progress",
            summary_ja="一括・待ちの進捗", summary_en="What waits at which stage, and since when",
            principals=BY_STAFF, duty=Duty.OPERATE_SYSTEM, responses={200: ProgressView},
            handler=Progress(house).show, problems=frozenset({"wrong-agency"}),
        ),
    ]  # fmt: skip
