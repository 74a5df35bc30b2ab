"""World time can be set, stepped and frozen by the network alone; machine time cannot be moved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import TOKYO, Clock, ClockSetting

MACHINE = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
moments = st.integers(-1_000_000_000, 2_000_000_000).map(lambda seconds: MACHINE + timedelta(seconds=seconds))


class Machine:
    def __init__(self) -> None:
        self.at = MACHINE

    def __call__(self) -> datetime:
        return self.at


@given(at=moments)
def test_a_clock_that_was_set_goes_on_from_there_as_fast_as_the_machine(at: datetime) -> None:
    machine = Machine()
    clock = Clock(machine=machine)
    clock.set(at, frozen=False)
    machine.at += timedelta(seconds=90)
    assert clock.now() == at + timedelta(seconds=90)


@given(at=moments, later=st.timedeltas(timedelta(0), timedelta(days=900)))
def test_a_frozen_clock_stands_whatever_the_machine_does(at: datetime, later: timedelta) -> None:
    machine = Machine()
    clock = Clock(machine=machine)
    clock.set(at, frozen=True)
    machine.at += later
    assert clock.now() == at
    assert clock.machine() == MACHINE + later


@pytest.mark.parametrize("frozen", [True, False])
def test_a_step_keeps_the_clock_standing_or_going_as_it_was(frozen: bool) -> None:
    machine = Machine()
    clock = Clock(machine=machine)
    clock.set(MACHINE, frozen=frozen)
    clock.step(timedelta(days=-3))
    machine.at += timedelta(hours=1)
    assert clock.now() == MACHINE - timedelta(days=3) + (timedelta(0) if frozen else timedelta(hours=1))


def test_a_clock_that_is_resumed_goes_on_from_where_it_stood() -> None:
    machine = Machine()
    clock = Clock(machine=machine)
    clock.freeze()
    machine.at += timedelta(days=10)
    clock.resume()
    assert clock.now() == MACHINE
    machine.at += timedelta(minutes=1)
    assert clock.now() == MACHINE + timedelta(minutes=1)


def test_the_day_changes_at_midnight_in_tokyo_and_not_in_greenwich() -> None:
    machine = Machine()
    machine.at = datetime(2024, 5, 26, 15, 0, tzinfo=UTC)
    assert Clock(machine=machine).today().isoformat() == "2024-05-27"


def test_a_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Clock().set(MACHINE.replace(tzinfo=None), frozen=True)


def test_world_time_is_said_in_tokyo() -> None:
    assert Clock(machine=Machine()).now().tzinfo is TOKYO


def test_a_follower_shows_the_same_time_as_whoever_changed_the_clock() -> None:
    machine = Machine()
    network, follower = Clock(machine=machine), Clock(machine=machine)
    assert follower.follow(network.set(MACHINE - timedelta(days=4000), frozen=False))
    machine.at += timedelta(seconds=5)
    assert follower.now() == network.now()


def test_an_older_setting_that_arrives_late_changes_nothing() -> None:
    clock = Clock(machine=Machine())
    clock.follow(ClockSetting(offset_us=0, frozen_at=MACHINE, version=7))
    assert not clock.follow(ClockSetting(offset_us=1_000_000, frozen_at=None, version=6))
    assert clock.now() == MACHINE
