"""The probe: it finds each weakness of a server that has one, nothing on ours, and says what it has not tried."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.commands.declared import endpoints_of
from gateway.commands.probing.findings import Family, Verdict
from gateway.commands.probing.reporting import Report, page_of, plain
from gateway.commands.probing.running import open_target, probe
from gateway.commands.probing.target import Options
from gateway.commands.probing.wire import Wire
from gateway.interfaces import openapi
from gateway.interfaces.operation import AnyOperation
from gateway.running.credentials import StaffCredential
from tests.server.api import Api
from tests.server.weak_stand_in import Weakness, standing_in

FOUND: dict[Weakness, tuple[Family, str]] = {
    Weakness.ALG_NONE: (Family.TOKENS, "alg none"),
    Weakness.SIGNATURE: (Family.TOKENS, "every duty written in"),
    Weakness.LOGOUT: (Family.TOKENS, "a token whose session is over"),
    Weakness.DUTY: (Family.MATRIX, "city-health"),
    Weakness.OBJECTS: (Family.OBJECTS, "show-inquiry-request"),
    Weakness.EYES: (Family.EYES, "the same person, same session"),
    Weakness.ROLLBACK: (Family.LISTS, "a lower serial published again"),
    Weakness.KEYS: (Family.REPEATS, "the same key for another content"),
    Weakness.BODIES: (Family.BODIES, "deep nesting"),
    Weakness.NAMES: (Family.NUMBERS, "whether an account exists"),
    Weakness.QUERY: (Family.TOKENS, "a token shown elsewhere"),
    Weakness.LOCKOUT: (Family.LOCKOUT, "passwords guessed"),
}


async def probed(
    url: str,
    credentials: list[StaffCredential],
    families: frozenset[Family] = frozenset(Family),
    options: Options | None = None,
) -> Report:
    def run() -> Report:
        wire = Wire(url, None)
        try:
            return probe(open_target(wire, credentials, options or Options()), families)
        finally:
            wire.close()

    return await asyncio.to_thread(run)


def broken(report: Report) -> list[str]:
    return [f"{one.family} {one.en}: {one.came} {one.why}" for one in report.findings if one.verdict is Verdict.BROKEN]


# --- ours -----------------------------------------------------------------------------------------------------------


def accounts(api: Api) -> list[StaffCredential]:
    people = {one.login: one for one in api.parties.world.staff}
    return [
        StaffCredential(agency, "", login, password, "", people[login].office, tuple(people[login].duties))
        for login, (agency, password) in api.passwords.items()
        if login in people
    ]


@pytest.fixture(scope="module")
async def report(api: Api) -> Report:
    """Every attack on ours, after an inquiry was answered and another one held."""
    cast = api.parties.world.cast
    await api.ask(cast.tax)
    await api.held(cast.protected)
    expired = await api.stale_token(cast.tax.login, timedelta(minutes=20))
    made = await probed(str(api.session._base_url), accounts(api), options=Options(expired_token=expired))
    api.tokens.clear()  # whoever was made a deputy for a while has been logged out
    return made


async def test_every_attack_on_ours_is_held_and_few_are_not_tried(report: Report) -> None:
    assert broken(report) == []
    untried = {f"{one.family} {one.en}" for one in report.findings if one.verdict is Verdict.NOT_TRIED}
    at_the_parties = {one for one in untried if one.startswith("permits ")}  # tried in test_probe_apart
    assert untried - at_the_parties <= {
        "lists a lower serial published again"
    }  # tried where another test has published one
    assert "permits parties' messages at the public door" not in at_the_parties
    assert {one.family for one in report.findings} == set(Family)


async def test_the_matrix_has_every_operation_of_the_router_and_every_duty(api: Api, report: Report) -> None:
    assert report.matrix is not None
    assert {row.name for row in report.matrix.rows} == set(api.table)
    opened = {duty for column in report.matrix.columns for duty in column.duties}
    assert opened == {duty for one in api.table.values() for duty in one.duties}
    for row, cell in report.matrix.cells():
        declared = api.table[row.name]
        assert cell.came or declared.is_public, (row.name, cell.column)
    for row in report.matrix.rows:
        allowed = [cell for cell in row.cells if cell.allowed]
        assert allowed, row.name
        assert len(allowed) < len(row.cells) or api.table[row.name].is_public, row.name


async def test_whoever_is_refused_is_refused_for_the_right_reason(report: Report) -> None:
    assert report.matrix is not None
    kinds = {one.key: one.kind for one in report.matrix.columns}
    slugs: dict[str, set[str]] = {}
    for row, cell in report.matrix.cells():
        if not cell.allowed and row.declared != "public":
            slugs.setdefault(cell.column if kinds[cell.column] != "staff" else "staff", set()).add(cell.came)
    assert slugs == {
        "nobody": {"401 unauthenticated"},
        "garbage": {"401 token-invalid"},
        "revoked": {"401 session-revoked"},
        "expired": {"401 token-expired"},
        "staff": {"403 wrong-duty"},
        "system-1": {"403 wrong-duty", "403 wrong-principal"},
        "system-2": {"403 wrong-duty", "403 wrong-principal"},
    }


def test_nothing_is_added_to_the_table_without_a_row(api: Api) -> None:
    added: AnyOperation = replace(api.table["show-status"], name="show-more", path="/more")
    made = openapi.document([*api.table.values(), added], title="x", version="x")
    assert {one.name for one in endpoints_of(made)} == {*api.table, "show-more"}
    [row] = [one for one in endpoints_of(made) if one.name == "show-more"]
    assert (row.method, row.path, sorted(row.duties)) == ("GET", "/more", ["operate-system"])


def test_the_report_tells_the_same_to_people_and_to_programs(report: Report) -> None:
    told: dict[str, Any] = json.loads(json.dumps(plain(report)))
    assert told["holds"] is True
    assert sum(told["counts"].values()) == len(report.findings)
    page = page_of(report)
    assert report.matrix is not None
    assert 'http-equiv="Content-Security-Policy"' in page
    assert all(f"<code>{row.method} {row.path}</code>" in page for row in report.matrix.rows)
    assert "試していない" in page


async def test_a_gentle_probe_leaves_nothing_but_logs(api: Api) -> None:
    before = len((await api.call("list-clients", by="kagerou-staff")).body["clients"])
    families = frozenset({Family.MATRIX, Family.EYES, Family.REPEATS, Family.LOCKOUT})
    report = await probed(str(api.session._base_url), accounts(api), families, Options(gentle=True))
    untried = {one.family for one in report.findings if one.verdict is Verdict.NOT_TRIED}
    assert untried == families
    assert broken(report) == []
    assert len((await api.call("list-clients", by="kagerou-staff")).body["clients"]) == before


# --- a server with weaknesses ---------------------------------------------------------------------------------------


async def test_a_stand_in_without_weaknesses_is_found_to_have_none() -> None:
    async with standing_in() as (url, at):
        report = await probed(url, at.credentials())
    assert broken(report) == []
    held = {one.family for one in report.findings if one.verdict is Verdict.HELD}
    assert held >= {family for family, _ in FOUND.values()}


@pytest.mark.parametrize("weakness", list(FOUND))
async def test_each_weakness_is_found_by_name(weakness: Weakness) -> None:
    family, name = FOUND[weakness]
    async with standing_in(frozenset({weakness})) as (url, at):
        report = await probed(url, at.credentials(), frozenset({family}))
    found = [one for one in report.findings if one.verdict is Verdict.BROKEN]
    assert any(name in one.en for one in found), [(one.en, one.verdict, one.came) for one in report.findings]
    assert {one.family for one in found} == {family}


async def test_without_accounts_what_needs_one_is_not_tried_and_not_called_held() -> None:
    async with standing_in() as (url, _):
        report = await probed(url, [], frozenset({Family.TOKENS, Family.EYES, Family.LISTS, Family.LOCKOUT}))
    assert {one.verdict for one in report.findings} == {Verdict.NOT_TRIED}
    assert not report.holds
