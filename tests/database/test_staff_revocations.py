"""Revocations on a real database, the verifier that relies on them, and the operations log as it is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from authz import sessions, tokens
from authz.operations import Actor, BadOperation, Operation, OperationOutcome, Search, terminal_of
from authz.operations.store import record
from authz.principals import Principal, StaffPrincipal
from authz.revocations import LOST_AFTER, REMEMBERED, Revocations
from authz.store.sessions import revoke
from authz.tokens import IssuingKey, Keys, TokenFault, TokenRefused, Verifier, keys_of
from gateway.config import Role
from gateway.database import Database
from gateway.problems import Conflict, Problem
from tests.conftest import DatabaseFor
from tests.database.staff_room import CITY, DESK, MACHINE, TOWN, WORLD, at, clerk, entered, logged_in, the_log

AUDIENCE = "urn:role:intermediary"
KEY = IssuingKey("key-1", "urn:role:intermediary", ec.generate_private_key(ec.SECP256R1()))
KEYS = keys_of([KEY.verifying()])
SES = "ses_" + "a" * 26


@pytest.fixture
async def db(database_for: DatabaseFor) -> Database:
    return await database_for(Role.INTERMEDIARY)


async def refreshed(db: Database, revocations: Revocations, seconds: float) -> None:
    async with db.connection() as conn:
        await revocations.refresh(conn, at(seconds).machine)


def issued(principal: StaffPrincipal, seconds: float = 0) -> str:
    return tokens.issue(principal, KEY, AUDIENCE, at(seconds).machine)


def fault_of(verifier: Verifier, token: str, seconds: float) -> TokenFault:
    with pytest.raises(TokenRefused) as refused:
        verifier.principal(token, at(seconds).machine)
    return refused.value.fault


async def test_a_process_that_never_looked_or_has_not_looked_lately_refuses_every_token(db: Database) -> None:
    revocations = Revocations()
    verifier = Verifier(KEYS, AUDIENCE, revocations)
    token = issued(await logged_in(db, await entered(db, clerk())))
    assert fault_of(verifier, token, 0) is TokenFault.FEED_LOST
    await refreshed(db, revocations, 0)
    assert verifier.principal(token, at(LOST_AFTER.total_seconds()).machine).agency == CITY
    assert fault_of(verifier, token, LOST_AFTER.total_seconds() + 0.1) is TokenFault.FEED_LOST
    await refreshed(db, revocations, 10)
    assert verifier.principal(token, at(10).machine).agency == CITY


async def test_another_process_knows_a_logout_after_its_next_look_though_it_remembers_the_token(db: Database) -> None:
    revocations = Revocations()
    verifier = Verifier(KEYS, AUDIENCE, revocations)
    principal = await logged_in(db, await entered(db, clerk()))
    token = issued(principal)
    await refreshed(db, revocations, 0)
    verifier.principal(token, at(0).machine)
    async with db.transaction() as conn:
        await sessions.logout(conn, principal, at(0.1))
    await refreshed(db, revocations, 0.5)
    assert fault_of(verifier, token, 0.5) is TokenFault.SESSION_REVOKED
    assert len(verifier) == 0
    with pytest.raises(TokenRefused):
        verifier.for_renewal(token, at(0.5).machine)


async def test_the_process_that_revokes_knows_at_once(db: Database) -> None:
    revocations = Revocations()
    verifier = Verifier(KEYS, AUDIENCE, revocations)
    principal = await logged_in(db, await entered(db, clerk()))
    await refreshed(db, revocations, 0)
    revocations.note(CITY, (principal.session,), at(0).machine)
    assert fault_of(verifier, issued(principal), 0) is TokenFault.SESSION_REVOKED
    assert not revocations.revoked(TOWN, principal.session)


async def test_a_revocation_that_commits_late_is_not_missed(db: Database) -> None:
    revocations = Revocations()
    await refreshed(db, revocations, 0)
    async with db.transaction() as slow:
        await revoke(slow, CITY, [SES], "logout", at(0).machine)
        async with db.transaction() as quick:
            await revoke(quick, CITY, ["ses_" + "b" * 26], "logout", at(2).machine)
        await refreshed(db, revocations, 2)
        assert not revocations.revoked(CITY, SES)
    await refreshed(db, revocations, 2.5)
    assert revocations.revoked(CITY, SES)


async def test_a_process_that_lost_the_feed_reads_all_that_can_still_matter(db: Database) -> None:
    revocations = Revocations()
    async with db.transaction() as conn:
        await revoke(conn, CITY, [SES], "logout", at(0).machine)
    await refreshed(db, revocations, 0)
    revocations._at.clear()
    async with db.transaction() as conn:
        await revoke(conn, TOWN, [SES], "logout", at(1).machine)
    await refreshed(db, revocations, 60)
    assert revocations.revoked(CITY, SES)


async def test_a_restored_database_that_counts_anew_hides_nothing(db: Database) -> None:
    revocations = Revocations()
    await refreshed(db, revocations, 0)
    revocations._since = 2**62
    async with db.transaction() as conn:
        await revoke(conn, CITY, [SES], "logout", at(1).machine)
    await refreshed(db, revocations, 1)
    assert revocations.revoked(CITY, SES)


async def test_revocations_leave_memory_when_no_token_can_need_them(db: Database) -> None:
    assert tokens.LIFE < REMEMBERED
    revocations = Revocations()
    revocations.note(CITY, (SES,), at(0).machine)
    await refreshed(db, revocations, REMEMBERED.total_seconds())
    assert revocations.revoked(CITY, SES)
    await refreshed(db, revocations, REMEMBERED.total_seconds() + 1)
    assert len(revocations) == 0


async def test_the_signature_of_one_token_is_verified_once(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    revocations = Revocations()
    verifier = Verifier(KEYS, AUDIENCE, revocations)
    token = issued(await logged_in(db, await entered(db, clerk())))
    await refreshed(db, revocations, 0)
    verified: list[str] = []
    real = tokens.verify

    def counting(token: str, keys: Keys, audience: str, now: datetime) -> Principal:
        verified.append("once")
        return real(token, keys, audience, now)

    monkeypatch.setattr(tokens, "verify", counting)
    for _ in range(5):
        verifier.principal(token, at(1).machine)
    assert verified == ["once"]


async def test_what_is_remembered_expires_all_the_same_and_is_bounded(db: Database) -> None:
    revocations = Revocations()
    verifier = Verifier(KEYS, AUDIENCE, revocations, capacity=3)
    principal = await logged_in(db, await entered(db, clerk()))
    made = [issued(principal, n) for n in range(5)]
    await refreshed(db, revocations, 5)
    for token in made:
        verifier.principal(token, at(5).machine)
    assert len(verifier) == 3
    await refreshed(db, revocations, 904)
    assert fault_of(verifier, made[4], 904) is TokenFault.EXPIRED
    assert len(verifier) == 2


async def test_after_a_change_of_keys_nothing_remembered_is_believed(db: Database) -> None:
    revocations = Revocations()
    verifier = Verifier(KEYS, AUDIENCE, revocations)
    token = issued(await logged_in(db, await entered(db, clerk())))
    await refreshed(db, revocations, 0)
    verifier.principal(token, at(0).machine)
    verifier.replace_keys({})
    assert fault_of(verifier, token, 0) is TokenFault.UNKNOWN_KEY


# --- the operations log -------------------------------------------------------------------------------------------


async def actor(db: Database) -> Actor:
    return (await logged_in(db, await entered(db, clerk()))).actor


def inquiry(by: Actor, n: int, outcome: OperationOutcome = OperationOutcome.DONE) -> Operation:
    exchange = UUID(int=n)
    return Operation(by, at(n), "inquiry.register", outcome, "IF_SKI_10111", exchange=exchange)


async def test_entries_come_back_as_they_were_recorded_newest_first_page_by_page(db: Database) -> None:
    by = await actor(db)
    made = [inquiry(by, n) for n in range(7)]
    async with db.transaction() as conn:
        await record(conn, made)
    pages, before = [], None
    while page := await the_log(db, wanted=Search(name="inquiry.register", limit=3, before=before)):
        pages.append([one.operation for one in page])
        before = page[-1].seq
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [one for page in pages for one in page] == list(reversed(made))


async def test_a_search_finds_by_person_name_outcome_exchange_and_time(db: Database) -> None:
    by = await actor(db)
    async with db.transaction() as conn:
        await record(conn, [inquiry(by, 1), inquiry(by, 2, OperationOutcome.REFUSED)])
    day = timedelta(days=1)
    for wanted, found in (
        (Search(outcome=OperationOutcome.REFUSED), 1),
        (Search(exchange=UUID(int=1)), 1),
        (Search(name="inquiry.register", person=by.person), 2),
        (Search(name="inquiry.register", person="stf_" + "z" * 26), 0),
        (Search(name="inquiry.register", since=WORLD, until=WORLD + day), 2),
        (Search(name="inquiry.register", until=WORLD), 0),
        (Search(name="inquiry.register", since=MACHINE), 0),
    ):
        assert len(await the_log(db, wanted=wanted)) == found


async def test_one_agencys_log_does_not_show_anothers_and_no_entry_names_anothers_person(db: Database) -> None:
    by = await actor(db)
    assert await the_log(db, TOWN) == ()
    with pytest.raises(Conflict) as conflict:
        async with db.transaction() as conn:
            await record(conn, [Operation(Actor(TOWN, by.person, "", DESK), at(), "x", OperationOutcome.DONE)])
    assert conflict.value.constraint == "operation_of_staff"


@pytest.mark.parametrize(
    "statement", ["UPDATE operation SET terminal = 'x'", "DELETE FROM operation", "TRUNCATE operation"]
)
async def test_the_log_is_only_ever_added_to(db: Database, statement: str) -> None:
    await actor(db)
    with pytest.raises(Exception, match="permission denied") as refused:
        async with db.transaction() as conn:
            await conn.execute(statement)
    assert not isinstance(refused.value, Problem)


@pytest.mark.parametrize(
    ("terminal", "kept"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::7%eth0", "2001:db8::7%eth0"),
        ("", "unknown"),
        ("a b", "unknown"),
        ("窓口", "unknown"),
        ("123456789018", "unknown"),
        ("desk-123456789018", "unknown"),
        ("x" * 65, "unknown"),
    ],
)
def test_a_terminals_name_carries_no_persons_number(terminal: str, kept: str) -> None:
    assert terminal_of(terminal) == kept


@pytest.mark.parametrize(
    "with_text",
    [
        lambda one: replace(one, name="Inquiry"),
        lambda one: replace(one, name="a12345678901"),
        lambda one: replace(one, interface="if_ski"),
        lambda one: replace(one, interface="IF123456789018"),
        lambda one: replace(one, reason="the person is 123456789018"),
        lambda one: replace(one, reason="鈴木"),
        lambda one: replace(one, about="123456789018"),
        lambda one: replace(one, actor=replace(one.actor, terminal="123456789018")),
        lambda one: replace(one, actor=replace(one.actor, person="suzuki")),
    ],
)
def test_no_field_of_an_entry_takes_free_text(with_text: Callable[[Operation], Operation]) -> None:
    one = Operation(Actor(CITY, "", "", DESK), at(), "x", OperationOutcome.DONE)
    with pytest.raises(BadOperation) as bad:
        with_text(one)
    assert "123456789018" not in str(bad.value)
