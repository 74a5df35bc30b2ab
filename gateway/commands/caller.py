"""Which server, and as whom (接続先と職員): from the arguments, the environment, or a data folder's files.

The password comes from the credentials file of the data folder or from ``SYMPHO_PASSWORD``, never from the command
line, which everybody on the machine can read.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from getpass import getpass
from pathlib import Path

from authz.duties import DUTIES, Duty
from gateway.commands.client import Client, Refused, Unreachable
from gateway.commands.command import Arguments, Parser
from gateway.commands.devices import known_device, remember_device
from gateway.config import ConfigError, default_data_folder
from gateway.running.credentials import FILE, CredentialFile, StaffCredential, read
from gateway.running.folder import address_of

__all__ = ["NotLetIn", "add_arguments", "anybody", "data_of", "reachable", "staff_with"]


class NotLetIn(Exception):
    """No credentials for what is asked."""


@dataclass(frozen=True, slots=True)
class _Who:
    agency: str
    login: str
    password: str


def add_arguments(parser: Parser) -> None:
    """``--data``, ``--url``, ``--as``, ``--agency``, ``--json``: the same for every client command."""
    group = parser.add_argument_group("接続 / connection")
    group.add_argument("--data", metavar="DIR", help="サーバーのデータフォルダー / the server's data folder")
    group.add_argument("--url", help="サーバーの URL（SYMPHO_URL） / the server's address, if not from --data")
    group.add_argument(
        "--as", dest="login", metavar="LOGIN", help="職員の利用者名（SYMPHO_LOGIN） / the member of staff to act as"
    )
    group.add_argument(
        "--agency", metavar="CODE", help="職員の機関コード（SYMPHO_AGENCY） / the agency of that account"
    )
    group.add_argument(
        "--code", metavar="CODE", help="二要素のコード（SYMPHO_CODE） / code of the second factor, if there is one"
    )
    group.add_argument("--json", action="store_true", help="JSON で出力 / machine output")


def data_of(args: Arguments) -> Path:
    """The data folder that the arguments or the environment name."""
    named = args.data or os.environ.get("SYMPHO_DATA") or default_data_folder()
    return Path(named).expanduser().absolute()


def anybody(args: Arguments) -> Client:
    """A client that has not logged in."""
    url = args.url or os.environ.get("SYMPHO_URL")
    if url:
        authority = os.environ.get("SYMPHO_CA_FILE")
        return Client(url, Path(authority) if authority else None)
    address = address_of(data_of(args))
    if address is None:
        raise Unreachable(
            str(data_of(args)),
            "このデータで動いているサーバーはありません（sympho serve で起動） / no server runs on this data (sympho serve)",
        )
    return Client(address.url)


def reachable(args: Arguments) -> bool:
    """Whether a server is named, or one runs on the data folder."""
    return bool(args.url or os.environ.get("SYMPHO_URL")) or address_of(data_of(args)) is not None


def staff_with(args: Arguments, duty: Duty, agency: str = "") -> Client:
    """A client logged in as the named member of staff, or as the first one in the file who holds the duty."""
    who = _who(args, duty, agency)
    client = anybody(args)
    try:
        _log_in(client, who, getattr(args, "code", None) or os.environ.get("SYMPHO_CODE", ""), data_of(args))
    except BaseException:
        client.close()
        raise
    return client


def _log_in(client: Client, who: _Who, code: str, data: Path) -> None:
    """Logs in from a machine that is known from the last time; somebody at a terminal is asked for the code if the
    account has a second factor."""
    device = known_device(data, who.agency, who.login)
    try:
        told = client.login(who.agency, who.login, who.password, code, device)
    except Refused as refused:
        if refused.slug != "second-factor-required" or not sys.stdin.isatty():
            raise
        told = client.login(who.agency, who.login, who.password, getpass(f"{who.login} 確認コード / code: "), device)
    remember_device(data, who.agency, who.login, told["device"])


def _who(args: Arguments, duty: Duty, agency: str) -> _Who:
    login = args.login or os.environ.get("SYMPHO_LOGIN", "")
    named = args.agency or os.environ.get("SYMPHO_AGENCY", "") or agency
    password = os.environ.get("SYMPHO_PASSWORD", "")
    if login and named and password:
        return _Who(named, login, password)
    if login and named and sys.stdin.isatty() and _known(data_of(args), login, named) is None:
        return _Who(named, login, getpass(f"{login} パスワード / password: "))
    found = _found(data_of(args), login, named, duty)
    return _Who(found.agency, found.login, password or found.password)


def _found(data: Path, login: str, agency: str, duty: Duty) -> StaffCredential:
    file: CredentialFile | None = read(data)
    if file is None:
        raise NotLetIn(
            f"{data / FILE} がありません。--data か、--agency・--as と環境変数 SYMPHO_PASSWORD を指定してください。 / "
            f"no {data / FILE}: give --data, or --agency and --as with SYMPHO_PASSWORD in the environment"
        )
    found = file.find(login, agency) if login else file.holding(duty, agency)
    if found is None:
        raise NotLetIn(_nobody(login, agency, duty))
    return found


def _known(data: Path, login: str, agency: str) -> StaffCredential | None:
    file = read(data)
    return None if file is None else file.find(login, agency)


def _nobody(login: str, agency: str, duty: Duty) -> str:
    if login:
        return (
            f"利用者 {login} は資格情報にありません（sympho staff list） / no account {login} in the credentials file"
        )
    where = f" {agency}" if agency else ""
    return f"権限「{DUTIES[duty].name_ja}」を持つ職員がいません{where} / nobody{where} holds the duty {duty}"


def required(value: str | None, name: str) -> str:
    """A value that must be given."""
    if not value:
        raise ConfigError(f"{name}: expected")
    return value
