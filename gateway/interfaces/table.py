"""The table of operations (業務操作の一覧): everything that a process with these parties serves, and nothing else."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from authz.duties import PrincipalKind
from gateway.interfaces import (
    addressees,
    auth,
    authzen,
    charges,
    clients,
    codes,
    duplicates,
    expiry,
    explaining,
    factors,
    inquiries,
    joining,
    lists,
    operationslog,
    progress,
    provisions,
    records,
    staff,
    statistics,
    system,
    world,
)
from gateway.interfaces.house import House
from gateway.interfaces.operation import AnyOperation

__all__ = ["operations"]


def operations(house: House) -> list[AnyOperation]:
    """The operations of this process, family by family. What other parties call is ``gateway.interfaces.party``'s."""
    table: list[AnyOperation] = []

    def for_systems() -> frozenset[str]:
        return frozenset(one.name for one in table if PrincipalKind.SYSTEM in one.principals)

    if house.desks:
        table += auth.operations(house)
        table += factors.operations(house)
        table += staff.operations(house)
        table += charges.operations(house)
        table += clients.operations(house, for_systems)
        table += operationslog.operations(house)
        table += records.operations(house)
        table += statistics.operations(house)
        table += progress.operations(house)
        table += expiry.operations(house)
        table += world.masters_operations(house)
        table += explaining.operations(house)
        table += authzen.operations(house)
        table += lists.operations(house)
    if house.intermediary is not None:
        table += inquiries.operations(house.intermediary)
        table += provisions.operations(house.intermediary)
        table += duplicates.operations(house.intermediary)
        table += addressees.operations(house.intermediary)
        table += codes.operations(house.intermediary)
    if house.network is not None:
        table += world.clock_operations(house, house.network)
        table += joining.operations(house, house.network)
        table += lists.network_operations(house.network)
    table += system.operations(house, lambda: table, _version())
    return table


def _version() -> str:
    try:
        return version("sympho")
    except PackageNotFoundError:
        return "0"
