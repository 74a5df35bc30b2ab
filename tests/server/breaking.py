"""A good run's export, and the tools to break it in one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from gateway.intermediary.review import Choice, Preparation, WithholdReason
from gateway.judge.export import Exchange, Export, Inquiry, Provision
from gateway.records.record import Role
from gateway.records.store import RecordRow
from tests.server.stage import Stage

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Good:
    """One exchange of each kind, judged and found good."""

    export: Export
    stage: Stage
    provided: UUID
    other: UUID
    """A second one that was provided, of other agencies."""
    released: UUID
    withheld: UUID
    withdrawn: UUID
    lapsed: UUID
    held: UUID
    refused: UUID
    """By the network."""
    forbidden: UUID
    """By the inquirer's own side."""

    # --- one thing changed ----------------------------------------------------------------------------------------

    def exchange(self, txn: UUID, **changes: Any) -> Export:
        return replace(self.export, exchanges=_changed(self.export.exchanges, txn, changes))

    def inquiry(self, txn: UUID, **changes: Any) -> Export:
        return replace(self.export, inquiries=_changed(self.export.inquiries, txn, changes))

    def provision(self, txn: UUID, **changes: Any) -> Export:
        return replace(self.export, provisions=_changed(self.export.provisions, txn, changes))

    def record(self, txn: UUID, role: Role, **changes: Any) -> Export:
        rows = tuple(
            replace(row, **changes) if (row.txn, row.role) == (txn, role) else row for row in self.export.records
        )
        return replace(self.export, records=rows)

    def ended(self, txn: UUID, **changes: Any) -> Export:
        """The ending message at the network, changed."""
        end = self.the_exchange(txn).ended
        assert end is not None
        return self.exchange(txn, ended=replace(end, **changes))

    def permit(self, txn: UUID, **claims: Any) -> Export:
        """A permit with other claims, well signed, and the same at all sides."""
        token = self.stage.resigned(self.the_exchange(txn).permit or "", **claims)
        changed = self.exchange(txn, permit=token)
        changed = replace(changed, inquiries=_changed(changed.inquiries, txn, {"permit": token}))
        return replace(changed, provisions=_changed(changed.provisions, txn, {"permit": token}))

    def without_record(self, txn: UUID, *roles: Role) -> Export:
        rows = tuple(row for row in self.export.records if row.txn != txn or row.role not in roles)
        return replace(self.export, records=rows)

    # --- what is there --------------------------------------------------------------------------------------------

    def the_exchange(self, txn: UUID) -> Exchange:
        [found] = self.export.exchanges_of[txn]
        return found

    def the_inquiry(self, txn: UUID) -> Inquiry:
        [found] = self.export.inquiries_of[txn]
        return found

    def the_provision(self, txn: UUID) -> Provision:
        [found] = self.export.provisions_of[txn]
        return found

    def the_record(self, txn: UUID, role: Role) -> RecordRow:
        [found] = [row for row in self.export.records_of[txn] if row.role is role]
        return found


def _changed(rows: tuple[Any, ...], txn: UUID, changes: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(replace(row, **changes) if row.txn == txn else row for row in rows)


Break = Callable[[Good], Export]


async def good_run(stage: Stage) -> Good:
    """Every kind of end once, and one exchange that is still held."""
    cast = stage.world.cast
    provided, other = await stage.begin(cast.vaccination), await stage.begin(cast.tax)
    released, withheld = await stage.begin(cast.protected), await stage.begin(cast.information_held)
    await stage.prepare(cast.protected, released)
    await stage.release(cast.protected, released)
    withholding = Preparation(Choice.WITHHOLD, None, WithholdReason.UNDER_CORRECTION)
    await stage.prepare(cast.information_held, withheld, withholding)
    await stage.release(cast.information_held, withheld)
    withdrawn, lapsed = await stage.begin(cast.protected), await stage.begin(cast.protected)
    await stage.take_back(cast.protected, withdrawn)
    await stage.pass_time(8 * DAY)
    await stage.carry_on()
    held = await stage.begin(cast.protected)
    refused, forbidden = await stage.begin(cast.no_code), await stage.begin(cast.not_on_the_list)
    await stage.judged()
    export = await stage.export()
    return Good(export, stage, provided, other, released, withheld, withdrawn, lapsed, held, refused, forbidden)
