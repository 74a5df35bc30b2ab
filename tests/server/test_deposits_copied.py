"""Many duplicates are copied where nothing was before; where something was they replace it; nothing is half done."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from fixtures.invented import codebook as book
from fixtures.invented.agencies import PENSION_SERVICE
from gateway.exchange.messages import Content, ItemValue
from gateway.intermediary import deposit
from gateway.intermediary.deposit import Deposit
from gateway.intermediary.store import duplicates
from gateway.problems import Problem
from sympho.codes import InformationCode, UnifiedNumber
from tests.conftest import Clones
from tests.countries import Parties, country

AGENCY = PENSION_SERVICE.code


def made(person: UnifiedNumber, value: str, information: InformationCode = book.TAX) -> Deposit:
    [(item, _), *_] = book.codebook().items[information]
    return Deposit(person, Content(information, "0001", {item: ItemValue(value)}), date(2024, 1, 1), None)


async def held(parties: Parties, person: UnifiedNumber) -> tuple[list[str | None], list[int]]:
    """Values of the duplicates of tax, and versions of their guards."""
    server = parties.intermediary
    found = await deposit.listed(server, AGENCY, person)
    values = [item.value for row, content in found if row.information == book.TAX for item in content.items.values()]
    flags = await deposit.flags(server, AGENCY, person)
    return values, [flag.version for flag in flags if flag.information == book.TAX]


async def test_copied_or_replaced_the_duplicates_and_their_guards_are_the_same(
    clones: Clones, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with country("local", clones, data_folder, codes=False) as parties:
        monkeypatch.setattr(deposit, "COPY_FROM", 2)
        server = parties.intermediary
        first, second, third, *_ = [one for (agency, _), one in parties.persons.items() if agency == AGENCY]

        await deposit.deposit(server, AGENCY, [made(first, "a"), made(second, "b")])
        assert await held(parties, first) == (["a"], [duplicates.TOUCHED])
        await deposit.deposit(server, AGENCY, [made(second, "c"), made(third, "d")])
        assert await held(parties, second) == (["c"], [duplicates.TOUCHED + 1])
        assert await held(parties, third) == (["d"], [duplicates.TOUCHED])

        await deposit.hold(server, AGENCY, first, book.CARE, value=True)
        await deposit.deposit(server, AGENCY, [made(first, "e", book.CARE), made(second, "f", book.CARE)])
        kept = [flag for flag in await deposit.flags(server, AGENCY, first) if flag.information == book.CARE]
        assert [flag.no_automatic_answer for flag in kept] == [True]

        stranger = UnifiedNumber("0" * 15)
        with pytest.raises(Problem) as refused:
            await deposit.deposit(
                server, AGENCY, [made(first, "g", book.VACCINATION), made(stranger, "h", book.VACCINATION)]
            )
        assert refused.value.slug == "not-found"
        assert not [
            row for row, _ in await deposit.listed(server, AGENCY, first) if row.information == book.VACCINATION
        ]
