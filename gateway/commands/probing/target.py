"""The server under attack (対象), and the accounts that the operator gives for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from gateway.commands.declared import Endpoint, Forms, endpoints_of
from gateway.commands.probing.forging import claims_of
from gateway.commands.probing.parties import NO_DOORS, Doors
from gateway.commands.probing.wire import Seen, Wire
from gateway.running.credentials import StaffCredential

__all__ = ["Account", "Options", "Target"]

TERMINAL = "sympho-probe"


@dataclass(frozen=True)
class Options:
    """What the operator allows and lends."""

    gentle: bool = False
    """Whether everything is left out that leaves more behind than entries in a log."""
    every: bool = False
    """Whether every account plays in the matrix, not one for each set of duties."""
    expired_token: str = ""
    doors: Doors = NO_DOORS
    """The party doors, with the certificates and the permit that the operator lends."""


@dataclass
class Account:
    """A member of staff, logged in."""

    given: StaffCredential
    token: str
    staff_id: str
    duties: frozenset[str]
    office: str
    device: str

    @property
    def agency(self) -> str:
        return self.given.agency

    @property
    def login(self) -> str:
        return self.given.login

    def __repr__(self) -> str:
        return f"<Account {self.login}>"


@dataclass
class Target:
    """What an attack has at hand."""

    wire: Wire
    document: dict[str, Any]
    credentials: Sequence[StaffCredential]
    options: Options = field(default_factory=Options)
    say: Callable[[str], None] = lambda _: None
    """Tells how far it is."""
    accounts: dict[tuple[str, str], Account] = field(default_factory=dict)
    closed: dict[tuple[str, str], str] = field(default_factory=dict)
    """Accounts that did not get in, with what came back."""
    later: list[Callable[[], None]] = field(default_factory=list)
    """What puts things back, the last first."""

    def __post_init__(self) -> None:
        self.endpoints: list[Endpoint] = endpoints_of(self.document)
        self.forms = Forms(self.document)
        self.by_name = {one.name: one for one in self.endpoints}

    def unserved(self, *names: str) -> str:
        """Why an attack on these operations cannot be tried: the server declares no such one. Empty where it can."""
        missing = [name for name in names if name not in self.by_name]
        return f"その操作がありません / not declared by the server: {', '.join(missing)}" if missing else ""

    # --- people -----------------------------------------------------------------------------------------------------

    def log_in(self, given: StaffCredential, wire: Wire | None = None, **more: str) -> Seen:
        """The answer to a login with that account's password."""
        body = {"agency": given.agency, "login": given.login, "password": given.password, "terminal": TERMINAL, **more}
        return (wire or self.wire).call("POST", "/auth/login", body)

    def account(self, given: StaffCredential) -> Account | None:
        """The account, logged in once for the whole run; None where it does not get in."""
        key = (given.agency, given.login)
        if key in self.closed:
            return None
        if key not in self.accounts:
            account = self.fresh(given)
            if account is None:
                return None
            self.accounts[key] = account
        return self.accounts[key]

    def fresh(self, given: StaffCredential) -> Account | None:
        """A session of its own for the account."""
        seen = self.log_in(given)
        data = seen.data
        if not seen.let_in or not isinstance(data, dict) or "staff" not in data:
            self.closed[given.agency, given.login] = seen.short
            return None
        staff = data["staff"]
        return Account(
            given, data["token"], staff["id"], frozenset(staff["duties"]), staff["office"], data.get("device") or ""
        )

    def having(self, duty: str, agency: str = "", *, but: frozenset[str] = frozenset()) -> Iterator[Account]:
        """Accounts with that duty, of that agency where one is named; ``but`` are agencies to leave out."""
        for given in self.credentials:
            if duty not in given.duties or agency not in ("", given.agency) or given.agency in but:
                continue
            account = self.account(given)
            if account is not None and duty in account.duties:
                yield account

    def one(self, duty: str, agency: str = "", *, but: frozenset[str] = frozenset()) -> Account | None:
        return next(self.having(duty, agency, but=but), None)

    def anybody(self) -> Account | None:
        """Whoever gets in first."""
        return next((account for given in self.credentials if (account := self.account(given))), None)

    @property
    def agencies(self) -> list[str]:
        """The agencies of the accounts given, in their order."""
        return list(dict.fromkeys(one.agency for one in self.credentials))

    @cached_property
    def network(self) -> str:
        """The code of the network's operator, as the directory says it; empty where there is none."""
        return str(claims_of(self.wire.call("GET", "/directory").raw.decode("ascii", "replace")).get("network", ""))

    # --- calling ----------------------------------------------------------------------------------------------------

    def get(self, account: Account, path: str) -> Any:
        """What somebody reads; None where it is refused."""
        seen = self.wire.call("GET", path, token=account.token)
        return seen.data if seen.let_in else None

    def put_back(self) -> None:
        """Undoes what was made for the attacks, and logs everybody out."""
        for undo in reversed(self.later):
            undo()
        for account in self.accounts.values():
            self.wire.call("POST", "/auth/logout", token=account.token)
