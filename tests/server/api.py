"""A small country behind its real HTTP interface; every answer that a test gets is held against the document."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from aiohttp import ClientSession

from authz import clients, sessions, staff
from authz.clients import ClientCredential, NewClient
from authz.duties import Duty
from authz.operations import at_the_machine
from authz.sessions import LoggedIn
from authz.staff import NewAccount
from authz.terminals import Place
from authz.tokens import issue
from fixtures.invented.cast import Ask, CastPerson
from fixtures.plugin import account_of
from gateway.app import running
from gateway.interfaces.house import Desk, House, furnish
from gateway.interfaces.operation import FORM, AnyOperation
from gateway.interfaces.outside import OutsideDoor
from gateway.interfaces.table import operations
from sympho.codes import AgencyCode, SystemCode
from tests.conftest import Clones
from tests.countries import Parties, country
from tests.server.documented import Documented
from tests.server.issuing import OutsideIssuer

PROBLEM = "urn:sympho:problem:"

_keys = count(1)


@dataclass(frozen=True)
class Answered:
    """An answer as a client reads it."""

    operation: str
    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def slug(self) -> str:
        """The problem's slug; empty where the answer is none."""
        if self.headers.get("Content-Type") != "application/problem+json":
            return ""
        return str(self.body["type"]).removeprefix(PROBLEM)


