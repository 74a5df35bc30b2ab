"""端末: from where somebody logs in, what is known of that place, and registered terminals (product 4.9, R5).

What a caller says of its terminal is only said. Known is

    the address of the connection;
    a registered terminal, which shows its own key (``trm_....<secret>``);
    a device from which this very account logged in before, which shows the token it then got (``dev_....<mac>``).

A device token opens nothing: it lets an attempt be counted for itself, so that strangers' failures do not close the
account to its owner. It dies with the password that it was given for, and nothing of it is kept here.
"""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass
from hashlib import sha256

from authz.operations import Actor, Moment, terminal_of
from authz.operations.store import record
from authz.staff import StaffFault, StaffRefused, done, opaque_id
from authz.store import Account, Connection
from authz.store.sessions import revoke_sessions_at
from authz.terminals import store
from authz.terminals.store import Terminal

_TERMINAL_KEY = re.compile(r"(trm_[a-z2-7]{26})\.[A-Za-z0-9_-]{43}")
_DEVICE = re.compile(r"(dev_[a-z2-7]{26})\.([0-9a-f]{64})")
_REGISTERED = re.compile(r"(trm|dev)_.*")


@dataclass(frozen=True, slots=True, repr=False)
class Place:
    """From where somebody logs in: what the caller says, and what it shows as a proof; empty where it shows none."""

    said: str
    """The name of the terminal, for the log."""
    address: str
    terminal_key: str = ""
    device: str = ""

    def __repr__(self) -> str:
        return "<Place>"


@dataclass(frozen=True, slots=True, repr=False)
class TerminalCredential:
    """A registered terminal with its key, to be handed over once."""

    terminal_id: str
    key: str

    def __repr__(self) -> str:
        return f"<TerminalCredential {self.terminal_id}>"


async def register(conn: Connection, by: Actor, name: str, now: Moment) -> TerminalCredential:
    """A terminal of the actor's own agency."""
    if not 1 <= len(name) <= 40 or not name.isprintable():
        raise StaffRefused(StaffFault.FIELD_MALFORMED, "name")
    terminal_id = opaque_id("trm")
    key = f"{terminal_id}.{secrets.token_urlsafe(32)}"
    made = Terminal(by.agency, terminal_id, name, sha256(key.encode()).digest(), now.machine, None)
    await store.insert_terminal(conn, made)
    await record(conn, [done("terminal.register", by, now, terminal_id)])
    return TerminalCredential(terminal_id, key)


async def close(conn: Connection, by: Actor, terminal_id: str, now: Moment) -> tuple[str, ...]:
    """Nobody logs in there any more; ends the sessions at it, the ids that are revoked now."""
    if not await store.close_terminal(conn, by.agency, terminal_id, now.machine):
        raise StaffRefused(StaffFault.UNKNOWN_ACCOUNT)
    await record(conn, [done("terminal.close", by, now, terminal_id)])
    return await revoke_sessions_at(conn, by.agency, terminal_id, "revoked", now.machine)


# --- at the door --------------------------------------------------------------------------------------------------


async def shown(conn: Connection, account: Account | None, place: Place) -> str:
    """The registered terminal of the account's agency whose key was shown; empty where none was."""
    form = _TERMINAL_KEY.fullmatch(place.terminal_key)
    if account is None or form is None:
        return ""
    terminal = await store.terminal(conn, account.agency, form[1])
    if terminal is None or terminal.closed_at is not None:
        return ""
    return form[1] if hmac.compare_digest(terminal.key_digest, sha256(place.terminal_key.encode()).digest()) else ""


def known(key: bytes, account: Account | None, place: Place, terminal: str) -> str:
    """The name of a place that this account knows: the registered terminal or the device; empty for a stranger's."""
    if terminal or account is None:
        return terminal
    form = _DEVICE.fullmatch(place.device)
    if form is None or not hmac.compare_digest(form[2], _mac(key, account, form[1])):
        return ""
    return form[1]


def new_device(key: bytes, account: Account) -> str:
    """A token for a device from which the account has just logged in."""
    name = opaque_id("dev")
    return f"{name}.{_mac(key, account, name)}"


def said(place: Place, terminal: str) -> str:
    """The terminal as the log names it: a registered one by its id, which nobody else can claim."""
    if terminal:
        return terminal
    claimed = terminal_of(place.said)
    return terminal_of("") if _REGISTERED.fullmatch(claimed) else claimed


def address_of(place: Place) -> str:
    """The address of the connection as a guard is named by it."""
    return terminal_of(place.address)


def may_enter(account: Account, terminal: str) -> bool:
    """Whether an account that is bound to terminals is at one of them."""
    return account.terminals is None or terminal in account.terminals


def _mac(key: bytes, account: Account, name: str) -> str:
    told = f"{account.agency} {account.staff_id} {name} {account.password}"
    return hmac.new(key, told.encode(), sha256).hexdigest()
