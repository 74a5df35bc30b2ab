"""Who calls: staff of every duty, business systems, people with another duty, with a forged token, or with none."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from time import monotonic
from typing import Any

from gateway.commands.client import Client, Refused

RENEWED_AFTER = 600.0
"""Seconds after which somebody logs in anew: tokens live fifteen minutes."""
FORGED = ("x", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "é", "eyJhbGciOiJFUzI1NiJ9..")
OUT = frozenset({"session-revoked", "token-expired", "token-invalid", "unauthenticated"})


@dataclass
class Account:
    """A member of staff with a first password."""

    agency: str
    login: str
    password: str
    duties: frozenset[str]
    token: str = ""
    since: float = 0.0
    lost: bool = False
    """Whether it lets in nobody any more: the run itself has closed it."""


@dataclass(frozen=True)
class System:
    """A business system that is admitted to operations; it comes back for a token as often as need be."""

    agency: str
    client_id: str
    secret: str


@dataclass(frozen=True)
class Caller:
    """Whose token a request carries; ``account`` where it is a member of staff."""

    kind: str
    agency: str
    token: str
    account: Account | None = None

    @property
    def login(self) -> str:
        return "" if self.account is None else self.account.login


class Callers:
    """Everybody who calls one server."""

    def __init__(self, url: str, accounts: Iterable[Account]) -> None:
        self._client = Client(url)
        self.accounts = list(accounts)
        self._systems: list[System] = []
        self._tokens: dict[str, tuple[str, float]] = {}

    def close(self) -> None:
        self._client.close()

    # --- letting in -----------------------------------------------------------------------------------------------

    def admit_systems(self, operations: Sequence[str], agencies: Iterable[str]) -> None:
        """A business system of each agency, admitted to all these operations by who manages its staff."""
        for agency in agencies:
            keeper = next((one for one in self._with("manage-staff") if one.agency == agency), None)
            if keeper is None or not self._let_in(keeper):
                continue
            body = {"name": "健康管理", "system": "024", "operations": list(operations)}
            made = self._said("POST", "/clients", body, keeper.token)
            self._systems.append(System(agency, made["client_id"], made["secret"]))

    def _let_in(self, account: Account) -> bool:
        if account.lost:
            return False
        if account.token and monotonic() - account.since < RENEWED_AFTER:
            return True
        body = {
            "agency": account.agency,
            "login": account.login,
            "password": account.password,
            "terminal": "fuzzing",
        }
        try:
            account.token = self._said("POST", "/auth/login", body)["token"]
        except Refused:
            account.lost = True
            return False
        account.since = monotonic()
        return True

    def _system_token(self, system: System) -> str:
        token, since = self._tokens.get(system.client_id, ("", 0.0))
        if token and monotonic() - since < RENEWED_AFTER:
            return token
        form = {
            "grant_type": "client_credentials",
            "client_id": system.client_id,
            "client_secret": system.secret,
        }
        token = str(self._client.form("/oauth/token", form).data["access_token"])
        self._tokens[system.client_id] = token, monotonic()
        return token

    def _said(self, method: str, path: str, body: object, token: str = "") -> Any:
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        status, _, raw = self._client.send(method, path, json.dumps(body).encode(), headers)
        if status >= 300:
            raise Refused(status, json.loads(raw))
        return json.loads(raw) if raw else None

    # --- choosing -------------------------------------------------------------------------------------------------

    def _with(self, *duties: str) -> list[Account]:
        return [one for one in self.accounts if not one.lost and (not duties or one.duties & set(duties))]

    def choose(self, kinds: Sequence[str], duties: Sequence[str], chance: Random) -> Caller:
        """Mostly somebody who may call; now and then somebody who may not."""
        if "public" in kinds:
            return Caller("nobody", "", "")
        drawn = chance.random()
        if drawn < 0.03:
            return Caller("nobody", "", "")
        if drawn < 0.06:
            return Caller("forged", "", chance.choice(FORGED))
        if "system" in kinds and self._systems and drawn < 0.3:
            system = chance.choice(self._systems)
            try:
                return Caller("system", system.agency, self._system_token(system))
            except Refused:
                self._systems.remove(system)
        return self._staff(duties if drawn < 0.95 else (), chance)

    def _staff(self, duties: Sequence[str], chance: Random) -> Caller:
        able = self._with(*duties)
        while able:
            account = chance.choice(able)
            if self._let_in(account):
                return Caller("staff", account.agency, account.token, account)
            able.remove(account)
        return Caller("nobody", "", "")

    def facts(self, caller: Caller, chance: Random) -> dict[str, str]:
        """What lets somebody in: the caller's account with its password, or any; a business system with its secret."""
        account = caller.account or chance.choice(self.accounts)
        known = {
            "agency": account.agency,
            "login": account.login,
            "password": account.password,
            "old": account.password,
        }
        if self._systems:
            system = chance.choice(self._systems)
            known |= {"client_id": system.client_id, "client_secret": system.secret}
        return known | {"grant_type": "client_credentials"}

    def answered(self, caller: Caller, slug: str) -> None:
        """Whose session has ended logs in anew the next time."""
        if caller.account is not None and slug in OUT:
            caller.account.token = ""

    def heal(self, method: str, path: str, body: object, caller: Caller) -> None:
        """Undoes what would keep everybody else out."""
        if caller.token:
            try:
                self._said(method, path, body, caller.token)
            except Refused:
                return