@dataclass(repr=False)
class Api:
    """A client of the running country. ``by`` names a member of staff by login; a token of theirs is kept."""

    parties: Parties
    house: House
    table: dict[str, AnyOperation]
    session: ClientSession
    documented: Documented
    passwords: dict[str, tuple[AgencyCode, str]]
    issuer: OutsideIssuer
    tokens: dict[str, str] = field(default_factory=dict)
    seen: list[Answered] = field(default_factory=list)

    async def call(
        self,
        operation: str,
        *,
        by: str = "",
        token: str = "",
        body: object = None,
        raw: bytes | None = None,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answered:
        """Calls an operation by its name; the answer is one that the document promises."""
        await self.wake()
        declared = self.table[operation]
        sent = dict(headers or {})
        if by and not token:
            token = await self.token(by)
        if token:
            sent["Authorization"] = f"Bearer {token}"
        if declared.idempotent:
            sent.setdefault("Idempotency-Key", f"key-{next(_keys)}")
        data = raw if body is None else json.dumps(body).encode()
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        url = declared.path.format(**{name: quote(part, safe="") for name, part in (path or {}).items()})
        async with self.session.request(
            declared.method, url, data=data, headers=sent, params=dict(query or {})
        ) as response:
            answered = Answered(operation, response.status, response.headers.copy(), await response.read())
            kind = response.content_type
        faults = self.documented.faults(operation, answered.status, kind, answered.raw)
        assert not faults, faults
        self.seen.append(answered)
        return answered

    async def wake(self) -> None:
        """The loop stands still while tests that are not asynchronous run: the look that was missed is made good."""
        for desk in self.house.desks:
            if not desk.revocations.fresh(desk.clock.machine()):
                await desk.look()

    async def token(self, login: str) -> str:
        if login not in self.tokens:
            self.tokens[login] = (await self.log_in(login)).body["token"]
        return self.tokens[login]

    async def log_in(self, login: str, password: str = "", terminal: str = "desk-7") -> Answered:
        agency, known = self.passwords[login]
        body = {"agency": agency, "login": login, "password": password or known, "terminal": terminal}
        return await self.call("log-in", body=body)

    # --- inquiries ----------------------------------------------------------------------------------------------------

    async def ask(self, ask: Ask, *, wait: int = 5, key: str = "", by: str = "", **more: object) -> Answered:
        """Registers an inquiry of the story as its member of staff."""
        headers = {"Prefer": f"wait={wait}"} if wait else {}
        if key:
            headers["Idempotency-Key"] = key
        return await self.call("register-inquiry", by=by or ask.login, body=asking(ask, **more), headers=headers)

    async def ended(self, ask: Ask, exchange: str, seconds: float = 5.0) -> Any:
        """The result, once there is one."""
        async with asyncio.timeout(seconds):
            while True:
                seen = (await self.call("show-inquiry-result", by=ask.login, path={"exchange": exchange})).body
                if seen["state"] == "ended":
                    return seen
                await asyncio.sleep(0.02)

    async def held(self, ask: Ask) -> str:
        """Asks what is held, and waits until the provider holds it; the exchange number."""
        exchange = (await self.ask(ask, wait=0)).body["exchange"]
        async with asyncio.timeout(5):
            while True:
                if await self.state_at_provider(ask, exchange) == "held":
                    return str(exchange)
                await asyncio.sleep(0.02)

    async def state_at_provider(self, ask: Ask, exchange: str) -> str:
        reviewer = self.login_of(ask.provider, "reviewer-1")
        seen = await self.call("show-provision", by=reviewer, path={"exchange": exchange})
        return str(seen.body["state"]) if seen.status == 200 else seen.slug

    # --- staff --------------------------------------------------------------------------------------------------------

    def login_of(self, agency: AgencyCode, post: str) -> str:
        return f"{self.parties.world.agency(agency).slug}-{post}"

    def login_with(self, duty: Duty, agency: AgencyCode) -> str:
        """Somebody of the agency with that duty."""
        world = self.parties.world
        return next(
            one.login for one in world.staff_of(agency) if duty.value in one.duties and one.login in self.passwords
        )

    def desk(self, agency: AgencyCode) -> Desk:
        return self.house.desk_of(agency)

    async def hire(self, agency: AgencyCode, duty: Duty) -> str:
        """Somebody new with that duty; the login."""
        login = f"hired-{next(_keys)}"
        new = NewAccount(login, "朱印　はな", "9900000000", frozenset({duty}), must_change=False)
        async with self.desk(agency).db.transaction() as conn:
            [made] = await staff.seed_accounts(conn, [(agency, new)], self.house.moment())
        self.passwords[login] = (agency, made.password)
        return login

    async def stale_token(self, login: str, ago: timedelta = timedelta(hours=2)) -> str:
        """A token as it was issued some time ago, to a session that still lives."""
        agency, password = self.passwords[login]
        desk = self.desk(agency)
        place = Place("desk-8", "127.0.0.1")
        opened = await sessions.login(desk.db, desk.door, agency, login, password, place, self.house.moment())
        assert isinstance(opened, LoggedIn)
        then = self.house.clock.machine() - ago
        return issue(replace(opened.principal, expires=then + timedelta(minutes=15)), desk.key, desk.audience, then)

    async def client(self, agency: AgencyCode, names: Iterable[str], system: SystemCode) -> ClientCredential:
        """A business system that is admitted to these operations."""
        desk = self.desk(agency)
        new = NewClient("業務システム", system, frozenset(names))
        async with desk.db.transaction() as conn:
            return await clients.create_client(conn, desk.box, at_the_machine(agency), new, self.house.moment())

    async def client_token(self, agency: AgencyCode, names: Iterable[str], system: SystemCode) -> str:
        made = await self.client(agency, names, system)
        return str((await self.client_log_in(made.client_id, made.secret)).body["access_token"])

    async def client_log_in(self, client_id: str = "", secret: str = "", **more: str) -> Answered:
        """Asks the token endpoint as OAuth 2 says; ``more`` are other fields of the form."""
        shown = {"client_id": client_id, "client_secret": secret}
        form = {"grant_type": "client_credentials", **{name: text for name, text in shown.items() if text}, **more}
        return await self.call("issue-client-token", raw=urlencode(form).encode(), headers={"Content-Type": FORM})


def person(one: CastPerson) -> dict[str, str]:
    """A person in the words of a business system."""
    return {"system": one.system, "number": one.number.reveal()}


def asking(ask: Ask, **more: object) -> dict[str, object]:
    """The body of an inquiry of the story."""
    what = {"provider": ask.provider, "task": ask.task, "information": ask.information}
    return {"person": person(ask.person), **what, **more}


@asynccontextmanager
async def served(clones: Clones, folder: Path) -> AsyncIterator[Api]:
    """The country and its interface, all in one process, on a port of its own."""
    async with country("local", clones, folder) as parties:
        network, server = parties.network, parties.intermediary
        issuer = OutsideIssuer()
        outside = OutsideDoor(issuer.issuer, issuer.publish(folder / "jwks.json"))
        house = await furnish(network.clock, network, server, parties.residents, outside)
        passwords = await _accounts(house, parties)
        table = {one.name: one for one in operations(house)}
        async with (
            running(house, "127.0.0.1", 0) as port,
            ClientSession(f"http://127.0.0.1:{port}") as session,
            session.get("/openapi.json") as response,
        ):
            documented = Documented(await response.json(), table)
            yield Api(parties, house, table, session, documented, passwords, issuer)


async def _accounts(house: House, parties: Parties) -> dict[str, tuple[AgencyCode, str]]:
    """Accounts of the bodies that the story plays in; hashing a password for everybody would take the test's time."""
    world = parties.world
    cast = {one.inquirer for one in world.cast.asks} | {
        world.cast.protected.provider,
        world.cast.information_held.provider,
    }
    passwords: dict[str, tuple[AgencyCode, str]] = {}
    for desk in house.desks:
        members = [
            one for one in world.staff if one.agency in desk.serves() and one.agency in {*cast, world.network.code}
        ]
        specs = [(one.agency, account_of(world, one).account) for one in members]
        async with desk.db.transaction() as conn:
            made = await staff.seed_accounts(conn, specs, house.moment())
        passwords |= {one.login: (one.agency, one.password) for one in made}
    return passwords
