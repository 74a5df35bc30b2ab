"""World time (世界時刻) and machine time: the only place that knows what time it is.

World time judges law: lists in force, notices, permits, records, retention. It is the machine's time moved by one
offset that the network keeps, or it stands still; every party learns it as a ``ClockSetting`` and follows it. Machine
time judges TLS, tokens, lockouts and metrics, and cannot be moved. Nobody can choose the date of a single question.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

__all__ = ["TOKYO", "Clock", "ClockSetting"]

TOKYO = ZoneInfo("Asia/Tokyo")

_MICROSECOND = timedelta(microseconds=1)


class ClockSetting(Struct, frozen=True):
    """What the network distributes: an offset from machine time, or the moment at which world time stands."""

    offset_us: int
    frozen_at: datetime | None
    version: int


AS_THE_MACHINE = ClockSetting(offset_us=0, frozen_at=None, version=0)


def _machine() -> datetime:
    return datetime.now(UTC)


def _aware(at: datetime) -> datetime:
    if at.utcoffset() is None:
        raise ValueError("a moment without a time zone is no moment")
    return at.astimezone(TOKYO)


class Clock:
    """時計. Changing it answers the new setting, which the network stores and distributes; the others ``follow``."""

    def __init__(self, setting: ClockSetting = AS_THE_MACHINE, machine: Callable[[], datetime] = _machine) -> None:
        self._setting = setting
        self._machine = machine

    @property
    def setting(self) -> ClockSetting:
        return self._setting

    def machine(self) -> datetime:
        """Machine time, aware, UTC."""
        return self._machine()

    def now(self) -> datetime:
        """World time, aware, Asia/Tokyo."""
        if self._setting.frozen_at is not None:
            return self._setting.frozen_at.astimezone(TOKYO)
        return (self._machine() + timedelta(microseconds=self._setting.offset_us)).astimezone(TOKYO)

    def today(self) -> date:
        """The date of world time in Tokyo."""
        return self.now().date()

    def set(self, at: datetime, frozen: bool) -> ClockSetting:
        """Sets world time to ``at``; from there it stands still or goes on."""
        moment = _aware(at)
        if frozen:
            return self._change(self._setting.offset_us, moment)
        return self._change((moment - self._machine()) // _MICROSECOND, None)

    def step(self, by: timedelta) -> ClockSetting:
        """Moves world time by ``by``, which may be negative; it stands or goes on as before."""
        return self.set(self.now() + by, frozen=self._setting.frozen_at is not None)

    def freeze(self) -> ClockSetting:
        """Stops world time where it is."""
        return self.set(self.now(), frozen=True)

    def resume(self) -> ClockSetting:
        """Lets world time go on from where it is."""
        return self.set(self.now(), frozen=False)

    def follow(self, setting: ClockSetting) -> bool:
        """Takes over a setting of the network, unless it is older than the one held; tells whether it was taken."""
        if setting.version < self._setting.version:
            return False
        self._setting = setting
        return True

    def _change(self, offset_us: int, frozen_at: datetime | None) -> ClockSetting:
        self._setting = ClockSetting(offset_us, frozen_at, self._setting.version + 1)
        return self._setting
