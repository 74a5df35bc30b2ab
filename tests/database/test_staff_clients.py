"""Business systems on a real database: secrets that are shown or sign, scopes, replays, closing."""

from __future__ import annotations

import asyncio

import jwt
import pytest

from authz import clients
from authz.clients import ClientCredential, ClientFault, Method, NewClient, Presented
from authz.clients import store as kept
from authz.operations import at_the_machine
from authz.principals import SystemPrincipal
from authz.staff import StaffRefused
from gateway.config import Role
from gateway.database import Database
from sympho.codes import SystemCode, TaskCode
from tests.conftest import DatabaseFor
from tests.database.staff_room import CITY, KEYS, TOWN, at, manager, the_log

TASKS = frozenset(TaskCode("JM" + n.zfill(TaskCode.digits)) for n in ("16", "17"))
HEALTH = NewClient("健康管理", SystemCode("020"), frozenset({"inquiry.register", "inquiry.result"}), TASKS)
SIGNING = NewClient("税務", SystemCode("010"), HEALTH.operations, None, Method.SIGNED)
HERE = ("http://here", "http://here/oauth/token")
Answer = SystemPrincipal | ClientFault | None


@pytest.fixture
async def db(database_for: DatabaseFor) -> Database:
    return await database_for(Role.INTERMEDIARY)


async def admitted(db: Database, new: NewClient = HEALTH) -> ClientCredential:
    async with db.transaction() as conn:
        return await clients.create_client(conn, KEYS.box, at_the_machine(CITY), new, at())


async def asked(db: Database, presented: Presented, scope: str = "", seconds: float = 1) -> Answer:
    async with db.transaction() as conn:
        return await clients.authenticate(conn, KEYS.box, presented, scope, "192.0.2.9", at(seconds))


def signed(
    made: ClientCredential, jti: str = "1", *, secret: str = "", seconds: int = 1, audience: str = HERE[1]
) -> str:
    at_second = int(at(seconds).machine.timestamp())
    claims = {"iss": made.client_id, "sub": made.client_id, "aud": audience, "exp": at_second + 60, "jti": jti}
    return jwt.encode(claims, secret or made.secret, algorithm="HS256")


def assertion(made: ClientCredential, text: str) -> Presented:
    return Presented("", assertion=text, audiences=HERE)


async def reasons(db: Database) -> list[str]:
    return [one.operation.reason for one in reversed(await the_log(db)) if one.operation.name == "client.login"]


async def test_a_business_system_gets_a_principal_for_its_secret_and_for_nothing_else(db: Database) -> None:
    made = await admitted(db)
    principal = await asked(db, Presented(made.client_id, made.secret))
    assert isinstance(principal, SystemPrincipal)
    assert (principal.agency, principal.system, principal.tasks) == (CITY, SystemCode("020"), TASKS)
    assert principal.operations == HEALTH.operations
    assert await asked(db, Presented(made.client_id, made.secret + "x")) is ClientFault.CLIENT
    assert await asked(db, Presented(made.client_id)) is ClientFault.CLIENT
    for nobody in ("cli_" + "a" * 26, "", "\ud800\0", "' OR 1=1 --"):
        assert await asked(db, Presented(nobody, made.secret)) is None
    assert made.secret not in repr(made) + repr(Presented(made.client_id, made.secret)) + repr(await the_log(db))
    assert await reasons(db) == ["", "wrong-secret", "wrong-secret"]


async def test_a_scope_narrows_operations_and_tasks_and_never_widens(db: Database) -> None:
    made = await admitted(db)
    shown = Presented(made.client_id, made.secret)
    [one, other] = sorted(TASKS)
    narrowed = await asked(db, shown, f"inquiry.result {one}")
    assert isinstance(narrowed, SystemPrincipal)
    assert (narrowed.operations, narrowed.tasks) == (frozenset({"inquiry.result"}), frozenset({one}))
    only_task = await asked(db, shown, other)
    assert isinstance(only_task, SystemPrincipal)
    assert (only_task.operations, only_task.tasks) == (HEALTH.operations, frozenset({other}))
    for scope in ("release-provision", "JM" + "9" * TaskCode.digits, "JM1", "inquiry.result  inquiry.register", "*"):
        assert await asked(db, shown, scope) is ClientFault.SCOPE


async def test_a_secret_that_signs_is_sealed_and_is_never_shown_instead(db: Database) -> None:
    made = await admitted(db, SIGNING)
    assert isinstance(await asked(db, assertion(made, signed(made))), SystemPrincipal)
    assert await asked(db, Presented(made.client_id, made.secret)) is ClientFault.CLIENT
    shown = await admitted(db)
    assert await asked(db, assertion(shown, signed(shown))) is ClientFault.CLIENT
    async with db.transaction() as conn:
        [row] = [one for one in await kept.clients(conn, CITY) if one.client_id == made.client_id]
    assert row.secret_sealed is not None
    assert made.secret.encode() not in row.secret_sealed


async def test_an_assertion_is_good_once_also_when_many_show_it_at_the_same_time(db: Database) -> None:
    made = await admitted(db, SIGNING)
    text = signed(made)
    answers = await asyncio.gather(*(asked(db, assertion(made, text)) for _ in range(4)))
    assert sum(isinstance(one, SystemPrincipal) for one in answers) == 1
    assert isinstance(await asked(db, assertion(made, signed(made, "2"))), SystemPrincipal)
    assert (await reasons(db)).count("assertion-replayed") == 3


async def test_an_assertion_of_another_client_secret_server_or_time_is_not_taken(db: Database) -> None:
    made, other = await admitted(db, SIGNING), await admitted(db, SIGNING)
    for text, reason in (
        (signed(made, secret=other.secret), "assertion-bad-signature"),
        (signed(made, audience="http://elsewhere"), "assertion-wrong-audience"),
        (signed(made, seconds=-100), "assertion-expired"),
        (signed(made, seconds=1000), "assertion-too-long"),
    ):
        assert await asked(db, assertion(made, text)) is ClientFault.CLIENT
        assert (await reasons(db))[-1] == reason
    assert await asked(db, Presented(other.client_id, assertion=signed(made), audiences=HERE)) is None


async def test_a_closed_system_stays_out_until_it_gets_another_secret(db: Database) -> None:
    by, stranger = await manager(db), await manager(db, TOWN)
    for new in (HEALTH, SIGNING):
        made = await admitted(db, new)
        async with db.transaction() as conn:
            for act in (
                clients.disable_client(conn, stranger, made.client_id, at()),
                clients.replace_secret(conn, KEYS.box, stranger, made.client_id, at()),
            ):
                with pytest.raises(StaffRefused):
                    await act
            assert await clients.disable_client(conn, by, made.client_id, at()) == (f"{made.client_id}.1",)
        shows = new.method is Method.SHOWN
        former = Presented(made.client_id, made.secret) if shows else assertion(made, signed(made))
        assert await asked(db, former) is ClientFault.CLIENT
        async with db.transaction() as conn:
            fresh, ended = await clients.replace_secret(conn, KEYS.box, by, made.client_id, at())
        assert ended == (f"{made.client_id}.1",)
        assert await asked(db, former) is ClientFault.CLIENT
        principal = await asked(
            db, Presented(fresh.client_id, fresh.secret) if shows else assertion(fresh, signed(fresh, "3"))
        )
        assert isinstance(principal, SystemPrincipal)
        assert principal.session == f"{made.client_id}.2"
