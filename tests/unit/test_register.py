"""The register of the official interfaces: complete, and filled from the table of operations."""

from __future__ import annotations

import re

from authz.duties import Duty, PrincipalKind
from gateway.interfaces.operation import AnyOperation, Call, Operation, Reply
from gateway.interfaces.register import FAMILIES, REGISTER, Body, Mode, count_by_family, coverage, unknown_ids


async def answer(call: Call[None, None]) -> Reply:
    return Reply(204)


def toy(name: str, interface: str | None) -> AnyOperation:
    return Operation(
        name=name,
        method="POST",
        path=f"/{name}",
        interface=interface,
        summary_ja="試し",
        summary_en="Toy",
        principals=frozenset({PrincipalKind.STAFF}),
        duty=Duty.INQUIRE,
        responses={204: None},
        handler=answer,
    )


def test_there_are_exactly_the_83_official_interfaces_family_by_family() -> None:
    assert len(REGISTER) == 83
    counts = {"SKI": 18, "TKY": 15, "TKM": 4, "DBM": 28, "SCM": 1, "SYM": 1, "JTK": 6, "OSR": 7, "FGU": 3}
    assert dict(count_by_family()) == counts
    assert set(FAMILIES) == set(counts)


def test_every_id_has_the_official_form_and_a_name_of_its_own() -> None:
    assert all(re.fullmatch(r"IF_[A-Z]{3}_[0-9]{4}[1-5]", identifier) for identifier in REGISTER)
    named = [(one.family, one.name_ja) for one in REGISTER.values()]
    assert len(set(named)) == len(named)


def test_mode_and_function_are_read_from_the_id() -> None:
    assert (REGISTER["IF_SKI_10111"].function, REGISTER["IF_SKI_10111"].mode) == ("101", Mode.REQUEST)
    assert REGISTER["IF_TKM_40144"].mode is Mode.FETCH
    assert REGISTER["IF_FGU_20215"].mode is Mode.SEND
    files = [one for one in REGISTER.values() if one.mode in {Mode.UPLOAD, Mode.FETCH}]
    assert all("ファイル" in one.name_ja for one in files)


def test_only_what_client_systems_show_is_called_observed() -> None:
    observed = {identifier for identifier, one in REGISTER.items() if one.body is Body.OBSERVED}
    assert observed == {"IF_SKI_10123", "IF_SKI_11134", "IF_DBM_20113"}


def test_what_answers_an_interface_is_read_from_the_operations() -> None:
    table = [toy("ask-again", "IF_SKI_10111"), toy("ask", "IF_SKI_10111"), toy("be-well", None)]
    rows = coverage(table)
    assert [row.interface.id for row in rows] == list(REGISTER)
    assert {row.interface.id: row.answered_by for row in rows if row.answered_by} == {
        "IF_SKI_10111": ("ask", "ask-again")
    }


def test_an_operation_that_names_an_interface_outside_the_register_is_found() -> None:
    assert unknown_ids([toy("ask", "IF_SKI_10111"), toy("be-well", None)]) == []
    assert unknown_ids([toy("ask", "IF_SKI_99999")]) == ["IF_SKI_99999"]
