"""schemathesis against the country in this process: the short form of ``python -m tests.fuzzing``, in the suite."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Any

import pytest
from structlog.testing import capture_logs

from authz.duties import Duty, PrincipalKind
from fixtures.world import invented_country
from gateway.interfaces import openapi
from gateway.interfaces.operation import Call, Reply
from tests.conftest import Clones
from tests.fuzzing.callers import Account, Callers
from tests.fuzzing.driving import Report, Run
from tests.fuzzing.known import Known
from tests.server.api import Api, served
from tests.server.operation_toys import AGENCY, TABLE, Book, View, toy
from tests.server.operation_toys import served as toys

REQUESTS = 600
PER_DUTY = 2


@pytest.fixture(scope="module")
async def own(clones: Clones, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    """A country of its own: what is called here closes accounts and moves the clock."""
    async with served(clones, tmp_path_factory.mktemp("fuzzed")) as made:
        yield made


def _accounts(api: Api) -> list[Account]:
    """Those who ask in the story, and so many of every other duty."""
    world = api.parties.world
    askers = {ask.login for ask in world.cast.asks}
    taken: list[Account] = []
    for one in sorted(world.staff, key=lambda one: one.login not in askers):
        agency, password = api.passwords.get(one.login, ("", ""))
        few = any(sum(duty in known.duties for known in taken) < PER_DUTY for duty in one.duties)
        if password and (one.login in askers or few):
            taken.append(Account(str(agency), one.login, password, frozenset(one.duties)))
    return taken


def _drive(url: str, accounts: list[Account], known: Known, amount: int, only: set[str] | None = None) -> Report:
    """The requests, for a thread of their own: they come as from another program."""
    callers = Callers(url, accounts)
    run = Run(url, callers, known, lambda _, __: None)
    try:
        if only:
            run.operations = [one for one in run.operations if one.definition.raw["operationId"] in only]
        return run.drive(amount)
    finally:
        run.close()
        callers.close()


async def test_no_request_is_answered_by_an_error_or_by_anything_that_is_not_documented(own: Api) -> None:
    with capture_logs() as logs:
        url = str(own.session._base_url).rstrip("/")
        report = await asyncio.to_thread(_drive, url, _accounts(own), Known(own.parties.world), REQUESTS)
    assert report.faults == {}, "\n".join(report.lines())
    assert report.requests >= REQUESTS
    assert set(report.called) == set(own.table)
    assert len(report.succeeded) > len(own.table) / 2
    assert {duty for one in _accounts(own) for duty in one.duties} == set(Duty)
    assert [line for line in logs if line["log_level"] in {"error", "critical"}] == []


async def test_an_error_and_an_answer_that_is_not_documented_are_found_out() -> None:
    async def document(call: Call[None, None]) -> Reply:
        promised = [replace(one, responses={201: View}) if one.name == "list" else one for one in TABLE]
        return Reply(body=openapi.render(promised, title="toys", version="0"))

    public: dict[str, Any] = {"principals": frozenset({PrincipalKind.PUBLIC}), "duty": None}
    shown = toy("show-openapi", "GET", "/openapi.json", responses={200: bytes}, handler=document, **public)
    async with toys(Book(), (*TABLE, shown)) as client:
        asker = Account(AGENCY, "asker", "", frozenset({"inquire"}), "asker", monotonic())
        url = str(client.make_url("/")).rstrip("/")
        with capture_logs():  # the stories of so many bugs would take longer to tell than the whole run
            drive = partial(_drive, url, [asker], Known(invented_country(18)), 40, {"list", "fail-bug"})
            report = await asyncio.to_thread(drive)
    found = {(fault.operation, fault.status) for fault in report.faults}
    assert found == {("list", 200), ("fail-bug", 500)}
